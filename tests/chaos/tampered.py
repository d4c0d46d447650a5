"""Somebody sends ciphertexts that were tampered with, a thousand a second as far as the machine goes, beside callers who do right: every one of the
former is refused as such and recorded, and the latter do not notice. The token says CKR_ENCRYPTED_DATA_INVALID to each, which is no illness of its.
"""
import random
import threading
import time

import pytest

from breaking import KEYS, broken, ready
from daemon import b64, unb64, until
from gateway import Gateway
from load import Load

ATTACKERS = 3
BATCH = 100
AT_LEAST = 10_000
OPENS = {"decrypt": "ciphertext", "unwrap": "ciphertext", "rewrap": "ciphertext"}


@pytest.fixture
def gateway():
    with broken(Gateway()) as made:
        yield made
        made.stop()


class Attacker(threading.Thread):
    """Flips a bit of a good ciphertext, cuts it, lengthens it: alone and in batches."""

    def __init__(self, gateway, number, blobs, enough):
        super().__init__()
        self.gateway, self.number, self.blobs, self.enough = gateway, number, blobs, enough
        self.random = random.Random(number)
        self.sent, self.recorded, self.wrong = 0, 0, []

    def tamper(self, verb):
        blob = bytearray(self.blobs[verb])
        how = self.random.randrange(10)
        if how == 0:
            return bytes(blob[:self.random.randrange(len(blob))])
        if how == 1:
            return bytes(blob + b"\0")
        # Behind the header, where only the token can tell, more often than in it.
        place = self.random.randrange(39 if how > 3 else 0, len(blob))
        blob[place] ^= 1 << self.random.randrange(8)
        return bytes(blob)

    def run(self):
        connection = self.gateway.connect()
        while not self.enough.is_set():
            for verb, field in OPENS.items():
                answer = self.gateway.call("POST", f"/v1/keys/{KEYS['encrypt']}:{verb}", {field: b64(self.tamper(verb))}, connection=connection)
                if (answer.status, answer.json.get("code")) != (400, "invalid_ciphertext"):
                    self.wrong.append((verb, answer.status, answer.body))
                items = [{field: b64(self.tamper(verb))} for _ in range(BATCH)]
                answer = self.gateway.call("POST", f"/v1/keys/{KEYS['encrypt']}:{verb}", {"items": items}, connection=connection)
                codes = {item.get("error", {}).get("code") for item in answer.json["results"]}
                if answer.status != 200 or codes != {"invalid_ciphertext"}:
                    self.wrong.append((verb, answer.status, codes))
                self.sent += 1 + BATCH
                self.recorded += 2
        connection.close()


def status(gateway):
    token, = gateway.do("GET", "/v1/tokens")["tokens"]
    return {name: token[name] for name in ("state", "worker_pid", "epoch", "restarts", "timeouts", "failures")}


def rate(load, seconds):
    return len(load.good()) / seconds


def test_tampered_ciphertexts_beside_good_traffic(gateway):
    sealed = unb64(gateway.verb(KEYS["encrypt"], "encrypt", {"plaintext": b64(b"kept")})["ciphertext"])
    blobs = {"decrypt": sealed, "rewrap": sealed, "unwrap": unb64(gateway.verb(KEYS["encrypt"], "data-key", {})["ciphertext"])}
    before = status(gateway)
    begun = time.monotonic()
    with Load(gateway, connections=4, name="alone", **KEYS) as alone:
        until("the good ones have a rhythm", lambda: len(alone.good()) > 300)
    alone_rate = rate(alone, time.monotonic() - begun)
    enough = threading.Event()
    attackers = [Attacker(gateway, number, blobs, enough) for number in range(ATTACKERS)]
    begun = time.monotonic()
    with Load(gateway, connections=4, name="beside", **KEYS) as beside:
        for attacker in attackers:
            attacker.start()
        until("enough were sent", lambda: sum(a.sent for a in attackers) >= AT_LEAST and len(beside.good()) > 300 or any(a.wrong for a in attackers))
        assert ready(gateway).status == 200
        enough.set()
        for attacker in attackers:
            attacker.join()
    seconds, sent = time.monotonic() - begun, sum(a.sent for a in attackers)
    print(f"{sent / seconds:.0f} tampered items a second; good requests a second: {alone_rate:.0f} alone, {rate(beside, seconds):.0f} beside them")
    assert not any(a.wrong for a in attackers), [a.wrong[:2] for a in attackers]
    beside.check(codes=())  # not one of the good ones was refused
    assert status(gateway) == before, "the token is what it was: same worker, same login, no failure"
    assert gateway.verb(KEYS["encrypt"], "decrypt", {"ciphertext": b64(sealed)})["plaintext"] == b64(b"kept")
    opened = [r for r in gateway.records() if r.get("operation") in OPENS]
    refused = [r for r in opened if r.get("code") == "invalid_ciphertext" or r.get("items_failed") == BATCH]
    assert len(refused) == sum(a.recorded for a in attackers)
