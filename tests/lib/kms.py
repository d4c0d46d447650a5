"""AWS KMS's API on the wire, signed by the tests' own implementation."""
import contextlib
import json
import urllib.parse

import sigv4

AES, EC, MAC = "app/prod/aes", "app/prod/ec", "app/prod/mac"
UNPROVEN = {"IncompleteSignatureException", "InvalidSignatureException", "MissingAuthenticationTokenException", "UnrecognizedClientException"}


def alias(name):
    return f"alias/{name}"


class Aws:
    def __init__(self, gateway):
        self.gateway = gateway
        self.host = urllib.parse.urlsplit(gateway.address).netloc

    def own(self):
        return self.gateway.env["AWS_ACCESS_KEY_ID"], self.gateway.env["AWS_SECRET_ACCESS_KEY"]

    def headers(self, operation, **more):
        return {"Host": self.host, "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"TrentService.{operation}", **more}

    def send(self, operation, body, credentials=None, extra=None, **how):
        """(status, JSON) of a signed request; `extra` headers are put in after the signing."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        signed = sigv4.sign("POST", "/", self.headers(operation), data, *(credentials or self.own()), **how)
        answer = self.gateway.call("POST", "/", data, token="", headers={**signed, **(extra or {})})
        assert answer.headers["Content-Type"] == "application/x-amz-json-1.1" and answer.headers["x-amzn-RequestId"], answer.body
        return answer.status, answer.json

    def do(self, operation, body, credentials=None):
        status, answer = self.send(operation, body, credentials)
        assert status == 200, (operation, status, answer)
        return answer

    def refused(self, name, operation, body, credentials=None, status=400, **how):
        got, answer = self.send(operation, body, credentials, **how)
        assert (got, answer["__type"]) == (status, name), (operation, got, answer)
        return answer["message"]

    def lines(self, lines, body=b"{}"):
        """The answer to a request of exactly these header lines, a name as often as it stands there."""
        with contextlib.closing(self.gateway.connect()) as connection:
            connection.putrequest("POST", "/", skip_host=True, skip_accept_encoding=True)
            for name, value in lines:
                connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            assert answer.headers["Content-Type"] == "application/x-amz-json-1.1"
            return answer.status, json.loads(answer.read())

    def state(self, key):
        return self.do("DescribeKey", {"KeyId": key})["KeyMetadata"]["KeyState"]

    def access_key(self, name, subject=None, ttl="1h"):
        made = self.gateway.do("POST", "/v1/auth/access-keys", {"name": name, "ttl": ttl, **({"subject": subject} if subject else {})})
        return made["access_key_id"], made["secret_access_key"]

    def caller(self, name, *operations, **more):
        """An access key whose grant gives these operations on the keys of app/prod, and no more."""
        if operations:
            self.gateway.do("PUT", f"/v1/grants/{name}", {"principal": f"token:{name}", "keys": "app/prod/*", "operations": list(operations), "justification": "a test",
                                                          **more})
        return self.access_key(f"{name}-key", name)


def bodies(blob):
    """A good body of every operation that is served, with each field that AWS has for it."""
    key, scratch, tags = {"KeyId": alias(AES)}, {"KeyId": alias("app/prod/scratch")}, [{"TagKey": "a", "TagValue": "b"}]
    more = {"GrantTokens": ["x"], "DryRun": False}
    context = {"EncryptionContext": {"a": "b"}}
    pair = {**key, **context, **more, "KeyPairSpec": "ECC_NIST_P256"}
    message = {"Message": "eA==", **more}
    signs = {**message, "KeyId": alias(EC), "MessageType": "RAW", "SigningAlgorithm": "ECDSA_SHA_256"}
    macs = {**message, "KeyId": alias(MAC), "MacAlgorithm": "HMAC_SHA_256"}
    alias_of = {"AliasName": "alias/scratch", "TargetKeyId": scratch["KeyId"]}
    page = {"Limit": 5, "Marker": "YQ"}
    return {
        "Encrypt": {**key, **context, **more, "Plaintext": "eA==", "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"},
        "Decrypt": {**key, **context, **more, "CiphertextBlob": blob, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"},
        "ReEncrypt": {"CiphertextBlob": blob, "SourceKeyId": alias(AES), "SourceEncryptionContext": {"a": "b"}, "SourceEncryptionAlgorithm": "SYMMETRIC_DEFAULT", **more,
                      "DestinationKeyId": alias(AES), "DestinationEncryptionContext": {"a": "b"}, "DestinationEncryptionAlgorithm": "SYMMETRIC_DEFAULT"},
        "GenerateDataKey": {**key, **context, **more, "KeySpec": "AES_256"}, "GenerateDataKeyWithoutPlaintext": {**key, **context, **more, "NumberOfBytes": 32},
        "GenerateDataKeyPair": pair, "GenerateDataKeyPairWithoutPlaintext": pair, "GenerateRandom": {"NumberOfBytes": 8},
        "Sign": signs, "Verify": {**signs, "Signature": "eA=="}, "GenerateMac": macs, "VerifyMac": {**macs, "Mac": "eA=="},
        "DescribeKey": {**key, "GrantTokens": ["x"]}, "GetPublicKey": {"KeyId": alias(EC), "GrantTokens": ["x"]}, "ListKeys": page, "ListAliases": {**page, **key},
        "ListResourceTags": {**key, **page},
        "CreateKey": {"Description": "d", "KeyUsage": "ENCRYPT_DECRYPT", "KeySpec": "SYMMETRIC_DEFAULT", "Origin": "AWS_KMS", "Tags": tags, "MultiRegion": False},
        "UpdateKeyDescription": {**scratch, "Description": "d"}, "TagResource": {**scratch, "Tags": tags}, "UntagResource": {**scratch, "TagKeys": ["a"]},
        "CreateAlias": alias_of, "UpdateAlias": alias_of, "DeleteAlias": {"AliasName": "alias/scratch"},
        "EnableKeyRotation": {**scratch, "RotationPeriodInDays": 90}, "GetKeyRotationStatus": scratch, "DisableKeyRotation": scratch, "RotateKeyOnDemand": scratch,
        "ListKeyRotations": {**scratch, **page},
        "DisableKey": scratch, "EnableKey": scratch, "ScheduleKeyDeletion": {**scratch, "PendingWindowInDays": 7}, "CancelKeyDeletion": scratch,
    }
