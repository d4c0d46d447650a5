"""Two of three people let one ciphertext be opened, once, for one person; and what else a quorum decides."""
import os
import signal
import subprocess
import threading

import pytest

from daemon import Refused, b64, programs, stand_still, unb64
from gateway import Gateway
from quorum import BreakGlass, Requester, Voter, group, roster


def refusal(call, *arguments, **more):
    with pytest.raises(Refused) as caught:
        call(*arguments, **more)
    return caught.value


@pytest.fixture(scope="module")
def gateway():
    with Gateway() as running:
        yield running


@pytest.fixture(scope="module")
def glass(gateway):
    made = BreakGlass(gateway)
    made.key()
    return made


def records_of(gateway, request):
    return [r for r in gateway.records() if r.get("detail", {}).get("request") == request["id"]]


def test_two_of_three_open_one_ciphertext(gateway, glass):
    one, two, three = glass.voters()
    context = {"table": "cards"}
    sealed = glass.seal(plaintext=b"4111 1111", context=context)
    assert refusal(gateway.verb, "vault/prod/dek", "decrypt", {"ciphertext": sealed, "context": context}).status == 403
    request = glass.ask(sealed, context=context)
    assert request["state"] == "pending" and request["m"] == 2 and request["eligible"] == ["voter-1", "voter-2", "voter-3"]
    assert refusal(glass.open, request).code == "approval_required"
    assert glass.vote(request, one)["state"] == "pending"
    assert refusal(glass.open, request).code == "approval_required"
    shown = glass.vote(request, two)
    assert shown["state"] == "approved" and shown["approvals"] == 2 and shown["decision"] == "met"
    opened = glass.open(request)
    assert opened["state"] == "opened" and opened["key"] == "vault/prod/dek" and opened["version"] == 1
    assert glass.requester.unseal(opened["sealed"]) == b"4111 1111"
    assert glass.requester.unseal_with_jose(opened["sealed"], gateway.data) == b"4111 1111"
    # once
    again = refusal(glass.open, request)
    assert again.status == 409 and "used once" in again.problem["detail"]
    assert refusal(glass.vote, request, three).status == 409
    # an intent before, a result after, and each refusal
    told = records_of(gateway, request)
    kinds = [(r["kind"], r["operation"], r["outcome"]) for r in told]
    assert ("intent", "open-break-glass", "ok") in kinds or any(k[0] == "intent" and k[1] == "open-break-glass" for k in kinds), kinds
    assert kinds.count(("request", "open-break-glass", "denied")) == 2 and kinds.count(("request", "open-break-glass", "ok")) == 1
    assert not any(secret in str(r) for r in gateway.records() for secret in ("4111 1111", b64(b"4111 1111")))


def test_curves_and_data_keys(gateway, glass):
    glass.requester = Requester("P-384")
    made = gateway.verb("vault/prod/dek", "data-key", {"bytes": 32, "plaintext": False})
    assert "plaintext" not in made
    assert refusal(gateway.verb, "vault/prod/dek", "data-key", {"plaintext": True}).status == 403
    opened = glass.open(glass.approved(made["ciphertext"]))
    assert len(glass.requester.unseal(opened["sealed"])) == 32
    glass.requester = Requester()
    gateway.key("vault/prod/rsa", "rsa-2048", purpose="decrypt", approval={"group": "officers", "m": 2})
    sealed = gateway.verb("vault/prod/rsa", "encrypt", {"plaintext": b64(b"by rsa")})["ciphertext"]
    opened = glass.open(glass.approved(sealed, name="vault/prod/rsa"))
    assert glass.requester.unseal(opened["sealed"]) == b"by rsa"


def test_a_compromised_version_opens_only_so(gateway, glass):
    gateway.key("vault/plain", "aes-256-gcm")
    sealed = glass.seal("vault/plain", b"old data")
    gateway.verb("vault/plain", "rotate", {"immediate": True})
    gateway.verb("vault/plain@1", "compromise", {"reason": "seen on a screen"})
    assert refusal(gateway.verb, "vault/plain", "decrypt", {"ciphertext": sealed}).status == 409
    opened = glass.open(glass.approved(sealed, name="vault/plain"))
    assert glass.requester.unseal(opened["sealed"]) == b"old data"


def test_a_deny_is_final(gateway, glass):
    one, two, three = glass.voters()
    request = glass.ask(glass.seal())
    glass.vote(request, one)
    assert glass.vote(request, three, "deny")["state"] == "denied"
    assert refusal(glass.vote, request, two).status == 409
    assert refusal(glass.open, request).status == 409
    # also when it was approved already
    request = glass.approved(glass.seal())
    assert glass.vote(request, three, "deny")["state"] == "denied"
    assert refusal(glass.open, request).status == 409


