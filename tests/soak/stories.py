"""What the clients of a soak do: the same requests over and over by programs that cost little, and stories of many steps.

A story is a function that is called again and again until the soak ends; what it did not expect it tells the tally.
"""
import collections
import json
import random
import socket
import struct
import sys
import threading
import time
import urllib.parse

import sigv4
from daemon import b64
from measure import Clients

CONTEXT = {"context": {"a": "b"}}
PERIOD_S = 4  # of bursts; the server closes a connection that is idle for 10 s
KEPT_S = 5
BUSY = 503  # allowed everywhere: a token that has just been killed, or more at once than it takes
AWS_BUSY = b'"ThrottlingException"'  # the same in AWS's words, with 400
OPERATIONS = ["encrypt", "decrypt", "data-key", "unwrap", "rewrap", "sign", "verify", "mac", "jwt", "read"]
ALGORITHMS = {"aes": "aes-256-gcm", "ec": "ecdsa-p256", "ed": "ed25519", "rsa": "rsa-2048", "mac": "hmac-sha256"}


class Tally:
    """Answers by what was done and status, and the first of those that were not expected."""

    def __init__(self):
        self.lock = threading.Lock()
        self.counts = collections.Counter()  # what, status
        self.unexpected = []

    def note(self, what, status, count=1, expected=True, detail=""):
        with self.lock:
            self.counts[what, status] += count
            if not expected:
                self.unexpected.append(f"{what}: {status} {detail}"[:300])
                print(f"not expected: {self.unexpected[-1]}", file=sys.stderr, flush=True)


class Caller:
    """One keep-alive connection of a story; a new one after a pause in which the server may have closed it."""

    def __init__(self, gateway, tally, token=None):
        self.gateway, self.tally, self.token = gateway, tally, token
        self.connection, self.used = gateway.connect(), time.monotonic()

    def renew(self):
        self.connection.close()
        self.connection = self.gateway.connect()

    def ask(self, what, method, path, body=None, expect=(200,), **more):
        """The answer's JSON when it is 2xx, else None; an answer that nobody expects is noted as such."""
        if time.monotonic() - self.used > KEPT_S:
            self.renew()
        self.used = time.monotonic()
        try:
            answer = self.gateway.call(method, path, body, token=more.pop("token", self.token), connection=self.connection, **more)
        except Exception as problem:  # the front must never drop a connection
            self.tally.note(what, "lost", expected=False, detail=repr(problem))
            self.renew()
            return None
        expected = answer.status in (*expect, BUSY) or AWS_BUSY in answer.body
        self.tally.note(what, answer.status, expected=expected, detail=answer.body.decode(errors="replace"))
        return answer.json if 200 <= answer.status < 300 and answer.body.startswith(b"{") else None


def bearer(gateway, name):
    """Good for longer than any soak."""
    return gateway.do("POST", "/v1/auth/tokens", {"name": name, "ttl": "30d"})["token"]


def prepare(gateway):
    """Keys on both tokens, a caller with a grant, and what they made for each other."""
    for token in ("calm", "main"):
        for name, algorithm in ALGORITHMS.items():
            gateway.key(f"soak/{token}/{name}", algorithm, token=token)
    for name in ("aes", "ec"):
        gateway.key(f"soak/turn/{name}", ALGORITHMS[name], token="main")  # versions stay: `calm` would grow by each
    gateway.do("PUT", "/v1/grants/app", {"principal": "token:app", "keys": "soak/**", "justification": "the soak's load",
                                         "operations": OPERATIONS})
    return bearer(gateway, "app")


def bulk(gateway, bearer):
    """(name, clients) of the requests that make up most of the load."""
    calm, main = "/v1/keys/soak/calm/", "/v1/keys/soak/main/"
    sealed = gateway.verb("soak/calm/aes", "encrypt", {"plaintext": b64(b"soak"), **CONTEXT})["ciphertext"]
    wrapped = gateway.verb("soak/calm/aes", "data-key", {"bytes": 32, **CONTEXT})["ciphertext"]
    signature = gateway.verb("soak/calm/ec", "sign", {"message": b64(b"soak")})["signature"]
    one, plain = {"message": b64(b"soak")}, {"plaintext": b64(bytes(32)), **CONTEXT}
    requests = [
        ("sign", calm + "ec:sign", one), ("sign RSA", calm + "rsa:sign", one), ("verify", calm + "ec:verify", {**one, "signature": signature}),
        ("jwt", calm + "ec:jwt", {"claims": {"sub": "soak", "aud": "soak"}}), ("encrypt", calm + "aes:encrypt", plain),
        ("decrypt", calm + "aes:decrypt", {"ciphertext": sealed, **CONTEXT}), ("data-key", calm + "aes:data-key", {"bytes": 32, **CONTEXT}),
        ("unwrap", calm + "aes:unwrap", {"ciphertext": wrapped, **CONTEXT}), ("rewrap", calm + "aes:rewrap", {"ciphertext": sealed, **CONTEXT}),
        ("mac", calm + "mac:mac", one), ("sign, chaos", main + "ed:sign", one), ("encrypt, chaos", main + "aes:encrypt", plain),
        ("batch of signatures, chaos", main + "ec:sign", {"items": [one] * 16}),
        ("batch of encryptions, chaos", main + "aes:encrypt", {"items": [plain] * 64}),
        ("Vault encrypt", "/v1/transit/encrypt/aes", {"plaintext": b64(b"soak")}), ("sign, TLS", calm + "ec:sign", one),
    ]
    return [(name, Clients(gateway, path, body, 2, tls="TLS" in name, strict=False, token=bearer)) for name, path, body in requests]


