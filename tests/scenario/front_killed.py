"""kill -9 of the front at any moment: after the restart every acknowledged ciphertext opens, every acknowledged key exists,
and the audit log is whole up to the last acknowledged record."""
import random
import threading

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
            gateway.kill()
            for thread in threads:
                thread.join()
            gateway.start()
            assert gateway.token == token
            check(gateway, acknowledged)
        gateway.stop()
    finally:
        gateway.remove()


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
