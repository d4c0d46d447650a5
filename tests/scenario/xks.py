"""The XKS proxy API as AWS KMS calls it: its answers, its table of errors, and that it is no second way to a key."""
import hashlib
import itertools
import json
import urllib.parse

import pytest

import sigv4
from gateway import Gateway, b64, unb64

ROOT = "/kms/xks/v1/"
METADATA = {"awsPrincipalArn": "arn:aws:iam::123456789012:user/Alice", "kmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/x", "kmsOperation": "SomethingNew", "kmsRequestId": "1"}
KEPT = ("ciphertext", "initializationVector", "authenticationTag", "ciphertextMetadata")


class Xks:
    def __init__(self, gateway):
        self.gateway = gateway

    def call(self, path, body=None, credentials=None, method="POST", **how):
        data = json.dumps({"requestMetadata": METADATA, **(body or {})}).encode()
        headers = {"Host": urllib.parse.urlsplit(self.gateway.address).netloc, "Content-Type": "application/json"}
        own = self.gateway.env["AWS_ACCESS_KEY_ID"], self.gateway.env["AWS_SECRET_ACCESS_KEY"]
        signed = sigv4.sign(method, ROOT + path, headers, data, *(credentials or own), **{"service": "kms-xks-proxy", **how})
        return self.gateway.call(method, ROOT + path, data, token="", headers=signed)

    def do(self, path, body=None, **how):
        answer = self.call(path, body, **how)
        assert answer.status == 200 and answer.headers["Content-Type"] == "application/json", answer.body
        return answer.json

    def refused(self, status, name, path, body=None, **how):
        answer = self.call(path, body, **how)
        assert (answer.status, answer.json["errorName"]) == (status, name), (path, answer.status, answer.body)
        assert 0 < len(answer.json["errorMessage"]) < 512

    def encrypt(self, plaintext, aad=b"", key="one", **more):
        return self.do(f"keys/{key}/encrypt", {"plaintext": b64(plaintext), "encryptionAlgorithm": "AES_GCM", **({"additionalAuthenticatedData": b64(aad)} if aad else {}), **more})


def opening(made, aad=b"", **changes):
    body = {name: made[name] for name in KEPT} | {"encryptionAlgorithm": "AES_GCM"} | ({"additionalAuthenticatedData": b64(aad)} if aad else {})
    return body | {name: b64(value) for name, value in changes.items()}


@pytest.fixture(scope="module")
def xks():
    with Gateway() as running:
        running.key("xks/one", "aes-256-gcm")
        running.key("xks/signs", "ecdsa-p256")
        running.key("xks/sealed", "aes-256-gcm", approval={"group": "officers", "m": 2})
        yield Xks(running)


def test_metadata_and_health(xks):
    assert xks.do("keys/one/metadata") == {"keySpec": "AES_256", "keyUsage": ["ENCRYPT", "DECRYPT"], "keyStatus": "ENABLED"}
    health = xks.do("health")
    assert health["xksProxyFleetSize"] == 1 and health["ekmFleetDetails"] == [{"id": "dev", "model": "SoftHSM v2", "healthStatus": "ACTIVE"}]


def test_round_trips(xks):
    for plaintext, aad in itertools.product((b"x", bytes(4300)), (b"", b"aad", bytes(8192))):
        made = xks.encrypt(plaintext, aad)
        assert len(unb64(made["initializationVector"])) == 12 and len(unb64(made["authenticationTag"])) == 16 and len(unb64(made["ciphertextMetadata"])) <= 20
        assert unb64(xks.do("keys/one/decrypt", opening(made, aad))["plaintext"]) == plaintext


def test_the_integrity_value_is_over_all_that_is_kept(xks):
    made = xks.encrypt(b"secret", b"aad", ciphertextDataIntegrityValueAlgorithm="SHA_256")
    parts = b"aad" + b"".join(unb64(made[name]) for name in ("ciphertextMetadata", "initializationVector", "ciphertext", "authenticationTag"))
    assert unb64(made["ciphertextDataIntegrityValue"]) == hashlib.sha256(parts).digest()
    assert "ciphertextDataIntegrityValue" not in xks.encrypt(b"secret")


