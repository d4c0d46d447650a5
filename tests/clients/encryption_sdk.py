"""The AWS Encryption SDK for JavaScript as npm ships it: encryption_sdk/drive.js does what its users do, and what came of it is looked at here."""
import json
import os
import pathlib
import subprocess

import pytest

from client import need_node
from gateway import Gateway, b64, unb64

NODE, ENVIRONMENT = need_node("encryption_sdk", "@aws-crypto/client-node")
DRIVE = pathlib.Path(__file__).parent / "encryption_sdk/drive.js"
SECRET, CONTEXT = b64(b"secret"), {"order": "7", "customer": "ü"}
SIGNING = "ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY_ECDSA_P384"
SUITES = [SIGNING, "ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY", "ALG_AES128_GCM_IV12_TAG16_HKDF_SHA256_ECDSA_P256",
          *(f"ALG_AES{bits}_GCM_IV12_TAG16_HKDF_SHA384_ECDSA_P384" for bits in (192, 256)),
          *(f"ALG_AES{bits}_GCM_IV12_TAG16{kdf}" for bits in (128, 192, 256) for kdf in ("", "_HKDF_SHA256"))]


@pytest.fixture(scope="module")
def gateway():
    with Gateway() as running:
        yield running


@pytest.fixture(scope="module")
def said(gateway):
    """What each step gave, or how it was refused."""
    nobody = gateway.do("POST", "/v1/auth/access-keys", {"name": "nobody", "ttl": "1h"})
    known = {name: gateway.env[name] for name in ("AWS_ENDPOINT_URL_KMS", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    known.update(AWS_REGION="us-east-1", AWS_CONFIG_FILE=os.devnull, NODE_NO_WARNINGS="1", NOBODY=f"{nobody['access_key_id']} {nobody['secret_access_key']}")
    done = subprocess.run([NODE, DRIVE], env={**ENVIRONMENT, **known}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return json.loads(done.stdout)


def value(said, step):
    assert "value" in said[step], (step, said[step])
    return said[step]["value"]


def opened(said, step, plaintext, *keys):
    """The message was sealed for just these keys, in this order."""
    found = value(said, step)
    own = {name: text for name, text in found["context"].items() if name != "aws-crypto-public-key"}
    assert (found["plaintext"], own) == (plaintext, CONTEXT)
    assert [key[:2] for key in found["keys"]] == [["aws-kms", said["arns"][name]] for name in keys]
    assert ("aws-crypto-public-key" in found["context"]) == ("ECDSA" in found["suite"])
    return found


@pytest.mark.parametrize("step", [
    "opened", *(f"opened by the {name} alone" for name in ("generator", "second", "third")), "opened by discovery", "opened by discovery in the account",
    "opened by the keyring of many regions"])
def test_keyrings(said, step):
    assert opened(said, step, SECRET, "generator", "second", "third")["suite"] == SIGNING


@pytest.mark.parametrize("step", ["opened by the stranger alone", "opened by discovery elsewhere", "sealed by discovery"])
def test_keyrings_without_a_key(said, step):
    assert said[step] == {"refused": "Error", "message": "unencryptedDataKey has not been set"}


def test_the_message_names_the_key_and_not_its_alias(said):
    opened(said, "opened after an alias", b64(bytes([7]) * 200000), "generator")


def test_an_empty_message(said):
    opened(said, "opened nothing", "", "generator", "second", "third")


@pytest.mark.parametrize("suite", SUITES)
def test_suites(said, suite):
    assert opened(said, f"opened by {suite}", SECRET, "generator", "second")["suite"] == suite


def test_every_suite_is_tested(said):
    assert {step.removeprefix("opened by ") for step in said if step.startswith("opened by ALG")} == set(SUITES)


def test_a_stream(said):
    assert value(said, "opened as a stream") == SECRET


def test_a_message_without_commitment(said):
    assert "requiring only committed messages" in said["opened without commitment"]["message"]


def test_the_native_api_opens_the_data_keys(gateway, said):
    """The generator's was made as a data key, the second one was encrypted as data."""
    found = opened(said, "opened", SECRET, "generator", "second", "third")
    names = {key["id"]: key["name"] for key in gateway.do("GET", "/v1/keys?prefix=kms/")["keys"]}
    bodies = [(names[arn.rpartition("/")[2]], {"ciphertext": blob, "context": found["context"]}) for _, arn, blob in found["keys"][:2]]
    data_keys = [gateway.verb(name, "decrypt" if at else "unwrap", body)["plaintext"] for at, (name, body) in enumerate(bodies)]
    assert len(unb64(data_keys[0])) == 32 and len(set(data_keys)) == 1


@pytest.mark.parametrize("step,message", [
    ("another context", "InvalidCiphertextException"), ("another data key", "InvalidCiphertextException"), ("another body", "unable to authenticate data"),
    ("another signature", "Invalid Signature"), ("cut", "Invalid Signature"), ("opened by a disabled key", "DisabledException"),
    ("opened by a key that goes", "KMSInvalidStateException"), ("opened by nobody", "AccessDeniedException")])
def test_not_opened(said, step, message):
    assert said[step].get("refused") == "Error" and message in said[step]["message"], said[step]


@pytest.mark.parametrize("step,exception", [
    ("sealed by a disabled key", "DisabledException"), ("sealed with a second one disabled", "DisabledException"), ("sealed by nobody", "AccessDeniedException"),
    ("sealed by no key", "NotFoundException")])
def test_not_sealed(said, step, exception):
    assert said[step].get("refused") == exception, said[step]


@pytest.mark.parametrize("step", ["opened with its generator disabled", "opened by a key that is enabled again", "opened after rotation"])
def test_states(said, step):
    opened(said, step, SECRET, "generator", "second", "third")


def test_a_cache_asks_once(said):
    assert value(said, "sealed and opened from a cache") == {"all": ["a", "b", "c"], "requests": 2}
