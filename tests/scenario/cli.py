"""The command line against the real daemon: every command, what it prints, its exit status, its files, and what it says when something is wrong."""
import configparser
import contextlib
import hashlib
import http.server
import json
import os
import re
import select
import ssl
import stat
import subprocess
import threading
import time

import jwt as pyjwt
import pytest
from jwcrypto import jwk

import sigv4
from daemon import until
from gateway import Gateway, b64, programs, unb64

LARGE = 300_000  # over the 64 KiB that a message may have
driven = set()
# What cli_rotation.py and cli_restore.py drive.
ELSEWHERE = {"key promote", "key retire", "key disable", "key enable", "key compromise", "key destroy", "key cancel-destroy", "key confirm-destroy",
             "key plan", "key retire-check", "rotation calendar", "token inventory", "clock show", "clock accept",
             "backup", "backups", "restore", "drill revoke", "drill rotate", "drill restore"}
# What cli_break_glass.py drives.
BREAK_GLASS = {"key freeze", "key unfreeze", "voter keygen", "voter register", "roster show", "roster draft", "roster propose", "roster publish", "roster verify",
               "roster report", "evidence verify", "drill break-glass", "break-glass request", "break-glass request-destroy", "break-glass request-rule",
               "break-glass request-unfreeze", "break-glass list", "break-glass show", "break-glass approve", "break-glass deny", "break-glass submit",
               "break-glass save", "break-glass open", "break-glass unseal", "break-glass watch", "break-glass cancel", "break-glass evidence"}


def command_words():
    """Every command, as the program lists them."""
    text = subprocess.run([programs() / "hsmgate", "--help"], capture_output=True, text=True, check=True).stdout
    return re.findall(r"^  ([a-z]+(?:-[a-z]+)*(?: [a-z]+(?:-[a-z]+)*)?)  +[A-Z]", text, re.M)


