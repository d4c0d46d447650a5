"""Behind the CKA_ID of a key is suddenly another one.

It is never used, whoever watches is told, the keys beside it serve, and it ends when the right key is back."""
import pytest

from chaos import ChaosGateway
from load import Load

KEYS = {"ecdsa-p256": "sign", "aes-256-gcm": "encrypt", "hmac-sha256": "mac"}


@pytest.fixture(scope="module")
def gateway():
    with ChaosGateway() as gateway:
        for algorithm in KEYS:
            for name in ("right", "wrong"):
                gateway.key(f"swap/{name}/{algorithm}", algorithm)
        yield gateway


def use(gateway, name, algorithm):
    field = "plaintext" if KEYS[algorithm] == "encrypt" else "message"
    return gateway.call("POST", f"/v1/keys/swap/{name}/{algorithm}:{KEYS[algorithm]}", {field: "aGVsbG8="})


@pytest.mark.parametrize("algorithm", KEYS)
def test_swapped(gateway, algorithm):
    alarms = gateway.errors("key_swapped")
    ids = [gateway.cka_id(f"swap/{name}/{algorithm}") for name in ("right", "wrong")]
    swap = gateway.chaos.inject("C_FindObjectsInit", swap=ids)
    gateway.chaos.inject("C_GenerateRandom", lose="login", times=1)  # after which handles are looked for again
    assert gateway.do("POST", "/v1/random", {"bytes": 16})
    for _ in range(3):
        answer = use(gateway, "right", algorithm)
        assert (answer.status, answer.json["code"]) == (503, "token_unavailable"), answer.body
        assert use(gateway, "wrong", algorithm).status == 200
    assert gateway.errors("key_swapped") == alarms + 3
    assert "error object: the object with the CKA_ID of a key is another key" in gateway.log_text()
    swap.clear()
    assert use(gateway, "right", algorithm).status == 200
    assert gateway.status()["restarts"] == 0


def test_swapped_under_load(gateway):
    right, wrong = "swap/right/ecdsa-p256", "swap/wrong/ecdsa-p256"
    ids = [gateway.cka_id(name) for name in (right, wrong)]
    load = Load(gateway, sign=right, name="right", connections=4)
    other = Load(gateway, sign=wrong, encrypt="swap/right/aes-256-gcm", name="other", connections=4)
    with load, other:
        load.wait_good()
        other.wait_good()
        swap = gateway.chaos.inject("C_FindObjectsInit", swap=ids)
        gateway.chaos.inject("C_SignInit", lose="login", times=1)
        load.wait_refused()
        other.wait_good()
        swap.clear()
        load.wait_good()
    load.check()
    other.check(codes=())
    assert gateway.status()["restarts"] == 0