def test_old_versions_open(xks):
    old = xks.encrypt(b"old")
    xks.gateway.verb("xks/one", "rotate", {})
    new = xks.encrypt(b"new")
    assert old["ciphertextMetadata"] != new["ciphertextMetadata"]
    assert [unb64(xks.do("keys/one/decrypt", opening(made))["plaintext"]) for made in (old, new)] == [b"old", b"new"]
    xks.refused(400, "InvalidCiphertextException", "keys/one/decrypt", opening(old) | {"ciphertextMetadata": new["ciphertextMetadata"]})
    xks.gateway.do("POST", "/v1/keys/xks/one@1:disable", {})
    xks.refused(400, "InvalidStateException", "keys/one/decrypt", opening(old))


def test_bad_ciphertexts(xks):
    made = xks.encrypt(b"secret", b"aad")
    flips = [(name, i) for name in KEPT for i in range(0, 8 * len(unb64(made[name])), 7)]
    for name, i in flips:
        raw = bytearray(unb64(made[name]))
        raw[i // 8] ^= 1 << i % 8
        xks.refused(400, "InvalidCiphertextException", "keys/one/decrypt", opening(made, b"aad", **{name: bytes(raw)}))
    for changes in ({"ciphertextMetadata": b""}, {"ciphertextMetadata": bytes(20)}, {"authenticationTag": b"x"}, {"initializationVector": bytes(16)}, {"initializationVector": b"x"}):
        xks.refused(400, "InvalidCiphertextException", "keys/one/decrypt", opening(made, b"aad", **changes))
    xks.refused(400, "InvalidCiphertextException", "keys/one/decrypt", opening(made, b"aaf"))


def test_bad_requests(xks):
    good = {"plaintext": b64(b"x"), "encryptionAlgorithm": "AES_GCM"}
    for changes in ({"plaintext": ""}, {"plaintext": "%"}, {"plaintext": b64(bytes(4301))}, {"encryptionAlgorithm": "RSA"}, {"encryptionAlgorithm": None}, {"requestMetadata": None},
                    {"additionalAuthenticatedData": b64(bytes(8193))}, {"ciphertextDataIntegrityValueAlgorithm": "MD5"}):
        xks.refused(400, "ValidationException", "keys/one/encrypt", good | changes)
    for path in ("keys/one/other", "keys/one", "other", "keys/one/encrypt/more"):
        xks.refused(404, "InvalidUriPathException", path, good)
    for key in ("none", "UPPER", "x" * 129):
        xks.refused(404, "KeyNotFoundException", f"keys/{key}/encrypt", good)
    xks.refused(400, "InvalidKeyUsageException", "keys/signs/encrypt", good)
    assert xks.call("keys/one/metadata", method="GET").status == 405


def test_callers(xks):
    gateway, good = xks.gateway, {"plaintext": b64(b"x"), "encryptionAlgorithm": "AES_GCM"}
    made = gateway.do("POST", "/v1/auth/access-keys", {"name": "aws", "ttl": "1h"})
    credentials = made["access_key_id"], made["secret_access_key"]
    for key in ("one", "none"):
        xks.refused(403, "AccessDeniedException", f"keys/{key}/encrypt", good, credentials=credentials)
    gateway.do("PUT", "/v1/grants/aws", {"principal": "token:aws", "keys": "xks/*", "operations": ["encrypt"], "justification": "a test"})
    ciphertext = xks.do("keys/one/encrypt", good, credentials=credentials)
    xks.refused(403, "AccessDeniedException", "keys/one/decrypt", opening(ciphertext), credentials=credentials)
    assert gateway.records()[-1]["dialect"] == "xks" and gateway.records()[-1]["outcome"] == "denied"
    for how in ({"service": "kms"}, {"credentials": (credentials[0], "wrong")}, {"credentials": ("nobody", "x")}, {"date": sigv4.stamp(-400)}):
        xks.refused(401, "AuthenticationFailedException", "keys/one/metadata", **how)


def test_a_sealed_key_stays_sealed(xks):
    made = xks.encrypt(b"secret", key="sealed")
    xks.refused(403, "AccessDeniedException", "keys/sealed/decrypt", opening(made))
    blob = "HSG".encode() + bytes([1, 1]) + bytes(16) + unb64(made["ciphertextMetadata"]) + bytes([1, 12]) + b"".join(unb64(made[n]) for n in ("initializationVector", "ciphertext", "authenticationTag"))
    assert xks.gateway.call("POST", "/v1/keys/xks/one:decrypt", {"ciphertext": b64(blob)}).status == 400, "what is made here is no native ciphertext"
