"""The module says CKR_OK and gives what cannot be true: the wrong length, one byte again and again, random bytes that came before.

Nothing of that reaches a caller, and no IV is used twice: the worker dies of it, and for as long as the module lies the callers get 503."""
import pytest

from chaos import ChaosGateway
from daemon import until
from load import Load


@pytest.fixture(scope="module")
def gateway():
    with ChaosGateway() as gateway:
        gateway.key("lie/it/ec", "ecdsa-p256")
        gateway.key("lie/it/aes", "aes-256-gcm")
        front = gateway.process.pid
        yield gateway
        assert gateway.process.pid == front and gateway.process.poll() is None


def load(gateway, name):
    return Load(gateway, sign="lie/it/ec", encrypt="lie/it/aes", name=name)


def test_random_bytes_that_repeat(gateway):
    """Every IV of every 200 is another one (Load.check); while the generator is stuck, no worker gets ready, and none of them seals anything."""
    found = gateway.errors("lying")
    with load(gateway, "stuck") as callers:
        callers.wait_good()
        stuck = gateway.chaos.inject("C_GenerateRandom", repeat=True).wait(2)
        until("new workers do not start", lambda: "random bytes repeat" in gateway.status().get("last_error", ""))
        seals, seen = gateway.chaos.count("C_Encrypt"), gateway.chaos.incarnation
        until("more workers have tried", lambda: gateway.chaos.incarnation >= seen + 2)
        assert gateway.chaos.count("C_Encrypt") == seals
        stuck.clear()
        callers.wait_good()
    callers.check()
    assert gateway.errors("lying") > found


LIES = {
    "short signature": ("C_Sign", {"shorter": 1}), "much too long signature": ("C_Sign", {"longer": 1 << 40}),
    "zero signature": ("C_Sign", {"fill": 0}),
    "short ciphertext": ("C_Encrypt", {"shorter": 1}), "constant ciphertext": ("C_Encrypt", {"fill": 0x5A}),
    "long plaintext": ("C_Decrypt", {"longer": 1}), "much too long plaintext": ("C_Decrypt", {"longer": 1 << 20}),
}


@pytest.mark.parametrize("lie", LIES)
def test_lies(gateway, lie):
    function, how = LIES[lie]
    found, ready = gateway.errors("lying"), gateway.wait_ready()
    sealed = gateway.verb("lie/it/aes", "encrypt", {"plaintext": "aGVsbG8="})["ciphertext"]
    path, body = {"C_Sign": ("ec:sign", {"message": ""}), "C_Encrypt": ("aes:encrypt", {"plaintext": "aGVsbG8="}),
                  "C_Decrypt": ("aes:decrypt", {"ciphertext": sealed})}[function]
    lies = gateway.chaos.inject(function, **how)
    answer = gateway.call("POST", f"/v1/keys/lie/it/{path}", body)
    assert (answer.status, answer.json["code"]) == (503, "token_unavailable"), answer.body
    lies.clear()
    after = gateway.wait_ready()
    assert gateway.errors("lying") > found and after["worker_pid"] != ready["worker_pid"]
    assert "worker killed: lying module" in gateway.log_text()
    assert gateway.call("POST", f"/v1/keys/lie/it/{path}", body).status == 200


def test_lies_under_load(gateway):
    with load(gateway, "lies") as callers:
        callers.wait_good()
        for function, how in (("C_Sign", {"fill": 0}), ("C_Decrypt", {"longer": 100}), ("C_Encrypt", {"shorter": 3})):
            lies = gateway.chaos.inject(function, **how).wait()
            callers.wait_refused()
            lies.clear()
            callers.wait_good()
    callers.check()
