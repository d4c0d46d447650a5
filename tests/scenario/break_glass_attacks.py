"""What somebody without M people tries over HTTP, with keys, rosters, votes and clocks: all of it is refused, and recorded as what it was."""
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from daemon import b64, unb64, until
from gateway import Gateway
from leaping import Leaping
from quorum import BreakGlass, Requester, Voter, canonical, group, now, roster, roster_statement, sha256
from refusals import refused

KEY = "vault/prod/dek"
FORBIDDEN, REQUIRED, CONFLICT, STATE = (403, "forbidden"), (403, "approval_required"), (409, "conflict"), (409, "invalid_state")
FIELD, UNKNOWN, MISSING, CIPHERTEXT = (400, "invalid_field"), (400, "unknown_field"), (404, "not_found"), (400, "invalid_ciphertext")


class People:
    """Those of the second roster, behind the three of the first."""

    def __init__(self, three):
        self.one, self.two, self.three = three
        self.alice = Voter("alice", ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1()), principals=["token:alice"])
        self.bob = Voter("bob", ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1()))
        self.carol, self.dave = Voter("carol"), Voter("dave")

    def all(self):
        return [self.one, self.two, self.three, self.alice, self.bob, self.carol, self.dave]

    @staticmethod
    def groups():
        return [group("officers", 2, "voter-1", "voter-2", "voter-3"), group("sre", 2, "alice", "bob", "carol"), group("pair", 2, "alice", "bob"),
                group("on-call", 2, "group:sre", "dave"), group("slow", 2, "bob", "carol", wait=600), group("brief", 2, "bob", "carol", within=60)]


def extend(glass, people):
    """The second roster, approved by the first one's people."""
    first = unb64(glass.gateway.do("GET", "/v1/roster")["chain"][0]["roster"])
    second = roster(people.all(), people.groups(), number=2, previous=first)
    glass.publish(second, first, [people.one, people.two])
    return second


@pytest.fixture(scope="module")
def gateway():
    with Gateway() as running:
        yield running


@pytest.fixture(scope="module")
def glass(gateway):
    made = BreakGlass(gateway)
    made.people = People(made.voters())
    made.roster = extend(made, made.people)
    made.key()
    for name in ("sre", "on-call"):
        made.key(f"vault/prod/{name}", group_id=name)
    made.tokens = {name: gateway.do("POST", "/v1/auth/tokens", {"name": name, "ttl": "1h"})["token"] for name in ("alice", "asker", "opener", "stranger")}
    for name, operations in (("alice", ["request-break-glass", "open-break-glass"]), ("asker", ["request-break-glass"]), ("opener", ["open-break-glass"])):
        gateway.do("PUT", f"/v1/grants/{name}", {"principal": f"token:{name}", "keys": "vault/prod/*", "operations": operations, "justification": "test"})
    return made


def refused_vote(glass, request, vote, says, why="", **more):
    _, record = refused(glass.gateway, glass.vote, request, vote, says=says, operation="vote", why=why, **more)
    assert record["detail"]["request"] == request["id"]


def refused_open(glass, request, says, why="", about=None, **more):
    _, record = refused(glass.gateway, glass.open, request, says=says, operation="open-break-glass", why=why, **more)
    if "request" in record["detail"]:
        assert record["detail"]["request"] == (about or request["id"]) and record["key"] == request["key"]


# --- the same person again ---

