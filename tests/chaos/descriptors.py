"""Descriptors run out: more connections than the limit of open files has room for, and a limit that leaves nothing at all. Who is served is served
right, a worker that dies meanwhile comes back, and afterwards everything is as before.
"""
import contextlib
import os
import re
import resource
import signal
import socket
import subprocess

import pytest

from breaking import KEYS, broken, ready
from configured import Configured
from daemon import b64, programs, until
from load import Load

SPARE = 64 + 2 * 4  # that connections leave free: see service.c; the token has four channels
ROOM, FLOOD = 12, 60
PLENTY = 4096
REQUEST = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def gateway():
    with broken(Configured("soft")) as made:
        yield made
        made.stop()


def limit_descriptors(gateway, count):
    resource.prlimit(gateway.process.pid, resource.RLIMIT_NOFILE, (count, PLENTY))


def dial(gateway):
    parts = gateway.connect()
    return socket.create_connection((parts.host, parts.port), timeout=60)


def is_served(connection):
    """Whether it is answered; else it has been closed."""
    with contextlib.suppress(ConnectionError):
        connection.sendall(REQUEST)
        return connection.recv(4096).startswith(b"HTTP/1.1 200")
    return False


def refused(gateway):
    text = gateway.call("GET", "/metrics", connection=gateway.local()).body.decode()
    return int(re.search(r'^hsmgate_http_refused_total\{reason="descriptors"\} (\d+)', text, re.M).group(1))


def local_status(gateway):
    return gateway.do("GET", "/v1/tokens", token="", connection=gateway.local())["tokens"][0]


def local_sign(gateway):
    return gateway.do("POST", f"/v1/keys/{KEYS['sign']}:sign", {"message": b64(b"x")}, token="", connection=gateway.local())


def test_a_flood_of_connections_leaves_room_for_the_gateway_itself(gateway):
    before = gateway.descriptors()
    limit_descriptors(gateway, before + SPARE + ROOM)
    with contextlib.ExitStack() as flood, Load(gateway, connections=4, **KEYS) as load:
        load.wait_good()
        crowd = [flood.enter_context(dial(gateway)) for _ in range(FLOOD)]
        served = sum(is_served(one) for one in crowd)
        assert 1 <= served < FLOOD // 2 and refused(gateway) >= FLOOD - served, served
        assert local_sign(gateway)["version"] == 1, "an operator gets in"
        restarts = local_status(gateway)["restarts"]
        os.kill(local_status(gateway)["worker_pid"], signal.SIGKILL)
        until("the worker is back although the flood stands",
              lambda: (status := local_status(gateway))["restarts"] > restarts and status["state"] == "ready")
        load.wait_good()
        gateway.do("POST", "/v1/keys", {"name": "made/in/flood", "algorithm": "hmac-sha256", "owner": "tests"}, token="", connection=gateway.local())
        load.wait_good()
    load.check()
    until("the crowd's descriptors are free again", lambda: gateway.descriptors() <= before)
    count = refused(gateway)
    with dial(gateway) as one:
        assert is_served(one)
    assert refused(gateway) == count


def test_no_descriptor_at_all():
    """The HTTP library listens again when one of its connections has ended: an idle one does so after the receive_timeout."""
    with broken(Configured("soft", receive_timeout="8s")) as gateway:
        starve(gateway)
        gateway.stop()


def starve(gateway):
    before = gateway.descriptors()
    with Load(gateway, connections=4, **KEYS) as load, contextlib.closing(gateway.connect()) as kept:
        assert gateway.call("GET", "/readyz", token="", connection=kept).status == 200
        load.wait_good()
        limit_descriptors(gateway, 3)
        load.wait_good()
        with dial(gateway) as waiting:
            waiting.sendall(REQUEST)
            os.kill(gateway.worker_pids()[0], signal.SIGKILL)
            load.wait_refused()
            answer = gateway.call("GET", "/readyz", token="", connection=kept)
            assert answer.status == 503 and answer.json["tokens"]["soft"] == "failing", answer.body
            limit_descriptors(gateway, PLENTY)
            until("it is ready again", lambda: ready(gateway).status == 200)
            assert waiting.recv(4096).startswith(b"HTTP/1.1 200"), "who waited was not forgotten"
        load.wait_good()
    load.check()
    until("no descriptor is lost", lambda: gateway.descriptors() <= before)


def test_a_limit_too_low_is_told_at_the_start(gateway):
    gateway.stop()
    gateway.write()
    command = ["prlimit", f"--nofile={SPARE}:{SPARE}", programs() / "hsmgated", "--config", gateway.config]
    started = subprocess.run(command, capture_output=True, text=True, timeout=120, env=dict(os.environ, **gateway.environment))
    assert started.returncode == 1 and "the limit of open files is too low: raise it over" in started.stderr, started.stderr
    gateway.start()
