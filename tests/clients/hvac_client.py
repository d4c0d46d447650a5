"""hvac as Debian ships it: everything that its transit class offers, what it asks about the server and the caller, and the exceptions that it raises.

Signatures are checked with `cryptography` and the public keys that hvac read, and what it encrypted is opened by the native API too.
"""
import hashlib
import itertools
import os

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from client import need
from configured import Configured
from gateway import Gateway, b64, unb64
from transit import HASHES, SIGNERS, bare, is_signed, public_key

hvac = need("hvac")
Forbidden, InvalidPath, InvalidRequest = hvac.exceptions.Forbidden, hvac.exceptions.InvalidPath, hvac.exceptions.InvalidRequest

MESSAGE = b"to be signed"
AES = "aes256-gcm96"
CURVES = {"ecdsa-p256": ec.SECP256R1, "ecdsa-p384": ec.SECP384R1, "ecdsa-p521": ec.SECP521R1}
NEVER = ["exportable", "allow_plaintext_backup"]


@pytest.fixture(scope="module")
def gateway():
    with Gateway() as running:
        yield running


def connect(gateway, token=None, **more):
    return hvac.Client(url=gateway.env.get("VAULT_ADDR", gateway.address), token=gateway.token if token is None else token, **more)


@pytest.fixture(scope="module")
def client(gateway):
    return connect(gateway)


@pytest.fixture(scope="module")
def transit(client):
    """With a key of each type that goes by that type's name."""
    for kind in (AES, *SIGNERS):
        client.secrets.transit.create_key(name=kind, key_type=kind)
    client.write("transit/keys/hmac", type="hmac")  # a type that this hvac does not know
    return client.secrets.transit


def principal(gateway, name, *operations):
    """The transit class of a caller who may do this with every key here, and nothing else."""
    token = gateway.do("POST", "/v1/auth/tokens", {"name": name, "ttl": "1h"})["token"]
    if operations:
        gateway.do("PUT", f"/v1/grants/{name}", {"principal": f"token:{name}", "keys": "transit/*", "operations": list(operations), "justification": "a test"})
    return connect(gateway, token).secrets.transit


def data(answer):
    """Every answer with data has the envelope."""
    assert (answer["lease_id"], answer["renewable"], answer["lease_duration"], answer["wrap_info"], answer["auth"]) == ("", False, 0, None, None)
    return answer["data"]


def seal(transit, name, plaintext, **more):
    return data(transit.encrypt_data(name=name, plaintext=b64(plaintext), **more))["ciphertext"]


def opened(transit, name, ciphertext, **more):
    return unb64(data(transit.decrypt_data(name=name, ciphertext=ciphertext, **more))["plaintext"])


def refusal(kind, act, *arguments, **named):
    """The one sentence of an exception, which hvac takes from the list of errors."""
    with pytest.raises(kind) as refused:
        act(*arguments, **named)
    assert len(refused.value.errors) == 1, refused.value
    return refused.value.errors[0]


# --- keys ---

@pytest.mark.parametrize("kind", [None, AES, *SIGNERS])
def test_each_type_is_made_and_read(transit, kind):
    name = f"made-{kind}".lower()
    nothing = dict.fromkeys((*NEVER, "derived", "convergent_encryption"), False)
    made = data(transit.create_key(name=name, key_type=kind, **nothing))
    assert made == data(transit.read_key(name=name))
    assert (made["name"], made["type"], made["latest_version"], made["min_decryption_version"]) == (name, kind or "aes256-gcm96", 1, 1)
    assert made["supports_signing"] == (kind in SIGNERS) and made["supports_encryption"] == (kind not in SIGNERS)
    if kind in SIGNERS:
        public = public_key(made["keys"]["1"])
        if kind in CURVES:
            assert isinstance(public.curve, CURVES[kind])
        else:
            assert isinstance(public, ed25519.Ed25519PublicKey if kind == "ed25519" else rsa.RSAPublicKey)
            assert kind == "ed25519" or public.key_size == int(kind[4:])


def test_a_key_is_made_once(transit):
    transit.create_key(name="once", key_type="ecdsa-p256")
    again = transit.create_key(name="once", key_type="rsa-2048")
    assert again["warnings"] == ["key once already existed"] and again["data"] == data(transit.read_key(name="once")) and again["data"]["type"] == "ecdsa-p256"


