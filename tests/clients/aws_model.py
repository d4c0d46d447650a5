"""The inputs of every operation held against AWS's own model of KMS, as botocore ships it: each member left out, too short, too long, out of range, of another type and of no known
word; every exception must be one that the model has for the operation, or that all services of this protocol have."""
import string

import pytest

from client import need
from gateway import Gateway, b64
from kms import AES, EC, MAC, Aws, alias, bodies

loaders = need("botocore.loaders")
MODEL = loaders.Loader().load_service_model("kms", "service-2")
SHAPES = MODEL["shapes"]
# AWS Key Management Service API Reference, "Common Errors", and of the protocol
COMMON = {"AccessDeniedException", "ValidationException", "SerializationException", "ThrottlingException", "UnsupportedOperationException"}
LATER = {"DryRunOperationException", "IncorrectKeyException"}  # that older models do not have
OTHERS = {"string": (7, True, [], {}), "blob": (7, True, [], {}), "integer": ("7", True, [], {}, 1.5), "boolean": ("true", 7, [], {}),
          "map": ("x", 7, True, [], {"a": 7}, {"a": None}, {"a": {}}),
          "list": ("x", 7, True, {}, [7], [[]])}
# What means something that there is not here, whatever it says; and narrower than the model, where AWS's API Reference is.
NEVER = {"Recipient": "Decrypt", "DryRunModifiers": "Decrypt", "Policy": "CreateKey", "CustomKeyStoreId": "CreateKey", "XksKeyId": "CreateKey"}
ELSEWHERE = {("ScheduleKeyDeletion", "PendingWindowInDays"): (7, 30), ("EnableKeyRotation", "RotationPeriodInDays"): (90, 2560)}


@pytest.fixture(scope="module")
def aws():
    with Gateway() as running:
        running.key(AES, "aes-256-gcm")
        running.key(EC, "ecdsa-p256")
        running.key(MAC, "hmac-sha256")
        running.key("app/prod/scratch", "aes-256-gcm")
        yield Aws(running)


@pytest.fixture(scope="module")
def good(aws):
    made = bodies(aws.do("Encrypt", {"KeyId": alias(AES), "Plaintext": "eA==", "EncryptionContext": {"a": "b"}})["CiphertextBlob"])
    return {operation: body for operation, body in made.items() if operation in MODEL["operations"]}


def members(operation):
    shape = SHAPES[MODEL["operations"][operation]["input"]["shape"]]
    return {name: SHAPES[member["shape"]] for name, member in shape["members"].items()}, shape.get("required", [])


def answer(aws, operation, body):
    status, said = aws.send(operation, body)
    if status == 200:
        return "ok"
    name = said["__type"]
    known = {error["shape"] for error in MODEL["operations"][operation].get("errors", [])} | COMMON | LATER
    assert status in (400, 500) and name in known and said["message"], (operation, body, status, said)
    assert (status == 500) == (name in ("KMSInternalException", "KeyUnavailableException", "DependencyTimeoutException")), (operation, said)
    return name


def bad_values(operation, name, shape):
    """Values of the right type that the model, or the API Reference, does not take."""
    least, most = ELSEWHERE.get((operation, name), (shape.get("min"), shape.get("max")))
    if "enum" in shape:
        return ["NONE_OF_THESE", "", shape["enum"][0].lower()]
    sizes = [size for size in ((least - 1 if least else None), (most + 1 if most else None)) if size is not None]
    if shape["type"] == "integer":
        return sizes + [-1, 2 ** 31]
    if shape["type"] == "list":
        item = SHAPES[shape["member"]["shape"]]
        good_item = "x" if item["type"] == "string" else None
        long_item = ["x" * (item["max"] + 1)] if item.get("max") and name == "GrantTokens" else None
        return [value for value in ([good_item] * (most + 1) if most and good_item else None, [""] if item.get("min") and good_item else None, long_item) if value is not None]
    fill = {"string": lambda size: "x" * size, "blob": lambda size: b64(bytes(size))}.get(shape["type"])
    return [fill(size) for size in sizes] if fill else []


