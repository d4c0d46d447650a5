"""What a start meets: configurations that are wrong, PINs, databases and logs that others left, tokens that changed; and the end by SIGTERM."""
import os
import pathlib
import signal
import sqlite3
import stat
import subprocess
import sys
import threading

import pytest
import yaml

from configured import MODULE, Configured, write_yaml
from daemon import b64, programs, unb64, until

NOBODY = 65534


@pytest.fixture
def gateway():
    configured = Configured("main")
    yield configured
    configured.remove()


def sign(gateway, name, **more):
    return gateway.call("POST", f"/v1/keys/{name}:sign", {"message": b64(b"m")}, **more)


def serves(gateway, name):
    assert sign(gateway, name).status == 200


def unavailable(gateway, name):
    answer = sign(gateway, name)
    assert (answer.status, answer.json["code"]) == (503, "token_unavailable"), answer.body


def refuses(gateway, *arguments):
    """A start that must fail; what it says."""
    done = subprocess.run([programs() / "hsmgated", *(arguments or ("--config", gateway.config))], capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL, env=dict(os.environ, **gateway.environment))
    assert done.returncode == 1 and "Sanitizer" not in done.stderr, f"{done.returncode}: {done.stderr}"
    return done.stderr


def cka_id(gateway, name):
    with sqlite3.connect(gateway.data / "hsmgate.db") as database:
        return database.execute("SELECT cka_id FROM versions JOIN keys ON id = key_id WHERE name = ?", [name]).fetchone()[0]


def pkcs11_tool(gateway, *arguments):
    main = gateway.tokens["main"]
    subprocess.run(["pkcs11-tool", "--module", MODULE, "--token-label", main.label, "--login", "--pin", main.pin, *arguments],
                   check=True, capture_output=True, env=dict(os.environ, **gateway.environment))


# --- configuration ---

FRONT = "database: {folder}/db\naudit: {folder}/audit\n"
TOKENS = "tokens:\n  - name: main\n    config: /dev/null\n"
FRONT_ERRORS = {
    "unknown option": (FRONT + TOKENS + "colour: red\n", 6, "colour", "unknown option"),
    "unknown option of a token": (FRONT + TOKENS + "    pin: x\n", 6, "tokens[0].pin", "unknown option"),
    "duplicate option": (FRONT + TOKENS + "audit: /a\n", 6, "audit", "given twice"),
    "missing option": (FRONT, 1, "tokens", "missing"),
    "no token": (FRONT + "tokens: []\n", 3, "tokens", "Insufficient entries"),
    "wrong type": (FRONT + TOKENS + "    channels: many\n", 6, "tokens[0].channels", "Invalid"),
    "list for a text": (FRONT + TOKENS + "listen: [a]\n", 6, "listen", "Expecting STRING"),
    "out of range": (FRONT + TOKENS + "    channels: 257\n", 6, "tokens[0].channels", "must be from 1 to 256"),
    "negative": (FRONT + TOKENS + "connections: -1\n", 6, "connections", "Invalid"),
    "bad duration": (FRONT + TOKENS + "    operation_timeout: soon\n", 6, "tokens[0].operation_timeout", "must be a duration"),
    "relative path": ("database: db\naudit: /a\n" + TOKENS, 1, "database", "must be an absolute path"),
    "missing token file": (FRONT + "tokens:\n  - name: main\n    config: /nowhere.yaml\n", 5, "tokens[0].config", "No such file"),
    "missing worker": (FRONT + TOKENS + "worker: /nowhere\n", 6, "worker", "cannot be run"),
    "two tokens of one name": (FRONT + TOKENS + "  - name: main\n    config: /dev/null\n", 3, "tokens", "two tokens have the name main"),
    "default token": (FRONT + TOKENS + "default_token: other\n", 6, "default_token", "no token has this name"),
    "name of a token": (FRONT + "tokens:\n  - name: Main/1\n    config: /dev/null\n", 4, "tokens[0].name", "must be lower-case"),
    "every address": (FRONT + TOKENS + "listen: 0.0.0.0:8200\n", 6, "listen", "must be a loopback address"),
    "every address, IPv6": (FRONT + TOKENS + "listen: \"[::]:8200\"\n", 6, "listen", "must be a loopback address"),
    "another machine's address": (FRONT + TOKENS + "listen: 192.0.2.1:8200\n", 6, "listen", "must be a loopback address"),
    "no port": (FRONT + TOKENS + "listen: 127.0.0.1\n", 6, "listen", "must be HOST:PORT"),
    "administrator": (FRONT + TOKENS + "administrators:\n  - root\n", 7, "administrators[0]", "must be unix:UID, token:NAME, spiffe://"),
}
WORKER = "module: /m.so\ntoken:\n  label: x\npin:\n  file: /p\nlatch_dir: /l\n"
WORKER_ERRORS = {
    "unknown option": (WORKER + "slot: 0\n", 7, "slot", "unknown option"),
    "a PIN in the file": (WORKER.replace("file: /p", "value: 1234"), 5, "pin.value", "unknown option"),
    "duplicate option": (WORKER + "module: /n.so\n", 7, "module", "given twice"),
    "missing option": (WORKER.replace("latch_dir: /l\n", ""), 1, "latch_dir", "missing"),
    "wrong type": (WORKER + "approval_floor: two\n", 7, "approval_floor", "Invalid"),
    "out of range": (WORKER + "approval_floor: 1\n", 7, "approval_floor", "must be 0, or 2 to 255"),
    "relative path": (WORKER.replace("/p", "p"), 5, "pin.file", "must be an absolute path"),
    "two ways to choose": (WORKER.replace("  label: x\n", "  label: x\n  serial: y\n"), 2, "token", "exactly one of label and serial"),
    "two sources of the PIN": (WORKER.replace("  file: /p\n", "  file: /p\n  credential: q\n"), 4, "pin", "exactly one of file, credential"),
}


