"""Grants on the real daemon: two services with least privilege, what each may not do, what changes at once, and what the log says of it."""
import datetime
import threading

import pytest

from configured import Configured
from daemon import b64, until

AES, EC = "payments/prod/dek", "payments/prod/jwt"
SHOP, SHOP_EC = "shop/prod/dek", "shop/prod/jwt"
WHY = "the payment service signs its tokens"


@pytest.fixture(scope="module")
def gateway():
    with Configured("main") as running:
        for name in (AES, SHOP):
            running.key(name, "aes-256-gcm")
        for name in (EC, SHOP_EC):
            running.key(name, "ecdsa-p256")
        running.pay = running.make_bearer("pay")
        running.shop = running.make_bearer("shop")
        yield running


@pytest.fixture(autouse=True)
def no_grants_left(gateway):
    yield
    for grant in gateway.do("GET", "/v1/grants")["grants"]:
        gateway.do("DELETE", f"/v1/grants/{grant['id']}")


def grant(principal, keys, *operations, **more):
    return {"principal": principal, "keys": keys, "operations": list(operations), "justification": WHY, **more}


def put(gateway, name, *arguments, **more):
    return gateway.do("PUT", f"/v1/grants/{name}", grant(*arguments, **more))


def in_seconds(seconds):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def sign(gateway, name, token, **more):
    return gateway.call("POST", f"/v1/keys/{name}:sign", {"message": b64(b"m")}, token=token, **more).status


def encrypt(gateway, name, token, **body):
    return gateway.call("POST", f"/v1/keys/{name}:encrypt", {"plaintext": b64(b"secret"), **body}, token=token)


def without_id(answer):
    problem = dict(answer.json)
    problem.pop("request_id")
    return answer.status, problem


def test_without_a_grant_nothing_goes(gateway):
    calls = [("POST", f"/v1/keys/{EC}:sign", {"message": ""}), ("GET", f"/v1/keys/{EC}", None), ("POST", "/v1/random", {"bytes": 8}),
             ("GET", "/v1/audit", None), ("GET", "/v1/tokens", None), ("GET", "/v1/auth/tokens", None), ("GET", "/v1/grants", None),
             ("POST", f"/v1/keys/{EC}:rotate", {"immediate": True}), ("PATCH", f"/v1/keys/{EC}", {"owner": "me"}),
             ("POST", "/v1/keys", {"name": "payments/prod/new", "algorithm": "aes-256-gcm", "owner": "me"}),
             ("PUT", "/v1/grants/mine", grant("token:pay", "**", "sign")),
             ("POST", "/v1/grants:apply", {"namespace": "payments", "grants": []})]
    for method, path, body in calls:
        assert gateway.call(method, path, body, token=gateway.pay).status == 403, path
    assert gateway.do("GET", "/v1/keys", token=gateway.pay)["keys"] == []
    assert gateway.do("GET", "/v1/auth/whoami", token=gateway.pay) == {"principal": "token:pay", "administrator": False, "grants": []}


def test_two_services_and_two_namespaces(gateway):
    put(gateway, "pay-signs", "token:pay", "payments/prod/*", "sign", "read")
    put(gateway, "shop-encrypts", "token:shop", SHOP, "encrypt", "decrypt")
    assert sign(gateway, EC, gateway.pay) == 200
    assert sign(gateway, SHOP_EC, gateway.pay) == 403
    assert sign(gateway, EC, gateway.shop) == 403
    sealed = encrypt(gateway, SHOP, gateway.shop).json["ciphertext"]
    assert gateway.verb(SHOP, "decrypt", {"ciphertext": sealed}, token=gateway.shop)["plaintext"] == b64(b"secret")
    assert encrypt(gateway, SHOP, gateway.pay).status == 403
    assert encrypt(gateway, AES, gateway.pay).status == 403
    assert gateway.call("POST", "/v1/keys/shop/prod/dek:unwrap", {"ciphertext": sealed}, token=gateway.shop).status == 403
    assert [k["name"] for k in gateway.do("GET", "/v1/keys", token=gateway.pay)["keys"]] == [AES, EC]
    assert gateway.do("GET", "/v1/keys", token=gateway.shop)["keys"] == []
    mine = gateway.do("GET", "/v1/auth/whoami", token=gateway.pay)["grants"]
    assert [(g["id"], g["operations"], g["expired"]) for g in mine] == [("pay-signs", ["sign", "read"], False)]