class Shell:
    """Runs hsmgate with an environment of its own and nothing of ours."""

    def __init__(self, gateway, folder):
        self.gateway = gateway
        self.folder = folder
        self.words = command_words()
        self.env = {"PATH": os.environ["PATH"], "HSMGATE_ADDR": gateway.address, "HSMGATE_TOKEN": gateway.token}
        self.env.update({name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")})

    def run(self, *args, data=b"", status=0, **env):
        args = [str(a) for a in args]
        environment = {**self.env, **env}
        assert not any(environment["HSMGATE_TOKEN"] in a for a in args if environment["HSMGATE_TOKEN"])
        done = subprocess.run([programs() / "hsmgate", *args], input=data, capture_output=True, cwd=self.folder, env=environment, timeout=120)
        assert done.returncode == status, f"{args} ended with {done.returncode}: {done.stdout!r} {done.stderr.decode()}"
        if status == 0 and "--help" not in args:
            driven.update(w for w in (args[0], " ".join(args[:2])) if w in self.words)
        return done

    def text(self, *args, **more):
        return self.run(*args, **more).stdout.decode()

    def json(self, *args, **more):
        out = self.text(*args, "--json", **more)
        assert out.endswith("\n") and out.count("\n") == 1
        return json.loads(out)

    def fails(self, *args, status=1, **more):
        """Standard error of a run that must fail and print nothing else."""
        done = self.run(*args, status=status, **more)
        assert done.stdout == b""
        return done.stderr.decode()

    def key(self, name, algorithm, *more):
        return self.text("key", "create", name, "--algorithm", algorithm, "--owner", "tests", *more)


@pytest.fixture(scope="module")
def gateway():
    with Gateway() as running:
        yield running


@pytest.fixture(scope="module")
def keys(gateway, tmp_path_factory):
    shell = Shell(gateway, tmp_path_factory.mktemp("keys"))
    for algorithm in ("ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa-2048"):
        shell.key(f"cli/sign/{algorithm}", algorithm)
    shell.key("cli/enc/aes", "aes-256-gcm")
    shell.key("cli/mac/hmac", "hmac-sha256")


@pytest.fixture
def shell(gateway, keys, tmp_path):
    return Shell(gateway, tmp_path)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def openssl_verifies(folder, pem, message, signature, *options, digest="sha256"):
    done = subprocess.run(["openssl", "dgst", "-" + digest, "-verify", pem, "-signature", signature, *options, message], cwd=folder, capture_output=True, text=True)
    return done.returncode == 0 and done.stdout == "Verified OK\n"


def test_the_tour_of_the_readme(shell, tmp_path):
    assert shell.key("shop/prod/orders-jwt", "ecdsa-p256") == "created shop/prod/orders-jwt, version 1 (ecdsa-p256, sign)\n"
    token = shell.text("jwt", "shop/prod/orders-jwt", "--ttl", "5m", data=b'{"sub":"order-7","aud":"billing"}\n')
    assert token.endswith("\n") and token.count("\n") == 1
    public = json.loads(shell.text("jwks", "shop/prod/orders-jwt"))
    assert [k["kid"] for k in public["keys"]] == ["shop/prod/orders-jwt@1"]
    claims = pyjwt.decode(token.strip(), pyjwt.PyJWK(public["keys"][0]).key, algorithms=["ES256"], audience="billing")
    assert claims["sub"] == "order-7" and claims["exp"] - claims["iat"] == 300

    (tmp_path / "release.tar").write_bytes(os.urandom(LARGE))
    assert shell.text("sign", "shop/prod/orders-jwt", "--in", "release.tar", "--raw", "--out", "release.sig") == ""
    (tmp_path / "orders.pem").write_text(shell.text("key", "public-key", "shop/prod/orders-jwt"))
    assert openssl_verifies(tmp_path, "orders.pem", "release.tar", "release.sig")

    assert shell.key("shop/prod/card-dek", "aes-256-gcm") == "created shop/prod/card-dek, version 1 (aes-256-gcm, encrypt)\n"
    (tmp_path / "wrapped.b64").write_text(shell.text("data-key", "shop/prod/card-dek"))
    before = shell.run("unwrap", "shop/prod/card-dek", "--in", "wrapped.b64").stdout
    assert len(before) == 32
    assert shell.text("key", "rotate", "shop/prod/card-dek") == "shop/prod/card-dek: version 2 is the primary now\n"
    assert shell.run("unwrap", "shop/prod/card-dek", "--in", "wrapped.b64").stdout == before
    moved = shell.text("rewrap", "shop/prod/card-dek", "--in", "wrapped.b64")
    assert shell.run("unwrap", "shop/prod/card-dek@2", data=moved.encode()).stdout == before
    tail = shell.text("audit", "tail")
    assert "shop/prod/card-dek@2" in tail and "rewrap" in tail and "token:admin" in tail


def test_keys_are_shown_and_changed(shell):
    shell.key("cli/facts/k", "ecdsa-p256", "--description", "first", "--contact", "a@example.org", "--classification", "regulated",
              "--label", "env=prod", "--label", "cost=7=8", "--overlap", "30d", "--rotate-every", "90d", "--max-uses", "1000",
              "--jwt-max-ttl", "1h", "--jwt-issuer", "https://issuer.example", "--jwt-audience", "a", "--jwt-audience", "b")
    key = shell.json("key", "show", "cli/facts/k")
    assert (key["owner"], key["description"], key["contact"], key["classification"]) == ("tests", "first", "a@example.org", "regulated")
    assert key["labels"] == {"env": "prod", "cost": "7=8"}
    assert (key["rotation"]["every"], key["rotation"]["overlap"], key["rotation"]["max_uses"]) == ("90d", "30d", 1000)
    assert key["jwt"] == {"max_ttl": "1h", "issuer": "https://issuer.example", "audiences": ["a", "b"]}
    assert shell.text("key", "update", "cli/facts/k", "--owner", "others", "--description", "two words") == "updated cli/facts/k\n"
    shown = shell.text("key", "show", "cli/facts/k")
    assert re.search(r"^owner +others$", shown, re.M) and re.search(r"^description +two words$", shown, re.M)
    assert re.search(r"^VERSION +STATE ", shown, re.M) and re.search(r"^1 +active ", shown, re.M)
    assert re.search(r"^rotation .*every=90d", shown, re.M) and re.search(r"^labels .*env=prod", shown, re.M)
    assert shell.json("key", "update", "cli/facts/k", "--contact", "b@example.org")["contact"] == "b@example.org"
    shell.text("key", "create", "cli/plain/k", "--algorithm", "hmac-sha256", "--owner", "tests")
    assert re.search(r"^1 +active ", shell.text("key", "show", "cli/plain/k"), re.M), "a key of which little is said"
    listed = shell.text("key", "list", "--prefix", "cli/facts/")
    assert listed.splitlines()[0].split() == ["NAME", "ALGORITHM", "PURPOSE", "PRIMARY", "OWNER", "CLASS"]
    assert [line.split() for line in listed.splitlines()[1:]] == [["cli/facts/k", "ecdsa-p256", "sign", "1", "others", "regulated"]]
    assert [k["name"] for k in shell.json("key", "list", "--prefix", "cli/facts/")["keys"]] == ["cli/facts/k"]
    assert "nothing to change" in shell.fails("key", "update", "cli/facts/k")
    assert shell.json("key", "rotate", "cli/facts/k", "--immediate")["primary"] == 2
    assert shell.json("key", "create", "cli/facts/json", "--algorithm", "rsa-2048", "--owner", "me", "--purpose", "decrypt", "--token", "dev")["purpose"] == "decrypt"


def test_public_keys_in_every_form(shell, tmp_path):
    pem = shell.text("key", "public-key", "cli/sign/ecdsa-p256", "--format", "pem")
    assert pem == shell.text("key", "public-key", "cli/sign/ecdsa-p256@1") and pem.startswith("-----BEGIN PUBLIC KEY-----")
    der = shell.run("key", "public-key", "cli/sign/ecdsa-p256", "--format", "der").stdout
    (tmp_path / "key.pem").write_text(pem)
    assert der == subprocess.run(["openssl", "pkey", "-pubin", "-in", "key.pem", "-outform", "DER"], cwd=tmp_path, capture_output=True, check=True).stdout
    for args in (("--json",), ("--format", "jwk")):
        assert jwk.JWK.from_json(shell.text("key", "public-key", "cli/sign/ecdsa-p256", *args)).export_to_pem().decode() == pem
        shell.run("key", "public-key", "cli/sign/ecdsa-p256", *args, "--out", "key.jwk")
        assert jwk.JWK.from_json((tmp_path / "key.jwk").read_text()).export_to_pem().decode() == pem


@pytest.mark.parametrize("data", [b"", b"x", b"text\n", bytes(range(256)), os.urandom(65536)], ids=["empty", "one", "text", "bytes", "64k"])
def test_plaintexts_come_back(shell, tmp_path, data):
    sealed = shell.run("encrypt", "cli/enc/aes", data=data).stdout
    assert sealed.count(b"\n") == 1 and (len(data) < 4 or data not in sealed)
    assert shell.run("decrypt", "cli/enc/aes", data=sealed).stdout == data
    (tmp_path / "plain").write_bytes(data)
    assert shell.text("encrypt", "cli/enc/aes", "--in", "plain", "--raw", "--out", "sealed", "--context", "table=cards", "--context", "row=7") == ""
    assert mode(tmp_path / "sealed") == 0o600
    assert shell.text("decrypt", "cli/enc/aes@1", "--in", "sealed", "--raw", "--out", "again", "--context", "row=7", "--context", "table=cards") == ""
    assert (tmp_path / "again").read_bytes() == data and mode(tmp_path / "again") == 0o600
    wrong = shell.fails("decrypt", "cli/enc/aes", "--in", "sealed", "--raw", "--context", "table=cards", "--context", "row=8")
    assert "invalid_ciphertext" in wrong
    shell.run("decrypt", "cli/enc/aes", "--in", "sealed", "--raw", "--out", "nothing", status=1)
    assert not (tmp_path / "nothing").exists()


def test_ciphertexts_as_json(shell):
    sealed = shell.json("encrypt", "cli/enc/aes", data=b"hello")
    assert (sealed["key"], sealed["version"]) == ("cli/enc/aes", 1)
    opened = shell.json("decrypt", "cli/enc/aes", data=sealed["ciphertext"].encode())
    assert unb64(opened["plaintext"]) == b"hello"
    moved = shell.json("rewrap", "cli/enc/aes", data=sealed["ciphertext"].encode())
    assert moved["from_version"] == 1 and moved["ciphertext"] != sealed["ciphertext"]


def test_data_keys_go_to_files(shell, tmp_path):
    for size in (16, 24, 32, 64):
        shell.run("data-key", "cli/enc/aes", "--bytes", size, "--plaintext", "dek", "--out", "wrapped", "--context", "a=b")
        assert len((tmp_path / "dek").read_bytes()) == size and mode(tmp_path / "dek") == 0o600
        assert shell.run("unwrap", "cli/enc/aes", "--in", "wrapped", "--context", "a=b").stdout == (tmp_path / "dek").read_bytes()
    (tmp_path / "dek").chmod(0o644)  # one that is there is replaced, not opened
    shell.run("data-key", "cli/enc/aes", "--plaintext", "dek", "--raw", "--out", "wrapped")
    assert mode(tmp_path / "dek") == 0o600
    assert shell.run("unwrap", "cli/enc/aes", "--in", "wrapped", "--raw").stdout == (tmp_path / "dek").read_bytes()
    answer = shell.json("data-key", "cli/enc/aes")
    assert "plaintext" not in answer and len(unb64(shell.json("unwrap", "cli/enc/aes", data=answer["ciphertext"].encode())["plaintext"])) == 32
    assert "invalid_ciphertext" in shell.fails("decrypt", "cli/enc/aes", data=answer["ciphertext"].encode())
    assert "bytes" in shell.fails("data-key", "cli/enc/aes", "--bytes", 17)


PSS = ("-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest")


@pytest.mark.parametrize("size", [0, 65536, 65537, LARGE])
@pytest.mark.parametrize("name,scheme,digest,options", [
    ("ecdsa-p256", None, "sha256", ()), ("ecdsa-p384", None, "sha384", ()), ("ecdsa-p521", None, "sha512", ()),
    ("rsa-2048", None, "sha256", ()), ("rsa-2048", "RS512", "sha512", ()), ("rsa-2048", "PS384", "sha384", PSS)])
def test_files_of_any_size_are_signed(shell, tmp_path, name, scheme, digest, options, size):
    key = f"cli/sign/{name}"
    more = () if scheme is None else ("--scheme", scheme)
    data = os.urandom(size)
    (tmp_path / "file").write_bytes(data)
    shell.run("key", "public-key", key, "--out", "pub.pem")
    shell.run("sign", key, "--in", "file", "--raw", "--out", "one.sig", *more)
    assert mode(tmp_path / "one.sig") == 0o600
    (tmp_path / "two.sig").write_bytes(unb64(shell.text("sign", key, *more, data=data).strip()))
    for signature in ("one.sig", "two.sig"):
        assert openssl_verifies(tmp_path, "pub.pem", "file", signature, *options, digest=digest)
        assert shell.text("verify", key, "--in", "file", "--signature", signature, "--raw", *more) == "valid\n"
        assert shell.text("verify", f"{key}@1", "--signature", signature, "--raw", *more, data=data) == "valid\n"
    assert shell.text("verify", key, "--signature", "one.sig", "--raw", *more, data=data + b"x", status=1) == "invalid\n"


def test_ed25519_signs_whole_messages(shell, tmp_path):
    (tmp_path / "file").write_bytes(os.urandom(65536))
    (tmp_path / "large").write_bytes(os.urandom(65537))
    shell.run("key", "public-key", "cli/sign/ed25519", "--out", "pub.pem")
    shell.run("sign", "cli/sign/ed25519", "--in", "file", "--raw", "--out", "sig")
    done = subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "pub.pem", "-rawin", "-in", "file", "-sigfile", "sig"], cwd=tmp_path, capture_output=True)
    assert done.returncode == 0
    assert "64 KiB" in shell.fails("sign", "cli/sign/ed25519", "--in", "large")
    assert "64 KiB" in shell.fails("sign", "cli/sign/ed25519", data=(tmp_path / "large").read_bytes())
    assert "64 KiB" in shell.fails("verify", "cli/sign/ed25519", "--in", "large", "--signature", "sig", "--raw")


