"""What somebody who may write the database gets without M people: nothing. The front checks what it can; what it cannot know, the process beside
the token does: its pinned root, the newest roster that it has seen, what is spent, and the rule that stands in the material.

The gateway stands still while its database is edited, and starts again on the same folder.
"""
import json
import secrets
import shutil
import uuid

import pytest

from configured import Configured
from daemon import b64, unb64, until
from gateway import Gateway
from quorum import BreakGlass, Requester, Voter, canonical, group, now, roster, roster_statement, sha256
from refusals import edited, edited_for_a_while, refused, system_records

KEY, OTHER = "vault/prod/dek", "vault/prod/other"
FORBIDDEN, REQUIRED, CONFLICT, STATE, FIELD = (403, "forbidden"), (403, "approval_required"), (409, "conflict"), (409, "invalid_state"), (400, "invalid_field")
APPROVED = 2  # as the database has it


def row_id(request):
    return uuid.UUID(request["id"]).bytes


def refused_open(glass, request, says, why="", state=None):
    """Nothing comes out of it, and nothing later."""
    _, record = refused(glass.gateway, glass.open, request, says=says, operation="open-break-glass", why=why)
    assert record["detail"]["request"] == request["id"]
    if state:
        assert glass.show(request)["state"] == state


# --- requests and votes ---

def asked(glass):
    return glass.ask(glass.seal(context={"a": "b"}), context={"a": "b"})


def approved(glass):
    return glass.approved(glass.seal(context={"a": "b"}), context={"a": "b"})


def half_approved(glass):
    request = asked(glass)
    glass.vote(request, glass.voters()[0])
    return request


def opened(glass):
    request = approved(glass)
    glass.open(request)
    return request


def one_yes_one_no(glass):
    request = half_approved(glass)
    glass.vote(request, glass.voters()[1], "deny")
    return request


def mark_approved(db, request):
    db.changes("UPDATE requests SET state = ?, outcome = NULL, result = x'', audit_seq = 0 WHERE id = ?", APPROVED, row_id(request))


def put_vote(db, request, voter, signature=None, choice="approve", at=None, form="raw"):
    db.changes("INSERT INTO votes (request_id, voter, choice, format, signed_at, signature, received_at) VALUES (?, ?, ?, ?, ?, ?, 0)",
               row_id(request), voter, choice, form, at or now(), signature if signature is not None else secrets.token_bytes(64))


def copy_votes(db, source, target):
    db.changes("INSERT INTO votes (request_id, voter, choice, format, signed_at, signature, received_at)"
               " SELECT ?, voter, choice, format, signed_at, signature, received_at FROM votes WHERE request_id = ?", row_id(target), row_id(source))


def statement_edit(**changes):
    def edit(db, request, _):
        whole = json.loads(unb64(request["statement"]))
        assert canonical(whole) == unb64(request["statement"])
        for name, value in changes.items():
            whole[name] = value(whole[name]) if callable(value) else value
        db.changes("UPDATE requests SET statement = ? WHERE id = ?", canonical(whole), row_id(request))
    return edit


def lower_m(rule):
    return {**rule, "m": 1}


def another_recipient(recipient):
    public = Requester().public
    return {name: public[name] for name in recipient}


def votes_gone(db, request, _):
    db.changes("DELETE FROM votes WHERE request_id = ?", row_id(request))


def vote_gone(db, request, _):
    db.changes("DELETE FROM votes WHERE request_id = ? AND voter = 'voter-1'", row_id(request))


def approved_by_hand(db, request, _):
    mark_approved(db, request)


def forged(db, request, _):
    put_vote(db, request, "voter-1")
    put_vote(db, request, "voter-2")
    mark_approved(db, request)


def forged_by_many(db, request, _):
    for i in range(300):
        put_vote(db, request, f"voter-{i + 10}")
    mark_approved(db, request)


def copied_under_another_name(db, request, _):
    (signature, at), = db.run("SELECT signature, signed_at FROM votes WHERE request_id = ?", row_id(request))
    put_vote(db, request, "voter-2", signature, at=at)
    mark_approved(db, request)