def test_denial_tells_nothing_about_keys(gateway):
    put(gateway, "bound", "token:pay", "payments/**", "decrypt", context={"tenant": "a"})
    for body in ({"ciphertext": b64(b"x")}, {"items": [{"ciphertext": "", "context": {"tenant": "b"}}]}, {"surprise": 1}):
        there = gateway.call("POST", f"/v1/keys/{EC}:decrypt", body, token=gateway.pay)
        missing = gateway.call("POST", "/v1/keys/payments/prod/none:decrypt", body, token=gateway.pay)
        assert without_id(there) == without_id(missing)
        assert there.status == 403
    fits = {"ciphertext": b64(b"x"), "context": {"tenant": "a"}}
    assert gateway.call("POST", "/v1/keys/payments/prod/none:decrypt", fits, token=gateway.pay).status == 403


def test_a_context_binds_each_item(gateway):
    put(gateway, "tenant-a", "token:pay", AES, "encrypt", "decrypt", context={"tenant": "a"})
    assert encrypt(gateway, AES, gateway.pay).status == 403
    assert encrypt(gateway, AES, gateway.pay, context={"tenant": "b"}).status == 403
    sealed = encrypt(gateway, AES, gateway.pay, context={"tenant": "a", "row": "7"}).json["ciphertext"]
    other = gateway.verb(AES, "encrypt", {"plaintext": b64(b"other"), "context": {"tenant": "b"}})["ciphertext"]
    items = [{"ciphertext": sealed, "context": {"tenant": "a", "row": "7"}, "reference": "good"}, {"ciphertext": other, "context": {"tenant": "b"}, "reference": "b"},
             {"ciphertext": other}, {"ciphertext": other, "context": {"tenant": "a"}}]
    results = gateway.verb(AES, "decrypt", {"items": items}, token=gateway.pay)["results"]
    assert results[0]["plaintext"] == b64(b"secret") and results[0]["reference"] == "good"
    assert [r.get("error", {}).get("code") for r in results] == [None, "forbidden", "forbidden", "invalid_ciphertext"]
    assert results[1]["reference"] == "b"
    record = until("the record", lambda: [r for r in gateway.records() if r["operation"] == "decrypt" and r.get("items") == 4])[-1]
    assert (record["items_failed"], record["grant"], record["outcome"]) == (3, "tenant-a", "ok")


def test_source_networks(gateway):
    put(gateway, "far", "token:pay", EC, "sign", source=["10.0.0.0/8", "2001:db8::/32"])
    assert sign(gateway, EC, gateway.pay) == 403
    put(gateway, "far", "token:pay", EC, "sign", source=["10.0.0.0/8", "127.0.0.0/8"])
    assert sign(gateway, EC, gateway.pay) == 200


def test_a_grant_ends(gateway):
    put(gateway, "brief", "token:pay", EC, "sign", expires_at=in_seconds(3600))
    assert sign(gateway, EC, gateway.pay) == 200
    assert put(gateway, "brief", "token:pay", EC, "sign", expires_at=in_seconds(1))["expired"] is False
    until("the grant ends", lambda: sign(gateway, EC, gateway.pay) == 403)
    assert gateway.do("GET", "/v1/grants/brief")["expired"] is True
    assert gateway.call("PUT", "/v1/grants/brief", grant("token:pay", EC, "sign", expires_at=in_seconds(-1))).status == 400


