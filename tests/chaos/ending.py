"""SIGTERM under load: what is under way is answered within the ten seconds that are promised, nothing acknowledged is lost, and nobody is left
behind. And what that leaves, when a token hangs for longer.
"""
import errno
import os
import pathlib
import signal
import socket
import time

import pytest

from breaking import KEYS, assert_whole, broken
from configured import MODULE, Configured
from daemon import programs, stand_still, until
from load import Load
from patient import PatientLoad

DRAIN = 10  # seconds, as promised
GENEROUS = 3 * DRAIN  # for the machine, and for closing after the drain
SLOW_US = 40_000
CONNECTIONS = 12


@pytest.fixture
def gateway():
    """Four channels, and a token that takes its time: there is always something under way, and something that waits."""
    made = Configured("soft", limits={"token_queue": CONNECTIONS}, per_token={"soft": {"operation_timeout": "100s"}}, request_timeout="100s")
    made.tokens["soft"].write(module=str(programs() / "slow_module.so"))
    made.environment.update(SLOW_MODULE_TARGET=MODULE, SLOW_MODULE_US=str(SLOW_US))
    # Who leaves without an answer joins no thread, and is not to be blamed for it.
    made.environment["TSAN_OPTIONS"] = os.environ.get("TSAN_OPTIONS", "") + " report_thread_leaks=0"
    with broken(made) as running:
        yield running


def busy(gateway):
    return gateway.token_status("soft")["channels_busy"]


def is_gone(pid):
    return not pathlib.Path(f"/proc/{pid}").exists()


def is_refused(gateway):
    """Nobody listens: refused at once, not left to wait."""
    parts = gateway.connect()
    with socket.socket() as one:
        one.settimeout(GENEROUS)
        return one.connect_ex((parts.host, parts.port)) == errno.ECONNREFUSED


def test_what_is_under_way_is_answered(gateway):
    worker = gateway.worker("soft")
    with PatientLoad(gateway, connections=CONNECTIONS, **KEYS) as load:
        load.wait_good()
        until("all channels are busy", lambda: busy(gateway) == 4)
        begun = time.monotonic()
        gateway.process.send_signal(signal.SIGTERM)
        gateway.process.send_signal(signal.SIGTERM)  # who is impatient does no harm
        status = gateway.stop(signal.SIGTERM)
        took = time.monotonic() - begun
        assert is_refused(gateway)
        answered = load.answers()
    print(f"stopped in {took:.1f} s")
    assert status == 0 and took < GENEROUS
    assert any(done.status == 200 and done.ended > begun for done in answered), "those under way were answered"
    assert is_gone(worker) and not gateway.socket.exists()
    assert_whole(gateway)
    gateway.start()
    load.check({"overloaded"})
    gateway.stop()


def test_what_hangs_is_left_without_an_answer(gateway):
    with PatientLoad(gateway, connections=CONNECTIONS, **KEYS) as load:
        load.wait_good()
        worker = gateway.worker("soft")
        stand_still(worker)
        until("all channels hang", lambda: busy(gateway) == 4)
        begun = time.monotonic()
        gateway.process.send_signal(signal.SIGTERM)
        assert gateway.process.wait(timeout=GENEROUS) == 1
        assert time.monotonic() - begun >= DRAIN, "they had all of their time"
        assert is_refused(gateway) and "leaving without them" in gateway.whole_log()
        until("the worker has not stayed", lambda: is_gone(worker))
        gateway.process = None
        gateway.log.close()
        gateway.start()
        load.revive()
        load.wait_good()
    load.check({"overloaded"})
    gateway.stop()
    assert_whole(gateway)
