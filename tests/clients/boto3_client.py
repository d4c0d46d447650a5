"""boto3 as Debian ships it: every operation that is served, and the exceptions that it raises by name."""
import concurrent.futures
import hashlib
import itertools

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding

from client import need
from gateway import Gateway

boto3 = need("boto3")
botocore = need("botocore.exceptions")


@pytest.fixture(scope="module")
def gateway():
    with Gateway() as running:
        yield running


def connect(gateway, **more):
    return boto3.client("kms", **{"endpoint_url": gateway.env["AWS_ENDPOINT_URL_KMS"], "region_name": "us-east-1", "aws_access_key_id": gateway.env["AWS_ACCESS_KEY_ID"],
                                  "aws_secret_access_key": gateway.env["AWS_SECRET_ACCESS_KEY"], **more})


@pytest.fixture(scope="module")
def kms(gateway):
    return connect(gateway)


@pytest.fixture(scope="module")
def key(kms):
    return kms.create_key(Description="of a test")["KeyMetadata"]


def code(act, **arguments):
    with pytest.raises(botocore.ClientError) as refused:
        act(**arguments)
    return refused.value.response["Error"]["Code"]


def names_of(key):
    return key["KeyId"], key["Arn"]


def test_ciphertexts(kms, key):
    for name, context in itertools.product(names_of(key), ({}, {"order": "7", "customer": "ü"})):
        made = kms.encrypt(KeyId=name, Plaintext=b"secret", EncryptionContext=context)
        assert made["KeyId"] == key["Arn"]
        for asked in ({}, {"KeyId": name}):
            opened = kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext=context, **asked)
            assert (opened["Plaintext"], opened["KeyId"]) == (b"secret", key["Arn"])
        with pytest.raises(kms.exceptions.InvalidCiphertextException):
            kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext={"order": "8"})
    other = kms.create_key()["KeyMetadata"]
    moved = kms.re_encrypt(CiphertextBlob=made["CiphertextBlob"], SourceEncryptionContext=context, DestinationKeyId=other["KeyId"], DestinationEncryptionContext={"n": "1"})
    assert (moved["SourceKeyId"], moved["KeyId"]) == (key["Arn"], other["Arn"])
    assert kms.decrypt(CiphertextBlob=moved["CiphertextBlob"], EncryptionContext={"n": "1"})["Plaintext"] == b"secret"


def test_data_keys(kms, key):
    for asked, length in (({"KeySpec": "AES_256"}, 32), ({"KeySpec": "AES_128"}, 16), ({"NumberOfBytes": 64}, 64)):
        made = kms.generate_data_key(KeyId=key["KeyId"], **asked)
        assert len(made["Plaintext"]) == length and kms.decrypt(CiphertextBlob=made["CiphertextBlob"])["Plaintext"] == made["Plaintext"]
        assert "Plaintext" not in kms.generate_data_key_without_plaintext(KeyId=key["KeyId"], **asked)
    for spec in ("ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521", "ECC_SECG_P256K1", "RSA_2048"):
        made = kms.generate_data_key_pair(KeyId=key["KeyId"], KeyPairSpec=spec)
        private = serialization.load_der_private_key(made["PrivateKeyPlaintext"], None)
        spki = private.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        assert spki == made["PublicKey"] and kms.decrypt(CiphertextBlob=made["PrivateKeyCiphertextBlob"])["Plaintext"] == made["PrivateKeyPlaintext"]
    assert "PrivateKeyPlaintext" not in kms.generate_data_key_pair_without_plaintext(KeyId=key["KeyId"], KeyPairSpec="RSA_2048")
    assert len(kms.generate_random(NumberOfBytes=1024)["Plaintext"]) == 1024


def check(public, algorithm, message, signature):
    hash_ = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}[algorithm[-3:]]
    if algorithm.startswith("ECDSA"):
        public.verify(signature, message, ec.ECDSA(hash_))
    else:
        public.verify(signature, message, padding.PKCS1v15() if "PKCS1" in algorithm else padding.PSS(padding.MGF1(hash_), hash_.digest_size), hash_)


