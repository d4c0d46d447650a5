"""People who vote and people who ask, as a test plays them: with keys of their own, and with other software than ours."""
import base64
import datetime
import hashlib
import json
import pathlib
import subprocess

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from jwcrypto import jwe, jwk

from daemon import b64, unb64

# Those of `hsmgated --list-failpoints` that a request or a roster meets.
FAILPOINTS = ["requesting", "requested", "voting", "voted", "deciding", "decided", "opening", "spent", "token-spent", "token-unsealed",
              "opened-on-token", "opened", "roster-publishing", "roster-published"]


def now(seconds=0):
    """RFC 3339, whole seconds, `seconds` from now."""
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def canonical(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Voter:
    """A person with one or more keys; the first one signs unless another is named."""

    def __init__(self, name, *keys, principals=()):
        self.id = name
        self.keys = list(keys) or [ed25519.Ed25519PrivateKey.generate()]
        self.principals = list(principals)

    @classmethod
    def load(cls, path):
        key = serialization.load_pem_private_key(pathlib.Path(path).read_bytes(), None)
        return cls(pathlib.Path(path).stem, key)

    @staticmethod
    def sign(key, message):
        return key.sign(message) if isinstance(key, ed25519.Ed25519PrivateKey) else key.sign(message, ec.ECDSA(hashes.SHA256()))

    def vote(self, statement, decision="approve", at=None, key=0, voter=None):
        """`statement`: bytes. Whatever is asked for is signed, right or wrong."""
        voter = voter or self.id
        at = at or now()
        message = f"hsmgate/v1/vote/{decision}\n{voter}\n{at}\n".encode() + statement
        return {"voter": voter, "decision": decision, "signed_at": at, "signature": b64(self.sign(self.keys[key], message)), "format": "raw"}

    def in_roster(self):
        keys = []
        for key in self.keys:
            spki = b64(key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo))
            kind = "ed25519" if isinstance(key, ed25519.Ed25519PrivateKey) else "ecdsa-p256"
            proof = self.sign(key, f"hsmgate/v1/voter-key\n{self.id}\n{kind}\n{spki}\n\n".encode())
            keys.append({"kind": kind, "public_key": spki, "proof_format": "raw", "proof": b64(proof)})
        return {"id": self.id, "name": self.id.title(), "principals": self.principals, "keys": keys}


def group(name, m, *members, wait=0, within=0):
    return {"id": name, "m": m, "wait_s": wait, "use_within_s": within, "members": list(members)}


def roster(people, groups, number=1, previous=b"", authority="officers", created_at=None):
    """The canonical bytes."""
    return canonical({"format": "hsmgate/v1/roster", "number": number, "previous": sha256(previous) if previous else "",
                      "created_at": created_at or now(), "authority": authority, "people": [p.in_roster() for p in people], "groups": groups})


def roster_statement(new, old, requester="token:admin", group_id="officers", m=2, reason="people change", window=3600, **changes):
    """What the people of the old roster sign to be followed by the new one."""
    new_, old_ = json.loads(new), json.loads(old)
    rule = {"group": group_id, "m": m, "wait_s": 0, "use_within_s": 0}
    fields = {"format": "hsmgate/v1/statement", "kind": "roster", "id": "6f2c1f0e-3c57-4a76-9d6f-0a1b2c3d4e5f", "gateway": "any", "log_key": "any",
              "next_number": new_["number"], "next_sha256": sha256(new), "reason": reason, "ticket": "T-1", "requester": requester, "rule": rule,
              "policy_sha256": sha256(canonical(rule)), "roster_number": old_["number"], "roster_sha256": sha256(old),
              "created_at": now(), "expires_at": now(window), "nonce": b64(b"n" * 32)}
    fields.update(changes)
    return canonical(fields)


class Requester:
    """Makes the key to which the answer is sealed, and opens it with jwcrypto or with the jose command."""

    def __init__(self, curve="P-256"):
        self.key = jwk.JWK.generate(kty="EC", crv=curve)

    @property
    def public(self):
        return json.loads(self.key.export_public())

    def unseal(self, sealed):
        token = jwe.JWE(algs=["ECDH-ES", "A256GCM"])
        token.deserialize(sealed, self.key)
        return token.payload

    def unseal_with_jose(self, sealed, folder):
        path = pathlib.Path(folder) / "recipient.jwk"
        path.write_text(self.key.export_private())
        return subprocess.run(["jose", "jwe", "dec", "-i", "-", "-k", str(path)], input=sealed.encode(), check=True, capture_output=True).stdout


class BreakGlass:
    """Calls about requests on one gateway, and what they need to be about."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.requester = Requester()

    def voters(self):
        return [Voter.load(self.gateway.data / "voters" / f"voter-{i}.pem") for i in (1, 2, 3)]

    def key(self, name="vault/prod/dek", group_id="officers", m=2, **more):
        return self.gateway.key(name, "aes-256-gcm", approval={"group": group_id, "m": m}, **more)

    def seal(self, name="vault/prod/dek", plaintext=b"the secret", context=None):
        body = {"plaintext": b64(plaintext)}
        if context:
            body["context"] = context
        return self.gateway.verb(name, "encrypt", body)["ciphertext"]

    def ask(self, ciphertext, name="vault/prod/dek", reason="the database is down", ticket="INC-1", **more):
        token = more.pop("token", None)
        body = {"key": name, "ciphertext": ciphertext, "reason": reason, "ticket": ticket, "recipient": self.requester.public, **more}
        return self.gateway.do("POST", "/v1/break-glass", body, token=token)

    def request(self, **body):
        return self.gateway.do("POST", "/v1/break-glass", {"reason": "it must be", "ticket": "T-2", **body})

    def vote(self, request, voter, decision="approve", **how):
        vote = voter if isinstance(voter, dict) else voter.vote(unb64(request["statement"]), decision, **how)
        return self.gateway.do("POST", f"/v1/break-glass/{request['id']}:vote", vote)

    def open(self, request, **more):
        return self.gateway.do("POST", f"/v1/break-glass/{request['id']}:open", {}, **more)

    def show(self, request):
        return self.gateway.do("GET", f"/v1/break-glass/{request['id']}")

    def approved(self, ciphertext, voters=None, **more):
        """Asked, and approved by the first two."""
        request = self.ask(ciphertext, **more)
        for voter in (voters or self.voters())[:2]:
            self.vote(request, voter)
        return request

    def publish(self, new, old, votes, **changes):
        statement = roster_statement(new, old, **changes)
        signed = [v if isinstance(v, dict) else v.vote(statement) for v in votes]
        return self.gateway.do("POST", "/v1/roster", {"roster": b64(new), "statement": b64(statement), "votes": signed})


def unb64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
