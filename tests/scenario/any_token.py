"""What must hold on every kind of token: it offers what is known of it and refuses the rest, tampering costs it nothing, keys stay themselves, and
nobody with the PIN gets them out in clear."""
import os
import signal

import pytest

import cryptoki_names as names
import table
from clulow import attributes
from configured import Configured
from daemon import Refused, b64, unb64, until
from lacking import can, lacks, signer
from token_table import ALGORITHMS, BEGIN, ids_of, measure
from tokens import kind

SLOW = ["rsa-3072", "rsa-4096"]  # main_job.py makes these
USES = {"aes-256-gcm": "encrypt", "hmac-sha256": "mac", "hmac-sha384": "mac", "hmac-sha512": "mac"}


@pytest.fixture(scope="module")
def gateway():
    with Configured("main") as running:
        running.wait_tokens()
        if can(running, "aes-256-gcm"):
            running.key("token/of/aes", "aes-256-gcm")
        running.key("token/of/signer", signer(running))
        yield running


def refusal(call, *arguments, **more):
    with pytest.raises(Refused) as caught:
        call(*arguments, **more)
    return caught.value


def opens(gateway, sealed):
    return unb64(gateway.verb("token/of/aes", "decrypt", {"ciphertext": sealed})["plaintext"])


def seal(gateway, plaintext):
    return gateway.verb("token/of/aes", "encrypt", {"plaintext": b64(plaintext)})["ciphertext"]


def flipped(sealed):
    raw = unb64(sealed)
    return b64(raw[:-1] + bytes([raw[-1] ^ 1]))


def test_it_offers_what_works_and_refuses_the_rest(gateway):
    probe = gateway.token_status("main")["probe"]
    made = set(SLOW) & set(probe["algorithms"])
    for algorithm in set(ALGORITHMS) - set(SLOW):
        try:
            made.add(gateway.key(f"token/all/{algorithm}", algorithm)["algorithm"])
        except Refused as refused:
            assert (refused.status, refused.code) == (400, "unsupported_by_token")
            assert refused.problem["detail"] == f"The token main does not support {algorithm} for {USES.get(algorithm, 'sign')}."
    assert made == set(probe["algorithms"])


def test_tampering_is_the_callers_fault_alone(gateway):
    sealed = {}
    if can(gateway, "aes-256-gcm"):
        sealed["token/of/aes"] = seal(gateway, b"good")
    if can(gateway, "rsa-2048", "decrypt"):
        gateway.key("token/of/rsa", "rsa-2048", purpose="decrypt")
        sealed["token/of/rsa"] = gateway.verb("token/of/rsa", "encrypt", {"plaintext": b64(b"good")})["ciphertext"]
    if not sealed and lacks(gateway, "aes-256-gcm"):
        return
    before = gateway.token_status("main")
    for _ in range(20):
        for name, ciphertext in sealed.items():
            refused = refusal(gateway.verb, name, "decrypt", {"ciphertext": flipped(ciphertext)})
            assert (refused.status, refused.code) == (400, "invalid_ciphertext")
        for name, ciphertext in sealed.items():
            assert unb64(gateway.verb(name, "decrypt", {"ciphertext": ciphertext})["plaintext"]) == b"good"
    after = gateway.token_status("main")
    assert (after["worker_pid"], after["restarts"], after["state"]) == (before["worker_pid"], before["restarts"], "ready")


def test_keys_outlive_worker_and_gateway(gateway):
    sealed = seal(gateway, b"kept") if can(gateway, "aes-256-gcm") else None
    signature = gateway.verb("token/of/signer", "sign", {"message": b64(b"m")})["signature"]
    worker = gateway.worker("main")
    os.kill(worker, signal.SIGKILL)
    until("the next worker is ready", lambda: gateway.token_status("main").get("worker_pid", worker) != worker and
          gateway.token_status("main")["state"] == "ready")
    assert sealed is None or opens(gateway, sealed) == b"kept"
    gateway.stop()
    gateway.start()
    gateway.wait_tokens()
    assert sealed is None or opens(gateway, sealed) == b"kept"
    assert gateway.verb("token/of/signer", "verify", {"message": b64(b"m"), "signature": signature})["valid"] is True
    gateway.verb("token/of/signer", "sign", {"message": b64(b"m")})


def make_instead(session, algorithm, cka_id):
    """A key of this algorithm, made by somebody else."""
    common = {"TOKEN": True, "ID": cka_id}
    if algorithm == "aes-256-gcm":
        session.generate(names.CKM_AES_KEY_GEN, attributes(CLASS=names.CKO_SECRET_KEY, KEY_TYPE=names.CKK_AES, VALUE_LEN=32, PRIVATE=True, SENSITIVE=True,
                                                           ENCRYPT=True, DECRYPT=True, **common))
    elif algorithm == "ecdsa-p256":
        session.generate_pair(names.CKM_EC_KEY_PAIR_GEN, attributes(EC_PARAMS=bytes.fromhex("06082a8648ce3d030107"), **common),
                              attributes(PRIVATE=True, SENSITIVE=True, SIGN=True, **common))
    else:
        session.generate_pair(names.CKM_RSA_PKCS_KEY_PAIR_GEN, attributes(MODULUS_BITS=2048, PUBLIC_EXPONENT=b"\1\0\1", **common),
                              attributes(PRIVATE=True, SENSITIVE=True, SIGN=True, **common))


def swap(session, algorithm, cka_id):
    """Another key takes the place of this one, under its CKA_ID."""
    for handle in session.find({names.CKA_ID: cka_id}):
        session.destroy(handle)
    make_instead(session, algorithm, cka_id)


@pytest.mark.parametrize("purpose", ["encrypt", "sign"])
def test_a_key_that_was_swapped_is_not_used(gateway, purpose):
    algorithm = "aes-256-gcm" if purpose == "encrypt" else signer(gateway)
    if lacks(gateway, algorithm):
        return
    name = f"token/of/swapped-{purpose}"
    gateway.key(name, algorithm)
    (cka_id,) = ids_of(gateway, name)
    gateway.stop()
    gateway.tokens["main"].look(swap, algorithm, cka_id)
    gateway.start()
    gateway.wait_tokens()
    refused = refusal(gateway.verb, name, purpose, {"plaintext": ""} if purpose == "encrypt" else {"message": ""})
    assert (refused.status, refused.code) == (503, "token_unavailable")
    assert "key swapped" in gateway.whole_log()
    gateway.verb("token/of/signer", "sign", {"message": b64(b"others go on")})


def test_the_documents_table_is_what_it_does(gateway):
    column = measure(gateway)
    assert column["badly made keys come out wrapped"] in ("yes", "-")  # so the attack is one; or the token wraps nothing
    assert column["our keys wrap others"] == "no" and column["our keys take more rights"] == "no"
    probe = gateway.token_status("main")["probe"]
    assert column["copies of our keys wrap others"] == ("yes" if probe["copies_extractable"] else "no")
    assert ("whoever has the PIN can take them out" in gateway.whole_log()) == probe["copies_extractable"]
    assert table.read(BEGIN)[kind()] == column, "run scripts/tokens"
