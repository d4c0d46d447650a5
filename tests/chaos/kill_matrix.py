"""The plug is pulled at every named place between two steps, and then 200 times wherever it happens to be. After each restart every
version has one state and every key one primary; what was acknowledged holds: signatures verify, ciphertexts open, moves were made; and
the token holds the material of the versions, no more and no less.
"""
import collections
import contextlib
import http.client
import os
import random
import sqlite3
import subprocess
import threading
import time

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from configured import Configured
from daemon import b64, programs, unb64, until
from quorum import FAILPOINTS

ROUNDS = int(os.environ.get("HSMGATE_KILL_ROUNDS", "200"))
# A version that is no longer wanted goes this way, step by step.
WAY = [("retire", {}, "retired"), ("disable", {}, "disabled"), ("enable", {}, "retired"),
       ("schedule-destroy", {"reason": "chaos", "after": "24h"}, "destroy-scheduled")]


DESTROY_SCHEDULED = 7  # as the column has it


def failpoints():
    out = subprocess.run([programs() / "hsmgated", "--list-failpoints"], check=True, capture_output=True, text=True).stdout
    listed = [line.split()[0] for line in out.splitlines()]
    assert set(FAILPOINTS) <= set(listed)
    return [point for point in listed if point not in FAILPOINTS]  # break_glass_kills.py has those


class Promises:
    """What the gateway acknowledged; `moving` is what it may or may not have done when it died."""

    def __init__(self):
        self.lock = threading.Lock()
        self.signatures = []
        self.sealed = []
        self.states = {}  # (key, version) → the states that it may be in
        self.checked = 0

    def sign(self, key, version, message, signature):
        with self.lock:
            self.signatures.append((key, version, message, signature))

    def seal(self, key, ciphertext, plaintext):
        with self.lock:
            self.sealed.append((key, ciphertext, plaintext))

    def may_be(self, key, version, *states):
        with self.lock:
            self.states[key, version] = set(states)


