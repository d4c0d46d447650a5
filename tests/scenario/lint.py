"""hsmgate lint against the real daemon: each anti-pattern is planted, found with its reason and its remedy, and gone when the remedy has run. And
grants as a file: shown first, applied as the whole truth, bound to what was shown."""
import json
import os
import pathlib
import re
import subprocess

import pytest

from configured import Configured
from gateway import programs

OWNER = ("--owner", "tests", "--contact", "tests@example.org")
WHY = ("--justification", "it's for the tests")


class Shell:
    """hsmgate as the administrator on the gateway's own machine; whole command lines go through a shell, as a person would paste them."""

    def __init__(self, gateway, folder):
        self.folder = folder
        self.env = {"PATH": f"{programs()}:{os.environ['PATH']}", "HSMGATE_ADDR": f"unix:{gateway.socket}"}
        self.env.update({name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")})

    def run(self, *args, status=0):
        done = subprocess.run(["hsmgate", *args], capture_output=True, text=True, cwd=self.folder, env=self.env, timeout=120)
        assert done.returncode == status, f"{args} ended with {done.returncode}: {done.stdout} {done.stderr}"
        return done

    def text(self, *args, **more):
        return self.run(*args, **more).stdout

    def paste(self, line):
        done = subprocess.run(["sh", "-ec", line], capture_output=True, text=True, cwd=self.folder, env=self.env, timeout=120)
        assert done.returncode == 0, f"{line}: {done.stdout} {done.stderr}"

    def lint(self, severity="note"):
        """The findings as {(rule, subject): finding}; the exit status must fit."""
        done = subprocess.run(["hsmgate", "lint", "--severity", severity, "--json"], capture_output=True, text=True, cwd=self.folder, env=self.env, timeout=120)
        findings = json.loads(done.stdout)["findings"]
        assert done.returncode == (1 if findings else 0)
        assert all(set(f) == {"severity", "rule", "subject", "reason", "remedy"} for f in findings)
        found = {(f["rule"], f["subject"]): f for f in findings}
        assert len(found) == len(findings)
        return found


@pytest.fixture(scope="module")
def gateway():
    running = Configured("main")
    running.env["HSMGATE_TOKEN"] = ""  # nobody here needs a bearer token
    with running:
        yield running


@pytest.fixture
def shell(gateway, tmp_path):
    shell = Shell(gateway, tmp_path)
    assert shell.text("lint") == "no findings\n" and shell.lint() == {}
    return shell


def grant(shell, name, principal, keys, *operations, more=()):
    shell.text("grant", "put", name, "--principal", principal, "--keys", keys, "--operation", ",".join(operations), *WHY, *more)


def plant_key(shell):
    shell.text("key", "create", "shop/prod/k", "--algorithm", "aes-256-gcm", "--owner", "somebody")


def plant_wide(shell):
    grant(shell, "all-keys", "unix:998", "**", "decrypt")


def plant_wide_above(shell):
    shell.text("key", "create", "mall/prod/k", "--algorithm", "aes-256-gcm", *OWNER)
    grant(shell, "mall", "unix:998", "mall/**", "decrypt")


def plant_two_environments(shell):
    grant(shell, "in-prod", "unix:998", "shop/prod/*", "sign")
    grant(shell, "in-test", "unix:998", "shop/test/*", "sign")


def plant_person(shell):
    grant(shell, "for-alice", "unix:1000", "shop/prod/*", "sign", "verify", more=("--context", "tenant=a b", "--source", "10.0.0.0/8"))


def plant_dual(shell):
    refused = shell.run("grant", "put", "both", "--principal", "unix:998", "--keys", "shop/prod/*", "--operation", "sign,rotate", *WHY, status=1)
    assert "hsmgate:" in refused.stderr
    grant(shell, "both", "unix:998", "shop/prod/*", "sign", "rotate", more=("--allow-dual-role",))


def plant_nobody(shell):
    grant(shell, "for-a-ghost", "token:ghost", "shop/prod/*", "sign")


def plant_token(shell):
    shell.text("token", "create", "soon-over", "--ttl", "1h", "--out", "soon-over.token")


def plant_administrator(shell):
    shell.text("token", "create", "admin", "--ttl", "90d", "--out", "admin.token")


PLANTS = [
    (plant_key, "warning", "key-without-contact", "shop/prod/k"),
    (plant_wide, "error", "wide-grant-in-production", "all-keys"),
    (plant_wide_above, "error", "wide-grant-in-production", "mall"),
    (plant_two_environments, "error", "principal-in-two-environments", "unix:998"),
    (plant_person, "warning", "person-without-end", "for-alice"),
    (plant_dual, "warning", "use-and-management", "both"),
    (plant_nobody, "warning", "grant-for-nobody", "for-a-ghost"),
    (plant_token, "warning", "token-about-to-expire", "soon-over"),
    (plant_administrator, "note", "administrator-token", "admin"),
]


def clean_up(shell):
    for listed in json.loads(shell.text("grant", "list", "--json"))["grants"]:
        shell.text("grant", "delete", listed["id"])
    for token in json.loads(shell.text("token", "list", "--json"))["tokens"]:
        shell.text("token", "revoke", token["name"])


@pytest.mark.parametrize("plant,severity,rule,subject", PLANTS, ids=[p[0].__name__ for p in PLANTS])
def test_what_is_unwise_is_found_and_mended(shell, plant, severity, rule, subject):
    plant(shell)
    found = shell.lint()
    assert set(found) == {(rule, subject)}
    finding = found[rule, subject]
    assert finding["severity"] == severity and finding["reason"].endswith(".")

    levels = ["note", "warning", "error"]
    for level in levels:
        wanted = levels.index(level) <= levels.index(severity)
        assert bool(shell.lint(level)) == wanted
        shown = shell.text("lint", "--severity", level, status=1 if wanted else 0)
        if wanted:
            assert re.search(rf"^{severity} +{rule} +{re.escape(subject)}\n    {re.escape(finding['reason'])}\n    mend: {re.escape(finding['remedy'])}\n", shown, re.M)
        else:
            assert shown == "no findings\n"

    shell.paste(finding["remedy"].replace("ADDRESS", "tests@example.org"))
    assert shell.lint() == {}
    clean_up(shell)


def test_a_remedy_keeps_the_rest_of_a_grant(shell):
    plant_person(shell)
    before = json.loads(shell.text("grant", "show", "for-alice", "--json"))
    shell.paste(shell.lint()["person-without-end", "for-alice"]["remedy"])
    after = json.loads(shell.text("grant", "show", "for-alice", "--json"))
    assert "expires_at" not in before and "expires_at" in after
    changed = {"expires_at", "updated_at"}
    assert {k: v for k, v in after.items() if k not in changed} == {k: v for k, v in before.items() if k not in changed}
    clean_up(shell)


def test_lint_needs_a_grant(gateway, shell):
    token = gateway.make_bearer("curious")
    answer = gateway.call("GET", "/v1/lint", token=token)
    assert answer.status == 403
    grant(shell, "auditor", "token:curious", "**", "read-audit")
    assert gateway.call("GET", "/v1/lint?severity=error", token=token).json["findings"] == []
    assert gateway.call("GET", "/v1/lint?severity=fatal", token=token).status == 400
    assert gateway.call("GET", "/v1/lint?level=note", token=token).status == 400
    assert "note, warning or error" in shell.run("lint", "--severity", "fatal", status=2).stderr
    clean_up(shell)


# --- grants ---

FILE = """\
namespace: shop/prod
grants:
  - id: api
    principal: unix:998
    keys: shop/prod/*
    operations: [encrypt, decrypt]
    context: {tenant: acme}
    justification: orders at rest
  - id: ops
    principal: unix:997
    keys: shop/prod/*
    operations: [rotate]
    source: [10.0.0.0/8]
    expires_at: 2099-01-01T00:00:00Z
    justification: rotates
"""


def granted(shell):
    return {g["id"]: g for g in json.loads(shell.text("grant", "list", "--json"))["grants"]}


def test_one_grant_by_hand(shell):
    assert shell.text("grant", "put", "one", "--principal", "oidc:https://x.example#a+b", "--keys", "shop/prod/*", "--operation", "sign", "--operation", "verify,mac",
                      "--context", "tenant=a=b", "--source", "10.0.0.0/8", "--source", "2001:db8::1", "--ttl", "30d", *WHY) == "granted one\n"
    seen = json.loads(shell.text("grant", "show", "one", "--json"))
    assert seen["operations"] == ["sign", "verify", "mac"] and seen["context"] == {"tenant": "a=b"} and seen["justification"] == WHY[1]
    assert len(seen["source"]) == 2 and seen["expires_at"] > seen["created_at"]
    shown = shell.text("grant", "show", "one")
    assert re.search(r"^operations +sign,verify,mac$", shown, re.M) and re.search(r"^context +tenant=a=b$", shown, re.M)
    grant(shell, "two", "unix:998", "shop/test/*", "sign", more=("--expires", "2099-01-01T00:00:00Z"))
    lines = shell.text("grant", "list").splitlines()
    assert lines[0].split()[:4] == ["ID", "PRINCIPAL", "KEYS", "OPERATIONS"] and [line.split()[0] for line in lines[1:]] == ["one", "two"]
    assert [line.split()[0] for line in shell.text("grant", "list", "--principal", "oidc:https://x.example#a+b").splitlines()[1:]] == ["one"]
    assert [line.split()[0] for line in shell.text("grant", "list", "--prefix", "shop/t").splitlines()[1:]] == ["two"]
    assert shell.text("grant", "delete", "one") == "deleted one\n"
    assert "not_found" in shell.run("grant", "delete", "one", status=1).stderr
    assert shell.text("grant", "delete", "two", "--json") == "{}\n"
    for args, said in [(("show", "a/b"), "id of a grant"), (("put", "x", "--principal", "unix:1", "--keys", "a/*", "--operation", "sign", *WHY, "--ttl", "soon"), "--ttl"),
                       (("put", "x", "--principal", "unix:1", "--keys", "a/*", "--operation", "sign", *WHY, "--expires", "soon"), "--expires"),
                       (("put", "x", "--principal", "unix:1", "--keys", "a/*", "--operation", "sign", *WHY, "--ttl", "1d", "--expires", "2099-01-01T00:00:00Z"), "not both")]:
        assert said in shell.run("grant", *args, status=1).stderr
    assert "--operation" in shell.run("grant", "put", "x", "--principal", "unix:1", "--keys", "a/*", *WHY, status=2).stderr
    assert granted(shell) == {}


def test_whether_somebody_may(shell):
    grant(shell, "api", "unix:998", "shop/prod/*", "encrypt", more=("--context", "tenant=acme"))
    assert shell.text("authorize", "unix:998", "encrypt", "shop/prod/k", "--context", "tenant=acme").startswith("allowed by the grant api")
    assert json.loads(shell.text("authorize", "unix:998", "encrypt", "shop/prod/k", "--context", "tenant=acme", "--json"))["allowed"] is True
    for question in [("unix:998", "encrypt", "shop/prod/k", "--context", "tenant=other"), ("unix:998", "decrypt", "shop/prod/k"), ("unix:997", "encrypt", "shop/prod/k")]:
        assert shell.text("authorize", *question, status=1).startswith("not allowed")
        assert json.loads(shell.text("authorize", *question, "--json", status=1))["allowed"] is False
    assert shell.text("authorize", f"unix:{os.geteuid()}", "manage-grants").startswith("allowed")
    clean_up(shell)


def test_a_file_is_the_whole_truth(shell, tmp_path):
    grant(shell, "old", "unix:998", "shop/prod/*", "decrypt")
    grant(shell, "elsewhere", "unix:998", "shop/other/*", "decrypt")
    (tmp_path / "grants.yaml").write_text(FILE)

    dry = shell.text("grant", "apply", "grants.yaml", "--dry-run")
    assert dry.startswith("grants of shop/prod\n") and dry.endswith("2 created, 0 changed, 1 deleted, 0 as they are\ndry run: nothing was changed\n")
    assert "\n+ api\n" in dry and "\n    context: tenant=acme\n" in dry and "\n- old\n" in dry and set(granted(shell)) == {"old", "elsewhere"}
    assert shell.text("grant", "apply", "grants.yaml") == dry.replace("dry run: nothing was changed", "applied")
    now = granted(shell)
    assert set(now) == {"api", "ops", "elsewhere"} and now["api"]["context"] == {"tenant": "acme"} and now["ops"]["source"] == ["10.0.0.0/8"]
    assert shell.text("grant", "apply", "grants.yaml") == "grants of shop/prod\n0 created, 0 changed, 0 deleted, 2 as they are\nnothing to change\n"

    (tmp_path / "grants.yaml").write_text(FILE.replace("[encrypt, decrypt]", "[encrypt]").replace("    expires_at: 2099-01-01T00:00:00Z\n", ""))
    dry = shell.text("grant", "apply", "grants.yaml", "--dry-run")
    assert "\n~ api\n    operations: encrypt,decrypt -> encrypt\n" in dry and "    expires_at: 2099-01-01T00:00:00Z -> (none)\n" in dry
    applied = json.loads(shell.text("grant", "apply", "grants.yaml", "--json"))
    assert applied["applied"] is True and {c["id"]: c["change"] for c in applied["changes"]} == {"api": "update", "ops": "update"}
    assert granted(shell)["api"]["operations"] == ["encrypt"]

    (tmp_path / "grants.yaml").write_text("namespace: shop/prod\ngrants: []\n")
    assert json.loads(shell.text("grant", "apply", "grants.yaml", "--dry-run", "--json"))["applied"] is False
    shell.text("grant", "apply", "grants.yaml")
    assert set(granted(shell)) == {"elsewhere"}
    clean_up(shell)


def test_the_example_can_be_applied(shell):
    example = pathlib.Path(__file__).parents[2] / "conf/grants-example.yaml"
    assert shell.text("grant", "apply", str(example)).endswith("3 created, 0 changed, 0 deleted, 0 as they are\napplied\n")
    assert granted(shell)["payments-cards-unwrap"]["context"] == {"table": "cards"}
    clean_up(shell)


def test_a_file_with_a_mistake_changes_nothing(shell, tmp_path):
    for text, said in [(FILE.replace("    justification: rotates\n", ""), "grants.yaml:9: grants[1].justification: missing"),
                       (FILE + "    why: x\n", "grants.yaml:16: grants[1].why: unknown option"),
                       (FILE.replace("id: ops", "id: api"), "grants.yaml:9: grants[1].id: another grant in this file has the same id")]:
        (tmp_path / "grants.yaml").write_text(text)
        done = shell.run("grant", "apply", "grants.yaml", status=2)
        assert done.stderr == said + "\n" and done.stdout == ""
    assert shell.run("grant", "apply", "nowhere.yaml", status=2).stderr.startswith("nowhere.yaml:")
    for text in [FILE.replace("keys: shop/prod/*", "keys: other/prod/*"), FILE.replace("[rotate]", "[rotate, frobnicate]"), FILE.replace("unix:997", "unix:998")]:
        (tmp_path / "grants.yaml").write_text(text)
        assert shell.run("grant", "apply", "grants.yaml", status=1).stderr.startswith("hsmgate: ")
    assert granted(shell) == {}
