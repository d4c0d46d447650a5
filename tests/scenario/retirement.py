"""A version from its making to its destruction, by command: what moves are allowed, what is known of its use, and who is refused from the
next request on."""
import hashlib
import hmac
import json
import threading

import pytest

from configured import Configured
from daemon import Refused, b64, unb64, until
from gateway import Gateway
from lacking import can, lacks, signer
from webhook import receiver


def refusal(call, *arguments, **more):
    with pytest.raises(Refused) as caught:
        call(*arguments, **more)
    return caught.value


def version_of(gateway, name, number):
    return next(v for v in gateway.do("GET", f"/v1/keys/{name}")["versions"] if v["version"] == number)


def test_every_move_and_what_it_means():
    with Gateway() as gateway:
        if lacks(gateway, "aes-256-gcm"):
            return
        gateway.key("a/data", "aes-256-gcm")
        sealed = gateway.verb("a/data", "encrypt", {"plaintext": b64(b"x")})["ciphertext"]
        gateway.verb("a/data", "rotate", {"immediate": True})
        move = lambda verb, body=None: gateway.verb("a/data@1", verb, body or {})["state"]
        opens = lambda: unb64(gateway.verb("a/data", "decrypt", {"ciphertext": sealed})["plaintext"]) == b"x"

        assert version_of(gateway, "a/data", 1)["state"] == "retiring" and opens()
        no = refusal(gateway.verb, "a/data@1", "enable", {})
        assert (no.status, no.code) == (409, "invalid_state") and "retire" in no.problem["detail"] and "disable" in no.problem["detail"]
        assert move("retire") == "retired" and opens()
        assert move("disable", {"reason": "looking into it"}) == "disabled"
        assert refusal(opens).code == "invalid_state"
        assert move("enable") == "retired" and opens()
        assert refusal(gateway.verb, "a/data@1", "schedule-destroy", {}).code == "invalid_field"
        assert refusal(gateway.verb, "a/data@1", "schedule-destroy", {"reason": "old", "after": "1h"}).code == "invalid_field"
        used = refusal(gateway.verb, "a/data@1", "schedule-destroy", {"reason": "old"})
        assert used.code == "invalid_state" and "despite" in used.problem["detail"]
        assert move("schedule-destroy", {"reason": "old", "despite_use": True, "after": "24h"}) == "destroy-scheduled"
        assert refusal(opens).code == "invalid_state"
        assert version_of(gateway, "a/data", 1)["destroy_at"]
        assert move("cancel-destroy") == "retired" and opens()
        assert refusal(gateway.verb, "a/data@1", "compromise", {}).code == "invalid_field"
        assert move("compromise", {"reason": "a backup of it was found"}) == "compromised"
        assert refusal(opens).code == "invalid_state"
        # the primary
        assert refusal(gateway.verb, "a/data@2", "schedule-destroy", {"reason": "old"}).code == "invalid_state"
        gateway.verb("a/data@2", "compromise", {"reason": "stolen"})
        assert refusal(gateway.verb, "a/data", "encrypt", {"plaintext": ""}).code == "invalid_state"
        assert gateway.verb("a/data", "rotate", {})["state"] == "active"
        assert gateway.verb("a/data", "encrypt", {"plaintext": ""})["version"] == 3
        moves = [r for r in gateway.records() if r["kind"] == "request" and r["outcome"] == "ok" and r.get("detail", {}).get("verb")]
        assert [m["detail"]["verb"] for m in moves] == ["retire", "disable", "enable", "schedule-destroy", "cancel-destroy", "compromise", "compromise"]
        assert moves[1]["detail"]["reason"] == "looking into it" and moves[3]["detail"]["despite_use"] is True


def test_published_ahead_and_promoted_by_hand():
    with Gateway() as gateway:
        gateway.key("a/sign", signer(gateway), rotation={"publish_ahead": "1h", "overlap": "2h"})
        kids = lambda: [k["kid"] for k in json.loads(gateway.call("GET", "/jwks/a/sign").body)["keys"]]
        signed = gateway.verb("a/sign", "sign", {"message": b64(b"m")})
        made = gateway.verb("a/sign", "rotate", {})
        assert made["state"] == "pending" and made["primary"] == 1 and made["promote_at"]
        assert kids() == ["a/sign@1", "a/sign@2"]
        assert refusal(gateway.verb, "a/sign@2", "sign", {"message": ""}).code == "invalid_state"
        assert refusal(gateway.verb, "a/sign", "rotate", {}).code == "invalid_state"
        promoted = gateway.verb("a/sign@2", "promote", {})
        assert promoted["state"] == "active" and promoted["primary"] == 2 and "published" in promoted["warnings"][0]
        assert gateway.verb("a/sign", "sign", {"message": b64(b"m")})["version"] == 2
        assert gateway.verb("a/sign", "verify", {"message": b64(b"m"), "signature": signed["signature"]})["valid"] is True
        gateway.verb("a/sign@1", "retire", {})
        assert kids() == ["a/sign@2"]
        gateway.verb("a/sign@1", "compromise", {"reason": "found on a disk"})
        assert refusal(gateway.verb, "a/sign@1", "verify", {"message": b64(b"m"), "signature": signed["signature"]}).code == "invalid_state"


