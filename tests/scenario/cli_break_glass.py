"""The command line of break-glass against the real daemon, as people use it at night: asking, reading, typing the key's name on a terminal, signing
with files, with ssh-keygen and without network, opening and opening again, the roster, the evidence, the drill."""
import hashlib
import json
import os
import pty
import re
import select
import stat
import subprocess
import termios
import time

import pytest
from jwcrypto import jwk

from cli import BREAK_GLASS, Shell, driven
from daemon import until
from gateway import Gateway, programs

KEY = "vault/prod/dek"
SECRET = b"the secret\x00\xff"


@pytest.fixture(scope="module")
def gateway():
    with Gateway() as running:
        yield running


@pytest.fixture(scope="module")
def key(gateway, tmp_path_factory):
    shell = Shell(gateway, tmp_path_factory.mktemp("key"))
    assert shell.key(KEY, "aes-256-gcm", "--approval", "officers:2") == f"created {KEY}, version 1 (aes-256-gcm, encrypt)\n"
    assert re.search(r"^approval +group=officers m=2$", shell.text("key", "show", KEY), re.M)


@pytest.fixture
def shell(gateway, key, tmp_path):
    shell = Shell(gateway, tmp_path)
    (tmp_path / "c.b64").write_text(shell.text("encrypt", KEY, "--context", "table=cards", data=SECRET))
    return shell


def voter(gateway, number):
    return gateway.data / "voters" / f"voter-{number}.pem"


def ask(shell, *more):
    """The id of a request that was just made."""
    return shell.json("break-glass", "request", "--key", KEY, "--ciphertext", "c.b64", "--context", "table=cards", "--reason", "the database is down",
                      "--ticket", "INC-7", *more)["id"]


def approve(shell, gateway, id, number, name=KEY):
    return shell.text("break-glass", "approve", id, "--key", voter(gateway, number), "--yes-i-typed", name)


