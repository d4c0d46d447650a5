"""Rates: who is over them is told how long to wait, and that is long enough; nobody else notices."""
import contextlib
import os
import time

from configured import Configured
from daemon import b64, until

TRIES = 100  # each well within a second: many more than any burst here
LIMITS = {
    "principal": {"per_second": 500, "burst": 1000},
    "principals": [{"pattern": "token:ci-*", "per_second": 1, "burst": 3}],
    "keys": [{"pattern": "limited/one/*", "per_second": 1, "burst": 4}],
}
NAMES = ("ci-a", "ci-b", "app-a", "app-b")
KEY, LIMITED = "free/one/key", "limited/one/key"


@contextlib.contextmanager
def limited():
    administrators = [f"unix:{os.geteuid()}", "token:admin", *(f"token:{name}" for name in NAMES)]
    with Configured("main", limits=LIMITS, administrators=administrators) as gateway:
        gateway.bearers = {name: gateway.make_bearer(name) for name in NAMES}
        gateway.key(KEY, "hmac-sha256")
        gateway.key(LIMITED, "hmac-sha256")
        yield gateway


def mac(gateway, name, key, items=0):
    message = {"message": b64(b"m")}
    return gateway.call("POST", f"/v1/keys/{key}:mac", {"items": [message] * items} if items else message, token=gateway.bearers[name])


def until_refused(call):
    """The first answer that is not 200, and how many came before."""
    for passed in range(TRIES):
        answer = call()
        if answer.status != 200:
            return answer, passed
    raise AssertionError(f"{TRIES} requests passed")


def wait_as_told(answer):
    """The seconds of Retry-After from now."""
    assert (answer.status, answer.json["code"]) == (429, "rate_limited"), answer.body
    assert answer.headers["Content-Type"] == "application/problem+json"
    seconds = int(answer.headers["Retry-After"])
    assert 1 <= seconds <= 60
    over = time.monotonic() + seconds
    until("Retry-After is over", lambda: time.monotonic() >= over)


def limited_total(gateway, limit):
    lines = gateway.call("GET", "/metrics", token="").body.decode().splitlines()
    return sum(int(line.split()[-1]) for line in lines if line.startswith(f'hsmgate_limited_total{{limit="{limit}"}}'))


def test_a_principal_over_its_rate():
    with limited() as gateway:
        answer, passed = until_refused(lambda: mac(gateway, "ci-a", KEY))
        assert passed >= 3
        for name in ("ci-b", "app-a"):  # of the same rule, with a bucket of its own; and of none
            assert mac(gateway, name, KEY).status == 200
        wait_as_told(answer)
        assert mac(gateway, "ci-a", KEY).status == 200
        assert limited_total(gateway, "principal") == 1 and limited_total(gateway, "key") == 0


def test_it_holds_for_everything_that_a_principal_asks_for():
    with limited() as gateway:
        until_refused(lambda: mac(gateway, "ci-a", KEY))
        answer, _ = until_refused(lambda: gateway.call("GET", "/v1/auth/whoami", token=gateway.bearers["ci-a"]))
        assert answer.status == 429
        gateway.key("free/one/public", "ecdsa-p256")
        for path in ("/healthz", "/jwks/free/one/public"):  # these know no principal
            assert {gateway.call("GET", path, token="").status for _ in range(20)} == {200}


def test_a_key_over_its_rate():
    with limited() as gateway:
        names = iter(("app-a", "app-b") * TRIES)
        answer, passed = until_refused(lambda: mac(gateway, next(names), LIMITED))
        assert passed >= 4
        for name in ("app-a", "app-b"):  # nobody is over a rate of their own
            assert mac(gateway, name, KEY).status == 200
        # a key's rate is one of use: it can always be looked at and taken out of use
        assert gateway.do("GET", f"/v1/keys/{LIMITED}")["name"] == LIMITED
        wait_as_told(answer)
        assert mac(gateway, "app-b", LIMITED).status == 200
        assert limited_total(gateway, "key") == 1 and limited_total(gateway, "principal") == 0


def test_each_item_of_a_batch_counts():
    with limited() as gateway:
        answer, passed = until_refused(lambda: mac(gateway, "app-a", LIMITED, items=4))
        assert passed <= 2, "four seconds for the next four"
        wait_as_told(answer)
        assert mac(gateway, "app-a", LIMITED, items=4).status == 200


def test_a_batch_over_the_burst_passes_and_the_next_ones_wait_for_it():
    with limited() as gateway:
        assert mac(gateway, "app-a", LIMITED, items=7).status == 200
        answer = mac(gateway, "app-a", LIMITED, items=7)
        assert 2 <= int(answer.headers["Retry-After"]) <= 4
        wait_as_told(answer)
        assert mac(gateway, "app-a", LIMITED).status == 200


def test_a_refusal_does_nothing_and_is_on_record():
    with limited() as gateway:
        until_refused(lambda: mac(gateway, "app-a", LIMITED))
        records = [r for r in gateway.records() if r.get("status") == 429]
        assert {(r["principal"], r["key"], r["outcome"], r["code"]) for r in records} == {("token:app-a", LIMITED, "refused", "rate_limited")}
        served = sum(r.get("operation") == "mac" and r["status"] == 200 for r in gateway.records())
        assert gateway.do("GET", f"/v1/keys/{LIMITED}")["versions"][0]["uses"] == served
