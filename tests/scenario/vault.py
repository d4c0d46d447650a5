"""Vault's transit API on the real daemon: its clients get what they read for, and it is no second way to a key.

What is expected here is what unmodified clients send and need. Signatures and public keys are checked with `cryptography`, and what either API
made is given to the other.
"""
import base64
import datetime
import hashlib
import os
import re
import subprocess

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

from configured import Configured
from gateway import Gateway, b64, unb64
from quorum import BreakGlass

SYMMETRIC = {"aes256-gcm96": "aes-256-gcm", "hmac": "hmac-sha256"}
CURVES = {"ecdsa-p256": "P-256", "ecdsa-p384": "P-384", "ecdsa-p521": "P-521"}
HASHES = {"sha2-256": hashes.SHA256(), "sha2-384": hashes.SHA384(), "sha2-512": hashes.SHA512()}
CANNOT = "The ciphertext cannot be opened with this key and context."
NEVER = ["exportable", "allow_plaintext_backup", "derived", "convergent_encryption"]
AD, OTHER_AD = b64(b"row 7"), b64(b"row 8")
LOOKUP, RENEW = "/v1/auth/token/lookup-self", "/v1/auth/token/renew-self"


class Vault:
    """A client of one mount with one token. Every answer is looked at for what all of them have."""

    def __init__(self, gateway, token=None, mount="transit"):
        self.gateway, self.token, self.mount = gateway, gateway.token if token is None else token, mount

    def call(self, method, path, body=None, headers=None, token=None):
        path = path if path.startswith("/") else f"/v1/{self.mount}/{path}"
        token = self.token if token is None else token
        known = {"X-Vault-Token": token} if token else {}
        answer = self.gateway.call(method, path, body, token="", headers={**known, **(headers or {})})
        assert answer.headers["Content-Type"] == (None if answer.status == 204 else "application/json"), (method, path, answer.headers.items(), answer.body)
        assert answer.headers["Cache-Control"] == "no-store" and answer.headers["X-Request-Id"]
        return answer

    def write(self, path, **fields):
        """The data of an answer that must be good."""
        answer = self.call("PUT", path, fields)
        assert answer.status == 200, (path, fields, answer.status, answer.body)
        return answer.json["data"]

    def read(self, path):
        answer = self.call("GET", path)
        assert answer.status == 200, (path, answer.status, answer.body)
        return answer.json["data"]

    def names(self):
        answer = self.call("LIST", "keys")
        assert answer.status == 200 or (answer.status, answer.json) == (404, {"errors": []}), answer.body
        return answer.json["data"]["keys"] if answer.status == 200 else []

    def refusal(self, status, path, how="PUT", **fields):
        """The list of errors of a call that must be refused so."""
        answer = self.call(how, path, fields if how in ("PUT", "POST") else None)
        assert answer.status == status and set(answer.json) == {"errors"}, (path, fields, answer.status, answer.body)
        return answer.json["errors"]

    def make(self, name, kind="aes256-gcm96", **fields):
        return self.write(f"keys/{name}", type=kind, **fields)

    def seal(self, name, plaintext=b"secret", **fields):
        return self.write(f"encrypt/{name}", plaintext=b64(plaintext), **fields)["ciphertext"]

    def open(self, name, ciphertext, **fields):
        return unb64(self.write(f"decrypt/{name}", ciphertext=ciphertext, **fields)["plaintext"])

    def valid(self, path, **fields):
        data = self.write(f"verify/{path}", **fields)
        assert set(data) == {"valid"} and isinstance(data["valid"], bool)
        return data["valid"]


def bare(text):
    """What stands behind `vault:vN:`."""
    return text.split(":", 2)[2]


def flipped(data, at, mask=1):
    return data[:at] + bytes([data[at] ^ mask]) + data[at + 1:]


def principal(gateway, name, keys=None, *operations, **more):
    """A client with a token of its own, and with one grant if any."""
    token = gateway.do("POST", "/v1/auth/tokens", {"name": name, "ttl": "1h"})["token"]
    if operations:
        gateway.do("PUT", f"/v1/grants/{name}", {"principal": f"token:{name}", "keys": keys, "operations": list(operations), "justification": "a test", **more})
    return Vault(gateway, token)


def record(gateway, answer):
    """The one of this request; it is on disk before the answer leaves."""
    mine = [r for r in gateway.records() if r.get("request_id") == answer.headers["X-Request-Id"] and r["kind"] == "request"]
    assert len(mine) == 1 and mine[0]["dialect"] == "vault", mine
    return mine[0]


def public_key(entry):
    """Of one version as `keys` shows it."""
    if entry["name"] == "ed25519":
        return ed25519.Ed25519PublicKey.from_public_bytes(unb64(entry["public_key"]))
    return serialization.load_pem_public_key(entry["public_key"].encode())


@pytest.fixture(scope="module")
def gateway():
    with Gateway() as running:
        yield running
        assert running.call("GET", "/readyz", token="").status == 200


@pytest.fixture(scope="module")
def vault(gateway):
    made = Vault(gateway)
    for name in ("aes", "other"):
        made.make(name)
    made.make("mac", "hmac")
    made.public = {}
    for kind in (*CURVES, "ed25519", "rsa-2048"):
        made.public[kind] = public_key(made.make(kind, kind)["keys"]["1"])
    return made


# --- conventions ---

def test_put_and_post_are_one(vault):
    for method in ("PUT", "POST"):
        for path in ("keys/aes", "encrypt/aes", "random/8", RENEW):
            assert vault.call(method, path, {"plaintext": ""}).status == 200, (method, path)


def test_list_is_a_method_and_a_parameter(vault):
    lists = [vault.call(method, path).json["data"] for method in ("LIST", "GET") for path in ("keys", "keys/") if method == "LIST"]
    lists += [vault.call("GET", path).json["data"] for path in ("keys?list=true", "keys/?list=true", "keys?list=True", "keys?limit=-1&list=1", "keys?x=y&list=t")]
    assert len(lists) == 7 and all(found == lists[0] for found in lists) and set(lists[0]) == {"keys"} and "aes" in lists[0]["keys"]


def test_slashes_may_be_doubled_here_and_nowhere_else(gateway, vault):
    signed = vault.write("sign/ecdsa-p256/sha2-256", input=b64(b"m"))["signature"]
    assert vault.valid("ecdsa-p256//sha2-256", input=b64(b"m"), signature=signed)
    for path in ("/v1//transit/keys/aes", "/v1/transit//keys///aes", "/v1/transit/keys/aes/"):
        assert vault.read(path)["name"] == "aes"
    assert vault.call("GET", "/v1//sys//health").status == 200
    for path in ("/v1//keys", "/v1/keys//transit/aes", "/v1/auth//whoami", "//v1/transit/keys/aes"):
        answer = gateway.call("GET", path)
        assert (answer.status, answer.json["code"]) == (400, "invalid_path") and answer.headers["Content-Type"] == "application/problem+json"


def test_either_header_names_the_caller_and_both_must_agree(gateway, vault):
    other = principal(gateway, "another").token
    mine = {"Authorization": f"Bearer {gateway.token}"}
    for token, headers in ((gateway.token, {}), ("", mine), (gateway.token, mine)):
        assert vault.call("GET", LOOKUP, token=token, headers=headers).json["data"]["display_name"] == "token:admin"
    for token, bearer in ((gateway.token, other), (other, gateway.token), (gateway.token, "hg_nobody"), ("hg_nobody", gateway.token)):
        for path in (LOOKUP, "keys/aes"):
            answer = vault.call("GET", path, token=token, headers={"Authorization": f"Bearer {bearer}"})
            assert answer.status == 403 and answer.json["errors"][0].startswith("permission denied")


def test_the_header_of_vault_counts_on_its_paths_alone(gateway, vault):
    header = {"X-Vault-Token": gateway.token}
    for method, path, body in (("GET", "/v1/auth/whoami", None), ("GET", "/v1/keys", None), ("GET", "/v1/keys/transit/aes", None), ("POST", "/v1/random", {}),
                               ("POST", "/v1/keys/transit/aes:encrypt", {"plaintext": ""}), ("POST", "/v1/auth/tokens", {"name": "x", "ttl": "1h"})):
        answer = gateway.call(method, path, body, token="", headers=header)
        assert (answer.status, answer.json["code"]) == (401, "unauthenticated"), path
    assert gateway.call("GET", "/v1/auth/whoami", headers={"X-Vault-Token": "hg_nobody"}).json["principal"] == "token:admin"


@pytest.mark.parametrize("token", ["", "hg_nobody", "s.vaultlike", "x" * 300])
def test_who_is_not_known_is_denied(vault, token):
    for method, path in (("GET", "keys/aes"), ("PUT", "encrypt/aes"), ("LIST", "keys"), ("PUT", "keys/never"), ("GET", "/v1/sys/mounts"), ("GET", LOOKUP)):
        answer = vault.call(method, path, token=token)
        assert answer.status == 403 and len(answer.json["errors"]) == 1 and answer.json["errors"][0].startswith("permission denied"), answer.body


def test_the_envelope(vault):
    for method, path, mount_type in (("GET", "keys/aes", "transit"), ("PUT", "datakey/wrapped/aes", "transit"), ("GET", "/v1/sys/mounts", "system")):
        answer = vault.call(method, path)
        whole = answer.json
        assert answer.status == 200 and isinstance(whole.pop("data"), dict)
        assert whole == {"request_id": answer.headers["X-Request-Id"], "lease_id": "", "renewable": False, "lease_duration": 0,
                         "wrap_info": None, "warnings": None, "auth": None, "mount_type": mount_type}


REFUSED = [
    *[("GET", path, 404, []) for path in ("keys/none", "export/public-key/none", "export/public-key/ed25519/7")],
    *[("PUT", f"{path}/none", 400, ["no key"]) for path in ("encrypt", "decrypt", "rewrap", "sign", "verify", "hmac", "datakey/plaintext", "datakey/wrapped")],
    *[("PUT", f"keys/none/{verb}", 400, ["no key"]) for verb in ("config", "rotate", "trim")], ("DELETE", "keys/none", 400, ["no key"]),
    *[(method, path, 404, ["no handler"]) for method in ("GET", "PUT", "DELETE", "LIST")
      for path in ("nothing", "keys/aes/nothing", "encrypt/aes/more", "/v1/sys/nothing", "/v1/auth/token/create")],
    *[(*asked.split(), 405, ["unsupported operation"]) for asked in
      ("GET encrypt/aes", "DELETE decrypt/aes", "PATCH keys/aes", "GET keys", "LIST keys/aes", "PUT keys", "GET keys/aes/rotate", "DELETE /v1/sys/health")],
]


@pytest.mark.parametrize("method,path,status,errors", REFUSED)
def test_statuses_that_clients_act_on(vault, method, path, status, errors):
    said = vault.refusal(status, path, how=method)
    assert len(said) == len(errors) and all(word in text for word, text in zip(errors, said)), said


def test_an_empty_list_is_not_found(gateway):
    answer = principal(gateway, "sees-nothing").call("LIST", "keys")
    assert (answer.status, answer.json) == (404, {"errors": []})


def test_replies_are_not_wrapped(vault):
    for method, path in (("GET", "keys/aes"), ("PUT", "datakey/plaintext/aes"), ("GET", LOOKUP)):
        answer = vault.call(method, path, headers={"X-Vault-Wrap-TTL": "60"})
        assert answer.status == 400 and "X-Vault-Wrap-TTL" in answer.json["errors"][0]
    assert vault.call("GET", "keys/aes", headers={"X-Vault-Request": "true", "X-Vault-Wrap-TTL": ""}).status == 200


def test_bodies_as_clients_send_them(vault):
    """As a form that is none, as anything else, or not at all where every field is optional."""
    body = '{"plaintext":"eA=="}'
    for kind in ("application/x-www-form-urlencoded", "text/plain", "application/json; charset=utf-8", ""):
        answer = vault.call("PUT", "encrypt/aes", body, headers={"Content-Type": kind})
        assert answer.status == 200 and vault.open("aes", answer.json["data"]["ciphertext"]) == b"x"
    for path in ("keys/no-body", "keys/no-body/rotate", "keys/no-body/config", "datakey/wrapped/no-body", "sign/ed25519", "random"):
        assert [vault.call("PUT", path, empty).status for empty in (None, b"", b"{}", b"null", b" null ")] == [200] * 5, path


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b'"x"', b"plaintext=eA==", b'{"plaintext":"","plaintext":""}', b'{"plaintext":5}',
                                  b'{"plaintext":"YQ"}', b'{"plaintext":"__8="}', b'{"key_version":"1x"}', b'{"key_version":1.5}', b'{"batch_input":{}}',
                                  b'{"batch_input":[]}'])
