"""The wall clock leaps, forwards and backwards, by an hour and by ten years, and stands still: requests go on, rotation goes on, what has
expired stays expired, and nothing is destroyed because a clock says so. libfaketime lies to the daemon; the monotonic clock is right.
"""
import datetime
import os
import pathlib

import pytest

import audit_log
import sigv4
from breaking import assert_whole
from configured import Configured
from daemon import Daemon, Refused, b64, unb64, until
from kms import Aws
from load import Load

HOUR, YEARS = 3600, 10 * 365 * 86400
LEAPS = {"an hour on": f"+{HOUR}", "an hour back": f"-{HOUR}", "ten years on": f"+{YEARS}", "ten years back": f"-{YEARS}", "standing still": None}
SKEW = 300  # seconds that a signature's time may be off
UNDER_LOAD = (600, -600, 2 * HOUR, -2 * HOUR, 2 * 86400, -2 * 86400, 0)  # where the clock is, one after the other
LIBRARY = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)


class Leaping(Configured):
    """A daemon whose wall clock the test sets."""

    def __init__(self):
        super().__init__("soft", rotation={"clock_skew": "1s"}, checkpoints={"records": 50}, aws={"account": "111122223333"})
        self.says = self.data / "faketime"
        self.leap("+0")
        assert LIBRARY is not None, "the package faketime is not installed"
        self.environment.update(LD_PRELOAD=str(LIBRARY), FAKETIME_TIMESTAMP_FILE=str(self.says), FAKETIME_NO_CACHE="1",
                                FAKETIME_DONT_FAKE_MONOTONIC="1", FAKETIME_FORCE_MONOTONIC_FIX="0",
                                ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0")

    def leap(self, offset):
        """By so many seconds from the true time; None: it stands still from now on."""
        text = offset if offset is not None else "2026-11-25 12:00:00"
        new = self.says.with_suffix(".new")
        new.write_text(text + "\n")
        new.rename(self.says)

    def connect(self, timeout=60):
        """The administrator who is known by uid: no token that a leap could make expire."""
        return self.local()

    def call(self, method, path, body=None, token="", **more):
        return super().call(method, path, body, token=token, **more)

    def whoami(self, token):
        """The status for a bearer token, by TCP: on the local socket it would be a second caller."""
        return self.call("GET", "/v1/auth/whoami", token=token, connection=Daemon.connect(self)).status

    def clock(self):
        return self.do("GET", "/v1/clock")

    def state(self, name, version):
        return next(v["state"] for v in self.do("GET", f"/v1/keys/{name}")["versions"] if v["version"] == version)

    def wait_rotation(self):
        before = self.do("GET", "/v1/keys/a/auto")["primary"]
        until("a rotation by policy", lambda: self.do("GET", "/v1/keys/a/auto")["primary"] > before)


@pytest.fixture
def gateway():
    made = Leaping()
    with made as running:
        running.key("a/auto", "ecdsa-p256", rotation={"every": "2s", "publish_ahead": "1s", "overlap": "1s"})
        running.key("a/data", "aes-256-gcm")
        running.key("a/doomed", "aes-256-gcm")
        running.verb("a/doomed", "rotate", {"immediate": True})
        running.verb("a/doomed@1", "retire", {})
        running.verb("a/doomed@1", "schedule-destroy", {"reason": "it is old", "after": "30d"})
        yield running


def serve(gateway, sealed):
    opened = gateway.verb("a/data", "decrypt", {"ciphertext": sealed})
    assert unb64(opened["plaintext"]) == b"kept"
    message = b64(b"m")
    made = gateway.verb("a/auto", "sign", {"message": message})
    assert gateway.verb("a/auto", "verify", {"message": message, "signature": made["signature"]})["valid"] is True


@pytest.mark.parametrize("leap", LEAPS)
def test_a_leap_while_it_runs_and_over_a_restart(gateway, leap):
    sealed = gateway.verb("a/data", "encrypt", {"plaintext": b64(b"kept")})["ciphertext"]
    gateway.leap(LEAPS[leap])
    serve(gateway, sealed)
    gateway.wait_rotation()
    assert gateway.state("a/doomed", 1) == "destroy-scheduled"
    if "years" in leap:
        assert gateway.clock()["jumped"] is True
    gateway.stop()
    gateway.start()
    serve(gateway, sealed)
    gateway.wait_rotation()
    assert gateway.state("a/doomed", 1) == "destroy-scheduled"
    gateway.leap("+0")
    serve(gateway, sealed)
    gateway.wait_rotation()
    assert gateway.state("a/doomed", 1) == "destroy-scheduled"


def test_a_destruction_that_a_leap_made_due_waits_for_a_person(gateway):
    gateway.leap(f"+{31 * 86400}")
    plan = until("the plan says that it waits", lambda: (p := gateway.do("GET", "/v1/keys/a/doomed:plan"))["waiting"] and p)
    assert plan["waiting"][0]["version"] == 1, plan
    gateway.wait_rotation()
    assert gateway.state("a/doomed", 1) == "destroy-scheduled"
    with pytest.raises(Refused) as refusal:
        gateway.verb("a/doomed@1", "confirm-destroy", {})
    assert refusal.value.code == "invalid_field"
    gateway.verb("a/doomed@1", "confirm-destroy", {"reason": "the clock was set right after a long outage"})
    until("it is destroyed", lambda: gateway.state("a/doomed", 1) == "destroyed")


def test_a_person_who_believes_the_clock(gateway):
    """After clock:accept a destruction that the leap made due still waits: it was not lived."""
    gateway.leap(f"+{31 * 86400}")
    assert gateway.clock()["jumped"] is True
    after = gateway.do("POST", "/v1/clock:accept", {"reason": "the clock was wrong before"})
    assert after["jumped"] is False and abs(after["behind_ms"]) < 5000
    gateway.wait_rotation()
    assert gateway.state("a/doomed", 1) == "destroy-scheduled"
    assert any(r["operation"] == "manage-gateway" and "the clock was wrong before" in str(r.get("detail")) for r in gateway.records())


def test_what_has_expired_stays_expired(gateway):
    """Two hours are less than what a clock must leap to be doubted."""
    short = gateway.do("POST", "/v1/auth/tokens", {"name": "short", "ttl": "1h"})["token"]
    assert gateway.whoami(short) == 200
    gateway.leap(f"+{2 * HOUR}")
    until("it has expired", lambda: gateway.whoami(short) == 401)
    until("the clock has been noted", lambda: gateway.clock()["behind_ms"] < 5000)
    gateway.leap("+0")
    assert gateway.whoami(short) == 401
    gateway.stop()
    gateway.start()
    assert gateway.whoami(short) == 401


class TcpAws(Aws):
    """A client of AWS's API with a clock of its own."""

    def __init__(self, gateway):
        super().__init__(gateway)
        self.credentials = self.access_key("leaps", ttl="30d")

    def is_let_in(self, offset):
        """Whether a request is that was signed so many seconds from the true time."""
        data = b"{}"
        signed = sigv4.sign("POST", "/", self.headers("ListKeys"), data, *self.credentials, date=sigv4.stamp(offset))
        answer = self.gateway.call("POST", "/", data, headers=signed, connection=Daemon.connect(self.gateway))
        assert answer.status == 200 or answer.json["__type"] == "InvalidSignatureException", answer.body
        return answer.status == 200


def recorded_offset(gateway):
    """By how many seconds the newest record's time is off the true time."""
    told = datetime.datetime.fromisoformat(gateway.records()[-1]["time"].replace("Z", "+00:00"))
    return (told - datetime.datetime.now(datetime.timezone.utc)).total_seconds()


def test_leaps_under_load(gateway):
    """Deadlines, channels and checkpoints run on the monotonic clock: not one request is refused because of the wall clock. A bearer token that has
    expired stays so, a signature is good while both clocks agree, and records have the time that the clock told, in the order of their numbers.
    """
    gateway.key("a/still", "ecdsa-p256")
    aws = TcpAws(gateway)
    long, short = (gateway.do("POST", "/v1/auth/tokens", {"name": name, "ttl": ttl})["token"] for name, ttl in (("long", "30d"), ("short", "1h")))
    latest = 0
    with Load(gateway, sign="a/still", encrypt="a/data", connections=4) as load:
        load.wait_good()
        worker = gateway.worker("soft")
        for offset in UNDER_LOAD:
            gateway.leap(f"{offset:+}")
            load.wait_good()
            size = len(gateway.records())
            until("a checkpoint of after the leap", lambda: audit_log.newest(gateway.data / "audit").size > size)
            clock = gateway.clock()
            latest = max(latest, offset)
            assert clock["jumped"] == (abs(clock["behind_ms"]) > 86400 * 1000), clock
            assert abs(recorded_offset(gateway) - offset) < SKEW
            assert gateway.whoami(long) == 200 and gateway.whoami(short) == (401 if latest > HOUR else 200)
            assert aws.is_let_in(offset) and aws.is_let_in(0) == (abs(offset) < SKEW)
        gateway.wait_rotation()
        assert gateway.worker("soft") == worker and gateway.token_status("soft")["timeouts"] == 0
    load.check(codes=())
    gateway.stop()
    assert [r["seq"] for r in gateway.records()] == list(range(1, len(gateway.records()) + 1))
    assert_whole(gateway)
