"""What a hostile client, a broken operator or a taken-over front tries, and what stops it."""
import contextlib
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import urllib.parse

import pytest

from daemon import stand_still, until
from gateway import Gateway, b64, programs

AES = "attack/on/aes"
EC = "attack/on/ec"
SEALED = "attack/on/sealed"  # needs approvals


@pytest.fixture(scope="module")
def gateway():
    with Gateway() as running:
        running.key(AES, "aes-256-gcm")
        running.key(EC, "ecdsa-p256")
        running.key(SEALED, "aes-256-gcm", approval={"group": "officers", "m": 2})
        yield running
        assert running.call("GET", "/readyz", token="").status == 200


def dial(gateway):
    return socket.create_connection(("127.0.0.1", urllib.parse.urlsplit(gateway.address).port), timeout=60)


def read_all(connection):
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while more := connection.recv(65536):
            received += more
    return received


def head(gateway, line, *more):
    lines = [line, "Host: x", f"Authorization: Bearer {gateway.token}", "Content-Type: application/json", *more]
    return "".join(text + "\r\n" for text in lines) + "\r\n"


def metric(gateway, name):
    """The first series of a family; /metrics is a health route, too."""
    return float(re.search(rf"^{name}(?:{{.*}})? (\S+)$", gateway.call("GET", "/metrics", token="").body.decode(), re.M).group(1))


def together(count, act):
    """Runs `act(i)` on so many threads that start at once; the results."""
    results = [None] * count
    gate = threading.Barrier(count)

    def run(i):
        gate.wait()
        results[i] = act(i)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


# --- HTTP ---

@pytest.mark.parametrize("size", ["0x2", "+2", " 2", "2 ", "-1", "", "2,", "g", "10000000000000002"])
def test_odd_chunk_sizes_end_the_connection(gateway, size):
    with dial(gateway) as connection:
        follow = "GET /v1/auth/whoami HTTP/1.1\r\nHost: smuggled\r\n\r\n"
        request = head(gateway, "POST /v1/random HTTP/1.1", "Transfer-Encoding: chunked") + f"{size}\r\n{{}}\r\n0\r\n\r\n"
        connection.sendall((request + follow).encode())
        answer = read_all(connection)
    assert not re.search(rb"HTTP/1\.1 [^4]", answer) and b"whoami" not in answer, answer


def test_trailers_prove_nothing(gateway):
    with dial(gateway) as connection:
        request = "GET /v1/auth/whoami HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
        connection.sendall(f"{request}Authorization: Bearer {gateway.token}\r\n\r\n".encode())
        assert read_all(connection).startswith(b"HTTP/1.1 401 ")


def test_pipelined_requests_are_answered_in_order(gateway):
    with dial(gateway) as connection:
        for i in range(3):
            last = ["Connection: close"] if i == 2 else []
            connection.sendall((head(gateway, "POST /v1/random HTTP/1.1", f"X-Request-Id: in-order-{i}", "Content-Length: 2", *last) + "{}").encode())
        answer = read_all(connection)
    assert re.findall(rb"X-Request-Id: in-order-(\d)", answer) == [b"0", b"1", b"2"]
    assert answer.count(b"HTTP/1.1 200 ") == 3


def test_clients_that_leave_in_the_middle(gateway):
    """At every byte class of a request and of its reply; what is under way ends and nothing is kept."""
    body = '{"items":[' + ",".join(['{"message":"aGk="}'] * 32) + "]}"
    request = (head(gateway, f"POST /v1/keys/{EC}:sign HTTP/1.1", f"Content-Length: {len(body)}") + body).encode()
    cuts = [10, len(request) - len(body), len(request) - 1, len(request), len(request) + 20]

    def leave(i):
        for cut in cuts * 4:
            with dial(gateway) as connection:
                connection.sendall((request * 2)[:cut])
                if i % 2:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    together(8, leave)
    # no connection but the one that asks: a request that still waits for its turn holds one
    until("what they left behind has ended", lambda: metric(gateway, "hsmgate_http_connections") == 1)
    until("no call is under way", lambda: metric(gateway, "hsmgate_token_channels_busy") == 0)
    assert gateway.verb(EC, "sign", {"message": ""})["version"] == 1