def test_bodies_that_are_wrong(vault, body):
    answer = vault.call("PUT", "encrypt/aes", body)
    assert answer.status == 400 and len(answer.json["errors"]) == 1, answer.body


def test_fields_that_nobody_knows_are_ignored(vault):
    sealed = vault.seal("aes", b"x", type="aes256-gcm96", surprise={"deep": [1]}, reference="mine")
    assert vault.open("aes", sealed, surprise=1) == b"x"
    assert vault.make("surprising", unknown=True)["latest_version"] == 1


def test_values_are_weakly_typed(vault):
    assert [vault.write("encrypt/aes", plaintext="", key_version=version)["key_version"] for version in ("0", "1")] == [1, 1]
    assert len(unb64(vault.write("datakey/plaintext/aes", bits="128")["plaintext"])) == 16
    assert len(unb64(vault.write("random", bytes="7")["random_bytes"])) == 7
    for yes, no in ((True, False), (1, 0), ("true", "false"), ("1", "0")):
        assert len(vault.write("sign/ecdsa-p256", input=b64(bytes(32)), prehashed=yes)["signature"].split(":")) == 3
        assert "prehashed" in vault.refusal(400, "sign/ecdsa-p256", input=b64(b"short"), prehashed=yes)[0]
        vault.make("weak", **{flag: no for flag in NEVER})
        assert vault.write("keys/weak/config", deletion_allowed=yes, min_decryption_version="1")["deletion_allowed"] is True
        assert vault.write("keys/weak/config", deletion_allowed=no)["deletion_allowed"] is False


def test_null_is_absent(vault):
    nothing = dict.fromkeys(("key_version", "associated_data", "context", "nonce", "reference", "partial_failure_response_code", *NEVER))
    assert vault.open("aes", vault.seal("aes", b"x", **nothing), **nothing) == b"x"
    assert vault.write("encrypt/aes", plaintext=None)["ciphertext"]
    options = dict.fromkeys(("hash_algorithm", "algorithm", "prehashed", "signature_algorithm", "marshaling_algorithm", "salt_length"))
    signed = vault.write("sign/rsa-2048", input=b64(b"m"), **options)
    assert vault.valid("rsa-2048", input=b64(b"m"), signature=signed["signature"], hmac=None, **options)
    assert vault.make("null", None, auto_rotate_period=None, key_size=None)["type"] == "aes256-gcm96"
    assert vault.write("keys/null/config", min_decryption_version=None, deletion_allowed=None, auto_rotate_period=None)["min_decryption_version"] == 1
    assert len(unb64(vault.write("random", bytes=None, format=None)["random_bytes"])) == 32


def test_no_batch_is_no_batch(vault):
    assert vault.open("aes", vault.seal("aes", b"x", batch_input=None), batch_input=None) == b"x"


def test_no_signature_beside_a_mac(vault):
    mac = vault.write("hmac/mac", input=b64(b"m"))["hmac"]
    for nothing in (None, ""):
        assert vault.valid("mac", input=b64(b"m"), hmac=mac, signature=nothing)


# --- keys ---

@pytest.mark.parametrize("kind", [*SYMMETRIC, *CURVES, "ed25519", "rsa-2048", "rsa-3072", "rsa-4096"])
def test_each_type_is_made_and_shown(gateway, vault, kind):
    name = f"shown-{kind}"
    shown = vault.make(name, kind, exportable=False, auto_rotate_period=0)
    assert shown == vault.read(f"keys/{name}")
    entry, = shown.pop("keys").values()
    seals, signs = kind == "aes256-gcm96", kind not in SYMMETRIC
    assert shown == {"name": name, "type": kind, "latest_version": 1, "min_available_version": 0, "min_decryption_version": 1, "min_encryption_version": 0,
                     "auto_rotate_period": 0, "deletion_allowed": False, "derived": False, "exportable": False, "allow_plaintext_backup": False,
                     "imported_key": False, "supports_encryption": seals, "supports_decryption": seals, "supports_signing": signs, "supports_derivation": False}
    native = gateway.do("GET", f"/v1/keys/transit/{name}")
    created = native["versions"][0]["created_at"]
    assert native["algorithm"] == SYMMETRIC.get(kind, kind) and native["owner"] == "token:admin"
    if kind in SYMMETRIC:
        assert type(entry) is int and entry == int(datetime.datetime.fromisoformat(created).timestamp())
        return
    assert set(entry) == {"name", "public_key", "certificate_chain", "creation_time"} and entry["name"] == CURVES.get(kind, kind)
    assert entry["creation_time"] == created and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", created)
    public = public_key(entry)
    if kind in CURVES:
        assert isinstance(public, ec.EllipticCurvePublicKey) and public.curve.key_size == int(kind[-3:])
    elif kind.startswith("rsa"):
        assert isinstance(public, rsa.RSAPublicKey) and public.key_size == int(kind[4:])
    assert vault.read(f"export/public-key/{name}") == {"name": name, "type": kind, "keys": {"1": entry["public_key"]}}


def test_every_version_is_shown_with_its_own_public_key(gateway, vault):
    vault.make("turning", "ecdsa-p256")
    turned = vault.write("keys/turning/rotate")
    assert turned["latest_version"] == 2 and list(turned["keys"]) == ["1", "2"] and turned["keys"]["1"]["public_key"] != turned["keys"]["2"]["public_key"]
    exported = vault.read("export/public-key/turning")["keys"]
    assert exported == {number: entry["public_key"] for number, entry in turned["keys"].items()}
    for asked, number in (("1", "1"), ("2", "2"), ("latest", "2")):
        assert vault.read(f"export/public-key/turning/{asked}")["keys"] == {number: exported[number]}


def test_a_key_is_made_once(gateway, vault):
    vault.make("again")
    before = gateway.do("GET", "/v1/keys/transit/again")
    for fields in ({}, {"type": "aes256-gcm96"}, {"type": "rsa-2048"}):
        answer = vault.call("PUT", "keys/again", fields)
        assert answer.status == 200 and answer.json["warnings"] == ["key again already existed"] and answer.json["data"] == vault.read("keys/again")
    assert gateway.do("GET", "/v1/keys/transit/again") == before and before["algorithm"] == "aes-256-gcm"


@pytest.mark.parametrize("fields", [*[{flag: yes} for flag in NEVER for yes in (True, "true", 1)], {"type": "hmac", "key_size": 64},
                                    *[{"auto_rotate_period": period} for period in (3599, "30m", -1, "soon")],
                                    *[{"type": kind} for kind in ("aes128-gcm96", "chacha20-poly1305", "AES256-GCM96", "managed_key", 5)]])
def test_what_is_not_made(gateway, vault, fields):
    assert len(vault.refusal(400, "keys/never", **fields)) == 1
    assert vault.refusal(404, "keys/never", how="GET") == [] and gateway.call("GET", "/v1/keys/transit/never").status == 404
    if set(fields) & {*NEVER, "auto_rotate_period"}:
        vault.refusal(400, "keys/aes/config", **fields)


@pytest.mark.parametrize("kind", ["aes256-gcm96", "ecdsa-p256"])
def test_rotation_by_itself(gateway, vault, kind):
    for i, period in enumerate((86400, "86400", "24h", "24h0m0s")):
        assert vault.make(f"turns-{kind}-{i}", kind, auto_rotate_period=period)["auto_rotate_period"] == 86400
        assert gateway.do("GET", f"/v1/keys/transit/turns-{kind}-{i}")["rotation"]["every"] == "1d"
    name = f"keys/turns-{kind}-0"
    for period, shown in ((0, 0), ("48h", 172800), ("0", 0), (3600, 3600)):
        assert vault.write(f"{name}/config", auto_rotate_period=period)["auto_rotate_period"] == vault.read(name)["auto_rotate_period"] == shown


def test_the_list_is_of_the_namespace_itself(gateway, vault):
    for name in ("transit/deeper/far", "transits/near", "elsewhere/prod/away"):
        gateway.key(name, "aes-256-gcm")
    names = vault.names()
    assert {"aes", "mac", "ed25519"} <= set(names) and names == sorted(names)
    assert not any("/" in name for name in names) and not {"far", "near", "away"} & set(names)
    for path in ("keys/deeper/far", "keys/near", "keys/away"):
        assert vault.call("GET", path).status == 404


def test_a_list_comes_in_pages(vault):
    vault.make("pageB")
    names, seen, after = vault.names(), [], ""
    while len(seen) < len(names):
        page = vault.call("GET", f"keys?list=true&limit=2&after={after}").json["data"]["keys"]
        assert 1 <= len(page) <= 2
        seen, after = seen + page, page[-1]
    assert seen == names and vault.call("LIST", f"keys?after={after}").status == 404
    assert "limit" in vault.refusal(400, "keys?list=true&limit=many", how="GET")[0]


def test_the_list_has_what_the_caller_may_read(gateway, vault):
    vault.make("listed")
    reader = principal(gateway, "list-reader", "transit/listed", "read")
    assert reader.names() == ["listed"] and reader.read("keys/listed")["name"] == "listed"
    assert principal(gateway, "list-user", "transit/*", "encrypt").names() == []


@pytest.mark.parametrize("name", ["x-CA-A", "web-Signing.Key_1", "aBC", "a-_B"])
def test_names_with_capitals_come_back_as_they_were(vault, name):
    assert vault.make(name)["name"] == vault.read(f"keys/{name}")["name"] == name and name in vault.names()
    assert vault.open(name, vault.seal(name, b"x")) == b"x"
    assert vault.call("GET", f"keys/{name.lower()}").status in (400, 404)


@pytest.mark.parametrize("name", ["Upper", "-x", ".x", "a" * 64, "a-_b", "x:encrypt", "x@1", "x*", "x~"])
def test_names_that_cannot_be(vault, name):
    for method in ("PUT", "GET"):
        assert len(vault.refusal(400, f"keys/{name}", how=method)) == 1


# --- data ---

@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 4096, 65536])
def test_plaintexts_of_every_size_round_trip(vault, size):
    plaintext = os.urandom(size)
    for fields in ({}, {"associated_data": AD}):
        made = vault.write("encrypt/aes", plaintext=b64(plaintext), **fields)
        assert set(made) == {"ciphertext", "key_version"} and type(made["key_version"]) is int
        assert vault.write("decrypt/aes", ciphertext=made["ciphertext"], **fields) == {"plaintext": b64(plaintext)}


def test_associated_data_must_be_the_same(vault):
    sealed, plain, empty = vault.seal("aes", associated_data=AD), vault.seal("aes"), vault.seal("aes", associated_data="")
    wrong = [(sealed, {"associated_data": bound}) for bound in (None, "", OTHER_AD)]
    for text, fields in (*wrong, (sealed, {}), (sealed, {"context": AD}), (plain, {"associated_data": AD})):
        assert vault.refusal(400, "decrypt/aes", ciphertext=text, **fields) == vault.refusal(400, "rewrap/aes", ciphertext=text, **fields) == [CANNOT]
    assert vault.open("aes", empty) == vault.open("aes", plain, associated_data="") == b"secret"
    assert CANNOT not in vault.refusal(400, "decrypt/aes", ciphertext=sealed, associated_data="no base64")


def test_a_context_does_nothing_to_a_key_that_is_not_derived(vault):
    for made, opened in (({"context": AD}, {}), ({}, {"context": AD}), ({"context": AD}, {"context": b64(b"other")}), ({"context": "no base64"}, {})):
        assert vault.open("aes", vault.seal("aes", b"x", **made), **opened) == b"x"
    made = vault.write("datakey/plaintext/aes", context=AD)
    assert b64(vault.open("aes", made["ciphertext"])) == made["plaintext"]


def test_new_data_is_of_the_latest_version(vault):
    vault.make("versions")
    vault.write("keys/versions/rotate")
    old = {"encrypt/versions": {"plaintext": ""}, "datakey/plaintext/versions": {}, "datakey/wrapped/versions": {}, "rewrap/versions": {"ciphertext": vault.seal("versions")}}
    for path, fields in old.items():
        for version in (0, 2, "0", "2"):
            assert vault.write(path, key_version=version, **fields)["key_version"] == 2
        for version in (1, 3, -1, "1"):
            assert "version" in vault.refusal(400, path, key_version=version, **fields)[0]