def no_made_yes(db, request, _):
    db.changes("UPDATE votes SET choice = 'approve' WHERE request_id = ?", row_id(request))
    mark_approved(db, request)


def odd_votes(**columns):
    def edit(db, request, _):
        for name, value in columns.items():
            db.changes(f"UPDATE votes SET {name} = ? WHERE request_id = ?", value, row_id(request))
    return edit


def votes_of_another(db, request, other):
    copy_votes(db, other, request)
    mark_approved(db, request)


def statement_of_another(db, request, other):
    """Statement and votes of a request that people have approved, over the ciphertext that is wanted."""
    db.changes("UPDATE requests SET statement = (SELECT statement FROM requests WHERE id = ?) WHERE id = ?", row_id(other), row_id(request))
    votes_of_another(db, request, other)


def column(name, value):
    def edit(db, request, other):
        db.changes(f"UPDATE requests SET {name} = ? WHERE id = ?", value(db, request, other) if callable(value) else value, row_id(request))
    return edit


def ciphertext_of_another(db, request, other):
    return unb64(other["ciphertext"])


def one_byte_more(db, request, other):
    return unb64(request["ciphertext"]) + b"\0"


def opened_set_back(db, request, _):
    mark_approved(db, request)


def opened_under_another_id(db, request, other):
    """The row of what was opened, copied over another request's, votes and all."""
    db.changes("DELETE FROM votes WHERE request_id = ?", row_id(other))
    db.changes("UPDATE requests SET (statement, ciphertext, context) = (SELECT statement, ciphertext, context FROM requests WHERE id = ?) WHERE id = ?",
               row_id(request), row_id(other))
    copy_votes(db, request, other)
    mark_approved(db, other)
    request.update(other)


# what people did; what is edited, with another approved request at hand; the refusal, why, and the state after it
EDITS = {
    "approvals deleted": (approved, votes_gone, REQUIRED, "0 of 2", None),
    "an approval deleted": (approved, vote_gone, REQUIRED, "1 of 2", None),
    "approved by hand": (asked, approved_by_hand, REQUIRED, "0 of 2", None),
    "approved by hand and by one": (half_approved, approved_by_hand, REQUIRED, "1 of 2", None),
    "forged votes": (asked, forged, REQUIRED, "0 of 2", None),
    "hundreds of forged votes": (asked, forged_by_many, REQUIRED, "", None),
    "a vote copied under another name": (half_approved, copied_under_another_name, REQUIRED, "1 of 2", None),
    "a no made a yes": (one_yes_one_no, no_made_yes, REQUIRED, "1 of 2", None),
    "votes of another time": (approved, odd_votes(signed_at="2026-01-01T00:00:00Z"), REQUIRED, "0 of 2", None),
    "votes of no time": (approved, odd_votes(signed_at="yesterday"), REQUIRED, "0 of 2", None),
    "votes of another format": (approved, odd_votes(format="sshsig"), REQUIRED, "0 of 2", None),
    "votes for another request": (asked, votes_of_another, REQUIRED, "0 of 2", None),
    "another statement": (asked, statement_of_another, REQUIRED, "something else", None),
    "another requester in the row": (approved, column("requester", "token:mallory"), REQUIRED, "something else", None),
    "another kind in the row": (approved, column("kind", "unfreeze"), REQUIRED, "something else", None),
    "another version in the row": (approved, column("version", 2), REQUIRED, "something else", None),
    "a later end in the row": (approved, column("expires_at", 4102444800000), REQUIRED, "something else", None),
    "another reason": (approved, statement_edit(reason="none of your business"), REQUIRED, "0 of 2", None),
    "another recipient": (approved, statement_edit(recipient=another_recipient), REQUIRED, "0 of 2", None),
    "another requester": (approved, statement_edit(requester="token:mallory"), REQUIRED, "something else", None),
    "another nonce": (approved, statement_edit(nonce=b64(b"m" * 32)), REQUIRED, "0 of 2", None),
    "a later end": (approved, statement_edit(expires_at=now(86400)), REQUIRED, "something else", None),
    "another version": (approved, statement_edit(version=2), REQUIRED, "something else", None),
    "the digest of another ciphertext": (approved, statement_edit(ciphertext_sha256=sha256(b"x")), REQUIRED, "0 of 2", None),
    "m of one in the statement": (approved, statement_edit(rule=lower_m), REQUIRED, "not what was written", None),
    "an unknown field in the statement": (approved, statement_edit(force=True), REQUIRED, "not what was written", None),
    "no statement": (approved, column("statement", b"x"), REQUIRED, "not what was written", None),
    "another ciphertext": (approved, column("ciphertext", ciphertext_of_another), REQUIRED, "another ciphertext", "failed"),
    "a longer ciphertext": (approved, column("ciphertext", one_byte_more), REQUIRED, "another ciphertext", "failed"),
    "another context": (approved, column("context", b'{"a":"c"}'), REQUIRED, "another context", "failed"),
    "no context": (approved, column("context", b""), REQUIRED, "another context", "failed"),
    "another key": (approved, column("key_name", OTHER), REQUIRED, "something else", None),
    "opened and set back": (opened, opened_set_back, CONFLICT, "used before", "failed"),
    "opened and copied": (opened, opened_under_another_id, REQUIRED, "something else", None),
}


