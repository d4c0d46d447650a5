"""32 connections sign while the worker is killed with -9 once a second for ten seconds: the front lives, each request ends in 200 or 503,
every 200 has its record and a signature that verifies, and it serves again within two seconds of each kill."""
import os
import signal
import threading
import time

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway import Gateway, b64, unb64

CONNECTIONS = 32
KILLS = 10


def sign_until(gateway, stop, number, results):
    connection = gateway.connect()
    count = 0
    while not stop.is_set():
        message = b"%d-%d" % (number, count)
        count += 1
        request_id = f"k{number}-{count}"
        sent = time.monotonic()
        try:
            answer = gateway.call("POST", "/v1/keys/kill/it/ec:sign", {"message": b64(message)}, connection=connection, headers={"X-Request-Id": request_id})
        except Exception as problem:  # the front must never drop a connection
            results.append((time.monotonic(), 0, message, repr(problem), request_id, sent))
            connection.close()
            connection = gateway.connect()
            continue
        results.append((time.monotonic(), answer.status, message, answer.json.get("signature") if answer.status == 200 else answer.body, request_id, sent))
        if answer.status == 503:
            assert answer.headers["Retry-After"]
    connection.close()


def test_worker_killed_under_load():
    with Gateway() as gateway:
        gateway.key("kill/it/ec", "ecdsa-p256")
        public = serialization.load_pem_public_key(gateway.call("GET", "/v1/keys/kill/it/ec:public-key").body)
        stop = threading.Event()
        results = [[] for _ in range(CONNECTIONS)]
        threads = [threading.Thread(target=sign_until, args=(gateway, stop, i, results[i])) for i in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        kills = []
        pace = threading.Event()
        for _ in range(KILLS):
            pace.wait(1.0)  # the load's own rhythm: one kill a second
            workers = gateway.worker_pids()
            if workers:
                os.kill(workers[0], signal.SIGKILL)
                kills.append(time.monotonic())
        pace.wait(3.0)
        stop.set()
        for thread in threads:
            thread.join()

        answers = sorted(a for per_thread in results for a in per_thread)
        statuses = {a[1] for a in answers}
        assert statuses <= {200, 503}, [a for a in answers if a[1] not in (200, 503)][:5]
        good = [a for a in answers if a[1] == 200]
        assert len(kills) >= KILLS // 2 and len(good) > 100
        for _, _, message, signature, _, _ in good:
            public.verify(unb64(signature), message, ec.ECDSA(hashes.SHA256()))
        recorded = {r.get("request_id") for r in gateway.records() if r.get("operation") == "sign" and r["outcome"] == "ok"}
        assert {a[4] for a in good} <= recorded
        gaps = []
        for killed in kills:
            after = [a[0] for a in answers if a[1] == 200 and a[5] > killed]
            assert after, "no signature after a kill"
            gaps.append(min(after) - killed)
        print(f"{len(good)} signed, {len(answers) - len(good)} answered 503, {len(kills)} kills, longest way back {max(gaps):.2f} s")
        assert gateway.verb("kill/it/ec", "sign", {"message": ""})["version"] == 1


def test_a_signature_check_that_can_fail():
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
    key = ec.generate_private_key(ec.SECP256R1())
    try:
        key.public_key().verify(encode_dss_signature(1, 1), b"x", ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return
    raise AssertionError("a forged signature passed")
