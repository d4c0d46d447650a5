"""@aws-sdk/client-kms as npm ships it: kms_js/drive.js does what its users do, and what came of it is looked at here."""
import copy
import hashlib
import itertools
import json
import os
import pathlib
import subprocess

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding

from client import need_node
from gateway import Gateway, b64, programs, unb64
from transit import HASHES

NODE, ENVIRONMENT = need_node("kms_js", "@aws-sdk/client-kms")
DRIVE = pathlib.Path(__file__).parent / "kms_js/drive.js"
MESSAGE, SECRET = b64(b"to be signed"), b64(b"secret")
SIGNERS = {"ECC_NIST_P256": ["ECDSA_SHA_256"], "ECC_NIST_P384": ["ECDSA_SHA_384"], "ECC_NIST_P521": ["ECDSA_SHA_512"],
           "ECC_NIST_EDWARDS25519": ["ED25519_SHA_512"],
           "RSA_2048": [f"RSASSA_{padding}_SHA_{bits}" for padding in ("PKCS1_V1_5", "PSS") for bits in (256, 384, 512)]}
PAIRS = ["ECC_NIST_P256", "ECC_NIST_EDWARDS25519", "RSA_2048"]
OF_AWS_ALONE = ["AccessDeniedException", "IncompleteSignatureException", "InvalidSignatureException", "MissingAuthenticationTokenException",
                "UnrecognizedClientException", "ValidationException"]
DRY = ["Encrypt", "Decrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext",
       "ReEncrypt", "Sign", "Verify", "GenerateMac", "VerifyMac"]


@pytest.fixture(scope="module")
def gateway():
    with Gateway() as running:
        yield running


@pytest.fixture(scope="module")
def said(gateway, tmp_path_factory):
    """What each step gave, or how it was refused. The credentials are those that our command writes."""
    credentials = tmp_path_factory.mktemp("aws") / "credentials"
    command = [programs() / "hsmgate", "access-key", "create", "clients", "--subject", "admin", "--ttl", "1h", "--out", credentials]
    subprocess.run(command, env={**os.environ, **gateway.env}, check=True, capture_output=True)
    nobody = gateway.do("POST", "/v1/auth/access-keys", {"name": "nobody", "ttl": "1h"})
    known = {"AWS_ENDPOINT_URL_KMS": gateway.env["AWS_ENDPOINT_URL_KMS"], "AWS_REGION": "us-east-1", "AWS_CONFIG_FILE": os.devnull,
             "AWS_SHARED_CREDENTIALS_FILE": str(credentials), "NOBODY": f"{nobody['access_key_id']} {nobody['secret_access_key']}", "NODE_NO_WARNINGS": "1"}
    done = subprocess.run([NODE, DRIVE], env={**ENVIRONMENT, **known}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return json.loads(done.stdout)


def value(said, step):
    assert "value" in said[step], (step, said[step])
    assert (said[step]["status"], said[step]["attempts"]) == (200, 1) and said[step]["request"], (step, said[step])
    return copy.deepcopy(said[step]["value"])


def refused(said, step, name):
    """By the exception that the client has for it, and not tried again."""
    got = said[step]
    assert (got.get("refused"), got.get("status"), got.get("attempts")) == (name, 400, 1), (step, got)
    assert got["typed"] == (name not in OF_AWS_ALONE) and got["message"] and got["request"], (step, got)


def metadata(said, step):
    return value(said, step)["KeyMetadata"]


def arn(said, key):
    return metadata(said, f"made {key}")["Arn"]


def public_key(said, name):
    return serialization.load_der_public_key(unb64(value(said, f"public key {name}")["PublicKey"]))


# --- keys ---

def test_made(said):
    made = metadata(said, "made aes")
    assert made == metadata(said, "described by id") == metadata(said, "described by ARN")
    assert made.pop("Arn") == f"arn:aws:kms:us-east-1:{made['AWSAccountId']}:key/{made.pop('KeyId')}"
    assert made.pop("CreationDate")[:2] == "20" and len(made.pop("AWSAccountId")) == 12
    assert made == {"Description": "of a test", "Enabled": True, "KeyState": "Enabled", "KeyUsage": "ENCRYPT_DECRYPT", "KeySpec": "SYMMETRIC_DEFAULT",
                    "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT", "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"], "Origin": "AWS_KMS",
                    "KeyManager": "CUSTOMER", "MultiRegion": False}
    assert value(said, "described anew") == {} and metadata(said, "described after")["Description"] == "ünd neu"
    assert metadata(said, "made HMAC_256")["MacAlgorithms"] == ["HMAC_SHA_256"] and metadata(said, "made RSA_2048 of the old field")["KeySpec"] == "RSA_2048"


