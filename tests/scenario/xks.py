"""The XKS proxy API as AWS KMS calls it: its answers, its table of errors, and that it is no second way to a key."""
import hashlib
import itertools
import json
import time
import urllib.parse

import pytest

import sigv4
from configured import Configured
from daemon import programs
from gateway import Gateway, b64, unb64
from leaping import Leaping

ROOT = "/kms/xks/v1/"
PATIENCE = 50
METADATA = {"awsPrincipalArn": "arn:aws:iam::123456789012:user/Alice", "kmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/x", "kmsOperation": "SomethingNew",
            "kmsRequestId": "1"}
KEPT = ("ciphertext", "initializationVector", "authenticationTag", "ciphertextMetadata")


class Xks:
    def __init__(self, gateway, own=None, root=ROOT):
        self.gateway, self.root = gateway, root
        self.own = own or (gateway.env["AWS_ACCESS_KEY_ID"], gateway.env["AWS_SECRET_ACCESS_KEY"])

    def call(self, path, body=None, credentials=None, method="POST", **how):
        data = body if isinstance(body, bytes) else json.dumps({"requestMetadata": METADATA, **(body or {})}).encode()
        headers = {"Host": urllib.parse.urlsplit(self.gateway.address).netloc, "Content-Type": "application/json"}
        signed = sigv4.sign(method, self.root + path, headers, data, *(credentials or self.own), **{"service": "kms-xks-proxy", **how})
        return self.gateway.call(method, self.root + path, data, token="", headers=signed)

    def patient(self, path, body=None, **how):
        """As AWS KMS does, asks again when the answer did not come in its 250 ms: the machine may be busy."""
        for _ in range(PATIENCE):
            answer = self.call(path, body, **how)
            if answer.status != 503:
                break
        return answer

    def do(self, path, body=None, **how):
        answer = self.patient(path, body, **how)
        assert answer.status == 200 and answer.headers["Content-Type"] == "application/json", answer.body
        return answer.json

    def refused(self, status, name, path, body=None, **how):
        answer = (self.call if status == 503 else self.patient)(path, body, **how)
        assert (answer.status, answer.json["errorName"]) == (status, name), (path, answer.status, answer.body)
        assert 0 < len(answer.json["errorMessage"]) < 512

    def encrypt(self, plaintext, aad=b"", key="one", **more):
        return self.do(f"keys/{key}/encrypt", {"plaintext": b64(plaintext), "encryptionAlgorithm": "AES_GCM",
                                               **({"additionalAuthenticatedData": b64(aad)} if aad else {}), **more})


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
    model = xks.gateway.do("GET", "/v1/tokens")["tokens"][0]["model"]
    assert model and health["xksProxyFleetSize"] == 1 and health["ekmFleetDetails"] == [{"id": "dev", "model": model, "healthStatus": "ACTIVE"}]


def test_round_trips(xks):
    for plaintext, aad in itertools.product((b"x", bytes(4300)), (b"", b"aad", bytes(8192))):
        made = xks.encrypt(plaintext, aad)
        assert len(unb64(made["initializationVector"])) == 12 and len(unb64(made["authenticationTag"])) == 16 and len(unb64(made["ciphertextMetadata"])) <= 20
        assert unb64(xks.do("keys/one/decrypt", opening(made, aad))["plaintext"]) == plaintext