@pytest.mark.parametrize("fields", [*[{flag: True} for flag in NEVER], {"derived": True}, {"derived": True, "convergent_encryption": True},
                                    {"key_type": "chacha20-poly1305"}])
def test_what_is_not_made(transit, fields):
    said = refusal(InvalidRequest, transit.create_key, name="never", **fields)
    assert ("key type" if "key_type" in fields else list(fields)[0]) in said
    with pytest.raises(InvalidPath):
        transit.read_key(name="never")


def test_keys_are_listed(gateway, transit):
    listed = data(transit.list_keys())["keys"]
    assert {AES, "hmac", *SIGNERS} <= set(listed) and listed == sorted(listed)
    with pytest.raises(InvalidPath):
        principal(gateway, "sees-nothing").list_keys()
    assert data(principal(gateway, "sees", "read").list_keys()) == data(transit.list_keys())


def test_keys_are_listed_with_a_parameter(client, transit):
    """As `list` of the client asks: GET with list=True."""
    assert client.list("transit/keys")["data"] == data(transit.list_keys())


def test_configuration(transit):
    transit.create_key(name="set")
    first = seal(transit, "set", b"first")
    assert data(transit.rotate_key(name="set"))["latest_version"] == 2
    second = seal(transit, "set", b"second")
    changed = data(transit.update_key_configuration(name="set", min_decryption_version=2, min_encryption_version=0, deletion_allowed=True))
    assert changed == data(transit.read_key(name="set")) and (changed["min_decryption_version"], changed["deletion_allowed"]) == (2, True)
    assert list(changed["keys"]) == ["2"] and opened(transit, "set", second) == b"second"
    with pytest.raises(InvalidRequest):
        transit.decrypt_data(name="set", ciphertext=first)
    back = data(transit.update_key_configuration(name="set", min_decryption_version=1, deletion_allowed=False))
    assert (back["min_decryption_version"], back["deletion_allowed"], list(back["keys"])) == (1, False, ["1", "2"])
    assert opened(transit, "set", first) == b"first"
    for fields in (*[{flag: True} for flag in NEVER], {"min_decryption_version": 3}, {"min_decryption_version": -1}, {"min_encryption_version": 1}):
        refusal(InvalidRequest, transit.update_key_configuration, name="set", **fields)
    assert data(transit.read_key(name="set")) == back


def test_rotation(transit):
    transit.create_key(name="turn", key_type="ecdsa-p256")
    old = data(transit.sign_data(name="turn", hash_input=b64(MESSAGE)))["signature"]
    turned = data(transit.rotate_key(name="turn"))
    new = data(transit.sign_data(name="turn", hash_input=b64(MESSAGE)))["signature"]
    assert turned["latest_version"] == 2 and [bare(signature)[0] for signature in (old, new)] == [1, 2]
    for number, signature in (("1", old), ("2", new)):
        assert [is_signed(public_key(turned["keys"][shown]), MESSAGE, signature) for shown in ("1", "2")] == [number == shown for shown in ("1", "2")]
        assert data(transit.verify_signed_data(name="turn", hash_input=b64(MESSAGE), signature=signature)) == {"valid": True}
    assert "latest" in refusal(InvalidRequest, transit.sign_data, name="turn", hash_input="", key_version=1)


def test_trimming(client, transit):
    """A version that was used lately needs a field of the gateway's own."""
    for name in ("trim", "used"):
        transit.create_key(name=name)
        if name == "used":
            seal(transit, name, b"x")
        transit.rotate_key(name=name)
        assert "min_decryption_version" in refusal(InvalidRequest, transit.trim_key, name=name, min_version=2)
        transit.update_key_configuration(name=name, min_decryption_version=2)
    assert data(transit.trim_key(name="trim", min_version=2)) == data(transit.read_key(name="trim"))
    refusal(InvalidRequest, transit.trim_key, name="used", min_version=2)
    assert data(transit.read_key(name="used"))["min_available_version"] == 0
    data(client.write("transit/keys/used/trim", min_available_version=2, despite_use=True))
    for name in ("trim", "used"):
        assert data(transit.read_key(name=name))["min_available_version"] == 2
        for number in (0, 3):
            refusal(InvalidRequest, transit.trim_key, name=name, min_version=number)