def test_signatures_as_json_and_jose(shell, tmp_path):
    answer = shell.json("sign", "cli/sign/ecdsa-p256", "--encoding", "jose", data=b"m")
    assert (answer["kid"], answer["scheme"]) == ("cli/sign/ecdsa-p256@1", "ES256")
    (tmp_path / "sig").write_text(answer["signature"] + "\n")
    assert shell.json("verify", "cli/sign/ecdsa-p256", "--encoding", "jose", "--signature", "sig", data=b"m")["valid"] is True
    assert shell.json("verify", "cli/sign/ecdsa-p256", "--encoding", "jose", "--signature", "sig", data=b"n", status=1)["valid"] is False
    shell.run("sign", "cli/sign/ecdsa-p256", "--json", "--out", "answer", data=b"m")
    assert "signature" in json.loads((tmp_path / "answer").read_text()) and mode(tmp_path / "answer") == 0o600
    seen = len(shell.gateway.records())
    shell.run("sign", "cli/sign/ecdsa-p256", data=b"m")
    assert [r["operation"] for r in shell.gateway.records()[seen:]] == ["sign"]  # the key is asked for only when a digest is needed
    assert "no scheme" in shell.fails("sign", "cli/sign/ecdsa-p256", "--scheme", "XY", data=b"m")
    assert "does not fit" in shell.fails("sign", "cli/sign/ecdsa-p256", "--scheme", "RS256", data=b"m")
    assert "cannot be read" in shell.fails("verify", "cli/sign/ecdsa-p256", "--signature", "not-there", data=b"m")