@pytest.mark.parametrize("spec", SIGNERS)
def test_made_signers(said, spec):
    """The first algorithm is the one that some clients sign with."""
    made, shown = metadata(said, f"made {spec}"), value(said, f"public key {spec}")
    assert (made["KeySpec"], made["CustomerMasterKeySpec"], made["KeyUsage"]) == (spec, spec, "SIGN_VERIFY") and "EncryptionAlgorithms" not in made
    assert sorted(made["SigningAlgorithms"]) == SIGNERS[spec] and made["SigningAlgorithms"][0] == SIGNERS[spec][0]
    assert {name: shown[name] for name in ("KeyId", "KeySpec", "KeyUsage", "SigningAlgorithms")} == {
        "KeyId": made["Arn"], "KeySpec": spec, "KeyUsage": "SIGN_VERIFY", "SigningAlgorithms": made["SigningAlgorithms"]}


@pytest.mark.parametrize("step,exception", [
    ("made without a usage", "ValidationException"), ("made for a wrong usage", "ValidationException"), ("made of a wrong spec", "ValidationException"),
    ("made elsewhere", "UnsupportedOperationException"), ("no page", "ValidationException")])
def test_not_made(said, step, exception):
    refused(said, step, exception)


def test_bad_markers(said):
    refused(said, "no marker", "InvalidMarkerException")


def test_lists(said):
    listed = [key for page in said["pages"] for key in page]
    assert len(said["pages"]) > 2 and all(len(page) == 3 for page in said["pages"][:-1]) and 0 < len(said["pages"][-1]) <= 3
    assert {key["KeyArn"] for key in listed} == {arn(said, name) for name in ("aes", "other", "rsa", "HMAC_256", "RSA_2048 of the old field", *SIGNERS)}
    assert all(key["KeyArn"].endswith(f":key/{key['KeyId']}") for key in listed) and len({key["KeyId"] for key in listed}) == len(listed)
    page = value(said, "a page")
    assert (page["Keys"], page["Truncated"]) == (said["pages"][0], True) and page["NextMarker"]


def test_aliases(said):
    assert value(said, "alias made") == value(said, "alias moved") == value(said, "alias deleted") == {}
    for step, key in (("described by alias", "aes"), ("described by the alias's ARN", "aes"), ("described by the moved alias", "other")):
        assert metadata(said, step)["Arn"] == arn(said, key)
    assert value(said, "sealed by alias")["KeyId"] == value(said, "opened by the alias's ARN")["KeyId"] == arn(said, "aes")
    name, found = "alias/Card_1/x-y", {alias["AliasName"]: alias for alias in value(said, "aliases of the key")["Aliases"]}
    assert found[name]["AliasArn"].endswith(f":{name}") and {alias["TargetKeyId"] for alias in found.values()} == {metadata(said, "made aes")["KeyId"]}
    assert name not in [alias["AliasName"] for alias in value(said, "aliases after the move")["Aliases"]]
    listed = list(itertools.chain(*said["pages of aliases"]))
    assert name in listed and len(listed) == len(set(listed)) == 11


@pytest.mark.parametrize("step,exception", [
    ("alias made again", "AlreadyExistsException"), ("alias made for none", "NotFoundException"), ("alias without its prefix", "ValidationException"),
    ("alias with a space", "ValidationException"), ("alias deleted again", "NotFoundException"), ("no alias moved", "NotFoundException"),
    ("described by no alias", "NotFoundException"), ("opened by the moved alias", "IncorrectKeyException")])
def test_no_such_aliases(said, step, exception):
    refused(said, step, exception)


def test_reserved_aliases(said):
    assert said["alias of AWS"]["refused"] in ("NotAuthorizedException", "InvalidAliasNameException", "ValidationException")
    assert said["alias of AWS"]["status"] == 400


# --- ciphertexts ---

