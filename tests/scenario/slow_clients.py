"""A thousand clients that never get on with it: the good ones do not notice, the slow ones are closed, memory stays where it is."""
import contextlib
import http.client
import os
import pathlib
import threading

from daemon import until
from secured import ADMIN, Secured
from slow import SlowClients

COUNT = 1000
GOOD = 300  # requests of each good client
TICK_SLACK = 30


def good_requests(gateway, count, keep, secure):
    """Requests one after the other, on one connection or each on its own; every one must succeed."""
    connect = (lambda: gateway.tls_connect(gateway.admin)) if secure else gateway.connect
    connection = connect()
    for _ in range(count):
        if secure:
            assert gateway.whoami(connection=connection) == ADMIN
        else:
            assert gateway.call("GET", "/v1/auth/whoami", connection=connection).status == 200
        if not keep:
            connection.close()
            connection = connect()
    connection.close()


def good_clients(gateway):
    """Plain and TLS, kept and fresh connections, all at once; failures are raised here."""
    failures = []

    def run(*arguments):
        try:
            good_requests(gateway, *arguments)
        except BaseException as failure:  # noqa: BLE001 raised below
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(GOOD, keep, secure)) for keep in (True, False) for secure in (True, False)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures


def test_a_thousand_slow_clients():
    with Secured("soft", demand="optional", receive_timeout="6s") as gateway:
        good_clients(gateway)
        peaks = []
        for _ in range(2):
            before = gateway.metric("hsmgate_http_timeouts_total")
            with SlowClients(gateway, COUNT, pace=0.5) as slow:
                good_clients(gateway)
                peaks.append(gateway.rss_kib())
                slow.wait_all_closed()
            assert gateway.metric("hsmgate_http_timeouts_total") >= before + COUNT
        assert peaks[1] < peaks[0] * 1.25 + 16 * 1024, peaks
        good_clients(gateway)


def library_ticks(gateway):
    """CPU of the HTTP library's threads, in clock ticks."""
    total = 0
    for task in pathlib.Path(f"/proc/{gateway.process.pid}/task").iterdir():
        with contextlib.suppress(OSError):
            name, _, rest = (task / "stat").read_text().partition("(")[2].rpartition(")")
            fields = rest.split()
            total += int(fields[11]) + int(fields[12]) if name.startswith("MHD") else 0
    return total


def test_stalled_handshakes_use_no_cpu():
    with Secured("soft", demand="optional", receive_timeout="10m") as gateway:
        def used():
            before = library_ticks(gateway)
            good_requests(gateway, 2000, True, True)
            return library_ticks(gateway) - before

        used()
        alone = used()
        with SlowClients(gateway, 200, kinds=["stalled handshake"]):
            crowded = used()
        assert crowded <= 3 * alone + TICK_SLACK, (alone, crowded, os.sysconf("SC_CLK_TCK"))


def served(gateway):
    with contextlib.suppress(OSError, http.client.HTTPException):
        return gateway.call("GET", "/healthz", token="").status == 200
    return False


def test_connections_per_address():
    with Secured("soft", demand="optional", limits={"connections_per_address": 20}) as gateway:
        with SlowClients(gateway, 20, kinds=["stalled handshake"]):
            for secure in (True, False):
                connection = gateway.tls_connect(gateway.admin) if secure else gateway.connect()
                with contextlib.closing(connection), contextlib.suppress(OSError):
                    connection.request("GET", "/healthz")
                    assert connection.sock.recv(1) == b""
            assert gateway.call("GET", "/healthz", token="", connection=gateway.local()).status == 200
        until("the address is free again", lambda: served(gateway))
        assert gateway.metric("hsmgate_http_refused_total", reason="address") >= 2
        assert gateway.whoami(gateway.admin) == ADMIN