@pytest.fixture(scope="module")
def gateway():
    with Gateway() as running:
        yield running


@pytest.fixture(scope="module")
def glass(gateway):
    made = BreakGlass(gateway)
    made.key(KEY)
    made.key(OTHER)
    return made


@pytest.fixture(scope="module")
def requests(gateway, glass):
    """Each of the table, edited while the gateway stood."""
    made = {name: (row[0](glass), approved(glass)) for name, row in EDITS.items()}
    with edited(gateway) as db:
        for name, (request, other) in made.items():
            EDITS[name][1](db, request, other)
    return made


@pytest.mark.parametrize("name", EDITS)
def test_an_edited_request(glass, requests, name):
    says, why, state = EDITS[name][2:]
    refused_open(glass, requests[name][0], says, why, state)
    if state == "failed":
        refused_open(glass, requests[name][0], STATE, "failed")


def test_a_request_that_nobody_edited(gateway, glass, requests):
    request = approved(glass)
    with edited(gateway):
        pass
    assert glass.requester.unseal(glass.open(request)["sealed"]) == b"the secret"


ROWS = {"kind": "anything", "state": 12, "version": -1, "statement": b""}


def test_rows_that_are_no_rows(gateway, glass):
    """They prove nothing, and do not stand in the way of the others."""
    damaged = {name: approved(glass) for name in [*ROWS, "votes"]}
    good = approved(glass)
    with edited_for_a_while(gateway, lambda db: damage(db, damaged)):
        for request in damaged.values():
            assert gateway.call("GET", f"/v1/break-glass/{request['id']}").status in (200, 403)
            refused(gateway, glass.open, request, says=REQUIRED, operation="open-break-glass", why="not what was written")
            refused(gateway, glass.vote, request, glass.voters()[2], says=REQUIRED, operation="vote", why="not what was written")
        glass.open(good)


def damage(db, damaged):
    for name, value in ROWS.items():
        db.changes(f"UPDATE requests SET {name} = ? WHERE id = ?", value, row_id(damaged[name]))
    db.changes("UPDATE votes SET choice = 'perhaps' WHERE request_id = ?", row_id(damaged["votes"]))


# --- what the database alone could hide ---

