"""The module crashes in the middle of a call, in several ways.

The front lives, what is idempotent is tried once more, no key is made twice, and it goes on."""
import pytest

from chaos import ChaosGateway
from daemon import until
from load import Load

CRASHES = (("C_SignInit", "SIGSEGV", False), ("C_Sign", "exit", True), ("C_Encrypt", "SIGABRT", True), ("C_Decrypt", "SIGSEGV", False))


@pytest.fixture(scope="module")
def gateway():
    with ChaosGateway() as gateway:
        gateway.key("crash/it/ec", "ecdsa-p256")
        gateway.key("crash/it/aes", "aes-256-gcm")
        front = gateway.process.pid
        yield gateway
        assert gateway.process.pid == front and gateway.process.poll() is None


def test_a_crash_in_the_login(gateway):
    """The next worker crashes where the PIN is given; the one after it gives it again: the token never said that it is wrong."""
    logins = gateway.chaos.count("C_Login")
    with Load(gateway, sign="crash/it/ec", encrypt="crash/it/aes", name="login") as load:
        load.wait_good()
        gateway.chaos.inject("C_Login", crash="SIGABRT", times=1)
        gateway.chaos.inject("C_Sign", crash="SIGSEGV", times=1).wait()
        load.wait_good()
    load.check()
    assert gateway.chaos.count("C_Login") == logins + 2
    assert gateway.main.latch_files() == []


def test_crashes_at_work(gateway):
    before = gateway.status()["restarts"]
    with Load(gateway, sign="crash/it/ec", encrypt="crash/it/aes", name="work") as load:
        load.wait_good()
        for function, how, done in CRASHES:
            gateway.chaos.inject(function, crash=how, done=done, times=1).wait()
            load.wait_good()
    load.check()
    gateway.wait_ready()
    assert gateway.status()["restarts"] == before + len(CRASHES)


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("algorithm,function", [("ecdsa-p256", "C_GenerateKeyPair"), ("aes-256-gcm", "C_GenerateKey")])
def test_a_crash_while_a_key_is_made(gateway, algorithm, function, done):
    """It may have been made already, so it is not tried again. Who asks anew gets the one key of that name; what was half made is gone then."""
    wanted = {"name": f"crash/made/{algorithm}-{done}".lower(), "algorithm": algorithm, "owner": "tests"}
    made = gateway.chaos.count(function)
    gateway.wait_ready()
    gateway.chaos.inject(function, crash="SIGSEGV", done=done, times=1)
    with Load(gateway, encrypt="crash/it/aes", connections=2, name=f"made-{algorithm}-{done}") as load:
        answer = gateway.call("POST", "/v1/keys", wanted)
        assert (answer.status, answer.json["code"]) == (503, "token_unavailable")
        assert gateway.chaos.count(function) == made + 1
        load.wait_good()
        until("the name is free", lambda: gateway.call("POST", "/v1/keys", wanted).status == 201)
    load.check()
    assert gateway.chaos.count(function) == made + 2
    inventory = gateway.do("GET", "/v1/tokens/main/inventory")
    assert inventory["missing"] == [] and {o["status"] for o in inventory["objects"]} == {"ours"}
    assert [o["version"] for o in inventory["objects"] if o["key"] == wanted["name"] and o["class"] != "public"] == [1]


def test_a_crash_loop_is_slowed_down(gateway):
    """Between workers that die soon are pauses, in which callers are refused at once."""
    with Load(gateway, sign="crash/it/ec", encrypt="crash/it/aes", name="loop") as load:
        load.wait_good()
        loop = gateway.chaos.inject("C_Sign", crash="SIGSEGV")
        for number in range(1, 5):
            loop.wait(number)
            until("it pauses", lambda: gateway.status()["state"] == "down")
            load.wait_refused()
        loop.clear()
        load.wait_good()
    load.check()
