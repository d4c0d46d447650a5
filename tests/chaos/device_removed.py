"""The device is taken away under load and put back.

While it is away requests are refused at once and no PIN is spent on it; then it serves again by itself."""
from chaos import ChaosGateway
from daemon import until
from load import Load


def test_a_device_that_is_removed_and_comes_back():
    with ChaosGateway() as gateway:
        gateway.key("away/it/ec", "ecdsa-p256")
        gateway.key("away/it/aes", "aes-256-gcm")
        front, chaos = gateway.process.pid, gateway.chaos
        with Load(gateway, sign="away/it/ec", encrypt="away/it/aes") as load:
            load.wait_good()
            logins = chaos.count("C_Login")
            away = chaos.inject("*", lose="device")
            load.wait_refused()
            seen = chaos.incarnation
            until("other workers look for it, with pauses", lambda: chaos.incarnation >= seen + 3 and gateway.status()["state"] == "down")
            assert "no token" in gateway.status()["last_error"]
            ready = gateway.call("GET", "/readyz", token="")
            assert (ready.status, ready.json["tokens"]) == (503, {"main": "failing"})
            assert gateway.call("GET", "/healthz", token="").status == 200
            assert chaos.count("C_Login") == logins
            away.clear()
            load.wait_good()
            assert chaos.count("C_Login") == logins + 1
        load.check()
        assert gateway.process.pid == front and gateway.process.poll() is None
        assert gateway.call("GET", "/readyz", token="").status == 200
        assert gateway.errors("device_lost") > 0 and gateway.errors("key_missing") == 0