def check(program, path, text):
    path.write_text(text)
    return subprocess.run([programs() / program, "--check-config", path], capture_output=True, text=True)


@pytest.mark.parametrize("case", FRONT_ERRORS)
def test_a_wrong_configuration_is_told_with_line_option_and_reason(tmp_path, case):
    text, line, option, reason = FRONT_ERRORS[case]
    path = tmp_path / "hsmgated.yaml"
    done = check("hsmgated", path, text.format(folder=tmp_path))
    assert done.returncode == 1 and done.stdout == ""
    told = done.stderr.splitlines()
    assert len(told) == 1 and told[0].startswith(f"{path}:{line}: {option}: ") and reason in told[0], done.stderr
    served = subprocess.run([programs() / "hsmgated", "--config", path], capture_output=True, text=True, timeout=60)
    assert served.returncode == 1 and told[0] in served.stderr
    assert list(tmp_path.iterdir()) == [path]  # it was refused before anything was made


@pytest.mark.parametrize("case", WORKER_ERRORS)
def test_a_wrong_file_of_the_worker_is_told_too(tmp_path, case):
    text, line, option, reason = WORKER_ERRORS[case]
    path = tmp_path / "token.yaml"
    done = check("hsmgate-token", path, text)
    assert done.returncode == 1 and done.stdout == ""
    told = done.stderr.splitlines()
    assert len(told) == 1 and told[0].startswith(f"{path}:{line}: {option}: ") and reason in told[0], done.stderr


def test_all_findings_come_together(tmp_path):
    done = check("hsmgated", tmp_path / "f", FRONT.format(folder=tmp_path) + TOKENS + "listen: x\nio_threads: 0\nsocket: y\n")
    assert [line.split(": ")[1] for line in done.stderr.splitlines()] == ["socket", "listen", "io_threads"]


def test_right_configurations_and_wrong_arguments(gateway, tmp_path):
    gateway.write()
    for program, path in (("hsmgated", gateway.config), ("hsmgate-token", gateway.tokens["main"].config)):
        done = subprocess.run([programs() / program, "--check-config", path], capture_output=True, text=True)
        assert (done.returncode, done.stdout, done.stderr) == (0, f"{path}: ok\n", "")
        for wrong, status in (([], 2), (["--nonsense"], 2), (["--check-config", tmp_path / "none"], 1), (["--check-config"], 2)):
            assert subprocess.run([programs() / program, *wrong], capture_output=True).returncode == status, wrong