class Bed:
    """One gateway through all its lives."""

    def __init__(self):
        self.gateway = Configured("soft", rotation={"clock_skew": "1s"})
        self.plan = self.gateway.data / "failpoints"
        self.trace = self.gateway.data / "trace"
        self.plan.write_text("")
        self.gateway.environment["HSMGATE_FAILPOINTS"] = str(self.plan)
        self.promises = Promises()
        self.serial = 0
        self.hit = collections.Counter()
        self.torn = 0
        self.opened = 0

    # --- failpoints ---
    def arm(self, *lines):
        new = self.plan.with_suffix(".new")
        new.write_text("\n".join([f"trace {self.trace}", *lines]) + "\n")
        new.rename(self.plan)

    def met(self, point):
        """How often it was met in this life."""
        return self.trace.read_text().split().count(point) if self.trace.exists() else 0

    def count(self):
        """Takes over what was met since the last time."""
        if self.trace.exists():
            self.hit.update(self.trace.read_text().split())
            self.trace.unlink()

    # --- lives ---
    def start(self):
        """False when it died while it started."""
        try:
            self.gateway.start()
            return True
        except AssertionError:
            assert self.gateway.process.poll() == -9, self.gateway.log_text()
            self.bury()
            return False

    def bury(self):
        self.gateway.process.kill()
        self.gateway.process.wait()
        self.gateway.process = None
        self.gateway.log.close()

    def let_a_day_pass(self):
        """The daemon is down: what was asked to be destroyed is due when it comes back."""
        with contextlib.closing(sqlite3.connect(self.gateway.data / "hsmgate.db")) as database, database:
            database.execute("UPDATE versions SET destroy_at = entered_at WHERE destroying = 0 AND state = ?", (DESTROY_SCHEDULED,))

    # --- work ---
    def ask(self, connection, name, verb, body):
        """The answer, or None when the token was not there to give it."""
        answer = self.gateway.call("POST", f"/v1/keys/{name}:{verb}", body, connection=connection)
        assert answer.status in (200, 503), answer.body
        return answer.json if answer.status == 200 else None

    def sign(self, connection):
        message = b64(os.urandom(8))
        made = self.ask(connection, "main/sign", "sign", {"message": message})
        if made is not None:
            self.promises.sign("main/sign", made["version"], message, made["signature"])

    def seal(self, connection):
        plaintext = b64(os.urandom(8))
        made = self.ask(connection, "main/data", "encrypt", {"plaintext": plaintext})
        if made is not None:
            self.promises.seal("main/data", made["ciphertext"], plaintext)

    def signing(self, connection):
        self.sign(connection)
        answer = self.gateway.call("POST", "/v1/keys/main/sign:rotate", {}, connection=connection)
        assert answer.status in (200, 409, 503), answer.body
        self.sign(connection)
        if answer.status == 200:
            self.gateway.call("POST", f"/v1/keys/main/sign@{answer.json['version']}:promote", {}, connection=connection)
        self.sign(connection)

    def sealing(self, connection):
        self.seal(connection)
        answer = self.gateway.call("POST", "/v1/keys/main/data:rotate", {"immediate": True}, connection=connection)
        assert answer.status in (200, 409, 503), answer.body
        for _ in range(5):
            self.seal(connection)
        answer = self.gateway.call("POST", "/v1/keys/main/auto:sign", {"message": b64(b"auto")}, connection=connection)
        if answer.status == 200:
            self.promises.sign("main/auto", answer.json["version"], b64(b"auto"), answer.json["signature"])

    def siding(self, connection):
        """A new key, and its first version on its way to destruction; a step that the gateway did not take ends the way."""
        self.serial += 1
        name = f"side/k{self.serial}"
        algorithm = ("ecdsa-p256", "aes-256-gcm")[self.serial % 2]
        answer = self.gateway.call("POST", "/v1/keys", {"name": name, "algorithm": algorithm, "owner": "x"}, connection=connection)
        if answer.status != 201 or self.gateway.call("POST", f"/v1/keys/{name}:rotate", {"immediate": True}, connection=connection).status != 200:
            return
        now = "retiring"
        self.promises.may_be(name, 1, now)
        for verb, body, after in WAY:
            self.promises.may_be(name, 1, now, after)
            answer = self.gateway.call("POST", f"/v1/keys/{name}@1:{verb}", body, connection=connection)
            assert answer.status in (200, 503), answer.body
            if answer.status != 200:
                self.promises.may_be(name, 1, now, after)
                return
            self.promises.may_be(name, 1, after)
            now = after

    def work(self, steps):
        """Three callers at once until each has done its steps or the daemon is gone."""
        problems = []

        def run(step):
            connection = self.gateway.connect(timeout=30)
            try:
                for _ in range(steps):
                    step(connection)
            except (OSError, http.client.HTTPException):
                pass  # it is gone
            except Exception as problem:  # told to the test's own thread
                if self.gateway.process.poll() is None:
                    problems.append(problem)
        threads = [threading.Thread(target=run, args=(step,)) for step in (self.signing, self.sealing, self.siding)]
        for thread in threads:
            thread.start()
        return threads, problems

    # --- what must hold ---
    def keys(self):
        found, token = [], ""
        while True:
            page = self.gateway.do("GET", f"/v1/keys?page_size=100{token}")
            found += page["keys"]
            if not page.get("next_page_token"):
                return {k["name"]: self.gateway.do("GET", f"/v1/keys/{k['name']}") for k in found}
            token = "&page_token=" + page["next_page_token"]

    def check(self, everything=False):
        """The ciphertexts of the last lives, or all: to look for an old version on a token costs more than to use it."""
        keys = self.keys()
        self.check_states(keys)
        self.check_signatures(keys)
        self.check_sealed(0 if everything else self.opened)
        self.opened = max(0, len(self.promises.sealed) - 50)
        self.check_token()

    def check_states(self, keys):
        for name, key in keys.items():
            numbers = [v["version"] for v in key["versions"]]
            assert len(numbers) == len(set(numbers)), key
            active = [v["version"] for v in key["versions"] if v["state"] == "active"]
            assert active == [key["primary"]], (name, active, key["primary"])
            assert sum(v["state"] == "pending" for v in key["versions"]) <= 1, key
        for (name, number), allowed in self.promises.states.items():
            state = next(v["state"] for v in keys[name]["versions"] if v["version"] == number)
            allowed = allowed | ({"destroyed"} if "destroy-scheduled" in allowed else set())
            assert state in allowed, (name, number, state, allowed)
            self.promises.states[name, number] = {state}

    def check_signatures(self, keys):
        publics = {}
        for name, number, message, signature in self.promises.signatures[self.promises.checked:]:
            if (name, number) not in publics:
                pem = next(v["public_key"] for v in keys[name]["versions"] if v["version"] == number)
                publics[name, number] = serialization.load_pem_public_key(pem.encode())
            publics[name, number].verify(unb64(signature), unb64(message), ec.ECDSA(hashes.SHA256()))
        self.promises.checked = len(self.promises.signatures)

    def check_sealed(self, since):
        sealed = self.promises.sealed[since:]
        for start in range(0, len(sealed), 256):
            part = sealed[start:start + 256]
            results = self.gateway.verb("main/data", "decrypt", {"items": [{"ciphertext": c} for _, c, _ in part]})["results"]
            assert [r.get("plaintext") for r in results] == [p for _, _, p in part], "an acknowledged ciphertext does not open"

    def differences(self):
        """What the token holds and the versions do not say, and the other way round. SoftHSM writes an object in steps, and a worker that
        dies between them leaves one that has neither CKA_ID nor label: nobody's, and nothing that anybody could use."""
        wanted = {(n, v["version"]) for n, k in self.keys().items() for v in k["versions"] if v["state"] != "destroyed"}
        listed = self.gateway.do("GET", "/v1/tokens/soft/inventory")
        have = {(o["key"], o["version"]) for o in listed["objects"] if o["status"] == "ours"} - {("hsmgate/audit/checkpoint", 1)}
        strange = [o for o in listed["objects"] if o["status"] != "ours"]
        self.torn = sum(not o["cka_id"] and not o["label"] for o in strange)
        return [o for o in strange if o["cka_id"] or o["label"]] + listed["missing"] + sorted(have ^ wanted)

    def check_token(self):
        """Looks again when a version was made or destroyed meanwhile."""
        until("the token holds what the versions say, and nothing else", lambda: not self.differences())

    def check_audit(self):
        records = self.gateway.records()
        assert [r["seq"] for r in records] == list(range(1, len(records) + 1))


