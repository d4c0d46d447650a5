"""What /metrics says: it parses, every family that a rule or the manual names is there, and each figure moves when its cause is provoked."""
import os
import pathlib
import re
import signal
import subprocess
import time

import pytest
import yaml

from daemon import b64, until
from issuer import Issuer, Key, compact
from quorum import Voter, group, roster, sha256
from secured import Secured

ROOT = pathlib.Path(__file__).resolve().parents[2]
RULES = ROOT / "conf/prometheus/hsmgate.rules.yml"
MANUAL = ROOT / "docs/operations.md"
AES = "figures/prod/aes"
EC = "figures/prod/ec"
SLOW = "figures/slow/aes"  # has a limit
NAME = re.compile(r"\bhsmgate_[a-z_]+\b")


class Figures:
    """One reading of /metrics: series by name and labels."""

    def __init__(self, text):
        self.text = text
        self.types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
        self.series = {}
        for name, labels, value in re.findall(r"^(\w+)(?:{(.*)})? (\S+)$", text, re.M):
            key = (name, frozenset(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels)))
            assert key not in self.series, f"twice: {key}"
            self.series[key] = float(value)

    def get(self, name, **labels):
        return self.series.get((name, frozenset(labels.items())))

    def __contains__(self, name):
        return any(key[0] == name for key in self.series)


def figures(gateway):
    return Figures(gateway.call("GET", "/metrics", token="").body.decode())


@pytest.fixture(scope="module")
def key():
    return Key("ec", "ES256")


@pytest.fixture(scope="module")
def gateway(key):
    issuer = Issuer()
    issuer.keys = [key]
    made = Secured("main", "spare", demand="optional")
    (made.data / "issuer.jwks").write_bytes(issuer.key_set())
    people = [Voter("ann"), Voter("bob")]
    root = roster(people, [group("officers", 2, "ann", "bob")])
    (made.data / "roster.json").write_bytes(root)
    made.options.update({
        "quorum": {"roster_root": sha256(root), "roster_file": str(made.data / "roster.json")},
        "events": {"webhook": "http://127.0.0.1:1/"},  # nobody listens there: its figures are served all the same
        "issuers": [{"issuer": issuer.name, "audiences": ["hsmgate"], "jwks_file": str(made.data / "issuer.jwks"), "algorithms": ["ES256"]}],
        "audit_second": {"folder": str(made.data / "second"), "need": "all"},
        "checkpoints": {"origin": "figures.test", "every": "1s", "records": 5, "copy_files": [str(made.data / "copy")]},
        "limits": {"keys": [{"pattern": "figures/slow/*", "per_second": 1, "burst": 1}],
                   "principals": [{"pattern": "token:slow", "per_second": 1, "burst": 1}]}})
    with made as running:
        running.issuer = issuer
        running.key(AES, "aes-256-gcm")
        running.key(EC, "ecdsa-p256")
        running.key(SLOW, "aes-256-gcm")
        running.verb(EC, "sign", {"message": b64(b"x")})  # a principal has no series before it does something
        until("a checkpoint was signed and copied", lambda: figures(running).get("hsmgate_audit_checkpoint_copies_total") > 0)
        yield running


def moves(gateway, act, by, name, **labels):
    """The series grows by `by` while `act()` runs."""
    before = figures(gateway).get(name, **labels) or 0
    act()
    after = figures(gateway).get(name, **labels) or 0
    assert after - before == by, f"{name}{labels}: {before} to {after}"


def test_it_parses(gateway):
    text = figures(gateway).text
    tool = ROOT / "build/tools/promtool"
    subprocess.run([tool if tool.exists() else "promtool", "check", "metrics"], input=text, text=True, check=True)


def test_families_stand_together_with_one_head_each(gateway):
    now = figures(gateway)
    names = [re.sub(r"_(bucket|sum|count)$", "", name) if "duration_seconds" in name else name for name in re.findall(r"^(\w+)(?={| )", now.text, re.M)]
    order = [name for i, name in enumerate(names) if i == 0 or names[i - 1] != name]
    assert len(order) == len(set(order))
    assert set(order) <= set(now.types)
    assert len(re.findall(r"^# HELP ", now.text, re.M)) == len(now.types)
    for name, kind in now.types.items():
        assert name.endswith("_total") == (kind == "counter"), name


