"""A gateway that a test breaks under load: the keys that load.py works with, what readiness says, and whether all is whole when it is down."""
import contextlib
import sqlite3
import subprocess

from daemon import programs

KEYS = {"sign": "load/all/ec", "encrypt": "load/all/aes"}


@contextlib.contextmanager
def broken(gateway):
    """It is started, and removed in whatever state it is."""
    try:
        gateway.start()
        gateway.key(KEYS["sign"], "ecdsa-p256")
        gateway.key(KEYS["encrypt"], "aes-256-gcm")
        yield gateway
    except BaseException:
        print(gateway.log_text())
        raise
    finally:
        gateway.remove()


def ready(gateway):
    """The answer of /readyz."""
    return gateway.call("GET", "/readyz", token="")


def assert_whole(gateway):
    """The gateway is down: the log proves itself, and so does the database."""
    done = subprocess.run([programs() / "hsmgate", "audit", "verify", "--log", gateway.data / "audit"], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "intact"), done.stdout + done.stderr
    with contextlib.closing(sqlite3.connect(gateway.data / "hsmgate.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
