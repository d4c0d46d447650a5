"""Every single-bit flip and every truncation of each kind of ciphertext, in each dialect: one refusal, and one way to it.

What a caller could tell apart is the answer, and the time that it takes. The answers are compared byte by byte. Time is judged by what was done,
not by the clock: whether the token was asked, which the worker counts, must follow from what is in clear in the blob (its head and its length)
and from nothing that is secret: IV, body and tag go one way together. Medians are printed for who wants to look.

Where an answer is another one, the head alone decides it, which anybody can write: it names a version that is disabled, or (AWS) another key.
"""
import json
import re
import statistics
import time

import pytest

from gateway import Gateway, b64, unb64

AES, RSA, OTHER = "transit/aes", "transit/rsa", "transit/other"
PRIMARY, OPENS, DISABLED = 3, 2, 1  # one bit between the primary and each of the others
HEAD, IV, TAG = 27, 12, 16
PARTS = {"magic": (0, 3), "format": (3, 4), "type": (4, 5), "key": (5, 21), "version": (21, 25), "algorithm": (25, 26), "IV length": (26, HEAD)}
BATCH = 256
RSA_BATCH = 64  # within the deadline of one operation, however busy the machine is


def flips(blob, start, end, bits=range(8)):
    return [blob[:i] + bytes([blob[i] ^ 1 << bit]) + blob[i + 1:] for i in range(start, end) for bit in bits]


def parts_of(blob, aes):
    """Names of its parts, each with every flip in it."""
    for name, (start, end) in PARTS.items():
        yield name, flips(blob, start, end)
    if not aes:
        yield "body", flips(blob, HEAD, len(blob))
        return
    yield "IV", flips(blob, HEAD, HEAD + IV)
    yield "body", flips(blob, HEAD + IV, len(blob) - TAG)
    yield "tag", flips(blob, len(blob) - TAG, len(blob))


class Face:
    """One way to have a blob opened: `ask` gives what it says to each of a list, without what differs by nature."""

    def __init__(self, gateway, ask, refusal, other_key=None, disabled="disabled", prefixed=False, may_be_empty=True):
        self.gateway = gateway
        self.ask = ask
        self.refusal = refusal
        self.other_key = other_key or refusal  # to a blob that names another key
        self.disabled = disabled               # what is in the answer about a disabled version
        self.prefixed = prefixed               # the version stands before the blob too, and the two disagree before the token is asked
        self.may_be_empty = may_be_empty       # else the shape of the request is wrong

    def refuses(self, blobs, reached, odd=0, usual=None):
        """All are refused alike, and `reached` of them by the token; `odd` of them name a version that is disabled."""
        before = self.gateway.reached()
        answers = self.ask(blobs)
        others = [answer for answer in answers if answer != (usual or self.refusal)]
        assert len(answers) == len(blobs) and len(others) == odd and all(self.disabled in other for other in others), others[:3]
        assert self.gateway.reached() - before == reached

    def check_aes(self, blob, least_body):
        count = 0
        for name, changed in parts_of(blob, aes=True):
            hits = {"version": 0 if self.prefixed else 1, "IV": len(changed), "body": len(changed), "tag": len(changed)}.get(name, 0)
            self.refuses(changed, hits, odd=1 if name == "version" else 0, usual=self.other_key if name == "key" else None)
            count += len(changed)
        cut = [blob[:end] for end in range(0 if self.may_be_empty else 1, len(blob))]
        self.refuses(cut, sum(1 for one in cut if len(one) >= HEAD + IV + TAG + least_body))
        self.refuses([blob + b"\0"], 1)
        return count + len(cut) + 1


