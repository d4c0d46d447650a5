"""Requests to AWS's API whose signature is in the query, as presigners make them: for how long they are good, what may not change, and that they are answered once where it
matters. Presigners of JSON services leave X-Amz-Target a header or make it a parameter; both are taken. tests/clients has one of another's making."""
import itertools
import json
import urllib.parse

import pytest

import sigv4
from gateway import Gateway, b64, unb64
from kms import UNPROVEN, Aws, alias
from leaping import Leaping

AES = "app/prod/aes"
TARGET = "X-Amz-Target"


class Presigned(Aws):
    def query(self, operation, body, credentials=None, hoist=False, headers=None, more=None, **how):
        """(headers to send, query) of a request signed in the query; the target is a parameter when it is hoisted."""
        signed = {"Host": self.host, **({} if hoist else {TARGET: f"TrentService.{operation}"}), **(headers or {})}
        target = {TARGET: f"TrentService.{operation}"} if hoist else {}
        return signed, sigv4.presign("POST", "/", signed, body, *(credentials or self.own()), more={**target, **(more or {})}, **how)

    def post(self, query, headers, body):
        answer = self.gateway.call("POST", f"/?{query}", body, token="", headers=headers)
        assert answer.headers["Content-Type"] == "application/x-amz-json-1.1", answer.body
        return answer.status, answer.json

    def ask(self, operation, body, *credentials, **how):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers, query = self.query(operation, data, *credentials, **how)
        return self.post(query, headers, data)

    def unproven(self, answer, start=""):
        assert answer[0] == 400 and answer[1]["__type"] in UNPROVEN and answer[1]["message"].startswith(start), answer


@pytest.fixture(scope="module")
def aws():
    with Gateway() as running:
        running.key(AES, "aes-256-gcm")
        yield Presigned(running)


@pytest.mark.parametrize("hoist", [False, True], ids=["header", "parameter"])
def test_the_target_in_either_place(aws, hoist):
    status, made = aws.ask("Encrypt", {"KeyId": alias(AES), "Plaintext": b64(b"x")}, hoist=hoist, region="eu-west-1")
    assert status == 200 and made["KeyId"].startswith("arn:aws:kms:eu-west-1:")
    assert aws.gateway.records()[-1]["principal"] == "token:admin" and aws.gateway.records()[-1]["operation"] == "encrypt"
    status, opened = aws.ask("Decrypt", {"CiphertextBlob": made["CiphertextBlob"]}, hoist=hoist)
    assert status == 200 and unb64(opened["Plaintext"]) == b"x"
    assert aws.ask("Nothing", {}, hoist=hoist)[1]["__type"] == "UnknownOperationException"
    assert aws.ask("ListKeys", {}, aws.caller(f"reads-{hoist}".lower(), "read"), hoist=hoist)[0] == 200


def test_for_how_long(aws):
    def listed(**how):
        return aws.ask("ListKeys", {}, **how)
    for ago, expires in ((0, 1), (-800, 900), (-50, 60), (290, 1)):
        assert listed(date=sigv4.stamp(ago), expires=expires)[0] == 200, (ago, expires)
    for ago, expires in ((-70, 60), (-910, 900), (-5, 2)):
        answer = listed(date=sigv4.stamp(ago), expires=expires)
        aws.unproven(answer, "Signature expired")
        assert answer[1]["__type"] == "InvalidSignatureException"
    aws.unproven(listed(date=sigv4.stamp(310)), "Signature not yet current")
    for expires in (0, -1, 901, 3600, 604800, "x", "", "1.5"):
        aws.unproven(listed(expires=expires))


def test_what_is_signed_may_not_change(aws):
    body = json.dumps({"KeyId": alias(AES)}).encode()
    headers, query = aws.query("DescribeKey", body, headers={"X-Other": "x"}, more={"other": "a b"})
    pairs = query.split("&")
    assert aws.post(query, headers, body)[0] == 200
    assert aws.post("&".join(reversed(pairs)), headers, body)[0] == 200, "parameters have no order"
    assert aws.post(query.replace("%2F", "/").replace("%3B", ";"), headers, body)[0] == 200, "nor one spelling"
    assert aws.gateway.call("PUT", f"/?{query}", body, token="", headers=headers).status != 200
    for changed in ({**headers, "X-Other": "y"}, {**headers, "Host": "x"}, {**headers, TARGET: "TrentService.ListKeys"}, {"Host": headers["Host"], TARGET: headers[TARGET]}):
        aws.unproven(aws.post(query, changed, body))
    for data in (b"", b"{}", body + b" "):
        aws.unproven(aws.post(query, headers, data))
    for at, pair in enumerate(pairs):
        name, _, value = pair.partition("=")
        for other in (f"{name}={value}0", f"{name}=", name, f"{name.lower()}={value}", f"{pair}&{pair}", f"x{pair}", ""):
            changed = "&".join([*pairs[:at], other, *pairs[at + 1:]])
            assert changed == query or aws.post(changed, headers, body)[0] == 400, changed
    for more in ("&a=b", "&=", "&X-Amz-Date=20150830T123600Z", "&X-Amz-Security-Token=x", "&X-Amz-Target=TrentService.ListKeys", "&a=%"):
        aws.unproven(aws.post(query + more, headers, body))
    aws.unproven(aws.post(query, {**headers, "X-Amz-Security-Token": "x"}, body))