@contextlib.contextmanager
def bed():
    made = Bed()
    try:
        made.arm()
        assert made.start()
        made.gateway.key("main/sign", "ecdsa-p256", rotation={"publish_ahead": "1s", "overlap": "1h"})
        made.gateway.key("main/data", "aes-256-gcm")
        made.gateway.key("main/auto", "ecdsa-p256", rotation={"every": "2s", "publish_ahead": "1s", "overlap": "1s"})
        yield made
    except BaseException:
        print(made.gateway.log_text())
        raise
    finally:
        made.gateway.remove()


def is_of_destruction(point):
    return "destroy" in point


def live(bed, point, action, number, patience):
    """From a start where nothing is armed, over a check, to the failpoint, or to the moment when patience ends."""
    bed.count()
    bed.arm()
    assert bed.start()
    bed.check()
    bed.arm(f"{point} {action} {bed.met(point) + number}")
    end(bed, patience)


def rise(bed, point, action, number, patience):
    """A start in the middle of which the failpoint may be, a day after the last life."""
    bed.count()
    bed.let_a_day_pass()
    bed.arm(f"{point} {action} {number}")
    if bed.start():
        end(bed, patience)


def end(bed, patience):
    """Works until it dies, or it is time to kill it."""
    threads, problems = bed.work(2)
    try:
        bed.gateway.process.wait(timeout=patience)
    except subprocess.TimeoutExpired:
        pass
    bed.bury()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]


def test_every_place_once():
    with bed() as it:
        it.bury()
        for point in failpoints():
            for action in ("kill", "kill-parent") if point.startswith("token-") else ("kill",):
                way = rise if is_of_destruction(point) else live
                if way is rise:
                    live(it, "nothing", "kill", 1, 1.5)  # something to destroy
                way(it, point, action, 1, 2 if action == "kill" and point.startswith("token-") else 30)
                it.count()
                assert it.hit[point] > 0, f"{point} was not met"
        it.arm()
        assert it.start()
        it.check(everything=True)
        it.check_audit()
        missed = [point for point in failpoints() if it.hit[point] == 0]
        assert not missed, f"never met: {missed}"
        it.gateway.stop()


def test_wherever_it_happens_to_be():
    seed = int(os.environ.get("HSMGATE_KILL_SEED", time.time()))
    rng = random.Random(seed)
    print(f"HSMGATE_KILL_SEED={seed}")
    points = failpoints()
    begun = time.monotonic()
    with bed() as it:
        it.bury()
        for number in range(ROUNDS):
            point = rng.choice(points)
            action = rng.choice(("kill", "kill-parent")) if point.startswith("token-") else "kill"
            patience = rng.uniform(0.02, 0.5)
            if is_of_destruction(point) or rng.random() < 0.2:
                rise(it, point, action, rng.randint(1, 3), patience)
            else:
                live(it, point, action, rng.randint(1, 3), patience)
        it.count()
        it.arm()
        assert it.start()
        it.check(everything=True)
        it.check_audit()
        promises = it.promises
        # how much comes of a life, which is half a second at most, is the machine's
        assert len(promises.signatures) > ROUNDS / 4 and len(promises.sealed) > ROUNDS / 4 and promises.states
        print(f"{ROUNDS} rounds in {time.monotonic() - begun:.0f} s: {len(promises.signatures)} signatures, {len(promises.sealed)} ciphertexts, "
              f"{len(promises.states)} ways to destruction, {it.torn} torn objects; met: {dict(it.hit)}")
        it.gateway.stop()
