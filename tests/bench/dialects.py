#!/usr/bin/env python3
"""What a dialect costs: CPU of front and worker per request through Vault's API and AWS's, beside the native call that does the same.

    scripts/bench dialects [--seconds 3] [--rounds 5] [--connections 8] [--json]

Rounds of all alternate, so that a drift of the machine's speed meets each; the figures are medians. Must hold: at most 15 µs more. Requests to AWS's API are signed before a
round; those that are answered once have a signature each.
"""
import argparse
import json
import pathlib
import statistics
import sys
import urllib.parse
import uuid

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
import sigv4  # noqa: E402
from bench import through_gateway, through_scripts  # noqa: E402
from gateway import Gateway, b64  # noqa: E402

TARGET = 15.0
ONCE_PER_SECOND = 12000  # more than one gets through on any machine so far
ONE = """
wrk.method = "POST"
wrk.headers = %s
wrk.body = [==[%s]==]
"""
SIGNED = """
local requests = {%s}
local at = 0
request = function()
  at = at %% #requests + 1
  return wrk.format("POST", "/", requests[at], [==[%s]==])
end
"""


def rows_of(gateway):
    """(what, native path and body, Vault's path and body, AWS's operation and input, whether that is answered once)"""
    for name, algorithm in (("aes", "aes-256-gcm"), ("p256", "ecdsa-p256"), ("mac", "hmac-sha256")):
        gateway.key(f"transit/{name}", algorithm)
    message = b64(bytes(32))
    sealed = gateway.verb("transit/aes", "encrypt", {"plaintext": message})["ciphertext"]
    signature = gateway.verb("transit/p256", "sign", {"message": message})["signature"]
    native, vault = "/v1/keys/transit/", "/v1/transit/"
    aes, p256, mac = ({"KeyId": f"alias/transit/{name}"} for name in ("aes", "p256", "mac"))
    signs = {**p256, "Message": message, "SigningAlgorithm": "ECDSA_SHA_256"}
    return [
        ("encrypt", (native + "aes:encrypt", {"plaintext": message}), (vault + "encrypt/aes", {"plaintext": message}), ("Encrypt", {**aes, "Plaintext": message}), False),
        ("decrypt", (native + "aes:decrypt", {"ciphertext": sealed}), (vault + "decrypt/aes", {"ciphertext": "vault:v1:" + sealed}), ("Decrypt", {**aes, "CiphertextBlob": sealed}), True),
        ("data key", (native + "aes:data-key", {"plaintext": True}), (vault + "datakey/plaintext/aes", {}), ("GenerateDataKey", {**aes, "KeySpec": "AES_256"}), True),
        ("sign", (native + "p256:sign", {"message": message}), (vault + "sign/p256/sha2-256", {"input": message}), ("Sign", signs), False),
        ("verify", (native + "p256@1:verify", {"message": message, "signature": signature}),
         (vault + "verify/p256/sha2-256", {"input": message, "signature": "vault:v1:" + signature}), ("Verify", {**signs, "Signature": signature}), False),
        ("mac", (native + "mac:mac", {"message": message}), (vault + "hmac/mac", {"input": message}), ("GenerateMac", {**mac, "Message": message, "MacAlgorithm": "HMAC_SHA_256"}), False),
    ]


def signed_script(gateway, operation, body, count):
    """A script of `count` signatures of the same input; a single one is sent as the native call is, without work in between."""
    data = json.dumps(body)
    own = gateway.env["AWS_ACCESS_KEY_ID"], gateway.env["AWS_SECRET_ACCESS_KEY"]
    base = {"Host": urllib.parse.urlsplit(gateway.address).netloc, "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"TrentService.{operation}"}

    def headers():
        return sigv4.sign("POST", "/", {**base, "Amz-Sdk-Invocation-Id": str(uuid.uuid4())}, data.encode(), *own)
    tables = ["{%s}" % ",".join(f'["{name}"]="{value}"' for name, value in headers().items()) for _ in range(count)]
    return ONE % (tables[0], data) if count == 1 else SIGNED % (",".join(tables), data)


def through_aws(gateway, operation, body, once, options):
    warm, script = (signed_script(gateway, operation, body, ONCE_PER_SECOND * seconds if once else 1) for seconds in (1, options.seconds))
    return through_scripts(gateway, "/", warm, script, options.seconds, options.connections)


def compare(gateway, row, options):
    what, native, vault, aws, once = row
    cpu = {"native": [], "vault": [], "aws": []}
    for _ in range(options.rounds):
        for name, (path, body) in (("native", native), ("vault", vault)):
            cpu[name].append(through_gateway(gateway, path, body, options.seconds, options.connections)[1])
        cpu["aws"].append(through_aws(gateway, *aws, once, options)[1])
    median = {name: statistics.median(values) for name, values in cpu.items()}
    print(f"    {what}: done", file=sys.stderr, flush=True)
    return {"operation": what, **{f"{name}_us": round(value, 1) for name, value in median.items()},
            **{f"{name}_more_us": round(median[name] - median["native"], 1) for name in ("vault", "aws")}}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with Gateway() as gateway:
        rows = [compare(gateway, row, options) for row in rows_of(gateway)]
    if options.json:
        print(json.dumps({"rows": rows, "target_us": TARGET}, indent=1))
        return
    print(f"{'operation':12} {'native µs':>10} {'vault µs':>10} {'more':>7} {'aws µs':>10} {'more':>7}   (CPU per request, target <= {TARGET:.0f} more)")
    for row in rows:
        print(f"{row['operation']:12} {row['native_us']:>10} {row['vault_us']:>10} {row['vault_more_us']:>7} {row['aws_us']:>10} {row['aws_more_us']:>7}")


if __name__ == "__main__":
    main()