def run_bulk(name, clients, tally, stop, part):
    """Bursts, with pauses so that the clients are at work for this part of the time."""
    while not stop.is_set():
        found = clients.run(0, PERIOD_S * part)
        tally.note(name, 200, found["count"])
        tally.note(name, BUSY, found["refused"])
        if found["other"]:
            tally.note(name, "other", found["other"], expected=False, detail="see standard error")
        stop.wait(PERIOD_S * (1 - part) * random.uniform(0.5, 1.5))


class Stories:
    """Each method of `all` is one round of a story, with the seconds that pass between two."""

    def __init__(self, gateway, tally, bearer):
        self.gateway, self.tally, self.bearer = gateway, tally, bearer
        self.all = [(self.turns, 30), (self.makes, 120), (self.grants, 2), (self.reads, 1), (self.bad, 0.5), (self.aws, 0.5), (self.vault, 0.5),
                    (self.drops, 0.5), (self.handshakes, 1)]
        self.local = threading.local()
        self.seen, self.made = 0, 0
        made = gateway.do("POST", "/v1/auth/access-keys", {"name": "soak", "ttl": "30d", "subject": "app"})
        self.credentials = made["access_key_id"], made["secret_access_key"]
        self.sealed = gateway.verb("soak/calm/aes", "encrypt", {"plaintext": b64(b"soak")})["ciphertext"]

    def run(self, story, pause, stop):
        self.local.admin, self.local.app = Caller(self.gateway, self.tally), Caller(self.gateway, self.tally, self.bearer)
        while not stop.is_set():
            story()
            stop.wait(pause * random.uniform(0.5, 1.5))
        for caller in (self.local.admin, self.local.app):
            caller.connection.close()

    def admin(self, *arguments, **more):
        return self.local.admin.ask(*arguments, **more)

    def app(self, *arguments, **more):
        return self.local.app.ask(*arguments, **more)

    # --- keys ---
    def turns(self):
        """A new version, and the one before out of use: 404 when a kill undid its making, 409 when that is still being settled."""
        name = f"/v1/keys/soak/turn/{random.choice(['aes', 'ec'])}"
        made = self.admin("rotate", "POST", name + ":rotate", {"immediate": True}, expect=(200, 201, 409))
        if made:
            self.admin("retire", "POST", f"{name}@{made['version'] - 1}:retire", {}, expect=(200, 404, 409))
            self.admin("schedule-destroy", "POST", f"{name}@{made['version'] - 1}:schedule-destroy", {"reason": "soak", "despite_use": True},
                       expect=(200, 404, 409))

    def makes(self):
        self.made += 1
        key = {"name": f"soak/made/k{self.made}", "algorithm": "aes-256-gcm", "owner": "soak", "token": "main"}
        self.admin("create", "POST", "/v1/keys", key, expect=(200, 201))

    # --- access ---
    def grants(self):
        made = self.admin("make a bearer", "POST", "/v1/auth/tokens", {"name": "guest", "ttl": "1h"}, expect=(200, 201))
        if not made:
            return
        ask = {"token": made["token"]}
        path, body = "/v1/keys/soak/calm/ec:sign", {"message": ""}
        grant = {"principal": "token:guest", "keys": "soak/calm/*", "operations": ["sign"], "justification": "soak"}
        self.admin("sign without a grant", "POST", path, body, expect=(403,), **ask)
        self.admin("grant", "PUT", "/v1/grants/guest", grant, expect=(200, 201))
        self.admin("sign with a grant", "POST", path, body, **ask)
        self.admin("take the grant away", "DELETE", "/v1/grants/guest", expect=(200, 204))
        self.admin("sign without a grant", "POST", path, body, expect=(403,), **ask)
        self.admin("revoke a bearer", "DELETE", "/v1/auth/tokens/guest", expect=(200, 204))
        self.admin("sign with a revoked bearer", "POST", path, body, expect=(401,), **ask)

    # --- reading ---
    def reads(self):
        page = self.admin("read the audit log", "GET", f"/v1/audit?after={self.seen}&limit=200")
        if page and page["records"]:
            self.seen = page["records"][-1]["seq"] if random.random() < 0.9 else self.seen + 100_000
        for path in random.sample(["/v1/keys?page_size=50", "/v1/tokens", "/v1/grants", "/v1/keys/soak/turn/ec", "/jwks/soak/turn/ec",
                                   "/readyz", "/v1/lint", "/v1/audit/checkpoint", "/v1/openapi.json", "/metrics", "/v1/auth/whoami"], 3):
            self.admin("read", "GET", path)

    # --- what must be refused ---
    def bad(self):
        flipped = self.sealed[:-6] + ("A" if self.sealed[-6] != "A" else "B") + self.sealed[-5:]
        aes = "/v1/keys/soak/calm/aes"
        self.app("tampered ciphertext", "POST", aes + ":decrypt", {"ciphertext": flipped}, expect=(400,))
        self.app("other context", "POST", aes + ":decrypt", {"ciphertext": self.sealed, **CONTEXT}, expect=(400,))
        what, method, path, body, status = random.choice([
            ("not JSON", "POST", aes + ":encrypt", "{", 400), ("unknown field", "POST", aes + ":encrypt", {"plaintext": "", "x": 1}, 400),
            ("nothing there", "GET", "/v1/nothing", None, 404), ("too large", "POST", aes + ":encrypt", {"plaintext": b64(bytes(70000))}, 413),
            ("one bad item", "POST", "/v1/keys/soak/calm/ec:sign", {"items": [{"message": "YQ=="}, {"message": "!"}]}, 200),
            ("no grant", "POST", "/v1/keys/soak/turn/aes:rotate", {"immediate": True}, 403)])
        self.app(what, method, path, body, expect=(status,))
        self.app("no such bearer", "GET", "/v1/auth/whoami", expect=(401,), token="hg_nobody")

    # --- dialects ---
    def aws(self):
        operation, body = random.choice([("Encrypt", {"KeyId": "alias/soak/calm/aes", "Plaintext": b64(random.randbytes(16))}),
                                         ("GenerateDataKey", {"KeyId": "alias/soak/calm/aes", "KeySpec": "AES_256"}),
                                         ("Sign", {"KeyId": "alias/soak/calm/ec", "Message": b64(random.randbytes(16)), "SigningAlgorithm": "ECDSA_SHA_256"})])
        data = json.dumps(body).encode()
        host = urllib.parse.urlsplit(self.gateway.address).netloc
        headers = {"Host": host, "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"TrentService.{operation}"}
        self.app(f"AWS {operation}", "POST", "/", data, token="", headers=sigv4.sign("POST", "/", headers, data, *self.credentials))

    def vault(self):
        made = self.app("Vault encrypt", "POST", "/v1/transit/encrypt/aes", {"plaintext": b64(b"soak")})
        if made:
            self.app("Vault decrypt", "POST", "/v1/transit/decrypt/aes", {"ciphertext": made["data"]["ciphertext"]})
        self.app("Vault key", "GET", "/v1/transit/keys/aes")

    # --- connections ---
    def drops(self):
        """Connections that end in the middle: of the head, of the body, with the answer under way; closed or reset."""
        body = b'{"message":"aGVsbG8="}'
        head = (f"POST /v1/keys/soak/main/ec:sign HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.bearer}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n").encode()
        for sent in (head[:40], head + body[:5], head + body, b"\x16\x03\x01\x00", b"GARBAGE\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", self.gateway.plain_port)) as connection:
                connection.sendall(sent)
                if random.random() < 0.5:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.tally.note("dropped connection", "-")

    def handshakes(self):
        """New TLS connections: one with a certificate, one that is not trusted."""
        try:
            answer = self.gateway.tls_call("GET", "/v1/auth/whoami", self.gateway.admin)
            self.tally.note("TLS handshake", answer.status, expected=answer.status in (200, BUSY))
        except Exception as problem:
            self.tally.note("TLS handshake", "lost", expected=False, detail=repr(problem))
        refused = self.gateway.refuses(self.gateway.stranger, "1.3")
        self.tally.note("TLS with an unknown CA", "refused" if refused else "served", expected=refused)