def test_deletion(transit):
    transit.create_key(name="gone", key_type="ed25519")
    assert "deletion_allowed" in refusal(InvalidRequest, transit.delete_key, name="gone")
    transit.update_key_configuration(name="gone", deletion_allowed=True)
    assert transit.delete_key(name="gone").status_code == 204
    with pytest.raises(InvalidPath):
        transit.read_key(name="gone")
    assert "gone" not in data(transit.list_keys())["keys"]
    refusal(InvalidRequest, transit.sign_data, name="gone", hash_input="")
    refusal(InvalidRequest, transit.create_key, name="gone")


@pytest.mark.parametrize("kind", ["encryption-key", "signing-key", "hmac-key"])
def test_no_key_is_exported(transit, kind):
    for name, version in itertools.product((AES, "rsa-2048", "hmac", "none"), (None, "1", "latest")):
        assert "never leave the token" in refusal(InvalidRequest, transit.export_key, name=name, key_type=kind, version=version)
    assert "never leave the token" in refusal(InvalidRequest, transit.backup_key, name=AES)


@pytest.mark.parametrize("kind", SIGNERS)
def test_public_keys_are_exported(client, transit, kind):
    """This hvac's own export_key does not know the type of key."""
    shown = data(transit.read_key(name=kind))["keys"]["1"]["public_key"]
    for end in ("", "/1", "/latest"):
        assert data(client.read(f"transit/export/public-key/{kind}{end}")) == {"name": kind, "type": kind, "keys": {"1": shown}}


# --- ciphertexts ---

@pytest.mark.parametrize("size", [0, 1, 16, 17, 65536])
def test_ciphertexts(gateway, transit, size):
    plaintext = os.urandom(size)
    for more in ({}, {"key_version": 1}, {"key_version": 0}, {"context": b64(b"ignored")}, {"type": "aes256-gcm96", "convergent_encryption": False}):
        sealed = seal(transit, AES, plaintext, **more)
        assert opened(transit, AES, sealed) == opened(transit, AES, sealed, context=b64(b"ignored")) == plaintext
    version, blob = bare(sealed)
    assert version == 1 and unb64(gateway.verb(f"transit/{AES}", "decrypt", {"ciphertext": b64(blob)})["plaintext"]) == plaintext
    native = gateway.verb(f"transit/{AES}", "encrypt", {"plaintext": b64(plaintext)})["ciphertext"]
    assert opened(transit, AES, native) == opened(transit, AES, f"vault:v1:{native}") == plaintext


def test_rsa_encrypts_with_a_key_that_was_made_for_it(gateway, transit):
    gateway.key("transit/oaep", "rsa-2048", purpose="decrypt")
    assert opened(transit, "oaep", seal(transit, "oaep", b"small")) == b"small"
    refusal(InvalidRequest, transit.sign_data, name="oaep", hash_input="")


def test_associated_data(client, transit):
    """Fields that this hvac does not name go by its `write`."""
    sealed = data(client.write(f"transit/encrypt/{AES}", plaintext=b64(b"x"), associated_data=b64(b"row 7")))["ciphertext"]
    assert data(client.write(f"transit/decrypt/{AES}", ciphertext=sealed, associated_data=b64(b"row 7"))) == {"plaintext": b64(b"x")}
    for more in ({}, {"associated_data": b64(b"row 8")}):
        refusal(InvalidRequest, client.write, f"transit/decrypt/{AES}", ciphertext=sealed, **more)


def test_rewrapping(transit):
    transit.create_key(name="moves")
    old = [seal(transit, "moves", text) for text in (b"a", b"b")]
    transit.rotate_key(name="moves")
    moved = data(transit.rewrap_data(name="moves", ciphertext=old[0], context=b64(b"ignored"), key_version=2))
    many = data(transit.rewrap_data(name="moves", ciphertext="", batch_input=[{"ciphertext": text, "context": ""} for text in old]))["batch_results"]
    assert [bare(item["ciphertext"])[0] for item in (moved, *many)] == [item["key_version"] for item in (moved, *many)] == [2, 2, 2]
    assert [opened(transit, "moves", item["ciphertext"]) for item in (moved, *many)] == [b"a", b"a", b"b"]
    assert "latest" in refusal(InvalidRequest, transit.rewrap_data, name="moves", ciphertext=old[0], key_version=1)