def test_lines_as_the_base64_command_breaks_them(vault):
    text = os.urandom(200)
    broken = base64.encodebytes(text).decode().replace("\n", "\r\n")
    sealed = vault.write("encrypt/aes", plaintext=broken)["ciphertext"]
    assert vault.open("aes", sealed[:100] + "\n" + sealed[100:] + "\n") == text
    signed = vault.write("sign/ecdsa-p256", input=broken)["signature"]
    assert vault.valid("ecdsa-p256", input=b64(text), signature=signed + "\n")


def test_nothing_is_sealed_by_mistake(vault):
    for fields in ({}, {"plain": "eA=="}):
        assert vault.refusal(400, "encrypt/aes", **fields) == ["missing plaintext to encrypt"]
        assert "missing input" in vault.refusal(400, "hash", **fields)[0]
    assert vault.open("aes", vault.write("encrypt/aes", plaintext=None)["ciphertext"]) == b""
    results = vault.call("PUT", "encrypt/aes", {"batch_input": [{}, {"plaintext": ""}]}).json["data"]["batch_results"]
    assert ["error" in one for one in results] == [True, False]


def test_what_a_client_takes_from_a_ciphertext(vault):
    """Three parts at the colons; the second is the key's id to some, and another one after a rotation."""
    vault.make("parts")
    parts = [vault.seal("parts", b"%d" % i).split(":") for i in range(20)]
    assert {(len(p), p[0], p[1]) for p in parts} == {(3, "vault", "v1")} and all(unb64(p[2]) for p in parts)
    assert len({p[2] for p in parts}) == 20
    vault.write("keys/parts/rotate")
    new = vault.seal("parts").split(":")
    assert (len(new), new[0], new[1]) == (3, "vault", "v2")
    assert [vault.open("parts", ":".join(p)) for p in parts] == [b"%d" % i for i in range(20)]


@pytest.mark.parametrize("bits", [None, 128, 256, 512])
def test_data_keys(vault, bits):
    for fields in ({}, {"associated_data": AD}):
        made = vault.write("datakey/plaintext/aes", bits=bits, **fields)
        assert set(made) == {"ciphertext", "plaintext", "key_version"} and len(unb64(made["plaintext"])) == (bits or 256) // 8
        assert b64(vault.open("aes", made["ciphertext"], **fields)) == made["plaintext"]
        wrapped = vault.write("datakey/wrapped/aes", bits=bits, **fields)
        assert set(wrapped) == {"ciphertext", "key_version"} and len(vault.open("aes", wrapped["ciphertext"], **fields)) == (bits or 256) // 8
    assert vault.refusal(400, "decrypt/aes", ciphertext=wrapped["ciphertext"]) == [CANNOT]


def test_data_keys_that_are_not_made(vault):
    nonce = {"nonce": b64(bytes(12))}
    for kind, fields in (("plaintext", {"bits": 192}), ("plaintext", {"bits": 0}), ("wrapped", {"bits": 64}), ("sealed", {}), ("plaintext", nonce)):
        assert len(vault.refusal(400, f"datakey/{kind}/aes", **fields)) == 1
    for name in ("ed25519", "mac", "rsa-2048"):
        vault.refusal(400, f"datakey/plaintext/{name}")
    for fields in (nonce, {"convergent_encryption": True}):
        assert len(vault.refusal(400, "encrypt/aes", plaintext="", **fields)) == 1


def test_encrypting_makes_no_key(vault):
    for fields in ({}, {"type": "aes256-gcm96"}, {"convergent_encryption": False}):
        vault.refusal(400, "encrypt/upserted", plaintext="", **fields)
    assert vault.refusal(404, "keys/upserted", how="GET") == []


def test_rewrap_moves_to_the_latest_version(vault):
    vault.make("rewrapped")
    sealed, key = vault.seal("rewrapped", b"kept", associated_data=AD), vault.write("datakey/plaintext/rewrapped")
    vault.write("keys/rewrapped/rotate")
    moved = vault.write("rewrap/rewrapped", ciphertext=sealed, associated_data=AD)
    assert set(moved) == {"ciphertext", "key_version"} and moved["key_version"] == 2 and moved["ciphertext"].startswith("vault:v2:")
    assert vault.open("rewrapped", moved["ciphertext"], associated_data=AD) == vault.open("rewrapped", sealed, associated_data=AD) == b"kept"
    assert b64(vault.open("rewrapped", vault.write("rewrap/rewrapped", ciphertext=key["ciphertext"])["ciphertext"])) == key["plaintext"]


SPOILS = {
    "garbage": lambda text: b64(os.urandom(80)),
    "garbage with a prefix": lambda text: "vault:v1:" + b64(os.urandom(80)),
    "words": lambda text: "not a ciphertext",
    "colons": lambda text: ":::",
    "nothing behind the prefix": lambda text: "vault:v1:",
    "half a prefix": lambda text: "vault:v1",
    "no base64": lambda text: "vault:v1:!!!!",
    "no padding": lambda text: text.rstrip("=") if text.endswith("=") else text[:-1],
    "base64url": lambda text: "vault:v1:__" + bare(text)[2:],
    "a blank": lambda text: " " + text,
    "twice": lambda text: text + bare(text),
    "the prefix twice": lambda text: "vault:v1:" + text,
    "capitals": lambda text: "VAULT:V1:" + bare(text),
    "another word": lambda text: "hsmgate:v1:" + bare(text),
    **{f"version {number}": lambda text, number=number: f"vault:v{number}:" + bare(text) for number in ("", 0, 2, "01", -1, "1x", 2**31, 2**32 + 1, "9" * 40)},
}


@pytest.mark.parametrize("name", SPOILS)
def test_a_ciphertext_that_is_none(vault, name):
    spoilt = SPOILS[name](vault.seal("aes", b"sealed"))
    for path in ("decrypt/aes", "rewrap/aes"):
        assert vault.refusal(400, path, ciphertext=spoilt) == [CANNOT]


def test_no_flipped_bit_and_no_piece_of_a_ciphertext_opens(vault):
    """A bit in each byte, each length; all of them say the same, and no more than one word is said of any."""
    for blob in (unb64(bare(vault.seal("aes", b"sealed"))), unb64(bare(vault.write("datakey/wrapped/aes", bits=128)["ciphertext"]))):
        spoilt = [flipped(blob, i, 1 << i % 8) for i in range(len(blob))] + [blob[:i] for i in range(len(blob))] + [blob + b"\0"]
        items = [{"ciphertext": "vault:v1:" + b64(one)} for one in spoilt]
        for path in ("decrypt/aes", "rewrap/aes"):
            answer = vault.call("PUT", path, {"batch_input": items})
            assert answer.status == 400
            assert {(result.get("error"), len(result)) for result in answer.json["data"]["batch_results"]} == {(CANNOT, 2)}


def test_a_ciphertext_of_another_key(vault):
    for name in ("other", "another-new"):
        vault.make(name)
        assert vault.refusal(400, "decrypt/aes", ciphertext=vault.seal(name)) == vault.refusal(400, "rewrap/aes", ciphertext=vault.seal(name)) == [CANNOT]
    data, key = (unb64(bare(text)) for text in (vault.seal("aes"), vault.write("datakey/wrapped/aes")["ciphertext"]))
    differs = [i for i in range(20) if data[i] != key[i]]
    assert len(differs) == 1  # the type; each shown as the other
    for blob, other in ((data, key), (key, data)):
        assert vault.refusal(400, "decrypt/aes", ciphertext=b64(blob[:differs[0]] + other[differs[0]:differs[0] + 1] + blob[differs[0] + 1:])) == [CANNOT]


def test_the_version_before_the_ciphertext_is_its_own(vault):
    vault.make("named")
    old = vault.seal("named", b"old")
    vault.write("keys/named/rotate")
    new = vault.seal("named", b"new")
    assert (vault.open("named", old), vault.open("named", new)) == (b"old", b"new")
    for spoilt in ("vault:v2:" + bare(old), "vault:v1:" + bare(new), "vault:v3:" + bare(new)):
        assert vault.refusal(400, "decrypt/named", ciphertext=spoilt) == [CANNOT]


def test_a_batch(vault):
    items = [{"plaintext": b64(b"%d" % i), "reference": f"r{i}", "associated_data": AD if i % 2 else ""} for i in range(6)] + [{"plaintext": ""}]
    made = vault.write("encrypt/aes", batch_input=items, plaintext="this is not looked at")["batch_results"]
    assert [sorted(result) for result in made] == [["ciphertext", "key_version", "reference"]] * 7
    assert [result["reference"] for result in made] == [item.get("reference", "") for item in items]
    wanted = [{"plaintext": item["plaintext"], "reference": item.get("reference", "")} for item in items]

    def opened(results):
        sealed = [{**item, "ciphertext": result["ciphertext"], "plaintext": None} for item, result in zip(items, results)]
        assert vault.write("decrypt/aes", batch_input=sealed)["batch_results"] == wanted
        return sealed

    opened(vault.write("rewrap/aes", batch_input=opened(made))["batch_results"])


def test_bad_items_harm_no_others(vault):
    first, last = ({"ciphertext": vault.seal("aes", b"good"), "plaintext": "eA==", "reference": reference} for reference in "ae")
    items = {"decrypt": [first, {"ciphertext": "vault:v1:AAAA", "reference": "b"}, {}, 5, last],
             "rewrap": [first, {"ciphertext": "x", "reference": "b"}, {"ciphertext": 5}, [], last],
             "encrypt": [first, {"plaintext": "x", "reference": "b"}, {"key_version": 7}, "x", last]}
    for verb, batch in items.items():
        for code, status in ((None, 400), (207, 207), ("200", 200), (422, 422), (403, 400), (500, 400), (204, 400)):
            answer = vault.call("PUT", f"{verb}/aes", {"batch_input": batch, "partial_failure_response_code": code})
            results = answer.json["data"]["batch_results"]
            assert answer.status == status and ["error" in result for result in results] == [False, True, True, True, False]
            assert [result["reference"] for result in results] == ["a", "b", "", "", "e"] and all(isinstance(r.get("error", ""), str) for r in results)
        assert vault.call("PUT", f"{verb}/aes", {"batch_input": batch[1:4], "partial_failure_response_code": 207}).status == 400  # not in part: all of it
        assert vault.call("PUT", f"{verb}/aes", {"batch_input": batch[:1], "partial_failure_response_code": 207}).status == 200


# --- keys of both APIs ---

def test_a_key_made_natively_serves_here(gateway, vault):
    gateway.key("transit/native", "aes-256-gcm", labels={"team": "a"})
    assert vault.read("keys/native")["latest_version"] == 1 and "native" in vault.names()
    sealed = gateway.verb("transit/native", "encrypt", {"plaintext": b64(b"native")})["ciphertext"]
    for text in (f"vault:v1:{sealed}", sealed):
        assert vault.open("native", text) == b"native"
    gateway.verb("transit/native", "rotate", {"immediate": True})
    assert vault.open("native", f"vault:v1:{sealed}") == b"native" and vault.seal("native").startswith("vault:v2:")
    vault.write("keys/native/config", deletion_allowed=True)
    vault.write("keys/native/config", deletion_allowed=False)
    assert gateway.do("GET", "/v1/keys/transit/native")["labels"] == {"team": "a"}


def test_a_key_made_here_serves_natively(gateway, vault):
    vault.make("both")
    sealed = vault.seal("both", b"from vault")
    assert unb64(gateway.verb("transit/both", "decrypt", {"ciphertext": bare(sealed)})["plaintext"]) == b"from vault"
    assert gateway.call("POST", "/v1/keys/transit/both:decrypt", {"ciphertext": sealed}).status == 400
    bound = vault.seal("both", b"bound", associated_data=AD)
    assert gateway.verb("transit/both", "decrypt", {"ciphertext": bare(bound), "context": {"associated_data": AD}})["plaintext"] == b64(b"bound")
    for context in ({}, {"associated_data": OTHER_AD}, {"associated_data": AD, "more": "x"}):
        assert gateway.call("POST", "/v1/keys/transit/both:decrypt", {"ciphertext": bare(bound), "context": context}).json["code"] == "invalid_ciphertext"
    back = gateway.verb("transit/both", "encrypt", {"plaintext": b64(b"back"), "context": {"associated_data": AD}})["ciphertext"]
    assert vault.open("both", f"vault:v1:{back}", associated_data=AD) == b"back"
    other = gateway.verb("transit/both", "encrypt", {"plaintext": b64(b"back"), "context": {"table": "cards"}})["ciphertext"]
    assert vault.refusal(400, "decrypt/both", ciphertext=other) == vault.refusal(400, "decrypt/both", ciphertext=other, associated_data=AD) == [CANNOT]


