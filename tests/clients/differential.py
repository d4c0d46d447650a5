"""openssl and jwcrypto look at what the gateway makes in the words of Vault and of AWS KMS, and it opens what they make with a public key from there."""
import hashlib
import json
import subprocess

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from jwcrypto import jwe, jwk, jws
from jwcrypto.common import base64url_decode, base64url_encode

from gateway import Gateway, b64, unb64
from transit import bare

MESSAGE = b"to be signed"
ECS = {"ecdsa-p256": 256, "ecdsa-p384": 384, "ecdsa-p521": 512}
SIGNERS = [*ECS, "ed25519", "rsa-2048"]
RSA = [f"RSASSA_{padding}_SHA_{bits}" for padding in ("PKCS1_V1_5", "PSS") for bits in (256, 384, 512)]
OF_AWS = [(name, f"ECDSA_SHA_{bits}") for name, bits in ECS.items()] + [("ed25519", "ED25519_SHA_512")] + [("rsa-2048", name) for name in RSA]
SCHEMES = {"ecdsa-p256": ["ES256"], "ecdsa-p384": ["ES384"], "ecdsa-p521": ["ES512"], "ed25519": ["EdDSA"],
           "rsa-2048": ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]}
PSS = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"]


@pytest.fixture(scope="module")
def gateway():
    with Gateway() as running:
        for name in SIGNERS:
            running.key(f"transit/{name}", name)
        running.key("transit/rsa", "rsa-2048", purpose="decrypt")
        running.key("transit/aes", "aes-256-gcm")
        yield running


@pytest.fixture(scope="module")
def oaep(gateway):
    """The hash that the token takes."""
    mechanisms = gateway.do("GET", "/v1/tokens")["tokens"][0]["probe"]["mechanisms"]
    return "sha256" if "rsa-oaep-sha256" in mechanisms else "sha1"


def aws(gateway, operation, **body):
    headers = {"X-Amz-Target": f"TrentService.{operation}", "Content-Type": "application/x-amz-json-1.1"}
    answer = gateway.call("POST", "/", body, headers=headers)
    assert answer.status == 200, (operation, answer.json)
    return answer.json


def vault(gateway, path, **body):
    return gateway.do("POST" if body else "GET", f"/v1/transit/{path}", body or None)["data"]


class Openssl:
    """Each input is a file of its name in a folder."""

    def __init__(self, folder):
        self.folder = folder

    def run(self, *arguments, **files):
        for name, data in files.items():
            (self.folder / name).write_bytes(data)
        return subprocess.run(["openssl", *arguments], cwd=self.folder, capture_output=True)

    def do(self, *arguments, **files):
        done = self.run(*arguments, **files)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def verifies(self, public, signature, digest=None, message=MESSAGE, form="PEM", options=()):
        """Without a digest the message is signed as it is."""
        key = ["-pubin", "-inkey", "public", "-keyform", form]
        command = ["pkeyutl", "-verify", "-rawin", *key, "-in", "message", "-sigfile", "signature"]
        if digest:
            command = ["dgst", f"-{digest}", "-verify", "public", "-keyform", form, "-signature", "signature", *options, "message"]
        return self.run(*command, public=public, signature=signature, message=message).returncode == 0

    def encrypt(self, public, plaintext, oaep, form="PEM"):
        options = ["-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", f"rsa_oaep_md:{oaep}", "-pkeyopt", f"rsa_mgf1_md:{oaep}"]
        key = ["-pubin", "-inkey", "public", "-keyform", form]
        return self.do("pkeyutl", "-encrypt", *key, "-in", "plaintext", *options, public=public, plaintext=plaintext)


@pytest.fixture
def openssl(tmp_path):
    return Openssl(tmp_path)


def pem_of(gateway, name):
    """As Vault's API exports it; Ed25519 is raw there."""
    exported = vault(gateway, f"export/public-key/{name}/1")["keys"]["1"]
    if name != "ed25519":
        return exported.encode()
    return jwk.JWK(kty="OKP", crv="Ed25519", x=base64url_encode(unb64(exported))).export_to_pem()


