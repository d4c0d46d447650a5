"""A development instance of hsmgated on a real SoftHSM token in a folder of its own, for scenario and client tests."""
import re

from daemon import Answer, Daemon, Refused, b64, programs, unb64

__all__ = ["Answer", "Gateway", "Refused", "b64", "programs", "unb64"]


class Gateway(Daemon):
    def start(self, *extra):
        self.launch("dev", "--data", self.data, "--listen", "127.0.0.1:0", *extra)
        self.env = self.read_env()
        return self

    def read_env(self):
        text = (self.data / "env").read_text()
        return dict(re.findall(r"^export ([A-Z_]+)=['\"]?([^'\"\n]*)", text, re.M))