def test_a_data_key_is_one_on_both_sides(gateway, vault):
    for fields, context in (({}, {}), ({"associated_data": AD}, {"associated_data": AD})):
        made = vault.write("datakey/plaintext/aes", bits=512, **fields)
        assert gateway.verb("transit/aes", "unwrap", {"ciphertext": bare(made["ciphertext"]), "context": context})["plaintext"] == made["plaintext"]
        refused = gateway.call("POST", "/v1/keys/transit/aes:decrypt", {"ciphertext": bare(made["ciphertext"]), "context": context})
        assert (refused.status, refused.json["code"]) == (400, "invalid_ciphertext")
        native = gateway.verb("transit/aes", "data-key", {"plaintext": True, "context": context})
        for text in (native["ciphertext"], f"vault:v1:{native['ciphertext']}"):
            assert b64(vault.open("aes", text, **fields)) == native["plaintext"]


def test_data_opens_with_one_grant_and_data_keys_with_the_other(gateway, vault):
    vault.make("apart")
    clients = {verb: principal(gateway, f"may-{verb}", "transit/apart", verb) for verb in ("decrypt", "unwrap")}
    blobs = {"decrypt": [vault.seal("apart", b"data"), gateway.verb("transit/apart", "encrypt", {"plaintext": b64(b"data")})["ciphertext"]],
             "unwrap": [vault.write("datakey/wrapped/apart")["ciphertext"], gateway.verb("transit/apart", "data-key", {})["ciphertext"]]}
    for grant, client in clients.items():
        for needed, texts in blobs.items():
            for text in texts:
                answer = client.call("PUT", "decrypt/apart", {"ciphertext": text})
                assert answer.status == (200 if grant == needed else 403), (grant, needed)
                if grant != needed:
                    assert answer.json["errors"][0].startswith("permission denied")
                said = record(gateway, answer)
                assert (said["outcome"], said["key"]) == ("ok" if grant == needed else "denied", "transit/apart") and said["operation"] in (grant, needed)
        items = [{"ciphertext": text, "reference": needed} for needed, texts in blobs.items() for text in texts]
        results = client.call("PUT", "decrypt/apart", {"batch_input": items, "partial_failure_response_code": 207}).json["data"]["batch_results"]
        assert [("plaintext" in result, "error" in result) for result in results] == [(i["reference"] == grant, i["reference"] != grant) for i in items]
        for path in ("encrypt", "rewrap", "datakey/plaintext"):
            assert client.call("PUT", f"{path}/apart", {"ciphertext": blobs[grant][0]}).status == 403


def test_a_refused_opening_is_recorded_as_what_was_asked_for(gateway, vault):
    """Whoever may decrypt and asks for a data key was not refused a decryption."""
    client = principal(gateway, "may-decrypt-only", "transit/aes", "decrypt")
    answer = client.call("PUT", "decrypt/aes", {"ciphertext": vault.write("datakey/wrapped/aes")["ciphertext"]})
    said = record(gateway, answer)
    assert (answer.status, said["outcome"], said["operation"]) == (403, "denied", "unwrap")


def test_an_rsa_key_made_natively_opens_what_strangers_encrypt(gateway, vault):
    gateway.key("transit/oaep", "rsa-2048", purpose="decrypt")
    shown = vault.read("keys/oaep")
    assert (shown["type"], shown["supports_encryption"], shown["supports_signing"]) == ("rsa-2048", True, False)
    sealed = vault.seal("oaep", b"small")
    assert vault.open("oaep", sealed) == unb64(gateway.verb("transit/oaep", "decrypt", {"ciphertext": bare(sealed)})["plaintext"]) == b"small"
    foreign = b64(public_key(shown["keys"]["1"]).encrypt(b"foreign", padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)))
    assert vault.open("oaep", foreign) == vault.open("oaep", f"vault:v1:{foreign}") == b"foreign"
    assert "associated_data" in vault.refusal(400, "encrypt/oaep", plaintext="", associated_data=AD)[0]
    assert vault.refusal(400, "decrypt/oaep", ciphertext=b64(flipped(unb64(foreign), 9))) == [CANNOT]


def test_signatures_are_one_on_both_sides(gateway, vault):
    for name in ("ecdsa-p256", "ed25519", "rsa-2048"):
        signed = vault.write(f"sign/{name}", input=b64(b"m"), signature_algorithm="pkcs1v15")["signature"]
        assert gateway.verb(f"transit/{name}", "verify", {"message": b64(b"m"), "signature": bare(signed)})["valid"] is True
        native = gateway.verb(f"transit/{name}", "sign", {"message": b64(b"m")})["signature"]
        assert vault.valid(name, input=b64(b"m"), signature=f"vault:v1:{native}")
    mac = gateway.verb("transit/mac", "mac", {"message": b64(b"m")})["mac"]
    assert vault.write("hmac/mac", input=b64(b"m"))["hmac"] == f"vault:v1:{mac}"


# --- signatures ---

@pytest.mark.parametrize("kind", CURVES)
@pytest.mark.parametrize("name", HASHES)
def test_every_curve_signs_every_hash(vault, kind, name):
    message, chosen = os.urandom(100), HASHES[name]
    digest = hashlib.new(name.replace("sha2-", "sha"), message).digest()
    other = next(other for other in HASHES if other != name)
    plain, hashed = {"input": b64(message)}, {"input": b64(digest), "prehashed": True}
    for path, fields in ((f"{kind}/{name}", plain), (kind, {**plain, "hash_algorithm": name}), (kind, {**plain, "algorithm": name}), (f"{kind}/{name}", hashed),
                         (f"{kind}/{name}", {**plain, "hash_algorithm": other}), (kind, {**hashed, "hash_algorithm": name, "algorithm": other})):
        signed = vault.write(f"sign/{path}", **fields)
        assert set(signed) == {"signature", "key_version"} and signed["signature"].startswith("vault:v1:") and signed["key_version"] == 1
        vault.public[kind].verify(unb64(bare(signed["signature"])), message, ec.ECDSA(chosen))
        vault.public[kind].verify(unb64(bare(signed["signature"])), digest, ec.ECDSA(utils.Prehashed(chosen)))
        assert vault.valid(path, signature=signed["signature"], **fields)
        assert vault.valid(f"{kind}/{name}", input=b64(digest), prehashed=True, signature=signed["signature"])
        assert not vault.valid(path, signature=signed["signature"], **{**fields, "input": b64(bytes(len(digest)))})
    assert not vault.valid(f"{kind}/{other}", input=b64(message), signature=signed["signature"])


@pytest.mark.parametrize("kind", CURVES)
def test_both_marshalings(vault, kind):
    message, width = os.urandom(50), (int(kind[-3:]) + 7) // 8
    for _ in range(4):
        text = bare(vault.write(f"sign/{kind}/sha2-512", input=b64(message), marshaling_algorithm="jws")["signature"])
        assert re.fullmatch(r"[A-Za-z0-9_-]+", text)
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        assert len(raw) == 2 * width
        der = utils.encode_dss_signature(int.from_bytes(raw[:width], "big"), int.from_bytes(raw[width:], "big"))
        vault.public[kind].verify(der, message, ec.ECDSA(hashes.SHA512()))
        for signature, marshaling in ((text, "jws"), (b64(der), "asn1"), (b64(der), None)):
            assert vault.valid(f"{kind}/sha2-512", input=b64(message), signature=f"vault:v1:{signature}", marshaling_algorithm=marshaling)
    assert not vault.valid(f"{kind}/sha2-512", input=b64(message), signature=f"vault:v1:{b64(raw)}", marshaling_algorithm="asn1")


@pytest.mark.parametrize("name", HASHES)
def test_rsa_signs_with_both_paddings(vault, name):
    message, chosen, public = os.urandom(100), HASHES[name], vault.public["rsa-2048"]
    digest = hashlib.new(name.replace("sha2-", "sha"), message).digest()
    pss = padding.PSS(padding.MGF1(chosen), chosen.digest_size)
    for asked, used, other in ((None, pss, "pkcs1v15"), ("pss", pss, "pkcs1v15"), ("pkcs1v15", padding.PKCS1v15(), "pss")):
        for fields in ({"input": b64(message)}, {"input": b64(digest), "prehashed": True}):
            signed = vault.write(f"sign/rsa-2048/{name}", signature_algorithm=asked, **fields)["signature"]
            public.verify(unb64(bare(signed)), message, used, chosen)
            for algorithm, valid in ((asked or "pss", True), (None, True), (other, False)):
                assert vault.valid(f"rsa-2048//{name}", signature=signed, signature_algorithm=algorithm, **fields) is valid
            assert not vault.valid(f"rsa-2048/{name}", signature=signed, input=b64(b"other"))


def test_lengths_of_salts(vault):
    for length in ("auto", "hash", 32, "32"):
        signed = vault.write("sign/rsa-2048", input=b64(b"m"), salt_length=length)["signature"]
        assert vault.valid("rsa-2048", input=b64(b"m"), signature=signed, salt_length=length)
    for length in (20, 64, -1, "long"):
        vault.refusal(400, "sign/rsa-2048", input=b64(b"m"), salt_length=length)


def test_ed25519_signs_messages(vault):
    for size in (0, 1, 1000):
        message = os.urandom(size)
        signed = vault.write("sign/ed25519", input=b64(message))["signature"]
        vault.public["ed25519"].verify(unb64(bare(signed)), message)
        assert vault.valid("ed25519", input=b64(message), signature=signed) and not vault.valid("ed25519", input=b64(message + b"x"), signature=signed)
        with pytest.raises(InvalidSignature):
            vault.public["ed25519"].verify(unb64(bare(signed)), message + b"x")
    assert len(vault.refusal(400, "sign/ed25519", input=b64(bytes(64)), prehashed=True)) == 1


