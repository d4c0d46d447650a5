"""A development instance of hsmgated on a real token in a folder of its own, for scenario and client tests."""
import re

from daemon import Answer, Daemon, Refused, b64, programs, unb64
from tokens import KINDS, kind

__all__ = ["Answer", "Gateway", "Refused", "b64", "programs", "unb64"]


class Gateway(Daemon):
    """On SoftHSM it makes its token itself; one of another kind (tokens.py) is made here and given to it."""

    stranger = None
    environment = None

    def start(self, *extra):
        if kind() != "softhsm":
            self.environment = KINDS[kind()].prepare(self.data) if self.environment is None else self.environment
            self.stranger = self.stranger or KINDS[kind()](self.data, "dev", self.environment)
            extra = ("--token", self.stranger.config, *extra)
        self.launch("dev", "--data", self.data, "--listen", "127.0.0.1:0", *extra, **(self.environment or {}))
        self.env = self.read_env()
        return self

    def read_env(self):
        text = (self.data / "env").read_text()
        return dict(re.findall(r"^export ([A-Z_]+)=['\"]?([^'\"\n]*)", text, re.M))

    @property
    def pin(self):
        """The user PIN of its token."""
        return self.stranger.pin if self.stranger else (self.data / "token.pin").read_text().strip()
