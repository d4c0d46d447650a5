"""People are told: each event of a request's life comes to the webhook, once and in order, with what they need to look it up."""
import contextlib
import json
import sqlite3

import pytest

from configured import Configured
from quorum import BreakGlass, Voter, group, roster, sha256
from webhook import receiver

KEY = "vault/prod/dek"


class Told:
    """An instance with three voters, and its webhook."""

    def __init__(self, gateway, hook):
        self.gateway, self.hook = gateway, hook
        self.people = [Voter(name) for name in ("ann", "bob", "cat")]
        self.root = roster(self.people, [group("officers", 2, "ann", "bob", "cat")])
        file = gateway.data / "roster.json"
        file.write_bytes(self.root)
        gateway.options["quorum"] = {"roster_root": sha256(self.root), "roster_file": str(file)}
        gateway.options["events"] = {"webhook": hook.url}
        gateway.tokens["soft"].write(roster_root=sha256(self.root))
        self.glass = BreakGlass(gateway)
        self.others = 0

    def next(self, *names):
        """What comes next must be these; with the members that every event has."""
        events = [json.loads(self.hook.got.get(timeout=60).body) for _ in names]
        assert [event["event"] for event in events] == list(names), events
        assert all(event["id"] and event["time"].endswith("Z") for event in events)
        return events

    def about(self, request, *names):
        events = self.next(*names)
        for event in events:
            assert (event["request"], event["key"], event["version"]) == (request["id"], request["key"], request.get("version", 0)), event
        return events

    def asked(self, *votes):
        """A request with these votes, of which was told."""
        request = self.glass.ask(self.glass.seal())
        names = ["request.made"]
        for voter, decision in votes:
            self.glass.vote(request, voter, decision)
            names.append("request.vote")
        return request, self.about(request, *names)

    def is_quiet(self):
        """Nothing more was told: the next event is the one that is made here."""
        self.others += 1
        self.gateway.key(f"other/{self.others}", "aes-256-gcm")
        self.gateway.verb(f"other/{self.others}", "freeze", {"reason": "to be told of"})
        assert self.next("key.frozen")[0]["key"] == f"other/{self.others}"


@pytest.fixture(scope="module")
def told():
    with receiver() as hook:
        made = Told(Configured("soft"), hook)
        with made.gateway:
            made.glass.key()
            yield made


def test_asked_voted_approved_opened(told):
    ann, bob, _ = told.people
    request, events = told.asked((ann, "approve"))
    assert [event.get("why") for event in events] == [None, "approve"]
    assert [event["principal"] for event in events] == ["token:admin", "token:admin"]
    told.glass.vote(request, bob)
    approved = told.about(request, "request.vote", "request.approved")[1]
    assert "principal" not in approved and approved["why"], "nobody decides it but the votes"
    told.glass.open(request)
    assert told.about(request, "request.opened")[0]["principal"] == "token:admin"
    with pytest.raises(Exception, match="used once"):
        told.glass.open(request)
    told.is_quiet()


def test_denied_and_cancelled(told):
    ann, _, cat = told.people
    request, _ = told.asked((ann, "approve"))
    told.glass.vote(request, cat, "deny")
    events = told.about(request, "request.vote", "request.denied")
    assert events[0]["why"] == "deny" and "cat" in events[1]["why"]
    request, _ = told.asked()
    told.gateway.do("POST", f"/v1/break-glass/{request['id']}:cancel", {"reason": "found a backup"})
    assert told.about(request, "request.cancelled")[0]["why"] == "found a backup"
    told.is_quiet()


def test_a_freeze_and_what_ends_it(told):
    told.gateway.verb(KEY, "freeze", {"reason": "somebody was seen"})
    frozen = told.next("key.frozen")[0]
    assert (frozen["key"], frozen["principal"], frozen["why"]) == (KEY, "token:admin", "somebody was seen")
    thaw = told.glass.request(kind="unfreeze", key=KEY)
    for voter in told.people[:2]:
        told.glass.vote(thaw, voter)
    told.glass.open(thaw)
    told.about(thaw, "request.made", "request.vote", "request.vote", "request.approved", "request.opened")


def test_an_approval_goes_with_who_gave_it(told):
    ann, bob, cat = told.people
    request, _ = told.asked((ann, "approve"), (cat, "approve"))
    told.about(request, "request.approved")
    new = roster([ann, bob, cat], [group("officers", 2, "ann", "bob")], number=2, previous=told.root)
    told.glass.publish(new, told.root, [ann, bob])
    changed, dropped = told.next("roster.changed", "request.approval-dropped")
    assert changed["principal"] == "token:admin" and (changed["key"], changed["version"]) == ("", 0)
    assert dropped["request"] == request["id"] and dropped["key"] == KEY
    told.glass.vote(request, bob)
    told.about(request, "request.vote", "request.approved")


def test_it_expires_although_nobody_asks(told):
    """Its end in the row is moved to the past, which no signature covers any more: it ends all the same, and people are told."""
    request, _ = told.asked()
    told.gateway.stop()
    with contextlib.closing(sqlite3.connect(told.gateway.data / "hsmgate.db")) as db, db:
        assert db.execute("UPDATE requests SET expires_at = created_at + 1 WHERE state = 1").rowcount == 1
    told.gateway.start()
    expired = told.about(request, "request.expired")[0]
    assert "principal" not in expired and expired["why"]
    assert told.glass.show(request)["state"] == "expired"
    told.is_quiet()
