"""No PIN, token, plaintext, Authorization header or encryption context ever stays anywhere but with its owner.

Marked bytes are put wherever bytes of a caller can enter, in good requests and in refused ones; then every output and the whole readable
memory of the front are searched for them: as they are, and in base64 at each of its three alignments. What a caller says in order that it is
kept (owner, description, justification, a well-formed X-Request-Id and traceparent) is not a secret.
"""
import base64
import json
import os
import pathlib
import re
import secrets
import socket
import urllib.parse

import pytest

from daemon import b64, until
from issuer import Issuer, Key
from leaks import forms
from secured import Secured

AES = "redact/prod/aes"
MAC = "redact/prod/mac"
EC = "redact/prod/ec"
# With a sanitizer the allocator is the sanitizer's; then this is what wipes freed memory.
WORD = re.compile(rb"[A-Za-z0-9_+/-]+")
PIECE = 1 << 16
WIPE_FREED = ":max_free_fill_size=1073741824:free_fill_byte=0"


def holders(haystack, marks):
    """Names of the marks that are in the bytes."""
    needles = [(form, name) for name, mark in marks.items() for form in forms(mark)]
    # almost all needles are words of one alphabet, and most bytes of a program are not in such a word
    shortest = min(len(form) for form, _ in needles if WORD.fullmatch(form))
    words = b" ".join(word for word in WORD.findall(haystack) if len(word) >= shortest)
    return sorted({name for form, name in needles if form in (words if WORD.fullmatch(form) else haystack)})


def memory_of(pid):
    """Every readable mapping of a process, one after the other, with what it is."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            span, rights, *_ = line.split()
            if not rights.startswith("r") or line.rstrip().endswith(("[vvar]", "[vsyscall]")):
                continue
            start, end = (int(x, 16) for x in span.split("-"))
            yield line.rstrip(), b"".join(read_map(memory, start, end))


def read_map(memory, start, end):
    """A mapping in pieces, without those that are empty: most of a thread's stack was never touched. A sanitizer's shadow, terabytes of it,
    holds no byte of the program."""
    if end - start > 1 << 36:
        return
    for at in range(start, end, PIECE):
        try:
            memory.seek(at)
            piece = memory.read(min(end - at, PIECE))
        except OSError:
            continue
        if piece.strip(b"\0"):
            yield piece


def found_in_memory(pid, marks):
    return {f"{name}: {where}" for where, content in memory_of(pid) for name in holders(content, marks)}


class Story:
    """Everything that was planted, and every answer that must not show it."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.marks = {}
        self.refusals = []

    def plant(self, name, length=24):
        """Fresh printable bytes that occur nowhere else."""
        mark = secrets.token_urlsafe(length).encode()
        self.marks[name] = mark
        return mark

    def text(self, name):
        return self.plant(name).decode()

    def keep(self, name, mark):
        self.marks[name] = mark
        return mark

    def ask(self, method, path, body=None, good=False, **more):
        answer = self.gateway.call(method, path, body, **more)
        assert (200 <= answer.status < 300) == good, f"{method} {path}: {answer.status} {answer.body[:300]}"
        if not good:
            self.refusals.append(answer.body + repr(answer.headers.items()).encode())
        return answer.json if good and answer.body else None

    def raw(self, *pieces):
        """Bytes on a connection of their own; the answer, whatever it is."""
        where = urllib.parse.urlsplit(self.gateway.address)
        with socket.create_connection((where.hostname, where.port), timeout=60) as connection:
            received = b""
            try:  # a server that has heard enough may hang up before everything is said
                for piece in pieces:
                    connection.sendall(piece)
                connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            try:
                while more := connection.recv(65536):
                    received += more
            except ConnectionResetError:
                pass
        self.refusals.append(received)
        return received


def context(story, name):
    return {story.text(f"context name, {name}"): story.text(f"context value, {name}")}