# --- signatures ---

@pytest.mark.parametrize("name,algorithm", OF_AWS)
def test_aws_signatures(gateway, openssl, name, algorithm):
    of = {"KeyId": f"alias/transit/{name}", "SigningAlgorithm": algorithm}
    public = unb64(aws(gateway, "GetPublicKey", KeyId=of["KeyId"])["PublicKey"])
    assert b"Key is valid" in openssl.do("pkey", "-pubin", "-inform", "DER", "-in", "public", "-pubcheck", "-noout", public=public)
    digest, options = None if name == "ed25519" else f"sha{algorithm[-3:]}", PSS if "PSS" in algorithm else []
    asked = [{"Message": b64(MESSAGE)}] + ([{"Message": b64(hashlib.new(digest, MESSAGE).digest()), "MessageType": "DIGEST"}] if digest else [])
    for message in asked:
        signature = unb64(aws(gateway, "Sign", **of, **message)["Signature"])
        assert [openssl.verifies(public, signature, digest, text, "DER", options) for text in (MESSAGE, b"another")] == [True, False]


@pytest.mark.parametrize("name,digest,algorithm", [
    *((name, digest, "") for name in ECS for digest in ("sha256", "sha384", "sha512")), ("ed25519", None, ""),
    *(("rsa-2048", digest, algorithm) for digest in ("sha256", "sha384", "sha512") for algorithm in ("pss", "pkcs1v15"))])
def test_vault_signatures(gateway, openssl, name, digest, algorithm):
    of = {**({"hash_algorithm": f"sha2-{digest[3:]}"} if digest else {}), **({"signature_algorithm": algorithm} if algorithm else {})}
    asked = [{"input": b64(MESSAGE)}] + ([{"input": b64(hashlib.new(digest, MESSAGE).digest()), "prehashed": True}] if digest else [])
    for body in asked:
        _, signature = bare(vault(gateway, f"sign/{name}", **of, **body)["signature"])
        public, options = pem_of(gateway, name), PSS if algorithm == "pss" else []
        assert [openssl.verifies(public, signature, digest, text, options=options) for text in (MESSAGE, b"another")] == [True, False]


@pytest.mark.parametrize("name,scheme", [(name, scheme) for name, schemes in SCHEMES.items() for scheme in schemes])
def test_vault_signatures_as_jws(gateway, name, scheme):
    """What is signed with `jws` stands in a JWS as it is."""
    signed, changed = (f"{base64url_encode(json.dumps({'alg': scheme}))}.{base64url_encode(message)}" for message in (MESSAGE, b"another"))
    of = {"hash_algorithm": f"sha2-{scheme[2:]}"} if scheme != "EdDSA" else {}
    of.update({"signature_algorithm": "pkcs1v15" if scheme[0] == "R" else "pss"} if name == "rsa-2048" else {})
    made = vault(gateway, f"sign/{name}", input=b64(signed.encode()), marshaling_algorithm="jws", **of)
    _, signature = bare(made["signature"], jws=True)
    key = jwk.JWK.from_pem(pem_of(gateway, name))
    token = jws.JWS()
    token.allowed_algs = [scheme]
    token.deserialize(f"{signed}.{base64url_encode(signature)}", key)
    assert token.payload == MESSAGE
    with pytest.raises(jws.InvalidJWSSignature):
        token.deserialize(f"{changed}.{base64url_encode(signature)}", key)


