"""The command line of rotation and retirement against the real daemon: every move with its sentence, what will happen, what is needed, what lies on
the token, backups, the clock, and the drills."""
import json
import os
import re
import shutil
import subprocess
import xml.etree.ElementTree

import pytest

from cli import ELSEWHERE, Shell, driven
from gateway import Gateway, programs


@pytest.fixture(scope="module")
def gateway():
    with Gateway() as running:
        yield running


@pytest.fixture
def shell(gateway, tmp_path):
    return Shell(gateway, tmp_path)


def state_of(shell, name, version):
    return shell.json("key", "show", name)["versions"][version - 1]["state"]


def test_versions_are_moved(shell):
    name = "rotation/moves/k"
    shell.key(name, "ecdsa-p256", "--overlap", "1h")
    assert shell.text("key", "rotate", name) == f"{name}: version 2 is the primary now\n"
    assert state_of(shell, name, 1) == "retiring"
    assert shell.text("key", "promote", f"{name}@1") == f"{name}: version 1 is the primary now\n"
    assert shell.text("key", "disable", f"{name}@2", "--reason", "a test").startswith(f"{name}: version 2 is disabled: ")
    assert f"hsmgate key enable {name}@1" in shell.text("key", "disable", f"{name}@1")
    assert "(invalid_state)" in shell.fails("sign", name, data=b"x")
    assert shell.text("key", "enable", f"{name}@1") == f"{name}: version 1 is the primary now\n"
    shell.text("key", "enable", f"{name}@2")
    assert "is published no more" in shell.text("key", "retire", f"{name}@2")
    assert "is compromised" in shell.text("key", "compromise", f"{name}@2", "--reason", "it leaked")
    assert '"it leaked"' in shell.text("key", "show", name)
    assert json.loads(shell.text("jwks", name))["keys"][0]["kid"] == f"{name}@1"
    assert "(invalid_state)" in shell.fails("key", "promote", f"{name}@2")


def test_versions_are_destroyed_with_care(shell):
    name = "rotation/destroy/k"
    shell.key(name, "hmac-sha256")
    shell.run("mac", name, data=b"x")
    shell.text("key", "rotate", name)
    shell.text("key", "retire", f"{name}@1")
    assert "(invalid_state)" in shell.fails("key", "destroy", f"{name}@1", "--reason", "old")  # it was used a moment ago
    said = shell.text("key", "destroy", f"{name}@1", "--reason", "old", "--after", "2d", "--despite-use")
    assert re.match(rf"{name}: version 1 will be destroyed at 20\S+Z\nto undo it: hsmgate key cancel-destroy {name}@1\n", said)
    assert re.search(r"^version 1: destroyed at 20\S+Z", shell.text("key", "show", name), re.M)
    assert re.search(r"^20\S+Z +in 1d 23h +destroy +1 ", shell.text("key", "plan", name), re.M)
    assert "is retired" in shell.text("key", "cancel-destroy", f"{name}@1")
    assert "(invalid_state)" in shell.fails("key", "confirm-destroy", f"{name}@1", "--reason", "nothing waits")
    driven.add("key confirm-destroy")  # what waits for a person needs a clock that jumps
    assert "--after" in shell.fails("key", "destroy", f"{name}@1", "--reason", "old", "--after", "soon", status=2)


def test_published_ahead(shell):
    name = "rotation/ahead/k"
    shell.key(name, "ecdsa-p256", "--publish-ahead", "1h", "--overlap", "2h", "--rotate-every", "30d")
    said = shell.text("key", "rotate", name)
    assert re.match(rf"{name}: version 2 is published and becomes the primary at 20\S+Z\nto do it now: hsmgate key promote {name}@2\n", said)
    assert re.search(r"^version 2: published since 20\S+, the primary from 20\S+Z$", shell.text("key", "show", name), re.M)
    plan = shell.text("key", "plan", name)
    assert plan.startswith(f"{name}: automatic rotation, version 1 is the primary\n") and re.search(r" in (59m|1h)\S* .*promote +2 ", plan)
    assert shell.text("key", "promote", f"{name}@2") == f"{name}: version 2 is the primary now\n"
    assert shell.text("key", "rotate", name, "--immediate") == f"{name}: version 3 is the primary now\n"
    assert shell.text("key", "update", name, "--mode", "manual") == f"updated {name}\n"
    assert shell.json("key", "show", name)["rotation"]["mode"] == "manual"
    assert "manual rotation" in shell.text("key", "plan", name)


def test_calendar(shell, tmp_path):
    for i in range(3):
        shell.key(f"rotation/calendar/k{i}", "ecdsa-p256", "--rotate-every", f"{30 + i}d", "--publish-ahead", "1d", "--overlap", "7d")
    table = shell.text("rotation", "calendar", "--prefix", "rotation/calendar/", "--svg", "calendar.svg").splitlines()
    assert table[0].split() == ["AT", "IN", "KEY", "VERSION", "ACTION", "WHY"]
    times = [line.split()[0] for line in table[1:]]
    assert times == sorted(times) and {"make", "promote", "retire"} <= {word for line in table[1:] for word in line.split()}
    picture = xml.etree.ElementTree.parse(tmp_path / "calendar.svg").getroot()
    text = "".join(picture.itertext())
    assert all(f"rotation/calendar/k{i}" in text for i in range(3)) and "now" in text
    assert "script" not in (tmp_path / "calendar.svg").read_text()
    assert shell.json("rotation", "calendar", "--prefix", "rotation/calendar/", "--days", 7)["keys"] is not None