def approved(shell, gateway, *more):
    id = ask(shell, *more)
    approve(shell, gateway, id, 1)
    assert "approved, 2 of 2 approvals" in approve(shell, gateway, id, 2)
    return id


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def on_terminal(shell, *args, answers=(), status=0):
    """Runs it on a terminal of its own, with an answer to each question in its turn. Everything that it wrote."""
    left, heard = list(answers), 0
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(shell.folder)
        os.execve(programs() / "hsmgate", ["hsmgate", *map(str, args)], {**shell.env, "TERM": "xterm"})
    said, deadline = b"", time.monotonic() + 60
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # the other end is closed
            break
        said += piece
        if left and left[0][0] in said[heard:]:
            heard = len(said)
            if b"pass phrase" in left[0][0]:  # the question comes before the terminal stops to echo
                until("the terminal does not echo", lambda: not termios.tcgetattr(terminal)[3] & termios.ECHO)
            os.write(terminal, left.pop(0)[1].encode() + b"\n")
    _, ended = os.waitpid(pid, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(ended) == status, said.decode()
    driven.add(" ".join(args[:2]))
    return said.decode()


# --- asking ---

def test_what_is_asked_is_said_in_words(shell, gateway, tmp_path):
    assert "through break-glass" in shell.fails("decrypt", KEY, "--context", "table=cards", "--in", "c.b64")
    said = shell.text("break-glass", "request", "--key", KEY, "--ciphertext", "c.b64", "--context", "table=cards", "--reason", "the database is down", "--ticket", "INC-7")
    id = re.match(r"([0-9a-f-]{36}): pending, 0 of 2 approvals, until 20\S+Z \(in ", said).group(1)
    for part in ("OPEN ONE CIPHERTEXT", "the database is down", "INC-7", "who may still vote: voter-1, voter-2, voter-3\n",
                 f"hsmgate break-glass approve {id} --key KEY.pem\n", f"hsmgate break-glass watch {id}\n", f"hsmgate break-glass open {id} "):
        assert part in said, part
    private = json.loads((tmp_path / f"break-glass-{id}.key").read_text())
    assert private["kty"] == "EC" and private["crv"] == "P-256" and jwk.JWK(**private).has_private
    assert mode(tmp_path / f"break-glass-{id}.key") == 0o600 and list(tmp_path.glob("break-glass-new-*")) == []
    shown = shell.text("break-glass", "show", id)
    assert "nobody has voted yet\n" in shown and "OPEN ONE CIPHERTEXT" in shown
    digest = re.search(r"digest of the statement.*:\n((?:    [0-9a-f ]{19}\n){4})", shown).group(1)
    assert re.sub(r"\s", "", digest) == shell.json("break-glass", "show", id)["digest"]
    listed = shell.text("break-glass", "list", "--state", "pending", "--key", KEY)
    assert re.search(rf"^{id} +open +pending +0/2 +in \S+.* {KEY} +token:admin +the database is down$", listed, re.M)
    assert id not in shell.text("break-glass", "list", "--state", "opened")
    assert shell.text("break-glass", "cancel", id, "--reason", "solved").startswith(f"{id}: cancelled")
    assert shell.text("break-glass", "watch", id, status=1).startswith(f"{id}: cancelled, ")


def test_what_cannot_be_asked_leaves_nothing(shell, tmp_path):
    (tmp_path / "none.b64").write_text("bm90aGluZw==\n")
    words = ("--reason", "r", "--ticket", "t")
    assert "no ciphertext of hsmgate" in shell.fails("break-glass", "request", "--key", KEY, "--ciphertext", "none.b64", *words)
    shell.fails("break-glass", "request", "--key", "no/such/key", "--ciphertext", "c.b64", *words)
    assert "--ticket" in shell.fails("break-glass", "request", "--key", KEY, "--ciphertext", "c.b64", "--reason", "r", status=2)
    assert "--curve" in shell.fails("break-glass", "request", "--key", KEY, "--ciphertext", "c.b64", *words, "--curve", "P-521", status=2)
    assert list(tmp_path.glob("break-glass-*")) == []
    assert "break-glass list" in shell.fails("break-glass", "show", "nonsense")


# --- voting ---

def test_the_key_is_typed_on_a_terminal(shell, gateway):
    id = ask(shell)
    vote = ("break-glass", "approve", id, "--key", voter(gateway, 1))
    said = on_terminal(shell, *vote, answers=[(b"type the name of the key: ", "vault/prod/dec")], status=1)
    assert "nothing was signed" in said
    assert shell.json("break-glass", "show", id)["votes"] == []
    said = on_terminal(shell, *vote, answers=[(b"type the name of the key: ", KEY)])
    assert said.index("OPEN ONE CIPHERTEXT") < said.index("sign your YES") < said.index("voter-1: approved")
    no_terminal = subprocess.run([programs() / "hsmgate", *map(str, vote)], input=f"{KEY}\n".encode(), capture_output=True, env=shell.env, cwd=shell.folder, start_new_session=True)
    assert no_terminal.returncode == 1 and b"no terminal" in no_terminal.stderr, "a pipe must not answer for a person"
    assert [v["voter"] for v in shell.json("break-glass", "show", id)["votes"]] == ["voter-1"]


def test_a_passphrase_is_asked_for_once(shell, gateway, tmp_path):
    id = ask(shell)
    subprocess.run(["openssl", "pkcs8", "-topk8", "-in", voter(gateway, 2), "-out", "locked.pem", "-passout", "pass:open sesame"], cwd=tmp_path, check=True)
    os.chmod(tmp_path / "locked.pem", 0o600)
    said = on_terminal(shell, "break-glass", "approve", id, "--key", "locked.pem", answers=[(b"pass phrase:", "open sesame"), (b"type the name of the key: ", KEY)])
    assert said.count("pass phrase:") == 1 and "voter-2: approved" in said and "open sesame" not in said


def test_a_no_is_final(shell, gateway):
    id = ask(shell)
    approve(shell, gateway, id, 1)
    said = shell.text("break-glass", "deny", id, "--key", voter(gateway, 3), "--yes-i-typed", KEY)
    assert said.index("voter-3: denied\n") < said.index(f"{id}: denied") and "that is final" in said
    late = shell.run("break-glass", "approve", id, "--key", voter(gateway, 2), "--yes-i-typed", KEY, status=1)
    assert b"(invalid_state)" in late.stderr
    assert "denied" in shell.text("break-glass", "watch", id, status=1)
    shell.fails("break-glass", "open", id)


def test_voting_without_network(shell, gateway, tmp_path):
    id = ask(shell)
    said = shell.text("break-glass", "save", id, "--out", "statement.json")
    digest = hashlib.sha256((tmp_path / "statement.json").read_bytes()).hexdigest()
    assert digest in said and digest == shell.json("break-glass", "show", id)["digest"]
    away = {"HSMGATE_ADDR": "http://127.0.0.1:9", "HSMGATE_TOKEN": ""}
    words = ("--statement", "statement.json", "--key", voter(gateway, 2), "--yes-i-typed", KEY, "--out", "vote.json")
    assert "--as" in shell.fails("break-glass", "approve", *words, status=2, **away)
    assert "signed and not sent" in shell.text("break-glass", "approve", *words, "--as", "voter-2", **away)
    assert set(json.loads((tmp_path / "vote.json").read_text())) == {"voter", "decision", "signed_at", "signature", "format"}
    again = shell.run("break-glass", "approve", *words, "--as", "voter-2", status=1, **away)
    assert b"is there already" in again.stderr
    assert "voter-2: approved\n" in shell.text("break-glass", "submit", id, "--vote", "vote.json")
    other = ask(shell)
    shell.fails("break-glass", "submit", other, "--vote", "vote.json")  # it is for one statement
    changed = bytearray((tmp_path / "statement.json").read_bytes())
    changed[100] ^= 1
    (tmp_path / "changed.json").write_bytes(changed)
    shell.run("break-glass", "approve", "--statement", "changed.json", *words[2:-1], "other.json", "--as", "voter-2", status=1, **away)
    assert not (tmp_path / "other.json").exists()


# --- opening ---

def test_open_keeps_the_answer_first(shell, gateway, tmp_path):
    id = approved(shell, gateway)
    assert f"hsmgate break-glass open {id}" in shell.text("break-glass", "watch", id)
    (tmp_path / "wrong.key").write_text(jwk.JWK.generate(kty="EC", crv="P-256").export())
    os.chmod(tmp_path / "wrong.key", 0o600)
    assert "nothing was opened" in shell.fails("break-glass", "open", id, "--key", "wrong.key")
    done = shell.run("break-glass", "open", id)
    assert done.stdout == SECRET and b"hsmgate break-glass unseal" in done.stderr
    assert mode(tmp_path / f"break-glass-{id}.jwe") == 0o600 and list(tmp_path.glob("*.part")) == []
    again = ("break-glass", "unseal", f"break-glass-{id}.jwe", "--key", f"break-glass-{id}.key")
    assert shell.run(*again).stdout == SECRET
    shell.text(*again, "--out", "plain")
    assert (tmp_path / "plain").read_bytes() == SECRET and mode(tmp_path / "plain") == 0o600
    assert f"hsmgate break-glass unseal: break-glass-{id}.jwe (conflict)" in shell.fails("break-glass", "open", id)
    os.remove(tmp_path / f"break-glass-{id}.jwe")
    assert "(invalid_state)" in shell.fails("break-glass", "open", id)
    assert "opened, 2 of 2" in shell.text("break-glass", "show", id)


def test_why_it_failed_is_said(shell, gateway):
    id = shell.json("break-glass", "request", "--key", KEY, "--ciphertext", "c.b64", "--context", "table=other", "--reason", "r", "--ticket", "T")["id"]
    for number in (1, 2):
        approve(shell, gateway, id, number)
    assert "(invalid_ciphertext)" in shell.fails("break-glass", "open", id)
    assert "reason: the ciphertext does not open with this key and context\n" in shell.text("break-glass", "show", id)


def test_a_closed_pipe_loses_nothing(shell, gateway, tmp_path):
    id = approved(shell, gateway, "--curve", "P-384")
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([programs() / "hsmgate", "break-glass", "open", id], stdout=writer, stderr=subprocess.PIPE, env=shell.env, cwd=tmp_path, timeout=60)
    os.close(writer)
    assert done.returncode != 0
    assert shell.run("break-glass", "unseal", f"break-glass-{id}.jwe", "--key", f"break-glass-{id}.key").stdout == SECRET
    with open("/dev/full", "wb") as full:
        done = subprocess.run([programs() / "hsmgate", "break-glass", "unseal", f"break-glass-{id}.jwe", "--key", f"break-glass-{id}.key"], stdout=full,
                              stderr=subprocess.PIPE, env=shell.env, cwd=tmp_path, timeout=60)
    assert done.returncode == 1


def test_bytes_do_not_go_to_a_terminal(shell, gateway, tmp_path):
    id = approved(shell, gateway)
    said = on_terminal(shell, "break-glass", "open", id, status=1)
    assert "--out FILE" in said and "the secret" not in said
    assert shell.run("break-glass", "unseal", f"break-glass-{id}.jwe", "--key", f"break-glass-{id}.key").stdout == SECRET


def test_sealed_to_somebody_else(shell, gateway, tmp_path):
    theirs = jwk.JWK.generate(kty="EC", crv="P-384")
    (tmp_path / "theirs.jwk").write_text(theirs.export_public())
    id = approved(shell, gateway, "--recipient", "theirs.jwk")
    assert list(tmp_path.glob("break-glass-*.key")) == []
    (tmp_path / "theirs.key").write_text(theirs.export())
    os.chmod(tmp_path / "theirs.key", 0o600)
    assert shell.run("break-glass", "open", id, "--key", "theirs.key").stdout == SECRET


def test_watch_waits_on_a_terminal(shell, gateway):
    id = ask(shell)
    approve(shell, gateway, id, 1)
    watching = subprocess.Popen([programs() / "hsmgate", "break-glass", "watch", id], stdout=subprocess.PIPE, env=shell.env, cwd=shell.folder)
    assert watching.stdout.readline().startswith(f"{id}: pending, 1 of 2".encode())
    approve(shell, gateway, id, 3)
    rest, _ = watching.communicate(timeout=60)
    assert watching.returncode == 0 and rest.startswith(f"{id}: approved, 2 of 2".encode())
    assert "\r\x1b[K" + f"{id}: approved" in on_terminal(shell, "break-glass", "watch", id)


# --- the other things that a quorum decides ---

def test_freezing_and_unfreezing(shell, gateway):
    name = "vault/prod/frozen"
    shell.key(name, "aes-256-gcm", "--approval", "officers:2")
    assert shell.text("key", "freeze", name, "--reason", "somebody asks for too much").startswith(f"{name} is frozen")
    assert re.search(r"^frozen +.*somebody asks for too much", shell.text("key", "show", name), re.M)
    said = shell.text("key", "unfreeze", name, "--reason", "it was us")
    assert said.startswith("One person may freeze a key, but only the quorum unfreezes it") and "UNFREEZE A KEY" in said
    id = re.search(r"^([0-9a-f-]{36}): pending", said, re.M).group(1)
    approve(shell, gateway, id, 1, name)
    approve(shell, gateway, id, 2, name)
    assert shell.text("break-glass", "open", id) == f"{name}: it can be opened again, by its rule\n"
    assert "frozen" not in shell.json("key", "show", name)
    shell.text("key", "freeze", name, "--reason", "once more")
    assert "UNFREEZE A KEY" in shell.text("break-glass", "request-unfreeze", name, "--reason", "again")


def test_destroying_and_changing_the_rule(shell, gateway):
    name = "vault/prod/old"
    shell.key(name, "aes-256-gcm", "--approval", "officers:3")
    assert "--m 0 alone" in shell.fails("break-glass", "request-rule", name, "--m", 2, "--reason", "r", status=2)
    away = shell.json("break-glass", "request-rule", name, "--m", 0, "--reason", "nobody needs to agree")
    shell.text("break-glass", "cancel", away["id"])
    id = shell.json("break-glass", "request-rule", name, "--group", "officers", "--m", 2, "--reason", "three are too many")["id"]
    for number in (1, 2, 3):
        approve(shell, gateway, id, number, name)
    assert "the new rule holds now" in shell.text("break-glass", "open", id)
    assert shell.json("key", "show", name)["approval"]["m"] == 2
    said = shell.text("break-glass", "request-rule", name, "--m", 0, "--reason", "nobody needs to be asked")
    assert "TAKE AWAY THE APPROVAL RULE" in said
    for number in (1, 2):
        approve(shell, gateway, said[:36], number, name)
    shell.text("break-glass", "open", said[:36])
    assert "approval" not in shell.json("key", "show", name)
    shell.text("key", "disable", f"{name}@1")
    assert "names no version" in shell.fails("break-glass", "request-destroy", name, "--reason", "r", status=2)
    said = shell.text("break-glass", "request-destroy", f"{name}@1", "--reason", "it is old", "--after", "2d", "--despite-use")
    assert "DESTROY ONE VERSION" in said
    id = said[:36]
    for number in (1, 2, 3):  # the version was made under the rule of three
        approve(shell, gateway, id, number, name)
    assert re.match(rf"{name}: version 1 will be destroyed at 20\S+Z\nto undo it: hsmgate key cancel-destroy {name}@1\n", shell.text("break-glass", "open", id))


# --- evidence ---

def root_of(shell):
    return shell.json("roster", "verify")["root"]


def test_evidence_says_what_it_checks(shell, gateway, tmp_path):
    id = approved(shell, gateway)
    shell.run("break-glass", "open", id)
    assert "hsmgate evidence verify e.json" in shell.text("break-glass", "evidence", id, "--out", "e.json")
    away = {"HSMGATE_ADDR": "http://127.0.0.1:9", "HSMGATE_TOKEN": ""}
    root = root_of(shell)
    said = shell.text("evidence", "verify", "e.json", "--roster-root", root, **away)
    assert "✘" not in said and said.count("✔") == 7 and "e.json: good" in said
    assert "the vote of voter-1: approve" in said and "the vote of voter-2: approve" in said
    assert shell.json("evidence", "verify", "e.json", "--roster-root", root)["good"]
    bad = shell.text("evidence", "verify", "e.json", "--roster-root", "00" * 32, status=1)
    assert "✘" in bad and "NOT good" in bad
    good = (tmp_path / "e.json").read_bytes()
    for at in range(0, len(good), 97):
        (tmp_path / "bad.json").write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1:])
        assert "✘" in shell.text("evidence", "verify", "bad.json", "--roster-root", root, status=1, **away), at
    waiting = ask(shell)
    shell.text("break-glass", "evidence", waiting, "--out", "w.json")
    assert "not carried out" in shell.text("evidence", "verify", "w.json", "--roster-root", root, status=1)