def test_revoked_for_the_next_request_of_everybody():
    """Sixteen connections use the key when it is disabled: each gets its refusal with the very next request after the answer."""
    with Gateway() as gateway:
        algorithm, verb = ("hmac-sha256", "mac") if can(gateway, "hmac-sha256") else (signer(gateway), "sign")
        gateway.key("a/key", algorithm)
        connections = [gateway.connect() for _ in range(16)]
        ask = lambda c: gateway.call("POST", f"/v1/keys/a/key:{verb}", {"message": ""}, connection=c).status
        for move, body, after in (("disable", {}, 409), ("enable", {}, 200), ("compromise", {"reason": "drill"}, 409)):
            stop, before = threading.Event(), []
            threads = [threading.Thread(target=lambda c=c: [before.append(ask(c)) for _ in iter(stop.is_set, True)]) for c in connections[:8]]
            for thread in threads:
                thread.start()
            gateway.verb("a/key@1", move, body)
            late = [ask(c) for c in connections[8:]]
            stop.set()
            for thread in threads:
                thread.join()
            assert set(late) == {after}, (move, late)
            assert [ask(c) for c in connections] == [after] * 16
            assert set(before) <= {200, 409}


def test_evidence_says_whether_a_version_is_needed():
    with Gateway() as gateway:
        gateway.key("a/jwt", signer(gateway), jwt={"max_ttl": "10m", "issuer": "i", "audiences": ["x"]})
        gateway.verb("a/jwt", "jwt", {"claims": {"aud": "x"}, "ttl": "5m"})
        check = lambda which: gateway.do("GET", f"/v1/keys/{which}:retire-check")
        answer = check("a/jwt@1")
        assert answer["needed"] == "yes" and answer["state"] == "active"
        gateway.verb("a/jwt", "rotate", {"immediate": True})
        answer = check("a/jwt@1")
        assert answer["needed"] == "yes" and answer["sure"] == "certain" and "needed_until" not in answer  # until somebody retires it
        warned = gateway.verb("a/jwt@1", "retire", {})["warnings"]
        assert "JWTs that version 1 signed are valid until" in warned[0]
        answer = check("a/jwt@1")
        assert answer["needed"] == "yes" and answer["needed_until"] and answer["sure"] == "certain"
        assert any(f["what"] == "jwt" and f["verdict"] == "needs" for f in answer["findings"])
        evidence = answer["evidence"]
        assert evidence["uses"] == 1 and evidence["last_protect_by"] == "token:admin" and evidence["largest_jwt_exp"]
        # nothing was ever done with the new one
        gateway.key("a/fresh", signer(gateway))
        gateway.verb("a/fresh", "rotate", {"immediate": True})
        assert gateway.verb("a/fresh@1", "retire", {})["state"] == "retired"
        answer = check("a/fresh@1")
        assert (answer["needed"], answer["sure"]) == ("no", "certain"), answer
        assert gateway.verb("a/fresh@1", "schedule-destroy", {"reason": "never used"})["state"] == "destroy-scheduled"
        gateway.stop()
        gateway.start()
        assert check("a/jwt@1")["evidence"]["largest_jwt_exp"]


def test_what_was_encrypted_is_somewhere():
    with Gateway() as gateway:
        if lacks(gateway, "aes-256-gcm"):
            return
        check = lambda which: gateway.do("GET", f"/v1/keys/{which}:retire-check")
        gateway.key("a/data", "aes-256-gcm")
        sealed = gateway.verb("a/data", "encrypt", {"plaintext": b64(b"x")})["ciphertext"]
        gateway.verb("a/data", "rotate", {"immediate": True})
        assert check("a/data@1")["needed"] in ("yes", "unknown")
        assert any(f["what"] == "ciphertexts" for f in check("a/data@1")["findings"])
        gateway.verb("a/data", "rewrap", {"ciphertext": sealed})
        evidence = check("a/data@1")["evidence"]
        assert evidence["rewrapped"] == 1 and evidence["uses_limit"] > 0
        gateway.stop()
        gateway.start()
        assert check("a/data@1")["evidence"]["rewrapped"] == 1


def number(metrics, series):
    return float(next(line for line in metrics.splitlines() if line.startswith(series + " ")).split()[-1])


def delivered(gateway, count):
    """The metrics, when so many events have been."""
    metrics = gateway.call("GET", "/metrics", token="").body.decode()
    return metrics if number(metrics, "hsmgate_events_delivered_total") >= count else None


def test_each_step_is_told_signed_and_counted():
    gateway = Configured("soft")
    secret = gateway.data / "webhook.secret"
    secret.write_text("a secret of the webhook, long enough\n")
    secret.chmod(0o600)
    with receiver(503) as hook:  # told again
        gateway.options.update(rotation={"clock_skew": "1s"}, events={"webhook": hook.url, "secret_file": str(secret)})
        with gateway:
            gateway.wait_tokens()
            gateway.key("a/auto", signer(gateway), rotation={"every": "2s", "publish_ahead": "1s", "overlap": "1s"})
            wanted = {"version.published", "version.promoted", "version.retired"}
            seen = {}
            while not wanted <= set(seen):
                _, headers, body = hook.got.get(timeout=60)
                expected = hmac.new(b"a secret of the webhook, long enough", body, hashlib.sha256).hexdigest()
                assert headers["X-Hsmgate-Signature"].endswith(expected), headers
                event = json.loads(body)
                seen.setdefault(event["event"], event)
            assert seen["version.promoted"]["key"] == "a/auto" and seen["version.promoted"]["version"] == 2, seen
            metrics = until("every delivery is counted, which comes after it", lambda: delivered(gateway, 3))
            assert number(metrics, 'hsmgate_rotation_steps_total{action="promote",outcome="ok"}') >= 1
            assert number(metrics, "hsmgate_events_failures_total") == 1
            steps = [(r["operation"], r["outcome"]) for r in gateway.records() if r["kind"] == "system" and r.get("key") == "a/auto"]
            assert {("make", "ok"), ("promote", "ok"), ("retire", "ok")} <= set(steps)
