"""TLS at the door: whose certificate gets in and whose does not, and trust that changes while clients are connected."""
import contextlib
import http.client
import os
import signal
import subprocess
import threading

import pytest

from daemon import programs, until
from pki import CLIENT_AUTH, SERVER_AUTH, replace
from secured import ADMIN, Secured

BOTH = ("1.2", "1.3")


@pytest.fixture(scope="module")
def gateway():
    with Secured("soft") as running:
        yield running
        assert running.call("GET", "/readyz", token="").status == 200


# --- who gets in ---

def bad_certificates(gateway):
    """(reason that is counted, certificate) for everything that must not get in."""
    pki, issuing = gateway.pki, gateway.issuing
    uri = "spiffe://test/bad"
    stranger = pki.root("stranger")
    false_ca = pki.root("false-ca", "issuing")
    below_leaf = pki.client("no-ca", issuing, uri=uri)
    revoked = pki.client("revoked", issuing, uri=uri)
    issuing.crl(gateway.crl.name, revoked=[revoked])
    done = gateway.reloads()
    gateway.process.send_signal(signal.SIGHUP)
    gateway.wait_reloads(done + 1)
    return {
        "none": ("no_certificate", None),
        "unknown CA": ("unknown_ca", pki.client("unknown", stranger, uri=uri)),
        "false CA of the same name": ("unknown_ca", pki.client("false", false_ca, uri=uri)),
        "self-signed": ("unknown_ca", pki.client("self", None, uri=uri, common_name="self")),
        "signed by a leaf": ("unknown_ca", pki.client("below", below_leaf, uri=uri)),
        "expired": ("expired", pki.client("expired", issuing, uri=uri, days=(-3, -1))),
        "not yet valid": ("not_yet_valid", pki.client("early", issuing, uri=uri, days=(1, 3))),
        "for servers only": ("wrong_purpose", pki.client("wrong", issuing, uri=uri, eku=(SERVER_AUTH,))),
        "for no purpose": ("wrong_purpose", pki.client("purposeless", issuing, uri=uri, eku=None)),
        "revoked": ("revoked", revoked),
        "without a name": ("no_name", pki.client("nameless", issuing)),
        "two SPIFFE IDs": ("no_name", pki.make("two", issuing, eku=(CLIENT_AUTH,), names=[uri_name(uri), uri_name(uri + "2")])),
        "bad SPIFFE ID": ("no_name", pki.client("port", issuing, uri="spiffe://test:80/x")),
        "wildcard": ("no_name", pki.client("wildcard", issuing, dns="*.test")),
    }


def uri_name(uri):
    from cryptography import x509
    return x509.UniformResourceIdentifier(uri)


def test_bad_certificates_are_refused_and_counted(gateway):
    for title, (reason, certificate) in bad_certificates(gateway).items():
        for version in BOTH:
            before = gateway.refused()
            assert gateway.refuses(certificate, version), f"{title} over TLS {version} got in"
            after = gateway.refused()
            more = {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)}
            assert more == {reason: 1}, f"{title} over TLS {version}: counted {more}"


@pytest.mark.parametrize("version", BOTH)
def test_names_of_good_certificates(gateway, version):
    pki, issuing = gateway.pki, gateway.issuing
    cases = {
        "spiffe://test/payments/api": pki.client("spiffe", issuing, uri="spiffe://test/payments/api", dns="ignored.test"),
        "dns:batch.test": pki.client("dns", issuing, dns="Batch.test", common_name="ignored"),
        "cn:Night job": pki.client("cn", issuing, common_name="Night job"),
        ADMIN: gateway.admin,
    }
    for principal, certificate in cases.items():
        assert gateway.whoami(certificate, version=version) == principal


def test_old_versions_are_refused(gateway):
    before = gateway.refused()["handshake"]
    assert gateway.refuses(gateway.admin, "1.1")
    until("the refusal is counted", lambda: gateway.refused()["handshake"] == before + 1)


def test_a_certificate_and_another_callers_token_are_two_callers(gateway):
    assert gateway.tls_call("GET", "/v1/auth/whoami", gateway.admin, token=gateway.token).status == 401