def test_the_examples_are_right(tmp_path):
    examples = pathlib.Path(__file__).parents[2] / "conf"
    worker = examples / "token-main.yaml"
    assert subprocess.run([programs() / "hsmgate-token", "--check-config", worker], capture_output=True).returncode == 0
    front = (examples / "hsmgated.yaml").read_text().replace("/etc/hsmgate/token-main.yaml", str(worker))
    done = check("hsmgated", tmp_path / "f", front)
    assert (done.returncode, done.stderr) == (0, "")


# --- PINs ---

def test_a_wrong_pin_is_tried_once(gateway):
    main = gateway.tokens["main"]
    main.write_pin("not-the-pin")
    gateway.start()  # serves, without the token
    assert gateway.token_status("main")["state"] == "latched"
    assert gateway.call("POST", "/v1/random", {}).status == 503 and gateway.call("GET", "/readyz", token="").status == 503
    assert len(main.latch_files()) == 1 and stat.S_IMODE(main.latch_files()[0].stat().st_mode) == 0o600
    assert "not-the-pin" not in main.latch_files()[0].read_text() + gateway.whole_log()
    gateway.stop()
    # The token now takes this very PIN: a second try would succeed.
    pkcs11_tool(gateway, "--change-pin", "--new-pin", "not-the-pin")
    for _ in range(2):
        gateway.start()
        status = gateway.token_status("main")
        assert status["state"] == "latched" and "refused this PIN before" in status["last_error"]
        gateway.stop()
    assert gateway.whole_log().count("error worker: C_Login failed with CKR_PIN_INCORRECT") == gateway.whole_log().count("error worker: C_Login") == 1
    # What its message says helps.
    main.latch_files()[0].unlink()
    gateway.start()
    gateway.key("pin/it/works", "ecdsa-p256")
    serves(gateway, "pin/it/works")
    gateway.stop()


def test_a_mended_pin_works(gateway):
    main = gateway.tokens["main"]
    gateway.start()
    gateway.key("pin/of/before", "ecdsa-p256")
    gateway.stop()
    main.write_pin("not-the-pin")
    gateway.start()
    unavailable(gateway, "pin/of/before")
    gateway.stop()
    main.write_pin(main.pin)
    gateway.start()
    serves(gateway, "pin/of/before")
    assert main.latch_files() == []
    gateway.stop()


def test_a_pin_file_that_others_may_read_is_refused(gateway):
    main = gateway.tokens["main"]
    gateway.start()
    gateway.key("pin/of/mine", "ecdsa-p256")
    gateway.stop()
    for mode in (0o644, 0o640, 0o602):
        main.write_pin(main.pin, mode)
        gateway.start()
        unavailable(gateway, "pin/of/mine")
        error = gateway.token_status("main")["last_error"]
        assert "pin.file" in error and "0600" in error and main.latch_files() == []
        gateway.stop()
    main.write_pin(main.pin)
    gateway.start()
    serves(gateway, "pin/of/mine")
    gateway.stop()


def test_a_pin_file_that_is_missing_or_empty(gateway):
    main = gateway.tokens["main"]
    main.pin_file.unlink()
    gateway.start()
    assert "pin.file: there is no such file" in gateway.token_status("main")["last_error"]
    main.write_pin("")
    until("the next try", lambda: "the PIN is empty" in gateway.token_status("main").get("last_error", ""))
    main.write_pin(main.pin)
    until("the token is ready", lambda: gateway.token_status("main")["state"] == "ready")
    gateway.stop()


def test_a_pin_from_a_credential(gateway, tmp_path):
    main = gateway.tokens["main"]
    (tmp_path / "pin-main").write_text(main.pin)
    (tmp_path / "pin-main").chmod(0o400)
    main.pin_file.unlink()
    main.write(pin={"credential": "pin-main"})
    gateway.environment["CREDENTIALS_DIRECTORY"] = str(tmp_path)
    gateway.start()
    gateway.key("pin/of/credential", "ecdsa-p256")
    gateway.stop()


def test_a_pin_from_a_descriptor(gateway):
    main = gateway.tokens["main"]
    main.pin_file.unlink()
    main.write(pin={"descriptor": 40})  # above those of the channels
    given = os.memfd_create("pin", 0)
    os.write(given, main.pin.encode())
    os.dup2(given, 40, inheritable=True)
    os.close(given)
    try:
        gateway.start(descriptors=[40])
    finally:
        os.close(40)
    gateway.key("pin/of/descriptor", "ecdsa-p256")
    worker = gateway.worker("main")
    os.kill(worker, signal.SIGKILL)
    until("the next worker", lambda: gateway.token_status("main").get("worker_pid", worker) != worker)
    until("the token is ready", lambda: gateway.token_status("main")["state"] == "ready")
    serves(gateway, "pin/of/descriptor")
    gateway.stop()