@pytest.mark.parametrize("step", ["opened", "opened by its key", "opened with its context"])
def test_ciphertexts(said, step):
    for sealed in (value(said, "sealed"), value(said, "sealed with a context")):
        assert sealed.pop("CiphertextBlob") and sealed == {"KeyId": arn(said, "aes"), "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}
    assert value(said, step) == {"KeyId": arn(said, "aes"), "Plaintext": SECRET, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}


def test_a_wide_context(said):
    value(said, "sealed with a wide context")
    assert value(said, "opened with a wide context")["Plaintext"] == SECRET


def test_the_longest_plaintext(said):
    assert unb64(value(said, "the most opened")["Plaintext"]) == bytes([7]) * 4096 and len(unb64(value(said, "the most sealed")["CiphertextBlob"])) <= 6144


@pytest.mark.parametrize("step", [
    "opened without its context", "opened with another context", "opened with too much context", "a bad one", "noise", "noise for a key",
    "moved opened as before", "moved with another context", "data key with another context"])
def test_bad_ciphertexts(said, step):
    refused(said, step, "InvalidCiphertextException")


@pytest.mark.parametrize("step,exception", [
    ("too much sealed", "ValidationException"), ("nothing sealed", "ValidationException"), ("sealed by a signer", "InvalidKeyUsageException"),
    ("sealed by another algorithm", "InvalidKeyUsageException"), ("moved to a signer", "InvalidKeyUsageException"),
    ("data key of both sizes", "ValidationException"), ("data key of no size", "ValidationException"), ("data key of a signer", "InvalidKeyUsageException"),
    ("too much random", "ValidationException")])
def test_not_sealed(said, step, exception):
    refused(said, step, exception)


@pytest.mark.parametrize("step", ["opened by another key", "moved from another key"])
def test_another_key(said, step):
    """The ciphertext is good, so the real service says what is wrong."""
    refused(said, step, "IncorrectKeyException")


@pytest.mark.parametrize("step", ["opened for an enclave", "data key for an enclave"])
def test_enclaves(said, step):
    """A plaintext that is for an enclave alone is nobody else's."""
    assert said[step].get("refused") in ("UnsupportedOperationException", "ValidationException") and said[step]["status"] == 400, said[step]


def test_moved(said):
    moved = value(said, "moved")
    assert moved.pop("CiphertextBlob") and moved == {
        "SourceKeyId": arn(said, "aes"), "SourceEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
        "KeyId": arn(said, "other"), "DestinationEncryptionAlgorithm": "SYMMETRIC_DEFAULT"}
    assert value(said, "moved opened") == {"KeyId": arn(said, "other"), "Plaintext": SECRET, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}


def test_rsa_algorithms(said):
    """Whoever has the public key encrypts without asking, by what it says."""
    algorithms = value(said, "public key of RSA")["EncryptionAlgorithms"]
    assert algorithms and algorithms == metadata(said, "described RSA")["EncryptionAlgorithms"] == metadata(said, "made rsa")["EncryptionAlgorithms"]
    for name in algorithms:
        for step in (f"opened by {name}", f"sealed by node for {name}"):
            assert value(said, step) == {"KeyId": arn(said, "rsa"), "Plaintext": SECRET, "EncryptionAlgorithm": name}


def test_many_at_once(said):
    """Some may be told to wait, and the client does."""
    assert said["at once"] == ["secret"] * 64


def test_the_native_api_opens_them(gateway, said):
    aliases = [alias["AliasName"] for alias in value(said, "aliases of the key")["Aliases"]]
    name = next(alias for alias in aliases if alias != "alias/Card_1/x-y").removeprefix("alias/")
    for step, context in (("sealed", {}), ("sealed with a context", {"order": "7", "customer": "ü"})):
        assert gateway.verb(name, "decrypt", {"ciphertext": value(said, step)["CiphertextBlob"], "context": context})["plaintext"] == SECRET
    made = value(said, "data key AES_256")
    assert gateway.verb(name, "unwrap", {"ciphertext": made["CiphertextBlob"], "context": {"order": "7"}})["plaintext"] == made["Plaintext"]
    pair = value(said, "pair RSA_2048")
    opened = gateway.verb(name, "decrypt", {"ciphertext": pair["PrivateKeyCiphertextBlob"], "context": {"order": "7"}})
    assert opened["plaintext"] == pair["PrivateKeyPlaintext"]


# --- data keys ---

@pytest.mark.parametrize("size,length", [("AES_256", 32), ("AES_128", 16), ("64", 64)])
def test_data_keys(said, size, length):
    made, wrapped = value(said, f"data key {size}"), value(said, f"data key {size} wrapped")
    assert len(unb64(made["Plaintext"])) == length and made["KeyId"] == wrapped["KeyId"] == arn(said, "aes") and set(wrapped) == {"KeyId", "CiphertextBlob"}
    assert value(said, f"data key {size} opened")["Plaintext"] == made["Plaintext"]
    assert len(unb64(value(said, f"data key {size} wrapped opened")["Plaintext"])) == length


@pytest.mark.parametrize("spec", PAIRS)
def test_pairs(said, spec):
    for step in (f"pair {spec}", f"pair {spec} wrapped"):
        made, opened = value(said, step), value(said, f"{step} opened")["Plaintext"]
        assert (made["KeyId"], made["KeyPairSpec"]) == (arn(said, "aes"), spec)
        assert made.get("PrivateKeyPlaintext") == (None if "wrapped" in step else opened)
        public = serialization.load_der_private_key(unb64(opened), None).public_key()
        assert public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo) == unb64(made["PublicKey"])


