"""hsmgated with a configuration file, and SoftHSM tokens that the test makes and breaks: each with a PIN file and a worker's file."""
import http.client
import json
import os
import pathlib
import secrets
import socket
import subprocess

from daemon import Daemon

MODULE = "/usr/lib/softhsm/libsofthsm2.so"


class LocalConnection(http.client.HTTPConnection):
    """HTTP over the local socket."""

    def __init__(self, path, timeout=60):
        super().__init__("localhost", timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def write_yaml(path, options):
    """JSON is YAML, and each option has a line of its own."""
    path.write_text(json.dumps(options, indent=2) + "\n")


class SoftToken:
    """A token named NAME to the gateway, with the label test-NAME."""

    def __init__(self, folder, name, environment):
        self.name = name
        self.label = f"test-{name}"
        self.pin = secrets.token_urlsafe(12)
        self.environment = environment
        self.pin_file = folder / f"{name}.pin"
        self.config = folder / f"{name}.yaml"
        self.latches = folder / f"{name}.latch"
        self.make(self.label)
        self.write_pin(self.pin)
        self.write()

    def make(self, label):
        """A token with this label and our PIN."""
        subprocess.run(["softhsm2-util", "--init-token", "--free", "--label", label, "--pin", self.pin, "--so-pin", self.pin],
                       check=True, stdout=subprocess.DEVNULL, env=dict(os.environ, **self.environment))

    def write_pin(self, pin, mode=0o600):
        self.pin_file.write_text(pin + "\n")
        self.pin_file.chmod(mode)

    def write(self, **changed):
        """The worker's file, whole and right but for what is changed."""
        write_yaml(self.config, {"module": MODULE, "token": {"label": self.label}, "pin": {"file": str(self.pin_file)},
                                 "latch_dir": str(self.latches), **changed})

    def latch_files(self):
        return list(self.latches.glob("pin-*.json"))


class Configured(Daemon):
    """Tokens by name, the first is the default; options of hsmgated.yaml as keywords, those of one token in `per_token`."""

    def __init__(self, *names, per_token=None, **options):
        super().__init__()
        self.softhsm = self.data / "softhsm"
        self.softhsm.mkdir()
        conf = self.data / "softhsm2.conf"
        conf.write_text(f"directories.tokendir = {self.softhsm}\nobjectstore.backend = file\nlog.level = ERROR\n")
        self.environment = {"SOFTHSM2_CONF": str(conf)}
        self.tokens = {name: SoftToken(self.data, name, self.environment) for name in names}
        self.per_token = per_token or {}
        self.options = options
        self.config = self.data / "hsmgated.yaml"
        self.socket = self.data / "hsmgate.sock"

    def write(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        tokens = [{"name": t.name, "config": str(t.config), "channels": 4, **self.per_token.get(t.name, {})} for t in self.tokens.values()]
        write_yaml(self.config, {"listen": f"127.0.0.1:{port}", "socket": str(self.socket), "database": str(self.data / "hsmgate.db"),
                                 "audit": str(self.data / "audit"), "administrators": [f"unix:{os.geteuid()}", "token:admin"],
                                 "tokens": tokens, **self.options})
        return port

    def start(self, descriptors=()):
        port = self.write()
        self.launch("--config", self.config, descriptors=descriptors, **self.environment)
        self.env["HSMGATE_ADDR"] = f"http://127.0.0.1:{port}"
        if "HSMGATE_TOKEN" not in self.env:
            self.env["HSMGATE_TOKEN"] = self.make_bearer("admin")
        return self

    def local(self):
        return LocalConnection(self.socket)

    def make_bearer(self, name):
        """A bearer token, made by the administrator who is known by uid."""
        return self.do("POST", "/v1/auth/tokens", {"name": name, "ttl": "1h"}, token="", connection=self.local())["token"]

    def token_status(self, name):
        return next(t for t in self.do("GET", "/v1/tokens")["tokens"] if t["name"] == name)

    def worker(self, name):
        """The process id of a token's worker."""
        return self.token_status(name)["worker_pid"]

    def make_key(self, name, algorithm, token):
        """Makes the key and returns the files in which SoftHSM keeps it."""
        before = self.object_files()
        self.key(name, algorithm, token=token)
        return self.object_files() - before

    def object_files(self):
        return set(pathlib.Path(self.softhsm).glob("*/*.object"))