def test_what_was_overheard_is_not_opened_again():
    with Leaping() as gateway:
        gateway.key("xks/one", "aes-256-gcm")
        xks = Xks(gateway)
        signed, date = opening(xks.encrypt(b"secret")), sigv4.stamp()
        answers = [xks.call("keys/one/decrypt", signed, date=date) for _ in range(2)]
        gateway.leap(6)
        answers += [xks.call("keys/one/decrypt", signed, date=date), xks.call("keys/one/metadata", date=date), xks.call("keys/one/metadata", date=date)]
        assert [answer.status for answer in answers] == [200, 200, 429, 200, 200] and answers[2].json["errorName"] == "ThrottlingException"


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
    flips = [(name, i) for name in KEPT for i in range(8 * len(unb64(made[name])))]
    for name, i in flips:
        raw = bytearray(unb64(made[name]))
        raw[i // 8] ^= 1 << i % 8
        xks.refused(400, "InvalidCiphertextException", "keys/one/decrypt", opening(made, b"aad", **{name: bytes(raw)}))
    for changes in ({"ciphertextMetadata": b""}, {"ciphertextMetadata": bytes(20)}, {"authenticationTag": b"x"}, {"initializationVector": bytes(16)},
                    {"initializationVector": b"x"}):
        xks.refused(400, "InvalidCiphertextException", "keys/one/decrypt", opening(made, b"aad", **changes))
    xks.refused(400, "InvalidCiphertextException", "keys/one/decrypt", opening(made, b"aaf"))


def test_bad_requests(xks):
    good = {"plaintext": b64(b"x"), "encryptionAlgorithm": "AES_GCM"}
    for changes in ({"plaintext": ""}, {"plaintext": "%"}, {"plaintext": b64(bytes(4301))}, {"encryptionAlgorithm": "RSA"}, {"encryptionAlgorithm": None},
                    {"requestMetadata": None},
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
    blob = "HSG".encode() + bytes([1, 1]) + bytes(16) + unb64(made["ciphertextMetadata"]) + bytes([1, 12]) + b"".join(unb64(made[n]) for n in ("initializationVector",
                                                                                                                                               "ciphertext",
                                                                                                                                               "authenticationTag"))
    assert xks.gateway.call("POST", "/v1/keys/xks/one:decrypt", {"ciphertext": b64(blob)}).status == 400, "what is made here is no native ciphertext"


# --- the table of errors ---

def test_bodies_that_make_no_sense(xks):
    """ValidationException for all of them, with a short printable text."""
    good = {"plaintext": b64(b"x"), "encryptionAlgorithm": "AES_GCM"}
    sealed = opening(xks.encrypt(b"x"))
    bodies = [b"", b"{", b"[]", b"null", b"\xff", b'{"a":1,"a":1}', b"x" * 100000]
    names = (*good, "additionalAuthenticatedData", "ciphertextDataIntegrityValueAlgorithm", "requestMetadata")
    bodies += [json.dumps({"requestMetadata": METADATA, **good, name: value}).encode() for name, value in itertools.product(names, (7, True, [], "%"))]
    for body in bodies:
        answer = xks.call("keys/one/encrypt", body)
        assert (answer.status, answer.json["errorName"]) == (400, "ValidationException"), (body[:99], answer.body)
        assert 0 < len(answer.json["errorMessage"]) < 512 and answer.json["errorMessage"].isprintable() and set(answer.json) == {"errorName", "errorMessage"}
    for name, value in itertools.product(sealed, (7, "%", [], b64(bytes(4301)), "")):
        answer = xks.call("keys/one/decrypt", {**sealed, name: value})
        assert answer.status == 400 and answer.json["errorName"] in ("ValidationException", "InvalidCiphertextException"), (name, answer.body)
    xks.refused(400, "ValidationException", "keys/one/decrypt", {**sealed, "ciphertextMetadata": b64(bytes(21))})
    xks.refused(400, "ValidationException", "keys/one/encrypt", {**good, "additionalAuthenticatedData": b64(bytes(8193))})
    assert xks.call("keys/one/metadata", {"unknown": {"a": 1}}).status == 200, "what AWS may add is ignored"


def test_methods_and_paths(xks):
    for method, path in itertools.product(("GET", "PUT", "DELETE", "PATCH"), ("health", "keys/one/metadata", "keys/one/encrypt", "keys/one/decrypt")):
        answer = xks.call(path, method=method)
        assert (answer.status, answer.headers["Allow"], answer.json["errorName"]) == (405, "POST", "InvalidUriPathException"), (method, path)
    for path in ("", "keys", "keys/", "keys//encrypt", "keys/one/", "health/", "healthx", "keys/one/encrypt/", "keys/one/ENCRYPT", "keys/a/b/encrypt"):
        answer = xks.call(path)
        assert answer.status == 404 and answer.json["errorName"] in ("InvalidUriPathException", "KeyNotFoundException"), (path, answer.body)
    for where in ("/kms/xks/v2/health", "/kms/xks/v1x/health", "/other/kms/xks/v1/health"):
        assert xks.gateway.call("POST", where, {}).status == 404


def test_states(xks):
    xks.gateway.key("xks/states", "aes-256-gcm")
    made = xks.encrypt(b"x", key="states")
    xks.gateway.do("POST", "/v1/keys/xks/states@1:disable", {})
    assert xks.do("keys/states/metadata")["keyStatus"] == "DISABLED"
    xks.refused(400, "InvalidStateException", "keys/states/encrypt", {"plaintext": b64(b"x"), "encryptionAlgorithm": "AES_GCM"})
    xks.refused(400, "InvalidStateException", "keys/states/decrypt", opening(made))
    xks.gateway.do("POST", "/v1/keys/xks/states@1:enable", {})
    assert xks.do("keys/states/metadata")["keyStatus"] == "ENABLED" and unb64(xks.do("keys/states/decrypt", opening(made))["plaintext"]) == b"x"


def test_data_that_is_authenticated_runs_into_nothing_else(xks):
    """Lengths stand before AAD and metadata: what moves from one to the other is another AAD."""
    made = xks.encrypt(b"x", b"ab")
    metadata = unb64(made["ciphertextMetadata"])
    for aad, moved in ((b"ab" + metadata[:1], metadata[1:]), (b"a", b"b" + metadata), (b"ab", metadata + b"\0"), (b"ab\0", metadata), (b"", metadata),
                       (b"\0\2ab\4", metadata)):
        xks.refused(400, "InvalidCiphertextException", "keys/one/decrypt", {**opening(made, aad), "ciphertextMetadata": b64(moved)})
    assert unb64(xks.do("keys/one/decrypt", opening(made, b"ab"))["plaintext"]) == b"x"


def test_two_credentials_and_a_hot_revoke(xks):
    """As an external key store has them while one is replaced; the one that goes is gone at once, the other works on."""
    gateway, body = xks.gateway, {"plaintext": b64(b"x"), "encryptionAlgorithm": "AES_GCM"}
    gateway.do("PUT", "/v1/grants/store", {"principal": "token:store", "keys": "xks/*", "operations": ["read", "encrypt", "decrypt"], "justification": "a test"})
    made = [gateway.do("POST", "/v1/auth/access-keys", {"name": f"store-{n}", "subject": "store", "ttl": "1h"}) for n in (1, 2)]
    old, new = ((one["access_key_id"], one["secret_access_key"]) for one in made)
    for credentials in (old, new, old, new):
        assert xks.do("keys/one/encrypt", body, credentials=credentials)["ciphertext"]
    xks.refused(401, "AuthenticationFailedException", "keys/one/encrypt", body, credentials=(old[0], new[1]))
    gateway.do("DELETE", "/v1/auth/tokens/store-1")
    for _ in range(3):
        xks.refused(401, "AuthenticationFailedException", "keys/one/encrypt", body, credentials=old)
        assert xks.do("keys/one/metadata", credentials=new)["keySpec"] == "AES_256"


def test_signatures(xks):
    body = json.dumps({"requestMetadata": METADATA}).encode()
    headers = {"Host": urllib.parse.urlsplit(xks.gateway.address).netloc, "Content-Type": "application/json"}
    good = sigv4.sign("POST", ROOT + "keys/one/metadata", headers, body, *xks.own, service="kms-xks-proxy")
    assert xks.gateway.call("POST", ROOT + "keys/one/metadata", body, token="", headers=good).status == 200
    unsigned = {name: value for name, value in good.items() if name != "Authorization"}
    for path, changed, data in (("keys/signs/metadata", good, body), ("keys/one/encrypt", good, body), ("keys/one/metadata", {**good, "Host": "x"}, body),
                                ("keys/one/metadata", good, body + b" "), ("keys/one/metadata", unsigned, body), ("keys/one/metadata?a=b", good, body)):
        answer = xks.gateway.call("POST", ROOT + path, data, token="", headers=changed)
        assert (answer.status, answer.json["errorName"]) == (401, "AuthenticationFailedException"), (path, answer.body)


# --- the budget ---

def test_answers_come_in_time():
    """AWS KMS gives up after 250 ms; then it is told so, and nothing waits on."""
    gateway = Configured("slow", xks={"prefix": "/eu", "namespace": "xks"}, aws={"account": "123456789012"}, request_timeout="100s",
                         per_token={"slow": {"operation_timeout": "100s"}})
    gateway.tokens["slow"].write(module=str(programs() / "slow_module.so"))
    gateway.environment.update(SLOW_MODULE_TARGET=gateway.tokens["slow"].module, SLOW_MODULE_US="350000")
    with gateway:
        gateway.key("xks/one", "aes-256-gcm")
        made = gateway.do("POST", "/v1/auth/access-keys", {"name": "admin-aws", "subject": "admin", "ttl": "1h"})
        xks = Xks(gateway, (made["access_key_id"], made["secret_access_key"]), "/eu" + ROOT)
        xks.refused(503, "DependencyTimeoutException", "health")
        listed = {"Host": urllib.parse.urlsplit(gateway.address).netloc, "X-Amz-Target": "TrentService.ListKeys"}
        assert gateway.call("POST", "/", b"{}", token="", headers=sigv4.sign("POST", "/", listed, b"{}",
                                                                             *xks.own)).status == 200, "who has time may open the access key's secret"
        xks.do("health")
        for _ in range(3):
            started = time.monotonic()
            xks.refused(503, "DependencyTimeoutException", "keys/one/encrypt", {"plaintext": b64(b"x"), "encryptionAlgorithm": "AES_GCM"})
            assert time.monotonic() - started < 0.55
        assert xks.do("keys/one/metadata")["keyStatus"] == "ENABLED", "what needs no token is answered"
        assert gateway.call("POST", ROOT + "health", {}).status == 404, "there is nothing without the prefix"
