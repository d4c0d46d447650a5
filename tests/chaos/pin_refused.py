"""The token refuses the PIN, or has locked it: it is given once and never again, whoever restarts, and the operator is told."""
import os
import signal

import pytest

from chaos import ChaosGateway
from daemon import until
from load import Load


@pytest.fixture(scope="module")
def gateway():
    with ChaosGateway() as gateway:
        gateway.key("pin/it/ec", "ecdsa-p256")
        yield gateway


def is_latched(gateway):
    status = gateway.status()
    assert status["state"] == "latched" and "worker_pid" not in status
    answer = gateway.call("POST", "/v1/keys/pin/it/ec:sign", {"message": ""})
    assert (answer.status, answer.json["code"]) == (503, "token_unavailable")
    assert gateway.call("GET", "/healthz", token="").status == 200


def stays_latched(gateway, logins):
    """Through a restart of the front, and now that the token would take the PIN."""
    gateway.chaos.clear()
    gateway.stop()
    gateway.start()
    is_latched(gateway)
    assert "refused this PIN before" in gateway.status()["last_error"]
    assert gateway.chaos.count("C_Login") == logins
    gateway.main.latch_files()[0].unlink()  # as the message says
    gateway.stop()
    gateway.start()
    assert gateway.verb("pin/it/ec", "sign", {"message": ""})["version"] == 1
    assert gateway.chaos.count("C_Login") == logins + 1


@pytest.mark.parametrize("ckr", ["PIN_INCORRECT", "PIN_LOCKED"])
def test_refused_at_start(gateway, ckr):
    logins = gateway.chaos.count("C_Login")
    gateway.stop()
    gateway.chaos.inject("C_Login", ckr=ckr)
    gateway.start()
    is_latched(gateway)
    assert ckr in gateway.status()["last_error"]
    stays_latched(gateway, logins + 1)


def test_refused_in_service(gateway):
    """The login is lost under load; one of eight sessions asks for the new one, and nobody after it."""
    logins = gateway.chaos.count("C_Login")
    with Load(gateway, sign="pin/it/ec") as load:
        load.wait_good()
        gateway.chaos.inject("C_Login", ckr="PIN_INCORRECT")
        gateway.chaos.inject("C_SignInit", lose="login", times=1)
        until("it is latched", lambda: gateway.status()["state"] == "latched")
        load.wait_refused()
    load.check()
    is_latched(gateway)
    assert gateway.errors("pin") > 0
    stays_latched(gateway, logins + 1)


def test_refused_to_the_next_worker(gateway):
    logins = gateway.chaos.count("C_Login")
    gateway.chaos.inject("C_Login", ckr="PIN_INCORRECT")
    os.kill(gateway.worker("main"), signal.SIGKILL)
    until("it is latched", lambda: gateway.status()["state"] == "latched")
    is_latched(gateway)
    stays_latched(gateway, logins + 1)


@pytest.mark.parametrize("flag,says", [("USER_PIN_LOCKED", "is locked"), ("USER_PIN_FINAL_TRY", "one more wrong PIN"),
                                       ("USER_PIN_COUNT_LOW", "somebody gave")])
def test_a_warning_of_the_token_is_heeded(gateway, flag, says):
    logins = gateway.chaos.count("C_Login")
    gateway.stop()
    gateway.chaos.inject("C_GetTokenInfo", flags=flag)
    gateway.start()
    is_latched(gateway)
    assert says in gateway.status()["last_error"]
    assert gateway.chaos.count("C_Login") == logins  # not even tried
    gateway.stop()
    gateway.start()
    assert gateway.status()["state"] == "ready"