def test_command_line_over_tls(gateway):
    environment = dict(os.environ, HSMGATE_ADDR=f"https://localhost:{gateway.tls_port}", HSMGATE_CACERT=str(gateway.root.certificate),
                       HSMGATE_CERT=str(gateway.admin.certificate), HSMGATE_KEY=str(gateway.admin.key))
    environment.pop("HSMGATE_TOKEN", None)
    done = subprocess.run([programs() / "hsmgate", "key", "create", "tls/cli/key", "--algorithm", "aes-256-gcm", "--owner", "tests"],
                          env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    environment["HSMGATE_CACERT"] = str(gateway.pki.root("not-ours").certificate)
    assert subprocess.run([programs() / "hsmgate", "status"], env=environment, capture_output=True).returncode == 1


def test_optional_certificates():
    with Secured("soft", demand="optional") as gateway:
        assert gateway.tls_call("GET", "/v1/auth/whoami").status == 401  # nobody is known
        assert gateway.whoami(token=gateway.token) == "token:admin"
        assert gateway.whoami(gateway.admin) == ADMIN
        stranger = gateway.pki.client("stranger", gateway.pki.root("other"), uri=ADMIN)
        for version in BOTH:
            assert gateway.refuses(stranger, version)  # a bad one is not the same as none


# --- trust that changes ---

class Load:
    """Clients that go on until told to stop: on connections that stay open, and on a new one each time."""

    def __init__(self, gateway, kept, fresh):
        self.gateway = gateway
        self.stopping = threading.Event()
        self.failures = []
        self.done = 0
        self.threads = [threading.Thread(target=self.run, args=(keep,)) for keep in [True] * kept + [False] * fresh]

    def run(self, keep):
        try:
            connection = self.gateway.tls_connect(self.gateway.admin)
            while not self.stopping.is_set():
                answer = self.gateway.tls_call("GET", "/v1/auth/whoami", connection=connection)
                assert answer.status == 200, answer.body
                assert answer.headers["Connection"] != "close"
                self.done += 1
                if not keep:
                    connection.close()
                    connection = self.gateway.tls_connect(self.gateway.admin)
            connection.close()
        except Exception as failure:  # noqa: BLE001 whatever it is, the request was lost
            self.failures.append(repr(failure))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        assert not self.failures, self.failures
        assert self.done > 0

    def wait_more(self, count):
        goal = self.done + count
        until("the load goes on", lambda: self.done >= goal or self.failures)


def test_reload_under_load_loses_no_request(gateway):
    def serial():
        import ssl
        with gateway.context(gateway.admin).wrap_socket(dial(gateway), server_hostname="localhost") as plain:
            assert isinstance(plain, ssl.SSLSocket)
            return plain.getpeercert()["serialNumber"]

    with Load(gateway, kept=6, fresh=2) as load:
        for turn in range(6):
            fresh = gateway.pki.server(f"server-{turn}", gateway.issuing)
            fresh.write(gateway.server.certificate, gateway.server.key)
            gateway.issuing.crl(gateway.crl.name)
            done = gateway.reloads()
            if turn % 2 == 0:
                gateway.process.send_signal(signal.SIGHUP)  # else the files alone
            gateway.wait_reloads(done + 1)
            load.wait_more(50)
            until("the new certificate is shown", lambda wanted=fresh: int(serial(), 16) == wanted.x509.serial_number)


def dial(gateway):
    import socket
    return socket.create_connection(("127.0.0.1", gateway.tls_port), timeout=60)


def expect_refused(gateway, connection, reason):
    before = gateway.refused()[reason]
    answer = gateway.tls_call("GET", "/v1/auth/whoami", connection=connection)
    assert answer.status == 401 and answer.json["code"] == "unauthenticated", answer.body
    assert answer.headers["Connection"] == "close"
    assert gateway.refused()[reason] == before + 1
    connection.close()


@pytest.mark.parametrize("version", BOTH)
def test_revoked_on_a_living_connection(gateway, version):
    leaked = gateway.pki.client(f"leaked-{version}", gateway.issuing, uri="spiffe://test/leaked")
    with contextlib.closing(gateway.tls_connect(leaked, version)) as living, \
            contextlib.closing(gateway.tls_connect(gateway.admin, version)) as other:
        assert gateway.whoami(connection=living) == "spiffe://test/leaked"
        assert gateway.whoami(connection=other) == ADMIN
        done = gateway.reloads()
        gateway.issuing.crl(gateway.crl.name, revoked=[leaked])
        gateway.wait_reloads(done + 1)
        expect_refused(gateway, living, "revoked")
        assert gateway.whoami(connection=other) == ADMIN
        assert gateway.refuses(leaked, version)


def test_rotation_of_the_client_ca():
    with Secured("soft") as gateway:
        next_root = gateway.pki.root("next")
        next_admin = gateway.pki.client("next-admin", next_root, uri=ADMIN)
        with contextlib.closing(gateway.tls_connect(gateway.admin)) as old, contextlib.closing(gateway.tls_connect(next_admin)) as new:
            assert gateway.whoami(connection=old) == ADMIN
            gateway.pki.bundle("clients.pem", gateway.root, gateway.issuing, next_root)  # both for a while
            gateway.wait_reloads(1)
            assert gateway.whoami(connection=old) == ADMIN
            assert gateway.whoami(connection=new) == ADMIN
            next_root.crl(gateway.crl.name)
            gateway.pki.bundle("clients.pem", next_root)
            gateway.process.send_signal(signal.SIGHUP)
            gateway.wait_reloads(2)
            expect_refused(gateway, old, "unknown_ca")
            assert gateway.whoami(connection=new) == ADMIN
            assert gateway.refuses(gateway.admin, "1.3")


def test_bad_files_keep_the_old_ones(gateway):
    good = {path: path.read_bytes() for path in (gateway.server.certificate, gateway.client_ca, gateway.crl)}
    stale = gateway.issuing.crl(None, days=(-3, -1))
    forged = gateway.issuing.crl(None, signer=gateway.pki.root("forger"))
    for path, bad in [(gateway.server.certificate, b"garbage"), (gateway.client_ca, b""), (gateway.crl, stale), (gateway.crl, forged)]:
        failures = gateway.reload_failures()
        replace(path, bad)
        gateway.process.send_signal(signal.SIGHUP)
        until("the failure is reported", lambda seen=failures: gateway.reload_failures() > seen)
        assert gateway.whoami(gateway.admin) == ADMIN
        done = gateway.reloads()
        replace(path, good[path])
        gateway.process.send_signal(signal.SIGHUP)
        gateway.wait_reloads(done + 1)
    assert gateway.metric("hsmgate_tls_reload_failures_total") >= 4


def test_symbolic_link_swap():
    """As Kubernetes updates a mounted secret: the files' paths stay, a link above them is replaced."""
    gateway = Secured("soft")
    mount = gateway.data / "mount"
    for name in ("one", "two"):
        (mount / name).mkdir(parents=True)
    gateway.server.write(mount / "one" / "tls.crt", mount / "one" / "tls.key")
    os.symlink("one", mount / "..data")
    gateway.tls_options.update(certificate=str(mount / "..data" / "tls.crt"), key=str(mount / "..data" / "tls.key"))
    with gateway:
        assert gateway.whoami(gateway.admin) == ADMIN
        fresh = gateway.pki.server("fresh", gateway.issuing)
        fresh.write(mount / "two" / "tls.crt", mount / "two" / "tls.key")
        os.symlink("two", mount / "..next")
        os.rename(mount / "..next", mount / "..data")
        gateway.wait_reloads(1)
        assert gateway.whoami(gateway.admin) == ADMIN


def test_start_with_bad_files_says_what_to_do():
    for option, content in [("certificate", b"garbage"), ("client_crl", None)]:
        gateway = Secured("soft")
        if content is None:
            gateway.issuing.crl(gateway.crl.name, days=(-3, -1))
        else:
            replace(gateway.server.certificate, content)
        try:
            with pytest.raises(AssertionError):
                gateway.start()
            assert option in gateway.log_text()
        finally:
            gateway.remove()


def test_http_without_tls_is_refused_on_the_tls_port(gateway):
    before = gateway.refused()["handshake"]
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", gateway.tls_port, timeout=60)) as plain:
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            plain.request("GET", "/healthz")
            plain.getresponse()
    until("the refusal is counted", lambda: gateway.refused()["handshake"] == before + 1)