def test_macs(shell, tmp_path):
    for raw in ((), ("--raw",)):
        (tmp_path / "mac").write_bytes(shell.run("mac", "cli/mac/hmac", *raw, data=b"hello").stdout)
        assert shell.text("verify-mac", "cli/mac/hmac", "--mac", "mac", *raw, data=b"hello") == "valid\n"
        assert shell.text("verify-mac", "cli/mac/hmac", "--mac", "mac", *raw, data=b"hullo", status=1) == "invalid\n"
    assert len((tmp_path / "mac").read_bytes()) == 32
    assert len(unb64(shell.json("mac", "cli/mac/hmac", data=b"hello")["mac"])) == 32
    assert shell.json("verify-mac", "cli/mac/hmac", "--mac", "mac", "--raw", data=b"hello")["valid"] is True
    assert "too_large" in shell.fails("mac", "cli/mac/hmac", data=bytes(65537))


def test_jwts(shell, tmp_path):
    (tmp_path / "claims").write_text('{"sub":"me","aud":["you"]}')
    shell.run("jwt", "cli/sign/rsa-2048", "--in", "claims", "--typ", "at+jwt", "--out", "token")
    assert mode(tmp_path / "token") == 0o600
    token = (tmp_path / "token").read_text().strip()
    assert pyjwt.get_unverified_header(token) == {"alg": "RS256", "kid": "cli/sign/rsa-2048@1", "typ": "at+jwt"}
    answer = shell.json("jwt", "cli/sign/ed25519", "--ttl", "90s", data=b'{"sub":"me"}')
    public = json.loads(shell.text("jwks", "cli/sign/"))
    found = next(k for k in public["keys"] if k["kid"] == answer["kid"])
    assert pyjwt.decode(answer["token"], pyjwt.PyJWK(found).key, algorithms=["EdDSA"])["sub"] == "me"
    assert "invalid_json" in shell.fails("jwt", "cli/sign/ed25519", data=b"not json")
    assert "invalid_field" in shell.fails("jwt", "cli/sign/ed25519", data=b"[1]")
    assert "duplicate_field" in shell.fails("jwt", "cli/sign/ed25519", data=b'{"sub":"a","sub":"b"}')
    assert json.loads(shell.text("jwks", "cli/sign/", HSMGATE_TOKEN="")) == public  # public: no token