def test_what_people_took_back(gateway, glass):
    """A deny, a cancellation and a freeze are the front's to remember: without them it opens, but then M people have signed for exactly that, and
    it is sealed to who asked. Without M it does not open."""
    three = glass.voters()[2]
    denied, cancelled, half = approved(glass), approved(glass), half_approved(glass)
    glass.vote(denied, three, "deny")
    gateway.do("POST", f"/v1/break-glass/{cancelled['id']}:cancel", {})
    gateway.do("POST", f"/v1/break-glass/{half['id']}:cancel", {})
    hidden = approved(glass)
    glass.vote(hidden, three, "deny")
    frozen = approved(glass)
    unmet = half_approved(glass)
    gateway.verb(KEY, "freeze", {"reason": "wait"})
    refused_open(glass, frozen, STATE, "frozen")
    with edited(gateway) as db:
        db.changes("DELETE FROM votes WHERE request_id = ? AND choice = 'deny'", row_id(hidden))
        for request in (denied, hidden, cancelled, half):
            mark_approved(db, request)
        db.changes("UPDATE keys SET frozen_at = 0, frozen_by = NULL, frozen_reason = NULL WHERE name = ?", KEY)
    until("the votes say so again", lambda: glass.show(denied)["state"] == "denied")
    refused_open(glass, denied, STATE, "denied")
    refused_open(glass, half, REQUIRED, "1 of 2")
    refused_open(glass, unmet, REQUIRED, "1 of 2")
    for request in (hidden, cancelled, frozen):
        assert glass.requester.unseal(glass.open(request)["sealed"]) == b"the secret"
        refused_open(glass, request, STATE, "opened")


# --- rules ---

def around(gateway, sealed, wrapped, name):
    """Every other way to the plaintext of a data blob and of a data key's; each blob goes one way, and the other says so first."""
    for blob, own, wrong in ((sealed, "decrypt", "unwrap"), (wrapped, "unwrap", "decrypt")):
        for verb, says in ((own, REQUIRED), ("rewrap", REQUIRED), (wrong, (400, "invalid_ciphertext"))):
            refused(gateway, gateway.verb, name, verb, {"ciphertext": blob}, says=says, operation=verb)


def set_rule(group_id, m, name=KEY):
    def edit(db):
        db.changes("UPDATE keys SET approval_group = ?, approval_m = ? WHERE name = ?", group_id, m, name)
    return edit


def test_the_rule_deleted(gateway, glass):
    sealed, wrapped = glass.seal(), gateway.verb(KEY, "data-key", {"bytes": 32, "plaintext": False})["ciphertext"]
    request, half = approved(glass), half_approved(glass)
    assert glass.show(request)["state"] == "approved"
    with edited_for_a_while(gateway, set_rule(None, 0)):
        assert "approval" not in gateway.do("GET", f"/v1/keys/{KEY}")
        for name in (KEY, KEY + "@1"):
            around(gateway, sealed, wrapped, name)
        for verb, blob in (("decrypt", sealed), ("unwrap", wrapped), ("rewrap", sealed), ("rewrap", wrapped)):
            answer = gateway.call("POST", f"/v1/keys/{KEY}:{verb}", {"items": [{"ciphertext": blob}, {"ciphertext": blob}]})
            assert b"plaintext" not in answer.body and b"approval_required" in answer.body, answer.body
            assert gateway.records()[-1]["operation"] == verb and gateway.records()[-1]["items_failed"] == 2
        # a new version has no rule, but it opens nothing of what is there
        gateway.verb(KEY, "rotate", {"immediate": True})
        for verb, blob in (("decrypt", sealed), ("unwrap", wrapped), ("rewrap", sealed)):
            refused(gateway, gateway.verb, KEY, verb, {"ciphertext": blob}, says=REQUIRED, operation=verb)
        refused_open(glass, half, REQUIRED, "1 of 2")
        fresh = glass.ask(sealed)
        glass.vote(fresh, glass.voters()[0])
        refused_open(glass, fresh, REQUIRED, "1 of 2")
    assert glass.requester.unseal(glass.open(request)["sealed"]) == b"the secret"