def test_batches(transit):
    plaintexts = [os.urandom(size) for size in range(20)]
    batch = [{"plaintext": b64(text), "context": "", "reference": str(i)} for i, text in enumerate(plaintexts)]
    results = data(transit.encrypt_data(name=AES, plaintext="", batch_input=batch))["batch_results"]
    assert [item["reference"] for item in results] == [str(i) for i in range(20)] and {item["key_version"] for item in results} == {1}
    batch = [{"ciphertext": item["ciphertext"]} for item in results]
    results = data(transit.decrypt_data(name=AES, ciphertext="ignored", batch_input=batch))["batch_results"]
    assert [unb64(item["plaintext"]) for item in results] == plaintexts


def test_one_bad_item_of_a_batch(client, transit):
    """hvac raises for the status 400 and drops the results, unless another status was asked for."""
    batch = [{"ciphertext": seal(transit, AES, b"good")}, {"ciphertext": "vault:v1:AAAA"}]
    with pytest.raises(InvalidRequest):
        transit.decrypt_data(name=AES, ciphertext="", batch_input=batch)
    good, bad = data(client.write(f"transit/decrypt/{AES}", batch_input=batch, partial_failure_response_code=200))["batch_results"]
    assert unb64(good["plaintext"]) == b"good" and set(bad) == {"error", "reference"} and bad["error"]


@pytest.mark.parametrize("bits", [None, 128, 256, 512])
def test_data_keys(gateway, transit, bits):
    made = data(transit.generate_data_key(name=AES, key_type="plaintext", bits=bits, context=b64(b"ignored")))
    assert len(unb64(made["plaintext"])) == (bits or 256) // 8 and set(made) == {"plaintext", "ciphertext", "key_version"}
    assert opened(transit, AES, made["ciphertext"]) == unb64(made["plaintext"])
    assert gateway.verb(f"transit/{AES}", "unwrap", {"ciphertext": b64(bare(made["ciphertext"])[1])})["plaintext"] == made["plaintext"]
    wrapped = data(transit.generate_data_key(name=AES, key_type="wrapped", bits=bits))
    assert set(wrapped) == {"ciphertext", "key_version"} and len(opened(transit, AES, wrapped["ciphertext"])) == (bits or 256) // 8


@pytest.mark.parametrize("ciphertext", ["", "hello", "vault:v1:", "vault:v1:AAAA", "vault:v1:!!", "vault:v9:AAAA", "vault:v0:AAAA", "vault:vx:AAAA", "v1:AAAA"])
def test_bad_ciphertexts(transit, ciphertext):
    for act in (transit.decrypt_data, transit.rewrap_data):
        refusal(InvalidRequest, act, name=AES, ciphertext=ciphertext)