def test_random_bytes(shell):
    assert len(shell.run("random", "--bytes", 100, "--raw").stdout) == 100
    assert len(unb64(shell.text("random").strip())) == 32
    assert len(unb64(shell.json("random", "--bytes", 7)["random"])) == 7
    assert "too_large" in shell.fails("random", "--bytes", 5000)
    assert "invalid_field" in shell.fails("random", "--bytes", 0)


def test_tokens_are_shown_once_and_revoked(shell, tmp_path):
    made = shell.run("token", "create", "reader", "--ttl", "1h")
    secret = made.stdout.decode().strip()
    assert secret.startswith("hg_") and secret not in made.stderr.decode() and "token:reader" in made.stderr.decode()
    assert shell.text("whoami", HSMGATE_TOKEN=secret) == "token:reader\n"
    assert shell.json("whoami", HSMGATE_TOKEN=secret)["principal"] == "token:reader"
    listed = shell.text("token", "list")
    assert re.search(r"^reader +20", listed, re.M) and secret not in listed
    assert {t["name"] for t in shell.json("token", "list")["tokens"]} >= {"admin", "reader"}
    refused = shell.fails("key", "show", "cli/enc/aes", HSMGATE_TOKEN=secret)
    assert "(forbidden)" in refused and "\ntry: hsmgate whoami" in refused
    assert refused == shell.fails("key", "show", "cli/enc/not-there", HSMGATE_TOKEN=secret)
    assert shell.text("token", "revoke", "reader") == "revoked token:reader\n"
    assert "revoked" in shell.fails("whoami", HSMGATE_TOKEN=secret)
    assert "(not_found)" in shell.fails("token", "revoke", "reader")
    shell.run("token", "create", "filed", "--ttl", "1h", "--json", "--out", "filed")
    assert json.loads((tmp_path / "filed").read_text())["token"].startswith("hg_") and mode(tmp_path / "filed") == 0o600
    assert shell.json("token", "revoke", "filed") == {}


