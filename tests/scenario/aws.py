"""AWS KMS's API and its signatures on the wire, signed by an implementation of the tests' own: what is refused and how, whose access keys are whose, and that
it is no second way to a key. tests/clients has the real clients."""
import contextlib
import hashlib
import itertools
import json
import sqlite3
import urllib.parse

import pytest

import sigv4
from gateway import Gateway, b64, unb64
from quorum import BreakGlass

AES, EC, SEALED = "app/prod/aes", "app/prod/ec", "app/prod/sealed"
SECRET = b"nobody may read this in a log"


class Aws:
    def __init__(self, gateway):
        self.gateway = gateway
        self.host = urllib.parse.urlsplit(gateway.address).netloc

    def own(self):
        return self.gateway.env["AWS_ACCESS_KEY_ID"], self.gateway.env["AWS_SECRET_ACCESS_KEY"]

    def headers(self, operation, **more):
        return {"Host": self.host, "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"TrentService.{operation}", **more}

    def send(self, operation, body, credentials=None, extra=None, **how):
        """(status, JSON) of a signed request; `extra` headers are put in after the signing."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        signed = sigv4.sign("POST", "/", self.headers(operation), data, *(credentials or self.own()), **how)
        answer = self.gateway.call("POST", "/", data, token="", headers={**signed, **(extra or {})})
        assert answer.headers["Content-Type"] == "application/x-amz-json-1.1" and answer.headers["x-amzn-RequestId"], answer.body
        return answer.status, answer.json

    def do(self, operation, body, credentials=None):
        status, answer = self.send(operation, body, credentials)
        assert status == 200, (operation, status, answer)
        return answer

    def refused(self, name, operation, body, credentials=None, status=400, **how):
        got, answer = self.send(operation, body, credentials, **how)
        assert (got, answer["__type"]) == (status, name), (operation, got, answer)
        return answer["message"]

    def access_key(self, name, subject=None, ttl="1h"):
        made = self.gateway.do("POST", "/v1/auth/access-keys", {"name": name, "ttl": ttl, **({"subject": subject} if subject else {})})
        return made["access_key_id"], made["secret_access_key"]

    def caller(self, name, *operations, **more):
        """An access key whose grant gives these operations on the keys of app/prod, and no more."""
        if operations:
            self.gateway.do("PUT", f"/v1/grants/{name}", {"principal": f"token:{name}", "keys": "app/prod/*", "operations": list(operations), "justification": "a test", **more})
        return self.access_key(f"{name}-key", name)


@pytest.fixture(scope="module")
def aws():
    with Gateway() as running:
        running.key(AES, "aes-256-gcm")
        running.key(EC, "ecdsa-p256")
        running.key(SEALED, "aes-256-gcm", approval={"group": "officers", "m": 2})
        yield Aws(running)


def alias(name):
    return f"alias/{name}"


# --- signatures ---

def test_whatever_is_signed_may_not_change(aws):
    body = json.dumps({"KeyId": alias(AES)}).encode()
    good = sigv4.sign("POST", "/", aws.headers("DescribeKey"), body, *aws.own())

    def answer(headers, data=body, path="/"):
        return aws.gateway.call("POST", path, data, token="", headers=headers)
    assert answer(good).status == 200
    for name, value in (("host", "kms.amazonaws.com"), ("content-type", "application/json"), ("x-amz-target", "TrentService.ScheduleKeyDeletion"), ("x-amz-date", sigv4.stamp(-1))):
        changed = answer({**good, name.title(): value})
        assert (changed.status, changed.json["__type"]) == (400, "InvalidSignatureException"), name
    assert answer(good, body.replace(b"aes", b"sea")).json["__type"] == "InvalidSignatureException"
    assert answer({**good, "x-amz-security-token": "x"}).json["__type"] == "IncompleteSignatureException", "unsigned, put in on the way"
    assert answer({**good, "x-other": "x"}).status == 200
    assert answer(good, path="/?Action=x").json["__type"] == "InvalidSignatureException"


def test_who_signs(aws):
    key_id, secret = aws.own()
    body = {"KeyId": alias(AES)}
    aws.refused("InvalidSignatureException", "DescribeKey", body, (key_id, secret + "x"))
    aws.refused("UnrecognizedClientException", "DescribeKey", body, ("AKIAIOSFODNN7EXAMPLE", secret))
    aws.refused("IncompleteSignatureException", "DescribeKey", body, service="s3")
    aws.refused("IncompleteSignatureException", "DescribeKey", body, signed=["content-type", "x-amz-date", "x-amz-target"])
    assert aws.send("DescribeKey", body, region="eu-central-1")[1]["KeyMetadata"]["Arn"].startswith("arn:aws:kms:eu-central-1:000000000000:key/")
    assert aws.gateway.records()[-1]["principal"] == "token:admin" and aws.gateway.records()[-1]["dialect"] == "aws"


def test_clocks(aws):
    for seconds in (-240, 240):
        assert aws.send("DescribeKey", {"KeyId": alias(AES)}, date=sigv4.stamp(seconds))[0] == 200
    assert "expired" in aws.refused("InvalidSignatureException", "DescribeKey", {"KeyId": alias(AES)}, date=sigv4.stamp(-360))
    assert "not yet" in aws.refused("InvalidSignatureException", "DescribeKey", {"KeyId": alias(AES)}, date=sigv4.stamp(360))


def test_without_a_signature(aws):
    gateway, body, headers = aws.gateway, {"KeyId": alias(AES)}, aws.headers("DescribeKey")
    answer = gateway.call("POST", "/", body, token="", headers=headers)
    assert answer.status == 400 and "Exception" in answer.json["__type"]
    assert gateway.call("POST", "/", body, headers=headers).status == 200, "a bearer token names a caller, too"
    good = sigv4.sign("POST", "/", headers, b"{}", *aws.own())["Authorization"]
    for bad in ("AWS4-HMAC-SHA256", good.replace("Credential", "Cred"), good.replace("SignedHeaders=", "SignedHeaders"), good[:-1], good + "0", good.replace(", ", " "), good.replace("us-east-1", ""),
                good.replace("aws4_request", "aws4"), "AWS4-HMAC-SHA256 ,,,", "AWS4-HMAC-SHA256 Credential=////, SignedHeaders=;, Signature=", good.replace("host", "HOST"), good * 2, "Basic eA==", ""):
        answer = gateway.call("POST", "/", body, token="", headers={**headers, "X-Amz-Date": sigv4.stamp(), **({"Authorization": bad} if bad else {})})
        assert answer.status == 400 and answer.json["__type"].endswith("Exception"), (bad, answer.body)
    assert gateway.call("GET", "/v1/auth/whoami", token="", headers={"Authorization": good}).status == 401, "natively no signature is taken"


def test_what_reveals_is_answered_once(aws):
    """The same signature again is one that a client did not mean: it signs anew."""
    blob = aws.do("Encrypt", {"KeyId": alias(AES), "Plaintext": b64(b"x")})["CiphertextBlob"]
    data = json.dumps({"CiphertextBlob": blob}).encode()
    signed = sigv4.sign("POST", "/", aws.headers("Decrypt"), data, *aws.own(), date=sigv4.stamp(-7))
    first, second = (aws.gateway.call("POST", "/", data, token="", headers=signed) for _ in range(2))
    assert first.status == 200 and (second.status, second.json["__type"]) == (400, "ThrottlingException")
    again = sigv4.sign("POST", "/", aws.headers("DescribeKey"), json.dumps({"KeyId": alias(AES)}).encode(), *aws.own())
    assert [aws.gateway.call("POST", "/", {"KeyId": alias(AES)}, token="", headers=again).status for _ in range(2)] == [200, 200]


# --- access keys ---

def test_access_keys_come_and_go(aws):
    gateway = aws.gateway
    one, two = aws.access_key("svc-1", "svc"), aws.access_key("svc-2", "svc")
    assert one[0] != two[0] and len(one[0]) == 20 and len(one[1]) == 40
    for credentials in (one, two):
        aws.refused("AccessDeniedException", "DescribeKey", {"KeyId": alias(AES)}, credentials)
        assert gateway.records()[-1]["principal"] == "token:svc" and gateway.records()[-1]["outcome"] == "denied"
    shown = {t["name"]: t for t in gateway.do("GET", "/v1/auth/tokens")["tokens"]}
    assert shown["svc-1"]["access_key_id"] == one[0] and shown["svc-1"]["subject"] == "svc" and one[1] not in json.dumps(shown)
    assert gateway.call("GET", "/v1/auth/whoami", token=one[0]).status == 401, "its id is no bearer token"
    assert gateway.call("POST", "/v1/auth/access-keys", {"name": "svc-1", "ttl": "1h"}).status == 409
    gateway.call("DELETE", "/v1/auth/tokens/svc-1")
    aws.refused("UnrecognizedClientException", "DescribeKey", {"KeyId": alias(AES)}, one)
    aws.refused("AccessDeniedException", "DescribeKey", {"KeyId": alias(AES)}, two)


def test_nobody_makes_an_administrators_access_key(aws):
    gateway = aws.gateway
    token = gateway.do("POST", "/v1/auth/tokens", {"name": "clerk", "ttl": "1h"})["token"]
    gateway.do("PUT", "/v1/grants/clerk", {"principal": "token:clerk", "keys": "**", "operations": ["manage-tokens"], "justification": "a test"})
    for body in ({"name": "sneaky", "subject": "admin", "ttl": "1h"}, {"name": "admin", "ttl": "1h"}):
        assert gateway.call("POST", "/v1/auth/access-keys", body, token=token).status == 403
    assert gateway.call("DELETE", "/v1/auth/tokens/admin-aws", token=token).status == 403
    assert gateway.call("POST", "/v1/auth/access-keys", {"name": "x", "ttl": "1h"}, token=gateway.do("POST", "/v1/auth/tokens", {"name": "plain", "ttl": "1h"})["token"]).status == 403


def test_secrets_are_sealed_and_bound():
    """They outlive a restart, are not in the database, and work for nobody else than they were made for."""
    with Gateway() as gateway:
        it = Aws(gateway)
        mine, other = it.access_key("mine"), it.access_key("other")
        it.refused("AccessDeniedException", "CreateKey", {}, mine)
        gateway.stop()
        stored = b"".join(p.read_bytes() for p in gateway.data.glob("hsmgate.db*"))
        assert mine[1].encode() not in stored and mine[0].encode() in stored
        gateway.start()
        it = Aws(gateway)
        it.refused("AccessDeniedException", "CreateKey", {}, mine)
        gateway.stop()
        with contextlib.closing(sqlite3.connect(gateway.data / "hsmgate.db")) as database, database:
            rows = dict(database.execute("SELECT name, sealed FROM bearers WHERE access_key <> ''"))
            database.execute("UPDATE bearers SET subject = 'admin' WHERE name = 'mine'")
            database.execute("UPDATE bearers SET sealed = ? WHERE name = 'other'", (rows["mine"],))
        gateway.start()
        it = Aws(gateway)
        assert "does not open" in it.refused("IncompleteSignatureException", "CreateKey", {}, mine), "somebody made it an administrator's"
        it.refused("IncompleteSignatureException", "CreateKey", {}, other)
        it.do("ListKeys", {})


# --- no second way in ---

def test_data_and_data_keys_need_their_own_grants(aws):
    opens, unwraps = aws.caller("opens", "decrypt"), aws.caller("unwraps", "unwrap")
    data = aws.do("Encrypt", {"KeyId": alias(AES), "Plaintext": b64(b"x")})["CiphertextBlob"]
    key = aws.do("GenerateDataKeyWithoutPlaintext", {"KeyId": alias(AES), "KeySpec": "AES_128"})["CiphertextBlob"]
    for credentials, good, bad, word in ((opens, data, key, "decrypt"), (unwraps, key, data, "unwrap")):
        aws.do("Decrypt", {"CiphertextBlob": good}, credentials)
        assert aws.gateway.records()[-1]["operation"] == word
        aws.refused("AccessDeniedException", "Decrypt", {"CiphertextBlob": bad}, credentials)
        aws.refused("AccessDeniedException", "Decrypt", {"CiphertextBlob": b64(unb64(good)[:5] + bytes(16) + unb64(good)[21:])}, credentials)


def test_grants_with_a_context(aws):
    bound = aws.caller("bound", "decrypt", "encrypt", "rewrap", context={"tenant": "7"})
    mine, other = {"tenant": "7", "n": "1"}, {"tenant": "8"}
    blobs = [aws.do("Encrypt", {"KeyId": alias(AES), "Plaintext": b64(b"x"), "EncryptionContext": c})["CiphertextBlob"] for c in (mine, other, {})]
    aws.do("Decrypt", {"CiphertextBlob": blobs[0], "EncryptionContext": mine}, bound)
    for body in ({"CiphertextBlob": blobs[1], "EncryptionContext": other}, {"CiphertextBlob": blobs[2]}, {"CiphertextBlob": blobs[2], "SourceEncryptionContext": mine}):
        aws.refused("AccessDeniedException", "Decrypt", body, bound)
    move = {"DestinationKeyId": alias(AES)}
    aws.do("ReEncrypt", {"CiphertextBlob": blobs[0], "SourceEncryptionContext": mine, **move}, bound)
    for body in ({"CiphertextBlob": blobs[2], "EncryptionContext": mine}, {"CiphertextBlob": blobs[1], "SourceEncryptionContext": other, "EncryptionContext": mine}):
        aws.refused("AccessDeniedException", "ReEncrypt", {**body, **move}, bound)


def test_nobody_moves_data_to_a_key_of_their_own(aws):
    """To move a ciphertext under another key takes the grant to open it."""
    gateway = aws.gateway
    gateway.key("other/prod/mine", "aes-256-gcm")
    moves = aws.caller("moves", "rewrap")
    gateway.do("PUT", "/v1/grants/moves-own", {"principal": "token:moves", "keys": "other/prod/*", "operations": ["encrypt", "decrypt", "rewrap"], "justification": "a test"})
    blob = aws.do("Encrypt", {"KeyId": alias(AES), "Plaintext": b64(SECRET)})["CiphertextBlob"]
    assert aws.do("ReEncrypt", {"CiphertextBlob": blob, "DestinationKeyId": alias(AES)}, moves)["CiphertextBlob"]
    aws.refused("AccessDeniedException", "ReEncrypt", {"CiphertextBlob": blob, "DestinationKeyId": alias("other/prod/mine")}, moves)
    sealed = aws.do("Encrypt", {"KeyId": alias(SEALED), "Plaintext": b64(SECRET)})["CiphertextBlob"]
    for target in (SEALED, "other/prod/mine"):
        aws.refused("AccessDeniedException", "ReEncrypt", {"CiphertextBlob": sealed, "DestinationKeyId": alias(target)})


def test_a_sealed_key_stays_sealed(aws):
    gateway, glass = aws.gateway, BreakGlass(aws.gateway)
    blob = aws.do("Encrypt", {"KeyId": alias(SEALED), "Plaintext": b64(SECRET)})["CiphertextBlob"]
    for operation, body in (("Decrypt", {"CiphertextBlob": blob}), ("Decrypt", {"CiphertextBlob": blob, "KeyId": alias(SEALED)}), ("GenerateDataKey", {"KeyId": alias(SEALED), "KeySpec": "AES_256"}),
                            ("GenerateDataKeyPair", {"KeyId": alias(SEALED), "KeyPairSpec": "ECC_NIST_P256"}), ("ScheduleKeyDeletion", {"KeyId": alias(SEALED)})):
        assert "people" in aws.refused("AccessDeniedException", operation, body)
    assert aws.do("DescribeKey", {"KeyId": alias(SEALED)})["KeyMetadata"]["KeyState"] == "Enabled"
    request = glass.approved(blob, name=SEALED)
    assert glass.requester.unseal(glass.open(request)["sealed"]) == SECRET
    assert [r for r in gateway.records() if r.get("operation") == "decrypt"][-1]["code"] == "approval_required"


def test_what_a_caller_without_grants_learns(aws):
    """The same refusal for keys that are there and keys that are not, by whatever name, and lists that are empty."""
    nobody = aws.caller("nobody")
    metadata = aws.do("DescribeKey", {"KeyId": alias(AES)})["KeyMetadata"]
    said = {aws.refused("AccessDeniedException", operation, body, nobody)
            for name in (metadata["KeyId"], metadata["Arn"], alias(AES), "00000000-0000-0000-0000-000000000000", alias("app/prod/none"), "arn:aws:kms:us-east-1:999999999999:key/x")
            for operation, body in (("DescribeKey", {"KeyId": name}), ("Encrypt", {"KeyId": name, "Plaintext": "eA=="}), ("ListResourceTags", {"KeyId": name}), ("DisableKey", {"KeyId": name}))}
    assert len(said) == 1
    assert aws.do("ListKeys", {}, nobody)["Keys"] == [] and aws.do("ListAliases", {"KeyId": metadata["KeyId"]}, nobody)["Aliases"] == []
    aws.refused("AccessDeniedException", "CreateKey", {}, nobody)
    aws.refused("AccessDeniedException", "GenerateRandom", {"NumberOfBytes": 8}, nobody)


def test_ciphertexts_are_shared(aws):
    gateway, context = aws.gateway, {"a": "b", "c": "ü"}
    native = gateway.verb(AES, "encrypt", {"plaintext": b64(b"x"), "context": context})["ciphertext"]
    assert unb64(aws.do("Decrypt", {"CiphertextBlob": native, "EncryptionContext": context})["Plaintext"]) == b"x"
    blob = aws.do("Encrypt", {"KeyId": alias(AES), "Plaintext": b64(b"y"), "EncryptionContext": context})["CiphertextBlob"]
    assert unb64(gateway.verb(AES, "decrypt", {"ciphertext": blob, "context": context})["plaintext"]) == b"y"
    made = aws.do("GenerateDataKey", {"KeyId": alias(AES), "NumberOfBytes": 64})
    assert gateway.verb(AES, "unwrap", {"ciphertext": made["CiphertextBlob"]})["plaintext"] == made["Plaintext"]


def test_reserved_keys_are_out_of_reach(aws):
    for name in ("hsmgate/auth/access-keys", "hsmgate/audit/checkpoint"):
        aws.refused("AccessDeniedException", "Encrypt", {"KeyId": alias(name), "Plaintext": "eA=="})
        key = aws.gateway.do("GET", f"/v1/keys/{name}")["id"]
        aws.refused("AccessDeniedException", "Decrypt", {"KeyId": key, "CiphertextBlob": "eA=="})
    with contextlib.closing(sqlite3.connect(aws.gateway.data / "hsmgate.db")) as database:
        sealed = database.execute("SELECT sealed FROM bearers WHERE name = 'admin-aws'").fetchone()[0]
    aws.refused("AccessDeniedException", "Decrypt", {"CiphertextBlob": b64(sealed), "EncryptionContext": {"access_key": aws.own()[0], "subject": "admin"}})


# --- hostile bodies ---

def test_bodies_that_make_no_sense(aws):
    good = {"KeyId": alias(AES), "Plaintext": b64(b"x"), "EncryptionContext": {"a": "b"}, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT", "DryRun": False}
    bodies = [b"", b"[]", b"null", b"1", b"{", b'{"KeyId":"a","KeyId":"b"}', b"\xff\xfe", b'{"a":' * 30 + b"1" + b"}" * 30]
    bodies += [json.dumps({**good, name: value}).encode() for name, value in itertools.product(good, (7, [], {}, "x" * 9000, "%", True))]
    for operation in ("Encrypt", "Decrypt", "GenerateDataKey", "Sign", "ReEncrypt", "CreateAlias", "TagResource", "CreateKey", "ListKeys", "GenerateDataKeyPair", "ScheduleKeyDeletion"):
        for body in bodies:
            if operation in ("CreateKey", "ScheduleKeyDeletion") and body.startswith(b'{"KeyId"'):
                continue
            status, answer = aws.send(operation, body)
            assert status in (200, 400) and (status == 200 or answer["__type"]), (operation, body[:80], answer)
    assert aws.refused("UnknownOperationException", "Nothing", {}) and aws.refused("UnsupportedOperationException", "CreateGrant", {"KeyId": "x"})
    big = aws.gateway.call("POST", "/", b"{" + b" " * (1 << 20) + b"}", token="", headers=aws.headers("Encrypt"))
    assert (big.status, big.json["__type"]) == (400, "ValidationException")


def test_bad_ciphertexts_are_one_error(aws):
    raw = unb64(aws.do("Encrypt", {"KeyId": alias(AES), "Plaintext": b64(b"x")})["CiphertextBlob"])
    bad = [raw[:i // 8] + bytes([raw[i // 8] ^ 1 << i % 8]) + raw[i // 8 + 1:] for i in range(0, 8 * len(raw), 5)] + [raw[:n] for n in range(1, len(raw))] + [raw + b"x"]
    assert len({aws.refused("InvalidCiphertextException", "Decrypt", {"KeyId": alias(AES), "CiphertextBlob": b64(blob)}) for blob in bad}) == 1


def test_nothing_secret_is_written_down(aws):
    credentials = aws.caller("whispers", "encrypt", "decrypt")
    blob = aws.do("Encrypt", {"KeyId": alias(AES), "Plaintext": b64(SECRET), "EncryptionContext": {"whispered": "low"}}, credentials)["CiphertextBlob"]
    assert unb64(aws.do("Decrypt", {"CiphertextBlob": blob, "EncryptionContext": {"whispered": "low"}}, credentials)["Plaintext"]) == SECRET
    written = "".join(p.read_text() for p in (aws.gateway.data / "audit").glob("*.jsonl")) + aws.gateway.whole_log()
    for secret in (SECRET.decode(), b64(SECRET), credentials[1], aws.own()[1], "whispered"):
        assert secret not in written
    assert hashlib.sha256(unb64(blob)).hexdigest() in written, "a record names the ciphertext"