def test_the_pin_shows_nowhere(gateway):
    main = gateway.tokens["main"]
    gateway.start()
    gateway.key("pin/not/shown", "ecdsa-p256")
    serves(gateway, "pin/not/shown")
    processes = [gateway.process.pid, gateway.worker("main")]
    shown = [pathlib.Path(f"/proc/{pid}/{what}").read_bytes() for pid in processes for what in ("cmdline", "environ")]
    assert b"hsmgate-token" in shown[2] and b"SOFTHSM2_CONF" in shown[3]
    assert b"NOTIFY_SOCKET" in shown[1] and b"NOTIFY_SOCKET" not in shown[3]
    gateway.stop()
    kept = [path.read_bytes() for path in gateway.data.glob("**/*") if path.is_file() and path != main.pin_file]
    for secret in (main.pin.encode(), gateway.token.encode()):
        assert not any(secret in bytes_ for bytes_ in shown + kept + [gateway.whole_log().encode()])


# --- what is on disk ---

def without_uses(key):
    """They are reserved ahead, so a restart may count more of them."""
    for version in key["versions"]:
        del version["uses"]
        version.pop("last_used_at", None)
    return key


def test_a_restart_keeps_everything(gateway):
    gateway.start()
    gateway.key("kept/it/aes", "aes-256-gcm", description="before")
    old = gateway.verb("kept/it/aes", "encrypt", {"plaintext": b64(b"old")})["ciphertext"]
    gateway.do("POST", "/v1/keys/kept/it/aes:rotate", {"immediate": True})
    reader = gateway.make_bearer("reader")
    gone = gateway.make_bearer("gone")
    gateway.do("DELETE", "/v1/auth/tokens/gone")
    before = without_uses(gateway.do("GET", "/v1/keys/kept/it/aes"))
    for end in (gateway.stop, gateway.kill):
        end()
        gateway.start()
        after = without_uses(gateway.do("GET", "/v1/keys/kept/it/aes"))
        assert after == before and after["primary"] == 2 and len(after["versions"]) == 2
        assert unb64(gateway.verb("kept/it/aes", "decrypt", {"ciphertext": old})["plaintext"]) == b"old"
        assert gateway.do("GET", "/v1/auth/whoami", token=reader)["principal"] == "token:reader"
        assert gateway.call("GET", "/v1/auth/whoami", token=gone).status == 401
    sequence = [r["seq"] for r in gateway.records()]
    assert sequence == list(range(1, len(sequence) + 1))
    gateway.stop()


def test_a_database_of_a_newer_version_is_refused(gateway):
    gateway.start()
    gateway.key("kept/from/before", "ecdsa-p256")
    gateway.stop()
    with sqlite3.connect(gateway.data / "hsmgate.db") as database:
        database.execute("INSERT INTO schema_migrations VALUES (99, 0)")
    told = refuses(gateway)
    assert "hsmgate.db" in told and "schema 99" in told and "newer hsmgate" in told
    with sqlite3.connect(gateway.data / "hsmgate.db") as database:
        assert database.execute("SELECT max(number) FROM schema_migrations").fetchone() == (99,)
        database.execute("DELETE FROM schema_migrations WHERE number = 99")
    gateway.start()
    serves(gateway, "kept/from/before")
    gateway.stop()


def test_a_file_that_is_no_database_is_refused(gateway):
    (gateway.data / "hsmgate.db").write_bytes(os.urandom(8192))
    gateway.write()
    assert "restore it from a backup" in refuses(gateway)


