"""A gateway whose keys' bytes are known, and every step that its three dialects offer with a value: for a search through them.

Two keys of each purpose, one of them with an older version that still opens; every answer is watched: it must not hold a key's bytes,
nor be a fault of ours.
"""
import json
import secrets as random
import urllib.parse

from cryptography.hazmat.primitives.asymmetric import ec, rsa

import sigv4
from api_search import Value
from leaks import Leaks
from planted import Planted, big, pair, secret
from verb_steps import steps

DECRYPT = {"purpose": "decrypt"}
KEYS = {"a1": ("aes-256-gcm", {}), "a2": ("aes-256-gcm", {}), "h1": ("hmac-sha256", {}), "h2": ("hmac-sha256", {}), "s1": ("ecdsa-p256", {}),
        "s2": ("rsa-2048", {}), "r1": ("rsa-2048", DECRYPT), "r2": ("rsa-2048", DECRYPT)}
ROTATED = ("a1", "h1", "s1", "r1")
PATIENCE = 50
CONSTANT = b"as long as a digest: 32 bytes..."


def fresh(algorithm, purpose=None):
    """Objects of a new key, and its secret parts by name."""
    if algorithm.startswith(("aes", "hmac")):
        value = random.token_bytes(32)
        return secret(algorithm, value), {"value": value}
    if algorithm.startswith("ecdsa"):
        private = ec.generate_private_key(ec.SECP256R1())
        return pair(algorithm, private), {"d": private.private_numbers().private_value.to_bytes(32, "big")}
    private = rsa.generate_private_key(65537, 2048)
    numbers = private.private_numbers()
    return pair(algorithm, private, purpose or "sign"), {name: big(getattr(numbers, name)) for name in ("d", "p", "q", "dmp1", "dmq1", "iqmp")}


class Misused(Planted):
    def __init__(self):
        super().__init__(vault={"mounts": [{"mount": "transit", "namespace": "m"}]}, aws={"account": "123456789012"}, xks={"namespace": "m"})
        self.secrets = {"PIN": self.tokens["soft"].pin.encode()}
        self.second = {}
        self.calls = 0
        for name, (algorithm, fields) in KEYS.items():
            objects, parts = fresh(algorithm, fields.get("purpose"))
            self.plant(f"m/{name}", algorithm, objects, **fields)
            self.secrets |= {f"{name}@1 {part}": value for part, value in parts.items()}
        for name in ROTATED:
            algorithm, fields = KEYS[name]
            objects, parts = fresh(algorithm, fields.get("purpose"))
            self.second[name] = self.lay(objects)
            self.secrets |= {f"{name}@2 {part}": value for part, value in parts.items()}
        self.put_all()
        self.leaks = Leaks(self.secrets)

    def prepare(self):
        """Adopts the first versions, makes a value of each kind with them, and rotates to the second: what is known from then on."""
        self.adopt_all()
        self.line = self.connect()
        made = self.do("POST", "/v1/auth/access-keys", {"name": "aws", "ttl": "1h", "subject": "admin"})
        self.credentials = made["access_key_id"], made["secret_access_key"]
        constant = Value(CONSTANT, "constant")
        known = [constant] + [out for step in steps(self) for out in step.run([constant])[0]]
        for name, cka_id in self.second.items():
            self.do("POST", f"/v1/keys/m/{name}:rotate", {"immediate": True, "adopt": {"cka_id": cka_id, "allow": ["modifiable"]}})
        return known

    # --- calls ---
    def ask(self, method, path, body=None, **more):
        """Any answer, watched."""
        answer = self.call(method, path, body, connection=self.line, **more)
        self.watch(f"{method} {path} {more.get('headers', {}).get('X-Amz-Target', '')}", answer)
        return answer

    def watch(self, what, answer):
        self.calls += 1
        self.leaks.look_at(what, answer)
        assert answer.status < 500, (what, answer.status, answer.body)

    def native(self, path):
        def send(items):
            answer = self.ask("POST", f"/v1/keys/m/{path}", {"items": items})
            results = answer.json["results"] if answer.status == 200 else [{"error": answer.json}] * len(items)
            assert not any(one["error"]["status"] >= 500 for one in results if "error" in one), (path, items, results)
            return [None if "error" in one else one for one in results]
        return send

    def vault(self, path, **more):
        def send(items):
            answer = self.ask("POST", f"/v1/transit/{path}", {"batch_input": items, **more})
            results = (answer.json.get("data") or {}).get("batch_results", [{"error": "all"}] * len(items))
            return [None if one.get("error") else one for one in results]
        return send

    def aws(self, operation):
        headers = {"X-Amz-Target": f"TrentService.{operation}", "Content-Type": "application/x-amz-json-1.1"}

        def send(items):
            answers = [self.ask("POST", "/", one, headers=headers) for one in items]
            return [answer.json if answer.status == 200 else None for answer in answers]
        return send

    def xks(self, key, operation):
        path = f"/kms/xks/v1/keys/{key}/{operation}"
        metadata = {"awsPrincipalArn": "a", "kmsKeyArn": "k", "kmsOperation": "o", "kmsRequestId": "1"}
        headers = {"Host": urllib.parse.urlsplit(self.address).netloc, "Content-Type": "application/json"}

        def send_one(item):
            body = json.dumps({"requestMetadata": metadata, "encryptionAlgorithm": "AES_GCM", **item}).encode()
            for _ in range(PATIENCE):  # the answer is due in 250 ms, and the machine may be busy
                signed = sigv4.sign("POST", path, headers, body, *self.credentials, service="kms-xks-proxy")
                answer = self.call("POST", path, body, token="", headers=signed, connection=self.line)
                if answer.status != 503:
                    break
            self.watch(f"POST {path}", answer)
            return answer.json if answer.status == 200 else None

        def send(items):
            return [send_one(item) for item in items]
        return send
