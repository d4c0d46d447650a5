"""What a refusal must be: an answer that says which one it is, and a record of its own in the audit log that says the same."""
import contextlib
import shutil
import sqlite3

import pytest

from daemon import Refused

WORDS = {400: "refused", 401: "denied", 403: "denied", 404: "refused", 409: "refused", 413: "refused"}
RECORDED = {"vote", "open-break-glass", "request-break-glass", "publish-roster"}  # their records say why


def refused(gateway, call, *arguments, says, operation, why="", **more):
    """Expects the refusal `says`, (status, code), and finds it in the log; gives both."""
    with pytest.raises(Refused) as caught:
        call(*arguments, **more)
    refusal = caught.value
    assert (refusal.status, refusal.code) == says, refusal
    mine = [r for r in gateway.records() if r.get("request_id") == refusal.problem["request_id"] and r["kind"] == "request"]
    assert len(mine) == 1, mine
    record = mine[0]
    assert (record["operation"], record["outcome"], record["code"], record["status"]) == (operation, WORDS[says[0]], says[1], says[0]), record
    told = record["detail"]["why"] if operation in RECORDED and says[0] != 401 else refusal.problem["detail"]
    assert why in told, (refusal, told)
    return refusal, record


def system_records(gateway, operation):
    return [r for r in gateway.records() if r["kind"] == "system" and r["operation"] == operation]


class Database:
    """The gateway's database in the hands of somebody who may write it; the gateway must stand."""

    def __init__(self, gateway):
        assert gateway.process is None
        self.db = sqlite3.connect(gateway.data / "hsmgate.db", isolation_level=None)
        self.db.execute("PRAGMA ignore_check_constraints = ON")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.db.close()

    def run(self, sql, *values):
        return self.db.execute(sql, values).fetchall()

    def changes(self, sql, *values):
        """Runs what must change something."""
        assert self.db.execute(sql, values).rowcount > 0, sql


@contextlib.contextmanager
def edited(gateway):
    """The database, between two lives of the gateway."""
    gateway.stop()
    with Database(gateway) as database:
        yield database
    gateway.start()


@contextlib.contextmanager
def edited_for_a_while(gateway, edit):
    """Likewise, and afterwards everything is as it was before."""
    gateway.stop()
    path = gateway.data / "hsmgate.db"
    kept = gateway.data / "kept.db"
    shutil.copy(path, kept)
    with Database(gateway) as database:
        edit(database)
    gateway.start()
    try:
        yield
    finally:
        gateway.stop()
        for end in ("-wal", "-shm"):
            (gateway.data / f"hsmgate.db{end}").unlink(missing_ok=True)
        kept.replace(path)
        gateway.start()