def good_data(story):
    """Every verb with marked data, once alone and once as a batch that is large enough to leave the small buffers."""
    ask = story.ask
    where = f"/v1/keys/{AES}"
    for size in (24, 30000):
        plain = story.plant(f"plaintext of {size}", size)
        pairs = context(story, f"encrypt {size}")
        sealed = ask("POST", f"{where}:encrypt", {"plaintext": b64(plain), "context": pairs}, good=True)["ciphertext"]
        opened = ask("POST", f"{where}:decrypt", {"ciphertext": sealed, "context": pairs}, good=True)
        assert base64.b64decode(opened["plaintext"]) == plain
        ask("POST", f"{where}:rewrap", {"ciphertext": sealed, "context": pairs}, good=True)
        ask("POST", f"{where}:decrypt", {"ciphertext": sealed, "context": context(story, f"wrong {size}")})
    pairs = context(story, "data key")
    made = ask("POST", f"{where}:data-key", {"bytes": 32, "context": pairs, "plaintext": True}, good=True)
    key = story.keep("data key", base64.b64decode(made["plaintext"]))
    opened = ask("POST", f"{where}:unwrap", {"ciphertext": made["ciphertext"], "context": pairs}, good=True)
    assert base64.b64decode(opened["plaintext"]) == key
    story.keep("random bytes", base64.b64decode(ask("POST", "/v1/random", {"bytes": 48}, good=True)["random"]))
    items = [{"plaintext": b64(story.plant(f"batch {i}")), "context": context(story, f"batch {i}")} for i in range(20)]
    done = ask("POST", f"{where}:encrypt", {"items": items}, good=True)["results"]
    ask("POST", f"{where}:decrypt", {"items": [{"ciphertext": d["ciphertext"], "context": i["context"]} for d, i in zip(done, items)]}, good=True)


def good_signing(story):
    message = b64(story.plant("mac message"))
    mac = story.ask("POST", f"/v1/keys/{MAC}:mac", {"message": message}, good=True)["mac"]
    story.ask("POST", f"/v1/keys/{MAC}:verify-mac", {"message": message, "mac": mac}, good=True)
    message = b64(story.plant("message to sign"))
    signature = story.ask("POST", f"/v1/keys/{EC}:sign", {"message": message}, good=True)["signature"]
    story.ask("POST", f"/v1/keys/{EC}:verify", {"message": message, "signature": signature}, good=True)
    made = story.ask("POST", f"/v1/keys/{EC}:jwt", {"claims": {"sub": "x", "private": story.text("claim")}}, good=True)
    story.keep("JWT that was made", made["token"].rsplit(".", 1)[1].encode())


def bad_bodies(story):
    where = f"/v1/keys/{AES}:encrypt"
    plain = b64(b"x")
    for name, body in {
        "unknown field": json.dumps({"plaintext": plain, story.text("field name"): story.text("field value")}),
        "duplicate field": '{"%s":"%s","%s":1}' % ((field := story.text("duplicate name")), story.text("duplicate value"), field),
        "no base64": json.dumps({"plaintext": "!" + story.text("no base64")}),
        "wrong type": json.dumps({"plaintext": [story.text("wrong type")]}),
        "no JSON": '{"plaintext": "' + story.text("no JSON"),
        "no object": json.dumps([story.text("no object")]),
        "number": '{"plaintext": 1e' + story.text("bad number"),
        "escape": '{"plaintext": "\\q' + story.text("bad escape") + '"}',
        "context of a number": json.dumps({"plaintext": plain, "context": {story.text("name of a number"): 5}}),
        "context of an object": json.dumps({"plaintext": plain, "context": {"a": {"b": story.text("inner context")}}}),
        "long context": json.dumps({"plaintext": plain, "context": {"a": story.text("long context") * 300}}),
        "context twice": '{"plaintext":"%s","context":{"%s":"1","%s":"2"}}' % (plain, (field := story.text("context twice")), field),
    }.items():
        story.ask("POST", where, body)
    story.ask("POST", where, story.text("other media type"), headers={"Content-Type": "text/" + story.text("media type")})
    story.ask("POST", f"/v1/keys/{EC}:sign", {"message": b64(story.plant("wrong scheme")), "scheme": story.text("scheme")})
    story.ask("POST", f"/v1/keys/{MAC}:verify-mac", {"message": b64(story.plant("mac of nothing")), "mac": "?" + story.text("bad mac")})
    story.ask("POST", f"/v1/keys/{AES}:decrypt", {"ciphertext": b64(story.plant("bad ciphertext", 200)), "context": context(story, "bad")})
    story.ask("POST", f"/v1/keys/{EC}:jwt", {"claims": {"iat": story.text("claim of ours")}})
    story.ask("POST", "/v1/keys", {"name": "redact/prod/new", "algorithm": story.text("algorithm"), "owner": "tests"})
    story.ask("GET", f"/v1/keys/{AES}", story.text("body of a GET"))


