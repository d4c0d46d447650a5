"""A real log of 10 000 records, tampered with in every way at many places: `hsmgate audit verify` finds each, with the right verdict, and
nothing else; proofs of records hold without the log, and changed ones do not."""
import base64
import json
import os
import random
import re
import shutil
import subprocess

import pytest

import audit_log
from gateway import Gateway, programs

RECORDS = 10_000


class Auditor:
    """Runs hsmgate offline: without the gateway, its address or a token."""

    def __init__(self, folder):
        self.folder = folder
        self.env = {name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS") or name == "PATH"}
        self.env["HSMGATE_ADDR"] = "http://127.0.0.1:1"

    def run(self, *args):
        done = subprocess.run([programs() / "hsmgate", "audit", *map(str, args)], capture_output=True, env=self.env, timeout=120)
        assert done.returncode in (0, 1, 2), done
        return done

    def verify(self, *args, log=None):
        """(exit status, verdict line)"""
        done = self.run("verify", "--log", log or self.folder, *args)
        assert done.stdout, done.stderr.decode()
        return done.returncode, done.stdout.decode().splitlines()[0]


class Evidence:
    """The log's folder, and what an auditor keeps elsewhere."""

    def __init__(self, home, gateway):
        self.log = home / "log"
        self.kept = home / "kept"
        self.kept.mkdir()
        shutil.copytree(gateway.data / "audit", self.log)
        self.checkpoint = self.kept / "checkpoint"
        self.key = self.kept / "key.pub"
        shutil.copy(self.log / "checkpoint", self.checkpoint)
        shutil.copy(self.log / "checkpoint.pub", self.key)
        self.file, = self.log.glob("audit-*.jsonl")
        self.leaves, = self.log.glob("audit-*.leaves")
        self.lines = self.file.read_bytes().splitlines()
        self.size = len(self.lines)
        self.auditor = Auditor(self.log)

    def judge(self, lines, *args):
        """The verdict over other lines; the log is put back afterwards."""
        whole = self.file.read_bytes()
        self.file.write_bytes(lines if isinstance(lines, bytes) else b"".join(line + b"\n" for line in lines))
        try:
            return self.auditor.verify(*args)
        finally:
            self.file.write_bytes(whole)

    def trusted(self):
        return "--checkpoint", self.checkpoint, "--key", self.key


@pytest.fixture(scope="module")
def evidence(tmp_path_factory):
    with Gateway() as gateway:
        connection = gateway.connect()
        for _ in range(RECORDS):
            assert gateway.call("GET", "/v1/auth/whoami", connection=connection).status == 200
        connection.close()
        gateway.stop()
        found = Evidence(tmp_path_factory.mktemp("audit"), gateway)
    assert found.size > RECORDS and audit_log.newest(found.log).size == found.size
    return found


def sample(evidence):
    """Both ends, turning points of the tree, and places by chance, of records 2 to the last but one; each is judged by what lies in the
    folder or by what was kept elsewhere."""
    turns = [2**n + d for n in (6, 10, 13) for d in (-1, 0, 1)]
    chance = random.Random(7).sample(range(2, evidence.size), 4)
    places = sorted({2, 3, evidence.size - 1, *turns, *chance})
    return [(seq, evidence.trusted() if i % 2 else ()) for i, seq in enumerate(places)]


def test_an_untouched_log_is_intact(evidence):
    assert evidence.auditor.verify() == (0, "intact")
    assert evidence.auditor.verify(*evidence.trusted()) == (0, "intact")
    done = evidence.auditor.run("verify", "--log", evidence.log, "--json", *evidence.trusted())
    found = json.loads(done.stdout)
    root = audit_log.roots_of(evidence.lines, {evidence.size})[evidence.size]
    assert (found["verdict"], found["records"], base64.b64decode(found["root"])) == ("intact", evidence.size, root)
    assert (found["signature_checked"], found["key_source"]) == (True, "given")
    assert found["checkpoint"] == {"size": evidence.size, "root": found["root"]}


def test_the_answer_says_what_a_key_beside_the_log_is_worth(evidence):
    beside = evidence.auditor.run("verify", "--log", evidence.log).stdout.decode()
    assert "proves nothing against whoever can write there" in beside
    given = evidence.auditor.run("verify", "--log", evidence.log, *evidence.trusted()).stdout.decode()
    assert "proves nothing" not in given and "by the key that was given" in given


def change(lines, i):
    line = lines[i]
    place = line.rindex(b'"time":"20') + 9
    return lines[:i] + [line[:place] + b"9" + line[place + 1:]] + lines[i + 1:]


def delete(lines, i):
    return lines[:i] + lines[i + 1:]


def insert(lines, i):
    return lines[:i] + [lines[i]] + lines[i:]


def insert_renumbered(lines, i):
    """One more record, and all behind it numbered anew, as somebody careful would."""
    return lines[:i] + [lines[i]] + [re.sub(rb'"seq":(\d+)', lambda m: b'"seq":%d' % (int(m[1]) + 1), line, count=1) for line in lines[i:]]


def delete_renumbered(lines, i):
    return lines[:i] + [re.sub(rb'"seq":(\d+)', lambda m: b'"seq":%d' % (int(m[1]) - 1), line, count=1) for line in lines[i + 1:]]


def swap(lines, i):
    return lines[:i] + [lines[i + 1], lines[i]] + lines[i + 2:]


def swap_renumbered(lines, i):
    first = re.sub(rb'"seq":\d+', b'"seq":%d' % (i + 1), lines[i + 1], count=1)
    second = re.sub(rb'"seq":\d+', b'"seq":%d' % (i + 2), lines[i], count=1)
    return lines[:i] + [first, second] + lines[i + 2:]


@pytest.mark.parametrize("tamper", [change, delete, delete_renumbered, insert, insert_renumbered, swap, swap_renumbered])
def test_each_record_is_missed(evidence, tamper):
    # The record of a copied line is the first that is wrong: behind the original for `insert`, which stays whole.
    behind = 1 if tamper in (insert, insert_renumbered) else 0
    for seq, trust in sample(evidence):
        found = evidence.judge(tamper(evidence.lines, seq - 1), *trust)
        assert found == (1, f"record {seq + behind} changed"), f"{tamper.__name__} of record {seq}"
    assert evidence.auditor.verify() == (0, "intact")


def test_the_first_and_the_last_record_too(evidence):
    last = evidence.size
    assert evidence.judge(change(evidence.lines, 0)) == (1, "record 1 changed")
    assert evidence.judge(delete(evidence.lines, 0)) == (1, "record 1 changed")
    assert evidence.judge(change(evidence.lines, last - 1)) == (1, f"record {last} changed")


def test_a_missing_end_is_found(evidence):
    last = evidence.size
    for seq, trust in [(1, ()), *sample(evidence), (last, evidence.trusted())]:
        found = evidence.judge(evidence.lines[:seq - 1], *trust)
        assert found == (1, f"records missing at the end: {seq} to {last}")
    assert evidence.auditor.verify() == (0, "intact")


def test_a_torn_line_is_told_apart(evidence):
    """A crash tears a line that no checkpoint covers yet."""
    torn = b"".join(line + b"\n" for line in evidence.lines) + b'{"seq":%d,"time":"20' % (evidence.size + 1)
    for trust in ((), evidence.trusted()):
        assert evidence.judge(torn, *trust) == (1, f"torn last line after record {evidence.size}")


def test_a_log_written_anew_contradicts_a_checkpoint_kept_elsewhere(evidence, tmp_path):
    """Whoever may write in the folder makes everything there fit again, but for the signature."""
    forged = tmp_path / "log"
    shutil.copytree(evidence.log, forged)
    lines = change(evidence.lines, 4711)
    (forged / evidence.file.name).write_bytes(b"".join(line + b"\n" for line in lines))
    edge = (forged / evidence.leaves.name).read_bytes()[:-32 * evidence.size]
    (forged / evidence.leaves.name).write_bytes(edge + b"".join(audit_log.leaf(line) for line in lines))
    for path in [*forged.glob("*.checkpoints"), forged / "checkpoint", forged / "checkpoint.pub"]:
        path.unlink()
    auditor = Auditor(forged)
    assert auditor.verify("--checkpoint", evidence.checkpoint) == (1, "contradicts the checkpoint")
    assert auditor.verify(*evidence.trusted()) == (1, "contradicts the checkpoint")
    # Without anything kept elsewhere it passes, and says what that is worth; with the right key alone it does not.
    status, line = auditor.verify()
    assert (status, line) == (0, "intact")
    assert "without a checkpoint nothing proves" in auditor.run("verify", "--log", forged).stdout.decode()
    assert auditor.verify("--key", evidence.key) == (1, "no checkpoint for the key to prove")
    shutil.copy(evidence.checkpoint, forged / "checkpoint")
    assert auditor.verify("--key", evidence.key) == (1, "contradicts the checkpoint")


def test_a_forged_checkpoint_is_refused(evidence, tmp_path):
    forged = tmp_path / "checkpoint"
    note = evidence.checkpoint.read_bytes()
    forged.write_bytes(note.replace(b"\n%d\n" % evidence.size, b"\n%d\n" % (evidence.size - 1), 1))
    done = evidence.auditor.run("verify", "--log", evidence.log, "--checkpoint", forged, "--key", evidence.key)
    assert done.returncode == 1 and b"signature" in done.stderr and not done.stdout
    forged.write_bytes(note[:40])
    done = evidence.auditor.run("verify", "--log", evidence.log, "--checkpoint", forged)
    assert done.returncode == 1 and not done.stdout and b"try:" not in done.stderr


def test_records_are_proved_without_the_log(evidence, tmp_path):
    proof = tmp_path / "proof"
    for seq in (1, 2, 4711, 8192, 8193, evidence.size):
        assert evidence.auditor.run("prove", seq, "--log", evidence.log, "--checkpoint", evidence.checkpoint, "--out", proof).returncode == 0
        done = evidence.auditor.run("check", proof, "--key", evidence.key)
        out = done.stdout.decode().splitlines()
        assert done.returncode == 0, done.stderr.decode()
        assert out[0] == f"record {seq} is in the log" and out[1].encode() == evidence.lines[seq - 1]
        found = json.loads(evidence.auditor.run("check", proof, "--key", evidence.key, "--json").stdout)
        assert found["proved"] and found["seq"] == seq and found["record"].encode() == evidence.lines[seq - 1]


def test_a_changed_proof_is_refused(evidence, tmp_path):
    proof, bad = tmp_path / "proof", tmp_path / "bad"
    proof.write_bytes(evidence.auditor.run("prove", 4711, "--log", evidence.log).stdout)
    whole = proof.read_bytes()
    assert evidence.auditor.run("check", proof, "--key", evidence.key).returncode == 0
    for at in random.Random(8).sample(range(len(whole)), 30):
        swapped = bytearray(whole)
        swapped[at] = ord("A") if whole[at] != ord("A") else ord("B")
        bad.write_bytes(swapped)
        done = evidence.auditor.run("check", bad, "--key", evidence.key)
        assert done.returncode == 1 and not done.stdout, f"byte {at} of {whole!r}"
    bad.write_bytes(whole[:-1])
    assert evidence.auditor.run("check", bad, "--key", evidence.key).returncode == 1


def test_a_proof_needs_a_key_from_elsewhere(evidence, tmp_path):
    proof = tmp_path / "proof"
    proof.write_bytes(evidence.auditor.run("prove", 1, "--log", evidence.log).stdout)
    done = evidence.auditor.run("check", proof)
    assert done.returncode == 1 and b"--key FILE" in done.stderr and not done.stdout
    other = tmp_path / "other"
    other.write_text("not a key\n")
    assert evidence.auditor.run("check", proof, "--key", other).returncode == 1


def test_what_cannot_be_proved(evidence, tmp_path):
    assert evidence.auditor.run("prove", evidence.size + 1, "--log", evidence.log).returncode == 1
    assert evidence.auditor.run("prove", 1, "--log", tmp_path / "nowhere").returncode == 1
    assert evidence.auditor.run("verify", "--log", tmp_path / "nowhere").returncode == 1
    for wrong in ("0", "-1", "x", "1x", ""):
        assert evidence.auditor.run("prove", "--log", evidence.log, "--", wrong).returncode == 2, wrong
    assert evidence.auditor.run("verify").returncode == 2
    assert evidence.auditor.run("prove", "--log", evidence.log).returncode == 2
