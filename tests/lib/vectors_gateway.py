"""A gateway that has the keys of test vectors: secret ones on its token, adopted; public ones as versions in its database.

Of a public key there is no private half to adopt. :verify never asks the token, it reads the version's row: so that is where the key is put, as
a retired version, which verifies and signs no more.
"""
import base64
import hashlib
import uuid

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from planted import Planted, secret
from refusals import edited

BATCH = 256
RETIRED = 4
ADD_VERSION = f"""INSERT INTO versions
 (key_id, number, state, cka_id, identity, public_key, created_at, activated_at, retired_at, published_at, entered_at)
 SELECT key_id, ?2, {RETIRED}, ?3, ?4, ?5, created_at, activated_at, activated_at, published_at, entered_at FROM versions
 WHERE key_id = (SELECT id FROM keys WHERE name = ?1) AND number = 1"""


class Vectors(Planted):
    """`at` says which version of the key v/ALGORITHM has a public key, by algorithm and SubjectPublicKeyInfo."""

    def __init__(self):
        super().__init__(vault={"mounts": [{"mount": "transit", "namespace": "v"}]})
        self.at = {}
        self.ids = {}
        self.line = None  # one connection for all calls

    def name(self, family, key_in_hex):
        return f"v/{family}-{key_in_hex[:32]}"

    def plant_secret(self, family, algorithm, keys_in_hex):
        for key in sorted(keys_in_hex):
            self.plant(self.name(family, key), algorithm, secret(algorithm, bytes.fromhex(key)))

    def add_publics(self, wanted):
        """Versions with these (algorithm, public key) pairs."""
        for algorithm in sorted({algorithm for algorithm, _ in wanted}):
            self.key(f"v/{algorithm}", algorithm)
        with edited(self) as database:
            database.run("BEGIN")
            for algorithm, public in sorted(wanted):
                name = f"v/{algorithm}"
                number = 2 + sum(1 for known, _ in self.at if known == algorithm)
                self.at[algorithm, public] = number
                database.changes(ADD_VERSION, name, number, hashlib.sha256(name.encode() + public).digest(), hashlib.sha256(public).digest(), public)
                database.changes("UPDATE keys SET next_version = ? WHERE name = ?", number + 1, name)
            database.run("COMMIT")

    def items(self, path, items):
        """The answers to these items, over as many batches as it takes; none may be a fault of ours."""
        found = []
        for start in range(0, len(items), BATCH):
            found += self.do("POST", path, {"items": items[start:start + BATCH]}, connection=self.line)["results"]
        assert not any(one["error"]["code"] == "internal" for one in found if "error" in one), found
        return found

    def key_id(self, name):
        if name not in self.ids:
            self.ids[name] = uuid.UUID(self.do("GET", f"/v1/keys/{name}")["id"]).bytes
        return self.ids[name]


# --- JWK ---
def unb64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def public_of_jwk(jwk):
    """(algorithm, SubjectPublicKeyInfo) of an asymmetric key."""
    number = {name: int.from_bytes(unb64url(jwk[name]), "big") for name in ("n", "e", "x", "y") if name in jwk}
    if jwk["kty"] == "RSA":
        algorithm, public = f"rsa-{number['n'].bit_length()}", rsa.RSAPublicNumbers(number["e"], number["n"])
    else:
        curve = {"P-256": ec.SECP256R1, "P-521": ec.SECP521R1}[jwk["crv"]]
        algorithm, public = "ecdsa-" + jwk["crv"].lower().replace("-", ""), ec.EllipticCurvePublicNumbers(number["x"], number["y"], curve())
    return algorithm, public.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def is_right(jwk, scheme, message, signature):
    """Whether the signature is one of this key over these bytes, by `cryptography`."""
    size = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}[scheme[2:]]
    try:
        if scheme.startswith("HS"):
            mac = hmac.HMAC(unb64url(jwk["k"]), size)
            mac.update(message)
            mac.verify(signature)
            return True
        public = load_der_public_key(public_of_jwk(jwk)[1])
        if scheme.startswith("ES"):
            half = len(signature) // 2
            r, s = (int.from_bytes(part, "big") for part in (signature[:half], signature[half:]))
            public.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(size))
        else:
            pss = padding.PSS(padding.MGF1(size), size.digest_size)
            public.verify(signature, message, padding.PKCS1v15() if scheme.startswith("RS") else pss, size)
        return True
    except InvalidSignature:
        return False