@pytest.mark.parametrize("kind", [*CURVES, "ed25519", "rsa-2048"])
def test_signatures_that_are_not_valid(vault, kind):
    signed = unb64(bare(vault.write(f"sign/{kind}", input=b64(b"m"))["signature"]))
    of_another = unb64(bare(vault.write(f"sign/{kind}", input=b64(b"another"))["signature"]))
    flips = [flipped(signed, at) for at in (9, len(signed) // 2, len(signed) - 1)]
    for spoilt in (of_another, *flips, signed[:-1], signed + b"\0", bytes(len(signed)), b"\0", b"", os.urandom(64)):
        assert vault.valid(kind, input=b64(b"m"), signature=f"vault:v1:{b64(spoilt)}") is False


@pytest.mark.parametrize("signature", [None, "", 5, "MEUC", "v1:AAAA", "vault:v1", "vault:v1:!!!!", "vault:v1:AAA",
                                       *[f"vault:v{number}:AAAA" for number in ("", 0, "x", 2, 2**32 + 1)]])
def test_texts_that_are_no_signatures(vault, signature):
    for path, name in (("verify/ecdsa-p256", "signature"), ("verify/rsa-2048", "signature"), ("verify/mac", "hmac")):
        assert len(vault.refusal(400, path, input=b64(b"m"), **{name: signature})) == 1


def test_what_is_not_signed(vault):
    for path, fields in (("ecdsa-p256/sha2-224", {}), ("ecdsa-p256/sha3-256", {}), ("aes", {}), ("mac", {}), ("rsa-2048", {"hash_algorithm": "none"}),
                         ("rsa-2048", {"signature_algorithm": "pss-x"}), ("ecdsa-p256", {"marshaling_algorithm": "raw"}), ("ecdsa-p256", {"prehashed": True}),
                         ("ecdsa-p256", {"input": "!"}), ("ecdsa-p256", {"key_version": 2})):
        assert len(vault.refusal(400, f"sign/{path}", **{"input": b64(b"m"), **fields})) == 1, path


def test_signatures_in_a_batch(vault):
    """Always 200: what became of each stands in it."""
    items = [{"input": b64(b"%d" % i), "reference": f"r{i}"} for i in range(4)]
    for kind in ("ecdsa-p384", "ed25519", "rsa-2048"):
        answer = vault.call("PUT", f"sign/{kind}/sha2-384", {"batch_input": [*items, {"input": "!", "reference": "bad"}, {}]})
        results = answer.json["data"]["batch_results"]
        assert answer.status == 200 and [result["reference"] for result in results] == ["r0", "r1", "r2", "r3", "bad", ""]
        assert ["error" in result for result in results] == [False] * 4 + [True] * 2 and all(result["key_version"] == 1 for result in results[:4])
        checks = [{**item, "signature": result["signature"]} for item, result in zip(items, results)]
        checks += [{**checks[0], "input": b64(b"other")}, {**checks[1], "signature": "vault:v1:!"}, {"input": ""}]
        answer = vault.call("PUT", f"verify/{kind}/sha2-384", {"batch_input": checks})
        results = answer.json["data"]["batch_results"]
        assert answer.status == 200 and [result.get("valid") for result in results] == [True] * 4 + [False, None, None]
        assert ["error" in result for result in results] == [False] * 5 + [True] * 2
        assert [result["reference"] for result in results] == ["r0", "r1", "r2", "r3", "r0", "r1", ""]


def test_macs(vault):
    made = vault.write("hmac/mac", input=b64(b"m"))
    assert made["hmac"].startswith("vault:v1:") and len(unb64(bare(made["hmac"]))) == 32
    for path, fields in (("mac", {}), ("mac/sha2-256", {}), ("mac", {"algorithm": "sha2-256"}), ("mac", {"hash_algorithm": "sha2-256", "key_version": "0"})):
        assert vault.write(f"hmac/{path}", input=b64(b"m"), **fields) == made
    assert vault.write("hmac/mac", input=b64(b"n")) != made and vault.write("hmac/mac", input="")["hmac"].startswith("vault:v1:")
    assert vault.valid("mac", input=b64(b"m"), hmac=made["hmac"]) and vault.valid("mac//sha2-256", input=b64(b"m"), hmac=made["hmac"])
    mac = unb64(bare(made["hmac"]))
    assert not vault.valid("mac", input=b64(b"n"), hmac=made["hmac"])
    for spoilt in (flipped(mac, 0), flipped(mac, 31), mac[:-1], mac + b"\0", b""):
        assert not vault.valid("mac", input=b64(b"m"), hmac=f"vault:v1:{b64(spoilt)}")
    for path, fields in (("mac/sha2-512", {}), ("mac", {"input": None}), ("ed25519", {}), ("aes", {}), ("mac", {"key_version": 2})):
        assert len(vault.refusal(400, f"hmac/{path}", **{"input": "", **fields})) == 1


@pytest.mark.parametrize("bits", ["384", "512"])
def test_macs_of_longer_hashes_are_of_keys_made_natively(gateway, vault, bits):
    gateway.key(f"transit/mac-{bits}", f"hmac-sha{bits}")
    assert vault.read(f"keys/mac-{bits}")["type"] == "hmac"
    mac = vault.write(f"hmac/mac-{bits}", input=b64(b"m"))["hmac"]
    assert len(unb64(bare(mac))) == int(bits) // 8 and vault.valid(f"mac-{bits}/sha2-{bits}", input=b64(b"m"), hmac=mac)
    vault.refusal(400, f"hmac/mac-{bits}/sha2-256", input=b64(b"m"))


def test_macs_in_a_batch(vault):
    items = [{"input": b64(b"%d" % i), "reference": f"r{i}"} for i in range(3)]
    results = vault.write("hmac/mac", batch_input=[*items, {"reference": "none"}])["batch_results"]
    assert [result["reference"] for result in results] == ["r0", "r1", "r2", "none"]
    assert [("hmac" in result, "error" in result) for result in results] == [(True, False)] * 3 + [(False, True)]
    checks = [{**item, "hmac": result["hmac"]} for item, result in zip(items, results)]
    results = vault.write("verify/mac", batch_input=[*checks, {**checks[0], "input": ""}, {"input": ""}])["batch_results"]
    assert [r.get("valid") for r in results] == [True, True, True, False, None] and "error" in results[4]


def test_a_mac_or_signature_is_of_the_version_that_it_names(vault):
    for kind in ("hmac", "ecdsa-p256", "ed25519", "rsa-2048"):
        name, verb, field = f"pinned-{kind}", *(("hmac", "hmac") if kind == "hmac" else ("sign", "signature"))
        vault.make(name, kind)
        old = vault.write(f"{verb}/{name}", input=b64(b"m"))[field]
        vault.write(f"keys/{name}/rotate")
        new = vault.write(f"{verb}/{name}", input=b64(b"m"))[field]
        assert (old[:9], new[:9]) == ("vault:v1:", "vault:v2:") and bare(old) != bare(new)
        for text, valid in ((old, True), (new, True), ("vault:v2:" + bare(old), False), ("vault:v1:" + bare(new), False)):
            assert vault.valid(name, input=b64(b"m"), **{field: text}) is valid, (kind, text)
        assert "version" in vault.refusal(400, f"verify/{name}", input=b64(b"m"), **{field: "vault:v3:" + bare(new)})[0]
        assert "version" in vault.refusal(400, f"{verb}/{name}", input=b64(b"m"), key_version=1)[0]


# --- versions ---

@pytest.fixture
def turned(gateway, vault, request):
    """A key of three versions, and a ciphertext of each."""
    name = "turned-" + hashlib.sha256(request.node.name.encode()).hexdigest()[:8]
    vault.make(name)
    sealed = {}
    for version in (1, 2, 3):
        sealed[version] = vault.seal(name, b"%d" % version)
        if version < 3:
            vault.write(f"keys/{name}/rotate")
    return name, sealed


def states(gateway, name):
    return [version["state"] for version in gateway.do("GET", f"/v1/keys/transit/{name}")["versions"]]


def test_the_least_version_that_opens(gateway, vault, turned):
    name, sealed = turned
    for least, opens in ((3, [3]), (2, [2, 3]), (1, [1, 2, 3]), ("3", [3]), (0, [1, 2, 3])):
        shown = vault.write(f"keys/{name}/config", min_decryption_version=least)
        assert (shown["min_decryption_version"], shown["latest_version"]) == (opens[0], 3) and [int(v) for v in shown["keys"]] == opens
        for version, text in sealed.items():
            answer = vault.call("PUT", f"decrypt/{name}", {"ciphertext": text})
            assert answer.status == vault.call("PUT", f"rewrap/{name}", {"ciphertext": text}).status == (200 if version in opens else 400)
            native = gateway.call("POST", f"/v1/keys/transit/{name}:decrypt", {"ciphertext": bare(text)})
            assert native.status == (200 if version in opens else 409)
        assert states(gateway, name) == ["retiring" if version in opens else "disabled" for version in (1, 2)] + ["active"]


def test_least_versions_that_cannot_be(gateway, vault, turned):
    name, sealed = turned
    wrong = [{"min_decryption_version": least} for least in (4, -1, "x")] + [{"min_encryption_version": least} for least in (1, 2, 4, -1)]
    for fields in wrong + [{"min_decryption_version": 2, **more} for more in ({"exportable": True}, {"auto_rotate_period": 5}, {"min_encryption_version": 1})]:
        assert len(vault.refusal(400, f"keys/{name}/config", **fields)) == 1
        assert states(gateway, name) == ["retiring", "retiring", "active"]
    for least in (0, 3):
        assert vault.write(f"keys/{name}/config", min_encryption_version=least)["latest_version"] == 3
    assert vault.open(name, sealed[1]) == b"1"


def test_a_higher_least_version_enables_nothing(gateway, vault, turned):
    """What a person disabled stays so when what is older follows."""
    name, sealed = turned
    gateway.do("POST", f"/v1/keys/transit/{name}@2:disable", {})
    vault.write(f"keys/{name}/config", min_decryption_version=2)
    assert states(gateway, name) == ["disabled", "disabled", "active"]
    assert vault.call("PUT", f"decrypt/{name}", {"ciphertext": sealed[2]}).status == 400


def test_a_refused_config_changes_nothing(gateway, vault):
    gateway.key("transit/ahead", "ecdsa-p256", rotation={"publish_ahead": "2h", "every": "30d"})
    gateway.verb("transit/ahead", "rotate", {"immediate": True})
    assert "publish_ahead" in vault.refusal(400, "keys/ahead/config", min_decryption_version=2, auto_rotate_period=3600)[0]
    assert states(gateway, "ahead") == ["retiring", "active"]


def test_a_version_that_is_published_ahead_is_not_the_latest_yet(vault):
    vault.make("early", "ecdsa-p256", auto_rotate_period="24h")
    answer = vault.call("PUT", "keys/early/rotate")
    shown = answer.json["data"]
    assert answer.status == 200 and len(answer.json["warnings"]) == 1 and "publish" in answer.json["warnings"][0]
    assert shown["latest_version"] == 1 and list(shown["keys"]) == ["1", "2"] and vault.write("sign/early", input="")["key_version"] == 1


def test_what_an_old_version_signed_is_not_looked_at(vault):
    vault.make("least", "ecdsa-p256")
    signed = vault.write("sign/least", input=b64(b"m"))["signature"]
    vault.write("keys/least/rotate")
    vault.write("keys/least/config", min_decryption_version=2)
    assert len(vault.refusal(400, "verify/least", input=b64(b"m"), signature=signed)) == 1
    vault.write("keys/least/config", min_decryption_version=1)
    assert vault.valid("least", input=b64(b"m"), signature=signed)


def test_trim_schedules_a_destruction(gateway, vault, turned):
    name, sealed = turned
    assert vault.open(name, sealed[2]) == b"2"
    for fields in ({}, {"min_available_version": 0}, {"min_available_version": 2}, {"min_available_version": 4}):
        assert "min_available_version" in vault.refusal(400, f"keys/{name}/trim", **fields)[0]
    vault.write(f"keys/{name}/config", min_decryption_version=3)
    assert "despite_use" in vault.refusal(400, f"keys/{name}/trim", min_available_version=3)[0]
    assert states(gateway, name) == ["disabled", "disabled", "active"]
    shown = vault.write(f"keys/{name}/trim", min_available_version=3, despite_use=True)
    assert (shown["min_available_version"], shown["latest_version"], list(shown["keys"])) == (3, 3, ["3"])
    versions = gateway.do("GET", f"/v1/keys/transit/{name}")["versions"]
    assert [(v["state"], v.get("reason")) for v in versions] == [("destroy-scheduled", "trimmed by token:admin")] * 2 + [("active", None)]
    left = [datetime.datetime.fromisoformat(v["destroy_at"]) - datetime.datetime.now(datetime.timezone.utc) for v in versions[:2]]
    assert all(datetime.timedelta(days=29) < one <= datetime.timedelta(days=30) for one in left)
    vault.write(f"keys/{name}/config", min_decryption_version=1)
    assert states(gateway, name) == ["destroy-scheduled", "destroy-scheduled", "active"]
    assert vault.call("PUT", f"decrypt/{name}", {"ciphertext": sealed[1]}).status == 400 and vault.open(name, sealed[3]) == b"3"
    # it is a person's to cancel until then
    gateway.do("POST", f"/v1/keys/transit/{name}@1:cancel-destroy", {})
    gateway.do("POST", f"/v1/keys/transit/{name}@1:enable", {})
    assert vault.open(name, sealed[1]) == b"1"


def test_a_refused_trim_changes_nothing(gateway, vault):
    vault.make("half")
    vault.write("keys/half/rotate")
    vault.seal("half")
    vault.write("keys/half/rotate")
    vault.write("keys/half/config", min_decryption_version=3)
    assert "version 2 was used" in vault.refusal(400, "keys/half/trim", min_available_version=3)[0]
    assert states(gateway, "half") == ["disabled", "disabled", "active"]


def test_a_version_that_nobody_used_is_trimmed_without_a_word(gateway, vault):
    vault.make("unused")
    vault.write("keys/unused/rotate")
    vault.write("keys/unused/config", min_decryption_version=2)
    assert vault.write("keys/unused/trim", min_available_version=2)["min_available_version"] == 2
    assert states(gateway, "unused") == ["destroy-scheduled", "active"]


def test_a_key_is_deleted_when_that_is_allowed(gateway, vault, turned):
    name, sealed = turned
    assert "deletion_allowed" in vault.refusal(400, f"keys/{name}", how="DELETE")[0]
    assert states(gateway, name) == ["retiring", "retiring", "active"]
    assert vault.write(f"keys/{name}/config", deletion_allowed=True)["deletion_allowed"] is True
    assert name in vault.names() and vault.open(name, sealed[1]) == b"1"
    answer = vault.call("DELETE", f"keys/{name}")
    assert (answer.status, answer.body) == (204, b"")
    assert name not in vault.names() and vault.refusal(404, f"keys/{name}", how="GET") == []
    for path, fields in (("encrypt", {}), ("decrypt", {"ciphertext": sealed[3]}), ("rewrap", {"ciphertext": sealed[3]}), ("datakey/wrapped", {})):
        assert len(vault.refusal(400, f"{path}/{name}", **fields)) == 1
    vault.refusal(400, f"keys/{name}/rotate")
    vault.refusal(400, f"keys/{name}/config", deletion_allowed=False)
    versions = gateway.do("GET", f"/v1/keys/transit/{name}")["versions"]
    assert len(versions) == 3
    assert {(v["state"], v["reason"]) for v in versions} == {("destroy-scheduled", "deleted by token:admin, as deletion_allowed says")}


def test_the_name_of_a_deleted_key_stays_taken(gateway, vault):
    """A client that makes it again is not told that it has a key."""
    vault.make("taken")
    vault.write("keys/taken/config", deletion_allowed=True)
    vault.call("DELETE", "keys/taken")
    assert len(vault.refusal(400, "keys/taken", type="aes256-gcm96")) == 1
    assert states(gateway, "taken") == ["destroy-scheduled"]


# --- certificates ---

class Authority:
    """Certifies what a request asks for; the chain is its own certificate too."""

    def __init__(self):
        self.key, self.name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "authority")])
        self.certificate = self.sign(self.name, self.key.public_key(), True)

    def sign(self, subject, public, authority):
        now = datetime.datetime.utcnow()
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(public).serial_number(x509.random_serial_number())
        made = made.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1)).add_extension(x509.BasicConstraints(authority, None), critical=True)
        return made.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    def answer(self, request):
        return self.sign(request.subject, request.public_key(), False)