def test_who_asks_does_not_approve(gateway, glass):
    """Not with a second key, not through a group in the group, not by asking before the principal is theirs no longer."""
    people = glass.people
    for name, others in (("vault/prod/sre", ["bob", "carol"]), ("vault/prod/on-call", ["bob", "carol", "dave"])):
        request = glass.ask(glass.seal(name), name=name, token=glass.tokens["alice"])
        assert request["requester"] == "token:alice" and request["eligible"] == others
        for key in (0, 1):
            refused_vote(glass, request, people.alice, FORBIDDEN, "the voter is who asks", key=key)
        glass.vote(request, people.bob)
        refused_open(glass, request, REQUIRED, "1 of 2", token=glass.tokens["alice"])
        # under a name that somebody else has, or nobody
        statement = unb64(request["statement"])
        refused_vote(glass, request, people.alice.vote(statement, voter="carol"), FORBIDDEN, "no key of the voter")
        refused_vote(glass, request, people.alice.vote(statement, voter="alice-2"), FORBIDDEN, "not in the roster")
        glass.vote(request, people.carol)
        assert glass.requester.unseal(glass.open(request, token=glass.tokens["alice"])["sealed"]) == b"the secret"


def test_who_asked_is_somebody_else_by_now():
    """The principal is given to nobody, or to a voter, in a newer roster: neither the old owner nor the new one approves."""
    with Gateway() as gateway:
        glass = BreakGlass(gateway)
        one, two, three = glass.voters()
        one.principals = ["token:admin"]
        rosters = [unb64(gateway.do("GET", "/v1/roster")["chain"][0]["roster"])]

        def follow():
            rosters.append(roster([one, two, three], [group("officers", 2, "voter-1", "voter-2", "voter-3")], number=len(rosters) + 1, previous=rosters[-1]))
            glass.publish(rosters[-1], rosters[-2], [two, three], requester="token:nobody")

        follow()
        glass.key()
        request = glass.ask(glass.seal())
        assert request["requester"] == "token:admin" and request["eligible"] == ["voter-2", "voter-3"]
        one.principals = []
        follow()
        glass.vote(request, two)
        glass.vote(request, one)
        assert [v["verdict"] for v in glass.show(request)["votes"]] == ["counts", "the voter is who asks"]
        refused_open(glass, request, REQUIRED, "1 of 2")
        two.principals = ["token:admin"]
        follow()
        refused_open(glass, request, REQUIRED, "0 of")


def test_too_few_without_who_asks(gateway, glass):
    glass.key("vault/prod/pair", group_id="pair")
    sealed = glass.seal("vault/prod/pair")
    refused(gateway, glass.ask, sealed, name="vault/prod/pair", token=glass.tokens["alice"], says=FIELD, operation="request-break-glass", why="only 1 people")
    glass.ask(sealed, name="vault/prod/pair", token=glass.tokens["asker"])


def test_a_person_counts_once(gateway, glass):
    people = glass.people
    request = glass.ask(glass.seal("vault/prod/sre"), name="vault/prod/sre")
    vote = people.bob.vote(unb64(request["statement"]))
    glass.vote(request, vote)
    refused_vote(glass, request, vote, CONFLICT, "voted the same way")
    refused_vote(glass, request, people.bob.vote(unb64(request["statement"]), at=now(-1)), CONFLICT, "voted the same way")
    refused_vote(glass, request, people.bob, CONFLICT, "voted the same way", key=1)
    assert glass.show(request)["approvals"] == 1
    refused_open(glass, request, REQUIRED, "1 of 2")


# --- votes that say something else ---

def raw(key, message):
    return b64(Voter.sign(key, message))