def test_a_ciphertext_of_another_key_or_changed_is_bad(transit):
    transit.create_key(name="other")
    sealed = seal(transit, AES, b"secret")
    _, blob = bare(sealed)
    changed = [blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1:] for at in (0, len(blob) // 2, len(blob) - 1)]
    wrong = [("other", sealed), *[(AES, f"vault:v1:{b64(bad)}") for bad in changed]]
    said = {refusal(InvalidRequest, act, name=name, ciphertext=text) for name, text in wrong for act in (transit.decrypt_data, transit.rewrap_data)}
    assert len(said) == 1


@pytest.mark.parametrize("more", [{"nonce": b64(bytes(12))}, {"convergent_encryption": True}, {"key_version": 2}])
def test_what_is_not_encrypted(transit, more):
    refusal(InvalidRequest, transit.encrypt_data, name=AES, plaintext="", **more)
    refusal(InvalidRequest, transit.encrypt_data, name="never", plaintext="")  # no key is made by that
    refusal(InvalidRequest, transit.encrypt_data, name=AES, plaintext="?")


# --- signatures and MACs ---

def choices(kind):
    """What hvac lets its caller choose for such a key."""
    hashed = [{}] if kind == "ed25519" else [{}, *[{"hash_algorithm": name} for name in HASHES]]
    field, words = ("signature_algorithm", ("pss", "pkcs1v15")) if kind.startswith("rsa") else ("marshaling_algorithm", ("asn1", "jws"))
    more = [{}] if kind == "ed25519" else [{}, *[{field: word} for word in words]]
    return [{**one, **two} for one in hashed for two in more]


@pytest.mark.parametrize("kind", SIGNERS)
def test_signatures(gateway, transit, kind):
    public = public_key(data(transit.read_key(name=kind))["keys"]["1"])
    for chosen in choices(kind):
        made = data(transit.sign_data(name=kind, hash_input=b64(MESSAGE), key_version=1, context=b64(b"ignored"), **chosen))
        assert set(made) == {"signature", "key_version"} and made["key_version"] == 1
        assert is_signed(public, MESSAGE, made["signature"], **chosen) and not is_signed(public, b"another", made["signature"], **chosen), chosen
        for message in (MESSAGE, b"another"):
            checked = transit.verify_signed_data(name=kind, hash_input=b64(message), signature=made["signature"], **chosen)
            assert data(checked) == {"valid": message == MESSAGE}, chosen
        if kind == "ed25519":
            continue
        digest = hashlib.new(chosen.get("hash_algorithm", "sha2-256").replace("sha2-", "sha"), MESSAGE).digest()
        made = data(transit.sign_data(name=kind, hash_input=b64(digest), prehashed=True, **chosen))["signature"]
        assert is_signed(public, MESSAGE, made, **chosen), chosen
        assert data(transit.verify_signed_data(name=kind, hash_input=b64(digest), signature=made, prehashed=True, **chosen)) == {"valid": True}


@pytest.mark.parametrize("kind", ["ecdsa-p256", "ed25519", "rsa-2048"])
def test_batches_of_signatures(client, transit, kind):
    public = public_key(data(transit.read_key(name=kind))["keys"]["1"])
    messages = [b"%d" % i for i in range(5)]
    made = data(client.write(f"transit/sign/{kind}", batch_input=[{"input": b64(message)} for message in messages]))["batch_results"]
    assert all(is_signed(public, message, item["signature"]) for message, item in zip(messages, made))
    checked = [{"input": b64(message), "signature": item["signature"]} for message, item in zip([*messages[:4], b"another"], made)]
    assert [item["valid"] for item in data(client.write(f"transit/verify/{kind}", batch_input=checked))["batch_results"]] == [True] * 4 + [False]


def test_macs(gateway, client, transit):
    made = data(transit.generate_hmac(name="hmac", hash_input=b64(MESSAGE)))["hmac"]
    named = data(transit.generate_hmac(name="hmac", hash_input=b64(MESSAGE), algorithm="sha2-256", key_version=1))["hmac"]
    native = gateway.verb("transit/hmac", "mac", {"message": b64(MESSAGE)})["mac"]
    assert made == named == f"vault:v1:{native}"
    for message, valid in ((MESSAGE, True), (b"another", False)):
        assert data(transit.verify_signed_data(name="hmac", hash_input=b64(message), hmac=made)) == {"valid": valid}
    for number in ("384", "512"):
        gateway.key(f"transit/hmac-{number}", f"hmac-sha{number}")
        for chosen in ({}, {"algorithm": f"sha2-{number}"}):
            long = data(transit.generate_hmac(name=f"hmac-{number}", hash_input=b64(MESSAGE), **chosen))["hmac"]
            assert len(bare(long)[1]) == int(number) // 8
            for named in ({}, {"hash_algorithm": f"sha2-{number}"}):
                checked = transit.verify_signed_data(name=f"hmac-{number}", hash_input=b64(MESSAGE), hmac=long, **named)
                assert data(checked) == {"valid": True}
    refusal(InvalidRequest, transit.generate_hmac, name="hmac", hash_input="", algorithm="sha2-512")
    refusal(InvalidRequest, transit.generate_hmac, name=AES, hash_input="")


@pytest.mark.parametrize("name,field", [("ecdsa-p256", "signature"), ("ed25519", "signature"), ("rsa-2048", "signature"), ("hmac", "hmac")])
def test_bad_signatures(transit, name, field):
    for bad in ("vault:v1:", "vault:v1:AAAA"):
        assert data(transit.verify_signed_data(name=name, hash_input=b64(MESSAGE), **{field: bad})) == {"valid": False}
    for bad in ("", "hello", "vault:v2:AAAA", "vault:v1:!!", "vault:v0:AAAA"):
        refusal(InvalidRequest, transit.verify_signed_data, name=name, hash_input=b64(MESSAGE), **{field: bad})


@pytest.mark.parametrize("named", [{"name": AES}, {"name": "hmac"}, {"name": "none"}, {"name": "ecdsa-p256", "hash_algorithm": "sha2-224"},
                                   {"name": "ecdsa-p256", "prehashed": True}, {"name": "ecdsa-p256", "key_version": 2}])
def test_what_is_not_signed(transit, named):
    refusal(InvalidRequest, transit.sign_data, hash_input=b64(b"short"), **named)


# --- what needs no key ---

@pytest.mark.parametrize("form,decode", [(None, unb64), ("base64", unb64), ("hex", bytes.fromhex)])
def test_random_bytes_and_hashes(transit, form, decode):
    for size in (None, 1, 24, 1024):
        first, second = (decode(data(transit.generate_random_bytes(n_bytes=size, output_format=form))["random_bytes"]) for _ in range(2))
        assert len(first) == (size or 32) and (size == 1 or first != second)
    for name in (None, *HASHES):
        digest = hashlib.new((name or "sha2-256").replace("sha2-", "sha"), MESSAGE).digest()
        found = data(transit.hash_data(hash_input=b64(MESSAGE), algorithm=name, output_format=form))["sum"]
        assert (bytes.fromhex(found) if form != "base64" else unb64(found)) == digest
    refusal(InvalidRequest, transit.generate_random_bytes, n_bytes=0)
    refusal(InvalidRequest, transit.hash_data, hash_input="?")


def test_health(client):
    for more in ({}, {"standby_ok": True, "sealed_code": 299}):
        found = client.sys.read_health_status(method="GET", **more)
        assert (found["initialized"], found["sealed"], found["standby"]) == (True, False, False) and found["version"].startswith("hsmgate-")
    assert client.sys.read_seal_status()["sealed"] is client.sys.is_sealed() is client.seal_status["sealed"] is False
    anonymous = hvac.Client(url=client.url, token="")
    assert anonymous.sys.read_health_status(method="GET")["initialized"] and anonymous.sys.read_seal_status()["initialized"]


def test_health_by_head(client):
    """What read_health_status does when it is not told otherwise."""
    assert client.sys.read_health_status().status_code == 200


def test_initialized(client):
    assert client.sys.is_initialized() is True


def test_mounts(client):
    mounts = data(client.sys.list_mounted_secrets_engines())
    assert list(mounts) == ["transit/"] and mounts["transit/"]["type"] == "transit"


def test_the_caller(gateway, client):
    assert client.is_authenticated() and data(client.auth.token.lookup_self())["display_name"] == "token:admin"
    token = gateway.do("POST", "/v1/auth/tokens", {"name": "looks", "ttl": "1h"})["token"]
    other = connect(gateway, token)
    found = data(other.auth.token.lookup_self())
    assert other.is_authenticated() and 3500 < found["ttl"] <= 3600
    assert (found["accessor"], found["policies"], found["renewable"]) == ("looks", ["token:looks"], False)
    for renewed in (other.auth.token.renew_self(), other.auth.token.renew_self(increment="2h")):
        auth = renewed["auth"]
        assert auth["client_token"] == token and 3500 < auth["lease_duration"] <= 3600 and len(renewed["warnings"]) == 1
    gateway.do("DELETE", "/v1/auth/tokens/looks")
    assert not other.is_authenticated()
    for act in (other.auth.token.lookup_self, other.auth.token.renew_self):
        refusal(Forbidden, act)


# --- who may not, and where ---

def everything(transit):
    """One call of each kind that needs a grant."""
    bad = "vault:v1:AAAA"
    return [
        ("create", lambda: transit.create_key(name="mine")),
        ("read", lambda: transit.read_key(name=AES)),
        ("update", lambda: transit.update_key_configuration(name=AES, deletion_allowed=False)),
        ("rotate", lambda: transit.rotate_key(name=AES)),
        ("destroy", lambda: transit.trim_key(name=AES, min_version=1)),
        ("destroy", lambda: transit.delete_key(name=AES)),
        ("encrypt", lambda: transit.encrypt_data(name=AES, plaintext="")),
        ("decrypt", lambda: transit.decrypt_data(name=AES, ciphertext=bad)),
        ("rewrap", lambda: transit.rewrap_data(name=AES, ciphertext=bad)),
        ("data-key", lambda: transit.generate_data_key(name=AES, key_type="wrapped")),
        ("sign", lambda: transit.sign_data(name="ecdsa-p256", hash_input="")),
        ("verify", lambda: transit.verify_signed_data(name="ecdsa-p256", hash_input="", signature=bad)),
        ("mac", lambda: transit.generate_hmac(name="hmac", hash_input="")),
        ("random", transit.generate_random_bytes)]


@pytest.mark.parametrize("token", ["hg_wrong", "s.ofVault", None])
def test_a_bad_token_is_forbidden(gateway, transit, token):
    other = connect(gateway, token or "")
    assert not other.is_authenticated()
    for _, act in everything(other.secrets.transit):
        assert refusal(Forbidden, act).startswith("permission denied")
    for act in (other.secrets.transit.list_keys, other.sys.list_mounted_secrets_engines, other.auth.token.lookup_self, other.auth.token.renew_self):
        assert refusal(Forbidden, act).startswith("permission denied")


def test_without_a_grant_everything_is_forbidden(gateway, transit):
    other = principal(gateway, "may-nothing")
    for _, act in everything(other):
        assert refusal(Forbidden, act).startswith("permission denied")
    assert refusal(Forbidden, other.read_key, name="none") == refusal(Forbidden, other.read_key, name=AES)


@pytest.mark.parametrize("operation", ["read", "encrypt", "decrypt", "rewrap", "data-key", "sign", "verify", "mac"])
def test_a_grant_gives_what_it_names(gateway, transit, operation):
    for needed, act in everything(principal(gateway, f"may-{operation}", operation)):
        if needed != operation:
            refusal(Forbidden, act)
        elif operation in ("decrypt", "rewrap"):
            refusal(InvalidRequest, act)
        else:
            data(act())


def test_missing_keys(transit):
    with pytest.raises(InvalidPath) as missing:
        transit.read_key(name="none")
    assert missing.value.errors == []
    for act, more in ((transit.encrypt_data, {"plaintext": ""}), (transit.rotate_key, {}), (transit.sign_data, {"hash_input": ""}), (transit.delete_key, {})):
        refusal(InvalidRequest, act, name="none", **more)


def test_answers_are_not_wrapped(client, transit):
    assert "X-Vault-Wrap-TTL" in refusal(InvalidRequest, client.write, f"transit/encrypt/{AES}", wrap_ttl="60s", plaintext="")


def test_mount_points_and_namespaces():
    with Configured("main", vault={"mounts": [{"mount": "team/transit", "namespace": "payments/prod"}]}) as configured:
        whole, inside = connect(configured), connect(configured, namespace="team")
        data(whole.secrets.transit.create_key(name="dek", mount_point="team/transit"))
        sealed = data(inside.secrets.transit.encrypt_data(name="dek", plaintext=b64(b"x")))["ciphertext"]
        assert data(whole.secrets.transit.decrypt_data(name="dek", ciphertext=sealed, mount_point="team/transit")) == {"plaintext": b64(b"x")}
        assert data(inside.secrets.transit.list_keys()) == {"keys": ["dek"]}
        assert configured.do("GET", "/v1/keys/payments/prod/dek")["algorithm"] == "aes-256-gcm"
        for wrong in (connect(configured, namespace="others"), whole):
            with pytest.raises(InvalidPath):
                wrong.secrets.transit.read_key(name="dek")
