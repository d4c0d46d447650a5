"""The main job end to end: keys on a real token, signatures that openssl and jwcrypto verify, ciphertexts and data keys that come back."""
import base64
import hashlib
import os
import subprocess
import urllib.request

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from jwcrypto import jwk, jws
from jwcrypto import jwt as jwcrypto_jwt

from gateway import Gateway, Refused, b64, unb64
from lacking import can, lacks, lacks_scheme, signer

SIGNERS = {
    "ecdsa-p256": ["ES256"], "ecdsa-p384": ["ES384"], "ecdsa-p521": ["ES512"], "ed25519": ["EdDSA"],
    "rsa-2048": ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"], "rsa-3072": ["RS256", "PS384"], "rsa-4096": ["RS256", "PS512"],
}
HASHES = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512}


@pytest.fixture(scope="module")
def gateway():
    with Gateway() as running:
        for algorithm in filter(running.offers, SIGNERS):
            running.key(f"test/sign/{algorithm}", algorithm)
        if can(running, "aes-256-gcm"):
            running.key("test/enc/aes", "aes-256-gcm")
        yield running


def openssl_verifies(tmp_path, pem, scheme, message, signature):
    (tmp_path / "pub.pem").write_bytes(pem)
    (tmp_path / "msg").write_bytes(message)
    (tmp_path / "sig").write_bytes(signature)
    if scheme == "EdDSA":
        command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "pub.pem", "-rawin", "-in", "msg", "-sigfile", "sig"]
    else:
        command = ["openssl", "dgst", "-sha" + scheme[2:], "-verify", "pub.pem", "-signature", "sig"]
        if scheme.startswith("PS"):
            command += ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"]
        command += ["msg"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    return done.returncode == 0


@pytest.mark.parametrize("algorithm,scheme", [(a, s) for a, schemes in SIGNERS.items() for s in schemes])
def test_signature_is_what_openssl_verifies(gateway, tmp_path, algorithm, scheme):
    name = f"test/sign/{algorithm}"
    if lacks(gateway, algorithm) or lacks_scheme(gateway, name, scheme):
        return
    message = os.urandom(1000)
    answer = gateway.verb(name, "sign", {"message": b64(message), "scheme": scheme})
    assert answer["scheme"] == scheme and answer["kid"] == f"{name}@1"
    assert answer["key"] == name and answer["version"] == 1
    pem = gateway.call("GET", f"/v1/keys/{name}:public-key").body
    signature = unb64(answer["signature"])
    assert openssl_verifies(tmp_path, pem, scheme, message, signature)
    assert not openssl_verifies(tmp_path, pem, scheme, message + b"x", signature)
    assert gateway.verb(name, "verify", {"message": b64(message), "signature": answer["signature"], "scheme": scheme})["valid"] is True
    assert gateway.verb(name, "verify", {"message": b64(b"other"), "signature": answer["signature"], "scheme": scheme})["valid"] is False
    if scheme != "EdDSA":
        digest = HASHES[scheme[2:]](message).digest()
        answer = gateway.verb(name, "sign", {"digest": b64(digest), "scheme": scheme})
        assert openssl_verifies(tmp_path, pem, scheme, message, unb64(answer["signature"]))
        with pytest.raises(Refused) as refused:
            gateway.verb(name, "sign", {"digest": b64(digest[:-1]), "scheme": scheme})
        assert (refused.value.status, refused.value.code) == (400, "invalid_digest")


@pytest.mark.parametrize("scheme", ["PS256", "PS384", "PS512"])
def test_pss_salt_is_as_long_as_the_hash(gateway, scheme):
    if lacks(gateway, "rsa-2048") or lacks_scheme(gateway, "test/sign/rsa-2048", scheme):
        return
    chosen = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}[scheme[2:]]
    answer = gateway.verb("test/sign/rsa-2048", "sign", {"message": b64(b"salted"), "scheme": scheme})
    public = serialization.load_pem_public_key(gateway.call("GET", "/v1/keys/test/sign/rsa-2048:public-key").body)
    public.verify(unb64(answer["signature"]), b"salted", padding.PSS(padding.MGF1(chosen), chosen.digest_size), chosen)
    with pytest.raises(Exception):
        public.verify(unb64(answer["signature"]), b"salted", padding.PSS(padding.MGF1(chosen), chosen.digest_size - 1), chosen)