class Flipped(Gateway):
    """A gateway with a blob of each kind."""

    def prepare(self):
        self.line = self.connect()
        self.key(AES, "aes-256-gcm")
        self.key(RSA, "rsa-2048", purpose="decrypt")
        self.key(OTHER, "aes-256-gcm")
        for _ in range(PRIMARY - 1):
            self.verb(AES, "rotate", {"immediate": True})
        self.do("POST", f"/v1/keys/{AES}@{DISABLED}:disable", {})
        self.data_blob = unb64(self.verb(AES, "encrypt", {"plaintext": b64(b"x")})["ciphertext"])
        self.data_key_blob = unb64(self.verb(AES, "data-key", {"bytes": 16})["ciphertext"])
        self.rsa_blob = unb64(self.verb(RSA, "encrypt", {"plaintext": b64(b"x")})["ciphertext"])
        assert len(self.rsa_blob) == HEAD + 256
        return self

    def reached(self):
        """How many items the token was given and could not do."""
        text = self.call("GET", "/metrics", connection=self.line).body.decode()
        return sum(int(count) for count in re.findall(r"^hsmgate_token_errors_total\{.*\} (\d+)$", text, re.M))

    def post(self, path, body, **more):
        return self.call("POST", path, body, connection=self.line, **more)

    # --- faces ---
    def native(self, verb, key=AES, **more):
        step = RSA_BATCH if key == RSA else BATCH

        def ask(blobs):
            found = []
            for start in range(0, len(blobs), step):
                items = [{"ciphertext": b64(blob), **more} for blob in blobs[start:start + step]]
                found += self.post(f"/v1/keys/{key}:{verb}", {"items": items}).json["results"]
            return [json.dumps(one) for one in found]
        refusal = {"code": "invalid_ciphertext", "status": 400, "detail": "The ciphertext cannot be opened with this key and context."}
        return Face(self, ask, json.dumps({"error": refusal}))

    def vault(self, verb):
        def ask(blobs):
            found = []
            for start in range(0, len(blobs), BATCH):
                items = [{"ciphertext": f"vault:v{PRIMARY}:{b64(blob)}"} for blob in blobs[start:start + BATCH]]
                answer = self.post(f"/v1/transit/{verb}/aes", {"batch_input": items})
                found += [f"{answer.status} {one.get('error')}" for one in answer.json["data"]["batch_results"]]
            return found
        return Face(self, ask, "400 The ciphertext cannot be opened with this key and context.", prefixed=True)

    def aws(self, operation, other_key, **more):
        def ask(blobs):
            headers = {"X-Amz-Target": f"TrentService.{operation}", "Content-Type": "application/x-amz-json-1.1"}
            answers = [self.post("/", {"CiphertextBlob": b64(blob), **more}, headers=headers) for blob in blobs]
            return [f"{answer.status} {answer.json['__type']} {answer.json['message']}" for answer in answers]
        named = {"IncorrectKeyException": "The key ID in the request does not identify the key that was used to encrypt the ciphertext.",
                 "NotFoundException": "There is no key with this name."}[other_key]
        return Face(self, ask, "400 InvalidCiphertextException The ciphertext cannot be opened with this key and context.",
                    other_key=f"400 {other_key} {named}", may_be_empty=False)


@pytest.fixture(scope="module")
def gateway():
    with Flipped() as running:
        running.prepare()
        yield running
        running.line.close()


@pytest.fixture
def say(capfd):
    def said(text):
        with capfd.disabled():
            print(f"\n{text}", end="")
    return said


NATIVE = [("decrypt", "data"), ("rewrap", "data"), ("unwrap", "data key"), ("rewrap", "data key")]


def aes_blob(gateway, kind):
    """The blob, and how many bytes of body it has at least."""
    return (gateway.data_blob, 0) if kind == "data" else (gateway.data_key_blob, 1)


@pytest.mark.parametrize("verb, kind", NATIVE)
def test_native(gateway, say, verb, kind):
    say(f"native {verb} of {kind}: {gateway.native(verb).check_aes(*aes_blob(gateway, kind))} blobs refused alike")


@pytest.mark.parametrize("verb, kind", [("decrypt", "data"), ("rewrap", "data"), ("decrypt", "data key"), ("rewrap", "data key")])
def test_vault(gateway, say, verb, kind):
    say(f"Vault's {verb} of {kind}: {gateway.vault(verb).check_aes(*aes_blob(gateway, kind))} blobs refused alike")


