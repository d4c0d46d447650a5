"""SIGHUP a thousand times under load, while certificates and revocation lists change: no request fails, no descriptor or memory is lost, and what
counts in the end is what lies there in the end.
"""
import os
import pathlib
import re
import signal
import threading
import time

import pytest

from breaking import KEYS, broken, ready
from daemon import LOOK_SECONDS, until
from load import Load
from secured import ADMIN, Secured

HANGUPS = 1000
EVERY = 100  # a new certificate and list
SLACK_KIB = 64 * 1024  # allocators keep some; a leak of a certificate's size at each of a thousand reloads is more


@pytest.fixture
def gateway():
    with broken(Secured("soft")) as made:
        yield made
        made.stop()


class TlsCaller(threading.Thread):
    """Asks over TLS with a certificate, on a connection that it keeps or on a fresh one each time."""

    def __init__(self, gateway, keeps):
        super().__init__()
        self.gateway, self.keeps = gateway, keeps
        self.stopping = threading.Event()
        self.done, self.wrong = 0, []

    def run(self):
        kept = self.gateway.tls_connect(self.gateway.admin) if self.keeps else None
        while not self.stopping.is_set():
            try:
                assert self.gateway.whoami(self.gateway.admin, connection=kept) == ADMIN
                self.done += 1
            except Exception as problem:  # found by the test
                self.wrong.append(repr(problem))
        if kept:
            kept.close()


def shown_serial(gateway):
    connection = gateway.tls_connect(gateway.admin)
    connection.connect()
    try:
        return int(connection.sock.getpeercert()["serialNumber"], 16)
    finally:
        connection.close()


def settled(gateway):
    """Memory and descriptors of the front when only the asking connection is open."""
    until("the callers are gone", lambda: gateway.metric("hsmgate_http_connections") == 1)
    return gateway.rss_kib(), gateway.descriptors()


def is_pending(gateway):
    masks = re.findall(r"^S[ih][gd]Pnd:\t(\w+)", pathlib.Path(f"/proc/{gateway.process.pid}/status").read_text(), re.M)
    return any(int(mask, 16) >> (signal.SIGHUP - 1) & 1 for mask in masks)


def hang_up(gateway, times):
    """So many signals, each taken before the next is sent: two that wait would be one."""
    deadline = time.monotonic() + LOOK_SECONDS
    for _ in range(times):
        gateway.process.send_signal(signal.SIGHUP)
        while is_pending(gateway):
            assert time.monotonic() < deadline, "the signal is not taken"
            os.sched_yield()


def renew(gateway, name):
    fresh = gateway.pki.server(name, gateway.issuing)
    fresh.write(gateway.server.certificate, gateway.server.key)
    gateway.issuing.crl(gateway.crl.name)
    return fresh.x509.serial_number


def storm(gateway, name, hangups):
    """Under load of its own, which goes on before, between and after; the serial of the last certificate comes back."""
    callers = [TlsCaller(gateway, keeps) for keeps in (True, True, False)]
    with Load(gateway, connections=3, name=name, **KEYS) as load:
        for caller in callers:
            caller.start()
        for turn in range(0, hangups, EVERY):
            done = [caller.done for caller in callers]
            serial = renew(gateway, f"{name}-{turn}")
            hang_up(gateway, EVERY)
            load.wait_good()
            until("TLS callers go on", lambda: all(c.done > d for c, d in zip(callers, done)) or any(c.wrong for c in callers))
        for caller in callers:
            caller.stopping.set()
            caller.join()
    assert not any(c.wrong for c in callers), [c.wrong[:2] for c in callers]
    load.check(codes=())
    return serial


def test_a_thousand_hangups_under_load(gateway):
    storm(gateway, "warm-up", 2 * EVERY)
    before = settled(gateway)
    serial = storm(gateway, "storm", HANGUPS - 2 * EVERY)
    until("the newest certificate is shown", lambda: shown_serial(gateway) == serial)
    after = settled(gateway)
    assert gateway.whole_log().count("SIGHUP: certificates, CRLs and key sets are read again") == HANGUPS
    # a reload may come between the two files of a new certificate, and is not taken then
    assert gateway.reload_failures() <= HANGUPS // EVERY < gateway.reloads() and ready(gateway).status == 200
    print(f"{gateway.reloads()} reloads of {HANGUPS} hang-ups; RSS {before[0]} -> {after[0]} KiB, descriptors {before[1]} -> {after[1]}")
    assert after[0] - before[0] < SLACK_KIB, (before, after)
    until("no descriptor is lost", lambda: gateway.descriptors() <= before[1])  # the last look's own goes a moment later