# --- people ---

def test_voters_and_rosters(shell, gateway, tmp_path):
    before = ask(shell)
    approve(shell, gateway, before, 1)
    approve(shell, gateway, before, 3)  # who leaves the roster here
    shell.text("break-glass", "open", before, "--out", "before")
    said = shell.text("voter", "keygen", "--id", "ann", "--name", "Ann Example", "--principal", "token:ann", "--out", "ann.pem")
    assert "Nobody else gets it" in said and mode(tmp_path / "ann.pem") == 0o600
    assert "is there already" in shell.fails("voter", "keygen", "--id", "ann", "--out", "ann.pem")
    registration = json.loads((tmp_path / "ann.pem.voter.json").read_text())
    assert registration["id"] == "ann" and registration["kind"] == "ed25519"
    subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "bob.pem"], cwd=tmp_path, check=True, capture_output=True)
    os.chmod(tmp_path / "bob.pem", 0o600)
    shell.text("voter", "register", "--id", "bob", "--key", "bob.pem", "--out", "bob.json")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "cy"], cwd=tmp_path, check=True)
    assert shell.json("voter", "register", "--id", "cy", "--ssh-key", "cy.pub")["registration"] == "cy.pub.voter.json"
    assert "name your key" in shell.fails("voter", "register", "--id", "cy", status=2)

    drafted = shell.text("roster", "draft", "--out", "next.json", "--add", "ann.pem.voter.json", "--add", "bob.json", "--add", "cy.pub.voter.json", "--remove", "voter-3",
                         "--group", "officers:2:voter-1,ann,cy,group:rest", "--group", "rest:2:voter-2,bob,wait=10m")
    for line in ("- voter-3 (Voter 3)", "+ ann (Ann Example)", "+ group rest: 2 of 2 people (voter-2, bob), after waiting 600 s", "~ group officers: 2 of 5 people"):
        assert line in drafted, line
    assert shell.json("roster", "draft", "--out", "again.json", "--remove", "voter-3")["number"] == 2
    said = shell.text("roster", "propose", "--roster", "next.json", "--reason", "new people", "--out", "s.json")
    assert "REPLACE THE ROSTER" in said and "what changes:\n" in said
    vote = ("--statement", "s.json", "--roster", "next.json", "--yes-i-typed", "2")
    assert "not the roster" in shell.fails("break-glass", "approve", *vote[:2], "--roster", "again.json", *vote[4:], "--as", "voter-1", "--key", voter(gateway, 1), "--out", "v.json")
    for number in (1, 2):
        shell.text("break-glass", "approve", *vote, "--as", f"voter-{number}", "--key", voter(gateway, number), "--out", f"r{number}.json")
    shell.fails("roster", "publish", "--roster", "next.json", "--statement", "s.json", "--vote", "r1.json")
    assert shell.text("roster", "publish", "--roster", "next.json", "--statement", "s.json", "--vote", "r1.json", "--vote", "r2.json").startswith("roster 2 holds now")
    shown = shell.text("roster", "show")
    assert re.search(r"^ann +Ann Example +officers +ed25519 +[0-9a-f]{64}$", shown, re.M) and re.search(r"^cy +cy +officers +ed25519 ", shown, re.M)
    assert re.search(r"^rest +2 of 2 +10m +voter-2, bob$", shown, re.M) and "voter-3" not in shown
    root = root_of(shell)
    (tmp_path / "chain.json").write_text(json.dumps(shell.json("roster", "show")))
    assert "follows from the root" in shell.text("roster", "verify", "--root", root, "--file", "chain.json", HSMGATE_ADDR="http://127.0.0.1:9")
    shell.fails("roster", "verify", "--root", "ab" * 32)
    report = shell.text("roster", "report")
    assert re.search(r"^ann .* never ", report, re.M) and re.search(r"^rest +2 +2 +0 +cannot decide when ONE is away$", report, re.M)

    assert f"{before}: opened, 2 of 2 approvals\n" in shell.text("break-glass", "show", before)
    shell.text("break-glass", "evidence", before, "--out", "e1.json")
    assert "✘" not in shell.text("evidence", "verify", "e1.json", "--roster-root", root)
    id = ask(shell)  # the requester is token:admin, and nobody of the roster
    said = shell.text("break-glass", "approve", id, "--ssh-key", "cy.pub", "--yes-i-typed", KEY)
    assert "cy: approved\n" in said
    assert "approved, 2 of 2" in shell.text("break-glass", "approve", id, "--key", "bob.pem", "--yes-i-typed", KEY)
    assert shell.run("break-glass", "open", id).stdout == SECRET
    shell.text("break-glass", "evidence", id, "--out", "e2.json")
    said = shell.text("evidence", "verify", "e2.json", "--roster-root", root)
    assert "2 rosters, each by the votes of the one before" in said and "the vote of cy: approve" in said
    assert "nobody's key" in shell.fails("break-glass", "approve", ask(shell), "--key", voter(gateway, 3), "--yes-i-typed", KEY)


def test_the_drill(shell, gateway):
    keys = [word for number in (1, 2) for word in ("--voter-key", voter(gateway, number))]
    said = shell.text("drill", "break-glass", *keys, "--approval", "officers:2")
    assert said.endswith("\nbreak-glass: passed\n") and "without people's time" in said and "the evidence proves it" in said
    answer = shell.json("drill", "break-glass", *keys, "--approval", "officers:2", "--keep")
    total = next(step for step in answer["steps"] if "without people's time" in step["step"])
    assert answer["passed"] and 0 < total["milliseconds"]
    again = shell.json("drill", "break-glass", *keys, "--key", answer["keys"][0])
    assert again["passed"] and again["keys"] == []
    assert "who votes?" in shell.fails("drill", "break-glass", status=2)
    stopped = shell.text("drill", "break-glass", *keys, "--key", KEY, status=1)
    assert "keys of drill/ alone" in stopped and stopped.endswith("FAILED\n")


def test_no_command_was_left_out(shell):
    assert sorted(BREAK_GLASS - driven) == []
