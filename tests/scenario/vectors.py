"""Project Wycheproof's vectors through the HTTP API, on a real token.

Each file ends with an account in which every vector stands once: run, or not applicable and why. What was asked besides, made of a vector that our
format cannot say as it is (a header of ours is authenticated with AES-GCM, so a foreign AAD cannot be), is counted beside it. vectors_gateway.py
says how the keys come into the gateway.

Without the vectors this says so in one line and passes: they are not part of the project.
"""
import base64
import json
import re

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from daemon import b64, unb64
from issuer import b64url
from planted import pair
from vectors_gateway import BATCH, Vectors, is_right, public_of_jwk, unb64url
from wycheproof import File, why_missing

# file, our algorithm, and how :verify is told of the signature; Vault's words for the same
SIGNATURES = [
    ("ecdsa_secp256r1_sha256_test.json", "ecdsa-p256", {"encoding": "der"}, {}),
    ("ecdsa_secp256r1_sha256_p1363_test.json", "ecdsa-p256", {"encoding": "jose"}, {"marshaling_algorithm": "jws"}),
    ("ecdsa_secp384r1_sha384_test.json", "ecdsa-p384", {"encoding": "der"}, {"hash_algorithm": "sha2-384"}),
    ("ed25519_test.json", "ed25519", {}, {}),
    ("rsa_pss_2048_sha256_mgf1_32_test.json", "rsa-2048", {"scheme": "PS256"}, {"signature_algorithm": "pss"}),
    ("rsa_signature_2048_sha256_test.json", "rsa-2048", {"scheme": "RS256"}, {"signature_algorithm": "pkcs1v15"}),
]
JWS = "json_web_signature_test.json"


def binary(test, *names):
    return [bytes.fromhex(test[name]) for name in names]


def public_of(group):
    return bytes.fromhex(group["publicKeyDer"])


def jwk_of(group):
    return group.get("public") or group["private"]


def keys_of(name, **wanted):
    """The keys, in hex, of the groups with these sizes."""
    return {test["key"] for group in File(name).groups if wanted.items() <= group.items() for test in group["tests"]}


def plant_secrets(world):
    world.plant_secret("aes", "aes-256-gcm", keys_of("aes_gcm_test.json", keySize=256, ivSize=96))
    world.plant_secret("hmac", "hmac-sha256", keys_of("hmac_sha256_test.json", keySize=256, tagSize=256))
    world.plant_secret("jwk", "hmac-sha256", {unb64url(jwk["k"]).hex() for jwk in map(jwk_of, File(JWS).groups) if jwk["kty"] == "oct"})
    [group] = File("rsa_oaep_2048_sha1_mgf1sha1_test.json").groups
    private = serialization.load_der_private_key(bytes.fromhex(group["privateKeyPkcs8"]), None)
    world.plant("v/oaep", "rsa-2048", pair("rsa-2048", private, "decrypt"), purpose="decrypt")


@pytest.fixture(scope="module")
def world():
    if why_missing():
        yield None
        return
    gateway = Vectors()
    plant_secrets(gateway)
    gateway.put_all()
    with gateway:
        gateway.adopt_all()
        gateway.add_publics({(algorithm, public_of(group)) for name, algorithm, _, _ in SIGNATURES for group in File(name).groups}
                            | {public_of_jwk(jwk_of(group)) for group in File(JWS).groups if jwk_of(group)["kty"] != "oct"})
        gateway.line = gateway.connect()
        yield gateway
        gateway.line.close()


@pytest.fixture
def tell(capfd):
    """Prints the account of a file past pytest, and fails when something in it is wrong."""
    def told(file):
        with capfd.disabled():
            print("", *file.report(), sep="\n")
        assert file.wrong == []
    return told


def test_the_vectors_are_there_or_it_is_said(capfd):
    if why_missing():
        with capfd.disabled():
            print(f"\nvectors: skipped, because {why_missing()}")


# --- AES-GCM ---
class Blob:
    """Our ciphertext format, as base/envelope.h says it, around a given IV."""

    def __init__(self, key_id, iv):
        head = b"HSG" + bytes([1, 1]) + key_id + (1).to_bytes(4, "big") + bytes([1, len(iv) & 0xff])
        self.aad = b"hsmgate/v1/envelope\0" + head
        self.start = head + iv

    def around(self, body):
        return {"ciphertext": b64(self.start + body)}


def opened(answer):
    """What came out, or None; a refusal is one and the same."""
    if "error" not in answer:
        return unb64(answer["plaintext"])
    assert answer["error"]["code"] == "invalid_ciphertext", answer
    return None