VOTES = {
    "an unknown key": (lambda p, s: Voter("voter-1").vote(s), FORBIDDEN, "no key of the voter"),
    "another person's key": (lambda p, s: p.two.vote(s, voter="voter-1"), FORBIDDEN, "no key of the voter"),
    "a stranger": (lambda p, s: Voter("mallory").vote(s), FORBIDDEN, "not in the roster"),
    "a voter of another group": (lambda p, s: p.bob.vote(s), FORBIDDEN, "not of the group"),
    "approve shown as deny": (lambda p, s: dict(p.one.vote(s), decision="deny"), FORBIDDEN, "no key of the voter"),
    "deny shown as approve": (lambda p, s: dict(p.one.vote(s, "deny"), decision="approve"), FORBIDDEN, "no key of the voter"),
    "another time": (lambda p, s: dict(p.one.vote(s, at=now(-1)), signed_at=now()), FORBIDDEN, "no key of the voter"),
    "the time spelled otherwise": (lambda p, s: dict(v := p.one.vote(s), signed_at=v["signed_at"].replace("Z", ".0Z")), FORBIDDEN, "no key of the voter"),
    "another voter's vote": (lambda p, s: dict(p.two.vote(s), voter="voter-1"), FORBIDDEN, "no key of the voter"),
    "the statement alone": (lambda p, s: dict(p.one.vote(s), signature=raw(p.one.keys[0], s)), FORBIDDEN, "no key of the voter"),
    "a proof of possession": (lambda p, s: dict(p.one.vote(s), signature=p.one.in_roster()["keys"][0]["proof"]), FORBIDDEN, "no key of the voter"),
    "no bytes": (lambda p, s: dict(p.one.vote(s), signature=""), FIELD, ""),
    "zeros": (lambda p, s: dict(p.one.vote(s), signature=b64(bytes(64))), FORBIDDEN, "no key of the voter"),
    "a byte more": (lambda p, s: dict(v := p.one.vote(s), signature=b64(unb64(v["signature"]) + b"\0")), FORBIDDEN, "no key of the voter"),
    "raw as sshsig": (lambda p, s: dict(p.one.vote(s), format="sshsig"), FIELD, ""),
    "from the future": (lambda p, s: p.one.vote(s, at=now(600)), FIELD, "signed in the future"),
    "long before": (lambda p, s: p.one.vote(s, at=now(-600)), FIELD, "before the statement was made"),
    "another zone": (lambda p, s: p.one.vote(s, at=now().replace("Z", "+01:00")), FIELD, "signed_at"),
    "an unknown field": (lambda p, s: dict(p.one.vote(s), weight=2), UNKNOWN, "weight"),
    "a field too few": (lambda p, s: {k: v for k, v in p.one.vote(s).items() if k != "signed_at"}, FIELD, "signed_at"),
    "another word": (lambda p, s: dict(p.one.vote(s), decision="APPROVE"), FIELD, "approve"),
    "a name in capitals": (lambda p, s: dict(p.one.vote(s), voter="VOTER-1"), FIELD, ""),
    "two lines in a name": (lambda p, s: dict(p.one.vote(s), voter="voter-1\nx"), FIELD, ""),
}


@pytest.fixture(scope="module")
def untouched(glass):
    """A request to which nothing that is refused may add anything."""
    request = glass.ask(glass.seal())
    yield request
    assert glass.show(request)["votes"] == [] and glass.show(request)["state"] == "pending"
    refused_open(glass, request, REQUIRED, "0 of 2")


@pytest.mark.parametrize("name", VOTES)
def test_a_vote_that_is_none(glass, untouched, name):
    make, says, why = VOTES[name]
    vote = make(glass.people, unb64(untouched["statement"]))
    refused_vote(glass, untouched, vote, says, why)


def test_votes_for_another_request(gateway, glass):
    """Each differs in one thing: the request alone, ciphertext, context, version, key, kind, recipient."""
    one = glass.people.one
    context = {"table": "cards"}
    sealed = glass.seal(context=context)
    request = glass.ask(sealed, context=context)
    glass.key("vault/prod/other")
    others = [glass.ask(sealed, context=context), glass.ask(glass.seal(context=context), context=context), glass.ask(sealed),
              glass.ask(glass.seal("vault/prod/other", context=context), name="vault/prod/other", context=context),
              glass.request(kind="rule", key=KEY, approval={"group": "officers", "m": 3})]
    gateway.verb(KEY, "rotate", {"immediate": True})
    others.append(glass.ask(glass.seal(context=context), context=context))
    own, glass.requester = glass.requester, Requester()
    others.append(glass.ask(sealed, context=context))
    glass.requester = own
    assert {r["key"] for r in others} == {KEY, "vault/prod/other"} and {r.get("version") for r in others} == {1, 2, None}
    for other in others:
        for decision in ("approve", "deny"):
            refused_vote(glass, request, one.vote(unb64(other["statement"]), decision), FORBIDDEN, "no key of the voter")
    assert glass.show(request)["votes"] == []