def test_access_keys_are_written_once_and_revoked(shell, tmp_path):
    def sign():
        """Error of a signed request with what stands in the file, as AWS's tools read it."""
        read = configparser.RawConfigParser()
        read.read(tmp_path / "credentials")
        assert read.sections() == ["default"] and set(read["default"]) == {"aws_access_key_id", "aws_secret_access_key"}
        headers = {"Host": shell.gateway.address.split("//")[1], "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "TrentService.DescribeKey"}
        signed = sigv4.sign("POST", "/", headers, b'{"KeyId":"alias/cli/enc/aes"}', *read["default"].values())
        answer = shell.gateway.call("POST", "/", b'{"KeyId":"alias/cli/enc/aes"}', token="", headers=signed)
        return answer.json["__type"]
    made = shell.run("access-key", "create", "orders-aws", "--subject", "orders", "--ttl", "1h", "--out", "credentials")
    text = (tmp_path / "credentials").read_text()
    found = re.fullmatch(r"\[default\]\naws_access_key_id = (HGAK[A-Z2-7]{16})\naws_secret_access_key = ([A-Za-z0-9+/]{40})\n", text)
    assert found and mode(tmp_path / "credentials") == 0o600
    assert made.stdout == b"" and re.fullmatch(rf"access key {found[1]} of token:orders, valid until 20.*; its secret is not shown again\n", made.stderr.decode())
    assert sign() == "AccessDeniedException" and shell.gateway.records()[-1]["principal"] == "token:orders"
    listed = shell.text("access-key", "list")
    assert listed.splitlines()[0].split() == ["NAME", "ACCESS", "KEY", "SUBJECT", "EXPIRES", "LAST", "USED"]
    assert re.search(rf"^orders-aws +{found[1]} +orders +20\S+ +20\S+$", listed, re.M) and "admin-aws" in listed
    assert found[2] not in listed and not re.search("^admin ", listed, re.M), "a bearer token"
    assert "orders-aws" not in shell.text("token", "list") and "orders-aws" not in {t["name"] for t in shell.json("token", "list")["tokens"]}
    shown = {t["name"]: t for t in shell.json("access-key", "list")["tokens"]}
    assert shown["orders-aws"]["access_key_id"] == found[1] and "admin" not in shown
    assert "(conflict)" in shell.fails("access-key", "create", "orders-aws", "--ttl", "1h", "--out", "other") and not (tmp_path / "other").exists()
    assert "(invalid_name)" in shell.fails("access-key", "create", "a/b", "--ttl", "1h", "--out", "other")
    assert shell.text("access-key", "revoke", "orders-aws") == "revoked access key orders-aws\n"
    assert sign() == "UnrecognizedClientException" and "orders-aws" not in shell.text("access-key", "list")
    assert "(not_found)" in shell.fails("access-key", "revoke", "orders-aws")
    assert shell.text("access-key", "create", "piped", "--ttl", "1h", "--out", "-").startswith("[default]\naws_access_key_id = HGAK")
    shell.run("access-key", "create", "filed", "--ttl", "1h", "--json", "--out", "filed")
    assert json.loads((tmp_path / "filed").read_text())["subject"] == "filed" and mode(tmp_path / "filed") == 0o600
    assert shell.json("access-key", "revoke", "filed") == {} and shell.json("access-key", "revoke", "piped") == {}


def test_status_and_tokens(shell):
    text = shell.text("status")
    assert text.startswith(f"{shell.gateway.address}: ready\nversion ") and re.search(r"^dev +ready +hsmgate-dev ", text, re.M)
    assert shell.json("status")["status"] == "ready"
    text = shell.text("tokens")
    assert re.search(r"^dev passed: .*aes-256-gcm.*ed25519", text, re.M)
    assert shell.json("tokens")["tokens"][0]["state"] == "ready"


def test_audit_tail(shell):
    for _ in range(3):
        shell.run("random")
    newest = shell.text("audit", "tail", "--lines", 5).splitlines()
    assert len(newest) == 5 and sum("random" in line for line in newest) == 3
    records = [json.loads(line) for line in shell.text("audit", "tail", "--lines", 3, "--json").splitlines()]
    assert len(records) == 3 and records[0]["seq"] + 2 == records[-1]["seq"]
    first = [json.loads(line) for line in shell.text("audit", "tail", "--after", 0, "--lines", 2, "--json").splitlines()]
    assert [r["seq"] for r in first] == [1, 2]
    assert "1 to 1000" in shell.fails("audit", "tail", "--lines", 1001)


def test_the_audit_log_is_verified_and_proved(shell):
    log = shell.gateway.data / "audit"
    until("a checkpoint", (log / "checkpoint.pub").exists)
    shell.run("audit", "key", "--out", "audit.pub")
    shell.run("audit", "checkpoint", "--out", "audit.checkpoint")
    trust = ["--checkpoint", "audit.checkpoint", "--key", "audit.pub"]
    verified = shell.text("audit", "verify", "--log", log, *trust)
    assert verified.splitlines()[0] == "intact" and re.search(r"^signature +good, by the key that was given$", verified, re.M)
    assert shell.json("audit", "verify", "--log", log, *trust)["intact"] is True
    shell.run("audit", "prove", 1, "--log", log, "--checkpoint", "audit.checkpoint", "--out", "proof")
    assert shell.json("audit", "prove", 1, "--log", log)["seq"] == 1
    assert shell.text("audit", "check", "proof", "--key", "audit.pub").splitlines()[0] == "record 1 is in the log"
    assert shell.json("audit", "check", "proof")["key_source"] == "gateway"
    assert shell.json("audit", "checkpoint")["key"] == shell.text("audit", "key").strip()
    shell.text("audit", "verify", "--log", log, HSMGATE_ADDR="nonsense", HSMGATE_TOKEN="")
    assert "no such file" in shell.fails("audit", "verify", "--log", log, "--key", "nowhere")
    assert "sequence number" in shell.fails("audit", "prove", "x", "--log", log, status=2)


def read_until(process, wanted, seconds=60):
    """What the process wrote up to the line that has `wanted`."""
    deadline = time.monotonic() + seconds
    text = b""
    while not re.search(wanted + rb"[^\n]*\n", text):
        ready, _, _ = select.select([process.stdout], [], [], max(0, deadline - time.monotonic()))
        assert ready, f"no {wanted!r} in {text!r}"
        chunk = os.read(process.stdout.fileno(), 65536)
        assert chunk, f"ended after {text!r}"
        text += chunk
    return text


def test_audit_tail_follows(shell):
    begin = time.monotonic()
    process = subprocess.Popen([programs() / "hsmgate", "audit", "tail", "--follow", "--json", "--lines", "1"], stdout=subprocess.PIPE, env=shell.env)
    try:
        read_until(process, rb'"seq"')
        assert shell.gateway.token.encode() not in open(f"/proc/{process.pid}/cmdline", "rb").read()
        for _ in range(10):
            shell.run("random")
        shell.run("mac", "cli/mac/hmac", data=b"seen")
        text = read_until(process, rb'"operation":"mac"')
        reads = text.count(b'"operation":"read-audit"')
        assert reads <= time.monotonic() - begin + 5  # it waits a second between looks, although each look is a record too
        seqs = [json.loads(line)["seq"] for line in text.splitlines()]
        assert seqs == sorted(set(seqs))
    finally:
        process.terminate()
        process.wait(timeout=60)
        process.stdout.close()


def test_the_local_socket(shell):
    address = f"unix:{shell.gateway.data}/hsmgate.sock"
    assert shell.text("whoami", HSMGATE_ADDR=address, HSMGATE_TOKEN="") == f"unix:{os.getuid()}\n"
    assert shell.text("status", HSMGATE_ADDR=address, HSMGATE_TOKEN="").startswith(f"{address}: ready\n")
    sealed = shell.run("encrypt", "cli/enc/aes", data=b"x", HSMGATE_ADDR=address, HSMGATE_TOKEN="").stdout
    assert shell.run("decrypt", "cli/enc/aes", data=sealed).stdout == b"x"


def test_wrong_usage_is_status_2(shell):
    shell.run(status=2)
    assert "there is no command 'frobnicate'" in shell.fails("frobnicate", status=2)
    assert "there is no command 'key frobnicate'" in shell.fails("key", "frobnicate", status=2)
    for args, said in [(("key", "show"), "NAME is missing"), (("key", "show", "a/b", "c/d"), "too many arguments"), (("sign", "a/b", "--nonsense"), "--nonsense"),
                       (("key", "create", "a/b", "--owner", "me"), "--algorithm"), (("key", "retire", "a/b"), "hsmgate key retire a/b@1"), (("token", "create", "x"), "--ttl"), (("verify", "a/b"), "--signature"),
                       (("access-key", "create", "x", "--ttl", "1h"), "--out"), (("token", "create", "x", "--ttl", "1h", "--subject", "y"), "--subject"),
                       (("random", "--bytes", "many"), "whole number"), (("encrypt", "a/b", "--context", "x"), "NAME=VALUE"), (("data-key", "a/b", "--in", "x"), "--in")]:
        error = shell.fails(*args, status=2)
        assert said in error and "--help" in error, error


def test_help_is_there_for_every_command(shell):
    assert len(shell.words) >= 25
    for words in shell.words:
        text = shell.run(*words.split(), "--help").stdout.decode()
        assert text.startswith(f"Usage: hsmgate {words}") and "--json" in text
    assert shell.text("--version").startswith("hsmgate ")
    assert shell.text("help") == shell.text("--help")


def test_refusals_name_the_next_step(shell):
    for args, said in [(("key", "show", "cli/no/such"), ["(not_found)", "try: hsmgate key list"]),
                       (("encrypt", "cli/sign/ecdsa-p256"), ["(unsupported_operation)"]),
                       (("key", "show", "NotAName"), ["(invalid_name)"]), (("key", "show", "a/../b"), ["(invalid_name)"]),
                       (("jwks", "a b"), ["(invalid_name)"]), (("jwks", "../v1/keys"), ["(invalid_path)"]),
                       (("key", "list", "--prefix", "a#b"), ["(invalid_name)"]),
                       (("key", "create", "cli/enc/aes", "--algorithm", "aes-256-gcm", "--owner", "me"), ["(conflict)"]),
                       (("key", "create", "cli/enc/x", "--algorithm", "rot13", "--owner", "me"), ["(invalid_field)"]),
                       (("sign", "cli/sign/rsa-2048", "--in", "not-there"), ["not-there: No such file"]),
                       (("encrypt", "cli/enc/aes", "--out", "no/such/folder"), ["no/such/folder: cannot be written"])]:
        error = shell.fails(*args)
        assert error.startswith("hsmgate: ") and all(part in error for part in said), error
    shell.run("key", "rotate", "cli/enc/aes")
    error = shell.fails("encrypt", "cli/enc/aes@1", data=b"x")
    assert "(invalid_state)" in error and "try: hsmgate key show" in error
    assert "too_large" in shell.fails("encrypt", "cli/enc/aes", data=bytes(65537))
    assert "invalid_base64" in shell.fails("decrypt", "cli/enc/aes", data=b"!!")
    with open("/dev/full", "w") as full:
        done = subprocess.run([programs() / "hsmgate", "key", "list"], stdout=full, stderr=subprocess.PIPE, env=shell.env)
    assert done.returncode == 1 and done.stderr


def test_who_calls_and_where(shell):
    missing = shell.fails("whoami", HSMGATE_TOKEN="")
    assert "(unauthenticated)" in missing and "try: export HSMGATE_TOKEN" in missing
    bad = shell.fails("whoami", HSMGATE_TOKEN="hg_" + "A" * 43)
    assert "(unauthenticated)" in bad and "expired or been revoked" in bad and "hg_A" not in bad
    for address in ("http://127.0.0.1:1", "unix:/nowhere/hsmgate.sock"):
        error = shell.fails("status", HSMGATE_ADDR=address)
        assert address in error and "try: is hsmgated running" in error
    assert "must start with http://" in shell.fails("status", HSMGATE_ADDR="127.0.0.1:8200")
    assert shell.text("whoami", HSMGATE_ADDR=shell.gateway.address + "/") == "token:admin\n"
    assert shell.text("whoami", http_proxy="http://127.0.0.1:1", ALL_PROXY="http://127.0.0.1:1") == "token:admin\n"


@contextlib.contextmanager
def stranger(answer, context=None):
    """A server that is no hsmgate; the requests that it got come out."""
    got = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            got.append((self.path, dict(self.headers)))
            status, headers, body = answer
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}", got
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_strangers_are_not_believed(shell):
    with stranger((500, {}, b"<html>oops</html>")) as (address, _):
        assert "is it hsmgate?" in shell.fails("whoami", HSMGATE_ADDR=f"http://{address}")
    with stranger((200, {}, b"<html>hello</html>")) as (address, _):
        assert "(invalid_json)" in shell.fails("whoami", HSMGATE_ADDR=f"http://{address}")
    evil = json.dumps({"code": "forbidden", "detail": "\x1b[31mred\x9b"}).encode()
    with stranger((403, {}, evil)) as (address, _):
        error = shell.fails("whoami", HSMGATE_ADDR=f"http://{address}")
        assert "?[31mred??" in error and "\x1b" not in error and "\x9b" not in error
    record = {"seq": 1, "time": "now", "outcome": "ok\x1b[31m", "operation": "a\nb", "key": "k\x9b", "principal": "\x7fp"}
    with stranger((200, {}, json.dumps({"records": [record], "next": 1, "last": 1}).encode())) as (address, _):
        assert shell.text("audit", "tail", HSMGATE_ADDR=f"http://{address}").split() == ["1", "now", "ok?[31m", "a?b", "k??", "?p"]
    with stranger((200, {}, b"{}")) as (second, seen):
        with stranger((302, {"Location": f"http://{second}/v1/auth/whoami"}, b"")) as (first, _):
            shell.fails("whoami", HSMGATE_ADDR=f"http://{first}")
        assert seen == []  # the token goes to nobody else