@pytest.mark.parametrize("m", [1, -1, 256])
def test_m_changed(gateway, glass, m):
    sealed, request, half = glass.seal(), approved(glass), half_approved(glass)
    with edited_for_a_while(gateway, set_rule("officers", m)):
        for unmet in (half, glass.ask(sealed) if m == 1 else half):
            refused_open(glass, unmet, REQUIRED)
        answer = gateway.call("POST", f"/v1/keys/{KEY}:decrypt", {"ciphertext": sealed})
        assert answer.status == 403, answer.body
    assert glass.show(request)["state"] == "approved"


def test_m_lowered(gateway, glass):
    """Two instead of three: the version's own rule stands in its CKA_ID."""
    name = "vault/prod/three"
    glass.key(name, m=3)
    sealed = glass.seal(name)
    before = glass.approved(sealed, name=name)
    refused_open(glass, before, REQUIRED, "2 of 3")
    with edited_for_a_while(gateway, set_rule("officers", 2, name)):
        refused_open(glass, before, REQUIRED, "2 of 3")
        refused_open(glass, glass.approved(sealed, name=name), REQUIRED, "2 of 3")
    # nor does people's word about another thing change the rule
    rule = glass.request(kind="rule", key=name, approval={"group": "officers", "m": 2})
    with edited(gateway) as db:
        mark_approved(db, rule)
    refused_open(glass, rule, REQUIRED, "0 of 3")


def test_material_under_another_name(gateway, glass):
    """Two keys' versions exchange their material: one that needs nobody has that of one that needs two."""
    gateway.key("vault/plain", "aes-256-gcm")
    sealed = glass.seal()

    def exchange(db):
        (plain,), (guarded,) = (db.run("SELECT id FROM keys WHERE name = ?", n) for n in ("vault/plain", KEY))
        columns = "cka_id, identity, public_key"
        a, = db.run(f"SELECT {columns} FROM versions WHERE key_id = ? AND number = 1", *plain)
        b, = db.run(f"SELECT {columns} FROM versions WHERE key_id = ? AND number = 1", *guarded)
        db.changes("UPDATE versions SET cka_id = x'00' WHERE key_id = ? AND number = 1", *plain)
        for row, owner in ((a, guarded), (b, plain)):
            db.changes("UPDATE versions SET (cka_id, identity, public_key) = (?, ?, ?) WHERE key_id = ? AND number = 1", *row, *owner)
        # and their ids, so that the header of the ciphertext fits
        db.run("PRAGMA foreign_keys = OFF")
        for old, new in ((*plain, b"\1" * 16), (*guarded, *plain), (b"\1" * 16, *guarded)):
            db.changes("UPDATE keys SET id = ? WHERE id = ?", new, old)

    with edited_for_a_while(gateway, exchange):
        for name in ("vault/plain", KEY):
            answer = gateway.call("POST", f"/v1/keys/{name}:decrypt", {"ciphertext": sealed})
            assert answer.status in (400, 403) and b"plaintext" not in answer.body, (name, answer.status, answer.body)


def retired(glass, name):
    """A key whose first version is retired, and an approved request to open something of it."""
    glass.key(name)
    request = glass.approved(glass.seal(name), name=name)
    glass.gateway.verb(name, "rotate", {"immediate": True})
    glass.gateway.verb(f"{name}@1", "retire", {})
    return request


def make_due(db, name, **columns):
    for column_name, value in {"destroy_at": 1000, **columns}.items():
        db.changes(f"UPDATE versions SET {column_name} = ? WHERE number = 1 AND key_id = (SELECT id FROM keys WHERE name = ?)", value, name)


def spared(glass, request, name, why):
    """Neither the scheduler nor an administrator has it destroyed, and it can be taken back."""
    gateway = glass.gateway
    until("the scheduler was refused", lambda: any((r.get("key"), r.get("code")) == (name, "approval_required") for r in system_records(gateway, "destroy")))
    refused(gateway, gateway.verb, f"{name}@1", "confirm-destroy", {"reason": "now"}, says=REQUIRED, operation="destroy", why=why)
    # not while the scheduler tries once more
    until("it is taken back", lambda: gateway.call("POST", f"/v1/keys/{name}@1:cancel-destroy", {}).status == 200)
    assert next(v["state"] for v in gateway.do("GET", f"/v1/keys/{name}")["versions"] if v["version"] == 1) == "retired"
    assert glass.requester.unseal(glass.open(request)["sealed"]) == b"the secret"


