"""No space for the audit log, for the database, and for a start. A limit of file size fails writes where a full disk does, in the middle of a
line too, and needs no file system of its own (scenario/audit_unwritable.py has refusals one by one, and logs that are taken away).
"""
import contextlib
import resource

import pytest

from breaking import KEYS, assert_whole, broken, ready
from daemon import b64, until
from gateway import Gateway
from load import Load
from patient import PatientLoad

KIB = 1024
UNLIMITED = resource.RLIM_INFINITY


def limit_files(gateway, size):
    resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, (size, UNLIMITED))


def log_file(gateway):
    return max((gateway.data / "audit").glob("*.jsonl"))


@pytest.fixture
def gateway():
    with broken(Gateway()) as made:
        yield made


def test_the_log_is_torn_by_a_full_disk_and_the_front_is_killed(gateway):
    """Whatever lies behind the last durable record when it dies was never answered; the next start cuts it off."""
    with PatientLoad(gateway, **KEYS) as load:
        for spare in (100, 1500, 3001):
            load.wait_good()
            limit_files(gateway, log_file(gateway).stat().st_size + spare)
            load.wait_refused()
            assert ready(gateway).json["audit"] == "failing" and gateway.call("GET", "/healthz", token="").status == 200
            gateway.kill()
            gateway.start()
            load.revive()
        load.wait_good()
    load.check({"audit_unavailable", "store_unavailable"})
    gateway.stop()
    assert_whole(gateway)


def test_the_database_is_full_and_the_log_is_not(gateway):
    made, wal = [], gateway.data / "hsmgate.db-wal"
    while wal.stat().st_size < 600 * KIB:
        made.append(f"full/disk/k{len(made)}")
        gateway.key(made[-1], "hmac-sha256")
    with Load(gateway, connections=2, **KEYS) as load:
        load.wait_good()
        limit_files(gateway, 512 * KIB)
        for i in range(10):
            answer = gateway.call("POST", "/v1/keys", {"name": f"full/disk/n{i}", "algorithm": "hmac-sha256", "owner": "tests"})
            assert (answer.status, answer.json["code"]) == (503, "store_unavailable"), answer.body
            assert ready(gateway).json["store"] == "failing" and ready(gateway).json["audit"] == "ok"
        assert gateway.call("POST", f"/v1/keys/{KEYS['sign']}:sign", {"message": b64(b"x")}).status == 200, "what needs no writing goes on"
        load.wait_good()
        limit_files(gateway, UNLIMITED)
        until("it is ready again", lambda: ready(gateway).json["status"] == "ready")
        made.append("full/disk/n0")  # the same name: nothing of the refused one is left
        gateway.key(made[-1], "hmac-sha256")
    load.check({"store_unavailable"})
    gateway.stop()
    gateway.start()
    assert all(gateway.call("GET", f"/v1/keys/{name}").status == 200 for name in made)
    assert all(gateway.call("GET", f"/v1/keys/full/disk/n{i}").status == 404 for i in range(1, 10))
    gateway.stop()
    assert_whole(gateway)


@contextlib.contextmanager
def inherited_limit(size):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_start_on_a_full_disk_says_so_and_breaks_nothing(gateway):
    with PatientLoad(gateway, **KEYS) as load:
        load.wait_good()
        gateway.kill()  # the database's log has not been taken in yet, so there is something to write
        with inherited_limit(16 * KIB), pytest.raises(AssertionError) as refused:
            gateway.start()
        gateway.process.wait()
        assert gateway.process.returncode == 1, "it ends by itself, not by a signal"
        assert "the key store cannot be written now; check" in str(refused.value)
        gateway.start()
        load.revive()
        load.wait_good()
    load.check(codes=())
    gateway.stop()
    assert_whole(gateway)
