"""jose as npm ships it, for what the gateway signs as a JWT, publishes as a key set and seals for one person: jose_js/drive.js does what its users do."""
import json
import pathlib
import subprocess

import pytest

from client import need_node
from gateway import Gateway
from quorum import BreakGlass, Requester

NODE, ENVIRONMENT = need_node("jose_js", "jose")
DRIVE = pathlib.Path(__file__).parent / "jose_js/drive.js"
SCHEMES = {"ES256": "ecdsa-p256", "ES384": "ecdsa-p384", "ES512": "ecdsa-p521", "EdDSA": "ed25519", "RS256": "rsa-2048"}
CURVES = ["P-256", "P-384"]
NO_KEY, BAD_SIGNATURE, BAD_CLAIM = "ERR_JWKS_NO_MATCHING_KEY", "ERR_JWS_SIGNATURE_VERIFICATION_FAILED", "ERR_JWT_CLAIM_VALIDATION_FAILED"


@pytest.fixture(scope="module")
def gateway():
    with Gateway() as running:
        yield running


def sealed_for(glass, curve):
    """What two people let one person open, and that person's key."""
    glass.requester = Requester(curve)
    opened = glass.open(glass.approved(glass.seal(plaintext=f"secret of {curve}".encode())))
    key, other = (json.loads(one.key.export_private()) for one in (glass.requester, Requester(curve)))
    return {"curve": curve, "sealed": opened["sealed"], "key": key, "other": other}


@pytest.fixture(scope="module")
def said(gateway):
    """What each step gave, or how it was refused."""
    glass = BreakGlass(gateway)
    glass.key()
    known = {name: gateway.env[name] for name in ("HSMGATE_ADDR", "HSMGATE_TOKEN")}
    known.update(SEALED=json.dumps([sealed_for(glass, curve) for curve in CURVES]))
    done = subprocess.run([NODE, DRIVE], env={**ENVIRONMENT, **known}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return json.loads(done.stdout)


def value(said, step):
    assert "value" in said[step], (step, said[step])
    return said[step]["value"]


def kid(said, step):
    return value(said, step)["header"]["kid"]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_tokens(gateway, said, scheme):
    found = value(said, f"verified {scheme}")
    assert found == value(said, f"verified {scheme} by its own set")
    assert found["header"] == {"alg": scheme, "kid": f"shop/{SCHEMES[scheme]}@1", "typ": "JWT"}
    claims = found["payload"]
    assert (claims["iss"], claims["sub"], claims["aud"]) == (f"{gateway.address}/oidc/shop", "order 7", "https://api.example")
    assert claims["exp"] - claims["iat"] == 300 and claims["nbf"] == claims["iat"] and claims["jti"]


@pytest.mark.parametrize("scheme", ["RS384", "RS512", "PS256", "PS384", "PS512"])
def test_tokens_of_other_algorithms(said, scheme):
    """The key's set says one algorithm, and a verifier takes no other."""
    assert said[f"signed {scheme}"].get("refused") == 400


@pytest.mark.parametrize("scheme", SCHEMES)
def test_tokens_that_were_changed(said, scheme):
    for part in (1, 2):
        assert said[f"verified {scheme} with another part {part}"].get("refused") == BAD_SIGNATURE
    assert said[f"verified {scheme} by another key's set"].get("refused") == NO_KEY


@pytest.mark.parametrize("step,code,claim", [
    ("another audience", BAD_CLAIM, "aud"), ("another issuer", BAD_CLAIM, "iss"), ("another subject", BAD_CLAIM, "sub"), ("too early", BAD_CLAIM, "nbf"),
    ("expired", "ERR_JWT_EXPIRED", "exp"), ("another algorithm", "ERR_JOSE_ALG_NOT_ALLOWED", None), ("unsigned", "ERR_JOSE_NOT_SUPPORTED", None),
    ("without a signature", BAD_SIGNATURE, None), ("no such set", "ERR_JOSE_GENERIC", None), ("set of a key that does not sign", "ERR_JOSE_GENERIC", None)])
def test_tokens_that_do_not_hold(said, step, code, claim):
    assert (said[step].get("refused"), said[step].get("claim")) == (code, claim), said[step]


@pytest.mark.parametrize("step", ["verified by discovery", "verified by a local set", "verified by PEM"])
def test_other_ways_to_the_key(said, step):
    assert kid(said, step) == "shop/ecdsa-p256@1"


def test_key_sets(said):
    found = value(said, "thumbprints")
    assert len(set(found)) == len(found) == len(SCHEMES)
    assert set(value(said, "discovery")["id_token_signing_alg_values_supported"]) == set(SCHEMES)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_signatures(said, scheme):
    assert value(said, f"JWS {scheme}") == "any bytes"


@pytest.mark.parametrize("step,version", [
    ("verified after promotion", 2), ("verified after promotion by a set that may be fetched again", 2), ("older one verified after promotion", 1),
    ("older one verified by a set from before", 1), ("newer one verified after retirement", 2)])
def test_rotation(said, step, version):
    assert kid(said, step) == f"shop/turns@{version}"


@pytest.mark.parametrize("step", ["verified after promotion by a set from before", "older one verified after retirement", "verified after a compromise"])
def test_keys_that_are_not_in_the_set(said, step):
    assert said[step].get("refused") == NO_KEY, said[step]


def test_rotation_ahead(said):
    assert value(said, "rotated")["state"] == "pending" and value(said, "signed while the next one is pending") == "shop/turns@1"


def test_rotation_at_once(said):
    assert kid(said, "verified after a rotation at once") == "shop/leaks@2"


@pytest.mark.parametrize("curve", CURVES)
def test_break_glass(said, curve):
    found = value(said, f"unsealed {curve}")
    assert found["plaintext"] == f"secret of {curve}"
    assert (found["header"]["alg"], found["header"]["enc"], found["header"]["epk"]["crv"]) == ("ECDH-ES", "A256GCM", curve)
    for step in (f"unsealed {curve} with another key", *(f"unsealed {curve} with another part {part}" for part in (2, 3, 4))):
        assert said[step].get("refused") == "ERR_JWE_DECRYPTION_FAILED"
