"""Callers who work while a test breaks something, and what must be true of their answers afterwards.

    with Load(gateway, sign="a/b/ec", encrypt="a/b/aes") as load:   # keys that the test has made; one of them is enough
        load.wait_good()                                            # every caller has succeeded in everything
        ...                                                         # break it
        load.wait_good()                                            # and again, with requests that were sent after this line
    load.check()

Each connection signs, encrypts and decrypts in turn, without a pause but after a refusal, and notes every answer. `check` looks at all of them:
only the statuses and codes that were allowed, each signature verified in software, each plaintext the one that went in, no IV twice, and for every
200 its record.
"""
import threading
import time

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding

from daemon import b64, unb64, until

IV = slice(27, 39)  # where an envelope of AES-GCM has its IV
REFUSED_PAUSE = 0.01  # a client's patience, far below Retry-After; without any, refusals take the processors that a new worker needs
AWAY = frozenset({"token_unavailable", "overloaded"})  # how a token that cannot answer may be excused


class Done:
    """One request and what became of it; status 0: the front dropped the connection, which it must never do."""

    def __init__(self, kind, given, request_id):
        self.kind = kind
        self.given = given
        self.request_id = request_id
        self.sent = time.monotonic()

    def answered(self, status, body):
        self.ended = time.monotonic()
        self.status = status
        self.body = body
        return self

    @property
    def code(self):
        return self.body.get("code") if isinstance(self.body, dict) else None

    def __repr__(self):
        return f"{self.kind} {self.request_id}: {self.status} {self.body}"


class Caller(threading.Thread):
    """One connection. What it encrypts it decrypts next."""

    def __init__(self, load, number):
        super().__init__(name=f"caller-{number}")
        self.load = load
        self.number = number
        self.answers = []
        self.sealed = None  # (plaintext, ciphertext) to be opened next
        self.connection = load.gateway.connect()

    def run(self):
        count = 0
        while not self.load.stopping.is_set():
            for kind in self.load.kinds:
                count += 1
                self.work(kind, b"%d-%d" % (self.number, count), f"{self.load.name}-{self.number}-{count}")
        self.connection.close()

    def work(self, kind, text, request_id):
        if kind == "sign":
            self.ask("sign", self.load.sign, {"message": b64(text)}, text, request_id)
        elif kind == "encrypt":
            done = self.ask("encrypt", self.load.encrypt, {"plaintext": b64(text)}, text, request_id)
            self.sealed = (text, done.body["ciphertext"]) if done.status == 200 else None
        elif self.sealed:
            text, ciphertext = self.sealed
            self.ask("decrypt", self.load.encrypt, {"ciphertext": ciphertext}, text, request_id)

    def ask(self, verb, key, body, given, request_id):
        done = Done(verb, given, request_id)
        try:
            answer = self.load.gateway.call("POST", f"/v1/keys/{key}:{verb}", body, connection=self.connection, headers={"X-Request-Id": request_id})
            done.answered(answer.status, answer.json)
            if answer.status == 503 and not answer.headers["Retry-After"]:
                done.answered(0, "503 without Retry-After")
        except Exception as problem:  # noted, and found by check()
            done.answered(0, repr(problem))
            self.connection.close()
            self.connection = self.load.gateway.connect()
        self.answers.append(done)
        if done.status != 200:
            self.load.stopping.wait(REFUSED_PAUSE)
        return done


class Load:
    def __init__(self, gateway, sign=None, encrypt=None, connections=8, name="load"):
        self.gateway = gateway
        self.sign = sign
        self.encrypt = encrypt
        self.name = name  # of its request ids: two loads on one gateway need two
        self.kinds = (["sign"] if sign else []) + (["encrypt", "decrypt"] if encrypt else [])
        self.stopping = threading.Event()
        self.public = None
        if sign:
            self.public = serialization.load_pem_public_key(gateway.call("GET", f"/v1/keys/{sign}:public-key").body)
        self.callers = [Caller(self, number) for number in range(connections)]

    def __enter__(self):
        for caller in self.callers:
            caller.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for caller in self.callers:
            caller.join()

    # --- while it runs ---
    def answers(self):
        return [done for caller in self.callers for done in list(caller.answers)]

    def good(self, kind=None):
        return [done for done in self.answers() if done.status == 200 and kind in (None, done.kind)]

    def refused(self):
        return [done for done in self.answers() if done.status != 200]

    def wait_good(self, *kinds):
        """Until every caller has succeeded in each kind of work (or these) with requests sent after this call; so none from before is left."""
        begun = time.monotonic()
        due = set(kinds or self.kinds)

        def served(caller):
            return due <= {done.kind for done in list(caller.answers) if done.status == 200 and done.sent > begun}
        until(f"everybody succeeds in {due}", lambda: all(served(caller) for caller in self.callers))

    def wait_refused(self):
        """Until a request that was sent after this call has been refused."""
        begun = time.monotonic()
        until("a request is refused", lambda: any(done.sent > begun for done in self.refused()))

    # --- afterwards ---
    def check(self, codes=AWAY):
        """Every answer was 200, or 503 with one of these codes; every 200 is right and has its record."""
        bad = [done for done in self.refused() if done.status != 503 or done.code not in codes]
        assert not bad, bad[:5]
        self.check_signatures()
        self.check_ciphertexts()
        self.check_records()

    def check_signatures(self):
        how = (ec.ECDSA(hashes.SHA256()),) if isinstance(self.public, ec.EllipticCurvePublicKey) else (padding.PKCS1v15(), hashes.SHA256())
        for done in self.good("sign"):
            self.public.verify(unb64(done.body["signature"]), done.given, *how)

    def check_ciphertexts(self):
        sealed = [unb64(done.body["ciphertext"])[IV] for done in self.good("encrypt")]
        assert len(sealed) == len(set(sealed)), "an IV was used twice"
        for done in self.good("decrypt"):
            assert unb64(done.body["plaintext"]) == done.given, done

    def check_records(self):
        recorded = {(r.get("request_id"), r.get("operation")) for r in self.gateway.records() if r.get("outcome") == "ok"}
        missing = [done for done in self.good() if (done.request_id, done.kind) not in recorded]
        assert not missing, missing[:5]