def test_good_inputs_are_taken(aws, good):
    for operation, body in good.items():
        assert answer(aws, operation, body) in ("ok", "KMSInvalidSignatureException", "KMSInvalidMacException"), operation
        again = answer(aws, operation, {**body, "NoMemberOfTheModel": {"a": [1, None]}})
        assert again not in ("ValidationException", "SerializationException"), "ignored, as AWS does"


def test_members_that_are_missing(aws, good):
    for operation, body in good.items():
        for name in members(operation)[1]:
            for without in ({other: value for other, value in body.items() if other != name}, {**body, name: None}):
                assert answer(aws, operation, without) == "ValidationException", (operation, name)


def test_values_that_are_out_of_the_model(aws, good):
    asked = 0
    for operation, body in good.items():
        for name, shape in members(operation)[0].items():
            for value in bad_values(operation, name, shape) if name not in NEVER else ():
                assert answer(aws, operation, {**body, name: value}) == "ValidationException", (operation, name, str(value)[:60])
                asked += 1
    assert asked > 200


def test_values_of_another_type(aws, good):
    asked = 0
    for operation, body in good.items():
        for name, shape in members(operation)[0].items():
            for value in OTHERS.get(shape["type"], ()) if name not in NEVER else ():
                assert answer(aws, operation, {**body, name: value}) == "SerializationException", (operation, name, value)
                asked += 1
    assert asked > 300


def test_words_of_the_model_that_are_not_served(aws, good):
    """They are known, so it is not their spelling that is refused; and nothing breaks."""
    for operation, body in good.items():
        for name, shape in members(operation)[0].items():
            for word in shape.get("enum", ()):
                assert answer(aws, operation, {**body, name: word, "DryRun": True}) not in ("SerializationException", "KMSInternalException"), (operation, name, word)
    for spec in ("ECC_SECG_P256K1", "SM2", "HMAC_224"):
        assert answer(aws, "CreateKey", {"KeySpec": spec, "KeyUsage": "SIGN_VERIFY"}) == "UnsupportedOperationException"
    for name, operation in NEVER.items():
        assert answer(aws, operation, {**good[operation], name: "x"}) == "UnsupportedOperationException", name


def test_data_keys_of_any_length(aws):
    for size in (1, 15, 17, 33, 1023, 1024):
        made = aws.do("GenerateDataKey", {"KeyId": alias(AES), "NumberOfBytes": size, "EncryptionContext": {"a": "b"}})
        wrapped = aws.do("GenerateDataKeyWithoutPlaintext", {"KeyId": alias(AES), "NumberOfBytes": size})
        assert len(made["Plaintext"].encode()) == (size + 2) // 3 * 4 and "Plaintext" not in wrapped
        assert aws.do("Decrypt", {"CiphertextBlob": made["CiphertextBlob"], "EncryptionContext": {"a": "b"}})["Plaintext"] == made["Plaintext"]
        assert aws.do("Decrypt", {"CiphertextBlob": wrapped["CiphertextBlob"]})["Plaintext"] != made["Plaintext"]
        moved = aws.do("ReEncrypt", {"CiphertextBlob": wrapped["CiphertextBlob"], "DestinationKeyId": alias(AES)})
        assert aws.gateway.call("POST", f"/v1/keys/{AES}:unwrap", {"ciphertext": moved["CiphertextBlob"]}).status == 200, "natively, too"


def test_operations_that_are_not_served(aws, good):
    others = set(MODEL["operations"]) - set(good)
    assert len(good) >= 30 and len(others) >= 15
    for operation in others:
        assert answer(aws, operation, {}) == "UnsupportedOperationException", operation
    for operation in ("", "Nothing", "encrypt", "EncryptX"):
        assert aws.send(operation, {})[1]["__type"] == "UnknownOperationException"
    assert all(set(operation) <= set(string.ascii_letters) for operation in good)