def bad_grants(story):
    """Bodies that are refused before anything of them is kept."""
    good = {"principal": "unix:1", "keys": AES, "operations": ["encrypt"], "justification": "redaction"}
    where = "/v1/grants/redact"
    for change in (
        {"operations": ["encrypt", story.text("operation of a grant")]},
        {"operations": story.text("operations that are no list")},
        {"principal": story.text("principal of a grant")},
        {"keys": "redact/" + story.text("pattern of a grant") + "*"},
        {"source": [story.text("source of a grant")]},
        {"expires_at": story.text("end of a grant")},
        {"context": {story.text("context name of a grant"): [story.text("context value of a grant")]}},
        {"justification": [story.text("justification that is no text")]},
        {"allow_dual_role": story.text("dual role")},
        {story.text("field of a grant"): story.text("value of an unknown field")},
    ):
        story.ask("PUT", where, {**good, **change})
    story.ask("PUT", f"/v1/grants/hg_{story.text('bearer as the id of a grant')}", {})
    question = {"principal": "unix:1", "operation": "encrypt", "key": AES}
    for change in ({"operation": story.text("operation that is asked for")}, {"source": story.text("source that is asked for")},
                   {"context": {"a": [story.text("context that is asked for")]}}):
        story.ask("POST", "/v1/authorize", {**question, **change})
    story.ask("POST", "/v1/authorize", {**question, "context": context(story, "authorize")}, good=True)


def bad_callers(story):
    body = {"plaintext": b64(story.plant("plaintext of nobody")), "context": context(story, "nobody")}
    where = f"/v1/keys/{AES}:encrypt"

    def as_caller(authorization):
        story.ask("POST", where, body, token="", headers={"Authorization": authorization})

    as_caller("Bearer hg_" + story.text("unknown bearer"))
    as_caller("Bearer " + story.text("malformed bearer"))
    as_caller("Basic " + b64(story.plant("basic password")))
    as_caller(story.text("no scheme"))
    header = base64.urlsafe_b64encode(json.dumps({"alg": "ES256", "kid": story.text("kid")}).encode()).rstrip(b"=").decode()
    claims = base64.urlsafe_b64encode(json.dumps({"iss": story.text("issuer"), "sub": story.text("subject")}).encode()).rstrip(b"=").decode()
    as_caller(f"Bearer {header}.{claims}.{story.text('JWT signature')}")
    stranger = story.gateway.do("POST", "/v1/auth/tokens", {"name": "stranger", "ttl": "1h"})["token"]
    story.keep("bearer of a stranger", stranger.encode())
    story.ask("POST", where, body, token=stranger)
    gone = story.gateway.do("POST", "/v1/auth/tokens", {"name": "gone", "ttl": "1h"})["token"]
    story.keep("revoked bearer", gone.encode())
    story.ask("DELETE", "/v1/auth/tokens/gone", good=True)
    story.ask("POST", where, body, token=gone)


