"""The token loses what everybody holds on it, in the middle of their work: the numbers of objects, the login with them, or all sessions.

The worker mends that by itself: no process ends, callers get right answers alone, and the PIN is given once for each login that was lost."""
import pytest

from chaos import ChaosGateway
from daemon import b64
from load import Load

MOMENTS = ["C_SignInit", "C_Sign", "C_Encrypt", "C_DecryptInit"]


@pytest.fixture(scope="module")
def gateway():
    with ChaosGateway() as gateway:
        gateway.key("lost/it/ec", "ecdsa-p256")
        gateway.key("lost/it/aes", "aes-256-gcm")
        yield gateway


@pytest.mark.parametrize("what", ["handles", "login", "sessions"])
def test_lost_under_load(gateway, what):
    before, logins = gateway.status(), gateway.chaos.count("C_Login")
    with Load(gateway, sign="lost/it/ec", encrypt="lost/it/aes", name=what) as load:
        load.wait_good()
        for moment in MOMENTS:
            gateway.chaos.inject(moment, lose=what, times=1).wait()
            load.wait_good()
    load.check(codes=())
    after = gateway.status()
    assert (after["worker_pid"], after["restarts"], after["state"]) == (before["worker_pid"], 0, "ready")
    lost = 0 if what == "handles" else len(MOMENTS)
    assert gateway.chaos.count("C_Login") == logins + lost
    assert after["epoch"] - before["epoch"] >= len(MOMENTS)


def test_keys_are_searched_once_and_not_for_each_request(gateway):
    with Load(gateway, sign="lost/it/ec", encrypt="lost/it/aes", name="searches") as load:
        load.wait_good()
        searches, answered = gateway.chaos.count("C_FindObjectsInit"), len(load.good())
        load.wait_good()
    load.check(codes=())
    assert len(load.good()) - answered >= 24
    assert gateway.chaos.count("C_FindObjectsInit") - searches <= 1  # the log's own key, when a checkpoint falls due just now


def test_a_login_that_was_lost_hides_no_key(gateway):
    """Who is not logged in finds no private objects, and the token says nothing: that must not look as if the keys were gone."""
    for lose in ("C_FindObjectsInit", "C_FindObjects"):
        gateway.stop()
        gateway.start()  # nobody has used a key yet
        fault = gateway.chaos.inject(lose, lose="login", times=1)
        assert gateway.verb("lost/it/ec", "sign", {"message": b64(b"m")})["version"] == 1
        assert fault.fired == 1
    for ask in (lambda: gateway.do("GET", "/v1/tokens/main/inventory")["missing"] == [], lambda: gateway.key("lost/it/new", "aes-256-gcm")):
        fault = gateway.chaos.inject("C_FindObjectsInit", lose="login", times=1)
        assert ask() and fault.fired == 1
    assert gateway.errors("key_missing") == 0