def test_who_signs(aws):
    key_id, secret = aws.own()
    for credentials, exception in (((key_id, secret + "x"), "InvalidSignatureException"), (("AKIAIOSFODNN7EXAMPLE", secret), "UnrecognizedClientException")):
        assert aws.ask("ListKeys", {}, credentials)[1]["__type"] == exception
    assert aws.ask("ListKeys", {}, service="s3")[1]["__type"] == "InvalidSignatureException"
    gone = aws.caller("gone", "read")
    assert aws.ask("DescribeKey", {"KeyId": alias(AES)}, gone)[0] == 200
    aws.gateway.do("DELETE", "/v1/auth/tokens/gone-key")
    assert aws.ask("DescribeKey", {"KeyId": alias(AES)}, gone)[1]["__type"] == "UnrecognizedClientException", "its signing key is forgotten with it"
    assert aws.ask("Encrypt", {"KeyId": alias(AES), "Plaintext": "eA=="}, aws.caller("weak", "read"))[1]["__type"] == "AccessDeniedException"


def test_never_in_two_ways(aws):
    """Not in the header and the query, nor with a bearer token beside it."""
    body = b"{}"
    headers, query = aws.query("ListKeys", body)
    signed = sigv4.sign("POST", "/", aws.headers("ListKeys"), body, *aws.own(), query=query)
    for authorization in (signed["Authorization"], f"Bearer {aws.gateway.token}", "Bearer x"):
        aws.unproven(aws.post(query, {**headers, "Authorization": authorization}, body))
    aws.unproven(aws.post(query, signed, body))
    for name in ("X-Amz-Algorithm", "X-Amz-Signature", "X-Amz-Credential", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Date"):
        mixed = sigv4.sign("POST", "/", aws.headers("ListKeys"), body, *aws.own(), query=f"{name}=x")
        aws.unproven(aws.post(f"{name}=x", mixed, body))
    for name in ("X-Amz-Algorithm", "X-Amz-Signature"):
        aws.unproven(aws.post(f"{name}=x", aws.headers("ListKeys"), body))


def test_only_where_it_belongs(aws):
    """The native API, Vault's and XKS take no query for a proof."""
    headers, query = aws.query("ListKeys", b"")
    for path in ("/v1/auth/whoami", "/v1/keys", "/v1/transit/keys/x"):
        assert aws.gateway.call("GET", f"{path}?{query}", token="", headers=headers).status in (400, 401, 403), path
    sent = {"Host": aws.host}
    query = sigv4.presign("POST", "/kms/xks/v1/health", sent, b"{}", *aws.own(), service="kms-xks-proxy")
    answer = aws.gateway.call("POST", f"/kms/xks/v1/health?{query}", b"{}", token="", headers=sent)
    assert (answer.status, answer.json["errorName"]) == (401, "AuthenticationFailedException")


@pytest.fixture
def leaping():
    with Leaping() as running:
        running.key(AES, "aes-256-gcm")
        yield Presigned(running)


def test_what_reveals_is_not_answered_again(leaping):
    """For as long as the signature is good, whichever way its parameters are written."""
    aws = leaping
    blob = aws.do("Encrypt", {"KeyId": alias(AES), "Plaintext": b64(b"x")})["CiphertextBlob"]
    data = json.dumps({"KeyId": alias(AES), "CiphertextBlob": blob, "DestinationKeyId": alias(AES), "NumberOfBytes": 16}).encode()
    for turn, (hoist, operation) in enumerate(itertools.product((False, True), ("Decrypt", "ReEncrypt", "GenerateDataKey"))):
        headers, query = aws.query(operation, data, hoist=hoist, expires=900, date=sigv4.stamp(-600))
        answers = [aws.post(query, headers, data)]
        aws.gateway.leap(6 * (turn + 1))
        answers += [aws.post(text, headers, data) for text in (query, "&".join(reversed(query.split("&"))), query.replace("%2F", "/"))]
        assert [status for status, _ in answers] == [200, 400, 400, 400], answers
        assert {answer["__type"] for _, answer in answers[1:]} == {"ThrottlingException"}


def test_nothing_of_it_is_written_down(aws):
    data = json.dumps({"KeyId": alias(AES)}).encode()
    headers, query = aws.query("DescribeKey", data, hoist=True)
    assert aws.post(query, headers, data)[0] == 200
    aws.post(query + "&a=b", headers, data)
    signature = urllib.parse.parse_qs(query)["X-Amz-Signature"][0].encode()
    written = b"".join(p.read_bytes() for p in (aws.gateway.data / "audit").glob("*.jsonl")) + aws.gateway.whole_log().encode()
    assert signature not in written and b"X-Amz" not in written