def make_certificates(folder):
    def openssl(*args):
        subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test-ca", "-days", "2")
    for name, extension in (("server", "subjectAltName=IP:127.0.0.1"), ("client", "extendedKeyUsage=clientAuth")):
        (folder / "ext").write_text(extension + "\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "ext", "-out", f"{name}.pem")


def test_https_with_certificates(shell, tmp_path):
    make_certificates(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    context.load_verify_locations(tmp_path / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    own = {"HSMGATE_CERT": str(tmp_path / "client.pem"), "HSMGATE_KEY": str(tmp_path / "client.key")}
    with stranger((200, {}, b'{"principal":"me"}'), context) as (address, _):
        where = {"HSMGATE_ADDR": f"https://{address}"}
        assert shell.text("whoami", **where, **own, HSMGATE_CACERT=str(tmp_path / "ca.pem")) == "me\n"
        assert "(io)" in shell.fails("whoami", **where, **own)  # nobody vouches for the server
        assert "(io)" in shell.fails("whoami", **where, HSMGATE_CACERT=str(tmp_path / "ca.pem"))  # nor for us


def test_grants_and_lint(shell, tmp_path):
    question = ("authorize", "token:api", "sign", "cli/sign/ed25519")
    assert shell.text(*question, status=1).startswith("not allowed")
    assert shell.text("grant", "put", "api", "--principal", "token:api", "--keys", "cli/sign/*", "--operation", "sign", "--justification", "for a test") == "granted api\n"
    assert shell.text(*question).startswith("allowed by the grant api")
    assert re.search(r"^justification +for a test$", shell.text("grant", "show", "api"), re.M)
    assert [line.split()[0] for line in shell.text("grant", "list").splitlines()] == ["ID", "api"]
    (tmp_path / "grants.yaml").write_text("namespace: cli/sign\ngrants: []\n")
    assert "\n- api\n" in shell.text("grant", "apply", "grants.yaml", "--dry-run")
    assert shell.text("grant", "apply", "grants.yaml").endswith("\napplied\n")
    shell.text("grant", "put", "api", "--principal", "token:api", "--keys", "cli/sign/*", "--operation", "sign", "--justification", "for a test")
    assert shell.text("grant", "delete", "api") == "deleted api\n"
    assert shell.text("lint", "--severity", "error") == "no findings\n"
    assert "key-without-contact" in shell.text("lint", status=1)


def test_completion(shell, tmp_path):
    (tmp_path / "completion").write_text(shell.text("completion", "bash"))
    assert shell.text("completion", "bash", HSMGATE_ADDR="http://127.0.0.1:1") == (tmp_path / "completion").read_text()

    def complete(*words):
        script = f". ./completion; COMP_WORDS=(hsmgate {' '.join(repr(w) for w in words)}); COMP_CWORD={len(words)}; _hsmgate; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        return subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True).stdout.split()
    assert {"key", "token", "tokens", "sign"} <= set(complete(""))
    assert complete("key", "cr") == ["create"]
    assert complete("token", "re") == complete("access-key", "re") == ["revoke"]
    assert complete("access-key", "create", "x", "--su") == ["--subject"]
    assert complete("sign", "a/b", "--sch") == ["--scheme"]
    assert complete("key", "create", "a/b", "--alg") == ["--algorithm"]
    assert complete("sign", "a/b", "--in", "comp") == ["completion"]


def test_no_secret_is_in_any_argument_or_inherited(shell):
    gateway = shell.gateway
    pin = (gateway.data / "token.pin").read_text().strip()
    for pid in [gateway.process.pid, *gateway.worker_pids()]:
        arguments = open(f"/proc/{pid}/cmdline", "rb").read()
        assert pin.encode() not in arguments and gateway.token.encode() not in arguments
    for pid in gateway.worker_pids():
        environment = open(f"/proc/{pid}/environ", "rb").read()
        assert pin.encode() not in environment and gateway.token.encode() not in environment


def test_no_command_was_left_out(shell):
    assert ELSEWHERE | BREAK_GLASS <= set(shell.words)
    assert sorted(set(shell.words) - driven - ELSEWHERE - BREAK_GLASS) == []
