"""Tokens that a test makes: SoftHSM's, and those of strangers, all with the same face.

HSMGATE_TEST_TOKEN says which kind the gateway fixtures use (a name in KINDS; without it SoftHSM), so that one story runs on each. What a kind
cannot do is not written down here: the worker's probe tells (`Daemon.offers`).
"""
import json
import os
import secrets
import subprocess

from cryptoki import isolated
from daemon import until
from served import WITHIN, alive, serve

MODULE = "/usr/lib/softhsm/libsofthsm2.so"


def write_yaml(path, options):
    """Each option has a line of its own, and JSON is YAML."""
    path.write_text("".join(f"{name}: {json.dumps(value)}\n" for name, value in options.items()))


class Token:
    """A token named NAME to the gateway, with the label test-NAME. A kind has `module`, `init_args` or None, and `make`."""

    module = None
    init_args = None
    pin_max = 16

    @classmethod
    def prepare(cls, folder):
        """What all tokens of the folder share; the environment for those who use them."""
        return {}

    def __init__(self, folder, name, environment):
        self.name = name
        self.label = f"test-{name}"
        self.pin = secrets.token_urlsafe(12)[:self.pin_max]
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


class OpencryptokiToken(Token):
    """The software token of opencryptoki. Its daemon and its files have fixed places, so each folder has a daemon with places of its own; one token."""

    module = "/usr/lib/x86_64-linux-gnu/opencryptoki/libopencryptoki.so.0"
    pin_max = 8
    places = """
        for place in /run /dev/shm /var/log /var/lib/opencryptoki /etc/opencryptoki; do mount -t tmpfs none $place; done
        mkdir -p /run/lock/opencryptoki/swtok /var/lib/opencryptoki/swtok/TOK_OBJ
        chgrp -R pkcs11 /run/lock/opencryptoki /var/lib/opencryptoki
        printf 'version opencryptoki-3.1\nslot 0\n{\nstdll = libpkcs11_sw.so\n}\n' > /etc/opencryptoki/opencryptoki.conf
        exec pkcsslotd -f
        """

    @classmethod
    def prepare(cls, folder):
        daemon = serve(folder, "unshare", "--mount", "--ipc", "sh", "-ec", cls.places)
        until("pkcsslotd listens", lambda: alive(folder) and os.path.exists(f"/proc/{daemon.pid}/root/run/pkcsslotd.socket"))
        return {WITHIN: str(daemon.pid)}

    def make(self, label):
        isolated(_initialize, self.module, None, self.environment, label, self.pin)


def _initialize(module, label, pin, officer="87654321"):
    """The officer's PIN is the one that a new token of opencryptoki has."""
    module.call("C_InitToken", module.slots()[0], officer.encode(), len(officer), label.ljust(32).encode())
    with module.session(label, officer, user=0) as session:
        session.call("C_InitPIN", pin.encode(), len(pin))


class Tpm2Token(Token):
    """tpm2-pkcs11 on a TPM that swtpm plays; tpm2-abrmd shares it among processes, as the kernel's /dev/tpmrm0 does on a machine that has one."""

    module = "/usr/lib/x86_64-linux-gnu/pkcs11/libtpm2_pkcs11.so"
    bus = """<busconfig><type>session</type><listen>unix:path={folder}/bus</listen><auth>EXTERNAL</auth>
        <policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy></busconfig>"""

    @classmethod
    def prepare(cls, folder):
        (folder / "tpm").mkdir()
        (folder / "tpm-store").mkdir()
        (folder / "bus.conf").write_text(cls.bus.format(folder=folder))
        environment = {"DBUS_SESSION_BUS_ADDRESS": f"unix:path={folder}/bus", "TPM2_PKCS11_STORE": str(folder / "tpm-store"),
                       "TPM2_PKCS11_TCTI": "tabrmd:bus_type=session", "TPM2TOOLS_TCTI": "tabrmd:bus_type=session", "TPM2_PKCS11_LOG_LEVEL": "1"}
        serve(folder, "swtpm", "socket", "--tpm2", "--tpmstate", f"dir={folder}/tpm", "--server", f"type=unixio,path={folder}/tpm.sock",
              "--ctrl", f"type=unixio,path={folder}/tpm.sock.ctrl", "--flags", "not-need-init,startup-clear")
        serve(folder, "dbus-daemon", f"--config-file={folder}/bus.conf", "--nofork", "--nopidfile")
        for name in ("tpm.sock", "bus"):
            until(f"{name} listens", lambda: alive(folder) and (folder / name).exists())
        serve(folder, "tpm2-abrmd", "--session", "--allow-root", "--max-transients=100", f"--tcti=swtpm:path={folder}/tpm.sock", **environment)
        until("the TPM answers", lambda: alive(folder) and cls.tell(environment, "tpm2_getcap", "properties-fixed").returncode == 0)
        return environment

    @staticmethod
    def tell(environment, *command):
        return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ, **environment))

    def make(self, label):
        store = self.environment["TPM2_PKCS11_STORE"]
        for words in (["init"], ["addtoken", "--pid=1", f"--label={label}", f"--sopin={self.pin}", f"--userpin={self.pin}"]):
            self.tell(self.environment, "tpm2_ptool", *words, f"--path={store}").check_returncode()


KINDS = {"softhsm": SoftToken, "nss": NssToken, "opencryptoki": OpencryptokiToken, "tpm2": Tpm2Token}


def kind():
    """What this run is for."""
    return os.environ.get("HSMGATE_TEST_TOKEN", "softhsm")
