"""The aws command as Debian ships it, as docs/clients.md says that it is called: what it prints, and how it ends when the gateway refuses.

Each run takes a second, so a key is made once and each command runs once.
"""
import base64
import datetime
import hashlib
import json
import os
import re
import subprocess

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from client import need_program
from gateway import Gateway, b64, programs, unb64

AWS, ENVIRONMENT = need_program("aws")
REFUSED = 254
MESSAGE = b"to be signed\n"


class Aws:
    """The command in a folder of its own, where its files are."""

    def __init__(self, gateway, folder, **credentials):
        self.folder = folder
        self.command = [AWS, "--endpoint-url", gateway.env["AWS_ENDPOINT_URL_KMS"], "kms"]
        self.env = {**ENVIRONMENT, "HOME": str(folder), "AWS_CONFIG_FILE": os.devnull, "AWS_DEFAULT_REGION": "us-east-1", "AWS_PAGER": "",
                    **{name: gateway.env[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}, **credentials}

    def run(self, *arguments):
        return subprocess.run([*self.command, *arguments], cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=60)

    def text(self, *arguments):
        done = self.run(*arguments, "--output", "text")
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout.removesuffix("\n")

    def json(self, *arguments):
        """What commands without an answer print is nothing at all."""
        done = self.run(*arguments, "--output", "json")
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return json.loads(done.stdout) if done.stdout else None

    def refused(self, exception, operation, *arguments):
        """The message. After several tries the text says so behind the operation."""
        done = self.run(*arguments)
        start = f"\nAn error occurred ({exception}) when calling the {operation} operation: "
        assert (done.returncode, done.stdout) == (REFUSED, "") and done.stderr.startswith(start), done
        assert len(done.stderr) > len(start) + 1
        return done.stderr.removeprefix(start)

    def write(self, name, data):
        (self.folder / name).write_bytes(data)
        return f"fileb://{name}"


@pytest.fixture(scope="module")
def gateway():
    with Gateway() as running:
        yield running


@pytest.fixture(scope="module")
def aws(gateway, tmp_path_factory):
    made = Aws(gateway, tmp_path_factory.mktemp("aws"))
    made.write("message", MESSAGE)
    return made


@pytest.fixture(scope="module")
def key(gateway):
    gateway.key("kms/card-dek", "aes-256-gcm")
    return "alias/kms/card-dek"


@pytest.fixture(scope="module")
def arn(aws, key):
    return aws.text("describe-key", "--key-id", key, "--query", "KeyMetadata.Arn")


def test_keys(aws):
    made = aws.json("create-key", "--description", "of a test", "--tags", "TagKey=team,TagValue=Shop")["KeyMetadata"]
    assert datetime.datetime.fromisoformat(made["CreationDate"]).tzinfo and made["Description"] == "of a test"
    assert re.fullmatch(rf"arn:aws:kms:us-east-1:\d{{12}}:key/{made['KeyId']}", made["Arn"])
    assert aws.json("describe-key", "--key-id", made["Arn"])["KeyMetadata"] == made
    assert aws.text("list-resource-tags", "--key-id", made["KeyId"]) == "TAGS\tteam\tShop"


def test_aliases(aws, key, arn):
    assert aws.json("create-alias", "--alias-name", "alias/Card", "--target-key-id", arn) is None
    listed = aws.text("list-aliases", "--key-id", arn, "--query", "Aliases[].AliasName").split("\t")
    assert sorted(listed) == sorted(["alias/Card", key])
    aws.refused("AlreadyExistsException", "CreateAlias", "create-alias", "--alias-name", "alias/Card", "--target-key-id", arn)
    other = aws.text("create-key", "--query", "KeyMetadata.KeyId")
    assert aws.json("update-alias", "--alias-name", "alias/Card", "--target-key-id", other) is None
    assert aws.text("describe-key", "--key-id", "alias/Card", "--query", "KeyMetadata.KeyId") == other
    assert aws.json("delete-alias", "--alias-name", "alias/Card") is None
    aws.refused("NotFoundException", "DescribeKey", "describe-key", "--key-id", "alias/Card")


def test_lists(aws, arn):
    pages = aws.json("list-keys", "--page-size", "1")["Keys"]
    assert arn in [one["KeyArn"] for one in pages] and len(pages) > 2
    first = aws.json("list-keys", "--max-items", "1")
    assert first["Keys"] == pages[:1]
    assert aws.json("list-keys", "--starting-token", first["NextToken"])["Keys"] == pages[1:]


def test_files(aws, key, arn):
    """Plaintexts and ciphertexts as files, and in base64 as the command takes them otherwise."""
    context = ["--encryption-context", "order=7,customer=ü"]
    sealed = base64.b64decode(aws.text("encrypt", "--key-id", key, "--plaintext", "fileb://message", *context, "--query", "CiphertextBlob"))
    blob = aws.write("sealed", sealed)
    assert unb64(aws.text("decrypt", "--ciphertext-blob", blob, "--encryption-context", '{"customer":"ü","order":"7"}', "--query", "Plaintext")) == MESSAGE
    assert aws.json("decrypt", "--ciphertext-blob", b64(sealed), "--key-id", key, *context) == {
        "KeyId": arn, "Plaintext": b64(MESSAGE), "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}
    for arguments in ([], ["--encryption-context", "order=8,customer=ü"]):
        aws.refused("InvalidCiphertextException", "Decrypt", "decrypt", "--ciphertext-blob", blob, *arguments)
    moved = aws.json("re-encrypt", "--ciphertext-blob", blob, "--source-encryption-context", "order=7,customer=ü", "--destination-key-id", key)
    assert (moved["SourceKeyId"], moved["KeyId"]) == (arn, arn)
    assert unb64(aws.text("decrypt", "--ciphertext-blob", moved["CiphertextBlob"], "--query", "Plaintext")) == MESSAGE


def test_the_native_api_opens_them(aws, gateway, key):
    sealed = aws.text("encrypt", "--key-id", key, "--plaintext", b64(b"secret"), "--encryption-context", "order=7", "--query", "CiphertextBlob")
    assert unb64(gateway.verb("kms/card-dek", "decrypt", {"ciphertext": sealed, "context": {"order": "7"}})["plaintext"]) == b"secret"


def test_data_keys(aws, gateway, key, arn):
    made = aws.json("generate-data-key", "--key-id", key, "--key-spec", "AES_256")
    assert len(unb64(made["Plaintext"])) == 32 and made["KeyId"] == arn
    assert aws.text("decrypt", "--ciphertext-blob", made["CiphertextBlob"], "--query", "Plaintext") == made["Plaintext"]
    wrapped = aws.json("generate-data-key-without-plaintext", "--key-id", key, "--number-of-bytes", "64")
    assert set(wrapped) == {"CiphertextBlob", "KeyId"}
    assert len(unb64(gateway.verb("kms/card-dek", "unwrap", {"ciphertext": wrapped["CiphertextBlob"]})["plaintext"])) == 64
    pair = aws.json("generate-data-key-pair", "--key-id", key, "--key-pair-spec", "ECC_NIST_P256")
    public = serialization.load_der_private_key(unb64(pair["PrivateKeyPlaintext"]), None).public_key()
    assert public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo) == unb64(pair["PublicKey"])
    assert len(base64.b64decode(aws.text("generate-random", "--number-of-bytes", "100", "--query", "Plaintext"))) == 100


def test_signatures(aws):
    signer = aws.text("create-key", "--key-spec", "ECC_NIST_P256", "--key-usage", "SIGN_VERIFY", "--query", "KeyMetadata.KeyId")
    of = ["--key-id", signer, "--signing-algorithm", "ECDSA_SHA_256"]
    public = serialization.load_der_public_key(base64.b64decode(aws.text("get-public-key", "--key-id", signer, "--query", "PublicKey")))
    digest = aws.write("digest", hashlib.sha256(MESSAGE).digest())
    for asked in (["--message", "fileb://message"], ["--message", digest, "--message-type", "DIGEST"]):
        signature = aws.write("signature", base64.b64decode(aws.text("sign", *of, *asked, "--query", "Signature")))
        public.verify((aws.folder / "signature").read_bytes(), MESSAGE, ec.ECDSA(hashes.SHA256()))
    assert aws.json("verify", *of, "--message", "fileb://message", "--signature", signature)["SignatureValid"] is True
    aws.refused("KMSInvalidSignatureException", "Verify", "verify", *of, "--message", aws.write("other", b"another"), "--signature", signature)


def test_macs(aws):
    maker = aws.text("create-key", "--key-spec", "HMAC_256", "--key-usage", "GENERATE_VERIFY_MAC", "--query", "KeyMetadata.KeyId")
    of = ["--key-id", maker, "--mac-algorithm", "HMAC_SHA_256", "--message"]
    mac = aws.text("generate-mac", *of, "fileb://message", "--query", "Mac")
    assert aws.json("verify-mac", *of, "fileb://message", "--mac", mac)["MacValid"] is True
    aws.refused("KMSInvalidMacException", "VerifyMac", "verify-mac", *of, b64(b"another"), "--mac", mac)


def test_states(aws):
    name = ["--key-id", aws.text("create-key", "--query", "KeyMetadata.KeyId")]
    blob = aws.text("encrypt", *name, "--plaintext", "fileb://message", "--query", "CiphertextBlob")
    assert aws.json("disable-key", *name) is None
    assert aws.refused("DisabledException", "Encrypt", "encrypt", *name, "--plaintext", "fileb://message").endswith(f"{name[1]} is disabled.\n")
    assert aws.json("enable-key", *name) is None
    assert aws.json("enable-key-rotation", *name) is None
    assert aws.json("get-key-rotation-status", *name)["KeyRotationEnabled"] is True
    ends = aws.json("schedule-key-deletion", *name, "--pending-window-in-days", "7")
    left = datetime.datetime.fromisoformat(ends["DeletionDate"]) - datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(days=6, hours=23) < left <= datetime.timedelta(days=7)
    aws.refused("KMSInvalidStateException", "Decrypt", "decrypt", "--ciphertext-blob", blob)
    assert aws.text("cancel-key-deletion", *name).endswith(f":key/{name[1]}")


def test_refusals(aws, gateway, key, tmp_path):
    made = gateway.do("POST", "/v1/auth/access-keys", {"name": "nobody", "ttl": "1h"})
    nobody = Aws(gateway, tmp_path, AWS_ACCESS_KEY_ID=made["access_key_id"], AWS_SECRET_ACCESS_KEY=made["secret_access_key"])
    nobody.refused("AccessDeniedException", "Encrypt", "encrypt", "--key-id", key, "--plaintext", "eA==")
    forged = Aws(gateway, tmp_path, AWS_SECRET_ACCESS_KEY=made["secret_access_key"])
    forged.refused("InvalidSignatureException", "ListKeys", "list-keys")
    unknown = Aws(gateway, tmp_path, AWS_ACCESS_KEY_ID="AKIAIOSFODNN7EXAMPLE")
    unknown.refused("UnrecognizedClientException", "ListKeys", "list-keys")
    grant = ["create-grant", "--key-id", key, "--grantee-principal", "arn:aws:iam::123456789012:role/x", "--operations", "Decrypt"]
    aws.refused("UnsupportedOperationException", "CreateGrant", *grant)


def test_unsigned_requests(aws):
    aws.refused("MissingAuthenticationTokenException", "ListKeys", "list-keys", "--no-sign-request")


def test_credentials_by_command(gateway, key, tmp_path):
    """The file that our command writes is one that this command reads."""
    gateway.do("PUT", "/v1/grants/orders", {"principal": "token:orders", "keys": "kms/*", "operations": ["encrypt"], "justification": "a test"})
    command = [programs() / "hsmgate", "access-key", "create", "orders-aws", "--subject", "orders", "--ttl", "30d", "--out", "credentials"]
    subprocess.run(command, cwd=tmp_path, env={**os.environ, **gateway.env}, check=True, capture_output=True)
    orders = Aws(gateway, tmp_path, AWS_SHARED_CREDENTIALS_FILE="credentials")
    orders.env = {name: value for name, value in orders.env.items() if "ACCESS_KEY" not in name}
    blob = orders.text("encrypt", "--key-id", key, "--plaintext", "eA==", "--query", "CiphertextBlob")
    orders.refused("AccessDeniedException", "Decrypt", "decrypt", "--ciphertext-blob", blob)
