"""Material that other programs put on the token: listed, adopted when that is safe, used, and told apart from ours for ever."""
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

import cryptoki_names as names
from clulow import attributes
from configured import Configured
from daemon import Refused, b64, unb64
from planted import pair


def refusal(call, *arguments, **more):
    with pytest.raises(Refused) as caught:
        call(*arguments, **more)
    return caught.value


def put(session, objects):
    for one in objects:
        session.create(one)


def wrapper(session, label, cka_id):
    """A key that gives others away."""
    session.generate(names.CKM_AES_KEY_GEN, attributes(CLASS=names.CKO_SECRET_KEY, KEY_TYPE=names.CKK_AES, VALUE_LEN=32, TOKEN=True, PRIVATE=True,
                                                       SENSITIVE=True, ENCRYPT=True, DECRYPT=True, WRAP=True, UNWRAP=True, LABEL=label, ID=cka_id))


class Shared(Configured):
    """A token that other programs use too."""

    def import_key(self, algorithm, private, label, cka_id):
        """Both halves, as programs of others put them there; the public key."""
        made = []
        for plain in pair(algorithm, private):
            hidden = plain["class"] == names.CKO_PRIVATE_KEY
            guard = {"private": hidden, **({"sensitive": True} if hidden else {})}
            made.append(attributes(**{n.upper(): v for n, v in {**plain, **guard, "token": True, "label": label, "id": bytes.fromhex(cka_id)}.items()}))
        self.tokens["soft"].look(put, made)
        return private.public_key()

    def make(self, label, cka_id):
        self.tokens["soft"].look(wrapper, label, bytes.fromhex(cka_id))

    def listed(self):
        return {o["label"]: o for o in self.do("GET", "/v1/tokens/soft/inventory")["objects"] if o["class"] != "public"}


ALLOW = ["extractable", "modifiable"]


def test_from_the_inventory_to_a_signature():
    gateway = Shared("soft")
    ec_public = gateway.import_key("ecdsa-p256", ec.generate_private_key(ec.SECP256R1()), "old-signer", "a1")
    rsa_public = gateway.import_key("rsa-2048", rsa.generate_private_key(65537, 2048), "old-rsa", "a2")
    gateway.make("theirs", "b1")
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
    gateway.import_key("ecdsa-p256", ec.generate_private_key(ec.SECP256R1()), "theirs", "a1")
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
