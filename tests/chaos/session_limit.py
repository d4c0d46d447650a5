"""A token that gives 8 sessions to a gateway that wants 16: it works with those, says so, and asks for no more."""
from chaos import ChaosGateway
from load import Load

LIMIT = 8
WANTED = 16
GIVEN_UP = 5


def test_fewer_sessions_than_channels():
    gateway = ChaosGateway(channels=WANTED)
    gateway.chaos.inject("C_OpenSession", limit=LIMIT)
    with gateway:
        gateway.key("few/it/ec", "ecdsa-p256")
        gateway.key("few/it/aes", "aes-256-gcm")
        opened = gateway.chaos.count("C_OpenSession")
        given_up = gateway.log_text().count("gave a session up")  # by the probe; each is refused one, and gets one when the old is closed
        assert opened == LIMIT + 1 + 2 * given_up  # one that keeps the login, the pool, and the one that was refused
        status = gateway.status()
        assert status["channels"] == status["probe"]["sessions"] == LIMIT - 1
        with Load(gateway, sign="few/it/ec", encrypt="few/it/aes", connections=WANTED) as load:
            load.wait_good()
        load.check(codes=())
        assert gateway.chaos.count("C_OpenSession") == opened
        assert gateway.errors("capacity") == 0 and gateway.status()["restarts"] == 0

        # A session that must be given up is closed when the token has no other, and only then.
        with Load(gateway, sign="few/it/ec", encrypt="few/it/aes", connections=WANTED, name="given-up") as load:
            load.wait_good()
            for _ in range(GIVEN_UP):
                gateway.chaos.inject("C_SignInit", ckr="OPERATION_ACTIVE", times=1).wait()
                load.wait_good()
        load.check(codes=())
        assert gateway.chaos.count("C_CloseSession") == given_up + GIVEN_UP
        assert gateway.status()["restarts"] == 0
