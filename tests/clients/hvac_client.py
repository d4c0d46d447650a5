"""hvac as Debian ships it: what its transit class offers, and the exceptions that it raises."""
import hashlib

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from client import need
from gateway import Gateway, b64, unb64

hvac = need("hvac")


@pytest.fixture(scope="module")
def gateway():
    with Gateway() as running:
        yield running


@pytest.fixture(scope="module")
def client(gateway):
    made = hvac.Client(url=gateway.env["VAULT_ADDR"], token=gateway.env["VAULT_TOKEN"])
    assert made.is_authenticated()
    return made


@pytest.fixture(scope="module")
def transit(client):
    for name, kind in (("aes", "aes256-gcm96"), ("ec", "ecdsa-p256"), ("mac", None)):
        if kind:
            client.secrets.transit.create_key(name=name, key_type=kind)
    client.write("transit/keys/mac", type="hmac")
    return client.secrets.transit


def test_keys(transit):
    key = transit.read_key(name="ec")["data"]
    assert key["latest_version"] == 1 and key["keys"]["1"]["public_key"].startswith("-----BEGIN PUBLIC KEY-----")
    assert {"aes", "ec", "mac"} <= set(transit.list_keys()["data"]["keys"])
    transit.rotate_key(name="aes")
    assert transit.read_key(name="aes")["data"]["latest_version"] == 2
    transit.update_key_configuration(name="aes", min_decryption_version=2, deletion_allowed=True)
    assert transit.read_key(name="aes")["data"]["min_decryption_version"] == 2
    transit.update_key_configuration(name="aes", min_decryption_version=1)
    transit.create_key(name="gone", key_type="ed25519")
    transit.update_key_configuration(name="gone", deletion_allowed=True)
    transit.delete_key(name="gone")
    with pytest.raises(hvac.exceptions.InvalidPath):
        transit.read_key(name="gone")


def test_ciphertexts(transit):
    sealed = transit.encrypt_data(name="aes", plaintext=b64(b"secret"))["data"]["ciphertext"]
    assert unb64(transit.decrypt_data(name="aes", ciphertext=sealed)["data"]["plaintext"]) == b"secret"
    assert transit.rewrap_data(name="aes", ciphertext=sealed)["data"]["ciphertext"].startswith("vault:v")
    batch = transit.encrypt_data(name="aes", plaintext="", batch_input=[{"plaintext": b64(text)} for text in (b"a", b"b")])["data"]["batch_results"]
    opened = transit.decrypt_data(name="aes", ciphertext="", batch_input=[{"ciphertext": item["ciphertext"]} for item in batch])["data"]["batch_results"]
    assert [unb64(item["plaintext"]) for item in opened] == [b"a", b"b"]
    made = transit.generate_data_key(name="aes", key_type="plaintext", bits=512)["data"]
    assert transit.decrypt_data(name="aes", ciphertext=made["ciphertext"])["data"]["plaintext"] == made["plaintext"]
    with pytest.raises(hvac.exceptions.InvalidRequest):
        transit.decrypt_data(name="aes", ciphertext="vault:v1:AAAA")


def test_signatures(transit):
    message = b"to be signed"
    public = serialization.load_pem_public_key(transit.read_key(name="ec")["data"]["keys"]["1"]["public_key"].encode())
    for form in ("asn1", "jws"):
        made = transit.sign_data(name="ec", hash_input=b64(message), hash_algorithm="sha2-256", marshaling_algorithm=form)["data"]["signature"]
        assert transit.verify_signed_data(name="ec", hash_input=b64(message), signature=made, hash_algorithm="sha2-256", marshaling_algorithm=form)["data"]["valid"]
        if form == "asn1":
            public.verify(unb64(made.split(":")[2]), message, ec.ECDSA(hashes.SHA256()))
    made = transit.generate_hmac(name="mac", hash_input=b64(message), algorithm="sha2-256")["data"]["hmac"]
    assert transit.verify_signed_data(name="mac", hash_input=b64(message), hmac=made)["data"]["valid"]


def test_what_needs_no_key(client, transit):
    assert len(unb64(transit.generate_random_bytes(n_bytes=24)["data"]["random_bytes"])) == 24
    assert transit.hash_data(hash_input=b64(b"x"), algorithm="sha2-512")["data"]["sum"] == hashlib.sha512(b"x").hexdigest()
    assert client.sys.read_health_status(method="GET")["sealed"] is False and client.sys.read_seal_status()["initialized"]
    assert "transit/" in client.sys.list_mounted_secrets_engines()["data"]
    assert client.auth.token.lookup_self()["data"]["display_name"] == "token:admin"


def test_what_is_refused(gateway, transit):
    with pytest.raises(hvac.exceptions.InvalidRequest):
        transit.create_key(name="leaks", exportable=True)
    with pytest.raises(hvac.exceptions.InvalidRequest):
        transit.export_key(name="aes", key_type="encryption-key")
    for token in ("hg_wrong", gateway.do("POST", "/v1/auth/tokens", {"name": "nobody", "ttl": "1h"})["token"]):
        other = hvac.Client(url=gateway.env["VAULT_ADDR"], token=token)
        with pytest.raises(hvac.exceptions.Forbidden):
            other.secrets.transit.read_key(name="aes")
    assert not hvac.Client(url=gateway.env["VAULT_ADDR"], token="hg_wrong").is_authenticated()
