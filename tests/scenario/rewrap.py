"""Bulk rewrap on the real daemon: thousands of lines through a command line that is killed again and again and a gateway that goes away; in the
end every good line is there once, in its place, opens to what it was, and every bad one is in the file of rejects."""
import json
import os
import random
import select
import signal
import socket
import stat
import subprocess
import time

import pytest

from gateway import Gateway, b64, programs, unb64

LINES = 5000
KEY = "rewrap/test/k"
BATCH = 250


class FixedPort(Gateway):
    """A development instance that comes back at the same address."""

    def __init__(self):
        super().__init__()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    def start(self):
        self.launch("dev", "--data", self.data, "--listen", f"127.0.0.1:{self.port}")
        self.env = self.read_env()
        return self


@pytest.fixture(scope="module")
def gateway():
    with FixedPort() as running:
        running.key(KEY, "aes-256-gcm")
        yield running


class Corpus:
    """Lines, what the good ones open to (None: empty, or bad), and which are bad with which code."""

    def __init__(self, gateway, count):
        self.lines, self.plain, self.bad = [], [], {}
        kinds = [kind for kind in ("plain", "object", "context", "data-key") for _ in range(count // 4 // BATCH + 1)]
        good = [line for kind in kinds for line in self.seal(gateway, kind)][:count]
        random.Random(7).shuffle(good)
        for line, plaintext in good:
            self.add(line, plaintext)
        for at in (0, 1, count // 2, count // 2 + 1, count + 3):
            self.spoil(at)
        self.put_empty(count // 3)

    def seal(self, gateway, kind):
        plaintexts = [os.urandom(random.choice((0, 1, 16, 200, 3000))) for _ in range(BATCH)]
        contexts = [{"row": str(i), "ü": "\n\""} if kind == "context" else {} for i in range(BATCH)]
        if kind == "data-key":
            results = gateway.verb(KEY, "data-key", {"items": [{"plaintext": True}] * BATCH})["results"]
            plaintexts = [unb64(r["plaintext"]) for r in results]
        else:
            items = [{"plaintext": b64(p), "context": c} for p, c in zip(plaintexts, contexts)]
            results = gateway.verb(KEY, "encrypt", {"items": items})["results"]
        for i, (result, plaintext, context) in enumerate(zip(results, plaintexts, contexts)):
            text = result["ciphertext"]
            if kind in ("object", "context"):
                # members before and after, numbers that no double holds, and a slash as PHP writes it
                written = json.dumps({"id": 2**63 + i, "ciphertext": text, "context": context, "more": [1, {"ciphertext": "no"}]}, ensure_ascii=i % 2 == 0)
                text = written.replace(text, text.replace("/", "\\/") if i % 3 == 0 else text)
            yield text, (kind, plaintext, context)

    def add(self, line, plaintext):
        self.lines.append(line)
        self.plain.append(plaintext)

    def spoil(self, at):
        """A bad line of each kind, where it is put."""
        bad = [("not base64!", "invalid_base64"), ('{"ciphertext":"AAAA"', "invalid_json"), ('{"cipher":"AAAA"}', "invalid_field"), ("AAAA", "invalid_ciphertext")]
        line, code = bad[len(self.bad) % len(bad)]
        self.lines.insert(at, line)
        self.plain.insert(at, None)
        self.bad = {i + 1 if i >= at else i: c for i, c in self.bad.items()}
        self.bad[min(at, len(self.lines) - 1)] = code

    def put_empty(self, at):
        self.lines.insert(at, "")
        self.plain.insert(at, None)
        self.bad = {i + 1 if i >= at else i: c for i, c in self.bad.items()}

    def write(self, path, lines=None):
        path.write_text("\n".join(lines or self.lines) + "\n")


@pytest.fixture(scope="module")
def corpus(gateway):
    made = Corpus(gateway, LINES)
    gateway.verb(KEY, "rotate", {"immediate": True})
    return made


class Rewrap:
    def __init__(self, gateway, folder):
        self.folder = folder
        self.env = {"PATH": os.environ["PATH"], "HSMGATE_ADDR": gateway.address, "HSMGATE_TOKEN": gateway.token}
        self.env.update({name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")})

    def start(self, *args, key=KEY, **more):
        return subprocess.Popen([programs() / "hsmgate", "rewrap", "--key", key, *args], cwd=self.folder, env=self.env, stderr=subprocess.PIPE, **more)

    def run(self, *args, status=0, data=None, key=KEY):
        process = self.start(*args, key=key, stdin=subprocess.PIPE if data is not None else subprocess.DEVNULL, stdout=subprocess.PIPE)
        out, err = process.communicate(data, timeout=300)
        assert process.returncode == status, f"{args} ended with {process.returncode}: {err.decode()}"
        return out.decode(), err.decode()

    def done(self, name="out.state"):
        """Lines that the state says are done; -1 without one."""
        try:
            return json.loads((self.folder / name).read_text())["lines"]
        except FileNotFoundError:
            return -1


@pytest.fixture
def rewrap(gateway, corpus, tmp_path):
    return Rewrap(gateway, tmp_path)


def closely(check):
    """Looks until it is true, without a pause: what is looked at takes milliseconds."""
    deadline = time.monotonic() + 60
    while not check():
        assert time.monotonic() < deadline


def said_until(process, wanted):
    """What it writes to standard error up to these words."""
    said = b""
    while wanted not in said:
        ready, _, _ = select.select([process.stderr], [], [], 60)
        assert ready, f"no {wanted!r} in {said!r}"
        said += os.read(process.stderr.fileno(), 4096)
    return said


def ciphertext_of(line):
    return json.loads(line)["ciphertext"] if line.startswith("{") else line


def check_output(gateway, corpus, lines):
    """The output has the good and the empty lines, in order, moved to version 2, and every one opens to what it was."""
    wanted = [(line, plain) for i, (line, plain) in enumerate(zip(corpus.lines, corpus.plain)) if i not in corpus.bad]
    assert len(lines) == len(wanted)
    opened = {"decrypt": [], "unwrap": []}
    for got, (line, plain) in zip(lines, wanted):
        if plain is None:
            assert got == ""
            continue
        kind, plaintext, context = plain
        old, new = ciphertext_of(line), ciphertext_of(got)
        assert new != old
        if line.startswith("{"):  # nothing else has changed, to the byte
            spelled = next(s for s in (old, old.replace("/", "\\/")) if s in line)
            assert got == line.replace(spelled, new)
        opened["unwrap" if kind == "data-key" else "decrypt"].append(({"ciphertext": new, "context": context}, plaintext))
    for verb, items in opened.items():
        for i in range(0, len(items), BATCH):
            part = items[i:i + BATCH]
            results = gateway.verb(f"{KEY}@2", verb, {"items": [item for item, _ in part]})["results"]
            assert [r.get("plaintext") for r in results] == [b64(p) for _, p in part]


def check_rejects(corpus, path):
    rejects = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(r["line"], r["error"], r["input"]) for r in rejects] == [(i + 1, code, corpus.lines[i]) for i, code in sorted(corpus.bad.items())]
    assert all(r["detail"] for r in rejects)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_killed_again_and_again(gateway, corpus, rewrap, tmp_path):
    corpus.write(tmp_path / "in")
    chance = random.Random()
    kills, ended = 0, None
    while ended is None:
        target = rewrap.done() + chance.randint(0, 900)
        process = rewrap.start("--in", "in", "--out", "out", stdout=subprocess.DEVNULL)
        closely(lambda: process.poll() is not None or rewrap.done() >= target)
        process.kill()
        _, said = process.communicate()
        kills += 1
        if process.returncode != -signal.SIGKILL:
            ended = process.returncode
        elif rewrap.done() < 0 and (tmp_path / "out").exists() and (tmp_path / "out").stat().st_size > 0:
            ended = 1  # killed between the last two steps: the state is gone, all is done
        elif kills % 2 == 0:  # as if it had been killed between writing and recording, which is a narrow place
            for name in ("out", "out.rejects"):
                with open(tmp_path / name, "ab") as behind:
                    behind.write(b'{"torn')
    assert kills >= 4 and ended == 1, said
    check_output(gateway, corpus, (tmp_path / "out").read_text().splitlines())
    check_rejects(corpus, tmp_path / "out.rejects")
    assert sorted(p.name for p in tmp_path.iterdir() if not p.name.startswith("out.state.")) == ["in", "out", "out.rejects"]
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o600


def test_the_gateway_goes_away_and_comes_back(gateway, corpus, rewrap, tmp_path):
    corpus.write(tmp_path / "in")
    process = rewrap.start("--in", "in", "--out", "out", stdout=subprocess.DEVNULL)
    closely(lambda: rewrap.done() > 500)
    gateway.kill()
    said_until(process, b"trying again")
    assert process.poll() is None and 0 < rewrap.done() < len(corpus.lines)
    gateway.start()
    _, said = process.communicate(timeout=300)
    assert process.returncode == 1, said
    check_output(gateway, corpus, (tmp_path / "out").read_text().splitlines())
    check_rejects(corpus, tmp_path / "out.rejects")


def test_a_signal_ends_it_at_a_good_place(gateway, corpus, rewrap, tmp_path):
    good = [line for i, line in enumerate(corpus.lines) if i not in corpus.bad]
    corpus.write(tmp_path / "in", good)
    for how in (signal.SIGTERM, signal.SIGINT):
        before = rewrap.done()
        process = rewrap.start("--in", "in", "--out", "out", stdout=subprocess.DEVNULL)
        closely(lambda: rewrap.done() > max(before, 0))
        process.send_signal(how)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 1 and f"stopped after line {rewrap.done()}: start the same command" in said.decode()
        assert (tmp_path / "out").read_text().count("\n") == rewrap.done()  # no more than what is recorded
    refused = rewrap.run("--in", "in", "--out", "out", "--context", "a=b", status=1)[1]
    assert "--context" in refused and "(conflict)" in refused
    corpus.write(tmp_path / "other", good[:50] + good[:50] + good)
    assert "not the same input" in rewrap.run("--in", "other", "--out", "out", status=1)[1]
    out, said = rewrap.run("--in", "in", "--out", "out", "--json")
    summary = json.loads(out)
    assert said == "" and summary["finished"] and summary["state_removed"] and summary["bad"] == 0
    assert summary["lines"] == len(good) and summary["resumed_after"] > 0 and not (tmp_path / "out.state").exists()
    got = (tmp_path / "out").read_text().splitlines()
    check_output(gateway, corpus, got)
    assert not (tmp_path / "out.rejects").exists()
    assert "is there already" in rewrap.run("--in", "in", "--out", "out", status=1)[1]
    assert (tmp_path / "out").read_text().splitlines() == got


def test_through_pipes(gateway, corpus, rewrap, tmp_path):
    data = ("\n".join(corpus.lines) + "\n").encode()
    out, said = rewrap.run(data=data, status=1)
    check_output(gateway, corpus, out.splitlines())
    check_rejects(corpus, tmp_path / "rewrap.rejects")
    assert f"{len(corpus.bad)} bad" in said and "rewrap.rejects has each" in said
    assert "rewrap.rejects is there already" in rewrap.run(data=data, status=1)[1]
    # one line at a time, each answered before the next is given
    process = rewrap.start("--rejects", "none", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    for line in [line for i, line in enumerate(corpus.lines[:40]) if i not in corpus.bad and line]:
        process.stdin.write(line.encode() + b"\n")
        process.stdin.flush()
        assert process.stdout.readline().strip()
    process.communicate(timeout=60)
    assert process.returncode == 0 and not (tmp_path / "none").exists()


def test_a_pipe_with_a_state(gateway, corpus, rewrap, tmp_path):
    data = ("\n".join(corpus.lines) + "\n").encode()
    with open(tmp_path / "out", "wb") as out, subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=out) as reader:
        process = rewrap.start("--state", "here", stdin=subprocess.PIPE, stdout=reader.stdin)
        process.stdin.write(data[:len(data) // 2])
        process.stdin.flush()
        closely(lambda: rewrap.done("here") > 1000)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 1 and b"same input again" in said
    second, _ = rewrap.run("--state", "here", data=data, status=1)
    check_output(gateway, corpus, ((tmp_path / "out").read_text() + second).splitlines())
    check_rejects(corpus, tmp_path / "rewrap.rejects")
    assert not (tmp_path / "here").exists()


def test_standard_output_to_a_file(gateway, corpus, rewrap, tmp_path):
    corpus.write(tmp_path / "in")
    with open(tmp_path / "out", "ab") as out:
        process = rewrap.start("--in", "in", "--state", "here", stdout=out)
        closely(lambda: rewrap.done("here") > 1000)
        process.kill()
        process.communicate()
        os.write(out.fileno(), b"torn")
        process = rewrap.start("--in", "in", "--state", "here", stdout=out)
        _, said = process.communicate(timeout=300)
    assert process.returncode == 1, said
    check_output(gateway, corpus, (tmp_path / "out").read_text().splitlines())
    check_rejects(corpus, tmp_path / "rewrap.rejects")


def test_what_no_line_can_help_ends_the_run(gateway, corpus, rewrap, tmp_path):
    corpus.write(tmp_path / "in")
    said = rewrap.run("--in", "in", "--out", "out", key="rewrap/no/such", status=1)[1]
    assert "(not_found)" in said and sorted(p.name for p in tmp_path.iterdir()) == ["in"]  # nothing stays that would be in the way
    gateway.key("rewrap/test/sign", "ecdsa-p256")
    assert "(unsupported_operation)" in rewrap.run("--in", "in", "--out", "out", key="rewrap/test/sign", status=1)[1]
    with open("/dev/full", "wb") as full:
        process = rewrap.start("--in", "in", "--rejects", "r", stdout=full)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 1 and b"standard output: " in said


def test_a_key_that_is_used_up(gateway, rewrap, tmp_path):
    name = "rewrap/test/few"
    gateway.key(name, "aes-256-gcm", rotation={"max_uses": 300})
    sealed = gateway.verb(name, "encrypt", {"items": [{"plaintext": b64(b"%d" % i)} for i in range(40)]})["results"]
    gateway.verb(name, "rotate", {"immediate": True})
    lines = [r["ciphertext"] for r in sealed] * 10  # 256 of them use the new version, then it is at its end
    (tmp_path / "in").write_text("\n".join(lines) + "\n")
    said = rewrap.run("--in", "in", "--out", "out", key=name, status=1)[1]
    assert "(key_exhausted)" in said and "try: hsmgate key rotate" in said and "stopped after line 256" in said
    gateway.verb(name, "rotate", {"immediate": True})
    rewrap.run("--in", "in", "--out", "out", key=name)
    results = gateway.verb(name, "decrypt", {"items": [{"ciphertext": t} for t in (tmp_path / "out").read_text().splitlines()[150:400]]})["results"]
    assert [unb64(r["plaintext"]) for r in results] == [b"%d" % (i % 40) for i in range(150, 400)]


def test_wrong_usage(rewrap):
    for args, said in [((), "name the key"), (("a/b", "--key", "a/b"), "name the key"), (("a/b", "--state", "x"), "--state needs --key"),
                       (("--key", "a/b", "--raw"), "--raw is for one"), (("--key", "a/b", "--patience", "soon"), "takes a time")]:
        done = subprocess.run([programs() / "hsmgate", "rewrap", *args], cwd=rewrap.folder, env=rewrap.env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert done.returncode == 2 and said in done.stderr, done.stderr