def test_signatures(kms):
    message = b"to be signed"
    for spec in ("ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521", "RSA_2048"):
        name = kms.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
        shown = kms.get_public_key(KeyId=name)
        public = serialization.load_der_public_key(shown["PublicKey"])
        assert shown["KeySpec"] == spec and shown["SigningAlgorithms"] == kms.describe_key(KeyId=name)["KeyMetadata"]["SigningAlgorithms"]
        for algorithm in shown["SigningAlgorithms"]:
            digest = hashlib.new("sha" + algorithm[-3:], message).digest()
            for asked in ({"Message": message}, {"Message": digest, "MessageType": "DIGEST"}):
                made = kms.sign(KeyId=name, SigningAlgorithm=algorithm, **asked)["Signature"]
                check(public, algorithm, message, made)
                assert kms.verify(KeyId=name, SigningAlgorithm=algorithm, Message=message, Signature=made)["SignatureValid"]
            with pytest.raises(kms.exceptions.KMSInvalidSignatureException):
                kms.verify(KeyId=name, SigningAlgorithm=algorithm, Message=b"another", Signature=made)
        assert code(kms.sign, KeyId=name, SigningAlgorithm=shown["SigningAlgorithms"][0], Message=b"short", MessageType="DIGEST") == "ValidationException"


def test_macs(kms):
    for spec in ("HMAC_256", "HMAC_384", "HMAC_512"):
        name, algorithm = kms.create_key(KeySpec=spec, KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["KeyId"], spec.replace("HMAC_", "HMAC_SHA_")
        made = kms.generate_mac(KeyId=name, MacAlgorithm=algorithm, Message=b"m")["Mac"]
        kms.rotate_key_on_demand(KeyId=name) if hasattr(kms, "rotate_key_on_demand") else None
        assert kms.verify_mac(KeyId=name, MacAlgorithm=algorithm, Message=b"m", Mac=made)["MacValid"]
        with pytest.raises(kms.exceptions.KMSInvalidMacException):
            kms.verify_mac(KeyId=name, MacAlgorithm=algorithm, Message=b"n", Mac=made)
        assert code(kms.generate_mac, KeyId=name, MacAlgorithm="HMAC_SHA_224", Message=b"m") == "InvalidKeyUsageException"


def test_aliases(kms, key):
    kms.create_alias(AliasName="alias/Card", TargetKeyId=key["KeyId"])
    arn = key["Arn"].replace("key/" + key["KeyId"], "alias/Card")
    assert kms.describe_key(KeyId="alias/Card")["KeyMetadata"]["KeyId"] == key["KeyId"] == kms.describe_key(KeyId=arn)["KeyMetadata"]["KeyId"]
    assert "alias/Card" in [a["AliasName"] for a in kms.list_aliases(KeyId=key["KeyId"])["Aliases"]]
    with pytest.raises(kms.exceptions.AlreadyExistsException):
        kms.create_alias(AliasName="alias/Card", TargetKeyId=key["KeyId"])
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.update_alias(AliasName="alias/Card", TargetKeyId=other)
    assert kms.describe_key(KeyId="alias/Card")["KeyMetadata"]["KeyId"] == other
    kms.delete_alias(AliasName="alias/Card")
    with pytest.raises(kms.exceptions.NotFoundException):
        kms.describe_key(KeyId="alias/Card")


def test_lists_go_on_page_by_page(kms):
    made = {kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(3)}
    pages = list(kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 2}))
    assert len(pages) > 1 and all(len(page["Keys"]) <= 2 for page in pages)
    found = [k["KeyId"] for page in pages for k in page["Keys"]]
    assert made <= set(found) and len(found) == len(set(found))
    assert made <= {a["TargetKeyId"] for page in kms.get_paginator("list_aliases").paginate(PaginationConfig={"PageSize": 2}) for a in page["Aliases"]}


def test_states(kms):
    name = kms.create_key(Tags=[{"TagKey": "team", "TagValue": "Shop"}])["KeyMetadata"]["KeyId"]
    sealed = kms.encrypt(KeyId=name, Plaintext=b"x")["CiphertextBlob"]
    kms.disable_key(KeyId=name)
    assert kms.describe_key(KeyId=name)["KeyMetadata"]["KeyState"] == "Disabled"
    for act, arguments in ((kms.encrypt, {"KeyId": name, "Plaintext": b"x"}), (kms.decrypt, {"CiphertextBlob": sealed})):
        with pytest.raises(kms.exceptions.DisabledException):
            act(**arguments)
    kms.enable_key(KeyId=name)
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"x" and kms.encrypt(KeyId=name, Plaintext=b"y")
    assert kms.schedule_key_deletion(KeyId=name, PendingWindowInDays=7)["DeletionDate"]
    assert kms.describe_key(KeyId=name)["KeyMetadata"]["KeyState"] == "PendingDeletion"
    with pytest.raises(kms.exceptions.KMSInvalidStateException):
        kms.decrypt(CiphertextBlob=sealed)
    kms.cancel_key_deletion(KeyId=name)
    assert kms.describe_key(KeyId=name)["KeyMetadata"]["KeyState"] == "Disabled"
    kms.enable_key(KeyId=name)
    kms.tag_resource(KeyId=name, Tags=[{"TagKey": "stage", "TagValue": "prod"}])
    kms.untag_resource(KeyId=name, TagKeys=["team"])
    assert kms.list_resource_tags(KeyId=name)["Tags"] == [{"TagKey": "stage", "TagValue": "prod"}]
    kms.enable_key_rotation(KeyId=name)
    assert kms.get_key_rotation_status(KeyId=name)["KeyRotationEnabled"]
    kms.disable_key_rotation(KeyId=name)
    assert not kms.get_key_rotation_status(KeyId=name)["KeyRotationEnabled"]
    kms.update_key_description(KeyId=name, Description="new")
    assert kms.describe_key(KeyId=name)["KeyMetadata"]["Description"] == "new"