# --- what is opened, when and by whom ---

def test_once_and_only_while_it_lasts(gateway, glass):
    one, two, three = glass.voters()
    opened = glass.approved(glass.seal())
    glass.open(opened)
    refused_open(glass, opened, STATE, "opened")
    refused_vote(glass, opened, three, STATE, "opened")
    refused(gateway, gateway.do, "POST", f"/v1/break-glass/{opened['id']}:cancel", {}, says=STATE, operation="request-break-glass")
    cancelled = glass.approved(glass.seal())
    gateway.do("POST", f"/v1/break-glass/{cancelled['id']}:cancel", {})
    refused_open(glass, cancelled, STATE, "cancelled")
    refused_vote(glass, cancelled, three, STATE, "cancelled")
    denied = glass.approved(glass.seal())
    glass.vote(denied, three, "deny")
    refused_open(glass, denied, STATE, "denied")
    refused_vote(glass, denied, three, STATE, "denied")
    for unmet in (glass.ask(glass.seal()), glass.approved(glass.seal(), [one])):
        refused_open(glass, unmet, REQUIRED, "of 2 approvals")


def test_frozen(gateway, glass):
    glass.key("vault/prod/cold")
    sealed = glass.seal("vault/prod/cold")
    request = glass.approved(sealed, name="vault/prod/cold")
    gateway.verb("vault/prod/cold", "freeze", {"reason": "wait"})
    refused_open(glass, request, STATE, "frozen")
    refused(gateway, glass.ask, sealed, name="vault/prod/cold", says=STATE, operation="request-break-glass", why="frozen")
    thaw = glass.request(kind="unfreeze", key="vault/prod/cold")
    glass.vote(thaw, glass.people.one)
    refused_open(glass, thaw, REQUIRED, "1 of 2")
    refused_open(glass, request, STATE, "frozen")


def test_without_a_grant(gateway, glass):
    sealed = glass.seal()
    asked = dict(says=FORBIDDEN, operation="request-break-glass")
    for name in ("opener", "stranger"):
        refused(gateway, glass.ask, sealed, token=glass.tokens[name], **asked)
    refused(gateway, glass.ask, glass.seal("vault/prod/other"), name="vault/prod/other", token="hg_nobody", says=(401, "unauthenticated"), operation="request-break-glass")
    request = glass.ask(sealed, token=glass.tokens["asker"])
    for voter in glass.voters()[:2]:
        glass.vote(request, voter)
    refused_open(glass, request, FORBIDDEN, token=glass.tokens["asker"])
    refused_open(glass, request, MISSING, token=glass.tokens["stranger"])
    for name, says in (("opener", FORBIDDEN), ("stranger", MISSING)):
        refused(gateway, gateway.do, "POST", f"/v1/break-glass/{request['id']}:cancel", {}, token=glass.tokens[name], says=says, operation="request-break-glass")
    for verb in ("", ":evidence"):
        refused(gateway, gateway.do, "GET", f"/v1/break-glass/{request['id']}{verb}", token=glass.tokens["stranger"], says=MISSING, operation="break-glass")
    assert glass.show(request)["state"] == "approved"


