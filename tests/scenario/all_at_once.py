"""Many connections whose requests arrive in the same moment, none after them: every one is answered, whatever their number. libmicrohttpd's
own loop takes 128 events at a time, and when there are exactly so many it waits for the next one before it looks at them."""
import os
import signal
import socket

import pytest

from configured import Configured
from daemon import stand_still

REQUEST = b"GET /v1/nothing HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="module", params=[1, 2], ids=["one I/O thread", "two"])
def gateway(request):
    with Configured("main", receive_timeout="10s", io_threads=request.param) as running:
        yield running


def answer(connection):
    got = b""
    while b"\r\n\r\n" not in got or not got.endswith(b"}"):
        more = connection.recv(65536)
        assert more, f"closed after {got!r}"
        got += more
    return got.split()[1]


@pytest.mark.parametrize("count", [127, 128, 129, 256])
def test_each_is_answered(gateway, count):
    host, port = gateway.address.removeprefix("http://").split(":")
    connections = [socket.create_connection((host, int(port)), timeout=60) for _ in range(count)]
    for connection in connections:  # all of them known to the server, which waits
        connection.sendall(REQUEST)
        assert answer(connection) == b"404"
    stand_still(gateway.process.pid)
    for connection in connections:
        connection.sendall(REQUEST)
    os.kill(gateway.process.pid, signal.SIGCONT)
    for connection in connections:
        assert answer(connection) in (b"404", b"503")
        connection.close()
