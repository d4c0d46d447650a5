"""Material that other programs put on the token: listed, adopted when that is safe, used, and told apart from ours for ever."""
import os
import subprocess

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from configured import MODULE, Configured
from daemon import Refused, b64, unb64


def refusal(call, *arguments, **more):
    with pytest.raises(Refused) as caught:
        call(*arguments, **more)
    return caught.value


class Shared(Configured):
    """A token that other programs use too."""

    def run(self, *words):
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ, **self.environment))

    def import_key(self, private, label, cka_id):
        path = self.data / f"{label}.pem"
        path.write_bytes(private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        token = self.tokens["soft"]
        self.run("softhsm2-util", "--import", str(path), "--token", token.label, "--label", label, "--id", cka_id, "--pin", token.pin)
        return private.public_key()

    def make(self, label, cka_id, *how):
        token = self.tokens["soft"]
        self.run("pkcs11-tool", "--module", MODULE, "--token-label", token.label, "--login", "--pin", token.pin, "--label", label, "--id", cka_id, *how)

    def listed(self):
        return {o["label"]: o for o in self.do("GET", "/v1/tokens/soft/inventory")["objects"] if o["class"] != "public"}


ALLOW = ["extractable", "modifiable"]


def test_from_the_inventory_to_a_signature():
    gateway = Shared("soft")
    ec_public = gateway.import_key(ec.generate_private_key(ec.SECP256R1()), "old-signer", "a1")
    rsa_public = gateway.import_key(rsa.generate_private_key(65537, 2048), "old-rsa", "a2")
    gateway.make("theirs", "b1", "--keygen", "--key-type", "AES:32")
    with gateway:
        listed = gateway.listed()
        assert listed["old-signer"]["status"] == "adoptable" and listed["old-signer"]["cka_id"] == "a1"
        assert {"imported", "modifiable"} <= set(listed["old-signer"]["attributes"])
        # a key of ours that begins with their material
        asked = {"name": "a/signer", "algorithm": "ecdsa-p256", "owner": "x", "adopt": {"label": "old-signer"}}
        no = refusal(gateway.do, "POST", "/v1/keys", asked)
        assert "modifiable" in no.problem["detail"] and no.status in (400, 409), no
        asked["adopt"]["allow"] = ALLOW
        made = gateway.do("POST", "/v1/keys", asked)
        version = made["versions"][0]
        assert version["origin"] == "adopted" and {"imported", "modifiable"} <= set(version["attributes"])
        signed = gateway.verb("a/signer", "sign", {"message": b64(b"m")})
        ec_public.verify(unb64(signed["signature"]), b"m", ec.ECDSA(hashes.SHA256()))
        assert gateway.listed()["old-signer"]["status"] == "ours" and gateway.listed()["old-signer"]["key"] == "a/signer"
        # a version beside ours, by CKA_ID
        gateway.key("a/rsa", "rsa-2048")
        gateway.verb("a/rsa", "rotate", {"immediate": True, "adopt": {"cka_id": "a2", "allow": ALLOW}})
        signed = gateway.verb("a/rsa", "sign", {"message": b64(b"m"), "scheme": "PS256"})
        assert signed["version"] == 2
        rsa_public.verify(unb64(signed["signature"]), b"m", padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
        # not twice, not what is not there, not what would give keys away
        asked.update(name="a/again")
        assert refusal(gateway.do, "POST", "/v1/keys", asked).status == 409
        asked["adopt"]["label"] = "nobody"
        assert refusal(gateway.do, "POST", "/v1/keys", asked).code == "not_found"
        leaky = {"name": "a/leaky", "algorithm": "aes-256-gcm", "owner": "x", "adopt": {"label": "theirs", "allow": ALLOW}}
        assert "wrap" in refusal(gateway.do, "POST", "/v1/keys", leaky).problem["detail"]
        assert gateway.listed()["theirs"]["status"] == "foreign" and "give other keys away" in gateway.listed()["theirs"]["why"]
        # it stays marked, and is told to who looks for it
        gateway.stop()
        gateway.start()
        assert gateway.do("GET", "/v1/keys/a/signer")["versions"][0]["origin"] == "adopted"
        findings = gateway.do("GET", "/v1/lint")["findings"]
        assert {"a/signer", "a/rsa"} <= {f["subject"] for f in findings if f["rule"] == "material-known-outside"}
        record = next(r for r in gateway.records() if r.get("key") == "a/signer" and r.get("operation") == "create" and r["outcome"] == "ok")
        assert "old-signer" in str(record["detail"])


def test_adopting_is_for_those_who_manage_the_gateway():
    gateway = Shared("soft")
    gateway.import_key(ec.generate_private_key(ec.SECP256R1()), "theirs", "a1")
    with gateway:
        maker = gateway.make_bearer("maker")
        gateway.do("PUT", "/v1/grants/maker", {"principal": "token:maker", "keys": "a/*", "operations": ["create", "rotate", "read"],
                                              "justification": "makes keys"})
        asked = {"name": "a/k", "algorithm": "ecdsa-p256", "owner": "x", "adopt": {"label": "theirs", "allow": ALLOW}}
        assert refusal(gateway.do, "POST", "/v1/keys", asked, token=maker).status == 403
        del asked["adopt"]
        assert gateway.do("POST", "/v1/keys", asked, token=maker)["primary"] == 1
        body = {"immediate": True, "adopt": {"label": "theirs", "allow": ALLOW}}
        assert refusal(gateway.do, "POST", "/v1/keys/a/k:rotate", body, token=maker).status == 403
        assert gateway.verb("a/k", "rotate", body)["version"] == 2