def test_a_second_daemon_is_refused(gateway, tmp_path):
    gateway.start()
    gateway.key("first/one/lives", "ecdsa-p256")
    first = yaml.safe_load(gateway.config.read_text())
    fresh = {"listen": "127.0.0.1:1", "socket": str(tmp_path / "s"), "database": str(tmp_path / "db"), "audit": str(tmp_path / "audit")}
    for shared, told in (("database", "stop the other hsmgated"), ("audit", "stop the other hsmgated"),
                         ("listen", "nothing else uses them"), ("socket", "another process listens on the local socket")):
        path = tmp_path / "second.yaml"
        options = {**first, **fresh, shared: first[shared]}
        if shared == "socket":
            options.pop("listen")
            options["listen"] = f"127.0.0.2:{first['listen'].split(':')[1]}"
        write_yaml(path, options)
        assert told in refuses(gateway, "--config", path), shared
        serves(gateway, "first/one/lives")
        assert gateway.do("GET", "/v1/auth/whoami", token="", connection=gateway.local())["principal"] == f"unix:{os.geteuid()}"
    gateway.stop()


def last_log(gateway):
    return sorted((gateway.data / "audit").glob("*.jsonl"))[-1]


@pytest.mark.parametrize("torn", [b'{"seq":', b'{"seq":99,"time":"2026', b"\0" * 4096])
def test_a_torn_line_is_cut_and_the_sequence_goes_on(gateway, torn):
    gateway.start()
    for _ in range(3):
        gateway.call("GET", "/v1/keys")
    gateway.stop()
    before = gateway.records()
    with open(last_log(gateway), "ab") as log:
        log.write(torn)
    gateway.start()
    gateway.call("GET", "/v1/keys", headers={"X-Request-Id": "after"})
    gateway.stop()
    after = gateway.records()
    assert after[:len(before)] == before and after[-1]["request_id"] == "after"
    assert [r["seq"] for r in after] == list(range(1, len(after) + 1))


def test_a_damaged_line_within_the_log_is_not_cut(gateway):
    gateway.start()
    for _ in range(3):
        gateway.call("GET", "/v1/keys")
    gateway.stop()
    path = last_log(gateway)
    lines = path.read_bytes().splitlines(keepends=True)
    damaged = b"".join([lines[0], b"?" * (len(lines[1]) - 1) + b"\n", *lines[2:]])
    path.write_bytes(damaged)
    assert "damaged" in refuses(gateway)
    assert path.read_bytes() == damaged


# --- what is on the token ---

def test_a_missing_object_stops_its_key_alone(gateway):
    gateway.start()
    missing = gateway.make_key("object/that/left", "ecdsa-p256", "main")
    gateway.key("object/that/stays", "ecdsa-p256")
    assert missing
    gateway.stop()
    for path in missing:
        path.unlink()
    gateway.start()
    assert "object/that/left@1: its material is not on the token main" in gateway.whole_log()
    unavailable(gateway, "object/that/left")
    serves(gateway, "object/that/stays")
    assert "key missing" in gateway.whole_log()
    assert gateway.call("GET", "/readyz", token="").status == 200 and gateway.token_status("main")["restarts"] == 0
    assert gateway.do("POST", "/v1/keys/object/that/left:rotate", {"immediate": True})["primary"] == 2
    serves(gateway, "object/that/left")
    gateway.stop()


def test_an_object_of_others_is_reported_and_never_used(gateway):
    gateway.start()
    gateway.key("object/of/ours", "ecdsa-p256")
    gateway.stop()
    pkcs11_tool(gateway, "--keypairgen", "--key-type", "EC:prime256v1", "--id", "c0ffee", "--label", "object/of/others", "--usage-sign")
    files = gateway.object_files()
    gateway.start()
    assert gateway.whole_log().count("token main holds an object that no key knows, CKA_ID c0ffee") == 1
    assert [k["name"] for k in gateway.do("GET", "/v1/keys")["keys"]] == ["object/of/ours"]
    assert sign(gateway, "object/of/others").status == 404
    serves(gateway, "object/of/ours")
    gateway.stop()
    assert gateway.object_files() == files


def test_an_object_that_took_the_place_of_a_key_is_not_used(gateway):
    gateway.start()
    ours = gateway.make_key("object/of/ours", "ecdsa-p256", "main")
    gateway.key("object/that/stays", "ecdsa-p256")
    gateway.stop()
    for path in ours:
        path.unlink()
    pkcs11_tool(gateway, "--keypairgen", "--key-type", "EC:prime256v1", "--id", cka_id(gateway, "object/of/ours").hex(), "--usage-sign")
    gateway.start()
    unavailable(gateway, "object/of/ours")
    assert "key swapped" in gateway.whole_log()
    serves(gateway, "object/that/stays")
    gateway.stop()