def test_destroyed_by_hand(gateway, glass):
    """Scheduled, due and without a rule in the database: the worker keeps the material."""
    name = "vault/prod/kept"
    request = retired(glass, name)
    with edited(gateway) as db:
        set_rule(None, 0, name)(db)
        make_due(db, name, scheduled_from=4, state=7)
    spared(glass, request, name, "approval of a quorum")


def test_destroyed_for_another_reason(gateway, glass):
    """By the permission of people who agreed to open something."""
    name = "vault/prod/kept-too"
    request = retired(glass, name)
    with edited(gateway) as db:
        make_due(db, name, scheduled_from=4, state=7, permission=row_id(request))
    spared(glass, request, name, "does not ask to destroy")


def test_destroyed_too_early(gateway, glass):
    """People agreed, but want a day for second thoughts."""
    name = "vault/prod/kept-for-a-day"
    request = retired(glass, name)
    destroy = glass.request(kind="destroy", key=f"{name}@1", after="24h", despite_use=True)
    for voter in glass.voters()[:2]:
        glass.vote(destroy, voter)
    glass.open(destroy)
    with edited(gateway) as db:
        make_due(db, name)
    spared(glass, request, name, "s from now")


# --- rosters ---

class Rosters:
    """An instance of its own, in which the second roster has another person and another group of people who are not to open anything."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.glass = BreakGlass(gateway)
        self.one, self.two, self.three = self.glass.voters()
        self.eve, self.mallory = Voter("eve"), Voter("mallory")
        self.first = unb64(gateway.do("GET", "/v1/roster")["chain"][0]["roster"])
        self.second = self.make(2, self.first, [self.one, self.two, self.eve, self.mallory], "voter-1", "voter-2")
        self.glass.key(KEY)
        self.early = [self.glass.ask(self.glass.seal()) for _ in range(4)]
        self.glass.publish(self.second, self.first, [self.one, self.two])
        seen = next((gateway.data / "latch").glob("rosters-*.json"))
        until("the worker has seen it", lambda: json.loads(seen.read_text())["number"] == 2)

    def make(self, number, previous, people, *officers):
        groups = [group("officers", 2, *officers)]
        if any(p.id == "eve" for p in people):
            groups.append(group("guests", 2, "eve", "mallory"))
        return roster(people, groups, number=number, previous=previous)


@pytest.fixture(scope="module")
def rosters():
    with Gateway() as running:
        yield Rosters(running)


def put_roster(number, new, statement=b"", votes=()):
    def edit(db):
        db.run("DELETE FROM rosters WHERE number = ?", number)
        text = json.dumps(list(votes), separators=(",", ":")) if number > 1 else ""
        db.changes("INSERT INTO rosters (number, roster, statement, votes, added_at) VALUES (?, ?, ?, ?, 0)", number, new, statement, text)
    return edit


def nothing_opens(rosters, request, why):
    """The front itself does not believe them: it says so when it starts, in log and audit, and asks nobody."""
    glass, gateway = rosters.glass, rosters.gateway
    assert "The rosters are not to be trusted" in gateway.log_text()
    assert why in system_records(gateway, "rosters-distrusted")[-1]["detail"]["why"]
    refused_open(glass, request, REQUIRED, "not to be trusted")
    refused(gateway, glass.ask, request["ciphertext"], says=REQUIRED, operation="request-break-glass", why="not to be trusted")
    refused(gateway, glass.vote, request, rosters.eve, says=REQUIRED, operation="vote", why="not to be trusted")
    assert b"hsmgate_quorum_rosters_trusted 0" in gateway.call("GET", "/metrics", token="").body


def worker_refuses(rosters, request, why):
    """They are good in themselves; but the worker knows better. It says so at start, and nothing was spent."""
    glass, gateway = rosters.glass, rosters.gateway
    until("the refusal is recorded", lambda: any(why in r["detail"]["why"] for r in system_records(gateway, "roster-refused")))
    refused_open(glass, request, REQUIRED, why, "failed")


def test_rolled_back(rosters):
    """People who were removed would count again."""
    request = rosters.early[0]

    def back(db):
        db.changes("DELETE FROM rosters WHERE number = 2")

    with edited_for_a_while(rosters.gateway, back):
        assert rosters.gateway.do("GET", "/v1/roster")["number"] == 1
        for voter in (rosters.two, rosters.three):
            rosters.glass.vote(request, voter)
        assert rosters.glass.show(request)["state"] == "approved"
        worker_refuses(rosters, request, "rolled back")


def test_all_rosters_gone(rosters):
    """The front takes the root from its file again; that is a roll-back, too."""
    request = rosters.early[1]
    with edited_for_a_while(rosters.gateway, lambda db: db.changes("DELETE FROM rosters")):
        for voter in (rosters.two, rosters.three):
            rosters.glass.vote(request, voter)
        worker_refuses(rosters, request, "rolled back")


def test_forked(rosters):
    """Another second roster, signed by enough people of the first."""
    request = rosters.early[2]
    other = rosters.make(2, rosters.first, [rosters.one, rosters.three], "voter-1", "voter-3")
    statement = roster_statement(other, rosters.first)
    with edited_for_a_while(rosters.gateway, put_roster(2, other, statement, [v.vote(statement) for v in (rosters.two, rosters.three)])):
        for voter in (rosters.one, rosters.three):
            rosters.glass.vote(request, voter)
        worker_refuses(rosters, request, "forked")


def test_rosters_nobody_signed(rosters):
    request = rosters.early[3]
    mine = rosters.make(3, rosters.second, [rosters.eve, rosters.mallory], "eve", "mallory")
    statement = roster_statement(mine, rosters.second)
    voters = {"nobody": ([], "not approved"), "themselves": ([rosters.eve, rosters.mallory], "not approved"), "one": ([rosters.one], "not approved")}
    for signed, why in voters.values():
        with edited_for_a_while(rosters.gateway, put_roster(3, mine, statement, [v.vote(statement) for v in signed])):
            nothing_opens(rosters, request, why)


def test_another_root(rosters):
    root = roster([rosters.eve, rosters.mallory], [group("officers", 2, "eve", "mallory")])

    def replace(db):
        db.changes("DELETE FROM rosters")
        put_roster(1, root)(db)

    with edited_for_a_while(rosters.gateway, replace):
        nothing_opens(rosters, rosters.early[3], "not the root that is pinned")


def test_garbage_for_a_roster(rosters):
    for columns in ({"roster": b"x"}, {"votes": "x"}, {"votes": "[]"}, {"votes": "{}"}, {"statement": b"x"}, {"number": 7}):
        (name, value), = columns.items()
        with edited_for_a_while(rosters.gateway, lambda db: db.changes(f"UPDATE rosters SET {name} = ? WHERE number = 2", value)):
            nothing_opens(rosters, rosters.early[3], "")


def test_a_group_of_ones_own(rosters):
    """The key's group in the database is one whose people want to open it; and with no rule at all, the authority is not asked instead."""
    glass = rosters.glass
    sealed = glass.seal()
    asked_before = glass.ask(sealed)
    with edited_for_a_while(rosters.gateway, set_rule("guests", 2)):
        refused(rosters.gateway, glass.ask, sealed, says=FIELD, operation="request-break-glass", why="bound to group officers")
        refused(rosters.gateway, glass.vote, asked_before, rosters.eve, says=REQUIRED, operation="vote", why="bound to group officers")
    glass.key(OTHER, group_id="guests")
    theirs = glass.ask(glass.seal(OTHER), name=OTHER)
    with edited_for_a_while(rosters.gateway, set_rule(None, 0, OTHER)):
        refused(rosters.gateway, glass.vote, theirs, rosters.one, says=FORBIDDEN, operation="vote", why="not of the group")
        refused_open(glass, theirs, REQUIRED, "0 of 2")