@pytest.mark.parametrize("name,algorithm", OF_AWS)
def test_the_dialects_agree(gateway, name, algorithm):
    """A signature that one made is one to the other."""
    of = {"KeyId": f"alias/transit/{name}", "SigningAlgorithm": algorithm, "Message": b64(MESSAGE)}
    options = {} if name == "ed25519" else {"hash_algorithm": f"sha2-{algorithm[-3:]}"}
    options.update({"signature_algorithm": "pss" if "PSS" in algorithm else "pkcs1v15"} if name == "rsa-2048" else {})
    made = aws(gateway, "Sign", **of)["Signature"]
    assert vault(gateway, f"verify/{name}", input=b64(MESSAGE), signature=f"vault:v1:{made}", **options)["valid"] is True
    made = vault(gateway, f"sign/{name}", input=b64(MESSAGE), **options)["signature"]
    assert aws(gateway, "Verify", **of, Signature=made.removeprefix("vault:v1:"))["SignatureValid"] is True


# --- keys ---

@pytest.mark.parametrize("spec", ["ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521", "ECC_SECG_P256K1", "ECC_NIST_EDWARDS25519", "RSA_2048", "RSA_3072"])
def test_pairs(gateway, openssl, spec):
    made = aws(gateway, "GenerateDataKeyPair", KeyId="alias/transit/aes", KeyPairSpec=spec)
    openssl.do("pkey", "-inform", "DER", "-in", "private", "-check", "-noout", private=unb64(made["PrivateKeyPlaintext"]))
    assert openssl.do("pkey", "-inform", "DER", "-in", "private", "-pubout", "-outform", "DER") == unb64(made["PublicKey"])
    assert aws(gateway, "Decrypt", CiphertextBlob=made["PrivateKeyCiphertextBlob"])["Plaintext"] == made["PrivateKeyPlaintext"]


# --- sealed with a public key ---

def test_aws_says_which_oaep(gateway, oaep):
    """Whoever encrypts with the public key goes by this."""
    wanted = {"sha1": "RSAES_OAEP_SHA_1", "sha256": "RSAES_OAEP_SHA_256"}[oaep]
    for operation, member in (("GetPublicKey", None), ("DescribeKey", "KeyMetadata")):
        answer = aws(gateway, operation, KeyId="alias/transit/rsa")
        assert wanted in (answer[member] if member else answer)["EncryptionAlgorithms"]


def test_aws_opens_what_openssl_sealed(gateway, openssl):
    """By each algorithm that it says it has."""
    answer = aws(gateway, "GetPublicKey", KeyId="alias/transit/rsa")
    assert answer["EncryptionAlgorithms"]
    for algorithm in answer["EncryptionAlgorithms"]:
        sealed = openssl.encrypt(unb64(answer["PublicKey"]), b"secret", "sha256" if algorithm.endswith("SHA_256") else "sha1", "DER")
        opened = aws(gateway, "Decrypt", KeyId="alias/transit/rsa", CiphertextBlob=b64(sealed), EncryptionAlgorithm=algorithm)
        assert (unb64(opened["Plaintext"]), opened["EncryptionAlgorithm"]) == (b"secret", algorithm)


def test_vault_opens_what_openssl_sealed(gateway, openssl, oaep):
    sealed = openssl.encrypt(pem_of(gateway, "rsa"), b"secret", oaep)
    assert unb64(vault(gateway, "decrypt/rsa", ciphertext=f"vault:v1:{b64(sealed)}")["plaintext"]) == b"secret"


def test_a_jwe_opens_by_its_key(gateway, oaep):
    """jwcrypto seals to the public key, and the native API opens the content key."""
    algorithm = "RSA-OAEP-256" if oaep == "sha256" else "RSA-OAEP"
    key = jwk.JWK.from_pem(gateway.call("GET", "/v1/keys/transit/rsa:public-key").body)
    token = jwe.JWE(b"secret", json.dumps({"alg": algorithm, "enc": "A256GCM"}), recipient=key)
    header, sealed, iv, ciphertext, tag = token.serialize(compact=True).split(".")
    content_key = unb64(gateway.verb("transit/rsa", "decrypt", {"ciphertext": b64(base64url_decode(sealed))})["plaintext"])
    assert len(content_key) == 32
    assert AESGCM(content_key).decrypt(base64url_decode(iv), base64url_decode(ciphertext) + base64url_decode(tag), header.encode()) == b"secret"
