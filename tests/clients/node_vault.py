"""node-vault as npm ships it: node_vault/drive.js does what its users do, and what came of it is looked at here."""
import hashlib
import json
import pathlib
import subprocess

import pytest

from client import need_node
from gateway import Gateway, b64, unb64
from transit import bare, is_signed, public_key

NODE, ENVIRONMENT = need_node("node_vault", "node-vault")
DRIVE = pathlib.Path(__file__).parent / "node_vault/drive.js"
MESSAGE = b"to be signed"
TYPES = ["aes256-gcm96", "hmac", "ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa-2048"]


@pytest.fixture(scope="module")
def gateway():
    with Gateway() as running:
        yield running


@pytest.fixture(scope="module")
def said(gateway):
    """What each step gave, or how it was refused."""
    nobody = gateway.do("POST", "/v1/auth/tokens", {"name": "nobody", "ttl": "1h"})["token"]
    known = {name: gateway.env[name] for name in ("VAULT_ADDR", "VAULT_TOKEN")}
    done = subprocess.run([NODE, DRIVE], env={**ENVIRONMENT, **known, "NOBODY": nobody}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return json.loads(done.stdout)


def value(said, step):
    assert "value" in said[step], (step, said[step])
    return said[step]["value"]


def test_system(said):
    for step in ("health", "health with a query", "status"):
        found = value(said, step)
        assert (found["initialized"], found["sealed"]) == (True, False) and found["version"].startswith("hsmgate-")
    assert value(said, "mounts")["data"]["transit/"]["type"] == "transit"
    assert len(unb64(value(said, "random")["random_bytes"])) == 24
    assert value(said, "hash")["sum"] == hashlib.sha512(MESSAGE).hexdigest()


def test_initialized(said):
    assert value(said, "initialized") == {"initialized": True}


def test_the_token(said):
    found = value(said, "lookup")["data"]
    assert (found["display_name"], found["policies"], found["ttl"]) == ("token:admin", ["token:admin"], 0)
    assert value(said, "renew")["auth"]["policies"] == ["token:admin"] and value(said, "token after renewal") is True


@pytest.mark.parametrize("kind", TYPES)
def test_keys(said, kind):
    made = value(said, f"made {kind}")
    assert made == value(said, f"read {kind}") and (made["name"], made["type"], made["latest_version"]) == (kind, kind, 1)


def test_keys_by_command(said):
    assert value(said, "made again") == ["key hmac already existed"]
    assert value(said, "made by command")["data"] == value(said, "read by command")["data"]
    assert (said["deleted too early"]["refused"], value(said, "configured")["deletion_allowed"], value(said, "deleted")) == (400, True, "")
    assert value(said, "listed") == sorted([*TYPES, "gone"]) and value(said, "listed by command") == sorted(TYPES)


def test_a_list_without_the_method_of_that_name(said):
    assert value(said, "listed with a parameter") == sorted(TYPES)


def test_ciphertexts(gateway, said):
    sealed = value(said, "sealed")
    assert sealed["key_version"] == 1 and bare(sealed["ciphertext"])[0] == 1
    for step in ("opened", "opened with data"):
        assert value(said, step) == {"plaintext": b64(b"secret")}
    assert said["opened with other data"]["refused"] == 400
    assert [item["reference"] for item in value(said, "sealed many")["batch_results"]] == ["of a", "of b", "of "]
    assert [item["plaintext"] for item in value(said, "opened many")["batch_results"]] == [b64(b"a"), b64(b"b"), ""]
    assert said["a bad one"]["refused"] == 400
    assert [("error" in item, item.get("plaintext")) for item in value(said, "opened some")["batch_results"]] == [(False, b64(b"a")), (True, None), (False, "")]
    made = value(said, "data key")
    assert len(unb64(made["plaintext"])) == 64 and value(said, "data key opened") == {"plaintext": made["plaintext"]}
    assert set(value(said, "data key wrapped")) == {"ciphertext", "key_version"}
    native = gateway.verb("transit/aes256-gcm96", "decrypt", {"ciphertext": b64(bare(sealed["ciphertext"])[1])})
    assert unb64(native["plaintext"]) == b"secret"


def test_ciphertexts_by_command(said):
    assert value(said, "rotated")["latest_version"] == 2
    for step in ("rewrapped", "sealed by command"):
        assert bare(value(said, step)["data"]["ciphertext"])[0] == 2
    assert value(said, "opened by command")["data"] == {"plaintext": b64(b"secret")}


def test_signatures(said):
    assert len(said["signatures"]) == 1 + 3 * (3 * 2 + 2)
    for made in said["signatures"]:
        public = public_key(value(said, f"read {made['key']}")["keys"]["1"])
        assert made["valid"] == [True, False] and is_signed(public, MESSAGE, made["signature"], **made["options"]), made
        assert not is_signed(public, MESSAGE + b"x", made["signature"], **made["options"])
    assert is_signed(public_key(value(said, "read ecdsa-p256")["keys"]["1"]), MESSAGE, value(said, "signed a digest")["signature"])


def test_macs(said):
    assert len(bare(value(said, "mac")["hmac"])[1]) == 32
    assert value(said, "mac checked") == {"valid": True} and value(said, "wrong mac checked") == {"valid": False}


@pytest.mark.parametrize("who", ["wrong", "nobody", "anonymous"])
def test_who_may_not(said, who):
    for act in ("reads", "reads what is not there", "encrypts", "makes a key"):
        refused = said[f"{who} {act}"]
        assert refused["refused"] == 403 and refused["message"].startswith("permission denied") and refused["errors"] == [refused["message"]], refused
    known = who == "nobody"
    assert said[f"{who} lists"]["refused"] == (404 if known else 403)
    assert ("value" in said[f"{who} looks itself up"]) == known and (known or said[f"{who} looks itself up"]["refused"] == 403)
    assert value(said, f"{who} asks for health")["sealed"] is False
    assert said[f"{who} reads"]["message"] == said[f"{who} reads what is not there"]["message"]


@pytest.mark.parametrize("step,status,message", [
    ("no such key to read", 404, "Status 404"), ("no such key to use", 400, "no key"), ("no such path", 404, "no handler"),
    ("no such mount", 404, "no handler"),
    ("bad ciphertext", 400, "ciphertext"), ("no ciphertext", 400, "ciphertext"), ("no base64", 400, "plaintext"), ("wrong key", 400, "purpose"),
    ("exportable key", 400, "exportable"), ("export", 400, "never leave"), ("wrapped answer", 400, "X-Vault-Wrap-TTL"),
    ("patch", 405, "unsupported operation"), ("too late", 400, "")])
def test_refusals(said, step, status, message):
    assert said[step].get("refused") == status and message in said[step]["message"], said[step]
    assert said[step]["errors"] == ([] if message == "Status 404" else [said[step]["message"]])