def test_changes_act_at_once_on_an_open_connection(gateway):
    connection = gateway.connect()
    for _ in range(10):
        assert sign(gateway, EC, gateway.pay, connection=connection) == 403
        put(gateway, "now", "token:pay", EC, "sign")
        assert sign(gateway, EC, gateway.pay, connection=connection) == 200
        gateway.do("DELETE", "/v1/grants/now")
    connection.close()


def test_use_and_management_stay_apart(gateway):
    put(gateway, "use", "token:pay", "payments/prod/*", "sign")
    both = gateway.call("PUT", "/v1/grants/both", grant("token:pay", "payments/**", "rotate"))
    assert (both.status, both.json["code"]) == (409, "dual_role") and "use" in both.json["detail"]
    assert gateway.call("PUT", "/v1/grants/both", grant("token:shop", EC, "sign", "destroy")).json["code"] == "dual_role"
    assert gateway.call("GET", "/v1/grants/both").status == 404
    put(gateway, "both", "token:pay", "payments/**", "rotate", allow_dual_role=True)
    assert gateway.call("POST", f"/v1/keys/{EC}:rotate", {"immediate": True}, token=gateway.pay).status == 200


def test_changes_stand_in_the_log_with_before_and_after(gateway):
    put(gateway, "told", "token:pay", EC, "sign")
    put(gateway, "told", "token:pay", EC, "sign", "verify", source=["10.0.0.0/8"])
    gateway.do("DELETE", "/v1/grants/told")
    records = [r for r in gateway.records() if r.get("detail", {}).get("grant", {}).get("id") == "told"]
    assert [(r["kind"], r["detail"]["grant"]["change"]) for r in records] == [
        (kind, change) for change in ("create", "update", "delete") for kind in ("intent", "request")]
    update = records[3]["detail"]["grant"]
    assert update["before"] == {"id": "told", **grant("token:pay", EC, "sign"), "allow_dual_role": False}
    assert update["after"] == {"id": "told", **grant("token:pay", EC, "sign", "verify"), "source": ["10.0.0.0/8"], "allow_dual_role": False}
    assert "after" not in records[5]["detail"]["grant"] and records[5]["principal"] == "token:admin"


def test_the_gateways_own_keys_are_nobodys(gateway):
    new = {"name": "hsmgate/audit/mine", "algorithm": "ecdsa-p256", "owner": "me"}
    assert gateway.call("POST", "/v1/keys", new).status == 403
    for verb in ("sign", "encrypt", "rotate"):
        assert gateway.call("POST", f"/v1/keys/hsmgate/audit/mine:{verb}", {}).status == 403
    assert gateway.call("PATCH", "/v1/keys/hsmgate/audit/mine", {"owner": "me"}).status == 403
    assert gateway.call("PUT", "/v1/grants/own", grant("token:pay", "hsmgate/**", "sign")).status == 400
    put(gateway, "all", "token:pay", "**", "sign", "encrypt")
    assert sign(gateway, "hsmgate/audit/mine", gateway.pay) == 403


def test_authorize(gateway):
    put(gateway, "use", "token:pay", "payments/prod/*", "sign", source=["127.0.0.0/8"])
    put(gateway, "auditor", "token:shop", "**", "read-audit")
    asked = {"principal": "token:pay", "operation": "sign", "key": EC}
    answer = gateway.do("POST", "/v1/authorize", asked, token=gateway.pay)
    assert (answer["allowed"], answer["grant"]) == (True, "use")
    assert gateway.do("POST", "/v1/authorize", {**asked, "source": "10.0.0.1"}, token=gateway.shop)["allowed"] is False
    assert gateway.do("POST", "/v1/authorize", {**asked, "source": "127.0.0.1"}, token=gateway.shop)["grant"] == "use"
    assert gateway.call("POST", "/v1/authorize", {**asked, "principal": "token:shop"}, token=gateway.pay).status == 403
    assert gateway.do("POST", "/v1/authorize", {**asked, "principal": "token:admin"})["administrator"] is True
    missing = gateway.do("POST", "/v1/authorize", {**asked, "key": "shop/prod/none"}, token=gateway.pay)
    there = gateway.do("POST", "/v1/authorize", {**asked, "key": SHOP_EC}, token=gateway.pay)
    assert missing == there == {"allowed": False, "reason": missing["reason"]}