def test_random(said):
    assert len(unb64(value(said, "random")["Plaintext"])) == 1024


# --- signatures ---

def is_signed(public, algorithm, message, signature):
    try:
        if isinstance(public, ed25519.Ed25519PublicKey):
            public.verify(signature, message)
        else:
            hash_ = HASHES[f"sha2-{algorithm[-3:]}"]
            rsa = padding.PKCS1v15() if "PKCS1" in algorithm else padding.PSS(padding.MGF1(hash_), hash_.digest_size)
            public.verify(signature, message, *([ec.ECDSA(hash_)] if algorithm.startswith("ECDSA") else [rsa, hash_]))
    except InvalidSignature:
        return False
    return True


def test_signatures(said):
    expected = {(spec, name, kind) for spec, names in SIGNERS.items() for name in names for kind in ("RAW", "DIGEST")[:1 if "EDWARDS" in spec else 2]}
    assert {(made["name"], made["SigningAlgorithm"], made["MessageType"]) for made in said["signatures"]} == expected
    for made in said["signatures"]:
        public, signature = public_key(said, made["name"]), unb64(made["Signature"])
        assert made["SignatureValid"] is True and made["said"] == [arn(said, made["name"]), made["SigningAlgorithm"]]
        assert [is_signed(public, made["SigningAlgorithm"], message, signature) for message in (b"to be signed", b"another")] == [True, False], made


def test_macs(said):
    made = value(said, "mac")
    assert len(unb64(made.pop("Mac"))) == hashlib.sha256().digest_size and made == {"KeyId": arn(said, "HMAC_256"), "MacAlgorithm": "HMAC_SHA_256"}
    assert value(said, "mac verified") == {"KeyId": arn(said, "HMAC_256"), "MacAlgorithm": "HMAC_SHA_256", "MacValid": True}


@pytest.mark.parametrize("step,exception", [
    ("another message verified", "KMSInvalidSignatureException"), ("another signature verified", "KMSInvalidSignatureException"),
    ("a short digest signed", "ValidationException"), ("too much signed", "ValidationException"), ("signed by another algorithm", "InvalidKeyUsageException"),
    ("signed by AES", "InvalidKeyUsageException"), ("public key of AES", "UnsupportedOperationException"),
    ("mac of another message", "KMSInvalidMacException"), ("mac of another algorithm", "InvalidKeyUsageException")])
def test_not_signed(said, step, exception):
    refused(said, step, exception)


# --- states ---

def test_states(said):
    for step in ("disabled", "enabled", "enabled again"):
        assert value(said, step) == {}
    for step, state in (("made moves", "Enabled"), ("described while disabled", "Disabled"), ("described while pending", "PendingDeletion"),
                        ("described after cancelling", "Disabled")):
        assert (metadata(said, step)["KeyState"], metadata(said, step)["Enabled"]) == (state, state == "Enabled"), step
    scheduled = value(said, "deletion scheduled")
    assert scheduled.pop("DeletionDate") == metadata(said, "described while pending")["DeletionDate"]
    assert "DeletionDate" not in metadata(said, "described after cancelling")
    assert scheduled == {"KeyId": arn(said, "moves"), "KeyState": "PendingDeletion", "PendingWindowInDays": 7}
    assert value(said, "deletion cancelled") == {"KeyId": arn(said, "moves")}
    for step in ("opened after", "opened again", "opened after rotation"):
        assert value(said, step)["Plaintext"] == b64(b"x")


