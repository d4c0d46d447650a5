"""A backup put back under a real gateway: with the audit log that survived, and into an empty place. The backup is made by hand of a gateway that
stands, in the form that the gateway writes."""
import base64
import contextlib
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess

import pytest

from gateway import Gateway, Refused, b64, programs, unb64


def entry(path, member, name):
    data = path.read_bytes()
    return {member: name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def hsmgate(*args, status=0, **env):
    environment = {"PATH": os.environ["PATH"], **{name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")}, **env}
    done = subprocess.run([programs() / "hsmgate", *[str(a) for a in args]], capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == status, f"{args} ended with {done.returncode}: {done.stdout} {done.stderr}"
    return done.stdout if status == 0 else done.stderr


def back_up(data, folder):
    """Of a gateway that has ended."""
    (folder / "audit").mkdir(parents=True)
    with contextlib.closing(sqlite3.connect(data / "hsmgate.db")) as source, contextlib.closing(sqlite3.connect(folder / "hsmgate.db")) as target:
        source.backup(target)
    for path in (data / "audit").iterdir():
        shutil.copy(path, folder / "audit")
    verdict = json.loads(hsmgate("audit", "verify", "--log", folder / "audit", "--json"))
    files = [entry(path, "name", path.name) for path in sorted((folder / "audit").iterdir())]
    manifest = {"format": 1, "name": "nightly", "taken_at": "2026-06-01T00:00:00Z", "gateway_version": "0.1.0",
                "database": entry(folder / "hsmgate.db", "file", "hsmgate.db"),
                "audit": {"records": verdict["records"], "root": verdict["root"], "files": files}}
    assert len(base64.b64decode(verdict["root"])) == 32
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return verdict["records"]


@pytest.fixture
def story(tmp_path):
    """A gateway that was backed up, went on for a while, and ended."""
    gateway = Gateway()
    with gateway:
        gateway.key("restore/a/k", "aes-256-gcm")
        sealed = gateway.verb("restore/a/k", "encrypt", {"plaintext": b64(b"before")})["ciphertext"]
        gateway.do("PUT", "/v1/grants/api", {"principal": "token:api", "keys": "restore/a/*", "operations": ["encrypt"], "justification": "for a test"})
        gateway.stop()
        records = back_up(gateway.data, tmp_path / "backup")
        gateway.start()
        gateway.verb("restore/a/k", "rotate", {"immediate": True})
        lost = gateway.verb("restore/a/k", "encrypt", {"plaintext": b64(b"after")})["ciphertext"]
        gateway.key("restore/a/new", "ecdsa-p256")
        gateway.do("DELETE", "/v1/grants/api")
        gateway.stop()
        yield gateway, tmp_path / "backup", records, sealed, lost
        if gateway.process is None:
            gateway.start()


def check_restored(gateway, sealed, lost):
    assert unb64(gateway.verb("restore/a/k", "decrypt", {"ciphertext": sealed})["plaintext"]) == b"before"
    assert [v["version"] for v in gateway.do("GET", "/v1/keys/restore/a/k")["versions"]] == [1]
    with pytest.raises(Refused) as refused:
        gateway.verb("restore/a/k", "decrypt", {"ciphertext": lost})
    assert refused.value.code == "invalid_ciphertext"
    assert gateway.do("GET", "/v1/grants/api")["principal"] == "token:api"
    assert "ready" in hsmgate("status", HSMGATE_ADDR=gateway.address, HSMGATE_TOKEN=gateway.token)


def test_with_the_log_that_survived(story, tmp_path):
    gateway, backup, records, sealed, lost = story
    database, audit = gateway.data / "hsmgate.db", gateway.data / "audit"
    place = ("--database", database, "--audit", audit)
    assert "move it away" in hsmgate("restore", backup, *place, status=1)
    database.rename(tmp_path / "old.db")
    said = hsmgate("restore", backup, *place)
    lines = said.splitlines()
    assert lines[0] == f"restored nightly of 2026-06-01T00:00:00Z to {database}" and "the log that is there goes on" in lines[1]
    table = [line.split() for line in lines[lines.index(next(line for line in lines if line.startswith("RECORD"))) + 1:lines.index("next:") - 1]]
    assert [(row[2], row[3]) for row in table] == [("manage-grants", "token:admin"), ("rotate", "restore/a/k@2"), ("create", "restore/a/new@1")], table
    assert all(int(row[0]) > records for row in table)
    gateway.start()
    check_restored(gateway, sealed, lost)
    assert hsmgate("audit", "verify", "--log", audit).startswith("intact")
    assert "a gateway runs on" in hsmgate("restore", backup, *place, status=1)  # and nobody is told to move anything


def test_into_an_empty_place(story, tmp_path):
    gateway, backup, records, sealed, lost = story
    database, audit = gateway.data / "hsmgate.db", gateway.data / "audit"
    database.rename(tmp_path / "old.db")
    audit.rename(tmp_path / "old-audit")
    answer = json.loads(hsmgate("restore", backup, "--database", database, "--audit", audit, "--json"))
    assert (answer["log_kept"], answer["records"], answer["redo"]) == (False, records, [])
    gateway.start()
    check_restored(gateway, sealed, lost)
    assert hsmgate("audit", "verify", "--log", audit).startswith("intact")
