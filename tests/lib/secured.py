"""A configured hsmgated with a TLS listener beside the plain one: certificates from pki.py, callers with certificates of their own.

The plain listener on loopback stays for bearer tokens and /metrics (`call`, `do`); `tls_call` goes over TLS.
"""
import contextlib
import http.client
import re
import socket
import ssl
import warnings

import yaml

from configured import Configured, write_yaml
from daemon import Answer, until
from pki import Pki

VERSIONS = {"1.1": ssl.TLSVersion.TLSv1_1, "1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
ADMIN = "spiffe://test/admin"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Secured(Configured):
    """`demand` is the listener's client_certificates; `admin` a certificate of an administrator."""

    def __init__(self, *names, demand="required", **options):
        super().__init__(*names, **options)
        self.demand = demand
        self.pki = Pki(self.data / "pki")
        self.root = self.pki.root("root")
        self.issuing = self.pki.intermediate("issuing", self.root)
        self.server = self.pki.server("server", self.issuing)
        self.admin = self.pki.client("admin", self.issuing, uri=ADMIN)
        self.client_ca = self.pki.bundle("clients.pem", self.root, self.issuing)
        self.crl = self.pki.folder / "clients.crl"
        self.issuing.crl(self.crl.name)
        self.tls_options = {"certificate": str(self.server.certificate), "key": str(self.server.key), "client_ca": str(self.client_ca),
                            "client_crl": str(self.crl), "client_certificates": demand}

    def write(self):
        port = self.plain_port = super().write()
        self.tls_port = free_port()
        options = yaml.safe_load(self.config.read_text())
        del options["listen"]
        options["administrators"].append(ADMIN)
        options["listeners"] = [{"address": f"127.0.0.1:{port}"}, {"address": f"127.0.0.1:{self.tls_port}", "tls": self.tls_options}]
        write_yaml(self.config, options)
        return port

    # --- callers ---
    def context(self, certificate=None, version=None):
        """A client's TLS settings: checks the server against our root; one version only, when named."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.root.certificate)
        if version is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                context.minimum_version = context.maximum_version = VERSIONS[version]
        if version == "1.1":
            context.set_ciphers("ALL:@SECLEVEL=0")
        if certificate is not None:
            context.load_cert_chain(certificate.certificate, certificate.key)
        return context

    def tls_connect(self, certificate=None, version=None, timeout=60):
        return http.client.HTTPSConnection("localhost", self.tls_port, context=self.context(certificate, version), timeout=timeout)

    def tls_call(self, method, path, certificate=None, version=None, connection=None, token="", **more):
        own = connection or self.tls_connect(certificate, version)
        try:
            return self.call(method, path, token=token, connection=own, **more)
        finally:
            if connection is None:
                own.close()

    def whoami(self, certificate=None, **more):
        answer = self.tls_call("GET", "/v1/auth/whoami", certificate, **more)
        assert answer.status == 200, answer.body
        return answer.json["principal"]

    def refuses(self, certificate, version):
        """Whether not a single byte of an answer comes back; in TLS 1.3 a client learns of it only when it reads."""
        connection = self.tls_connect(certificate, version)
        with contextlib.closing(connection), contextlib.suppress(ssl.SSLError, ConnectionError, http.client.HTTPException):
            connection.request("GET", "/healthz")
            return connection.sock.recv(1) == b""
        return True

    # --- what is counted ---
    def metric(self, name, **labels):
        """One series, or 0 when it is not there; the plain listener gives the metrics."""
        text = self.call("GET", "/metrics", token="").body.decode()
        for line in re.findall(rf"^{name}(?:{{(.*)}})? (\S+)$", text, re.M):
            if all(f'{label}="{value}"' in line[0] for label, value in labels.items()):
                return float(line[1])
        return 0.0

    def refused(self):
        """Refusals by reason."""
        text = self.call("GET", "/metrics", token="").body.decode()
        return {reason: float(count) for reason, count in re.findall(r'^hsmgate_tls_refused_total{reason="(\w+)"} (\S+)$', text, re.M)}

    def reloads(self):
        return self.whole_log().count("certificates are loaded") - 1

    def reload_failures(self):
        return self.whole_log().count("the new files are not taken")

    def wait_reloads(self, count):
        until(f"{count} reloads", lambda: self.reloads() >= count)


__all__ = ["ADMIN", "Answer", "Secured", "free_port", "until"]