def rule_names():
    expressions = [rule["expr"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    return {name for expression in expressions for name in NAME.findall(expression)}


def test_every_name_in_a_rule_is_served(gateway):
    names = rule_names()
    assert len(names) > 15
    now = figures(gateway)
    assert sorted(name for name in names if name not in now) == []


def test_the_manual_lists_what_is_served(gateway):
    section = MANUAL.read_text().split("## Metrics and alerts", 1)[1].split("\n## ", 1)[0]
    listed = set(re.findall(r"^\| `(hsmgate_[a-z_]+)", section, re.M))
    assert listed == set(figures(gateway).types)


def test_requests_and_their_duration_by_token(gateway):
    def encrypt():
        gateway.verb(AES, "encrypt", {"plaintext": b64(b"x")})

    moves(gateway, encrypt, 1, "hsmgate_requests_total", operation="encrypt", status="200")
    moves(gateway, encrypt, 1, "hsmgate_request_duration_seconds_count", operation="encrypt", token="main")
    moves(gateway, encrypt, 1, "hsmgate_request_duration_seconds_bucket", operation="encrypt", token="main", le="+Inf")
    moves(gateway, lambda: gateway.do("GET", "/v1/version"), 1, "hsmgate_request_duration_seconds_count", operation="version")
    moves(gateway, lambda: gateway.call("GET", "/nothing"), 1, "hsmgate_requests_total", operation="none", status="404")


def test_a_caller_without_a_grant_moves_nothing_by_token(gateway):
    """Else the figures, which need no caller, would tell which keys there are."""
    stranger = gateway.make_bearer("stranger")

    def ask():
        assert gateway.call("POST", f"/v1/keys/{AES}:unwrap", {"ciphertext": b64(b"x")}, token=stranger).status == 403

    moves(gateway, ask, 1, "hsmgate_denied_total", operation="unwrap")
    moves(gateway, ask, 0, "hsmgate_request_duration_seconds_count", operation="unwrap", token="main")
    moves(gateway, ask, 1, "hsmgate_request_duration_seconds_count", operation="unwrap")


def failing_callers(gateway, key):
    good = gateway.issuer.claims()
    other = Key("ec", "ES256")
    return {
        "missing": {},
        "malformed": {"Authorization": "Basic eDp5"},
        "unknown": {"Authorization": "Bearer hg_" + "a" * 43},
        "jwt_shape": {"Authorization": "Bearer " + compact({"alg": "none"}, good)},
        "jwt_issuer": {"Authorization": "Bearer " + key.sign({**good, "iss": "https://nobody.example"})},
        "jwt_key": {"Authorization": "Bearer " + key.sign(good, headers={"kid": "another"})},
        "jwt_signature": {"Authorization": "Bearer " + other.sign(good)},
        "jwt_claims": {"Authorization": "Bearer " + key.sign({**good, "aud": "others"})},
    }


def test_failed_authentications_by_kind(gateway, key):
    def ask(headers, status=401):
        assert gateway.call("GET", "/v1/auth/whoami", token="", headers=headers).status == status

    for kind, headers in failing_callers(gateway, key).items():
        moves(gateway, lambda: ask(headers), 1, "hsmgate_auth_failures_total", kind=kind)
    moves(gateway, lambda: gateway.tls_call("GET", "/v1/auth/whoami", gateway.admin, token=gateway.token), 1,
          "hsmgate_auth_failures_total", kind="conflict")
    everything = sum(v for (name, _), v in figures(gateway).series.items() if name == "hsmgate_auth_failures_total")
    ask({"Authorization": f"Bearer {gateway.token}"}, 200)
    assert everything == sum(v for (name, _), v in figures(gateway).series.items() if name == "hsmgate_auth_failures_total")


def test_limits(gateway):
    def twice(name, token=None):
        answers = [gateway.call("POST", f"/v1/keys/{name}:encrypt", {"items": [{"plaintext": ""}] * 2}, token=token) for _ in range(2)]
        assert 429 in [a.status for a in answers]

    before = figures(gateway).get("hsmgate_limited_total", limit="key")
    twice(SLOW)
    assert figures(gateway).get("hsmgate_limited_total", limit="key") > before
    slow = gateway.make_bearer("slow")
    before = figures(gateway).get("hsmgate_limited_total", limit="principal")
    gateway.do("PUT", "/v1/grants/slow", {"principal": "token:slow", "keys": "figures/**", "operations": ["encrypt"], "justification": "tests"})
    twice(AES, slow)
    assert figures(gateway).get("hsmgate_limited_total", limit="principal") > before


def test_what_a_principal_opened(gateway):
    blob = gateway.verb(AES, "data-key", {})["ciphertext"]
    items = {"items": [{"ciphertext": blob}, {"ciphertext": blob}, {"ciphertext": b64(b"bad")}]}
    moves(gateway, lambda: gateway.verb(AES, "unwrap", {"ciphertext": blob}), 1, "hsmgate_principal_operations_total",
          principal="token:admin", operation="unwrap")
    moves(gateway, lambda: gateway.verb(AES, "unwrap", items), 2, "hsmgate_principal_operations_total", principal="token:admin", operation="unwrap")
    moves(gateway, lambda: gateway.verb(EC, "sign", {"message": b64(b"x")}), 1, "hsmgate_principal_operations_total",
          principal="token:admin", operation="sign")


def test_transport(gateway):
    moves(gateway, lambda: gateway.call("GET", "/v1/%41"), 1, "hsmgate_http_refused_total", reason="shape")
    moves(gateway, lambda: gateway.call("POST", "/v1/random", b"x" * (1 << 21)), 1, "hsmgate_http_refused_total", reason="size")
    moves(gateway, lambda: gateway.tls_call("GET", "/healthz", gateway.admin), 1, "hsmgate_tls_handshakes_total")
    unknown = gateway.pki.client("unknown", gateway.pki.root("unknown-root"), uri="spiffe://test/unknown")
    moves(gateway, lambda: gateway.refuses(unknown, "1.3"), 1, "hsmgate_tls_refused_total", reason="unknown_ca")
    now = figures(gateway)
    day = 86400
    assert 28 * day < now.get("hsmgate_tls_certificate_end_timestamp_seconds") - time.time() < 31 * day
    assert 28 * day < now.get("hsmgate_tls_crl_next_update_timestamp_seconds") - time.time() < 31 * day


def test_reloads(gateway):
    before = figures(gateway).get("hsmgate_tls_reloads_total")
    gateway.process.send_signal(signal.SIGHUP)
    until("the reload is counted", lambda: figures(gateway).get("hsmgate_tls_reloads_total") > before)
    good = gateway.crl.read_bytes()
    before = figures(gateway).get("hsmgate_tls_reload_failures_total")
    gateway.crl.write_bytes(b"no list")
    until("the failure is counted", lambda: figures(gateway).get("hsmgate_tls_reload_failures_total") > before)
    gateway.crl.write_bytes(good)


def test_audit(gateway):
    def version():
        gateway.do("GET", "/v1/version")

    for name in ("hsmgate_audit_durable_seq", "hsmgate_audit_second_durable_seq"):
        before = figures(gateway).get(name)
        version()
        assert figures(gateway).get(name) > before, name
    now = figures(gateway)
    assert now.get("hsmgate_audit_writable") == now.get("hsmgate_audit_second_writable") == 1
    assert now.get("hsmgate_audit_failures_total") == now.get("hsmgate_audit_second_failures_total") == 0
    size = now.get("hsmgate_audit_checkpoint_size")
    version()
    until("the checkpoint grows", lambda: figures(gateway).get("hsmgate_audit_checkpoint_size") > size)
    assert figures(gateway).get("hsmgate_audit_checkpoint_age_seconds") < 3600


def test_issuers(gateway):
    now = figures(gateway)
    assert now.get("hsmgate_issuer_keys", issuer="https://issuer.example") == 1
    assert now.get("hsmgate_issuer_fetch_failures_total", issuer="https://issuer.example") == 0
    assert abs(now.get("hsmgate_issuer_fetched_timestamp_seconds", issuer="https://issuer.example") - time.time()) < 3600


def test_what_the_token_could_not_do(gateway):
    sealed = gateway.verb(AES, "encrypt", {"plaintext": b64(b"x")})["ciphertext"]
    other = {"ciphertext": sealed, "context": {"not": "this one"}}

    def ask():
        assert gateway.call("POST", f"/v1/keys/{AES}:decrypt", other).status == 400

    moves(gateway, ask, 1, "hsmgate_token_errors_total", token="main", **{"class": "caller_data"})
    for path in gateway.make_key("figures/spare/lost", "aes-256-gcm", "spare"):
        path.unlink()
    restarts = figures(gateway).get("hsmgate_token_restarts_total", token="spare")
    os.kill(gateway.worker("spare"), signal.SIGKILL)
    until("the worker is started again", lambda: figures(gateway).get("hsmgate_token_restarts_total", token="spare") == restarts + 1)
    until("it is ready", lambda: figures(gateway).get("hsmgate_token_up", token="spare") == 1)
    before = figures(gateway).get("hsmgate_token_errors_total", token="spare", **{"class": "key_missing"})
    assert gateway.call("POST", "/v1/keys/figures/spare/lost:encrypt", {"plaintext": ""}).status == 503
    assert figures(gateway).get("hsmgate_token_errors_total", token="spare", **{"class": "key_missing"}) > before