def gcm_in_our_format(world, file, test):
    """The vector's key, IV, message and fault in our format, which has a header of its own for AAD; and what it refuses of the vector as it is."""
    key, iv, message, ciphertext, tag, aad = binary(test, "key", "iv", "msg", "ct", "tag", "aad")
    name = world.name("aes", test["key"])
    blob = Blob(world.key_id(name), iv)
    right = AESGCM(key).encrypt(iv, message, aad)
    ours = AESGCM(key).encrypt(iv, message, blob.aad)
    fault = bytes(a ^ b for a, b in zip(right[-16:], tag))
    made = ours[:-16] + bytes(a ^ b for a, b in zip(ours[-16:], fault))
    as_made, as_it_is = world.items(f"/v1/keys/{name}:decrypt", [blob.around(made), blob.around(ciphertext + tag)])
    file.note(test, opened(as_made) == message)
    file.check(test, "foreign AAD: the vector's ciphertext and tag in our envelope, refused", opened(as_it_is) is None)
    if test["result"] == "valid":
        sealed = unb64(world.verb(name, "encrypt", {"plaintext": b64(message)}, connection=world.line)["ciphertext"])
        back = AESGCM(key).decrypt(sealed[27:39], sealed[39:], b"hsmgate/v1/envelope\0" + sealed[:27])
        file.check(test, "encrypted by the gateway, opened in software with the vector's key", back == message)


def test_aes_gcm(world, tell):
    if world is None:
        return
    file = File("aes_gcm_test.json")
    some = world.name("aes", min(keys_of("aes_gcm_test.json", keySize=256, ivSize=96)))
    for group in file.groups:
        for test in group["tests"]:
            if group["keySize"] != 256:
                file.not_applicable(test, "AES keys of 128 and 192 bits are not offered")
            elif group["ivSize"] != 96:
                iv, ciphertext, tag = binary(test, "iv", "ct", "tag")
                [answer] = world.items(f"/v1/keys/{some}:decrypt", [Blob(world.key_id(some), iv).around(ciphertext + tag)])
                file.not_applicable(test, "our format takes IVs of 96 bits; with this one it is refused", opened(answer) is not None)
            else:
                gcm_in_our_format(world, file, test)
    tell(file)


def test_aes_kwp(world, tell):
    """Nothing wraps or unwraps keys of others: import is refused in every dialect. So nothing of this may open."""
    if world is None:
        return
    file = File("aes_kwp_test.json")
    some = world.name("aes", min(keys_of("aes_gcm_test.json", keySize=256, ivSize=96)))
    items = [{"ciphertext": b64(bytes.fromhex(test["ct"]))} for test in file.tests]
    for test, *answers in zip(file.tests, *(world.items(f"/v1/keys/{some}:{verb}", items) for verb in ("unwrap", "decrypt"))):
        file.not_applicable(test, "AES-KWP is not offered; neither :unwrap nor :decrypt opens it", [opened(one) for one in answers] != [None, None])
    tell(file)


# --- MACs ---
def test_hmac(world, tell):
    if world is None:
        return
    file = File("hmac_sha256_test.json")
    some = world.name("hmac", file.tests[0]["key"])
    for group in file.groups:
        for test in group["tests"]:
            item = {"message": b64(bytes.fromhex(test["msg"])), "mac": b64(bytes.fromhex(test["tag"]))}
            if group["keySize"] != 256:
                file.not_applicable(test, "keys of hmac-sha256 have 256 bits")
            elif group["tagSize"] != 256:
                [answer] = world.items(f"/v1/keys/{some}:verify-mac", [item])
                file.not_applicable(test, "truncated MACs are not taken; this one was refused", answer["valid"])
            else:
                name = world.name("hmac", test["key"])
                file.note(test, world.items(f"/v1/keys/{name}:verify-mac", [item])[0]["valid"])
                made = world.verb(name, "mac", {"message": item["message"]}, connection=world.line)["mac"]
                file.check(test, "made by the gateway", (made == item["mac"]) == (test["result"] == "valid"))
    tell(file)