def over_tls(story, key, issuer):
    """With a client certificate, with a bearer token, with a JWT that is good and with one that is not."""
    gateway = story.gateway
    where = f"/v1/keys/{AES}"

    def ask(verb, body, certificate=gateway.admin, status=200, **more):
        answer = gateway.tls_call("POST", f"{where}:{verb}", certificate, body=body, **more)
        assert answer.status == status, answer.body
        story.refusals.append(answer.body if status != 200 else b"")
        return answer.json

    for size in (24, 30000):
        plain = story.plant(f"plaintext of {size} over TLS", size)
        pairs = context(story, f"TLS {size}")
        sealed = ask("encrypt", {"plaintext": b64(plain), "context": pairs})["ciphertext"]
        assert ask("decrypt", {"ciphertext": sealed, "context": pairs}, None, token=gateway.token)["plaintext"] == b64(plain)
        ask("decrypt", {"ciphertext": sealed, "context": context(story, f"wrong over TLS {size}")}, status=400)
    made = ask("data-key", {"bytes": 32, "plaintext": True})
    story.keep("data key over TLS", base64.b64decode(made["plaintext"]))
    ask("unwrap", {"ciphertext": made["ciphertext"]})
    token = key.sign(issuer.claims(private=story.text("claim of a caller")))
    story.keep("JWT of a caller", token.rsplit(".", 1)[1].encode())
    assert gateway.tls_call("GET", "/v1/auth/whoami", token=token).json["principal"] == f"oidc:{issuer.name}#ci"
    ask("encrypt", {"plaintext": b64(story.plant("plaintext of a stranger over TLS"))}, None, 403, token=token)
    for name, changed in {"expired": {"exp": 1}, "for others": {"aud": story.text("audience of others")}, "from others": {"iss": "https://" + story.text("others")}}.items():
        token = key.sign(issuer.claims(private=story.text(f"claim, {name}"), **changed))
        story.keep(f"JWT, {name}", token.rsplit(".", 1)[1].encode())
        ask("encrypt", {}, None, 401, token=token)


def bad_places(story):
    """A secret where it does not belong: bearer tokens by mistake in a path, a query, a key's name, and headers that nobody asked for."""
    lost = "hg_" + story.text("bearer in a path")
    story.ask("GET", f"/v1/keys/redact/prod/{lost}")
    story.ask("GET", f"/v1/auth/tokens/{lost}")
    story.ask("GET", f"/{lost}")
    story.ask("GET", f"/v1/keys/{lost.lower()}/x:sign")
    story.ask("POST", f"/v1/keys/{AES}:{lost}", {})
    story.ask("GET", f"/v1/keys?prefix=redact/&{story.text('query name')}={story.text('query value')}")
    story.ask("GET", f"/v1/keys?page_token={story.text('page token')}")
    story.ask("GET", "/v1/version", good=True, headers={
        "X-Request-Id": "not safe: " + story.text("request id"), "traceparent": "00-" + story.text("traceparent"),
        "Cookie": story.text("cookie"), "X-Vault-Token": story.text("header of somebody else"), "Proxy-Authorization": story.text("proxy")})