def test_paths(gateway, glass):
    request = glass.approved(glass.seal())
    identity = request["id"]
    path = "/v1/break-glass/"
    # those that are no path at all reach nobody, and so the server's answer is all there is
    for odd in ("../break-glass/" + identity, "./" + identity, "/" + identity, "%2e%2e/keys", identity + "/..", "%2F" + identity):
        answer = gateway.call("POST", f"{path}{odd}:open", {})
        assert answer.status in (400, 404), (odd, answer.status, answer.body)
    for odd in (identity[:-1], identity + "0", "{" + identity + "}", identity.replace("-", ""), "0" * 36):
        refused(gateway, gateway.do, "POST", f"{path}{odd}:open", {}, says=MISSING, operation="open-break-glass")
        refused(gateway, gateway.do, "POST", f"{path}{odd}:vote", glass.people.one.vote(unb64(request["statement"])), says=MISSING, operation="vote")
    for odd in (identity + ":open:open", identity + ":OPEN", identity + ":approve", identity, KEY + ":open"):
        assert gateway.call("POST", path + odd, {}).status in (404, 405), odd
    refused(gateway, gateway.do, "POST", f"{path}{identity}:open", {"force": True}, says=UNKNOWN, operation="open-break-glass")
    assert glass.show(request)["state"] == "approved"
    # capitals are the same request (RFC 9562 §4), and so no second one
    glass.open(request)
    refused_open(glass, dict(request, id=identity.upper()), STATE, "opened", about=identity)


# --- around it ---

@pytest.mark.parametrize("name", [KEY, KEY + "@1", KEY + "@2"])
def test_around_the_quorum(gateway, glass, name):
    """For an administrator, too, and for blobs of both types."""
    blobs = [glass.seal(), gateway.verb(KEY, "data-key", {"bytes": 32, "plaintext": False})["ciphertext"]]
    for blob in blobs:
        for verb in ("decrypt", "unwrap", "rewrap"):
            for body in ({"ciphertext": blob}, {"items": [{"ciphertext": blob}, {"ciphertext": blob}]}):
                refused(gateway, gateway.verb, name, verb, body, says=REQUIRED, operation=verb)
    assert gateway.call("POST", f"/v1/keys/{KEY}:data-key", {"bytes": 32, "plaintext": True}).status == 403
    assert gateway.call("PATCH", f"/v1/keys/{KEY}", {"approval": None}).status == 400


# --- rosters ---

def edit(glass, change):
    """The third roster as it would be good, bent."""
    whole = json.loads(roster(glass.people.all(), glass.people.groups(), number=3, previous=glass.roster))
    change(whole)
    return canonical(whole)


def same_key_twice(r):
    r["people"][1]["keys"] = r["people"][0]["keys"]


def second_name(people):
    """Alice's second key under a second name, with a proof that is right."""
    return lambda r: r["people"].append(Voter("alice-2", people.alice.keys[1]).in_roster())


ROSTERS = {
    "a key under two people": (same_key_twice, ""),
    "a person under two names": (second_name, "a key stands twice"),
    "a principal of two people": (lambda r: r["people"][0].update(principals=["token:alice"]), "a principal stands twice"),
    "a person twice": (lambda r: r["people"].append(r["people"][0]), "twice"),
    "a member twice": (lambda r: r["groups"][0]["members"].append("voter-1"), "twice"),
    "m of one": (lambda r: r["groups"][0].update(m=1), "approvals"),
    "m of zero": (lambda r: r["groups"][0].update(m=0), ""),
    "m below zero": (lambda r: r["groups"][0].update(m=-2), ""),
    "m of none": (lambda r: r["groups"][0].pop("m"), "m"),
    "more than there are": (lambda r: r["groups"][0].update(m=4), "approvals"),
    "nobody in it": (lambda r: r["groups"][0].update(members=[]), ""),
    "a member that is not there": (lambda r: r["groups"][0]["members"].append("mallory"), "not in the roster"),
    "a circle of groups": (lambda r: r["groups"][1]["members"].append("group:on-call"), "circle"),
    "an authority that is not there": (lambda r: r.update(authority="nobody"), "authority"),
    "an unknown field": (lambda r: r.update(note="x"), ""),
    "an unknown field of a person": (lambda r: r["people"][0].update(admin=True), ""),
    "no proof of possession": (lambda r: r["people"][0]["keys"][0].update(proof=b64(bytes(64))), "proved"),
}