# --- signatures ---
@pytest.mark.parametrize("name, algorithm, native, vault", SIGNATURES)
def test_signatures(world, tell, name, algorithm, native, vault):
    """As they are, in the native API and in Vault's."""
    if world is None:
        return
    file = File(name)
    text = b64url if native.get("encoding") == "jose" else b64
    again = []
    for group in file.groups:
        version = world.at[algorithm, public_of(group)]
        items = [{"message": b64(bytes.fromhex(test["msg"])), "signature": text(bytes.fromhex(test["sig"])), **native} for test in group["tests"]]
        for test, item, answer in zip(group["tests"], items, world.items(f"/v1/keys/v/{algorithm}@{version}:verify", items)):
            file.note(test, answer["valid"], "native")
            again.append((test, answer["valid"], {"input": item["message"], "signature": f"vault:v{version}:{item['signature']}"}))
    for start in range(0, len(again), BATCH):
        tests, outcomes, asked = zip(*again[start:start + BATCH])
        answer = world.call("POST", f"/v1/transit/verify/{algorithm}", {**vault, "batch_input": asked}, connection=world.line)
        for test, outcome, other in zip(tests, outcomes, answer.json["data"]["batch_results"], strict=True):
            file.check(test, "asked in Vault's dialect, with the same outcome", other.get("valid", False) == outcome)
    tell(file)


# --- RSA-OAEP ---
def test_rsa_oaep(world, tell):
    if world is None:
        return
    file = File("rsa_oaep_2048_sha1_mgf1sha1_test.json")
    refusals = set()
    for test in file.tests:
        message, block = binary(test, "msg", "ct")
        [answer] = world.items("/v1/keys/v/oaep:decrypt", [{"ciphertext": b64(block)}])
        if "error" in answer:
            refusals.add(str(answer["error"]))
        if test["label"]:
            file.not_applicable(test, "no label but the empty one is taken; with this one it was refused", opened(answer) is not None)
        else:
            file.note(test, opened(answer) == message)
    assert len(refusals) == 1, refusals
    tell(file)


# --- JWS ---
def part(text):
    """What a part of a JWS holds, or None when it is no base64url."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    except ValueError:
        return None


def header_algorithm(text):
    try:
        return str(json.loads(part(text) or b"").get("alg"))
    except (ValueError, AttributeError):
        return None


def refused_as_caller(world, file, test):
    """It is nobody's token; what no header line can carry cannot be asked."""
    if re.fullmatch(r"[!-~]+", str(test["jws"])):
        answer = world.call("GET", "/v1/auth/whoami", token=test["jws"], connection=world.line)
        file.check(test, "as a caller's token, refused", answer.status == 401)


def checked_as_signature(world, jwk, scheme, message, text):
    """Whether :verify or :verify-mac takes the last part over the other two, under the header's algorithm; None when they cannot be asked."""
    if jwk["kty"] == "oct":
        if scheme != "HS256" or part(text) is None:
            return None
        where, item = f"{world.name('jwk', unb64url(jwk['k']).hex())}:verify-mac", {"mac": b64(part(text))}
    else:
        algorithm, public = public_of_jwk(jwk)
        where, item = f"v/{algorithm}@{world.at[algorithm, public]}:verify", {"signature": text, "scheme": scheme, "encoding": "jose"}
    [answer] = world.items(f"/v1/keys/{where}", [{"message": b64(message), **item}])
    return answer.get("valid", False)


def judge(file, test, jwk, message, scheme, text, accepted):
    """Notes a vector of which :verify or :verify-mac said whether the signature is good."""
    if accepted is None:
        file.not_applicable(test, ":verify-mac takes a MAC in bytes, of its key's own algorithm")
    elif test["result"] == "valid" and not re.fullmatch(rb"[A-Za-z0-9_.-]*", message):
        file.not_applicable(test, f"valid for who drops characters that are no base64url, against RFC 7515; refused: {test['comment']}", accepted)
    elif accepted and test["result"] == "invalid" and is_right(jwk, scheme, message, part(text)):
        file.not_applicable(test, f"the signature is good, the fault is elsewhere: {test['comment']}")
    else:
        file.note(test, accepted)


def test_jws(world, tell):
    """A JWS of these is never a caller's: their payloads are no claims. What :verify and :verify-mac can be asked is whether the last part signs
    the other two; it is the caller of these verbs who reads the header."""
    if world is None:
        return
    file = File(JWS)
    for group in file.groups:
        jwk = jwk_of(group)
        for test in group["tests"]:
            refused_as_caller(world, file, test)
            parts = test["jws"].split(".")
            scheme = header_algorithm(parts[0]) if len(parts) == 3 else None
            if scheme is None:
                file.not_applicable(test, "no JWS in compact form with a header that can be read")
                continue
            message = ".".join(parts[:2]).encode()
            judge(file, test, jwk, message, scheme, parts[2], checked_as_signature(world, jwk, scheme, message, parts[2]))
    tell(file)
