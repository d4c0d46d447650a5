"""More load than a token takes: some are served, the rest is told so at once, and afterwards everything is as before."""
import contextlib
import os
import signal
import threading

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from configured import MODULE, Configured
from daemon import b64, programs, stand_still, unb64, until

KEY = "key/under/load"
CHANNELS, QUEUE = 2, 3
ROOM = CHANNELS + QUEUE  # who is served or waits
CROWD = 5 * ROOM
EACH = 8


@contextlib.contextmanager
def slow_token(microseconds, **options):
    """A token of which each operation takes so long, and a key on it."""
    gateway = Configured("slow", per_token={"slow": {"channels": CHANNELS, "operation_timeout": "100s"}}, request_timeout="100s",
                         limits={"token_queue": QUEUE}, **options)
    gateway.tokens["slow"].write(module=str(programs() / "slow_module.so"))
    gateway.environment.update(SLOW_MODULE_TARGET=MODULE, SLOW_MODULE_US=str(microseconds))
    with gateway:
        gateway.key(KEY, "ecdsa-p256")
        yield gateway


def sign(gateway, message, connection=None):
    return gateway.call("POST", f"/v1/keys/{KEY}:sign", {"message": b64(message)}, connection=connection)


def public_key(gateway):
    pem = gateway.call("GET", f"/v1/keys/{KEY}:public-key").body
    return serialization.load_pem_public_key(pem)


def is_refusal(answer):
    """503 that says when to come back."""
    return answer.status == 503 and answer.json["code"] == "overloaded" and int(answer.headers["Retry-After"]) >= 1


class Crowd:
    """Callers who start together, `each` requests one after the other; (message, answer) pairs in `answers`."""

    def __init__(self, gateway, count, each=1):
        self.answers = []
        self.gateway, self.each = gateway, each
        self.start = threading.Barrier(count)
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(count)]
        for thread in self.threads:
            thread.start()

    def run(self, number):
        connection = self.gateway.connect()
        self.start.wait()
        for i in range(self.each):
            message = b"%d/%d" % (number, i)
            self.answers.append((message, sign(self.gateway, message, connection)))
        connection.close()

    def join(self):
        for thread in self.threads:
            thread.join()
        assert len(self.answers) == len(self.threads) * self.each, "a caller got no answer"
        return self.answers


def serves_all(gateway):
    """As many at once as there is room for."""
    assert [answer.status for _, answer in Crowd(gateway, ROOM).join()] == [200] * ROOM


def test_five_times_the_load():
    with slow_token(20_000) as gateway:
        serves_all(gateway)
        key, before = public_key(gateway), gateway.rss_kib()
        answers = Crowd(gateway, CROWD, EACH).join()
        after = gateway.rss_kib()
        served = [(message, answer) for message, answer in answers if answer.status == 200]
        refused = [answer for _, answer in answers if answer.status != 200]
        print(f"{len(served)} served, {len(refused)} refused; RSS of the front {before} -> {after} KiB")
        assert len(served) >= ROOM and refused
        for answer in refused:
            assert is_refusal(answer), (answer.status, answer.body)
        for message, answer in served:
            key.verify(unb64(answer.json["signature"]), message, ec.ECDSA(hashes.SHA256()))
        slack = 64 * 1024 if "asan" in os.environ["HSMGATE_BIN"] or "tsan" in os.environ["HSMGATE_BIN"] else 16 * 1024
        assert after - before < slack
        serves_all(gateway)
        status = gateway.token_status("slow")
        assert status["restarts"] == 0 and status["channels_busy"] == 0
        # every one of them is on record, whatever became of it
        signs = [record for record in gateway.records() if record.get("operation") == "sign" and record.get("key") == KEY]
        assert sum(record["status"] == 503 for record in signs) == len(refused)
        assert sum(record["status"] == 200 for record in signs) == len(served) + 2 * ROOM


def test_who_does_not_fit_is_refused_while_others_wait():
    with slow_token(0) as gateway:
        worker = gateway.worker("slow")
        stand_still(worker)
        try:
            crowd = Crowd(gateway, CROWD)
            until("all that have no room are refused", lambda: len(crowd.answers) == CROWD - ROOM)
            assert all(is_refusal(answer) for _, answer in crowd.answers)
            assert is_refusal(sign(gateway, b"one more"))
            assert gateway.call("GET", "/healthz", token="").status == 200
            assert gateway.call("GET", f"/v1/keys/{KEY}").status == 200
            assert len(crowd.answers) == CROWD - ROOM  # the others still wait
        finally:
            os.kill(worker, signal.SIGCONT)
        statuses = [answer.status for _, answer in crowd.join()]
        assert statuses.count(200) == ROOM and statuses.count(503) == CROWD - ROOM
        assert gateway.worker("slow") == worker
        serves_all(gateway)


def test_new_keys_do_not_take_the_places_of_signatures():
    with slow_token(0) as gateway:
        made = []

        def make(number):
            made.append(gateway.call("POST", "/v1/keys", {"name": f"key/new/n{number}", "algorithm": "rsa-3072", "owner": "tests"}))

        makers = [threading.Thread(target=make, args=(i,)) for i in range(4 * ROOM)]
        for maker in makers:
            maker.start()
        statuses = [sign(gateway, b"m").status for _ in range(20)]
        for maker in makers:
            maker.join()
        assert statuses == [200] * 20
        # one is made at a time, QUEUE wait, and the rest is refused and leaves nothing behind
        assert {answer.status for answer in made} == {201, 503} and all(is_refusal(a) for a in made if a.status == 503)
        names = [key["name"] for key in gateway.do("GET", "/v1/keys?prefix=key/new/")["keys"]]
        assert len(names) == sum(answer.status == 201 for answer in made)


@pytest.mark.parametrize("killed", [False, True])
def test_a_worker_that_starts_again_finds_no_more_than_fit(killed):
    with slow_token(5_000) as gateway:
        worker = gateway.worker("slow")
        stand_still(worker)
        crowd = Crowd(gateway, CROWD)
        until("all that have no room are refused", lambda: len(crowd.answers) == CROWD - ROOM)
        os.kill(worker, signal.SIGKILL if killed else signal.SIGCONT)
        answers = crowd.join()
        assert {answer.status for _, answer in answers} == {200, 503}
        assert sum(answer.status == 200 for _, answer in answers) == ROOM
        until("the token is ready", lambda: gateway.token_status("slow")["state"] == "ready")
        serves_all(gateway)
