"""A token that takes its time, and one that takes for ever.

The first is waited for, the second costs its worker the life at the operation's deadline."""
import pytest

from chaos import ChaosGateway
from daemon import until
from load import Load

WORK = ("C_Sign", "C_Encrypt", "C_Decrypt")


def made(operation_timeout):
    with ChaosGateway(operation_timeout=operation_timeout) as gateway:
        gateway.key("slow/it/ec", "ecdsa-p256")
        gateway.key("slow/it/aes", "aes-256-gcm")
        yield gateway
        assert gateway.process.poll() is None


@pytest.fixture(scope="module")
def patient():
    yield from made("30s")


@pytest.fixture(scope="module")
def strict():
    yield from made("2s")


def load(gateway, name):
    return Load(gateway, sign="slow/it/ec", encrypt="slow/it/aes", name=name)


@pytest.mark.parametrize("name,how", [("50-ms", {"delay": 0.05}), ("1-s", {"delay": 1}), ("some-slow", {"delay": 0.001, "every": 10, "slow": 0.5})])
def test_slow(patient, name, how):
    faults = [patient.chaos.inject(function, **how) for function in WORK]
    with load(patient, name) as callers:
        callers.wait_good()
    callers.check(codes=())
    assert all(fault.fired for fault in faults)
    patient.chaos.clear()
    status = patient.status()
    assert (status["timeouts"], status["restarts"]) == (0, 0)


def test_hung_once(strict):
    before = strict.status()
    with load(strict, "once") as callers:
        callers.wait_good()
        strict.chaos.inject("C_Sign", hang=True, times=1).wait()
        until("the worker was replaced", lambda: strict.status()["timeouts"] > before["timeouts"])
        callers.wait_good()
    callers.check()
    strict.chaos.clear()
    after = strict.status()
    assert after["restarts"] > before["restarts"] and after["worker_pid"] != before["worker_pid"]


def test_hung_for_good(strict):
    before = strict.status()
    with load(strict, "for-good") as callers:
        callers.wait_good()
        hung = strict.chaos.inject("C_Decrypt", hang=True)
        until("two workers were replaced", lambda: strict.status()["timeouts"] >= before["timeouts"] + 2)
        assert strict.call("GET", "/healthz", token="").status == 200
        hung.clear()
        callers.wait_good()
    callers.check()