def test_a_deny_is_not_lost_behind_an_approval(glass):
    """Both come at once: the deny was taken or came too late for nothing, so the request is denied."""
    one, two, three = glass.voters()
    for _ in range(60):
        request = glass.ask(glass.seal())
        glass.vote(request, one)
        start = threading.Barrier(2)
        taken = []

        def cast(voter, decision):
            vote = voter.vote(unb64(request["statement"]), decision)
            start.wait()
            try:
                taken.append((decision, glass.vote(request, vote)["state"]))
            except Refused as no:
                assert decision == "approve" and no.status == 409, no

        threads = [threading.Thread(target=cast, args=how) for how in ((two, "approve"), (three, "deny"))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert ("deny", "denied") in taken and glass.show(request)["state"] == "denied", taken


def test_a_deny_that_was_taken_in_time_holds(glass):
    """A deny and an opening at once: one of them comes too late, whichever it is."""
    one, two, three = glass.voters()
    for _ in range(80):
        request = glass.approved(glass.seal(), [one, two])
        deny = three.vote(unb64(request["statement"]), "deny")
        start = threading.Barrier(2)
        done = {}

        def race(name, call, *arguments):
            start.wait()
            try:
                done[name] = call(*arguments)["state"]
            except Refused as no:
                done[name] = no.status

        threads = [threading.Thread(target=race, args=how) for how in (("deny", glass.vote, request, deny), ("open", glass.open, request))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (done["deny"] == 409) == (done["open"] == "opened"), done


def test_a_freeze_that_was_taken_in_time_holds(gateway, glass):
    """Likewise: who was told that the key is frozen before the opening began is right."""
    glass.key("vault/prod/ice")
    for _ in range(20):
        request = glass.approved(glass.seal("vault/prod/ice"), name="vault/prod/ice")
        start = threading.Barrier(2)
        done = {}

        def freeze():
            start.wait()
            gateway.verb("vault/prod/ice", "freeze", {"reason": "stop"})
            done["after"] = glass.show(request)["state"]

        def race():
            start.wait()
            try:
                done["open"] = glass.open(request)["state"]
            except Refused as no:
                done["open"] = no.status

        threads = [threading.Thread(target=how) for how in (freeze, race)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert done["after"] != "approved" or done["open"] == 409, done
        thaw = glass.request(kind="unfreeze", key="vault/prod/ice")
        for voter in glass.voters()[:2]:
            glass.vote(thaw, voter)
        glass.open(thaw)


def test_no_room_spends_nothing(gateway, glass):
    """A token with a queue before it turns an opening away; the approvals stand, and are used once all the same."""
    request = glass.approved(glass.seal())
    worker, = gateway.worker_pids()
    refused = threading.Event()

    def crowd():
        try:
            glass.seal()
        except Refused as no:
            assert no.code == "overloaded"
            refused.set()

    stand_still(worker)
    threads = [threading.Thread(target=crowd) for _ in range(64)]
    try:
        for thread in threads:
            thread.start()
        assert refused.wait(15)
        assert refusal(glass.open, request).code == "overloaded"
    finally:
        os.kill(worker, signal.SIGCONT)
    for thread in threads:
        thread.join()
    shown = glass.show(request)
    assert shown["state"] == "approved" and shown["decision"] == "met", shown
    assert glass.requester.unseal(glass.open(request)["sealed"]) == b"the secret"
    assert refusal(glass.open, request).status == 409
    evidence = gateway.do("GET", f"/v1/break-glass/{request['id']}:evidence")
    assert len(evidence["records"]) == 1


def test_one_of_many_who_open_wins(glass):
    request = glass.approved(glass.seal())
    answers = []

    def race():
        try:
            answers.append(glass.open(request)["state"])
        except Refused as no:
            answers.append(no.status)

    threads = [threading.Thread(target=race) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, answers)) == ["409"] * 7 + ["opened"], answers


def test_frozen_by_one_unfrozen_by_a_quorum(gateway, glass):
    sealed = glass.seal()
    request = glass.approved(sealed)
    frozen = gateway.verb("vault/prod/dek", "freeze", {"reason": "something is wrong"})
    assert frozen["frozen_by"] == "token:admin"
    assert gateway.do("GET", "/v1/keys/vault/prod/dek")["frozen"]["reason"] == "something is wrong"
    assert "frozen" in refusal(glass.open, request).problem["detail"]
    assert refusal(glass.ask, sealed).status == 409
    assert refusal(gateway.verb, "vault/prod/dek", "freeze", {"reason": "again"}).status == 409
    thaw = glass.request(kind="unfreeze", key="vault/prod/dek")
    assert refusal(glass.open, thaw).code == "approval_required"
    for voter in glass.voters()[:2]:
        glass.vote(thaw, voter)
    glass.open(thaw)
    assert "frozen" not in gateway.do("GET", "/v1/keys/vault/prod/dek")
    assert glass.requester.unseal(glass.open(request)["sealed"]) == b"the secret"


def test_destroying_needs_the_quorum(gateway, glass):
    glass.key("vault/prod/old")
    glass.seal("vault/prod/old")
    gateway.verb("vault/prod/old", "rotate", {"immediate": True})
    gateway.verb("vault/prod/old@1", "retire", {})
    no = refusal(gateway.verb, "vault/prod/old@1", "schedule-destroy", {"reason": "old", "despite_use": True})
    assert no.code == "approval_required", no
    assert refusal(glass.request, kind="destroy", key="vault/prod/old@1", after="24h").status == 409, "it was used within its look-back"
    request = glass.request(kind="destroy", key="vault/prod/old@1", after="24h", despite_use=True)
    for voter in glass.voters()[1:]:
        glass.vote(request, voter)
    done = glass.open(request)
    assert done["version_state"] == "destroy-scheduled" and done["destroy_at"]
    # not before its time, whatever the front says
    assert refusal(gateway.verb, "vault/prod/old@1", "confirm-destroy", {"reason": "now"}).status == 409
    assert gateway.verb("vault/prod/old@1", "cancel-destroy", {})["state"] == "retired"


def test_the_rule_changes_by_the_rule(gateway, glass):
    glass.key("vault/prod/three", m=3)
    assert refusal(gateway.do, "PATCH", "/v1/keys/vault/prod/three", {"approval": {"group": "officers", "m": 2}}).status == 400
    request = glass.request(kind="rule", key="vault/prod/three", approval={"group": "officers", "m": 2})
    voters = glass.voters()
    glass.vote(request, voters[0])
    glass.vote(request, voters[1])
    assert refusal(glass.open, request).code == "approval_required"
    glass.vote(request, voters[2])
    assert glass.open(request)["approval"] == {"group": "officers", "m": 2}
    # what was made before still has its rule in the token, and people are asked by that
    sealed = glass.seal("vault/prod/three")
    request = glass.approved(sealed, name="vault/prod/three")
    assert glass.show(request)["m"] == 3 and refusal(glass.open, request).code == "approval_required"
    glass.vote(request, voters[2])
    assert glass.requester.unseal(glass.open(request)["sealed"]) == b"the secret"
    # what is made from now on has the new one
    gateway.verb("vault/prod/three", "rotate", {"immediate": True})
    sealed = glass.seal("vault/prod/three")
    assert glass.requester.unseal(glass.open(glass.approved(sealed, name="vault/prod/three"))["sealed"]) == b"the secret"


def test_material_bound_to_another_group(gateway, glass):
    """Whoever is asked for a version is who the worker asks, or nobody is woken at all."""
    one, two, three = glass.voters()
    chain = gateway.do("GET", "/v1/roster")["chain"]
    old = unb64(chain[-1]["roster"])
    groups = [group("officers", 2, "voter-1", "voter-2", "voter-3"), group("team", 2, "voter-2", "voter-3")]
    new = roster([one, two, three], groups, number=len(chain) + 1, previous=old)
    glass.publish(new, old, [one, two])
    # of a group that is not the authority, and then of the authority
    name = "vault/prod/moved"
    glass.key(name, group_id="team")
    sealed = glass.seal(name)
    request = glass.request(kind="rule", key=name, approval={"group": "officers", "m": 2})
    assert request["group"] == "team"
    glass.vote(request, two)
    glass.vote(request, three)
    glass.open(request)
    no = refusal(glass.ask, sealed, name=name)
    assert no.status == 400 and "bound to group team" in no.problem["detail"], no.problem
    # without any rule, the material's own is asked
    request = glass.request(kind="rule", key=name, approval={})
    assert request["group"] == "officers"
    glass.vote(request, one)
    glass.vote(request, two)
    assert glass.open(request)["approval"] is None
    request = glass.ask(sealed, name=name)
    assert request["group"] == "team"
    glass.vote(request, two)
    glass.vote(request, three)
    assert glass.requester.unseal(glass.open(request)["sealed"]) == b"the secret"
    # made without a rule: the authority, whatever the rule that came later
    name = "vault/prod/later"
    gateway.key(name, "aes-256-gcm")
    sealed = glass.seal(name)
    request = glass.request(kind="rule", key=name, approval={"group": "team", "m": 2})
    glass.vote(request, one)
    glass.vote(request, two)
    glass.open(request)
    request = glass.ask(sealed, name=name)
    assert request["group"] == "officers"
    glass.vote(request, one)
    glass.vote(request, two)
    assert glass.requester.unseal(glass.open(request)["sealed"]) == b"the secret"


def test_requests_that_make_no_sense(gateway, glass):
    sealed = glass.seal()
    for more in ({"m": 4}, {"group_id": "nobody"}, {"m": 1}):
        assert refusal(glass.key, "vault/never", **more).status == 400, more
    for change, status in (({"ticket": ""}, 400), ({"reason": " "}, 400), ({"window": "1s"}, 400), ({"window": "3650d"}, 400),
                           ({"recipient": {"kty": "EC"}}, 400), ({"recipient": {"kty": "OKP", "crv": "X25519", "x": "AA"}}, 400),
                           ({"after": "24h"}, 400), ({"kind": "roster"}, 400), ({"name": "vault/nobody"}, 404), ({"name": "vault/prod/dek@7"}, 400)):
        assert refusal(glass.ask, **{"ciphertext": sealed, **change}).status == status, change
    for blob in (b64(b"x"), b64(b"HSG" + b"\0" * 60)):
        assert refusal(glass.ask, blob).status == 400, blob
    gateway.key("vault/other", "aes-256-gcm")
    assert refusal(glass.ask, glass.seal("vault/other")).code == "invalid_ciphertext"
    private = dict(glass.requester.public, d="AAAA")
    assert refusal(glass.ask, sealed, recipient=private).status == 400


def test_cancelled_and_expired(gateway, glass):
    request = glass.approved(glass.seal())
    gateway.do("POST", f"/v1/break-glass/{request['id']}:cancel", {"reason": "found a backup"})
    assert glass.show(request)["state"] == "cancelled"
    assert refusal(glass.open, request).status == 409
    listed = gateway.do("GET", "/v1/break-glass?state=cancelled")["requests"]
    assert [r["id"] for r in listed] == [request["id"]] and "ciphertext" not in listed[0]
    page = gateway.do("GET", "/v1/break-glass?page_size=2")
    rest = gateway.do("GET", f"/v1/break-glass?page_size=2&page_token={page['next_page_token']}")
    assert len(page["requests"]) == 2 and not {r["id"] for r in page["requests"]} & {r["id"] for r in rest["requests"]}


def test_the_roster_goes_on(gateway, glass):
    chain = gateway.do("GET", "/v1/roster")
    root = unb64(chain["chain"][-1]["roster"])
    one, two, three = glass.voters()
    four = Voter("voter-4")
    early = glass.approved(glass.seal(), [two, three])
    glass.open(early)
    waiting = glass.ask(glass.seal())
    glass.vote(waiting, three)
    new = roster([one, two, four], [group("officers", 2, "voter-1", "voter-2", "voter-4")], number=3, previous=root)
    assert refusal(glass.publish, new, root, [one]).status == 403
    assert glass.publish(new, root, [one, three])["number"] == 3
    # voter-3 is gone, and so is the vote
    assert refusal(glass.vote, waiting, one.vote(unb64(waiting["statement"]), voter="voter-3")).status == 403
    shown = glass.vote(waiting, one)
    assert shown["state"] == "pending" and shown["approvals"] < 2, shown
    glass.vote(waiting, two)
    assert glass.requester.unseal(glass.open(waiting)["sealed"]) == b"the secret"
    report = gateway.do("GET", "/v1/roster:report")
    assert {p["id"]: p["stale"] for p in report["people"]} == {"voter-1": False, "voter-2": False, "voter-4": True}
    assert report["groups"] == [{"id": "officers", "m": 2, "people": 3, "spare": 1, "without_one": True, "without_two": False}]
    # everything stands after a restart
    gateway.stop()
    gateway.start()
    assert gateway.do("GET", "/v1/roster")["number"] == 3
    # what voter-3 agreed to before stays proved
    evidence = gateway.call("GET", f"/v1/break-glass/{early['id']}:evidence")
    assert len(evidence.json["bundle"]["rosters"]) == 2
    path = gateway.data / "early.json"
    path.write_bytes(evidence.body)
    said = subprocess.run([programs() / "hsmgate", "evidence", "verify", path, "--roster-root", chain["root"]], capture_output=True, text=True)
    assert said.returncode == 0 and "good" in said.stdout, said
    assert glass.show(waiting)["state"] == "opened"


def test_who_may_see_and_do_what(gateway, glass):
    for name in ("asker", "opener", "stranger"):
        token = gateway.do("POST", "/v1/auth/tokens", {"name": name, "ttl": "1h"})["token"]
        setattr(glass, name, token)
    for name, operation in (("asker", "request-break-glass"), ("opener", "open-break-glass")):
        gateway.do("PUT", f"/v1/grants/{name}", {"principal": f"token:{name}", "keys": "vault/prod/*", "operations": [operation], "justification": "test"})
    sealed = glass.seal()
    assert refusal(glass.ask, sealed, token=glass.stranger).status == 403
    assert refusal(glass.ask, sealed, token=glass.opener).status == 403
    request = glass.ask(sealed, token=glass.asker)
    assert request["requester"] == "token:asker"
    path = f"/v1/break-glass/{request['id']}"
    assert refusal(gateway.do, "GET", path, token=glass.stranger).status == 404
    assert gateway.do("GET", "/v1/break-glass", token=glass.stranger)["requests"] == []
    assert gateway.do("GET", path, token=glass.opener)["id"] == request["id"]
    four = [v for v in glass.voters() if v.id != "voter-3"]
    for voter in four:
        vote = voter.vote(unb64(request["statement"]))
        assert gateway.do("POST", f"{path}:vote", vote, token=glass.stranger)["votes"]
    assert refusal(glass.open, request, token=glass.asker).status == 403
    assert refusal(gateway.do, "POST", f"{path}:cancel", {}, token=glass.opener).status == 403
    assert glass.requester.unseal(glass.open(request, token=glass.opener)["sealed"]) == b"the secret"


def test_the_evidence_comes_at_once(gateway, glass):
    voters = [v for v in glass.voters() if v.id != "voter-3"]
    request = glass.approved(glass.seal(), voters)
    glass.open(request)
    evidence = gateway.do("GET", f"/v1/break-glass/{request['id']}:evidence")
    assert evidence["format"] == "hsmgate/v1/evidence" and len(evidence["records"]) == 1
    assert evidence["bundle"]["statement"] == request["statement"] and len(evidence["bundle"]["rosters"]) == 3
    denied = glass.ask(glass.seal())
    glass.vote(denied, voters[0], "deny")
    assert gateway.do("GET", f"/v1/break-glass/{denied['id']}:evidence")["records"] == []


def test_new_people_cost_no_approval(gateway, glass):
    """A roster that is published while something is opened: the token may have seen it before the front asks by the older one."""
    people = glass.voters()
    one, two, _ = people
    for _ in range(20):
        chain = gateway.do("GET", "/v1/roster")
        old = unb64(chain["chain"][-1]["roster"])
        new = roster(people, [group("officers", 2, *[p.id for p in people])], number=chain["number"] + 1, previous=old)
        requests = [glass.approved(glass.seal(), [one, two]) for _ in range(8)]
        start = threading.Barrier(1 + len(requests))
        states, problems = [], []

        def run(call, *arguments):
            start.wait()
            try:
                states.append(call(*arguments).get("state"))
            except Refused as no:
                problems.append(no)

        threads = [threading.Thread(target=run, args=(glass.open, request)) for request in requests]
        threads.append(threading.Thread(target=run, args=(glass.publish, new, old, [one, two])))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not problems and states.count("opened") == len(requests), problems


def test_one_caller_does_not_fill_the_store(gateway, glass):
    token = gateway.do("POST", "/v1/auth/tokens", {"name": "many", "ttl": "1h"})["token"]
    gateway.do("PUT", "/v1/grants/many", {"principal": "token:many", "keys": "vault/prod/*", "operations": ["request-break-glass"], "justification": "test"})
    sealed = glass.seal()
    made = [glass.ask(sealed, token=token) for _ in range(100)]
    no = refusal(glass.ask, sealed, token=token)
    assert no.status == 429 and no.headers["Retry-After"], no
    assert glass.ask(sealed)["state"] == "pending"  # of another caller
    gateway.do("POST", f"/v1/break-glass/{made[0]['id']}:cancel", {}, token=token)
    assert glass.ask(sealed, token=token)["state"] == "pending"