@pytest.mark.parametrize("algorithm", ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521"])
def test_both_ecdsa_encodings(gateway, algorithm):
    if lacks(gateway, algorithm):
        return
    name = f"test/sign/{algorithm}"
    width = {"ecdsa-p256": 64, "ecdsa-p384": 96, "ecdsa-p521": 132}[algorithm]
    der = gateway.verb(name, "sign", {"message": b64(b"m"), "encoding": "der"})["signature"]
    assert unb64(der)[0] == 0x30
    jose = gateway.verb(name, "sign", {"message": b64(b"m"), "encoding": "jose"})["signature"]
    assert len(jose) == (width * 4 + 2) // 3
    for encoding, signature in (("der", der), ("jose", jose)):
        assert gateway.verb(name, "verify", {"message": b64(b"m"), "signature": signature, "encoding": encoding})["valid"] is True
    short = base64.urlsafe_b64encode(base64.urlsafe_b64decode(jose + "==")[:-4]).decode().rstrip("=")
    assert gateway.verb(name, "verify", {"message": b64(b"m"), "signature": short, "encoding": "jose"})["valid"] is False


@pytest.mark.parametrize("algorithm", list(SIGNERS))
def test_jwt_through_the_jwks_url(gateway, algorithm):
    name = f"test/sign/{algorithm}"
    if lacks(gateway, algorithm) or lacks_scheme(gateway, name, SIGNERS[algorithm][0]):
        return
    issued = gateway.verb(name, "jwt", {"claims": {"sub": "me", "aud": "you", "n": 5}, "ttl": "5m"})
    url = f"{gateway.address}/jwks/{name}"
    keys = jwk.JWKSet.from_json(urllib.request.urlopen(url).read())
    alg = SIGNERS[algorithm][0]
    token = jwcrypto_jwt.JWT(jwt=issued["token"], key=keys, algs=[alg], check_claims={"aud": "you", "exp": None, "nbf": None, "iat": None, "jti": None, "iss": None})
    header = jws.JWS()
    header.deserialize(issued["token"])
    assert header.jose_header["kid"] == issued["kid"] == f"{name}@1"
    assert '"sub":"me"' in token.claims
    signing_key = pyjwt.PyJWKClient(url).get_signing_key_from_jwt(issued["token"])
    claims = pyjwt.decode(issued["token"], signing_key.key, algorithms=[alg], audience="you")
    assert claims["n"] == 5 and claims["exp"] - claims["iat"] == 300


def test_jose_command_line_verifies(gateway, tmp_path):
    name = f"test/sign/{signer(gateway)}"
    token = gateway.verb(name, "jwt", {"claims": {"sub": "me"}})["token"]
    (tmp_path / "keys.json").write_bytes(urllib.request.urlopen(f"{gateway.address}/jwks/test/sign/").read())
    (tmp_path / "token").write_text(token)
    done = subprocess.run(["jose", "jws", "ver", "-i", "token", "-k", "keys.json", "-O-"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and '"sub":"me"' in done.stdout, done.stderr


def test_oidc_discovery_leads_to_the_keys(gateway):
    document = gateway.do("GET", "/oidc/test/sign/.well-known/openid-configuration", token="")
    assert document["issuer"].endswith("/oidc/test/sign")
    name = f"test/sign/{signer(gateway)}"
    token = gateway.verb(name, "jwt", {"claims": {}})["token"]
    claims = pyjwt.decode(token, options={"verify_signature": False})
    assert claims["iss"] == document["issuer"]
    keys = gateway.call("GET", document["jwks_uri"][document["jwks_uri"].index("/jwks"):], token="")
    assert keys.status == 200 and f"{name}@1" in {k["kid"] for k in keys.json["keys"]}
    again = gateway.call("GET", "/jwks/test/sign/", token="", headers={"If-None-Match": keys.headers["ETag"]})
    assert again.status == 304 and again.body == b""
    assert "public" in keys.headers["Cache-Control"] and "max-age=" in keys.headers["Cache-Control"]


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 4096, 65536])
def test_plaintexts_of_every_size_round_trip(gateway, size):
    if lacks(gateway, "aes-256-gcm"):
        return
    plaintext = os.urandom(size)
    for context in ({}, {"table": "cards", "row": "7"}):
        sealed = gateway.verb("test/enc/aes", "encrypt", {"plaintext": b64(plaintext), "context": context})
        assert plaintext not in unb64(sealed["ciphertext"]) or size < 4
        opened = gateway.verb("test/enc/aes", "decrypt", {"ciphertext": sealed["ciphertext"], "context": context})
        assert unb64(opened["plaintext"]) == plaintext and opened["version"] == 1


def test_no_iv_comes_twice(gateway):
    if lacks(gateway, "aes-256-gcm"):
        return
    items = [{"plaintext": ""}] * 256
    seen = set()
    for _ in range(4):
        for result in gateway.verb("test/enc/aes", "encrypt", {"items": items})["results"]:
            seen.add(unb64(result["ciphertext"])[-28:-16])
    assert len(seen) == 1024


@pytest.mark.parametrize("size", [16, 24, 32, 64])
def test_data_keys(gateway, size):
    if lacks(gateway, "aes-256-gcm"):
        return
    made = gateway.verb("test/enc/aes", "data-key", {"bytes": size, "context": {"a": "b"}, "plaintext": True})
    assert len(unb64(made["plaintext"])) == size
    opened = gateway.verb("test/enc/aes", "unwrap", {"ciphertext": made["ciphertext"], "context": {"a": "b"}})
    assert opened["plaintext"] == made["plaintext"]
    assert "plaintext" not in gateway.verb("test/enc/aes", "data-key", {"bytes": size})


@pytest.mark.parametrize("algorithm", ["hmac-sha256", "hmac-sha384", "hmac-sha512"])
def test_macs(gateway, algorithm):
    if lacks(gateway, algorithm):
        return
    name = f"test/mac/{algorithm}"
    gateway.key(name, algorithm)
    mac = gateway.verb(name, "mac", {"message": b64(b"hello")})["mac"]
    assert len(unb64(mac)) == int(algorithm[-3:]) // 8
    assert gateway.verb(name, "verify-mac", {"message": b64(b"hello"), "mac": mac})["valid"] is True
    assert gateway.verb(name, "verify-mac", {"message": b64(b"hullo"), "mac": mac})["valid"] is False
    gateway.do("POST", f"/v1/keys/{name}:rotate", {"immediate": True})
    assert gateway.verb(name, "verify-mac", {"message": b64(b"hello"), "mac": mac})["valid"] is True
    assert gateway.verb(name, "mac", {"message": b64(b"hello")})["mac"] != mac


def test_rsa_decrypts_what_a_stranger_encrypts(gateway):
    if lacks(gateway, "rsa-2048", "decrypt"):
        return
    gateway.key("test/enc/rsa", "rsa-2048", purpose="decrypt")
    sealed = gateway.verb("test/enc/rsa", "encrypt", {"plaintext": b64(b"small secret")})["ciphertext"]
    assert unb64(gateway.verb("test/enc/rsa", "decrypt", {"ciphertext": sealed})["plaintext"]) == b"small secret"
    public = serialization.load_pem_public_key(gateway.call("GET", "/v1/keys/test/enc/rsa:public-key").body)
    chosen = hashes.SHA256() if gateway.offers("rsa-oaep-sha256") else hashes.SHA1()  # the best that the token can
    foreign = public.encrypt(b"from outside", padding.OAEP(padding.MGF1(chosen), chosen, None))
    assert unb64(gateway.verb("test/enc/rsa", "decrypt", {"ciphertext": b64(foreign)})["plaintext"]) == b"from outside"
    with pytest.raises(Refused) as refused:
        gateway.verb("test/enc/rsa", "sign", {"message": ""})
    assert refused.value.code == "unsupported_operation"


def rotate(gateway, name):
    rotated = gateway.do("POST", f"/v1/keys/{name}:rotate", {"immediate": True})
    assert (rotated["version"], rotated["state"], rotated["primary"]) == (2, "active", 2)
    key = gateway.do("GET", f"/v1/keys/{name}")
    assert key["primary"] == 2 and [v["state"] for v in key["versions"]] == ["retiring", "active"]


def test_rotation_keeps_what_was_encrypted(gateway):
    if lacks(gateway, "aes-256-gcm"):
        return
    gateway.key("test/rot/aes", "aes-256-gcm")
    old = gateway.verb("test/rot/aes", "encrypt", {"plaintext": b64(b"old")})["ciphertext"]
    rotate(gateway, "test/rot/aes")
    assert unb64(gateway.verb("test/rot/aes", "decrypt", {"ciphertext": old})["plaintext"]) == b"old"
    moved = gateway.verb("test/rot/aes", "rewrap", {"ciphertext": old})
    assert moved["from_version"] == 1 and moved["version"] == 2
    assert unb64(gateway.verb("test/rot/aes@2", "decrypt", {"ciphertext": moved["ciphertext"]})["plaintext"]) == b"old"
    with pytest.raises(Refused) as refused:
        gateway.verb("test/rot/aes@1", "encrypt", {"plaintext": ""})
    assert (refused.value.status, refused.value.code) == (409, "invalid_state")


def test_rotation_keeps_what_was_signed(gateway):
    gateway.key("test/rot/sign", signer(gateway))
    signed = gateway.verb("test/rot/sign", "sign", {"message": b64(b"old")})["signature"]
    rotate(gateway, "test/rot/sign")
    assert gateway.verb("test/rot/sign", "verify", {"message": b64(b"old"), "signature": signed})["valid"] is True
    assert gateway.verb("test/rot/sign@2", "verify", {"message": b64(b"old"), "signature": signed})["valid"] is False
    assert {k["kid"] for k in gateway.do("GET", "/jwks/test/rot/sign", token="")["keys"]} == {"test/rot/sign@1", "test/rot/sign@2"}


def test_one_bad_item_harms_no_other(gateway):
    if lacks(gateway, "aes-256-gcm"):
        return
    good = gateway.verb("test/enc/aes", "encrypt", {"plaintext": b64(b"good")})["ciphertext"]
    bad = b64(unb64(good)[:-1] + bytes([unb64(good)[-1] ^ 1]))
    results = gateway.verb("test/enc/aes", "decrypt", {"items": [
        {"ciphertext": good, "reference": "a"}, {"ciphertext": bad, "reference": "b"}, {"ciphertext": "!!"}, {"ciphertext": good}]})["results"]
    assert [("error" in r) for r in results] == [False, True, True, False]
    assert results[0]["reference"] == "a" and results[1]["reference"] == "b"
    assert results[1]["error"]["code"] == "invalid_ciphertext" and results[2]["error"]["code"] == "invalid_base64"
    assert unb64(results[3]["plaintext"]) == b"good"


def test_a_whole_batch_is_signed(gateway):
    signed = gateway.verb(f"test/sign/{signer(gateway)}", "sign", {"items": [{"message": b64(b"%d" % i)} for i in range(256)]})["results"]
    assert len(signed) == 256 and all("signature" in r and r["version"] == 1 for r in signed)


def test_keys_are_listed_in_pages_and_changed(gateway):
    algorithm = "hmac-sha256" if can(gateway, "hmac-sha256") else signer(gateway)
    for i in range(7):
        gateway.key(f"pages/list/k{i}", algorithm)
    seen, token = [], ""
    while True:
        page = gateway.do("GET", f"/v1/keys?prefix=pages/&page_size=3" + (f"&page_token={token}" if token else ""))
        assert len(page["keys"]) <= 3
        seen += [k["name"] for k in page["keys"]]
        token = page.get("next_page_token")
        if not token:
            break
    assert seen == [f"pages/list/k{i}" for i in range(7)]
    gateway.do("PATCH", "/v1/keys/pages/list/k0", {"owner": "others", "description": "d", "labels": {"env": "prod"}})
    key = gateway.do("GET", "/v1/keys/pages/list/k0")
    assert (key["owner"], key["description"], key["labels"], key["classification"]) == ("others", "d", {"env": "prod"}, "confidential")
    assert key["versions"][0]["kid"] == "pages/list/k0@1" and key["purpose"] == ("mac" if algorithm == "hmac-sha256" else "sign")


def test_random_and_status(gateway):
    first = gateway.do("POST", "/v1/random", {"bytes": 32})["random"]
    assert len(unb64(first)) == 32 and first != gateway.do("POST", "/v1/random", {"bytes": 32})["random"]
    tokens = gateway.do("GET", "/v1/tokens")
    assert signer(gateway) in str(tokens) and "ready" in str(tokens)
    assert gateway.call("GET", "/healthz", token="").status == 200
    assert gateway.call("GET", "/readyz", token="").status == 200
    metrics = gateway.call("GET", "/metrics", token="").body.decode()
    assert "hsmgate_requests_total{" in metrics
    assert gateway.do("GET", "/v1/openapi.json")["openapi"].startswith("3.1")
    assert "version" in gateway.do("GET", "/v1/version")


def test_bearer_tokens(gateway):
    made = gateway.do("POST", "/v1/auth/tokens", {"name": "reader", "ttl": "1h"})
    assert made["token"].startswith("hg_")
    assert gateway.do("GET", "/v1/auth/whoami", token=made["token"])["principal"] == "token:reader"
    answers = {name: gateway.call("GET", f"/v1/keys/{name}", token=made["token"]) for name in ("test/enc/aes", "test/enc/not-there")}
    assert {a.status for a in answers.values()} == {403}
    bodies = [dict(a.json, request_id="") for a in answers.values()]
    assert bodies[0] == bodies[1]
    assert gateway.do("GET", "/v1/keys", token=made["token"])["keys"] == []
    gateway.do("DELETE", "/v1/auth/tokens/reader")
    assert gateway.call("GET", "/v1/auth/whoami", token=made["token"]).status == 401


def test_every_request_has_its_record(gateway):
    request_id = "my-request-17"
    name = f"test/sign/{signer(gateway)}"
    answer = gateway.call("POST", f"/v1/keys/{name}:sign", {"message": b64(b"find me not")}, headers={
        "X-Request-Id": request_id, "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"})
    assert answer.headers["X-Request-Id"] == request_id and answer.headers["Cache-Control"] == "no-store"
    records = gateway.records()
    mine = [r for r in records if r.get("request_id") == request_id]
    assert len(mine) == 1
    record = mine[0]
    assert (record["principal"], record["operation"], record["key"], record["version"], record["outcome"]) == (
        "token:admin", "sign", name, 1, "ok")
    assert record["digest"] == "sha256:" + hashlib.sha256(b"find me not").hexdigest()
    assert record["traceparent"].startswith("00-0af7") and record["ms"] >= 0
    assert [r["seq"] for r in records] == list(range(1, len(records) + 1))
    text = "".join(p.read_text() for p in (gateway.data / "audit").glob("*.jsonl"))
    for secret in (gateway.token, b64(b"find me not"), "find me not", gateway.pin):
        assert secret not in text
