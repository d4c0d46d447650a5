"""The database is locked by another program for longer than anybody waits, damaged while it is in use, and damaged while nobody looked
(full: full_disk.py; a second hsmgated on it: scenario/start.py).
"""
import contextlib
import os
import random
import sqlite3
import threading

import pytest

from breaking import KEYS, broken, ready
from daemon import b64, until
from gateway import Gateway
from load import Load

PAGE = 4096
FILE_HEADER = 100  # of the first page
CROWD = 12


def create(gateway, name):
    return gateway.call("POST", "/v1/keys", {"name": name, "algorithm": "hmac-sha256", "owner": "tests"})


@pytest.fixture
def gateway():
    with broken(Gateway()) as made:
        yield made


def test_locked_by_another_program(gateway):
    """Who needs the database is refused, the crowd at once and not one after the other; who does not need it is served."""
    database = gateway.data / "hsmgate.db"
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as other, Load(gateway, connections=3, **KEYS) as load:
        load.wait_good()
        other.execute("BEGIN IMMEDIATE")
        answers = []
        crowd = [threading.Thread(target=lambda i=i: answers.append(create(gateway, f"locked/out/k{i}"))) for i in range(CROWD)]
        for thread in crowd:
            thread.start()
        for thread in crowd:
            thread.join()
        assert [(a.status, a.json["code"]) for a in answers] == [(503, "store_unavailable")] * CROWD
        assert all(a.headers["Retry-After"] for a in answers)
        assert gateway.whole_log().count("database is locked") >= CROWD
        assert (ready(gateway).status, ready(gateway).json["store"]) == (503, "failing")
        assert gateway.call("GET", "/healthz", token="").status == 200
        load.wait_good()
        other.execute("ROLLBACK")
        until("it is ready again", lambda: ready(gateway).status == 200)
        assert [create(gateway, f"locked/out/k{i}").status for i in range(CROWD)] == [201] * CROWD, "nothing of the refused ones is left"
    load.check(codes=())
    gateway.stop()


def damage(path, page, seed):
    """Overwrites a page, the header of the file apart."""
    start = FILE_HEADER if page == 0 else 0
    with open(path, "r+b") as file:
        file.seek(page * PAGE + start)
        file.write(random.Random(seed).randbytes(PAGE - start))


def test_damaged_while_it_runs(gateway):
    """What needs the damaged pages fails and changes nothing, readiness says so and does not take it back; what is known goes on being served."""
    path = gateway.data / "hsmgate.db"
    with Load(gateway, connections=3, **KEYS) as load:
        load.wait_good()
        with contextlib.closing(sqlite3.connect(path)) as other:
            until("everything is in the file", lambda: other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)
        for page in range(1, path.stat().st_size // PAGE):
            damage(path, page, page)
        for i in range(5):
            answer = create(gateway, f"damaged/now/k{i}")
            assert (answer.status, answer.json["code"]) == (500, "internal"), answer.body
        answer = gateway.call("POST", f"/v1/keys/{KEYS['encrypt']}:rotate", {"immediate": True})
        assert (answer.status, answer.json["code"]) == (500, "internal"), answer.body
        for _ in range(2):
            assert (ready(gateway).status, ready(gateway).json["store"]) == (503, "failing")
        load.wait_good()
        assert gateway.call("POST", f"/v1/keys/{KEYS['sign']}:sign", {"message": b64(b"x")}).status == 200
    load.check(codes=())
    gateway.stop()
    assert "restore it from a backup" in refuses_to_start(gateway)


def refuses_to_start(gateway):
    with pytest.raises(AssertionError) as refused:
        gateway.start()
    assert gateway.process.wait() == 1
    gateway.process = None
    gateway.log.close()
    return str(refused.value)


def test_damaged_while_it_was_down(gateway):
    """Any one page, whether a start would need it or not."""
    with Load(gateway, connections=2, **KEYS) as load:
        load.wait_good()
    gateway.stop()
    path = gateway.data / "hsmgate.db"
    whole = path.read_bytes()
    assert not os.path.exists(f"{path}-wal")
    for page in range(len(whole) // PAGE):
        damage(path, page, page)
        assert "restore it from a backup" in refuses_to_start(gateway), page
        path.write_bytes(whole)
    gateway.start()
    load.check(codes=())
    gateway.stop()