@pytest.mark.parametrize("name", ROSTERS)
def test_a_roster_that_is_none(gateway, glass, name):
    """Although enough people signed for it."""
    change, why = ROSTERS[name]
    new = edit(glass, second_name(glass.people) if change is second_name else change)
    statement = roster_statement(new, glass.roster)
    votes = [v.vote(statement) for v in glass.voters()[:2]]
    refused(gateway, publish, glass, new, statement, votes, says=FIELD, operation="publish-roster", why=why)
    assert gateway.do("GET", "/v1/roster")["number"] == 2


def publish(glass, new, statement=None, votes=None):
    body = {"roster": b64(new)}
    if statement is not None:
        body.update(statement=b64(statement), votes=votes)
    return glass.gateway.do("POST", "/v1/roster", body)


def good(glass, **changes):
    return roster(glass.people.all(), glass.people.groups(), **{"number": 3, "previous": glass.roster, **changes})


SUCCESSIONS = {
    "nobody": (dict(), dict(), [], FORBIDDEN, "not approved"),
    "one person": (dict(), dict(), ["one"], FORBIDDEN, "not approved"),
    "one person twice": (dict(), dict(), ["one", "one"], FORBIDDEN, "not approved"),
    "people of another group": (dict(), dict(), ["bob", "carol"], FORBIDDEN, "not approved"),
    "a deny": (dict(), dict(), ["one", "two", "deny"], FORBIDDEN, "denied"),
    "another group is asked": (dict(), dict(group_id="sre"), ["bob", "carol"], FORBIDDEN, "does not ask the authority"),
    "m of one": (dict(), dict(m=1), ["one", "two"], FIELD, ""),
    "m of zero": (dict(), dict(m=0), ["one", "two"], FIELD, ""),
    "another roster's digest": (dict(), dict(next_sha256=sha256(b"another")), ["one", "two"], FORBIDDEN, "names another one"),
    "another number": (dict(), dict(next_number=4), ["one", "two"], FORBIDDEN, "names another one"),
    "a kind that opens": (dict(), dict(kind="open"), ["one", "two"], FIELD, ""),
    "an unknown field": (dict(), dict(extra=1), ["one", "two"], FIELD, ""),
    "a number left out": (dict(number=4), dict(), ["one", "two"], FORBIDDEN, "number"),
    "the same number": (dict(number=2), dict(), ["one", "two"], FORBIDDEN, "number"),
    "behind another": (dict(previous=b"another"), dict(), ["one", "two"], FORBIDDEN, "does not follow"),
    "older than the one before": (dict(created_at="2020-01-01T00:00:00Z"), dict(), ["one", "two"], FORBIDDEN, "older"),
}


@pytest.mark.parametrize("name", SUCCESSIONS)
def test_a_roster_that_does_not_follow(gateway, glass, name):
    of_roster, of_statement, voters, says, why = SUCCESSIONS[name]
    new = good(glass, **of_roster)
    statement = roster_statement(new, glass.roster, **of_statement)
    votes = [glass.people.three.vote(statement, "deny") if v == "deny" else getattr(glass.people, v).vote(statement) for v in voters]
    refused(gateway, publish, glass, new, statement, votes, says=says, operation="publish-roster", why=why)
    assert gateway.do("GET", "/v1/roster")["number"] == 2