def test_approvers_who_left(rosters):
    glass = rosters.glass
    request = glass.approved(glass.seal(), [rosters.one, rosters.two])
    third = rosters.make(3, rosters.second, [rosters.one, rosters.three, rosters.eve, rosters.mallory], "voter-1", "voter-3")
    glass.publish(third, rosters.second, [rosters.one, rosters.two])
    refused_open(glass, request, REQUIRED, "1 of 2")
    refused(glass.gateway, glass.vote, request, rosters.two.vote(unb64(request["statement"]), at=now(-1)), says=FORBIDDEN, operation="vote", why="not in the roster")


def test_a_front_with_a_root_of_its_own():
    """Its configuration and its database agree; the worker's does not."""
    eve, mallory = Voter("eve"), Voter("mallory")
    root = roster([eve, mallory], [group("officers", 2, "eve", "mallory")])
    gateway = Configured("soft")
    file = gateway.data / "roster.json"
    file.write_bytes(root)
    gateway.options["quorum"] = {"roster_root": sha256(root), "roster_file": str(file)}
    gateway.tokens["soft"].write(roster_root=sha256(b"the root of other people"))
    with gateway:
        glass = BreakGlass(gateway)
        glass.key(KEY)
        request = glass.approved(glass.seal(), [eve, mallory])
        assert glass.show(request)["state"] == "approved"
        until("it is recorded", lambda: any("not the root that is pinned" in r["detail"]["why"] for r in system_records(gateway, "roster-refused")))
        refused_open(glass, request, REQUIRED, "not the root that is pinned", "failed")
        refused(gateway, gateway.verb, KEY, "decrypt", {"ciphertext": request["ciphertext"]}, says=REQUIRED, operation="decrypt")