def test_a_thousand_slow_clients_stop_nobody(gateway):
    starts = [b"", b"GET /he", b"POST /v1/random HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{", b"POST /v1/random HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nf"]
    with contextlib.ExitStack() as slow:
        for i in range(1000):
            slow.enter_context(dial(gateway)).sendall(starts[i % 4])
        assert gateway.call("POST", f"/v1/keys/{EC}:sign", {"message": ""}).status == 200


def test_many_parameters_are_refused(gateway):
    for count, status in ((64, 200), (65, 400), (100, 400)):
        assert gateway.call("GET", "/healthz?" + "&".join(["a"] * count), token="").status == status


# --- names, callers, races ---

@pytest.mark.parametrize("name", ["@", "@0", "@00001", "@-1", "@+1", "@1@2", "@2147483648", "@4294967297", "@18446744073709551617", "/", "/."])
def test_name_tricks(gateway, name):
    assert gateway.call("GET", f"/v1/keys/{AES}{name}:public-key").json["code"] == "invalid_name"
    assert gateway.call("GET", f"/v1/keys/{AES}{name}:public-key", token="").status == 401


@pytest.mark.parametrize("method,path,status", [
    ("POST", f"{AES}:encrypt:encrypt", 404), ("POST", f"{AES}:", 404), ("POST", f"{AES}:ENCRYPT", 404), ("GET", f"{AES}:encrypt", 405),
    ("POST", AES, 405), ("DELETE", AES, 405), ("POST", f"{AES}@1:rotate", 400), ("GET", f"{AES}@1", 400),
])
def test_verb_tricks(gateway, method, path, status):
    assert gateway.call(method, f"/v1/keys/{path}", {"plaintext": ""} if method == "POST" else None).status == status


@pytest.mark.parametrize("token", ["!!!", "A" * 300, "Li4vLi4", "YS9i=", "AA"])
def test_page_tokens_of_others(gateway, token):
    answer = gateway.call("GET", f"/v1/keys?page_token={token}")
    assert (answer.status, answer.json["code"]) == (400, "invalid_field")


def test_a_caller_without_a_grant_cannot_tell_what_exists(gateway):
    token = gateway.do("POST", "/v1/auth/tokens", {"name": "nobody", "ttl": "1h"})["token"]
    asked = [("GET", "", None), ("PATCH", "", {"owner": "me"}), ("GET", ":public-key", None)]
    asked += [("POST", f":{verb}", body) for verb, body in (("encrypt", {"plaintext": ""}), ("decrypt", b"{"), ("sign", {"items": []}), ("rotate", {}))]
    asked += [("POST", "@7:encrypt", {"plaintext": ""})]

    def seen(method, name, tail, body, status):
        answer = gateway.call(method, f"/v1/keys/{name}{tail}", body, token=token if status == 403 else "hg_wrong", headers={"X-Request-Id": "same"})
        assert answer.status == status
        return answer.body, sorted((name, value) for name, value in answer.headers.items() if name != "Date")

    for method, tail, body in asked:
        for status in (401, 403):
            assert seen(method, AES, tail, body, status) == seen(method, "attack/on/nothing", tail, body, status)
    assert gateway.call("POST", "/v1/keys", {"name": AES, "algorithm": "aes-256-gcm", "owner": "x"}, token=token).status == 403
    assert gateway.call("GET", "/v1/keys", token=token).json == {"keys": []}
    connection = gateway.connect()
    assert gateway.call("GET", "/v1/auth/whoami", token=token, connection=connection).status == 200
    gateway.do("DELETE", "/v1/auth/tokens/nobody")
    assert gateway.call("GET", "/v1/auth/whoami", token=token, connection=connection).status == 401
    connection.close()


def test_two_callers_at_once(gateway):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(gateway.data / "hsmgate.sock"))
        connection.sendall(head(gateway, "GET /v1/auth/whoami HTTP/1.1", "Connection: close").encode())
        assert read_all(connection).startswith(b"HTTP/1.1 401 ")


def test_one_name_is_made_once_however_many_ask(gateway):
    answers = together(16, lambda i: gateway.call("POST", "/v1/keys", {"name": "attack/on/race", "algorithm": "ecdsa-p256", "owner": f"o{i}"}).status)
    assert sorted(answers) == [201] + [409] * 15