@pytest.mark.parametrize("step,exception", [
    ("sealed while disabled", "DisabledException"), ("opened while disabled", "DisabledException"), ("data key while disabled", "DisabledException"),
    ("opened while pending", "KMSInvalidStateException"), ("enabled while pending", "KMSInvalidStateException"),
    ("deletion scheduled again", "KMSInvalidStateException"), ("not to cancel", "KMSInvalidStateException"), ("deletion too soon", "ValidationException")])
def test_states_refuse(said, step, exception):
    refused(said, step, exception)


def test_tags(said):
    assert value(said, "tagged") == value(said, "untagged") == {}
    for step, tags in (("tags", {"stage": "prod", "team": "Ops"}), ("tags after", {"team": "Ops"})):
        found = value(said, step)
        assert {tag["TagKey"]: tag["TagValue"] for tag in found["Tags"]} == tags and found["Truncated"] is False


def test_rotation(said):
    for step in ("rotation before", "rotation after"):
        assert value(said, step) == {"KeyId": arn(said, "moves"), "KeyRotationEnabled": False}
    found = value(said, "rotation")
    assert found.pop("NextRotationDate") and found == {"KeyId": arn(said, "moves"), "KeyRotationEnabled": True, "RotationPeriodInDays": 90}
    assert value(said, "rotation enabled") == value(said, "rotation disabled") == {}
    assert value(said, "rotated")["KeyId"] in (arn(said, "moves"), metadata(said, "made moves")["KeyId"])
    assert value(said, "rotations before") == {"Rotations": [], "Truncated": False}
    assert value(said, "sealed after rotation")["KeyId"] == arn(said, "moves")


def test_rotation_too_often(said):
    refused(said, "rotation too often", "ValidationException")


@pytest.mark.parametrize("step", ["rotations", "rotations after"])
def test_rotations(said, step):
    """What brought a rotation about does not change with the key's settings."""
    found = value(said, step)
    assert [rotation["RotationType"] for rotation in found["Rotations"]] == ["ON_DEMAND"] and found["Rotations"][0]["RotationDate"]
    assert found["Truncated"] is False


@pytest.mark.parametrize("step", ["rotation of a signer", "a signer rotated"])
def test_signers_do_not_rotate(said, step):
    """A public key that was fetched once holds for as long as the key does."""
    refused(said, step, "UnsupportedOperationException")


# --- refusals ---

@pytest.mark.parametrize("operation", DRY)
def test_dry_runs(said, operation):
    refused(said, f"dry {operation}", "DryRunOperationException")


@pytest.mark.parametrize("step,exception", [
    ("dry for no key", "NotFoundException"), ("nobody encrypts, dry", "AccessDeniedException"),
    *((f"nobody {act}", "AccessDeniedException") for act in ("describes", "describes what is not there", "encrypts", "decrypts", "makes a key")),
    ("wrong secret", "InvalidSignatureException"), ("wrong access key", "UnrecognizedClientException"), ("late", "InvalidSignatureException"),
    ("unsigned", "MissingAuthenticationTokenException"), *((step, "NotFoundException") for step in ("no key", "no key to encrypt", "no id")),
    *((step, "UnsupportedOperationException") for step in ("grant", "policy", "import", "shared secret"))])
def test_refusals(said, step, exception):
    refused(said, step, exception)


def test_nobody_learns(said):
    assert value(said, "nobody lists") == {"Keys": [], "Truncated": False}
    assert said["nobody describes"]["message"] == said["nobody describes what is not there"]["message"]


def test_regions(said):
    assert metadata(said, "elsewhere")["Arn"] == arn(said, "aes").replace("us-east-1", "eu-central-1")


# --- tried again ---

@pytest.mark.parametrize("step,attempts", [("late, and again", 2), ("sent twice", 1)])
def test_tried_again(said, step, attempts):
    """The client sets its clock by the answer's date; what is sent twice at once is answered twice."""
    assert "value" in said[step] and said[step]["attempts"] == attempts, said[step]