# --- the local socket ---

def whoami_as(uid, gateway):
    """What the gateway tells another user of this machine, or the error that keeps them out."""
    code = ("import sys; sys.path[:0] = sys.argv[2:]\nfrom configured import LocalConnection\nc = LocalConnection(sys.argv[1])\n"
            "try:\n  c.request('GET', '/v1/keys/x/y'); print(c.getresponse().status)\nexcept OSError as e: print(type(e).__name__)")
    library = str(pathlib.Path(__file__).parents[1] / "lib")
    return subprocess.run([sys.executable, "-c", code, gateway.socket, library], user=uid, group=uid, extra_groups=[], check=True, text=True,
                          capture_output=True, env={}).stdout.strip()


def test_callers_on_the_local_socket(gateway):
    gateway.start()
    assert stat.S_ISSOCK(gateway.socket.lstat().st_mode) and stat.S_IMODE(gateway.socket.lstat().st_mode) == 0o660
    me = gateway.do("GET", "/v1/auth/whoami", token="", connection=gateway.local())
    assert me["principal"] == f"unix:{os.geteuid()}" and me["administrator"] is True
    gateway.do("POST", "/v1/keys", {"name": "local/made/key", "algorithm": "hmac-sha256", "owner": "x"}, token="", connection=gateway.local())
    record = gateway.records()[-1]
    assert record["principal"] == record["source"] == f"unix:{os.geteuid()}"
    for token in (gateway.token, gateway.make_bearer("other"), "hg_nonsense"):  # two callers at once
        answer = gateway.call("GET", "/v1/auth/whoami", token=token, connection=gateway.local())
        assert (answer.status, answer.json["code"]) == (401, "unauthenticated")
    assert gateway.call("GET", "/v1/auth/whoami", token="").status == 401  # a uid counts on the socket only
    if os.geteuid() == 0:
        gateway.data.chmod(0o711)
        assert whoami_as(NOBODY, gateway) == "PermissionError"
        gateway.socket.chmod(0o666)
        assert whoami_as(NOBODY, gateway) == "403"
        assert gateway.records()[-1]["principal"] == f"unix:{NOBODY}"
    gateway.stop()
    gateway.options["administrators"] = ["token:admin"]
    gateway.start()
    assert gateway.call("GET", "/v1/keys/local/made/key", token="", connection=gateway.local()).status == 403
    gateway.do("GET", "/v1/keys/local/made/key")
    gateway.stop()


def test_what_lies_where_the_socket_should_be(gateway):
    gateway.socket.write_text("mine")
    gateway.write()
    assert "taken by a file" in refuses(gateway) and gateway.socket.read_text() == "mine"
    gateway.socket.unlink()
    gateway.start()
    gateway.kill()
    assert gateway.socket.exists()  # left behind by the dead
    gateway.start()
    gateway.do("GET", "/v1/auth/whoami", token="", connection=gateway.local())
    gateway.stop()


# --- the end ---

def test_sigterm_under_load_loses_no_answer(gateway):
    gateway.start()
    gateway.key("end/under/load", "ecdsa-p256")
    answered = []
    begun = threading.Semaphore(0)

    def work(number):
        connection = gateway.connect()
        count = 0
        try:
            while True:
                count += 1
                answer = sign(gateway, "end/under/load", connection=connection, headers={"X-Request-Id": f"t{number}-{count}"})
                answered.append((f"t{number}-{count}", answer.status))
                if answer.status == 200:
                    begun.release()
        except Exception:
            connection.close()  # it has ended

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for _ in range(200):
        begun.acquire()
    gateway.stop()  # asserts exit status 0
    for thread in threads:
        thread.join()
    assert {status for _, status in answered} <= {200, 503}
    signed = {request for request, status in answered if status == 200}
    recorded = [r for r in gateway.records() if r["operation"] == "sign" and r["outcome"] == "ok"]
    assert len(signed) >= 184 and signed <= {r["request_id"] for r in recorded}
    sequence = [r["seq"] for r in gateway.records()]
    assert sequence == list(range(1, len(sequence) + 1))
    assert not gateway.socket.exists()
    gateway.start()
    serves(gateway, "end/under/load")
    gateway.stop()
