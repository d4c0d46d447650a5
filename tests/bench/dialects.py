#!/usr/bin/env python3
"""What a dialect costs: CPU of front and worker per request through Vault's API, beside the native call that does the same.

    scripts/bench dialects [--seconds 3] [--rounds 5] [--connections 8] [--json]

Rounds of both alternate, so that a drift of the machine's speed meets both; the figures are medians. Must hold: at most 15 µs more.
"""
import argparse
import json
import pathlib
import statistics
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
from bench import through_gateway  # noqa: E402
from gateway import Gateway, b64  # noqa: E402

TARGET = 15.0


def pairs_of(gateway):
    """(what, native path and body, the dialect's path and body)"""
    for name, algorithm in (("aes", "aes-256-gcm"), ("p256", "ecdsa-p256"), ("mac", "hmac-sha256")):
        gateway.key(f"transit/{name}", algorithm)
    message = b64(bytes(32))
    sealed = gateway.verb("transit/aes", "encrypt", {"plaintext": message})["ciphertext"]
    signature = gateway.verb("transit/p256", "sign", {"message": message})["signature"]
    native, vault = "/v1/keys/transit/", "/v1/transit/"
    return [
        ("encrypt", (native + "aes:encrypt", {"plaintext": message}), (vault + "encrypt/aes", {"plaintext": message})),
        ("decrypt", (native + "aes:decrypt", {"ciphertext": sealed}), (vault + "decrypt/aes", {"ciphertext": "vault:v1:" + sealed})),
        ("data key", (native + "aes:data-key", {"plaintext": True}), (vault + "datakey/plaintext/aes", {})),
        ("sign", (native + "p256:sign", {"message": message}), (vault + "sign/p256/sha2-256", {"input": message})),
        ("verify", (native + "p256@1:verify", {"message": message, "signature": signature}),
         (vault + "verify/p256/sha2-256", {"input": message, "signature": "vault:v1:" + signature})),
        ("mac", (native + "mac:mac", {"message": message}), (vault + "hmac/mac", {"input": message})),
    ]


def compare(gateway, what, native, dialect, options):
    cpu = {"native": [], "vault": []}
    for _ in range(options.rounds):
        for name, (path, body) in (("native", native), ("vault", dialect)):
            cpu[name].append(through_gateway(gateway, path, body, options.seconds, options.connections)[1])
    native_us, vault_us = statistics.median(cpu["native"]), statistics.median(cpu["vault"])
    print(f"    {what}: done", file=sys.stderr, flush=True)
    return {"operation": what, "native_us": round(native_us, 1), "vault_us": round(vault_us, 1), "more_us": round(vault_us - native_us, 1)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with Gateway() as gateway:
        rows = [compare(gateway, *pair, options) for pair in pairs_of(gateway)]
    if options.json:
        print(json.dumps({"rows": rows, "target_us": TARGET}, indent=1))
        return
    print(f"{'operation':12} {'native µs':>10} {'vault µs':>10} {'more':>7}   (CPU per request, target <= {TARGET:.0f} more)")
    for row in rows:
        print(f"{row['operation']:12} {row['native_us']:>10} {row['vault_us']:>10} {row['more_us']:>7}")


if __name__ == "__main__":
    main()
