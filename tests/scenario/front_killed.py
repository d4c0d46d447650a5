"""kill -9 of the front at any moment: its worker goes with it; after the restart every acknowledged ciphertext opens, every acknowledged key
exists, what was half made is gone from store and token, and the audit log is whole up to the last acknowledged record."""
import pathlib
import random
import threading

from breaking import assert_whole
from daemon import until
from gateway import Gateway, b64, unb64

ROUNDS = 6
THREADS = 8


def work(gateway, number, round_number, acknowledged, started):
    connection = gateway.connect()
    count = 0
    try:
        while True:
            count += 1
            tag = f"r{round_number}-{number}-{count}"
            if number == 0:
                name = f"front/kill/k{round_number}-{count}"
                answer = gateway.call("POST", "/v1/keys", {"name": name, "algorithm": "hmac-sha256", "owner": "x"}, connection=connection, headers={"X-Request-Id": tag})
                if answer.status == 201:
                    acknowledged.append((tag, "key", name, None))
            elif number == 1 and count % 5 == 0:
                answer = gateway.call("POST", "/v1/keys/front/kill/aes:rotate", {"immediate": True}, connection=connection, headers={"X-Request-Id": tag})
                if answer.status == 200:
                    acknowledged.append((tag, "rotate", "front/kill/aes", answer.json["version"]))
            else:
                answer = gateway.call("POST", "/v1/keys/front/kill/aes:encrypt", {"plaintext": b64(tag.encode())}, connection=connection, headers={"X-Request-Id": tag})
                if answer.status == 200:
                    acknowledged.append((tag, "encrypt", "front/kill/aes", answer.json["ciphertext"]))
            started.release()
    except Exception:
        return  # the front is gone


def test_front_killed_at_random_moments():
    gateway = Gateway().start()
    try:
        gateway.key("front/kill/aes", "aes-256-gcm")
        acknowledged = []
        token = gateway.token
        rng = random.Random(20)
        for round_number in range(ROUNDS):
            started = threading.Semaphore(0)
            threads = [threading.Thread(target=work, args=(gateway, i, round_number, acknowledged, started)) for i in range(THREADS)]
            for thread in threads:
                thread.start()
            for _ in range(rng.randrange(30, 400)):
                started.acquire()
            workers = gateway.worker_pids()
            gateway.kill()
            until("no worker is left behind", lambda left=workers: not any(is_alive(pid) for pid in left))
            for thread in threads:
                thread.join()
            gateway.start()
            assert gateway.token == token
            check(gateway, acknowledged)
            check_nothing_half_made(gateway)
        gateway.stop()
        assert_whole(gateway)
    finally:
        gateway.remove()


def is_alive(pid):
    """A zombie, which waits for whoever inherited it, is not."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def check_nothing_half_made(gateway):
    """Each object of ours on the token is a version's, and each version has its material; what SoftHSM itself had half written is nobody's."""
    inventory = gateway.do("GET", "/v1/tokens/dev/inventory")
    assert {o["status"] for o in inventory["objects"]} <= {"ours", "foreign"} and inventory["missing"] == [], inventory
    states = [v["state"] for key in gateway.do("GET", "/v1/keys?prefix=front/")["keys"] for v in key["versions"]]
    assert "pending" not in states


def check(gateway, acknowledged):
    records = gateway.records()
    assert [r["seq"] for r in records] == list(range(1, len(records) + 1))
    recorded = {r.get("request_id") for r in records if r["outcome"] == "ok" and r["kind"] == "request"}
    missing = [a for a in acknowledged if a[0] not in recorded]
    assert not missing, missing[:3]
    for _, what, name, value in acknowledged:
        if what == "key":
            assert gateway.do("GET", f"/v1/keys/{name}")["primary"] == 1
    sealed = [a for a in acknowledged if a[1] == "encrypt"]
    for start in range(0, len(sealed), 256):
        part = sealed[start:start + 256]
        results = gateway.verb("front/kill/aes", "decrypt", {"items": [{"ciphertext": a[3]} for a in part]})["results"]
        for (tag, _, _, _), result in zip(part, results):
            assert unb64(result["plaintext"]).decode() == tag
    key = gateway.do("GET", "/v1/keys/front/kill/aes")
    assert [v["state"] for v in key["versions"]].count("active") == 1
    assert key["primary"] >= max([a[3] for a in acknowledged if a[1] == "rotate"], default=1)
    uses = sum(v["uses"] for v in key["versions"])
    assert uses >= len(sealed), "uses were undercounted by a crash"
