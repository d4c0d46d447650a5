"""What must hold on every kind of token: it offers what is known of it and refuses the rest, tampering costs it nothing, keys stay themselves, and
nobody with the PIN gets them out in clear."""
import os
import pathlib
import signal

import pytest

import cryptoki_names as names
from clulow import attributes
from configured import Configured
from daemon import Refused, b64, unb64, until
from token_table import ALGORITHMS, DOCUMENT, ids_of, measure, read
from tokens import kind

SLOW = ["rsa-3072", "rsa-4096"]  # main_job.py makes these
LACKS = {"softhsm": {"rsa-oaep-sha256"}, "nss": {"ed25519"}}


@pytest.fixture(scope="module")
def gateway():
    with Configured("main") as running:
        running.key("token/of/aes", "aes-256-gcm")
        running.key("token/of/ec", "ecdsa-p256")
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
    lacks = LACKS.get(kind(), set())
    probe = gateway.token_status("main")["probe"]
    assert set(ALGORITHMS) - set(probe["algorithms"]) == lacks & set(ALGORITHMS)
    assert {"rsa-oaep-sha1", "rsa-oaep-sha256"} - set(probe["mechanisms"]) == lacks - set(ALGORITHMS)
    made = set(SLOW)
    for algorithm in set(ALGORITHMS) - set(SLOW):
        try:
            made.add(gateway.key(f"token/all/{algorithm}", algorithm)["algorithm"])
        except Refused as refused:
            assert (refused.status, refused.code) == (400, "unsupported_by_token")
            assert refused.problem["detail"] == f"The token main does not support {algorithm} for sign."
    assert made == set(probe["algorithms"])


def test_tampering_is_the_callers_fault_alone(gateway):
    before = gateway.token_status("main")
    sealed = seal(gateway, b"good")
    gateway.key("token/of/rsa", "rsa-2048", purpose="decrypt")
    by_rsa = gateway.verb("token/of/rsa", "encrypt", {"plaintext": b64(b"good")})["ciphertext"]
    for _ in range(20):
        for name, ciphertext in (("token/of/aes", sealed), ("token/of/rsa", by_rsa)):
            refused = refusal(gateway.verb, name, "decrypt", {"ciphertext": flipped(ciphertext)})
            assert (refused.status, refused.code) == (400, "invalid_ciphertext")
        assert opens(gateway, sealed) == b"good"
    assert unb64(gateway.verb("token/of/rsa", "decrypt", {"ciphertext": by_rsa})["plaintext"]) == b"good"
    after = gateway.token_status("main")
    assert (after["worker_pid"], after["restarts"], after["state"]) == (before["worker_pid"], before["restarts"], "ready")


def test_keys_outlive_worker_and_gateway(gateway):
    sealed = seal(gateway, b"kept")
    signature = gateway.verb("token/of/ec", "sign", {"message": b64(b"m")})["signature"]
    worker = gateway.worker("main")
    os.kill(worker, signal.SIGKILL)
    until("the next worker is ready", lambda: gateway.token_status("main").get("worker_pid", worker) != worker and
          gateway.token_status("main")["state"] == "ready")
    assert opens(gateway, sealed) == b"kept"
    gateway.stop()
    gateway.start()
    assert opens(gateway, sealed) == b"kept"
    assert gateway.verb("token/of/ec", "verify", {"message": b64(b"m"), "signature": signature})["valid"] is True
    gateway.verb("token/of/ec", "sign", {"message": b64(b"m")})


def swap(session, cka_id):
    """Another AES key takes the place of this one, under its CKA_ID."""
    for handle in session.find({names.CKA_ID: cka_id}):
        session.destroy(handle)
    session.generate(names.CKM_AES_KEY_GEN, attributes(
        CLASS=names.CKO_SECRET_KEY, KEY_TYPE=names.CKK_AES, VALUE_LEN=32, TOKEN=True, PRIVATE=True, SENSITIVE=True, ID=cka_id, ENCRYPT=True, DECRYPT=True))


def test_a_key_that_was_swapped_is_not_used(gateway):
    gateway.key("token/of/swapped", "aes-256-gcm")
    (cka_id,) = ids_of(gateway, "token/of/swapped")
    gateway.stop()
    gateway.tokens["main"].look(swap, cka_id)
    gateway.start()
    refused = refusal(gateway.verb, "token/of/swapped", "encrypt", {"plaintext": ""})
    assert (refused.status, refused.code) == (503, "token_unavailable")
    assert "key swapped" in gateway.whole_log()
    assert opens(gateway, seal(gateway, b"others go on")) == b"others go on"


def test_the_documents_table_is_what_it_does(gateway):
    column = measure(gateway)
    assert column["badly made keys come out wrapped"] == "yes"  # so the attack is one
    assert column["our keys wrap others"] == "no" and column["our keys take more rights"] == "no"
    probe = gateway.token_status("main")["probe"]
    assert column["copies of our keys wrap others"] == ("yes" if probe["copies_extractable"] else "no")
    assert ("whoever has the PIN can take them out" in gateway.whole_log()) == probe["copies_extractable"]
    assert read(pathlib.Path(DOCUMENT).read_text())[kind()] == column, "run scripts/tokens"
