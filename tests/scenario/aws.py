"""AWS KMS's API and its signatures on the wire, signed by an implementation of the tests' own: what is refused and how, whose access keys are whose, and that
it is no second way to a key. tests/clients has the real clients.

Names of exceptions are those that AWS's services of this protocol (JSON 1.1) give, and its clients decide by; the ones of single operations are in AWS's
model of KMS, and which of them a key's state leads to in the KMS Developer Guide, "Key states"."""
import base64
import contextlib
import hashlib
import itertools
import json
import re
import sqlite3
import urllib.parse

import pytest

import sigv4
from daemon import until
from gateway import Gateway, b64, unb64
from kms import AES, EC, MAC, UNPROVEN, Aws, alias, bodies
from leaping import Leaping
from quorum import BreakGlass

SEALED = "app/prod/sealed"
SECRET = b"nobody may read this in a log"
NOBODY = "00000000-0000-0000-0000-000000000000"


@pytest.fixture(scope="module")
def aws():
    with Gateway() as running:
        running.key(AES, "aes-256-gcm")
        running.key(EC, "ecdsa-p256")
        running.key(MAC, "hmac-sha256")
        running.key(SEALED, "aes-256-gcm", approval={"group": "officers", "m": 2})
        yield Aws(running)


# --- signatures ---

