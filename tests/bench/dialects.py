#!/usr/bin/env python3
"""What a dialect costs: CPU of front and worker per request through Vault's API and AWS's, beside the native call that does the same.

    scripts/bench dialects [--rounds 80] [--requests 200] [--json]

A round is one block of requests of each kind, in turn and on the same connections, and what is compared are the blocks of one round: a machine's moods last longer.
The figures are medians over the rounds, with the quartiles of the differences. Must hold: at most 15 µs more. All requests are made and signed before their block,
each with a signature of its own.
"""
import argparse
import json
import pathlib
import re
import socket
import statistics
import sys
import urllib.parse
import uuid

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
import sigv4  # noqa: E402
from gateway import Gateway, b64  # noqa: E402
from measure import cpu_seconds  # noqa: E402

TARGET = 15.0
CONNECTIONS = 4


def rows_of(gateway):
    """(what, native path and body, Vault's path and body, AWS's operation and input)"""
    for name, algorithm in (("aes", "aes-256-gcm"), ("p256", "ecdsa-p256"), ("mac", "hmac-sha256")):
        gateway.key(f"transit/{name}", algorithm)
    message = b64(bytes(32))
    sealed = gateway.verb("transit/aes", "encrypt", {"plaintext": message})["ciphertext"]
    signature = gateway.verb("transit/p256", "sign", {"message": message})["signature"]
    native, vault = "/v1/keys/transit/", "/v1/transit/"
    aes, p256, mac = ({"KeyId": f"alias/transit/{name}"} for name in ("aes", "p256", "mac"))
    signs = {**p256, "Message": message, "SigningAlgorithm": "ECDSA_SHA_256"}
    return [
        ("encrypt", (native + "aes:encrypt", {"plaintext": message}), (vault + "encrypt/aes", {"plaintext": message}), ("Encrypt", {**aes, "Plaintext": message})),
        ("decrypt", (native + "aes:decrypt", {"ciphertext": sealed}), (vault + "decrypt/aes", {"ciphertext": "vault:v1:" + sealed}), ("Decrypt", {**aes, "CiphertextBlob": sealed})),
        ("data key", (native + "aes:data-key", {"plaintext": True}), (vault + "datakey/plaintext/aes", {}), ("GenerateDataKey", {**aes, "KeySpec": "AES_256"})),
        ("sign", (native + "p256:sign", {"message": message}), (vault + "sign/p256/sha2-256", {"input": message}), ("Sign", signs)),
        ("verify", (native + "p256@1:verify", {"message": message, "signature": signature}),
         (vault + "verify/p256/sha2-256", {"input": message, "signature": "vault:v1:" + signature}), ("Verify", {**signs, "Signature": signature})),
        ("mac", (native + "mac:mac", {"message": message}), (vault + "hmac/mac", {"input": message}), ("GenerateMac", {**mac, "Message": message, "MacAlgorithm": "HMAC_SHA_256"})),
    ]


class Client:
    """Connections on which requests of one kind are answered side by side."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.host = urllib.parse.urlsplit(gateway.address).netloc
        name, port = self.host.split(":")
        self.sockets = [socket.create_connection((name, int(port))) for _ in range(CONNECTIONS)]

    def request(self, path, body, headers):
        data = json.dumps(body).encode()
        lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers(data).items()), f"Content-Length: {len(data)}", "", ""]
        return "\r\n".join(lines).encode() + data

    def plain(self, path, body):
        return self.request(path, body, lambda data: {"Host": self.host, "Authorization": f"Bearer {self.gateway.token}", "Content-Type": "application/json"})

    def signed(self, operation, body):
        own = self.gateway.env["AWS_ACCESS_KEY_ID"], self.gateway.env["AWS_SECRET_ACCESS_KEY"]
        base = {"Host": self.host, "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"TrentService.{operation}", "Amz-Sdk-Invocation-Id": str(uuid.uuid4())}
        return self.request("/", body, lambda data: sigv4.sign("POST", "/", base, data, *own))

    def read(self, connection):
        got = b""
        while b"\r\n\r\n" not in got:
            got += connection.recv(65536)
        head, _, rest = got.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise SystemExit(f"a request did not succeed: {got.decode(errors='replace')}")
        missing = int(re.search(rb"(?i)\r\ncontent-length: (\d+)", head).group(1)) - len(rest)
        while missing > 0:
            missing -= len(connection.recv(65536))

    def cost(self, requests):
        """µs per request."""
        pids = [self.gateway.process.pid] + self.gateway.worker_pids()
        before = cpu_seconds(pids)
        for at in range(0, len(requests), CONNECTIONS):
            busy = list(zip(self.sockets, requests[at:at + CONNECTIONS]))
            for connection, request in busy:
                connection.sendall(request)
            for connection, _ in busy:
                self.read(connection)
        return (cpu_seconds(pids) - before) * 1e6 / len(requests)


def compare(client, row, options):
    what, native, vault, aws = row
    makers = {"native": lambda: client.plain(*native), "vault": lambda: client.plain(*vault), "aws": lambda: client.signed(*aws)}
    cost = {name: [] for name in makers}
    for turn in range(options.rounds + 1):
        names = list(makers)[turn % 3:] + list(makers)[:turn % 3]
        for name in names:
            used = client.cost([makers[name]() for _ in range(options.requests)])
            if turn > 0:  # the first round warms up
                cost[name].append(used)
    print(f"    {what}: done", file=sys.stderr, flush=True)
    found = {"operation": what, **{f"{name}_us": round(statistics.median(used), 1) for name, used in cost.items()}}
    for name in ("vault", "aws"):
        low, middle, high = statistics.quantiles((one - other for one, other in zip(cost[name], cost["native"])), n=4)
        found |= {f"{name}_more_us": round(middle, 1), f"{name}_more_quartiles_us": [round(low, 1), round(high, 1)]}
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=80)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with Gateway() as gateway:
        rows = [compare(Client(gateway), row, options) for row in rows_of(gateway)]
    if options.json:
        print(json.dumps({"rows": rows, "target_us": TARGET}, indent=1))
        return
    print(f"{'operation':10} {'native µs':>10} {'vault µs':>10} {'more':>6} {'quartiles':>14} {'aws µs':>10} {'more':>6} {'quartiles':>14}   (CPU per request, target <= {TARGET:.0f} more)")
    for row in rows:
        cells = [f"{row[f'{name}_us']:>10} {row[f'{name}_more_us']:>6} {'%s to %s' % tuple(row[f'{name}_more_quartiles_us']):>14}" for name in ("vault", "aws")]
        print(f"{row['operation']:10} {row['native_us']:>10} {' '.join(cells)}")


if __name__ == "__main__":
    main()