def test_rotations_at_once_leave_one_primary(gateway):
    gateway.key("attack/on/turn", "aes-256-gcm")
    kept = []

    def act(i):
        if i % 2:
            return gateway.call("POST", "/v1/keys/attack/on/turn:rotate", {}).status
        kept.extend(gateway.verb("attack/on/turn", "encrypt", {"plaintext": b64(b"kept")})["ciphertext"] for _ in range(10))
        return 200

    assert set(together(12, act)) <= {200, 409}
    versions = gateway.do("GET", "/v1/keys/attack/on/turn")["versions"]
    assert [version["state"] for version in versions[:-1]] == ["retiring"] * (len(versions) - 1) and versions[-1]["state"] == "active"
    results = gateway.verb("attack/on/turn", "decrypt", {"items": [{"ciphertext": one} for one in kept]})["results"]
    assert {result.get("plaintext") for result in results} == {b64(b"kept")}


def test_a_key_with_approvals_opens_for_nobody(gateway):
    ciphertext = gateway.verb(SEALED, "encrypt", {"plaintext": b64(b"sealed")})["ciphertext"]
    for verb in ("decrypt", "unwrap", "rewrap"):
        assert gateway.call("POST", f"/v1/keys/{SEALED}:{verb}", {"ciphertext": ciphertext}).status == 403
        assert gateway.call("POST", f"/v1/keys/{SEALED}:{verb}", {"items": [{"ciphertext": ciphertext}]}).status == 403
        assert gateway.call("POST", f"/v1/keys/{AES}:{verb}", {"ciphertext": ciphertext}).json["code"] == "invalid_ciphertext"


@pytest.mark.parametrize("claims", ['{"n":9007199254740993}', '{"n":1e400}', '{"n":12345678901234567890123}', '{"s":"\\u0000"}', '{"s":"\\ud800"}', '{"a":1,"\\u0061":2}', '{"ex\\u0070":1}', '{"a":' + "[" * 64 + "]" * 64 + "}"])
def test_claims_that_would_be_signed_as_something_else(gateway, claims):
    assert gateway.call("POST", f"/v1/keys/{EC}:jwt", '{"claims":' + claims + "}").status == 400


# --- the operator's side ---

def test_secrets_are_nowhere(gateway):
    pin = (gateway.data / "token.pin").read_text().strip().encode()
    secrets = [pin, gateway.token.encode(), b"PLAINTEXT-OF-SOMEBODY", b64(b"PLAINTEXT-OF-SOMEBODY").encode()]
    for body in ({"plaintext": b64(b"PLAINTEXT-OF-SOMEBODY")}, {"plaintext": "PLAINTEXT-OF-SOMEBODY"}, {"PLAINTEXT-OF-SOMEBODY": 1}):
        gateway.call("POST", f"/v1/keys/{AES}:encrypt", body)
    gateway.call("GET", f"/v1/keys?prefix={gateway.token}")
    for path in (f"/v1/keys/{gateway.token}", f"/v1/keys/{gateway.token}:sign", f"/{gateway.token}", f"/v1/auth/tokens/{gateway.token}"):
        assert gateway.call("GET", path, token="").status >= 400
    places = [path.read_bytes() for path in (gateway.data / "audit").iterdir() if path.is_file()]
    places += [gateway.data.with_name(gateway.data.name + ".log").read_bytes()]
    for pid in [gateway.process.pid, *gateway.worker_pids()]:
        for name in ("environ", "cmdline"):
            with open(f"/proc/{pid}/{name}", "rb") as file:
                places.append(file.read())
    for secret in secrets:
        assert not any(secret in place for place in places)
    loose = [path for path in gateway.data.rglob("*") if path.stat().st_mode & 0o007 or (path.is_file() and path.stat().st_mode & 0o077)]
    assert loose == []


def test_a_second_daemon_on_the_same_folder(gateway):
    for arguments in (["dev", "--data", gateway.data, "--listen", "127.0.0.1:0"], ["--config", gateway.data / "hsmgated.yaml"]):
        second = subprocess.run([programs() / "hsmgated", *arguments], capture_output=True, check=False, timeout=60)
        assert second.returncode == 1 and b"another" in second.stderr, second.stderr
    assert (gateway.data / "ready").exists() and (gateway.data / "hsmgate.sock").exists()
    assert gateway.call("POST", f"/v1/keys/{EC}:sign", {"message": ""}).status == 200


@pytest.fixture
def own():
    """A gateway that the test starts and breaks itself."""
    gateway = Gateway()
    yield gateway
    gateway.remove()