def request_of(vault, name, **fields):
    data = vault.write(f"keys/{name}/csr", **fields)
    made = x509.load_pem_x509_csr(data["csr"].encode())
    assert set(data) == {"name", "type", "csr"} and data["name"] == name and made.is_signature_valid
    return made


def spki(public):
    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize("kind", [*CURVES, "ed25519", "rsa-2048"])
def test_a_key_asks_for_its_certificate(vault, kind):
    bare_one = request_of(vault, kind)
    assert (len(bare_one.subject), len(bare_one.extensions), spki(bare_one.public_key())) == (0, 0, spki(vault.public[kind]))
    subject, names = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "release")]), x509.SubjectAlternativeName([x509.DNSName("release.example.com")])
    template = x509.CertificateSigningRequestBuilder().subject_name(subject).add_extension(names, critical=False)
    template = template.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
    made = request_of(vault, kind, csr=template, version=1)
    assert (made.subject, made.extensions[0].value, spki(made.public_key())) == (subject, names, spki(vault.public[kind]))
    assert subprocess.run(["openssl", "req", "-verify", "-noout"], input=made.public_bytes(serialization.Encoding.PEM), capture_output=True).returncode == 0
    many = vault.write(f"keys/{kind}/csr", batch_input=[{"reference": "a"}, {"csr": "x", "reference": "b"}, {"csr": template}])["batch_results"]
    assert ["csr" in one for one in many] == [True, False, True] and "template" in many[1]["error"]


def test_a_request_needs_what_a_signature_needs(gateway, vault):
    reader, signer = principal(gateway, "csr-reads", "transit/*", "read"), principal(gateway, "csr-signs", "transit/*", "sign")
    assert "permission denied" in reader.refusal(403, "keys/ecdsa-p256/csr")[0]
    answer = signer.call("PUT", "keys/ecdsa-p256/csr", {})
    said = record(gateway, answer)
    assert (answer.status, said["operation"], said["outcome"], said["key"]) == (200, "sign", "ok", "transit/ecdsa-p256")
    made = x509.load_pem_x509_csr(answer.json["data"]["csr"].encode())
    assert said["digest"] == f"sha256:{hashlib.sha256(made.tbs_certrequest_bytes).hexdigest()}"
    for name, fields in (("aes", {}), ("mac", {}), ("ecdsa-p256", {"csr": "x"}), ("ecdsa-p256", {"version": 2}), ("ecdsa-p256", {"csr": 7}), ("none", {})):
        assert len(vault.refusal(400, f"keys/{name}/csr", **fields)) == 1
    for path in ("set-certificate", "csr"):
        assert vault.call("GET", f"keys/ecdsa-p256/{path}").status == 405


def test_a_certificate_is_kept_with_its_version(gateway, vault):
    vault.make("certified", "ecdsa-p256")
    authority = Authority()
    leaf = authority.answer(request_of(vault, "certified"))
    assert vault.refusal(404, "export/certificate-chain/certified", how="GET") == []
    before = gateway.do("GET", "/v1/keys/transit/certified")["versions"][0]
    assert "certificates" not in before
    for chain in (leaf, leaf + authority.certificate):
        answer = vault.call("PUT", "keys/certified/set-certificate", {"certificate_chain": "# ours\n" + chain})
        data, said = answer.json["data"], record(gateway, answer)
        assert data["certificate-chain"] == data["certificate_chain"] == chain and (data["name"], data["type"]) == ("certified", "ecdsa-p256")
        assert (said["operation"], said["detail"]) == ("update", {"version": 1, "certificates_sha256": hashlib.sha256(chain.encode()).hexdigest()})
        assert vault.read("keys/certified")["keys"]["1"]["certificate_chain"] == chain
    vault.write("keys/certified/rotate")
    keys = vault.read("keys/certified")["keys"]
    assert (keys["1"]["certificate_chain"], keys["2"]["certificate_chain"]) == (chain, "")
    assert vault.read("export/certificate-chain/certified")["keys"] == vault.read("export/certificate-chain/certified/1")["keys"] == {"1": chain}
    assert vault.refusal(404, "export/certificate-chain/certified/latest", how="GET") == []
    first, second = sorted(gateway.do("GET", "/v1/keys/transit/certified")["versions"], key=lambda version: version["version"])
    assert first["certificates"] == chain and "certificates" not in second
    other = authority.answer(request_of(vault, "ecdsa-p256"))
    wrong = ["", "x", other, authority.certificate, leaf + leaf, leaf + other, leaf + "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", leaf + Authority().certificate]
    for fields in ({}, *({"certificate_chain": text, "version": 1} for text in wrong), {"certificate_chain": chain}, {"certificate_chain": chain, "version": 3}):
        assert len(vault.refusal(400, "keys/certified/set-certificate", **fields)) == 1
    assert len(vault.refusal(400, "keys/aes/set-certificate", certificate_chain=chain)) == 1
    assert vault.read("keys/certified")["keys"] == keys
    reader = principal(gateway, "certifies", "transit/*", "sign", "read")
    assert reader.call("PUT", "keys/certified/set-certificate", {"certificate_chain": chain, "version": 1}).status == 403


# --- no second way in ---

@pytest.fixture(scope="module")
def glass(gateway):
    made = BreakGlass(gateway)
    made.key("transit/sealed")
    return made


def test_a_key_that_people_open_is_opened_by_nothing_here(gateway, vault, glass):
    native, mine = glass.seal("transit/sealed", b"the secret"), vault.seal("sealed", b"the secret", associated_data=AD)
    key = vault.write("datakey/wrapped/sealed")
    assert set(key) == {"ciphertext", "key_version"}
    items = [{"ciphertext": native}, {"ciphertext": mine, "associated_data": AD}, key]
    for path in ("decrypt/sealed", "rewrap/sealed"):
        for body in (*items, {"batch_input": items}, {"batch_input": items[:1], "partial_failure_response_code": 200}):
            answer = vault.call("PUT", path, body)
            assert answer.status == 403 and "permission denied" in answer.json["errors"][0] and b64(b"the secret").encode() not in answer.body
            assert (record(gateway, answer)["code"], record(gateway, answer)["outcome"]) == ("approval_required", "denied")
    answer = vault.call("PUT", "datakey/plaintext/sealed", {})
    assert answer.status == 403 and record(gateway, answer)["code"] == "approval_required"
    answer = vault.call("PUT", "datakey/plaintext/sealed", {"batch_input": [{}, {"bits": 128}], "partial_failure_response_code": 200})
    assert all(set(result) == {"error", "reference"} for result in answer.json["data"]["batch_results"])
    for verb in ("decrypt", "rewrap"):
        assert gateway.call("POST", f"/v1/keys/transit/sealed:{verb}", {"ciphertext": native}).json["code"] == "approval_required"
        assert vault.call("PUT", f"{verb}/aes", {"ciphertext": native}).json["errors"] == [CANNOT]


def test_a_key_that_people_open_is_not_destroyed_here(gateway, vault, glass):
    glass.key("transit/kept")
    sealed = vault.seal("kept", b"kept")
    vault.write("keys/kept/rotate")
    vault.write("keys/kept/config", deletion_allowed=True)
    assert "permission denied" in vault.refusal(403, "keys/kept", how="DELETE")[0]
    assert states(gateway, "kept") == ["retiring", "active"]
    vault.write("keys/kept/config", min_decryption_version=2)
    assert "permission denied" in vault.refusal(403, "keys/kept/trim", min_available_version=2, despite_use=True)[0]
    vault.write("keys/kept/config", min_decryption_version=1)
    request = glass.approved(bare(sealed), name="transit/kept")
    assert glass.requester.unseal(glass.open(request)["sealed"]) == b"kept"


def test_a_grant_with_a_context_opens_nothing_of_it_either(gateway, vault, glass):
    bound = principal(gateway, "glass-bound", "transit/*", "decrypt", "unwrap", "rewrap", context={"associated_data": AD})
    sealed = vault.seal("sealed", b"the secret", associated_data=AD)
    assert bound.open("aes", vault.seal("aes", b"x", associated_data=AD), associated_data=AD) == b"x"
    for path in ("decrypt/sealed", "rewrap/sealed"):
        for body in ({"ciphertext": sealed, "associated_data": AD}, {"batch_input": [{"ciphertext": sealed, "associated_data": AD}]}):
            answer = bound.call("PUT", path, body)
            assert answer.status == 403 and record(gateway, answer)["code"] == "approval_required"


def test_a_frozen_key_opens_nothing(gateway, vault, glass):
    glass.key("transit/cold")
    sealed = vault.seal("cold", b"cold")
    gateway.verb("transit/cold", "freeze", {"reason": "wait"})
    for verb in ("decrypt", "rewrap"):
        native = gateway.call("POST", f"/v1/keys/transit/cold:{verb}", {"ciphertext": bare(sealed)})
        for body in ({"ciphertext": sealed}, {"batch_input": [{"ciphertext": sealed}]}):
            answer = vault.call("PUT", f"{verb}/cold", body)
            assert answer.status == 400 and "frozen" in answer.json["errors"][0]
            assert (record(gateway, answer)["code"], native.status) == (native.json["code"], 409) == ("invalid_state", 409)
    assert vault.call("PUT", "datakey/plaintext/cold", {}).status == 403


def test_without_a_grant_nobody_can_tell_what_exists(gateway, vault):
    nobody = principal(gateway, "knows-nothing")
    asked = [("GET", "keys/{}"), ("DELETE", "keys/{}"), ("PUT", "keys/{}"), ("GET", "export/public-key/{}")]
    asked += [("PUT", path + "/{}") for path in ("encrypt", "decrypt", "rewrap", "sign", "verify", "hmac", "datakey/plaintext", "datakey/nonsense")]
    asked += [("PUT", "keys/{}/" + verb) for verb in ("config", "rotate", "trim")]

    def seen(method, path, name):
        answer = nobody.call(method, path.format(name), {"type": "nonsense"} if method == "PUT" else None, headers={"X-Request-Id": "same"})
        return answer.status, answer.body, sorted((k, v) for k, v in answer.headers.items() if k != "Date")

    for method, path in asked:
        there, missing = seen(method, path, "aes"), seen(method, path, "none")
        assert there == missing and there[0] == 403 and b"permission denied" in there[1], (method, path)
    for method, path in (("PUT", "random"), ("PUT", "random/8")):
        assert nobody.call(method, path, {}).status == 403
    assert nobody.call("PUT", "hash", {"input": ""}).status == 200 and nobody.names() == []


