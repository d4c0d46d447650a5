"""Tokens that a test makes: SoftHSM's, and those of strangers, all with the same face.

HSMGATE_TEST_TOKEN says which kind the gateway fixtures use (a name in KINDS; without it SoftHSM), so that one story runs on each. What a kind
cannot do is not written down here: the worker's probe tells (`Daemon.offers`).
"""
import json
import os
import secrets
import subprocess

from cryptoki import isolated

MODULE = "/usr/lib/softhsm/libsofthsm2.so"


def write_yaml(path, options):
    """Each option has a line of its own, and JSON is YAML."""
    path.write_text("".join(f"{name}: {json.dumps(value)}\n" for name, value in options.items()))


class Token:
    """A token named NAME to the gateway, with the label test-NAME. A kind has `module`, `init_args` or None, and `make`."""

    module = None
    init_args = None

    @classmethod
    def prepare(cls, folder):
        """What all tokens of the folder share; the environment for those who use them."""
        return {}

    def __init__(self, folder, name, environment):
        self.name = name
        self.label = f"test-{name}"
        self.pin = secrets.token_urlsafe(12)
        self.folder = folder
        self.environment = environment
        self.pin_file = folder / f"{name}.pin"
        self.config = folder / f"{name}.yaml"
        self.latches = folder / f"{name}.latch"
        self.make(self.label)
        self.write_pin(self.pin)
        self.write()

    def write_pin(self, pin, mode=0o600):
        self.pin_file.write_text(pin + "\n")
        self.pin_file.chmod(mode)

    def write(self, **changed):
        """The worker's file, whole and right but for what is changed."""
        own = {"init_args": self.init_args} if self.init_args else {}
        write_yaml(self.config, {"module": self.module, **own, "token": {"label": self.label}, "pin": {"file": str(self.pin_file)},
                                 "latch_dir": str(self.latches), **changed})

    def latch_files(self):
        return list(self.latches.glob("pin-*.json"))

    def look(self, function, *arguments):
        """`function(session, *arguments)` on the token, logged in, beside the gateway, in a process of its own."""
        return isolated(_with_session, self.module, self.init_args, self.environment, function, self.label, self.pin, arguments)


def _with_session(module, function, label, pin, arguments):
    with module.session(label, pin) as session:
        return function(session, *arguments)


class SoftToken(Token):
    module = MODULE

    @classmethod
    def prepare(cls, folder):
        (folder / "softhsm").mkdir()
        conf = folder / "softhsm2.conf"
        conf.write_text(f"directories.tokendir = {folder / 'softhsm'}\nobjectstore.backend = file\nlog.level = ERROR\n")
        return {"SOFTHSM2_CONF": str(conf)}

    def make(self, label):
        """A token with this label and our PIN."""
        subprocess.run(["softhsm2-util", "--init-token", "--free", "--label", label, "--pin", self.pin, "--so-pin", self.pin],
                       check=True, stdout=subprocess.DEVNULL, env=dict(os.environ, **self.environment))


class NssToken(Token):
    """NSS softokn as Firefox has it: a database in a folder; its officer's PIN is empty until the user's is set."""

    module = "/usr/lib/x86_64-linux-gnu/libsoftokn3.so"

    def make(self, label):
        folder = self.folder / f"nss-{label}"
        folder.mkdir()
        self.init_args = (f"configdir='sql:{folder}' certPrefix='' keyPrefix='' secmod='secmod.db' flags= "
                          f"tokenDescription='{label}' dbTokenDescription='{label}'")
        isolated(_set_first_pin, self.module, self.init_args, {}, label, self.pin)


def _set_first_pin(module, label, pin):
    with module.session(label, "", user=0) as session:
        session.call("C_InitPIN", pin.encode(), len(pin.encode()))


KINDS = {"softhsm": SoftToken, "nss": NssToken}


def kind():
    """What this run is for."""
    return os.environ.get("HSMGATE_TEST_TOKEN", "softhsm")
