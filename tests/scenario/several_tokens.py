"""Two tokens in one configuration, each with its worker: whatever happens to one, the other serves every request meanwhile."""
import contextlib
import os
import signal
import threading

import pytest

from configured import Configured
from daemon import b64, stand_still, until

REQUESTS = 100
CROWD = 120  # more than all request threads, and than one token may hold of them
GOOD, BAD = "key/on/good", "key/on/bad"
LONG = {"bad": {"operation_timeout": "100s"}}
SHORT = {"bad": {"operation_timeout": "2s"}}


class Callers:
    """Signatures asked for at the same time, one thread each; their answers when they are joined."""

    def __init__(self, gateway, name, count):
        self.answers = []
        self.threads = [threading.Thread(target=self.run, args=(gateway, name)) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def run(self, gateway, name):
        self.answers.append(sign(gateway, name))

    def under_way(self):
        return sum(t.is_alive() for t in self.threads)

    def join(self):
        for thread in self.threads:
            thread.join()
        assert len(self.answers) == len(self.threads)
        return self.answers


@contextlib.contextmanager
def stopped(pid):
    """A worker that hangs, as a module that does not return."""
    stand_still(pid)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def sign(gateway, name, **more):
    return gateway.call("POST", f"/v1/keys/{name}:sign", {"message": b64(b"m")}, **more)


def good_serves_all(gateway):
    connection = gateway.connect()
    statuses = [sign(gateway, GOOD, connection=connection).status for _ in range(REQUESTS)]
    connection.close()
    assert statuses == [200] * REQUESTS


def bad_is_refused(gateway):
    answer = sign(gateway, BAD)
    assert (answer.status, answer.json["code"]) == (503, "token_unavailable"), answer.body
    assert int(answer.headers["Retry-After"]) >= 1
    for leak in (gateway.tokens["bad"].module, "CKR", "worker", str(gateway.data), gateway.tokens["bad"].label):
        assert leak not in answer.body.decode()


def readyz(gateway):
    answer = gateway.call("GET", "/readyz", token="")
    return answer.status, answer.json["tokens"]


def comes_back(gateway):
    until("the token is ready", lambda: gateway.token_status("bad")["state"] == "ready")
    assert sign(gateway, BAD).status == 200
    assert readyz(gateway) == (200, {"good": "ok", "bad": "ok"})


@contextlib.contextmanager
def two_tokens(**options):
    with Configured("good", "bad", **options) as gateway:
        gateway.key(GOOD, "ecdsa-p256", token="good")
        gateway.key(BAD, "ecdsa-p256", token="bad")
        assert readyz(gateway) == (200, {"good": "ok", "bad": "ok"})
        yield gateway


def test_each_key_is_on_the_token_that_was_asked_for():
    with two_tokens(default_token="bad") as gateway:
        assert len({gateway.worker(name) for name in ("good", "bad")}) == 2
        assert [gateway.do("GET", f"/v1/keys/{name}")["token"] for name in (GOOD, BAD)] == ["good", "bad"]
        gateway.key("key/on/default", "hmac-sha256")
        assert gateway.do("GET", "/v1/keys/key/on/default")["token"] == "bad"
        refused = gateway.call("POST", "/v1/keys", {"name": "key/on/none", "algorithm": "hmac-sha256", "owner": "x", "token": "none"})
        assert refused.status == 400 and "none" not in str(gateway.do("GET", "/v1/keys"))
        assert [t["default"] for t in gateway.do("GET", "/v1/tokens")["tokens"]] == [False, True]
        good_serves_all(gateway)
        assert sign(gateway, BAD).status == 200


def test_a_token_that_hangs_holds_only_its_own_callers():
    with two_tokens(per_token=LONG, request_timeout="100s") as gateway:
        worker = gateway.worker("bad")
        with stopped(worker):
            callers = Callers(gateway, BAD, 1)
            until("the call is on its way", lambda: gateway.token_status("bad")["channels_busy"] == 1)
            good_serves_all(gateway)
            assert callers.under_way() == 1
        assert [a.status for a in callers.join()] == [200]
        assert gateway.worker("bad") == worker and gateway.token_status("bad")["restarts"] == 0
        comes_back(gateway)


def test_a_crowd_on_a_token_that_hangs_takes_nothing_from_the_other():
    with two_tokens(per_token=LONG, request_timeout="100s") as gateway:
        with stopped(gateway.worker("bad")):
            callers = Callers(gateway, BAD, CROWD)
            until("its channels are taken", lambda: gateway.token_status("bad")["channels_busy"] == 4)
            good_serves_all(gateway)
            assert callers.under_way() >= 4
        answers = callers.join()
        assert {a.status for a in answers} <= {200, 503} and sum(a.status == 200 for a in answers) >= 4
        assert {a.json["code"] for a in answers if a.status == 503} <= {"overloaded", "token_unavailable"}
        comes_back(gateway)


def test_a_worker_that_hangs_is_replaced_at_its_operation_timeout():
    with two_tokens(per_token=SHORT) as gateway:
        worker = gateway.worker("bad")
        with stopped(worker):
            callers = Callers(gateway, BAD, 4)
            good_serves_all(gateway)
            assert {a.status for a in callers.join()} <= {200, 503}
            comes_back(gateway)
        status = gateway.token_status("bad")
        assert status["worker_pid"] != worker and status["timeouts"] == 1 and status["restarts"] == 1


def test_a_worker_that_hangs_and_cannot_start_again():
    with two_tokens(per_token=SHORT) as gateway:
        bad = gateway.tokens["bad"]
        bad.write(module="/nowhere/libmodule.so")
        with stopped(gateway.worker("bad")):
            callers = Callers(gateway, BAD, 4)
            good_serves_all(gateway)
            assert {(a.status, a.json["code"]) for a in callers.join()} == {(503, "token_unavailable")}
            bad_is_refused(gateway)
            assert readyz(gateway) == (503, {"good": "ok", "bad": "failing"})
            good_serves_all(gateway)
        bad.write()
        comes_back(gateway)


def test_readyz_says_which_token_hangs():
    with two_tokens(per_token=LONG) as gateway:
        with stopped(gateway.worker("bad")):
            assert readyz(gateway) == (503, {"good": "ok", "bad": "failing"})
            good_serves_all(gateway)
        comes_back(gateway)


def test_a_killed_worker_takes_no_request_of_the_other():
    with two_tokens() as gateway:
        workers = {name: gateway.worker(name) for name in ("good", "bad")}
        os.kill(workers["bad"], signal.SIGKILL)
        good_serves_all(gateway)
        comes_back(gateway)
        assert gateway.worker("good") == workers["good"] and gateway.worker("bad") != workers["bad"]
        assert gateway.token_status("good")["restarts"] == 0


@pytest.mark.parametrize("broken,named", [({"module": "/nowhere/libmodule.so"}, "/nowhere/libmodule.so"), ({"token": {"label": "absent"}}, "absent")])
def test_a_token_that_is_not_there_at_start(broken, named):
    with two_tokens() as gateway:
        bad = gateway.tokens["bad"]
        gateway.stop()
        bad.write(**broken)
        gateway.start()  # serves all the same
        good_serves_all(gateway)
        bad_is_refused(gateway)
        assert readyz(gateway) == (503, {"good": "ok", "bad": "failing"})
        assert named in gateway.token_status("bad")["last_error"] and named in gateway.log_text()
        refused = gateway.call("POST", "/v1/keys", {"name": "key/on/both", "algorithm": "ecdsa-p256", "owner": "x", "token": "bad"})
        assert (refused.status, refused.json["code"]) == (503, "token_unavailable")
        assert "key/on/both" not in str(gateway.do("GET", "/v1/keys"))
        bad.write()
        comes_back(gateway)
        # what was left half made is undone first, and its name is taken as long
        until("what was left is settled", lambda: gateway.whole_log().count("token: bad is ready:") == 2)
        gateway.key("key/on/both", "ecdsa-p256", token="bad")


def test_a_token_that_appears_later_is_taken_up():
    with two_tokens() as gateway:
        bad = gateway.tokens["bad"]
        gateway.stop()
        bad.write(token={"label": "later"})
        gateway.start()
        bad_is_refused(gateway)
        bad.make("later")
        bad.write(token={"label": "later"})  # as before, but for where a token like NSS's is to be found
        until("the token is ready", lambda: gateway.token_status("bad")["state"] == "ready")
        assert readyz(gateway) == (200, {"good": "ok", "bad": "ok"})
        gateway.key("key/on/later", "ecdsa-p256", token="bad")
        assert sign(gateway, "key/on/later").status == 200
        bad_is_refused(gateway)  # another token: the key's material is not on it
        good_serves_all(gateway)


def test_a_token_that_left_the_configuration():
    with two_tokens() as gateway:
        gateway.stop()
        bad = gateway.tokens.pop("bad")
        gateway.start()
        good_serves_all(gateway)
        assert readyz(gateway) == (200, {"good": "ok"})
        answer = sign(gateway, BAD)
        assert (answer.status, answer.json["code"]) == (503, "token_unavailable")
        assert gateway.do("GET", f"/v1/keys/{BAD}")["token"] == "bad"
        gateway.stop()
        gateway.tokens["bad"] = bad
        gateway.start()
        comes_back(gateway)
