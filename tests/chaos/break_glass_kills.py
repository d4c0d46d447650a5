"""The plug is pulled at every named place of a request's life, and then 100 times wherever it happens to be. After each restart: nothing
was opened twice, no vote and no approval that was acknowledged is lost, nothing was opened without its votes on disk, what was being
opened is indeterminate and stays so, and the audit log tells the same story.
"""
import collections
import contextlib
import hashlib
import http.client
import json
import os
import random
import sqlite3
import subprocess
import threading
import time
import uuid

from daemon import Refused, b64, programs, unb64, until
from gateway import Gateway
from quorum import FAILPOINTS, BreakGlass, group, roster

ROUNDS = int(os.environ.get("HSMGATE_KILL_ROUNDS", "100"))
M = 2
KEY, FROZEN = "vault/prod/dek", "vault/prod/frozen"
GONE = (OSError, http.client.HTTPException)
# as the column has them
STATES = ["", "pending", "approved", "opening", "opened", "denied", "cancelled", "expired", "failed", "indeterminate"]
SPENT = {"opening", "opened", "failed", "indeterminate"}


class Glass(Gateway):
    def start(self, *extra):
        plan = self.data / "failpoints"
        self.launch("dev", "--data", self.data, "--listen", "127.0.0.1:0", *extra, HSMGATE_FAILPOINTS=str(plan))
        self.env = self.read_env()
        return self


class Promise:
    """One request as its callers know it; `may_be` is what its state may be when they heard nothing of what they asked last."""

    def __init__(self, view, plaintext=None):
        self.id, self.kind, self.statement = view["id"], view["kind"], unb64(view["statement"])
        self.plaintext = plaintext
        self.votes = set()
        self.sealed = []
        self.may_be = {"pending"}