@pytest.mark.parametrize("service,host,more,query,signature", [
    ("iam", "iam.amazonaws.com", {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}, "Action=ListUsers&Version=2010-05-08",
     "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"),
    ("service", "example.amazonaws.com", {}, "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    ("service", "example.amazonaws.com", {}, "Param2=value2&Param1=value1", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
])
def test_the_signer_of_these_tests_signs_as_aws_publishes(service, host, more, query, signature):
    made = sigv4.sign("GET", "/", {"Host": host, **more}, b"", "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", service=service, date="20150830T123600Z",
                      query=query)
    assert made["Authorization"].endswith(f"Signature={signature}")


def another(text, at):
    """The text with another digit at the place: still a number, hexadecimal or not."""
    at %= len(text)
    return text[:at] + ("1" if text[at] != "1" else "2") + text[at + 1:]


def test_whatever_is_signed_may_not_change(aws):
    """Neither anything of the request, nor what the signature says about itself."""
    body = json.dumps({"KeyId": alias(AES)}).encode()
    headers = aws.headers("DescribeKey", **{"X-Amz-User-Agent": "a", "X-Other": "x"})
    good = sigv4.sign("POST", "/", headers, body, *aws.own())

    def answer(headers=good, data=body, path="/"):
        return aws.gateway.call("POST", path, data, token="", headers=headers)

    def mismatch(what, *request):
        changed = answer(*request)
        assert (changed.status, changed.json["__type"]) == (400, "InvalidSignatureException"), (what, changed.body)
        assert aws.gateway.records()[-1]["outcome"] == "denied" and "principal" not in aws.gateway.records()[-1]
    assert answer().status == 200
    for name, value in (("Host", "kms.amazonaws.com"), ("Content-Type", "application/json"), ("X-Amz-Target", "TrentService.ScheduleKeyDeletion"),
                        ("X-Amz-Date", another(good["X-Amz-Date"], -2)),
                        ("X-Amz-User-Agent", "b"), ("X-Other", "y"), ("X-Other", "x x")):
        mismatch(name, {**good, name: value})
    for at in range(len(body)):
        mismatch(at, good, body[:at] + bytes([body[at] ^ 1]) + body[at + 1:])
    for data in (b"", b"{}", body[:-1], body + b" ", b" " + body, body * 2):
        mismatch(data, good, data)
    for query in ("?", "?x", "?Action=x"):
        changed = answer(path="/" + query)
        assert (changed.status == 200) == (query == "?"), query
    mismatch("method", sigv4.sign("PUT", "/", headers, body, *aws.own()))
    mismatch("path", sigv4.sign("POST", "/other", headers, body, *aws.own()))
    mismatch("query", sigv4.sign("POST", "/", headers, body, *aws.own(), query="a=b"))
    mismatch("region", {**good, "Authorization": good["Authorization"].replace("us-east-1", "us-east-2")})
    mismatch("signature", {**good, "Authorization": another(good["Authorization"], -1)})
    mismatch("a signed header less", {**good, "Authorization": good["Authorization"].replace(";x-other", "")})
    assert answer({name: value for name, value in good.items() if name != "X-Other"}).json["__type"] in UNPROVEN, "dropped on the way"
    assert answer({**good, "X-Amz-Security-Token": "x"}).json["__type"] == "IncompleteSignatureException", "unsigned, put in on the way"
    assert answer({**good, "X-Unsigned": "x"}).status == 200


def test_headers_that_come_twice(aws):
    """Whichever of the two a reader would take: none is answered."""
    good = list(sigv4.sign("POST", "/", aws.headers("ListKeys", **{"X-Other": "x"}), b"{}", *aws.own()).items())
    assert aws.lines(good)[0] == 200
    for name, value in (("X-Amz-Target", "TrentService.CreateKey"), ("X-Amz-Date", sigv4.stamp()), ("X-Other", "y"), ("Content-Type", "text/plain"), ("Host", "x"),
                        ("Authorization", dict(good)["Authorization"])):
        for lines in ([(name, value), *good], [*good, (name, value)]):
            status, answer = aws.lines(lines)
            assert status == 400 and answer["__type"] in UNPROVEN | {"ValidationException"}, (name, answer)


def test_what_the_canonical_form_leaves_open(aws):
    """The case of names, the order of headers, blanks, how a body is cut, and the order of a query's parameters."""
    body = json.dumps({"KeyId": alias(AES)}).encode()
    headers = aws.headers("DescribeKey", **{"X-Other": "a b"})
    good = sigv4.sign("POST", "/", headers, body, *aws.own())
    for lines in ([(name.upper(), value) for name, value in good.items()], list(reversed(good.items())), list({**good, "X-Other": "  a    b  "}.items())):
        assert aws.lines(lines, body)[0] == 200
    for query in ("b=2&a=1&a=0", "x", "x=", "a-b=2&a=1", "a=%20b", "a=%2fb&%61=c", "a=(b)!*'", "=x", "a=b=c", "&&a"):
        assert aws.gateway.call("POST", f"/?{query}", body, token="", headers=sigv4.sign("POST", "/", headers, body, *aws.own(), query=query)).status == 200, query
    with contextlib.closing(aws.gateway.connect()) as connection:
        connection.request("POST", "/", iter([body[:5], body[5:]]), {**good, "Transfer-Encoding": "chunked"}, encode_chunked=True)
        assert connection.getresponse().status == 200
    hashed = sigv4.sign("POST", "/", {**headers, "X-Amz-Content-Sha256": hashlib.sha256(body).hexdigest()}, body, *aws.own())
    assert aws.gateway.call("POST", "/", body, token="", headers=hashed).status == 200
    for said in (hashlib.sha256(b"").hexdigest(), "UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"):
        hashed = sigv4.sign("POST", "/", {**headers, "X-Amz-Content-Sha256": said}, body, *aws.own())
        assert aws.gateway.call("POST", "/", body, token="", headers=hashed).json["__type"] in UNPROVEN, said


def test_who_signs(aws):
    key_id, secret = aws.own()
    body = {"KeyId": alias(AES)}
    for wrong in (secret + "x", secret[:-1], secret.swapcase(), "", "AWS4" + secret):
        aws.refused("InvalidSignatureException", "DescribeKey", body, (key_id, wrong))
    for wrong in ("AKIAIOSFODNN7EXAMPLE", key_id[:-1], key_id.swapcase(), aws.gateway.token, "x" * 200):
        aws.refused("UnrecognizedClientException", "DescribeKey", body, (wrong, secret))
    aws.refused("IncompleteSignatureException", "DescribeKey", body, signed=["content-type", "x-amz-date", "x-amz-target"])
    assert aws.send("DescribeKey", body, region="eu-central-1")[1]["KeyMetadata"]["Arn"].startswith("arn:aws:kms:eu-central-1:000000000000:key/")
    assert aws.gateway.records()[-1]["principal"] == "token:admin" and aws.gateway.records()[-1]["dialect"] == "aws"


def test_clocks(aws):
    for seconds in (-240, 240):
        assert aws.send("DescribeKey", {"KeyId": alias(AES)}, date=sigv4.stamp(seconds))[0] == 200
    assert "expired" in aws.refused("InvalidSignatureException", "DescribeKey", {"KeyId": alias(AES)}, date=sigv4.stamp(-360))
    assert "not yet" in aws.refused("InvalidSignatureException", "DescribeKey", {"KeyId": alias(AES)}, date=sigv4.stamp(360))
    for date in ("20150830T123600Z", "19691231T235959Z", "99991231T235959Z", "20240230T000000Z", "20240101T250000Z", "20240101T000000", "2024-01-01T00:00:00Z", "x" * 16, ""):
        status, answer = aws.send("DescribeKey", {"KeyId": alias(AES)}, extra={"X-Amz-Date": date})
        assert status == 400 and answer["__type"] in UNPROVEN, (date, answer)


def malformed(good):
    """Authorization headers that are none, made from one that is."""
    scheme, credential, signed, signature = re.fullmatch(r"(\S+) (\S+), (\S+), (\S+)", good).groups()
    names, scope = signed.partition("=")[2], credential.partition("/")[2]

    def of(credential=credential, signed=signed, signature=signature, scheme=scheme):
        return f"{scheme} {credential}, {signed}, {signature}"
    assert of() == good
    schemes = ("aws4-hmac-sha256", "AWS4-HMAC-SHA512", "AWS4-ECDSA-P256-SHA256", "AWS4", "Basic", "Bearer", ",")
    credentials = (f"Cred={scope}", f"Credential=/{scope}", credential.rpartition("/")[0], credential + "/x", credential.replace("/kms/", "/"),
                   credential.replace("/kms/", "//"), credential.replace("us-east-1", ""),
                   credential.replace("aws4_request", "aws4"), re.sub(r"/\d", "/", credential), "Credential=", "Credential=////",
                   credential[:30] + "\t" + credential[30:], "Credential=" + "/" * 2000, "Credential=\xe9")
    lists = ("SignedHeaders" + names, "SignedHeaders=", "SignedHeaders=;", f"SignedHeaders={names};", f"SignedHeaders=;{names}",
             f"SignedHeaders={names.replace('host', 'HOST')}", f"SignedHeaders={names.replace('host', 'host;host')}",
             f"SignedHeaders={';'.join(reversed(names.split(';')))}", f"SignedHeaders={names};zzz", f"SignedHeaders={';'.join(f'h{i:02}' for i in range(40))};{names}",
             f"SignedHeaders={names.replace('host;', '')}", "signedheaders=" + names)
    signatures = ("Signature=", signature[:-1], signature[:-2], signature + "0", signature + "00", "Signature=" + "g" * 64, "Signature=" + "0" * 64, signature + ", x=y",
                  signature.replace("=", ""), signature + " " + signature)
    whole = (scheme, scheme + " ,,,", good.replace(", ", " "), good.replace(", ", "; "), f"{scheme} {signature}, {signed}, {credential}",
             f"{scheme} {credential}, {signature}", f"{good}, {good}", good * 2, "Basic eA==", "Bearer", "Bearer " + good, " ", "x")
    return [*(of(scheme=s) for s in schemes), *(of(credential=c) for c in credentials), *(of(signed=s) for s in lists), *(of(signature=s) for s in signatures), *whole]


def test_authorizations_that_make_no_sense(aws):
    body = json.dumps({"KeyId": alias(AES)}).encode()
    good = sigv4.sign("POST", "/", aws.headers("DescribeKey"), body, *aws.own())
    assert aws.gateway.call("POST", "/", body, token="", headers=good).status == 200
    for bad in malformed(good["Authorization"]):
        answer = aws.gateway.call("POST", "/", body, token="", headers={**good, "Authorization": bad})
        assert answer.status == 400 and answer.json["__type"] in UNPROVEN, (bad, answer.body)
    without = {name: value for name, value in good.items() if name != "Authorization"}
    answer = aws.gateway.call("POST", "/", body, token="", headers=without)
    assert answer.status == 400 and answer.json["__type"] in UNPROVEN and answer.json["message"]
    assert aws.gateway.call("GET", "/v1/auth/whoami", token="", headers={"Authorization": good["Authorization"]}).status == 401, "natively no signature is taken"


def test_a_bearer_token_in_place_of_a_signature(aws):
    gateway, headers = aws.gateway, aws.headers("DescribeKey")
    answer = gateway.call("POST", "/", {"KeyId": alias(AES)}, headers=headers)
    assert answer.status == 200 and answer.json["KeyMetadata"]["Arn"].startswith("arn:aws:kms:us-east-1:")
    record = gateway.records()[-1]
    assert (record["principal"], record["dialect"], record["outcome"]) == ("token:admin", "aws", "ok")
    for wrong in ("hg_wrong", "a.b.c", aws.own()[0], aws.own()[1]):
        answer = gateway.call("POST", "/", {"KeyId": alias(AES)}, token=wrong, headers=headers)
        assert answer.status == 400 and answer.json["__type"] in UNPROVEN
    body = json.dumps({"KeyId": alias(AES)}).encode()
    signed = list(sigv4.sign("POST", "/", headers, body, *aws.own()).items())
    both = ("Authorization", f"Bearer {gateway.token}")
    for lines in ([both, *signed], [*signed, both]):
        status, answer = aws.lines(lines, body)
        assert status == 400 and answer["__type"].endswith("Exception"), "a request proves who sends it in one way"


def test_what_reveals_is_not_answered_again():
    """Clients that do the same twice in a second sign the same; who overheard it comes later."""
    with Leaping() as gateway:
        gateway.key(AES, "aes-256-gcm")
        aws = Aws(gateway)
        blob = aws.do("Encrypt", {"KeyId": alias(AES), "Plaintext": b64(b"x")})["CiphertextBlob"]
        data = json.dumps({"KeyId": alias(AES), "CiphertextBlob": blob, "DestinationKeyId": alias(AES), "NumberOfBytes": 16, "PendingWindowInDays": 7}).encode()
        signed = {op: sigv4.sign("POST", "/", aws.headers(op), data, *aws.own()) for op in ("Decrypt", "ReEncrypt", "GenerateDataKey", "ScheduleKeyDeletion")}

        def send(operation):
            answer = gateway.call("POST", "/", data, token="", headers=signed[operation])
            return answer.json.get("__type") or answer.status

        reveals = list(signed)[:3]
        assert [send(op) for op in reveals for _ in range(3)] == [200] * 9
        gateway.leap(6)
        assert [send(op) for op in reveals] == ["ThrottlingException"] * 3
        gateway.leap(60)
        assert [send(op) for op in reveals] == ["ThrottlingException"] * 3
        assert aws.do("Decrypt", {"CiphertextBlob": blob})["Plaintext"] == b64(b"x")
        assert [send("ScheduleKeyDeletion") for _ in range(2)] == [200, "ThrottlingException"]


def test_what_shows_may_be_asked_again(aws):
    again = sigv4.sign("POST", "/", aws.headers("DescribeKey"), json.dumps({"KeyId": alias(AES)}).encode(), *aws.own())
    assert [aws.gateway.call("POST", "/", {"KeyId": alias(AES)}, token="", headers=again).status for _ in range(2)] == [200, 200]


# --- access keys ---

def test_access_keys_come_and_go(aws):
    """Two of one subject work at the same time, and each goes for itself."""
    gateway = aws.gateway
    one, two = aws.access_key("svc-1", "svc"), aws.access_key("svc-2", "svc")
    assert one[0] != two[0] and one[1] != two[1] and len(one[0]) == 20 and len(one[1]) == 40
    for credentials in (one, two):
        aws.refused("AccessDeniedException", "DescribeKey", {"KeyId": alias(AES)}, credentials)
        assert gateway.records()[-1]["principal"] == "token:svc" and gateway.records()[-1]["outcome"] == "denied"
    gateway.do("PUT", "/v1/grants/svc", {"principal": "token:svc", "keys": "app/prod/*", "operations": ["read"], "justification": "a test"})
    for credentials in (one, two, one):
        assert aws.do("DescribeKey", {"KeyId": alias(AES)}, credentials)
    aws.refused("InvalidSignatureException", "DescribeKey", {"KeyId": alias(AES)}, (one[0], two[1]))
    shown = {t["name"]: t for t in gateway.do("GET", "/v1/auth/tokens")["tokens"]}
    assert shown["svc-1"]["access_key_id"] == one[0] and shown["svc-1"]["subject"] == "svc" and shown["svc-1"]["expires_at"]
    assert one[1] not in json.dumps(shown) and two[1] not in json.dumps(shown), "a secret is shown once"
    for bearer in (*one, f"{one[0]}:{one[1]}", f"hg_{one[1]}"):
        assert gateway.call("GET", "/v1/auth/whoami", token=bearer).status == 401, "it is no bearer token"
    assert gateway.call("POST", "/v1/auth/access-keys", {"name": "svc-1", "ttl": "1h"}).status == 409
    assert aws.do("DescribeKey", {"KeyId": alias(AES)}, one), "the one that has the name stays"
    assert gateway.call("DELETE", "/v1/auth/tokens/svc-1").status == 204
    aws.refused("UnrecognizedClientException", "DescribeKey", {"KeyId": alias(AES)}, one)
    assert aws.do("DescribeKey", {"KeyId": alias(AES)}, two)
    again = aws.access_key("svc-1", "svc")
    assert again[0] != one[0] and aws.do("DescribeKey", {"KeyId": alias(AES)}, again)
    aws.refused("UnrecognizedClientException", "DescribeKey", {"KeyId": alias(AES)}, one)
    assert "svc-1" in {t["name"] for t in gateway.do("GET", "/v1/auth/tokens")["tokens"]}


def test_access_keys_expire(aws):
    brief = aws.access_key("brief", ttl="1s")
    until("it has expired", lambda: aws.send("ListKeys", {}, brief)[1].get("__type") == "UnrecognizedClientException")
    for ttl in ("0s", "-1s", "", "soon", 5):
        assert aws.gateway.call("POST", "/v1/auth/access-keys", {"name": "never", "ttl": ttl}).status == 400
    assert aws.gateway.call("POST", "/v1/auth/access-keys", {"name": "never"}).status == 400


def test_nobody_makes_an_administrators_access_key(aws):
    gateway = aws.gateway
    token = gateway.do("POST", "/v1/auth/tokens", {"name": "clerk", "ttl": "1h"})["token"]
    gateway.do("PUT", "/v1/grants/clerk", {"principal": "token:clerk", "keys": "**", "operations": ["manage-tokens"], "justification": "a test"})
    for body in ({"name": "sneaky", "subject": "admin", "ttl": "1h"}, {"name": "admin", "ttl": "1h"}):
        assert gateway.call("POST", "/v1/auth/access-keys", body, token=token).status == 403
    assert gateway.call("DELETE", "/v1/auth/tokens/admin-aws", token=token).status == 403
    assert gateway.call("POST", "/v1/auth/access-keys", {"name": "x", "ttl": "1h"},
                        token=gateway.do("POST", "/v1/auth/tokens", {"name": "plain", "ttl": "1h"})["token"]).status == 403


def change(gateway, *statements):
    """Writes into the database of the gateway, which does not run meanwhile."""
    gateway.stop()
    with contextlib.closing(sqlite3.connect(gateway.data / "hsmgate.db")) as database, database:
        for statement, values in statements:
            assert database.execute(statement, values).rowcount == 1
    gateway.start()


def swap(gateway, column):
    """Gives each of the two the other's."""
    with contextlib.closing(sqlite3.connect(gateway.data / "hsmgate.db")) as database:
        rows = dict(database.execute(f"SELECT name, {column} FROM bearers WHERE name IN ('mine-key', 'other-key')"))
    change(gateway, *((f"UPDATE bearers SET {column} = ? WHERE name = ?", (rows[theirs], name)) for name, theirs in (("mine-key", "other-key"), ("other-key", "mine-key"))))


def test_secrets_are_sealed_and_bound():
    """They outlive a restart, are not in the database, and work for nobody else than they were made for."""
    with Gateway() as gateway:
        gateway.key(AES, "aes-256-gcm")
        both = [Aws(gateway).caller("mine", "read"), Aws(gateway).caller("other", "read")]

        def answers():
            return [Aws(gateway).send("DescribeKey", {"KeyId": alias(AES)}, credentials) for credentials in both]

        def good():
            return [status for status, _ in answers()] == [200, 200]
        assert good()
        gateway.stop()
        stored = b"".join(p.read_bytes() for p in gateway.data.glob("hsmgate.db*"))
        for key_id, secret in (*both, Aws(gateway).own()):
            assert key_id.encode() in stored and not any(form in stored for form in (secret.encode(), base64.urlsafe_b64decode(secret), secret.encode().hex().encode(),
                                                                                     b64(secret.encode()).encode()))
        gateway.start()
        assert good()
        for column in ("sealed", "subject", "access_key"):
            swap(gateway, column)
            for status, answer in answers():
                assert status == 400 and answer["__type"] in UNPROVEN, (column, answer)
            assert gateway.records()[-1]["outcome"] == "denied" and "principal" not in gateway.records()[-1]
            swap(gateway, column)
            assert good(), f"with its own {column} each works again"
        change(gateway, ("UPDATE bearers SET subject = 'admin' WHERE name = ?", ("mine-key",)))
        it = Aws(gateway)
        assert "does not open" in it.refused("IncompleteSignatureException", "CreateKey", {}, both[0]), "somebody made it an administrator's"
        it.do("DescribeKey", {"KeyId": alias(AES)}, both[1])
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
    aws.do("ReEncrypt", {"CiphertextBlob": blobs[0], "SourceEncryptionContext": mine, "DestinationEncryptionContext": mine, **move}, bound)
    for body in ({"CiphertextBlob": blobs[2], "EncryptionContext": mine}, {"CiphertextBlob": blobs[1], "SourceEncryptionContext": other, "EncryptionContext": mine}):
        aws.refused("AccessDeniedException", "ReEncrypt", {**body, **move}, bound)
    makes = aws.caller("makes", "data-key", "unwrap", context={"tenant": "7"})
    for operation in ("GenerateDataKey", "GenerateDataKeyWithoutPlaintext"):
        made = aws.do(operation, {"KeyId": alias(AES), "KeySpec": "AES_256", "EncryptionContext": mine}, makes)
        assert len(unb64(aws.do("Decrypt", {"CiphertextBlob": made["CiphertextBlob"], "EncryptionContext": mine}, makes)["Plaintext"])) == 32
        for context in (other, {}, {"tenant": ""}, {"Tenant": "7"}):
            aws.refused("AccessDeniedException", operation, {"KeyId": alias(AES), "KeySpec": "AES_256", "EncryptionContext": context}, makes)
    aws.refused("AccessDeniedException", "Encrypt", {"KeyId": alias(AES), "Plaintext": "eA==", "EncryptionContext": mine}, makes)


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


def test_a_data_key_moves_under_an_rsa_key(aws):
    """What an RSA key has encrypted is data, whatever it was before; one that is too long for it is the caller's mistake."""
    aws.gateway.key("app/prod/rsa", "rsa-2048", purpose="decrypt")
    for size, refusal in ((32, None), (1024, "ValidationException")):
        made = aws.do("GenerateDataKey", {"KeyId": alias(AES), "NumberOfBytes": size})
        body = {"CiphertextBlob": made["CiphertextBlob"], "DestinationKeyId": alias("app/prod/rsa")}
        if refusal:
            aws.refused(refusal, "ReEncrypt", body)
            continue
        moved = aws.do("ReEncrypt", body)["CiphertextBlob"]
        assert aws.do("Decrypt", {"CiphertextBlob": moved, "KeyId": alias("app/prod/rsa")})["Plaintext"] == made["Plaintext"]


def test_a_sealed_key_stays_sealed(aws):
    gateway, glass = aws.gateway, BreakGlass(aws.gateway)
    blob = aws.do("Encrypt", {"KeyId": alias(SEALED), "Plaintext": b64(SECRET)})["CiphertextBlob"]
    for operation, body in (("Decrypt", {"CiphertextBlob": blob}), ("Decrypt", {"CiphertextBlob": blob, "KeyId": alias(SEALED)}),
                            ("GenerateDataKey", {"KeyId": alias(SEALED), "KeySpec": "AES_256"}),
                            ("GenerateDataKeyPair", {"KeyId": alias(SEALED), "KeyPairSpec": "ECC_NIST_P256"}), ("ScheduleKeyDeletion", {"KeyId": alias(SEALED)})):
        assert ("quorum" if operation.startswith("Schedule") else "people") in aws.refused("AccessDeniedException", operation, body)
        assert (gateway.records()[-1]["outcome"], gateway.records()[-1]["dialect"]) == ("denied", "aws")
    wrapped = aws.do("GenerateDataKeyWithoutPlaintext", {"KeyId": alias(SEALED), "KeySpec": "AES_256"})["CiphertextBlob"]
    assert "people" in aws.refused("AccessDeniedException", "Decrypt", {"CiphertextBlob": wrapped})
    assert aws.do("DescribeKey", {"KeyId": alias(SEALED)})["KeyMetadata"]["KeyState"] == "Enabled"
    request = glass.approved(blob, name=SEALED)
    assert glass.requester.unseal(glass.open(request)["sealed"]) == SECRET
    assert [r for r in gateway.records() if r.get("operation") == "decrypt"][-1]["code"] == "approval_required"


def test_a_policy_that_says_nothing(aws):
    """SPIRE sends one with each key, empty when its operator says so."""
    assert aws.do("CreateKey", {"Policy": "", "KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"})["KeyMetadata"]["KeySpec"] == "ECC_NIST_P256"
    for policy in ("{}", " ", {}):
        assert "Policy" in aws.refused("UnsupportedOperationException", "CreateKey", {"Policy": policy})


def test_who_has_a_grant_on_a_name_is_told_that_it_is_free(aws):
    """cosign asks before it makes a key, and a client that moves data is told the same."""
    mover = aws.caller("mover", "read", "decrypt", "encrypt")
    blob = aws.do("Encrypt", {"KeyId": alias(AES), "Plaintext": b64(b"x")}, mover)["CiphertextBlob"]
    for name, exception in ((alias("app/prod/free"), "NotFoundException"), (alias("elsewhere/free"), "AccessDeniedException"), (NOBODY, "AccessDeniedException")):
        aws.refused(exception, "DescribeKey", {"KeyId": name}, mover)
        aws.refused(exception, "ReEncrypt", {"CiphertextBlob": blob, "DestinationKeyId": name}, mover)


def seen(aws, operation, body, credentials):
    """All of an answer but its time."""
    data = json.dumps(body).encode()
    answer = aws.gateway.call("POST", "/", data, token="", headers={**sigv4.sign("POST", "/", aws.headers(operation), data, *credentials), "X-Request-Id": "same"})
    return answer.status, answer.body, sorted((name, value) for name, value in answer.headers.items() if name != "Date")


def test_what_a_caller_without_grants_learns(aws):
    """The same refusal for keys that are there and keys that are not, by whatever name, and lists that are empty."""
    nobody = aws.caller("nobody")
    metadata = aws.do("DescribeKey", {"KeyId": alias(AES)})["KeyMetadata"]
    blob = aws.do("Encrypt", {"KeyId": alias(AES), "Plaintext": b64(b"x")})["CiphertextBlob"]
    missing = b64(unb64(blob)[:5] + bytes(16) + unb64(blob)[21:])
    assert unb64(blob)[5:21].hex() == metadata["KeyId"].replace("-", ""), "where a ciphertext names its key"
    names = [(metadata["KeyId"], NOBODY), (metadata["Arn"], metadata["Arn"].replace(metadata["KeyId"], NOBODY)), (alias(AES), alias("app/prod/none")),
             (metadata["Arn"].replace("key/" + metadata["KeyId"], alias(AES)), "arn:aws:kms:us-east-1:999999999999:key/x"), (alias(SEALED), "alias/x"),
             (alias("hsmgate/auth/access-keys"), "x")]
    inputs = [("DescribeKey", {}), ("GetPublicKey", {}), ("Encrypt", {"Plaintext": "eA=="}), ("Encrypt", {}), ("Decrypt", {"CiphertextBlob": blob}),
              ("GenerateDataKey", {"KeySpec": "AES_256"}), ("Sign", {"Message": "eA=="}),
              ("GenerateMac", {"Message": "eA=="}), ("ListResourceTags", {}), ("DisableKey", {}), ("ScheduleKeyDeletion", {}), ("CancelKeyDeletion", {}),
              ("RotateKeyOnDemand", {}), ("EnableKeyRotation", {}), ("TagResource", {"Tags": 7})]
    asked = [(operation, {**body, "KeyId": there}, {**body, "KeyId": absent}) for operation, body in inputs for there, absent in names]
    asked += [("Decrypt", {"CiphertextBlob": blob}, {"CiphertextBlob": missing}),
              ("ReEncrypt", {"CiphertextBlob": blob, "DestinationKeyId": alias(AES)}, {"CiphertextBlob": missing, "DestinationKeyId": alias(AES)}),
              ("CreateAlias", {"AliasName": "alias/new", "TargetKeyId": alias(AES)}, {"AliasName": "alias/new", "TargetKeyId": NOBODY}),
              ("DeleteAlias", {"AliasName": alias(AES)}, {"AliasName": "alias/none"})]
    said = set()
    for operation, there, absent in asked:
        answers = seen(aws, operation, there, nobody), seen(aws, operation, absent, nobody)
        assert answers[0] == answers[1], operation
        said.add(answers[0][:2])
    assert len(said) == 1 and all(status == 400 and json.loads(body)["__type"] == "AccessDeniedException" for status, body in said)
    assert aws.do("ListKeys", {}, nobody)["Keys"] == [] and aws.do("ListAliases", {}, nobody)["Aliases"] == []
    assert aws.do("ListAliases", {"KeyId": metadata["KeyId"]}, nobody) == aws.do("ListAliases", {"KeyId": NOBODY}, nobody)
    aws.refused("AccessDeniedException", "CreateKey", {}, nobody)
    aws.refused("AccessDeniedException", "GenerateRandom", {"NumberOfBytes": 8}, nobody)
    opens = aws.caller("moves-out", "decrypt", "rewrap")
    aws.gateway.key("hidden/prod/key", "aes-256-gcm")
    answers = {seen(aws, "ReEncrypt", {"CiphertextBlob": blob, "DestinationKeyId": name}, opens)[1] for name in (alias("hidden/prod/key"), alias("hidden/prod/none"), NOBODY)}
    assert len(answers) == 1 and b"AccessDeniedException" in answers.pop(), "nor does a destination tell"


def test_grants_to_others_show_nothing(aws):
    """A list has what its reader may read, page by page, and its marker is of no use for more."""
    reads = aws.caller("reads-app", "read")
    aws.gateway.key("zz/prod/other", "aes-256-gcm")
    hidden = aws.do("DescribeKey", {"KeyId": alias("zz/prod/other")})["KeyMetadata"]["KeyId"]
    for operation, member, name in (("ListKeys", "Keys", "KeyId"), ("ListAliases", "Aliases", "TargetKeyId")):
        found, marker = [], {}
        while True:
            page = aws.do(operation, {"Limit": 1, **marker}, reads)
            found += [entry[name] for entry in page[member]]
            if not page["Truncated"]:
                break
            marker = {"Marker": page["NextMarker"]}
        assert len(found) >= 4 and hidden not in found and not any("zz/" in text for text in found)
    assert hidden in [entry["KeyId"] for entry in aws.do("ListKeys", {"Limit": 1000})["Keys"]]
    aws.refused("AccessDeniedException", "DescribeKey", {"KeyId": hidden}, reads)


def test_both_apis_open_what_either_made(aws):
    gateway, context = aws.gateway, {"a": "b", "c": "ü"}
    native = gateway.verb(AES, "encrypt", {"plaintext": b64(b"x"), "context": context})["ciphertext"]
    blob = aws.do("Encrypt", {"KeyId": alias(AES), "Plaintext": b64(b"y"), "EncryptionContext": context})["CiphertextBlob"]
    assert unb64(aws.do("Decrypt", {"CiphertextBlob": native, "EncryptionContext": dict(reversed(context.items()))})["Plaintext"]) == b"x"
    assert unb64(gateway.verb(AES, "decrypt", {"ciphertext": blob, "context": context})["plaintext"]) == b"y"
    for wrong in ({}, {"a": "b"}, {"a": "b", "c": "u"}, {"a": "ü", "c": "b"}, {**context, "d": ""}):
        aws.refused("InvalidCiphertextException", "Decrypt", {"CiphertextBlob": native, "EncryptionContext": wrong})
        assert gateway.call("POST", f"/v1/keys/{AES}:decrypt", {"ciphertext": blob, "context": wrong}).json["code"] == "invalid_ciphertext"
    made = aws.do("GenerateDataKey", {"KeyId": alias(AES), "NumberOfBytes": 64, "EncryptionContext": context})
    assert gateway.verb(AES, "unwrap", {"ciphertext": made["CiphertextBlob"], "context": context})["plaintext"] == made["Plaintext"]
    assert gateway.call("POST", f"/v1/keys/{AES}:decrypt", {"ciphertext": made["CiphertextBlob"], "context": context}).status == 400
    native = gateway.verb(AES, "data-key", {"bytes": 32, "plaintext": True, "context": context})
    assert aws.do("Decrypt", {"CiphertextBlob": native["ciphertext"], "EncryptionContext": context})["Plaintext"] == native["plaintext"]
    signature = aws.do("Sign", {"KeyId": alias(EC), "Message": b64(b"m"), "SigningAlgorithm": "ECDSA_SHA_256"})["Signature"]
    assert gateway.verb(EC, "verify", {"message": b64(b"m"), "signature": signature, "encoding": "der"})["valid"]
    mac = gateway.verb(MAC, "mac", {"message": b64(b"m")})["mac"]
    assert aws.do("VerifyMac", {"KeyId": alias(MAC), "Message": b64(b"m"), "Mac": mac, "MacAlgorithm": "HMAC_SHA_256"})["MacValid"]


def test_reserved_keys_are_out_of_reach(aws):
    for name in ("hsmgate/auth/access-keys", "hsmgate/audit/checkpoint"):
        aws.refused("AccessDeniedException", "Encrypt", {"KeyId": alias(name), "Plaintext": "eA=="})
        key = aws.gateway.do("GET", f"/v1/keys/{name}")["id"]
        aws.refused("AccessDeniedException", "Decrypt", {"KeyId": key, "CiphertextBlob": "eA=="})
    with contextlib.closing(sqlite3.connect(aws.gateway.data / "hsmgate.db")) as database:
        sealed = database.execute("SELECT sealed FROM bearers WHERE name = 'admin-aws'").fetchone()[0]
    aws.refused("AccessDeniedException", "Decrypt", {"CiphertextBlob": b64(sealed), "EncryptionContext": {"access_key": aws.own()[0], "subject": "admin"}})


# --- hostile bodies ---

WRONG = (7, -1, 1.5, 2 ** 53, True, None, [], [[]], ["x"], [7], {}, {"a": 1}, {"a": None}, {"a": {"b": []}}, {"": "x"}, "", "x", "x" * 9000, "%", "=", "alias/",
         "arn:aws:kms:", "arn:aws:kms:::", "\0", "\ud800", "hg_x", "../..", "\u202e")


def looks_refused(answer):
    return answer[0] == 200 or (answer[0] == 400 and re.fullmatch(r"[A-Z][A-Za-z]+Exception", answer[1]["__type"]) and answer[1]["__type"] != "KMSInternalException")


def test_fields_that_make_no_sense(aws):
    """Every field of every operation with values of every other kind, and without it: never an error of ours."""
    aws.gateway.key("app/prod/scratch", "aes-256-gcm")
    good = bodies(aws.do("Encrypt", {"KeyId": alias(AES), "Plaintext": "eA==", "EncryptionContext": {"a": "b"}})["CiphertextBlob"])
    for operation, body in good.items():
        status, answer = aws.send(operation, body)
        assert status == 200 or answer["__type"] in ("KMSInvalidSignatureException", "KMSInvalidMacException"), (operation, answer)
    for operation, body in good.items():
        for name, value in itertools.product(body, WRONG):
            answer = aws.send(operation, {**body, name: value})
            assert looks_refused(answer), (operation, name, str(value)[:80], answer)
        for name in body:
            answer = aws.send(operation, {other: value for other, value in body.items() if other != name})
            assert looks_refused(answer), (operation, name, answer)
        assert looks_refused(aws.send(operation, {**body, "Unknown": {"a": [1, 2]}})), operation


def test_bodies_that_make_no_sense(aws):
    deep = [b'{"a":' * n + b"1" + b"}" * n for n in (17, 1000, 100000)] + [b"[" * n + b"]" * n for n in (17, 100000)]
    wrong = [b"", b" ", b"[]", b"[{}]", b"null", b"1", b'"x"', b"{", b"}", b"{}{}", b'{"KeyId"}', b"{'KeyId':'a'}", b'{"KeyId":"a","KeyId":"b"}', b'{"a":1,"a":1}',
             b"\xff\xfe", b"\xef\xbb\xbf{}", b'{"a":"\xc3"}', b"\0", b'{"a":1e999}', b'{"a":NaN}',
              b"KeyId=a&Plaintext=b", b"<KeyId/>", *deep]
    for operation in bodies(""):
        for body in wrong:
            status, answer = aws.send(operation, body)
            assert status == 400 and answer["__type"] == "SerializationException", (operation, body[:80], answer)
    record = aws.gateway.records()[-1]
    assert (record["dialect"], record["principal"], record["outcome"]) == ("aws", "token:admin", "refused")
    for body in (b"", b"[]", b"{"):
        assert aws.refused("UnknownOperationException", "Nothing", body) and aws.refused("UnknownOperationException", "", body)
    aws.refused("UnsupportedOperationException", "CreateGrant", {"KeyId": "x"})


def test_bodies_that_are_too_large(aws):
    def body(size):
        start = b'{"KeyId":"%s","Filler":"' % alias(AES).encode()
        return start + b"x" * (size - len(start) - 2) + b'"}'
    assert aws.send("DescribeKey", body(1 << 20))[0] == 200, "as large as may be"
    aws.refused("ValidationException", "DescribeKey", body((1 << 20) + 1))
    for lines in ([("Content-Length", str(1 << 40))], [("Content-Length", "9" * 18)]):
        with contextlib.closing(aws.gateway.connect()) as connection:
            connection.putrequest("POST", "/", skip_host=True, skip_accept_encoding=True)
            for name, value in [*sigv4.sign("POST", "/", aws.headers("ListKeys"), b"{}", *aws.own()).items(), *lines]:
                connection.putheader(name, value)
            connection.endheaders()
            answer = connection.getresponse()
            assert (answer.status, json.loads(answer.read())["__type"]) == (400, "ValidationException")
    aws.do("ListKeys", {})


def test_bad_ciphertexts_are_one_error(aws):
    raw = unb64(aws.do("Encrypt", {"KeyId": alias(AES), "Plaintext": b64(b"x")})["CiphertextBlob"])
    bad = [raw[:i // 8] + bytes([raw[i // 8] ^ 1 << i % 8]) + raw[i // 8 + 1:] for i in range(0, 8 * len(raw), 5)] + [raw[:n] for n in range(1, len(raw))] + [raw + b"x"]
    other = [blob for blob in bad if len(blob) == len(raw) and blob[:5] == raw[:5] and blob[5:21] != raw[5:21]]
    assert len({aws.refused("InvalidCiphertextException", "Decrypt", {"KeyId": alias(AES), "CiphertextBlob": b64(blob)}) for blob in bad if blob not in other}) == 1
    assert len({aws.refused("IncorrectKeyException", "Decrypt", {"KeyId": alias(AES), "CiphertextBlob": b64(blob)}) for blob in other}) == 1, "they name another key"


def test_records_say_who_and_what(aws):
    gateway, weak = aws.gateway, aws.caller("weak", "encrypt")
    blob = aws.do("Encrypt", {"KeyId": alias(AES), "Plaintext": b64(b"x")}, weak)["CiphertextBlob"]
    for expected, operation, body, credentials in (
            (("token:weak", "encrypt", AES, "ok", None, 200), "Encrypt", {"KeyId": alias(AES), "Plaintext": b64(b"x")}, weak),
            (("token:weak", "decrypt", AES, "denied", "forbidden", 400), "Decrypt", {"CiphertextBlob": blob}, weak),
            (("token:weak", "read", "none/x", "denied", "forbidden", 400), "DescribeKey", {"KeyId": alias("none/x")}, weak),
            ((None, "decrypt", None, "denied", "unauthenticated", 400), "Decrypt", {"CiphertextBlob": blob}, (weak[0], "wrong")),
            (("token:admin", "decrypt", AES, "refused", "invalid_ciphertext", 400), "Decrypt", {"CiphertextBlob": blob, "EncryptionContext": {"a": "b"}}, None),
            (("token:admin", "decrypt", SEALED, "denied", "approval_required", 400), "Decrypt", {"CiphertextBlob": blob, "KeyId": alias(SEALED)}, None),
            (("token:admin", "sign", EC, "refused", "dry_run", 400), "Sign", {"KeyId": alias(EC), "Message": "eA==", "SigningAlgorithm": "ECDSA_SHA_256", "DryRun": True},
             None)):
        aws.send(operation, body, credentials)
        record = gateway.records()[-1]
        assert record["dialect"] == "aws" and record["kind"] == "request"
        assert tuple(record.get(name) for name in ("principal", "operation", "key", "outcome", "code", "status")) == expected


def test_nothing_secret_is_written_down(aws):
    credentials = aws.caller("whispers", "encrypt", "decrypt", "data-key", "unwrap")
    context = {"whispered": "low"}
    blob = aws.do("Encrypt", {"KeyId": alias(AES), "Plaintext": b64(SECRET), "EncryptionContext": context}, credentials)["CiphertextBlob"]
    assert unb64(aws.do("Decrypt", {"CiphertextBlob": blob, "EncryptionContext": context}, credentials)["Plaintext"]) == SECRET
    made = aws.do("GenerateDataKey", {"KeyId": alias(AES), "KeySpec": "AES_256", "EncryptionContext": context}, credentials)
    pair = aws.do("GenerateDataKeyPair", {"KeyId": alias(AES), "KeyPairSpec": "ECC_NIST_P256"})
    aws.refused("AccessDeniedException", "Sign", {"KeyId": alias(EC), "Message": b64(SECRET), "SigningAlgorithm": "ECDSA_SHA_256"}, credentials)
    aws.refused("InvalidSignatureException", "Encrypt", {"KeyId": alias(AES), "Plaintext": b64(SECRET)}, (credentials[0], credentials[1] + "x"))
    records = b"".join(p.read_bytes() for p in (aws.gateway.data / "audit").glob("*.jsonl"))
    written = records + aws.gateway.whole_log().encode() + b"".join(p.read_bytes() for p in aws.gateway.data.glob("hsmgate.db*"))
    for secret in (SECRET, unb64(made["Plaintext"]), unb64(pair["PrivateKeyPlaintext"]), credentials[1].encode(), aws.own()[1].encode()):
        for form in (secret, b64(secret).encode(), secret.hex().encode()):
            assert form not in written
    assert b"whispered" not in written and b"Signature=" not in written
    assert hashlib.sha256(unb64(blob)).hexdigest().encode() in records, "a record names the ciphertext"
    assert credentials[0].encode() in written, "who looks finds what is there"


# --- operations that clients of Debian do not know ---

def test_rotation(aws):
    key = aws.do("CreateKey", {})["KeyMetadata"]["KeyId"]
    old = aws.do("Encrypt", {"KeyId": key, "Plaintext": b64(b"old")})["CiphertextBlob"]
    assert aws.do("ListKeyRotations", {"KeyId": key})["Rotations"] == []
    assert aws.do("RotateKeyOnDemand", {"KeyId": key})["KeyId"].endswith(key)
    rotation, = aws.do("ListKeyRotations", {"KeyId": key})["Rotations"]
    assert rotation["RotationType"] == "ON_DEMAND" and rotation["RotationDate"] > 0
    new = aws.do("Encrypt", {"KeyId": key, "Plaintext": b64(b"new")})["CiphertextBlob"]
    assert [unb64(aws.do("Decrypt", {"CiphertextBlob": blob})["Plaintext"]) for blob in (old, new)] == [b"old", b"new"]
    for days in (89, 2561, -1):
        aws.refused("ValidationException", "EnableKeyRotation", {"KeyId": key, "RotationPeriodInDays": days})
    aws.refused("SerializationException", "EnableKeyRotation", {"KeyId": key, "RotationPeriodInDays": "x"})
    aws.do("EnableKeyRotation", {"KeyId": key, "RotationPeriodInDays": 100})
    status = aws.do("GetKeyRotationStatus", {"KeyId": key})
    assert (status["KeyRotationEnabled"], status["RotationPeriodInDays"]) == (True, 100) and status["NextRotationDate"] > rotation["RotationDate"]
    aws.do("DisableKeyRotation", {"KeyId": key})
    assert aws.do("GetKeyRotationStatus", {"KeyId": key})["KeyRotationEnabled"] is False


def test_dry_runs(aws):
    """What would have been done is not, and says so."""
    blob = aws.do("Encrypt", {"KeyId": alias(AES), "Plaintext": "eA==", "EncryptionContext": {"a": "b"}})["CiphertextBlob"]
    dry = {operation: body for operation, body in bodies(blob).items() if "DryRun" in body}
    assert len(dry) == 11
    for operation, body in dry.items():
        aws.refused("DryRunOperationException", operation, {**body, "DryRun": True})
        aws.refused("AccessDeniedException", operation, {**body, "DryRun": True}, aws.caller("dry-" + operation.lower()))


# --- not another context, not another key ---

def test_who_may_only_rewrap_gives_nothing_another_context(aws):
    """Under the same key, too: who reads one tenant's data would read another's, once it was moved there."""
    moves = aws.caller("relabels", "rewrap")
    theirs, mine = {"tenant": "8"}, {"tenant": "7"}
    blob = aws.do("Encrypt", {"KeyId": alias(AES), "Plaintext": b64(SECRET), "EncryptionContext": theirs})["CiphertextBlob"]
    body = {"CiphertextBlob": blob, "SourceEncryptionContext": theirs, "DestinationKeyId": alias(AES)}
    moved = aws.do("ReEncrypt", {**body, "DestinationEncryptionContext": theirs}, moves)["CiphertextBlob"]
    assert unb64(aws.do("Decrypt", {"CiphertextBlob": moved, "EncryptionContext": theirs})["Plaintext"]) == SECRET
    for context in (mine, {}, {**mine, "n": "1"}, {**theirs, "n": "1"}):
        aws.refused("AccessDeniedException", "ReEncrypt", {**body, "DestinationEncryptionContext": context}, moves)


def test_a_grant_with_a_context_protects_for_no_other(aws):
    bound = aws.caller("bound-moves", "decrypt", "encrypt", "rewrap", context={"tenant": "7"})
    blob = aws.do("Encrypt", {"KeyId": alias(AES), "Plaintext": b64(b"x"), "EncryptionContext": {"tenant": "7"}}, bound)["CiphertextBlob"]
    for context in ({"tenant": "8"}, {}):
        aws.refused("AccessDeniedException", "Encrypt", {"KeyId": alias(AES), "Plaintext": b64(b"x"), "EncryptionContext": context}, bound)
        aws.refused("AccessDeniedException", "ReEncrypt", {"CiphertextBlob": blob, "SourceEncryptionContext": {"tenant": "7"}, "DestinationEncryptionContext": context,
                                                           "DestinationKeyId": alias(AES)}, bound)


def test_a_key_is_never_hidden_behind_an_alias(aws):
    """Its own name means the key, whoever had an alias of that name before: or else what is meant for it would go to their key."""
    aws.gateway.key("other/prod/theirs", "aes-256-gcm")
    aws.do("CreateAlias", {"AliasName": alias("app/prod/to-come"), "TargetKeyId": alias("other/prod/theirs")})
    made = aws.gateway.call("POST", "/v1/keys", {"name": "app/prod/to-come", "algorithm": "aes-256-gcm", "owner": "tests"})
    assert made.status == 409 or aws.do("DescribeKey", {"KeyId": alias("app/prod/to-come")})["KeyMetadata"]["KeyId"] == made.json["id"]
    names = [entry["AliasName"] for entry in aws.do("ListAliases", {"Limit": 1000})["Aliases"]]
    assert len(names) == len(set(names)), "and an alias is listed once"


@pytest.mark.parametrize("operation", ["GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext", "GenerateDataKey", "Encrypt"])
@pytest.mark.parametrize("context", ["tenant=7", 7, True, []], ids=str)
def test_a_context_that_is_none_is_refused(aws, operation, context):
    """Nothing is protected without the context that its sender thinks it has."""
    body = {"KeyId": alias(AES), "EncryptionContext": context, **({"KeyPairSpec": "ECC_NIST_P256"} if "Pair" in operation else {"KeySpec": "AES_256"} if "Key" in operation else {"Plaintext": "eA=="})}
    status, answer = aws.send(operation, body)
    assert status == 400 and answer["__type"] in ("SerializationException", "ValidationException")


@pytest.mark.parametrize("state,exception,operation,more", [
    ("Disabled", "DisabledException", "RotateKeyOnDemand", {}), ("Disabled", "DisabledException", "EnableKeyRotation", {}), ("Disabled", "DisabledException", "ReEncrypt", {}),
    ("PendingDeletion", "KMSInvalidStateException", "RotateKeyOnDemand", {}), ("PendingDeletion", "KMSInvalidStateException", "EnableKeyRotation", {}),
    ("PendingDeletion", "KMSInvalidStateException", "TagResource", {"Tags": [{"TagKey": "a", "TagValue": "b"}]}),
    ("PendingDeletion", "KMSInvalidStateException", "UntagResource", {"TagKeys": ["a"]}),
    ("PendingDeletion", "KMSInvalidStateException", "UpdateKeyDescription", {"Description": "d"}),
    ("PendingDeletion", "KMSInvalidStateException", "CreateAlias", {"AliasName": "alias/of-the-dying"}),
], ids=lambda value: value if isinstance(value, str) else "")
def test_what_a_key_does_not_do_in_its_state(aws, state, exception, operation, more):
    """And it is in the same state afterwards: only EnableKey, or CancelKeyDeletion, brings it back."""
    key = aws.do("CreateKey", {})["KeyMetadata"]["KeyId"]
    blob = aws.do("Encrypt", {"KeyId": alias(AES), "Plaintext": "eA=="})["CiphertextBlob"]
    aws.do("DisableKey", {"KeyId": key})
    if state == "PendingDeletion":
        aws.do("ScheduleKeyDeletion", {"KeyId": key, "PendingWindowInDays": 7})
    body = {"CiphertextBlob": blob, "DestinationKeyId": key} if operation == "ReEncrypt" else {"KeyId": key, "TargetKeyId": key, **more}
    status, answer = aws.send(operation, body)
    assert (status, answer.get("__type"), aws.state(key)) == (400, exception, state)


# --- as AWS words it ---

def figures(gateway, operation):
    lines = gateway.call("GET", "/metrics", token="").body.decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if f'operation="{operation}"' in line and "_bucket{" not in line and "_sum{" not in line)}


def test_the_figures_tell_no_more_than_the_refusal(aws):
    """Anybody reads them: a key that is there counts like one that is not, for a caller who may not know."""
    nobody, counted = aws.caller("counted"), []
    for name in (alias("app/prod/none"), alias(MAC)):
        before = figures(aws.gateway, "mac")
        aws.refused("AccessDeniedException", "GenerateMac", {"KeyId": name, "Message": "eA==", "MacAlgorithm": "HMAC_SHA_256"}, nobody)
        after = figures(aws.gateway, "mac")
        counted.append({name for name, value in after.items() if value != before.get(name, 0)})
    assert counted[0] == counted[1] and counted[0]


def test_without_any_proof(aws):
    answer = aws.gateway.call("POST", "/", {}, token="", headers=aws.headers("ListKeys"))
    assert (answer.status, answer.json["__type"]) == (400, "MissingAuthenticationTokenException")


def test_a_credential_of_another_scope(aws):
    aws.refused("InvalidSignatureException", "ListKeys", {}, service="s3")
    good = sigv4.sign("POST", "/", aws.headers("ListKeys"), b"{}", *aws.own())
    day = good["X-Amz-Date"][:8]
    answer = aws.gateway.call("POST", "/", b"{}", token="", headers={**good, "Authorization": good["Authorization"].replace(f"/{day}/", "/20150830/")})
    assert (answer.status, answer.json["__type"]) == (400, "InvalidSignatureException")


def test_a_signature_is_written_in_lower_case(aws):
    good = sigv4.sign("POST", "/", aws.headers("ListKeys"), b"{}", *aws.own())
    start, _, signature = good["Authorization"].rpartition("=")
    answer = aws.gateway.call("POST", "/", b"{}", token="", headers={**good, "Authorization": f"{start}={signature.upper()}"})
    assert answer.status == 400 and answer.json["__type"] in UNPROVEN


@pytest.mark.parametrize("exception,operation,body", [
    ("ValidationException", "VerifyMac", {"KeyId": alias(MAC), "Message": "eA==", "MacAlgorithm": "HMAC_SHA_256"}),
    ("ValidationException", "VerifyMac", {"KeyId": alias(MAC), "Message": "eA==", "MacAlgorithm": "HMAC_SHA_256", "Mac": ""}),
    ("ValidationException", "Verify", {"KeyId": alias(EC), "Message": "eA==", "SigningAlgorithm": "ECDSA_SHA_256", "Signature": ""}),
    ("ValidationException", "GenerateMac", {"KeyId": alias(MAC), "Message": "eA=="}),
    ("ValidationException", "Decrypt", {}), ("ValidationException", "Decrypt", {"CiphertextBlob": ""}), ("ValidationException", "Decrypt", {"KeyId": alias(AES)}),
    ("ValidationException", "ReEncrypt", {"SourceKeyId": alias(AES), "DestinationKeyId": alias(AES)}),
    ("ValidationException", "Encrypt", {"KeyId": alias(AES)}), ("ValidationException", "Encrypt", {"KeyId": alias(AES), "Plaintext": ""}),
    ("ValidationException", "Sign", {"KeyId": alias(EC), "Message": "eA=="}), ("ValidationException", "UpdateKeyDescription", {"KeyId": alias(AES)}),
    ("ValidationException", "GenerateDataKeyPair", {"KeyId": alias(AES), "KeyPairSpec": "none"}),
    ("ValidationException", "GenerateDataKeyPair", {"KeyId": alias(AES), "KeyPairSpec": "none", "DryRun": True}),
    ("InvalidMarkerException", "ListKeys", {"Marker": "!!"}), ("InvalidMarkerException", "ListAliases", {"Marker": "!!"}),
    ("UnsupportedOperationException", "DeleteCustomKeyStore", {"CustomKeyStoreId": "x"}),
    ("UnsupportedOperationException", "DisconnectCustomKeyStore", {"CustomKeyStoreId": "x"}),
    ("UnsupportedOperationException", "UpdateCustomKeyStore", {"CustomKeyStoreId": "x"}),
], ids=lambda value: value if isinstance(value, str) else "-".join(value) or "nothing")
def test_names_of_exceptions(aws, exception, operation, body):
    aws.refused(exception, operation, body)


def test_a_dry_run_tells_the_truth(aws):
    """Who would have been refused is refused, in the same words."""
    unwraps = aws.caller("dry-unwraps", "unwrap")
    blob = aws.do("Encrypt", {"KeyId": alias(AES), "Plaintext": "eA=="})["CiphertextBlob"]
    for exception, body, credentials in (("AccessDeniedException", {"CiphertextBlob": blob}, unwraps),
                                         ("InvalidCiphertextException", {"KeyId": alias(AES), "CiphertextBlob": "eA=="}, None)):
        for dry in (False, True):
            aws.refused(exception, "Decrypt", {**body, "DryRun": dry}, credentials)


def test_a_page_has_no_more_than_its_limit(aws):
    key = aws.do("CreateKey", {})["KeyMetadata"]["KeyId"]
    for letter in "abc":
        aws.do("CreateAlias", {"AliasName": f"alias/page-{letter}", "TargetKeyId": key})
    for more in ({}, {"KeyId": key}):
        found, marker = [], {}
        while True:
            page = aws.do("ListAliases", {"Limit": 2, **more, **marker})
            assert len(page["Aliases"]) <= 2
            found += [entry["AliasName"] for entry in page["Aliases"]]
            if not page["Truncated"]:
                break
            marker = {"Marker": page["NextMarker"]}
        assert len(found) == len(set(found)) and {"alias/page-a", "alias/page-b", "alias/page-c"} <= set(found)