def test_a_query_that_the_library_gives_up_on_leaves_nothing(own):
    """libmicrohttpd has no room for 900 parameters, answers nothing and tells of no end: LeakSanitizer counts at the stop."""
    own.start()
    for i in range(20):
        with dial(own) as connection:
            connection.settimeout(15)  # not the 30 s that a request may take to come
            before = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * (i % 2)
            connection.sendall(before + b"GET /healthz?" + b"a&" * 900 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
            assert read_all(connection).count(b"HTTP/1.1 200 ") == i % 2
    assert own.call("GET", "/healthz", token="").status == 200
    own.stop()


def test_health_answers_while_a_token_that_hangs_holds_every_thread(own):
    """Many more callers than may wait for one token: those who may do wait, and health does not."""
    own.start()
    own.key(EC, "ecdsa-p256")
    worker, = own.worker_pids()
    answers = []

    def sign(_):
        answers.append(own.call("POST", f"/v1/keys/{EC}:sign", {"message": ""}).status)

    threads = [threading.Thread(target=sign, args=(i,)) for i in range(80)]
    stand_still(worker)
    try:
        for thread in threads:
            thread.start()
        room = 2 * metric(own, "hsmgate_token_channels")
        until("as many wait as may", lambda: len(answers) == 80 - room)
        assert own.call("GET", "/healthz", token="").status == 200
        assert set(answers) == {503} and len(answers) == 80 - room
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGCONT)
    for thread in threads:
        thread.join()
    assert len(answers) == 80 and set(answers) <= {200, 503}
    assert own.call("POST", f"/v1/keys/{EC}:sign", {"message": ""}).status == 200
    own.stop()


def refuses_to_start(gateway, *words):
    with pytest.raises(AssertionError) as refusal:
        gateway.start()
    gateway.process = None
    assert all(word in str(refusal.value) for word in words), refusal.value


def test_a_wrong_pin_is_tried_once(own):
    pin = own.data / "token.pin"
    own.start()
    own.key(EC, "ecdsa-p256")
    own.stop()
    right = pin.read_text()
    pin.write_text("00000000")
    refuses_to_start(own, "CKR_PIN_INCORRECT")
    refuses_to_start(own, "refused this PIN before")
    pin.write_text(right)
    pin.chmod(0o644)
    refuses_to_start(own, "mode to 0600")
    pin.chmod(0o600)
    own.start()
    assert own.call("POST", f"/v1/keys/{EC}:sign", {"message": ""}).status == 200
    assert not list((own.data / "latch").glob("pin-*"))
    own.stop()


def test_a_database_of_a_newer_version_and_a_damaged_one(own):
    own.start()
    own.stop()
    path = own.data / "hsmgate.db"
    copy = shutil.copy(path, own.data / "copy")
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("INSERT INTO schema_migrations VALUES (999, 0)")
        database.commit()
    refuses_to_start(own, "newer")
    shutil.move(copy, path)
    own.start()
    own.stop()
    damaged = bytearray(path.read_bytes())
    damaged[100:4000] = os.urandom(3900)
    path.write_bytes(damaged)
    refuses_to_start(own, "damaged")


def test_sigterm_under_load_loses_nothing(own):
    own.start()
    own.key(AES, "aes-256-gcm")
    acknowledged = []
    enough = threading.Event()

    def load(_):
        with contextlib.suppress(OSError):
            while True:
                answer = own.call("POST", f"/v1/keys/{AES}:encrypt", {"plaintext": b64(b"kept")})
                assert answer.status == 200
                acknowledged.append((answer.headers["X-Request-Id"], answer.json["ciphertext"]))
                if len(acknowledged) > 200:
                    enough.set()

    threads = [threading.Thread(target=load, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    assert enough.wait(60)
    with dial(own) as unfinished:
        unfinished.sendall(head(own, "POST /v1/random HTTP/1.1", "Content-Length: 9").encode())
        for _ in range(100):
            own.process.send_signal(signal.SIGHUP)
        own.stop()
    for thread in threads:
        thread.join()
    recorded = {record.get("request_id") for record in own.records()}
    assert not [one for one, _ in acknowledged if one not in recorded]
    own.start()
    for start in range(0, len(acknowledged), 256):
        items = [{"ciphertext": ciphertext} for _, ciphertext in acknowledged[start:start + 256]]
        assert {result.get("plaintext") for result in own.verb(AES, "decrypt", {"items": items})["results"]} == {b64(b"kept")}
    own.stop()