TO, FROM = {"DestinationKeyId": f"alias/{AES}"}, {"SourceKeyId": f"alias/{AES}"}


@pytest.mark.parametrize("operation, more, other_key, kind", [
    ("Decrypt", {"KeyId": f"alias/{AES}"}, "IncorrectKeyException", "data"), ("Decrypt", {}, "NotFoundException", "data key"),
    ("ReEncrypt", {**TO, **FROM}, "IncorrectKeyException", "data key"), ("ReEncrypt", TO, "NotFoundException", "data")])
def test_aws(gateway, say, operation, more, other_key, kind):
    say(f"AWS's {operation} of {kind}: {gateway.aws(operation, other_key, **more).check_aes(*aes_blob(gateway, kind))} blobs refused alike")


def test_what_is_whole_but_is_not_meant(gateway):
    """The wrong verb, context or key: the same refusal as for a broken blob."""
    data, data_key = gateway.data_blob, gateway.data_key_blob
    gateway.native("unwrap").refuses([data], 0)
    gateway.native("decrypt").refuses([data_key], 0)
    gateway.native("decrypt", context={"a": "b"}).refuses([data], 1)
    gateway.native("decrypt", key=OTHER).refuses([data], 0)
    gateway.native("decrypt", key=RSA).refuses([data, data_key], 0)
    gateway.native("decrypt").refuses([gateway.rsa_blob, gateway.rsa_blob[HEAD:]], 0)


def test_rsa(gateway, say):
    """In an envelope and bare. OAEP is where an oracle would be: whatever is wrong inside of the block, the token says no, and we say no more."""
    face, blob = gateway.native("decrypt", key=RSA), gateway.rsa_blob
    count = 0
    for name, changed in parts_of(blob, aes=False):
        face.refuses(changed, {"algorithm": 1, "body": len(changed)}.get(name, 0))  # one bit names the other OAEP, which SoftHSM does not do
        count += len(changed)
    face.refuses([blob[:end] for end in range(len(blob))], 1)  # at 256 bytes it is a bare block
    block = blob[HEAD:]
    bare = flips(block, 0, len(block))
    face.refuses(bare, len(bare))
    face.refuses([block[:end] for end in range(len(block))] + [block + b"\0"], 0)
    some = flips(block, 0, len(block), bits=[0])
    gateway.aws("Decrypt", "IncorrectKeyException", KeyId=f"alias/{RSA}").refuses(some, len(some))
    say(f"RSA: {count + len(blob) + len(bare) + len(block) + 1} blobs refused alike, and {len(some)} by AWS's Decrypt")


def test_the_text_of_vault(gateway, say):
    """Every bit of every character: what is no ciphertext by its shape is told nothing else either."""
    text = f"vault:v{PRIMARY}:{b64(gateway.data_blob)}".encode()
    changed = [one.decode() for one in flips(text, 0, len(text), bits=range(7))]
    found = []
    for start in range(0, len(changed), BATCH):
        asked = {"batch_input": [{"ciphertext": one} for one in changed[start:start + BATCH]]}
        found += gateway.post("/v1/transit/decrypt/aes", asked).json["data"]["batch_results"]
    assert len(found) == len(changed)
    assert {one.get("error") for one in found} == {"The ciphertext cannot be opened with this key and context."}
    say(f"Vault's text: {len(changed)} refused alike")


def test_medians(gateway, say):
    """Nothing is judged here: the classes are asked in turn, so that whatever else the machine does falls on all of them."""
    face, blob = gateway.native("decrypt"), gateway.data_blob
    classes = {name: changed[0] for name, changed in parts_of(blob, aes=True)} | {"cut": blob[:-1], "whole": blob}
    taken = {name: [] for name in classes}
    for _ in range(40):
        for name, one in classes.items():
            start = time.perf_counter()
            face.ask([one])
            taken[name].append(time.perf_counter() - start)
    say("medians, us: " + ", ".join(f"{name} {statistics.median(times) * 1e6:.0f}" for name, times in taken.items()))