def test_retire_check(shell):
    name = "rotation/check/k"
    shell.key(name, "ecdsa-p256")
    shell.run("jwt", name, "--ttl", "5m", data=b'{"sub":"x"}')
    shell.text("key", "rotate", name)
    said = shell.text("key", "retire-check", f"{name}@1", status=1)  # a JWT of it is valid
    assert said.startswith(f"{name}@1 (retir") and re.search(r"^jwt +needs ", said, re.M) and re.search(r"^uses +1$", said, re.M)
    shell.key("rotation/check/unused", "ecdsa-p256")
    shell.text("key", "rotate", "rotation/check/unused")
    shell.text("key", "retire", "rotation/check/unused@1")
    assert "nothing needs it any more" in shell.text("key", "retire-check", "rotation/check/unused@1")


def import_key(gateway, folder, label, id):
    """Somebody else's key on the token, as softhsm2-util puts it there."""
    subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", folder / "foreign.pem"], check=True, capture_output=True)
    subprocess.run(["softhsm2-util", "--import", folder / "foreign.pem", "--token", "hsmgate-dev", "--label", label, "--id", id, "--pin", (gateway.data / "token.pin").read_text().strip()],
                   check=True, capture_output=True, env=dict(os.environ, SOFTHSM2_CONF=str(next(gateway.data.rglob("softhsm2.conf")))))


def test_inventory_and_adoption(shell, gateway, tmp_path):
    shell.key("rotation/inventory/k", "ecdsa-p256")
    gateway.stop()
    import_key(gateway, tmp_path, "old signer", "0a0b0c")
    gateway.start()
    shell = Shell(gateway, tmp_path)
    table = shell.text("token", "inventory", "dev")
    assert re.search(r"^dev +ours +private +ecdsa-p256 .* rotation/inventory/k@1", table, re.M)
    assert re.search(r"^dev +adoptable +private +rsa-2048 +0a0b0c +old signer ", table, re.M)
    hint = re.search(r"^adopt: hsmgate (key create .*--adopt-id 0a0b0c.*)$", table, re.M).group(1)
    words = hint.replace("NAMESPACE/NAME", "rotation/adopted/k").replace("OWNER", "tests").split()
    assert shell.text(*words) == "created rotation/adopted/k, version 1 (rsa-2048, sign)\n"
    assert re.search(r"^version 1: adopted", shell.text("key", "show", "rotation/adopted/k"), re.M)
    assert re.search(r"^dev +ours +private +rsa-2048 +0a0b0c +old signer +rotation/adopted/k@1", shell.text("token", "inventory"), re.M)


def test_backups_and_restore(shell, gateway, tmp_path):
    shell.key("rotation/backup/k", "aes-256-gcm")
    sealed = shell.text("encrypt", "rotation/backup/k", data=b"before")
    done = shell.run("backup", "nightly")
    folder = done.stdout.decode().strip()
    assert os.path.isdir(folder) and b"nightly: " in done.stderr
    assert re.search(rf"^nightly +done .*{re.escape(folder)}$", shell.text("backups"), re.M)
    shell.text("key", "rotate", "rotation/backup/k")
    gateway.kill()
    for path in gateway.data.glob("hsmgate.db*"):
        shutil.move(path, tmp_path)
    said = shell.text("restore", folder, "--database", gateway.data / "hsmgate.db", "--audit", gateway.data / "audit")
    assert "the log that is there goes on" in said and re.search(r"^\d+ +20\S+ +rotate +rotation/backup/k@2 ", said, re.M)
    gateway.start()
    shell = Shell(gateway, tmp_path)
    assert shell.run("decrypt", "rotation/backup/k", data=sealed.encode()).stdout == b"before"
    assert [v["version"] for v in shell.json("key", "show", "rotation/backup/k")["versions"]] == [1], "what came after the backup is undone"
    assert re.search(r"uses-not-counted.*rotation/backup/k", shell.run("lint", status=1).stdout.decode()), "its counter is older than its use"
    assert any(r["kind"] == "system" and r["operation"] == "restored" for r in gateway.records())


def test_clock(shell):
    assert re.search(r"^jumped +no$", shell.text("clock", "show"), re.M)
    assert shell.text("clock", "accept", "--reason", "a test").startswith("accepted: ")


@pytest.mark.parametrize("what", ["revoke", "rotate", "restore"])
def test_drills(shell, what):
    said = shell.text("drill", what)
    assert said.endswith(f"\n{what}: passed\n") and "FAILED" not in said
    names = {key["name"] for key in shell.json("key", "list", "--prefix", f"drill/{what}-")["keys"]}
    for name in names:
        assert {v["state"] for v in shell.json("key", "show", name)["versions"]} == {"destroy-scheduled"}
    answer = shell.json("drill", what, "--keep")
    assert answer["passed"] and all(shell.json("key", "show", name)["versions"][0]["state"] != "destroy-scheduled" for name in answer["keys"])


def test_no_command_was_left_out(shell):
    assert sorted(ELSEWHERE - driven) == []