def test_a_file_is_the_whole_truth(gateway):
    put(gateway, "kept", "token:pay", "payments/prod/*", "sign")
    put(gateway, "gone", "token:pay", AES, "encrypt")
    put(gateway, "elsewhere", "token:shop", SHOP, "encrypt")
    wanted = [{"id": "kept", **grant("token:pay", "payments/prod/*", "sign", "verify")}, {"id": "new", **grant("token:shop", EC, "verify")}]
    body = {"namespace": "payments", "grants": wanted}
    shown = gateway.do("POST", "/v1/grants:apply", {**body, "dry_run": True})
    assert [(c["id"], c["change"]) for c in shown["changes"]] == [("gone", "delete"), ("kept", "update"), ("new", "create")]
    assert shown["changes"][1]["fields"] == ["operations"] and shown["applied"] is False
    assert [g["id"] for g in gateway.do("GET", "/v1/grants")["grants"]] == ["elsewhere", "gone", "kept"]
    done = gateway.do("POST", "/v1/grants:apply", {**body, "if_match": shown["state"]})
    assert done["applied"] is True and done["changes"] == shown["changes"] and done["state"] != shown["state"]
    assert [g["id"] for g in gateway.do("GET", "/v1/grants")["grants"]] == ["elsewhere", "kept", "new"]
    stale = gateway.call("POST", "/v1/grants:apply", {**body, "if_match": shown["state"]})
    assert (stale.status, stale.json["code"]) == (409, "conflict")
    outside = gateway.call("POST", "/v1/grants:apply", {"namespace": "payments", "grants": [{"id": "x", **grant("token:pay", SHOP, "sign")}]})
    assert outside.status == 400
    logged = [r for r in gateway.records() if r.get("detail", {}).get("namespace") == "payments" and not r["detail"]["dry_run"]]
    assert [(r["kind"], [c["change"] for c in r["detail"]["changes"]]) for r in logged[:2]] == [("intent", ["delete", "update", "create"]), ("request", ["delete", "update", "create"])]


def test_of_many_that_apply_at_once_one_wins(gateway):
    state = gateway.do("POST", "/v1/grants:apply", {"namespace": "payments", "grants": [], "dry_run": True})["state"]
    answers = {}

    def apply(number):
        wanted = [{"id": f"by-{number}", **grant("token:pay", EC, "sign")}]
        answers[number] = gateway.call("POST", "/v1/grants:apply", {"namespace": "payments", "grants": wanted, "if_match": state})

    threads = [threading.Thread(target=apply, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [number for number, answer in answers.items() if answer.status == 200]
    assert len(winners) == 1 and sorted(a.status for a in answers.values()) == [200] + [409] * 7
    assert [g["id"] for g in gateway.do("GET", "/v1/grants")["grants"]] == [f"by-{winners[0]}"]


def test_one_by_one_changes_at_once_all_arrive(gateway):
    threads = [threading.Thread(target=put, args=(gateway, f"g{n}", "token:pay", EC, "sign")) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(gateway.do("GET", "/v1/grants?principal=token:pay")["grants"]) == 12


def test_grants_survive(gateway):
    put(gateway, "stays", "token:pay", "payments/prod/*", "sign", context={}, expires_at=in_seconds(3600))
    assert sign(gateway, EC, gateway.pay) == 200
    used = gateway.do("GET", "/v1/grants/stays")["last_used_at"]
    gateway.stop()
    gateway.start()
    assert gateway.do("GET", "/v1/grants/stays")["last_used_at"] == used
    put(gateway, "stays", "token:pay", SHOP_EC, "sign")
    gateway.kill()
    gateway.start()
    assert sign(gateway, EC, gateway.pay) == 403
    assert sign(gateway, SHOP_EC, gateway.pay) == 200
