"""Fifty rotations under load: a consumer with a cached key set accepts every token, and a caller that is pinned to an old version is
served until that version's time is over."""
import json
import pathlib
import subprocess
import sys
import threading

from configured import Configured
from daemon import Refused, b64, unb64, until
from verifier import Consumer

KEYS = 5
ROTATIONS = 10  # of each key
TTL = 8  # seconds; the overlap is this and the clock skew
POLICY = {"every": "3s", "publish_ahead": "2s", "overlap": "9s"}


class Verifier:
    """verifier.py, fed from any thread."""

    def __init__(self, gateway):
        self.process = subprocess.Popen([sys.executable, pathlib.Path(__file__).parent.parent / "lib" / "verifier.py"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.address = gateway.address
        self.lock = threading.Lock()

    def take(self, name, token):
        with self.lock:
            self.process.stdin.write(f"{self.address}/jwks/{name} {token}\n")
            self.process.stdin.flush()

    def end(self):
        out, _ = self.process.communicate(timeout=120)
        return json.loads(out)


class Load:
    """Threads that go on until they are stopped; what goes wrong in one fails the test."""

    def __init__(self, *works):
        self.stop = threading.Event()
        self.problems = []
        self.counts = [0] * len(works)
        self.threads = [threading.Thread(target=self.run, args=(i, work)) for i, work in enumerate(works)]

    def run(self, number, work):
        try:
            while not self.stop.is_set():
                self.counts[number] += work() or 0
        except Exception as problem:  # told to the test's own thread
            self.problems.append(problem)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, kind, value, trace):
        self.stop.set()
        for thread in self.threads:
            thread.join()
        if kind is None and self.problems:
            raise self.problems[0]


def signer(gateway, verifier, name):
    connection = gateway.connect()

    def work():
        answer = gateway.verb(name, "jwt", {"claims": {"sub": "s", "aud": "a"}, "ttl": f"{TTL}s"}, connection=connection)
        verifier.take(name, answer["token"])
        return 1
    return work


def pinned(gateway, name):
    """Pins the version that is about to retire, uses it for as long as the gateway says that it retires, and then takes the next one."""
    connection = gateway.connect()
    held = {}

    def begin():
        signature = gateway.verb(name, "sign", {"message": b64(b"pinned")}, connection=connection)
        held.update(version=signature["version"], signature=signature["signature"])
        sealed = gateway.verb(name + "-data", "encrypt", {"plaintext": b64(b"pinned")}, connection=connection)
        held.update(sealed=sealed["ciphertext"], data=sealed["version"], seen=set())

    def state(which, version):
        key = gateway.do("GET", f"/v1/keys/{which}", connection=connection)
        return next(v["state"] for v in key["versions"] if v["version"] == version)

    def work():
        if not held:
            begin()
        asked = {"message": b64(b"pinned"), "signature": held["signature"]}
        answer = gateway.verb(f"{name}@{held['version']}", "verify", asked, connection=connection)
        assert answer["valid"] is True and answer["version"] == held["version"], answer
        opened = gateway.verb(f"{name}-data@{held['data']}", "decrypt", {"ciphertext": held["sealed"]}, connection=connection)
        assert unb64(opened["plaintext"]) == b"pinned"
        held["seen"].add(state(name, held["version"]))
        if "retired" in held["seen"]:
            assert "retiring" in held["seen"], held["seen"]
            held.clear()
            return 1
        return 0
    return work


def test_nobody_notices_a_rotation():
    # a channel for each caller, the maker of versions and the witness: here nobody is turned away for lack of one
    with Configured("soft", rotation={"clock_skew": "1s"}, per_token={"soft": {"channels": 16}}) as gateway:
        names = [f"shop/k{i}" for i in range(KEYS)]
        for name in names:
            gateway.key(name, "ecdsa-p256", rotation=POLICY, jwt={"max_ttl": f"{TTL}s", "issuer": "https://shop", "audiences": ["a"]})
        gateway.key(names[0] + "-data", "aes-256-gcm", rotation={"every": "3s", "overlap": "5s"})
        gateway.key("shop/cipher", "aes-256-gcm", rotation={"every": "2s", "overlap": "4s"})
        verifier = Verifier(gateway)
        sealed = []
        connection = gateway.connect()

        def sealer():
            sealed.append(gateway.verb("shop/cipher", "encrypt", {"plaintext": b64(b"%d" % len(sealed))}, connection=connection)["ciphertext"])
            return 1
        works = [signer(gateway, verifier, name) for name in names] + [pinned(gateway, names[0]), sealer]
        with Load(*works) as load:
            primaries = lambda: [gateway.do("GET", f"/v1/keys/{name}")["primary"] for name in names]
            until(f"{ROTATIONS} rotations of each key", lambda: load.problems or min(primaries()) > ROTATIONS)
        seen = verifier.end()
        print(seen, load.counts)
        assert seen["failed"] == 0, seen
        assert seen["kids"] > KEYS * ROTATIONS and seen["checked"] == sum(load.counts[:KEYS]) and seen["again"] == seen["checked"]
        assert load.counts[KEYS] >= 2, "the pinned caller saw too few versions retire"
        for start in range(0, len(sealed), 256):
            part = sealed[start:start + 256]
            results = gateway.verb("shop/cipher", "decrypt", {"items": [{"ciphertext": c} for c in part]})["results"]
            assert [unb64(r["plaintext"]) for r in results] == [b"%d" % (start + i) for i in range(len(part))]
        steps = [r["operation"] for r in gateway.records() if r["kind"] == "system" and r.get("principal") == "system:scheduler"]
        assert steps.count("promote") >= KEYS * ROTATIONS and steps.count("make") >= KEYS * ROTATIONS and steps.count("retire") > 0


def test_a_verifier_can_fail():
    """The consumer notices a version that was not published ahead."""
    with Configured("soft", rotation={"clock_skew": "1s"}) as gateway:
        gateway.key("shop/k", "ecdsa-p256", jwt={"max_ttl": "8s", "issuer": "https://shop", "audiences": ["a"]})
        consumer = Consumer()
        make = lambda: gateway.verb("shop/k", "jwt", {"claims": {"aud": "a"}, "ttl": "8s"})["token"]
        check = lambda: consumer.check(f"{gateway.address}/jwks/shop/k", make())
        assert check()["aud"] == "a"
        gateway.verb("shop/k", "rotate", {"immediate": True})
        assert check() is None, "a key that the consumer cannot know was taken"
        assert consumer.sets.fetched == 1


def test_a_refused_policy_says_why():
    with Configured("soft") as gateway:
        try:
            gateway.key("shop/k", "ecdsa-p256", rotation={"every": "30d", "overlap": "10m"}, jwt={"max_ttl": "1h", "issuer": "i", "audiences": ["a"]})
            raise AssertionError("a policy that breaks verifiers was taken")
        except Refused as refusal:
            assert refusal.code == "invalid_field"
            assert "10m (600 s) must be at least jwt.max_ttl 1h (3600 s) + clock skew (60 s) = 3660 s" in refusal.problem["detail"]


def test_changes_at_one_time_all_hold():
    """Each changes a member of its own; none may be undone by one that was read before it and written after it."""
    with Configured("main") as gateway:
        gateway.key("a/data", "aes-256-gcm")
        for turn in range(8):
            bodies = [{"owner": f"owner-{turn}"}, {"contact": f"contact-{turn}"}, {"description": f"text-{turn}"}, {"rotation": {"overlap": f"{turn + 1}h"}}]
            threads = [threading.Thread(target=gateway.do, args=("PATCH", "/v1/keys/a/data", body)) for body in bodies]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            key = gateway.do("GET", "/v1/keys/a/data")
            assert (key["owner"], key["contact"], key["description"]) == (f"owner-{turn}", f"contact-{turn}", f"text-{turn}")
            assert key["rotation"]["overlap"] == f"{turn + 1}h"