GRANTED = [(*line.split(),) for line in (
    "PUT encrypt/granted encrypt", "PUT decrypt/granted decrypt", "PUT rewrap/granted rewrap",
    "PUT datakey/plaintext/granted data-key", "PUT datakey/wrapped/granted data-key", "PUT sign/granted-ec sign", "PUT verify/granted-ec verify",
    "PUT hmac/granted-mac mac", "GET keys/granted read", "GET export/public-key/granted-ec read",
    "PUT keys/granted create", "PUT keys/granted-mac/rotate rotate", "PUT keys/granted/config update", "PUT keys/granted/trim destroy")]


@pytest.mark.parametrize("operation", sorted({needed for _, _, needed in GRANTED}))
def test_a_grant_is_for_one_thing(gateway, vault, operation):
    for name, kind in (("granted", None), ("granted-ec", "ecdsa-p256"), ("granted-mac", "hmac")):
        vault.make(name, kind)
    client = principal(gateway, f"only-{operation}", "transit/*", operation)
    for method, path, needed in GRANTED:
        answer = client.call(method, path)
        assert answer.status in ((200, 400) if needed == operation else (403,)), (path, answer.body)
        assert record(gateway, answer).get("grant") == (f"only-{operation}" if needed == operation else None)


def test_numbers_ask_for_the_grants_of_their_moves(gateway, vault, turned):
    name, _ = turned
    updater = principal(gateway, "updates", "transit/*", "update")
    destroyer = principal(gateway, "destroys", "transit/*", "destroy")
    assert updater.write(f"keys/{name}/config", deletion_allowed=True)["deletion_allowed"] is True
    assert updater.call("PUT", f"keys/{name}/config", {"min_decryption_version": 3}).status == 403
    assert destroyer.call("DELETE", f"keys/{name}").status == 403
    assert states(gateway, name) == ["retiring", "retiring", "active"]
    disabler = principal(gateway, "disables", "transit/*", "update", "disable")
    assert disabler.write(f"keys/{name}/config", min_decryption_version=2)["min_decryption_version"] == 2
    assert disabler.call("PUT", f"keys/{name}/trim", {"min_available_version": 2, "despite_use": True}).status == 403
    assert destroyer.write(f"keys/{name}/trim", min_available_version=2, despite_use=True)["min_available_version"] == 2
    assert states(gateway, name) == ["destroy-scheduled", "retiring", "active"]


def test_a_grant_with_a_context_is_for_that_associated_data(gateway, vault):
    vault.make("bound")
    tenant = principal(gateway, "tenant", "transit/*", "encrypt", "decrypt", "unwrap", "data-key", "rewrap", context={"associated_data": AD})
    sealed = tenant.seal("bound", b"ours", associated_data=AD)
    key = tenant.write("datakey/plaintext/bound", associated_data=AD)
    for text, plaintext in ((sealed, b"ours"), (key["ciphertext"], unb64(key["plaintext"]))):
        moved = tenant.write("rewrap/bound", ciphertext=text, associated_data=AD)["ciphertext"]
        assert tenant.open("bound", text, associated_data=AD) == tenant.open("bound", moved, associated_data=AD) == plaintext
    theirs, free = vault.seal("bound", b"theirs", associated_data=OTHER_AD), vault.seal("bound", b"free")
    for fields in ({}, {"associated_data": ""}, {"associated_data": OTHER_AD}, {"associated_data": None, "context": AD}, {"associated_data": "!"}):
        for path, text in (("encrypt", None), ("decrypt", theirs), ("decrypt", free), ("rewrap", theirs), ("datakey/plaintext", None)):
            there, missing = (tenant.call("PUT", f"{path}/{name}", {"ciphertext": text, **fields}) for name in ("bound", "none"))
            assert (there.status, there.body) == (missing.status, missing.body) and there.status == 403
    assert tenant.call("PUT", "decrypt/none", {"ciphertext": sealed, "associated_data": AD}).status == 403
    items = [{"ciphertext": text, "associated_data": bound} for text, bound in ((sealed, AD), (theirs, OTHER_AD), (free, None), (theirs, AD))]
    answer = tenant.call("PUT", "decrypt/bound", {"batch_input": items, "partial_failure_response_code": 207})
    results = answer.json["data"]["batch_results"]
    assert answer.status == 207 and results[0] == {"plaintext": b64(b"ours"), "reference": ""} and results[3]["error"] == CANNOT
    assert ["grant" in result.get("error", "") for result in results] == [False, True, True, False]
    said = record(gateway, answer)
    assert (said["items"], said["items_failed"], said["grant"]) == (4, 3, "tenant")


def test_of_two_grants_the_one_with_a_context_stays_so(gateway, vault):
    """Data keys open without; data needs the context still."""
    vault.make("uneven")
    client = principal(gateway, "uneven", "transit/uneven", "unwrap")
    gateway.do("PUT", "/v1/grants/uneven-data", {"principal": "token:uneven", "keys": "transit/uneven", "operations": ["decrypt"], "justification": "a test",
                                                 "context": {"associated_data": AD}})
    key, free, bound = vault.write("datakey/wrapped/uneven")["ciphertext"], vault.seal("uneven"), vault.seal("uneven", associated_data=AD)
    items = [{"ciphertext": key}, {"ciphertext": bound, "associated_data": AD}, {"ciphertext": free}]
    assert [client.call("PUT", "decrypt/uneven", item).status for item in items] == [200, 200, 403]
    results = client.call("PUT", "decrypt/uneven", {"batch_input": items}).json["data"]["batch_results"]
    assert ["plaintext" in result for result in results] == [True, True, False]


def test_limits(gateway, vault):
    assert gateway.call("PUT", "/v1/transit/encrypt/aes", b'{"plaintext":"' + b"A" * (1 << 20) + b'"}').status == 413
    items = [{"plaintext": ""}] * 256
    assert len(vault.write("encrypt/aes", batch_input=items)["batch_results"]) == 256
    for path in ("encrypt/aes", "decrypt/aes", "rewrap/aes", "sign/ed25519", "verify/ed25519", "hmac/mac", "random"):
        assert "256" in vault.refusal(413, path, batch_input=items + [{}])[0]
    inputs = [(path, "input", 65536) for path in ("sign/ed25519", "hmac/mac", "hash")]
    for path, field, size in (("encrypt/aes", "plaintext", 65536), ("encrypt/aes", "associated_data", 4096), *inputs):
        rest = {"plaintext": ""} if field == "associated_data" else {}
        assert vault.call("PUT", path, {**rest, field: b64(bytes(size))}).status == 200
        assert field in vault.refusal(413, path, **rest, **{field: b64(bytes(size + 1))})[0]


def test_a_body_over_the_limit_is_refused_in_words_of_this_api(vault):
    answer = vault.call("PUT", "encrypt/aes", b'{"plaintext":"' + b"A" * (1 << 20) + b'"}')
    assert answer.status == 413 and set(answer.json) == {"errors"} and len(answer.json["errors"]) == 1


def test_records_say_what_was_done(gateway, vault):
    vault.make("told")
    vault.make("told-ec", "ecdsa-p256")
    sealed, key = vault.seal("told"), vault.write("datakey/wrapped/told")["ciphertext"]
    signed = vault.write("sign/told-ec", input="")["signature"]
    data, wrapped = {"ciphertext": sealed}, {"ciphertext": key}
    done = [("encrypt/told", {"plaintext": ""}, "encrypt"), ("decrypt/told", data, "decrypt"), ("decrypt/told", wrapped, "unwrap"), ("rewrap/told", data, "rewrap"),
            ("rewrap/told", wrapped, "rewrap"), ("decrypt/told", {"batch_input": [wrapped, wrapped]}, "unwrap"),
            ("decrypt/told", {"batch_input": [wrapped, data]}, "decrypt"), ("keys/told", {}, "create"),
            ("datakey/plaintext/told", {}, "data-key"), ("datakey/wrapped/told", {}, "data-key"), ("keys/told/config", {"min_decryption_version": 1}, "update"),
            ("sign/told-ec", {}, "sign"), ("verify/told-ec", {"input": "", "signature": signed}, "verify")]
    for path, fields, operation in done:
        said = record(gateway, vault.call("PUT", path, fields))
        assert (said["operation"], said["key"]) == (operation, "transit/told-ec" if "told-ec" in path else "transit/told")
        assert (said["principal"], said["outcome"], said["status"], said.get("version", 1)) == ("token:admin", "ok", 200, 1)
        assert said.get("items") == (2 if "batch_input" in fields else None)
    for path, operation in (("keys/told/rotate", "rotate"), ("hmac/mac", "mac"), ("random", "random"), ("hash", "hash"), (LOOKUP, "whoami"), (RENEW, "whoami")):
        assert record(gateway, vault.call("PUT", path, {"input": ""}))["operation"] == operation
    answer = vault.call("GET", "keys/told", token="")
    said = record(gateway, answer)
    assert (said["outcome"], said["status"], said["code"]) == ("denied", 403, "unauthenticated") and "principal" not in said
    native = gateway.call("GET", "/v1/keys/transit/told")
    assert "dialect" not in next(r for r in gateway.records() if r.get("request_id") == native.headers["X-Request-Id"])


def test_what_changes_is_recorded_before_it_is_done(gateway, vault, turned):
    name, _ = turned
    changes = [("rotate", "PUT", "/rotate", {}), ("update", "PUT", "/config", {"min_decryption_version": 3, "deletion_allowed": True}),
               ("destroy", "PUT", "/trim", {"min_available_version": 2, "despite_use": True}), ("destroy", "DELETE", "", None)]
    for operation, method, path, fields in changes:
        answer = vault.call(method, f"keys/{name}{path}", fields)
        assert answer.status in (200, 204)
        mine = [r for r in gateway.records() if r.get("request_id") == answer.headers["X-Request-Id"]]
        assert mine[0]["kind"] == "intent" and mine[-1]["kind"] == "request"
        assert {(r["operation"], r["dialect"], r["key"]) for r in mine} == {(operation, "vault", f"transit/{name}")}


@pytest.mark.parametrize("code", [None, 207, 403, 503])
def test_a_caller_does_not_choose_what_the_record_says(gateway, vault, code):
    """Of two items one is opened, and so it is recorded and counted, whatever status the caller asked for."""
    def opened():
        text = gateway.call("GET", "/metrics", token="").body.decode()
        return sum(float(count) for count in re.findall(r'^hsmgate_principal_operations_total{principal="token:admin",operation="decrypt"} (\S+)$', text, re.M))

    items = [{"ciphertext": vault.seal("aes", b"taken")}, {"ciphertext": "vault:v1:AAAA"}]
    before = opened()
    answer = vault.call("PUT", "decrypt/aes", {"batch_input": items, "partial_failure_response_code": code})
    assert answer.json["data"]["batch_results"][0]["plaintext"] == b64(b"taken")
    said = record(gateway, answer)
    assert (said["operation"], said["outcome"], said["items"], said["items_failed"]) == ("decrypt", "ok", 2, 1)
    assert opened() == before + 1


# --- what is about no key ---

def test_health_needs_no_token(vault):
    for token in ("", "hg_nobody", vault.token):
        for path in ("/v1/sys/health", "/v1/sys/health?standbyok=true", "/v1/sys/seal-status"):
            head = vault.call("HEAD", path, token=token)
            assert (head.status, head.body) == (200, b"") and int(head.headers["Content-Length"]) > 0
            answer = vault.call("GET", path, token=token)
            assert (answer.status, answer.json["initialized"], answer.json["sealed"]) == (200, True, False) and answer.json["version"].startswith("hsmgate-")
    health, seal = (vault.call("GET", f"/v1/sys/{path}", token="").json for path in ("health", "seal-status"))
    assert health["standby"] is False and type(health["server_time_utc"]) is int
    assert (seal["type"], seal["t"], seal["n"], seal["progress"]) == ("pkcs11", 1, 1, 0)


def test_state_of_a_server_that_stands_alone(vault):
    assert vault.call("GET", "/v1/sys/init", token="").json == {"initialized": True}
    leader = vault.call("GET", "/v1/sys/leader", token="").json
    assert (leader["ha_enabled"], leader["is_self"]) == (False, True)


@pytest.mark.parametrize("path", ["/v1/auth/jwt/login", "/v1/auth/userpass/login/joe", "keys/new/import", "keys/aes/import_version", "restore", "restore/new"])
def test_what_is_not_here_says_what_is(vault, path):
    for body in (None, {"role": "a", "jwt": "b"}):
        said = vault.refusal(400, path, **(body or {}))
        assert len(said) == 1 and ("token" in said[0] or "adopts" in said[0])
    assert "adopts" in vault.refusal(400, "wrapping_key", how="GET")[0]