def test_who_may_not(gateway, kms, key):
    made = gateway.do("POST", "/v1/auth/access-keys", {"name": "nobody", "ttl": "1h"})
    nobody = connect(gateway, aws_access_key_id=made["access_key_id"], aws_secret_access_key=made["secret_access_key"])
    assert code(nobody.describe_key, KeyId=key["KeyId"]) == code(nobody.describe_key, KeyId="alias/none/x") == "AccessDeniedException"
    assert code(connect(gateway, aws_secret_access_key="x").list_keys) == "InvalidSignatureException"
    assert code(connect(gateway, aws_access_key_id="x").list_keys) == "UnrecognizedClientException"
    assert code(kms.create_grant, KeyId=key["KeyId"], GranteePrincipal="x", Operations=["Decrypt"]) == "UnsupportedOperationException"
    assert code(kms.get_key_policy, KeyId=key["KeyId"], PolicyName="default") == "UnsupportedOperationException"
    assert code(kms.describe_key, KeyId="alias/none/x") == "NotFoundException"


def test_many_at_once(kms, key):
    def round_trip(number):
        plaintext = str(number).encode()
        return kms.decrypt(CiphertextBlob=kms.encrypt(KeyId=key["KeyId"], Plaintext=plaintext)["CiphertextBlob"])["Plaintext"] == plaintext
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert all(pool.map(round_trip, range(64)))


def test_botocores_presigner(gateway):
    """Its signatures in the query of requests with a body, and the same vectors in a unit test."""
    auth, credentials, awsrequest = (need(f"botocore.{name}") for name in ("auth", "credentials", "awsrequest"))

    class WithBody(auth.SigV4QueryAuth):
        """It would move a body into the query, as services do that take forms; AWS KMS takes JSON."""
        def _modify_request_before_signing(self, request):
            body, request.data = request.data, b""
            super()._modify_request_before_signing(request)
            request.data = body

        def payload(self, request):
            return hashlib.sha256(request.data).hexdigest()
    own = credentials.Credentials(gateway.env["AWS_ACCESS_KEY_ID"], gateway.env["AWS_SECRET_ACCESS_KEY"])
    address = gateway.env["AWS_ENDPOINT_URL_KMS"].rstrip("/")
    host = address.partition("//")[2]
    for query, target in (("", {"X-Amz-Target": "TrentService.ListKeys"}), ("?X-Amz-Target=TrentService.ListKeys", {}),
                          ("?a=%2Fb%20c&x=", {"X-Amz-Target": "TrentService.ListKeys"})):
        request = awsrequest.AWSRequest("POST", f"{address}/{query}", headers={"Host": host, **target}, data=b'{"Limit":1}')
        WithBody(own, "kms", "us-east-1", expires=60).add_auth(request)
        path = request.url[len(address):]
        answer = gateway.call("POST", path, request.data, token="", headers={"Host": host, **target})
        assert answer.status == 200 and len(answer.json["Keys"]) <= 1, answer.body
        changed = gateway.call("POST", path.replace("X-Amz-Expires=60", "X-Amz-Expires=61"), request.data, token="", headers={"Host": host, **target})
        assert changed.json["__type"] == "InvalidSignatureException"


def test_a_ciphertext_of_another_key(kms, key):
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    sealed = kms.encrypt(KeyId=other, Plaintext=b"x")["CiphertextBlob"]
    with pytest.raises(kms.exceptions.IncorrectKeyException):
        kms.decrypt(KeyId=key["KeyId"], CiphertextBlob=sealed)
    with pytest.raises(kms.exceptions.IncorrectKeyException):
        kms.re_encrypt(SourceKeyId=key["KeyId"], CiphertextBlob=sealed, DestinationKeyId=other)