def test_rosters_nobody_signed(gateway, glass):
    """A root of one's own, one without a statement, and votes for one roster shown with another."""
    mallory = Voter("mallory"), Voter("eve")
    root = roster(mallory, [group("officers", 2, "mallory", "eve")])
    new = good(glass)
    statement = roster_statement(new, glass.roster)
    votes = [v.vote(statement) for v in glass.voters()[:2]]
    for attempt in ((root,), (good(glass, created_at=now(5)), statement, votes), (new, roster_statement(new, glass.roster, nonce=b64(b"m" * 32)), votes)):
        refused(gateway, publish, glass, *attempt, says=FORBIDDEN, operation="publish-roster")
    refused(gateway, publish, glass, new, says=FIELD, operation="publish-roster")
    refused(gateway, gateway.do, "POST", "/v1/roster", {"roster": b64(new), "statement": b64(statement), "votes": [dict(votes[0], weight=2)]},
            says=UNKNOWN, operation="publish-roster")
    refused(gateway, gateway.do, "POST", "/v1/roster", {"roster": b64(new), "force": True}, says=UNKNOWN, operation="publish-roster")


# --- what is not a request ---

def test_rules_of_too_few(gateway, glass):
    for approval in ({"group": "officers", "m": 1}, {"group": "officers", "m": 0}, {"group": "officers", "m": -1}, {"group": "officers", "m": 4},
                     {"group": "officers"}, {"m": 2}, {"group": "nobody", "m": 2}, {"group": "officers", "m": 2, "min": 1}, {"group": "officers", "m": 258}):
        answer = gateway.call("POST", "/v1/keys", {"name": "vault/prod/never", "algorithm": "aes-256-gcm", "owner": "tests", "approval": approval})
        assert answer.status == 400, (approval, answer.body)
        if approval.get("m") != 0 or "m" not in approval:
            refused(gateway, glass.request, kind="rule", key=KEY, approval=approval, says=UNKNOWN if "min" in approval else FIELD, operation="request-break-glass")


def test_requests_of_another_ones_ciphertext(gateway, glass):
    sealed = glass.seal("vault/prod/other")
    refused(gateway, glass.ask, sealed, says=CIPHERTEXT, operation="request-break-glass", why="not one of this key")
    refused(gateway, glass.ask, glass.seal(), name="vault/prod/other", says=CIPHERTEXT, operation="request-break-glass")
    refused(gateway, glass.ask, glass.seal(), approvals=2, says=UNKNOWN, operation="request-break-glass", why="approvals")


# --- time ---

def test_too_late_and_too_early():
    with Leaping() as gateway:
        glass = BreakGlass(gateway)
        people = glass.people = People(glass.voters())
        extend(glass, people)
        glass.key()
        glass.key("vault/prod/slow", group_id="slow")
        glass.key("vault/prod/brief", group_id="brief")
        pair = [people.bob, people.carol]
        short = glass.approved(glass.seal(), window="1m")
        voted = glass.ask(glass.seal(), window="1m")
        glass.vote(voted, people.one)
        slow = glass.approved(glass.seal("vault/prod/slow"), pair, name="vault/prod/slow")
        brief = glass.approved(glass.seal("vault/prod/brief"), pair, name="vault/prod/brief")
        assert slow["state"] == "pending" and glass.show(slow)["state"] == "approved" and glass.show(slow)["decision"] == "waiting"
        refused_open(glass, slow, REQUIRED, "waits until")
        gateway.leap(400)
        refused_vote(glass, voted, people.two.vote(unb64(voted["statement"])), STATE, "expired")
        refused_vote(glass, voted, people.two.vote(unb64(voted["statement"]), at=now(400)), STATE, "expired")
        refused_open(glass, voted, STATE, "expired")
        until("the other one has expired by itself", lambda: glass.show(short)["state"] == "expired")
        refused_open(glass, short, STATE, "expired")
        refused_open(glass, brief, REQUIRED, "ended at")
        refused_open(glass, slow, REQUIRED, "waits until")
        # what has expired stays so when the clock goes back
        gateway.leap(0)
        for late in (short, voted, brief):
            refused_open(glass, late, STATE, "expired")
        gateway.leap(700)
        assert glass.requester.unseal(glass.open(slow)["sealed"]) == b"the secret"
