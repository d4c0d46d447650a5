"""hsmgated with a configuration file, and tokens that the test makes and breaks: each with a PIN file and a worker's file."""
import http.client
import os
import pathlib
import socket

from daemon import Daemon, until
from tokens import KINDS, MODULE, kind, write_yaml

__all__ = ["Configured", "LocalConnection", "MODULE", "write_yaml"]


class LocalConnection(http.client.HTTPConnection):
    """HTTP over the local socket."""

    def __init__(self, path, timeout=60):
        super().__init__("localhost", timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Configured(Daemon):
    """Tokens by name, the first is the default; options of hsmgated.yaml as keywords, those of one token in `per_token`; `made` is the tokens' class."""

    def __init__(self, *names, per_token=None, made=None, **options):
        super().__init__()
        made = made or KINDS[kind()]
        self.softhsm = self.data / "softhsm"
        self.environment = made.prepare(self.data)
        self.tokens = {name: made(self.data, name, self.environment) for name in names}
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

    def wait_tokens(self):
        """A token may take longer to try out than the front waits for it, a TPM that makes RSA keys for one."""
        until("every token is ready", lambda: all(t["state"] == "ready" for t in self.do("GET", "/v1/tokens")["tokens"]))

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