def bad_transport(story):
    """Requests that never become whole, or are refused before anybody reads them."""
    good = f"POST /v1/keys/{AES}:encrypt HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"

    def bearer(name):
        return f"Authorization: Bearer hg_{story.text(name)}\r\n"

    plain = b64(story.plant("cut plaintext", 300)).encode()
    story.raw((good + bearer("bearer of a cut body") + "Content-Length: 9000\r\n\r\n").encode(), b'{"plaintext":"' + plain)
    story.raw((good + bearer("bearer of a cut head")).encode())
    story.raw((good + bearer("first of two bearers") + bearer("second of two bearers") + "Content-Length: 2\r\n\r\n{}").encode())
    story.raw((good + bearer("bearer of smuggled") + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n").encode(), story.plant("smuggled"))
    big = story.plant("plaintext over the limit", 300)
    story.raw((good + bearer("bearer over the limit") + "Content-Length: 99999999\r\n\r\n").encode() + big)
    chunk = big * 100
    story.raw((good + bearer("bearer of chunks") + "Transfer-Encoding: chunked\r\n\r\n").encode(),
              *[b"%x\r\n%s\r\n" % (len(chunk), chunk) for _ in range(40)])
    story.raw((f"BREW /{'hg_' + story.text('bearer in an odd path')} HTTP/1.1\r\nHost: x\r\n" + bearer("odd method") + "\r\n").encode())
    story.raw(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + story.plant("huge header", 300) * 60 + b"\r\n\r\n")
    keep = (good + f"Authorization: Bearer {story.gateway.token}\r\n").encode()
    pipelined = json.dumps({"plaintext": b64(story.plant("pipelined"))}).encode()
    request = keep + b"Content-Length: %d\r\n\r\n" % len(pipelined) + pipelined
    assert story.raw(request * 3).count(b"HTTP/1.1 200") == 3


@pytest.fixture(scope="module")
def story():
    """A gateway that was asked everything, and is idle: nobody is connected."""
    issuer, key = Issuer(), Key("ec", "ES256")
    issuer.keys = [key]
    gateway = Secured("main", demand="optional", receive_timeout="3s")
    (gateway.data / "issuer.jwks").write_bytes(issuer.key_set())
    gateway.options["issuers"] = [{"issuer": issuer.name, "audiences": ["hsmgate"], "jwks_file": str(gateway.data / "issuer.jwks"),
                                   "algorithms": ["ES256"]}]
    options = os.environ.get("ASAN_OPTIONS", "detect_leaks=1")
    gateway.environment["ASAN_OPTIONS"] = options + WIPE_FREED
    with gateway as running:
        told = Story(running)
        told.keep("PIN", running.tokens["main"].pin.encode())
        told.keep("bearer of the administrator", running.token.encode())
        running.key(AES, "aes-256-gcm")
        running.key(MAC, "hmac-sha256")
        running.key(EC, "ecdsa-p256")
        bad_transport(told)
        bad_places(told)
        bad_callers(told)
        bad_bodies(told)
        bad_grants(told)
        # last, so that nothing but these calls themselves can have written over what they left
        over_tls(told, key, issuer)
        good_signing(told)
        good_data(told)
        until("every connection has ended", lambda: alone(running))
        yield told


def metrics(gateway):
    return gateway.call("GET", "/metrics", token="").body


def alone(gateway):
    return re.search(rb"^hsmgate_http_connections 1$", metrics(gateway), re.M)


def test_the_search_finds_what_is_there():
    """In every form, at every alignment, in our own memory."""
    mark = secrets.token_urlsafe(24).encode()
    for before in range(3):
        around = b"x" * before + mark + b"yy"
        for text in (around, base64.b64encode(around), base64.urlsafe_b64encode(around), around.hex().encode()):
            assert holders(b"..." + text + b"...", {"it": mark}) == ["it"], text
    assert found_in_memory(os.getpid(), {"it": mark})


def test_the_memory_of_the_front_is_clean(story):
    assert found_in_memory(story.gateway.process.pid, story.marks) == set()


def test_no_output_shows_a_secret(story):
    outputs = {"log": story.gateway.whole_log().encode(), "metrics": metrics(story.gateway), "errors": b"\n".join(story.refusals)}
    for path in pathlib.Path(story.gateway.data).rglob("*"):
        kept_by_their_owner = path.is_relative_to(story.gateway.softhsm) or path == story.gateway.tokens["main"].pin_file
        if path.is_file() and not kept_by_their_owner:
            outputs[str(path)] = path.read_bytes()
    assert any(path.endswith("hsmgate.db") for path in outputs) and any(path.endswith(".jsonl") for path in outputs)
    assert {where: holders(content, story.marks) for where, content in outputs.items() if holders(content, story.marks)} == {}


def test_the_worker_keeps_no_pin_and_no_data(story):
    """It alone gets the PIN, for the time of a login; SoftHSM keeps a key made from it, masked, and never the PIN itself."""
    [worker] = story.gateway.worker_pids()
    assert found_in_memory(worker, story.marks) == set()


def test_pages_are_locked(story):
    """Nothing goes to swap, or the log says so. A sanitizer's shadow memory cannot be locked."""
    for pid in [story.gateway.process.pid, *story.gateway.worker_pids()]:
        locked = int(re.search(r"^VmLck:\s+(\d+) kB$", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M).group(1))
        sanitized = re.search(r"lib[at]san", pathlib.Path(f"/proc/{pid}/maps").read_text())
        assert locked > 0 or sanitized or "memory is not locked" in story.gateway.whole_log()


def test_no_core_file_and_no_debugger(story):
    front = story.gateway.process.pid
    for pid in [front, *story.gateway.worker_pids()]:
        limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
        assert re.search(r"^Max core file size\s+0\s+0\s", limits, re.M), limits
        # the kernel gives /proc/PID of a process that must not be dumped to root
        assert os.stat(f"/proc/{pid}/mem").st_uid == 0