def test_a_caller_ends_its_own_token(gateway):
    client = principal(gateway, "ends")
    answer = client.call("PUT", "/v1/auth/token/revoke-self")
    said = record(gateway, answer)
    assert (answer.status, answer.body) == (204, b"") and (said["operation"], said["outcome"], said["detail"]) == ("revoke-self", "ok", {"bearer": "ends"})
    assert client.call("GET", LOOKUP).status == client.call("PUT", "/v1/auth/token/revoke-self").status == 403
    assert "ends" not in [token["name"] for token in gateway.do("GET", "/v1/auth/tokens")["tokens"]]


def test_a_caller_looks_itself_up(gateway, vault):
    client = principal(gateway, "looks")
    for method in ("GET", "PUT", "POST"):
        answer = client.call(method, LOOKUP)
        found = answer.json["data"]
        assert client.token.encode() not in answer.body and client.token[3:].encode() not in answer.body
        assert (found["display_name"], found["accessor"], found["policies"]) == ("token:looks", "looks", ["token:looks"]) and found["renewable"] is False
        assert 3500 < found["ttl"] <= 3600 == found["creation_ttl"] and found["expire_time"].endswith("Z") and type(found["creation_time"]) is int
    forever = vault.read(LOOKUP)
    assert (forever["ttl"], forever["expire_time"], forever["display_name"]) == (0, None, "token:admin")


def test_renewing_changes_nothing_and_is_no_error(gateway):
    client = principal(gateway, "renews")
    for method, body in (("PUT", {"increment": 7200}), ("POST", None)):
        answer = client.call(method, RENEW, body)
        auth = answer.json["auth"]
        assert answer.status == 200 and (auth["client_token"], auth["accessor"], auth["renewable"]) == (client.token, "renews", False)
        assert 3500 < auth["lease_duration"] <= 3600 and auth["policies"] == auth["token_policies"] == ["token:renews"] and len(answer.json["warnings"]) == 1
    gateway.do("DELETE", "/v1/auth/tokens/renews")
    assert client.call("PUT", RENEW).status == client.call("GET", LOOKUP).status == 403


def test_mounts(vault):
    mounts = vault.read("/v1/sys/mounts")
    assert list(mounts) == ["transit/"] and mounts["transit/"]["type"] == "transit" and {"accessor", "config", "options"} <= set(mounts["transit/"])


@pytest.mark.parametrize("path", ["export/encryption-key/aes", "export/encryption-key/aes/1", "export/encryption-key/none", "export/signing-key/ed25519",
                                  "export/hmac-key/mac/latest", "export/certificate-chain/aes", "export/public-key/aes", "export/public-key/mac",
                                  "backup/aes", "byok-export/aes/other"])
def test_nothing_but_public_keys_is_exported(vault, path):
    assert len(vault.refusal(400, path, how="GET")) == 1


def test_random_bytes(vault):
    for path, fields, size in (("", {}, 32), ("/7", {}, 7), ("/platform", {}, 32), ("/seal/9", {}, 9), ("/all/10", {"bytes": 3}, 10), ("", {"bytes": 99}, 99)):
        for form, decode in ((None, unb64), ("base64", unb64), ("hex", bytes.fromhex)):
            first, second = (vault.write(f"random{path}", format=form, **fields) for _ in range(2))
            assert set(first) == {"random_bytes"} and len(decode(first["random_bytes"])) == size and first != second
    for path, fields in (("/0", {}), ("/1x", {}), ("/all/x", {}), ("", {"bytes": 0}), ("", {"bytes": -1}), ("", {"format": "raw"})):
        assert len(vault.refusal(400, f"random{path}", **fields)) == 1


@pytest.mark.parametrize("name", HASHES)
def test_hashes(vault, name):
    message = os.urandom(1000)
    digest = hashlib.new(name.replace("sha2-", "sha"), message).digest()
    for path, fields in ((f"hash/{name}", {}), ("hash", {"algorithm": name}), (f"hash/{name}", {"algorithm": "sha2-384"})):
        for form, text in ((None, digest.hex()), ("hex", digest.hex()), ("base64", b64(digest))):
            assert vault.write(path, input=b64(message), format=form, **fields) == {"sum": text}
    assert vault.write("hash", input=b64(message))["sum"] == hashlib.sha256(message).hexdigest()
    for path, fields in (("hash/sha1", {}), ("hash", {"algorithm": "md5"}), ("hash", {"format": "raw"})):
        assert len(vault.refusal(400, path, input="", **fields)) == 1


# --- other mounts, and none ---

@pytest.fixture(scope="module")
def configured():
    mounts = [{"mount": mount, "namespace": space} for mount, space in (("team/transit", "payments/prod"), ("legacy", "payments/prod"), ("all", "payments"))]
    limits = {"principals": [{"pattern": "token:ci", "per_second": 1, "burst": 3}]}
    with Configured("main", vault={"mounts": mounts}, limits=limits) as running:
        running.key("payments/prod/dek", "aes-256-gcm")
        yield running


def test_mounts_show_the_keys_of_their_namespaces(configured):
    team, legacy, everything = (Vault(configured, mount=mount) for mount in ("team/transit", "legacy", "all"))
    assert team.names() == legacy.names() == ["dek"] and everything.names() == []
    assert legacy.open("dek", team.seal("dek", b"x")) == b"x"
    assert everything.make("top")["name"] == "top" and configured.do("GET", "/v1/keys/payments/top")["algorithm"] == "aes-256-gcm" and team.names() == ["dek"]
    assert list(team.read("/v1/sys/mounts")) == ["team/transit/", "legacy/", "all/"]
    assert configured.call("GET", "/v1/transit/keys/dek").status == configured.call("GET", "/v1/team/keys/dek").status == 404


def test_a_namespace_is_what_stands_before_the_mount(configured):
    team = Vault(configured, mount="team/transit")
    for path in ("/v1/transit/keys/dek", "/v1/team/transit/keys/dek"):
        for namespace in ("team", "team/", "/team"):
            assert team.call("GET", path, headers={"X-Vault-Namespace": namespace}).json["data"]["name"] == "dek"
    for path in ("/v1/sys/health", LOOKUP):
        assert team.call("GET", path, headers={"X-Vault-Namespace": "team"}).status == 200


def test_a_namespace_that_has_no_mount_is_told_so_in_words_of_this_api(configured):
    for namespace, path in (("other", "/v1/team/transit/keys/dek"), ("tea", "/v1/m/transit/keys/dek"), ("team", "/v1/legacy/keys/dek")):
        answer = Vault(configured).call("GET", path, headers={"X-Vault-Namespace": namespace})
        assert answer.status == 404 and set(answer.json) == {"errors"}


def test_a_namespace_leaves_the_other_paths_alone(configured):
    """Even one that is a mount by itself."""
    header = {"X-Vault-Namespace": "legacy"}
    for path in ("/v1/sys/health", LOOKUP):
        assert Vault(configured).call("GET", path, headers=header).status == 200
    assert configured.do("GET", "/v1/keys/payments/prod/dek", headers=header)["name"] == "payments/prod/dek"


def test_a_caller_over_its_rate_is_told_to_wait(configured):
    client = Vault(configured, configured.make_bearer("ci"), mount="legacy")
    answers = [client.call("PUT", "hash", {"input": ""}) for _ in range(40)]
    over = [answer for answer in answers if answer.status != 200]
    assert {answer.status for answer in over} == {429} and all(int(answer.headers["Retry-After"]) >= 1 and len(answer.json["errors"]) == 1 for answer in over)
    assert {record(configured, answer)["code"] for answer in over} == {"rate_limited"}
    assert Vault(configured, mount="legacy").call("PUT", "hash", {"input": ""}).status == 200


def test_without_a_mount_nothing_of_this_is_served():
    with Configured("main") as plain:
        for method, path in (("GET", "/v1/transit/keys/x"), ("PUT", "/v1/transit/encrypt/x"), ("GET", "/v1/sys/health"), ("GET", LOOKUP), ("PUT", RENEW)):
            answer = plain.call(method, path, headers={"X-Vault-Token": plain.token})
            assert (answer.status, answer.headers["Content-Type"]) == (404, "application/problem+json")


# --- what is kept ---

def kept(gateway):
    """Every byte of the audit log and of the daemon's."""
    return b"\n".join(path.read_bytes() for path in [*(gateway.data / "audit").glob("*"), gateway.data.with_name(gateway.data.name + ".log")] if path.is_file())


def test_a_token_that_got_into_a_path_is_masked(gateway, vault):
    """Nor is it there in the form that names with capitals have."""
    client = principal(gateway, "misplaced")
    names = (client.token, client.token[:20])
    asked = ("PUT keys/{}", "GET keys/{}", "PUT encrypt/{}", "PUT keys/{}/rotate", "PUT random/{}", "GET export/public-key/{}", "GET {}", "GET /v1/sys/{}")
    for line in asked:
        for name in names:
            for token in ("", client.token):
                assert client.call(*line.format(name).split(), token=token).status in (400, 403, 404)
    text = kept(gateway)
    for name in names:
        for form in (name, re.sub("[A-Z]", lambda capital: "-_" + capital[0].lower(), name)):
            assert form.encode() not in text


def test_secrets_are_nowhere(gateway, vault):
    vault.make("quiet")
    marks = {}

    def mark(what):
        marks[what] = base64.urlsafe_b64encode(os.urandom(24))
        return b64(marks[what])

    plain, bound = mark("plaintext"), mark("associated data")
    sealed = vault.write("encrypt/quiet", plaintext=plain, associated_data=bound, context=mark("context"))["ciphertext"]
    assert vault.write("decrypt/quiet", ciphertext=sealed, associated_data=bound)["plaintext"] == plain
    vault.write("rewrap/quiet", ciphertext=sealed, associated_data=bound)
    marks["data key"] = unb64(vault.write("datakey/plaintext/quiet")["plaintext"])
    marks["random bytes"] = unb64(vault.write("random")["random_bytes"])
    items = [{"plaintext": mark(f"item {i}"), "reference": marks[f"item {i}"].decode()} for i in range(3)]
    results = vault.write("encrypt/quiet", batch_input=items)["batch_results"]
    vault.call("PUT", "decrypt/quiet", {"batch_input": [*results, {"ciphertext": mark("no ciphertext")}]})
    for path in ("sign/ecdsa-p256", "hmac/mac", "hash"):
        vault.write(path, input=mark(f"input of {path}"))
    refused = [("encrypt/quiet", {"plaintext": "!" + mark("no base64")}), ("encrypt/quiet", {"plaintext": [mark("no text")]}),
               ("encrypt/quiet", '{"plaintext":"' + mark("no JSON")), ("encrypt/quiet", {"nonce": mark("nonce")}),
               ("encrypt/none", {"plaintext": mark("of no key")}), ("encrypt/ed25519", {"plaintext": mark("of a wrong key")}),
               ("decrypt/quiet", {"ciphertext": sealed, "associated_data": mark("wrong associated data")}),
               ("decrypt/quiet", {"ciphertext": "vault:v1:" + mark("bad ciphertext")}), ("sign/ecdsa-p256/sha1", {"input": mark("wrong hash")}),
               ("verify/ecdsa-p256", {"input": mark("verified"), "signature": mark("bad signature")}), ("keys/never", {"type": mark("type")}),
               ("keys/quiet/config", {"auto_rotate_period": mark("period")}), ("random", {"format": mark("format")})]
    for path, body in refused:
        assert vault.call("PUT", path, body).status == 400
    client = principal(gateway, "quiet", "transit/quiet", "encrypt")
    client.call("PUT", "decrypt/quiet", {"ciphertext": sealed, "associated_data": bound})
    client.call("PUT", "encrypt/quiet", {"plaintext": mark("of two callers")}, headers={"Authorization": f"Bearer {vault.token}"})
    gateway.call("PUT", "/v1/transit/encrypt/quiet", {"plaintext": mark("elsewhere")}, token=client.token, headers={"X-Vault-Namespace": mark("namespace")})
    for path in (RENEW, LOOKUP):
        assert client.call("PUT", path).status == 200
    for number, token in enumerate((vault.token, client.token)):
        marks[f"token {number}"] = token.encode()
    text = kept(gateway)
    assert b'"dialect":"vault"' in text
    found = {what for what, secret in marks.items() for form in (secret, b64(secret).rstrip("=").encode(), secret.hex().encode()) if form in text}
    assert found == set()