# --- another gateway ---

def test_requests_of_another_gateway(gateway, glass):
    """The same people, the same roster and a key of the same name: what they approved there opens nothing here."""
    request = approved(glass)
    with Gateway() as there:
        there.stop()
        shutil.rmtree(there.data / "voters")
        shutil.copytree(gateway.data / "voters", there.data / "voters")
        shutil.copy(gateway.data / "roster.json", there.data / "roster.json")
        for name in ("hsmgate.db", "hsmgate.db-wal", "hsmgate.db-shm"):
            (there.data / name).unlink(missing_ok=True)
        for seen in (there.data / "latch").glob("rosters-*.json"):
            seen.unlink()
        there.start()
        far = BreakGlass(there)
        far.requester = glass.requester
        far.key(KEY)
        far.seal()
        gateway.stop()
        with edited(there) as db:
            db.run(f"ATTACH '{gateway.data / 'hsmgate.db'}' AS origin")
            db.changes("INSERT INTO requests SELECT * FROM origin.requests WHERE id = ?", row_id(request))
            db.changes("INSERT INTO votes SELECT * FROM origin.votes WHERE request_id = ?", row_id(request))
        gateway.start()
        assert far.show(request)["decision"] == "met"
        refused_open(far, request, STATE, "another one than people voted on")
        # with the key's id there as well: the statement names material that is not on this token
        with edited(there) as db:
            key_id, = db.run("SELECT id FROM keys WHERE name = ?", KEY)[0]
            own = uuid.UUID(json.loads(unb64(request["statement"]))["key_id"]).bytes
            db.run("PRAGMA foreign_keys = OFF")
            db.changes("UPDATE keys SET id = ? WHERE id = ?", own, key_id)
            db.changes("UPDATE versions SET key_id = ? WHERE key_id = ?", own, key_id)
        refused_open(far, request, STATE, "another one than people voted on")
    assert glass.requester.unseal(glass.open(request)["sealed"]) == b"the secret"