class Bed:
    """One gateway through all its lives, and what it acknowledged in them."""

    def __init__(self):
        self.gateway = Glass()
        self.glass = BreakGlass(self.gateway)
        self.plan = self.gateway.data / "failpoints"
        self.trace = self.gateway.data / "trace"
        self.arm()
        self.lock = threading.Lock()
        self.promises = {}
        self.open_promises = set()  # of this life: to be looked at after the next start
        self.hit, self.killed, self.ends = collections.Counter(), collections.Counter(), collections.Counter()
        self.put_back = 0
        self.stopping = threading.Event()
        self.people = []

    # --- failpoints ---
    def arm(self, *lines):
        new = self.plan.with_suffix(".new")
        new.write_text("\n".join([f"trace {self.trace}", *lines]) + "\n")
        new.rename(self.plan)

    def traced(self):
        return self.trace.read_text().split() if self.trace.exists() else []

    def count(self):
        """Takes over what was met since the last time."""
        self.hit.update(self.traced())
        self.trace.unlink(missing_ok=True)

    # --- what is on disk ---
    def database(self):
        return contextlib.closing(sqlite3.connect(self.gateway.data / "hsmgate.db", timeout=30))

    def on_disk(self, name):
        """(state, voters who approve, result)"""
        key = uuid.UUID(name).bytes
        with self.database() as database:
            state, result = database.execute("SELECT state, result FROM requests WHERE id = ?", (key,)).fetchone()
            voters = database.execute("SELECT voter FROM votes WHERE request_id = ? AND choice = 'approve'", (key,)).fetchall()
        return STATES[state], {v for (v,) in voters} & {p.id for p in self.people}, result

    def states(self):
        with self.database() as database:
            return {str(uuid.UUID(bytes=i)): STATES[s] for i, s in database.execute("SELECT id, state FROM requests")}

    def spent(self):
        """Digests of the statements that the worker has spent."""
        found = [json.loads(p.read_text())["spent"] for p in (self.gateway.data / "latch").glob("spent-*.json")]
        return {e["statement"] for entries in found for e in entries}

    def is_spent(self, promise):
        return b64(hashlib.sha256(promise.statement).digest()) in self.spent()

    # --- what callers do ---
    def ask(self, body, plaintext=None):
        promise = Promise(self.glass.request(**body), plaintext)
        with self.lock:
            self.promises[promise.id] = promise
            self.open_promises.add(promise.id)
        return promise

    def ask_open(self):
        plaintext = os.urandom(8).hex().encode()
        body = {"key": KEY, "ciphertext": self.glass.seal(KEY, plaintext), "recipient": self.glass.requester.public}
        return self.ask(body, plaintext)

    def vote(self, promise, voter, decision="approve"):
        after = {"approve": {"pending", "approved"}, "deny": {"denied"}}[decision]
        promise.may_be |= after
        answer = self.gateway.do("POST", f"/v1/break-glass/{promise.id}:vote", voter.vote(promise.statement, decision))
        promise.votes.add((voter.id, decision))
        promise.may_be = {answer["state"]}
        approvals = sum(d == "approve" for _, d in promise.votes)
        assert answer["state"] == ("denied" if decision == "deny" else "approved" if approvals >= M else "pending"), answer

    def open(self, promise):
        """The state after it, None when it was lost to another caller; what was handed out is kept, and on disk are its votes."""
        promise.may_be |= {"opened", "indeterminate"}
        try:
            answer = self.glass.open({"id": promise.id})
        except Refused as no:
            assert no.status in (409, 503), no
            if no.status == 503:
                promise.may_be |= {"approved"}  # the token was away before it was asked
            return None
        if "sealed" in answer:
            with self.lock:
                promise.sealed.append(answer["sealed"])
        with contextlib.suppress(sqlite3.OperationalError):
            assert len(self.on_disk(promise.id)[1]) >= M, promise.id
        promise.may_be = {"opened"}
        return "opened"

    def open_at_once(self, promise):
        """Two callers, of whom one at most gets it."""
        problems = []

        def second():
            try:
                self.open(promise)
            except GONE:
                pass
            except BaseException as problem:
                problems.append(problem)
        other = threading.Thread(target=second)
        other.start()
        try:
            self.open(promise)
        finally:
            other.join()
            promise.may_be |= {"opened", "indeterminate"}
            if promise.sealed:
                promise.may_be = {"opened"}
        if problems:
            raise problems[0]

    # --- stories ---
    def opening(self):
        promise = self.ask_open()
        for voter in self.people[:M]:
            self.vote(promise, voter)
        self.open_at_once(promise)

    def denying(self):
        promise = self.ask_open()
        for voter in self.people[:M]:
            self.vote(promise, voter)
        self.vote(promise, self.people[2], "deny")

    def thawing(self):
        if "frozen" not in self.gateway.do("GET", f"/v1/keys/{FROZEN}"):
            self.gateway.verb(FROZEN, "freeze", {"reason": "chaos"})
        promise = self.ask({"kind": "unfreeze", "key": FROZEN})
        for voter in self.people[1:]:
            self.vote(promise, voter)
        self.open(promise)

    def publishing(self):
        """The same people once more; the chain may have grown without an answer."""
        chain = self.gateway.do("GET", "/v1/roster")
        old = unb64(chain["chain"][-1]["roster"])
        new = roster(self.people, [group("officers", M, *[p.id for p in self.people])], number=chain["number"] + 1, previous=old)
        assert self.glass.publish(new, old, self.people[:M])["number"] == chain["number"] + 1

    def work(self, stories):
        """Each story by a caller of its own, again and again, until it is time or the daemon is gone."""
        problems = []

        def run(story):
            try:
                while not self.stopping.is_set():
                    story()
            except GONE:
                pass  # it is gone
            except BaseException as problem:  # told to the test's own thread
                problems.append(problem)
        self.stopping.clear()
        threads = [threading.Thread(target=run, args=(story,)) for story in stories]
        for thread in threads:
            thread.start()
        return threads, problems

    # --- lives ---
    def start(self):
        self.gateway.start()

    def bury(self):
        """Whether it had died by itself."""
        died = self.gateway.process.poll() is not None
        self.gateway.process.kill()
        self.gateway.process.wait()
        self.gateway.process = None
        self.gateway.log.close()
        return died

    def live(self, point, action, number, patience, stories):
        """From a start where nothing is armed, over a check, to the failpoint, or to the moment when patience ends."""
        self.check()
        begun = self.traced().count(point)
        self.arm(f"{point} {action} {begun + number}")
        threads, problems = self.work(stories)
        if action == "kill" and point.startswith("token-"):
            self.wait_for_worker(point, begun + number, patience)
        else:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.gateway.process.wait(timeout=patience)
        self.stopping.set()
        died = self.bury()
        for thread in threads:
            thread.join()
        if problems:
            raise problems[0]
        self.arm()
        if died or self.traced().count(point) >= begun + number:
            self.killed[point, action] += 1

    def wait_for_worker(self, point, number, patience):
        """The front goes on without it for a while, and answers."""
        deadline = time.monotonic() + patience
        pace = threading.Event()
        while self.gateway.process.poll() is None and time.monotonic() < deadline and self.traced().count(point) < number:
            pace.wait(0.005)
        if patience > 1:
            until("the worker is back", lambda: any(t["state"] == "ready" for t in self.gateway.do("GET", "/v1/tokens")["tokens"]))

    # --- what must hold ---
    def check(self):
        """Starts it, and looks at all that the last life left."""
        self.count()
        before = self.states()
        looked_at = [self.promises[i] for i in sorted(self.open_promises)]
        self.check_disk(before)
        put_back = self.put_one_back(before)
        self.start()
        self.check_orphans(before)
        for promise in looked_at:
            if promise.id != put_back:
                self.check_promise(promise, before[promise.id])
        if put_back:
            self.check_put_back(self.promises[put_back])
        self.open_promises.clear()
        assert not {"pending", "approved"} & set(self.states().values()), "a caller's places fill up from life to life"
        self.check_fresh()

    def check_disk(self, before):
        """Nothing is spent whose votes are not there; what was handed out is spent in both memories."""
        for name in self.open_promises | {n for n, s in before.items() if n not in self.promises}:
            state, voters, _ = self.on_disk(name)
            assert state not in SPENT or len(voters) >= M, (name, state, voters)
        for name in self.open_promises:
            promise = self.promises[name]
            assert len(promise.sealed) <= 1, f"{name} was opened {len(promise.sealed)} times"
            if promise.sealed:
                state, _, result = self.on_disk(name)
                assert state == "opened" and result == hashlib.sha256(promise.sealed[0].encode()).digest(), (name, state)
                assert self.is_spent(promise), name
                assert self.glass.requester.unseal(promise.sealed[0]) == promise.plaintext

    def put_one_back(self, before):
        """Somebody who can write the database makes one that the worker has spent look approved again."""
        for name in sorted(self.open_promises, key=lambda n: (before[n] != "opening", n)):
            if before[name] in ("opened", "opening") and self.promises[name].kind == "open" and self.is_spent(self.promises[name]):
                with self.database() as database, database:
                    database.execute("UPDATE requests SET state = 2, result = x'', audit_seq = 0, outcome = NULL WHERE id = ?", (uuid.UUID(name).bytes,))
                self.put_back += 1
                return name
        return None

    def check_put_back(self, promise):
        self.refused(promise)
        assert self.glass.show({"id": promise.id})["state"] in ("failed", "indeterminate"), promise.id

    def refused(self, promise):
        try:
            answer = self.glass.open({"id": promise.id})
        except Refused as no:
            assert no.status in (403, 409), no
            return
        raise AssertionError(f"opened: {answer}")

    def check_orphans(self, before):
        """Asked, on disk, and nobody was told: it waits like any other."""
        for name in set(before) - set(self.promises):
            self.promises[name] = Promise(self.glass.show({"id": name}))
            assert before[name] == "pending", (name, before[name])
            self.cancel(self.promises[name])

    def check_promise(self, promise, before):
        """The state that it came to while nobody was told is as good as any."""
        until("the votes and the state agree", lambda: self.is_settled(promise))
        view = self.glass.show({"id": promise.id})
        have = {(v["voter"], v["decision"]) for v in view["votes"]}
        assert promise.votes <= have, (promise.votes, have)
        assert view["state"] in promise.may_be | ({"approved"} if len(have) > len(promise.votes) else set()), (view["state"], promise.may_be)
        promise.votes = have
        if before == "opening":
            assert view["state"] == "indeterminate", view
        self.ends[view["state"]] += 1
        if view["state"] not in ("pending", "approved"):
            self.refused(promise)
        elif promise.kind == "open":
            self.finish(promise, view)
        else:
            self.cancel(promise)

    def is_settled(self, promise):
        view = self.glass.show({"id": promise.id})
        state = {"met": "approved", "waiting": "pending", "denied": "denied"}.get(view["decision"])
        return view["state"] not in ("pending", "approved") or view["state"] == state

    def finish(self, promise, view):
        """What waits still can be approved by those who have not voted, and opens once."""
        for voter in self.people[:M]:
            if view["state"] == "pending" and (voter.id, "approve") not in promise.votes:
                self.vote(promise, voter)
        promise.may_be = {"approved"}
        assert self.open(promise) == "opened"
        assert self.glass.requester.unseal(promise.sealed[0]) == promise.plaintext
        self.refused(promise)

    def cancel(self, promise):
        """A caller may have 100 that wait: the lives to come need the room."""
        self.gateway.do("POST", f"/v1/break-glass/{promise.id}:cancel", {"reason": "its life has ended"})
        assert self.glass.show({"id": promise.id})["state"] == "cancelled", promise.id
        self.refused(promise)

    def check_fresh(self):
        promise = self.ask_open()
        for voter in self.people[1:]:
            self.vote(promise, voter)
        assert self.open(promise) == "opened"
        assert self.glass.requester.unseal(promise.sealed[0]) == promise.plaintext

    def check_audit(self):
        """The log is whole, and says of each request what its row says."""
        done = subprocess.run([programs() / "hsmgate", "audit", "verify", "--log", self.gateway.data / "audit"], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        records = self.gateway.records()
        assert [r["seq"] for r in records] == list(range(1, len(records) + 1))
        told = collections.defaultdict(list)
        for record in records:
            if record["operation"] == "open-break-glass" and "request" in record.get("detail", {}):
                told[record["detail"]["request"]].append(record)
        for name, state in self.states().items():
            intents = [r for r in told[name] if r["kind"] == "intent"]
            results = [r for r in told[name] if r["kind"] == "request" and r["outcome"] == "ok"]
            assert state not in SPENT or intents, (name, state)
            assert len(results) <= 1 and (not results or state in SPENT), (name, state, results)
            sealed = self.promises[name].sealed
            if sealed:
                assert results[0]["detail"]["result_sha256"] == hashlib.sha256(sealed[0].encode()).hexdigest(), name


@contextlib.contextmanager
def bed():
    made = Bed()
    try:
        made.start()
        made.people = made.glass.voters()
        made.glass.key(KEY)
        made.glass.key(FROZEN)
        made.bury()
        yield made
        made.check()
        made.check_audit()
        made.gateway.stop()
    except BaseException:
        print(made.gateway.log_text())
        raise
    finally:
        made.gateway.remove()


def actions(point):
    return ("kill", "kill-parent") if point.startswith("token-") else ("kill",)


def test_every_place_once():
    with bed() as it:
        for point in FAILPOINTS:
            for action in actions(point):
                stories = [it.publishing] if point.startswith("roster-") else [it.opening, it.denying, it.thawing]
                it.live(point, action, 1, 30, stories)
                assert it.killed[point, action] == 1, f"{point} {action} was not met"
        print(f"{len(it.promises)} requests, {it.put_back} put back, {dict(it.ends)}")


def test_wherever_it_happens_to_be():
    seed = int(os.environ.get("HSMGATE_KILL_SEED", time.time()))
    rng = random.Random(seed)
    print(f"HSMGATE_KILL_SEED={seed}")
    begun = time.monotonic()
    with bed() as it:
        for _ in range(ROUNDS):
            point = rng.choice(FAILPOINTS)
            stories = [it.opening, it.denying, it.thawing] + ([it.publishing] if point.startswith("roster-") else [it.opening])
            it.live(point, rng.choice(actions(point)), rng.randint(1, 3), rng.uniform(0.02, 0.4), stories)
        assert len(it.promises) > 2 * ROUNDS and it.put_back > ROUNDS / 2
        print(f"{ROUNDS} rounds in {time.monotonic() - begun:.0f} s: {len(it.promises)} requests, {sum(len(p.sealed) for p in it.promises.values())} "
              f"opened, {it.put_back} put back; after a restart: {dict(it.ends)}; killed at: {sum(it.killed.values())}; met: {dict(it.hit)}")
