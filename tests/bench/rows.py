"""The rows of the benchmark, each an operation with a number of connections, and what is promised of some."""
import dataclasses

from daemon import b64

KEY = "/v1/keys/bench/"
MESSAGE = b64(bytes(32))
ONE = {"message": MESSAGE}
PLAIN = {"plaintext": MESSAGE, "context": {"a": "b"}}
SLOW_US, SLOW_SESSIONS = 2000, 16
ALGORITHMS = {"p256": "ecdsa-p256", "rsa": "rsa-2048", "aes": "aes-256-gcm", "jwt": "ecdsa-p256"}


@dataclasses.dataclass
class Row:
    name: str
    operation: str  # of the bare token
    path: str
    body: dict
    connections: int
    batch: int = 1
    tls: bool = False
    slow: bool = False
    quick: bool = False
    target: float | None = None  # part of what the bare token does


def several(connections, quick, name, *rest, targets=None, **more):
    """The same row for each number of connections; those in `quick` belong to the short run too, and `targets` are by connections."""
    return [Row(name, *rest, c, quick=c in quick, target=(targets or {}).get(c), **more) for c in connections]


def make_rows(sealed):
    """`sealed` is a wrapped data key of the AES key, with the context of PLAIN."""
    batches = {"batch": 64, "targets": {16: 0.75}}
    return [
        *several((1, 16, 64, 256), (16, 64), "sign P-256", "sign-p256", KEY + "p256:sign", ONE, targets={64: 0.5}),
        *several((1, 16, 64, 256), (16, 64), "encrypt AES-GCM", "encrypt", KEY + "aes:encrypt", PLAIN, targets={64: 0.3}),
        *several((16, 64), (16,), "sign RSA-2048", "sign-rsa2048", KEY + "rsa:sign", ONE, targets={16: 0.9}),
        *several((16, 64), (16,), "data-key", "data-key", KEY + "aes:data-key", {"bytes": 32, "context": {"a": "b"}}),
        *several((16, 64), (16,), "unwrap", "unwrap", KEY + "aes:unwrap", {"ciphertext": sealed, "context": {"a": "b"}}),
        *several((16, 64), (16,), "JWT P-256", "sign-p256", KEY + "jwt:jwt", {"claims": {"sub": "bench", "aud": "bench"}}),
        *several((4, 16), (16,), "sign P-256, batch of 64", "sign-p256", KEY + "p256:sign", {"items": [ONE] * 64}, **batches),
        *several((4, 16), (16,), "encrypt AES-GCM, batch of 64", "encrypt", KEY + "aes:encrypt", {"items": [PLAIN] * 64}, **batches),
        *several((1, 16, 64), (16,), "sign P-256, TLS", "sign-p256", KEY + "p256:sign", ONE, tls=True),
        *several((16,), (), "encrypt AES-GCM, TLS", "encrypt", KEY + "aes:encrypt", PLAIN, tls=True),
        *several((16, 64, 256), (64,), "sign P-256, slow token", "sign-p256", KEY + "p256:sign", ONE, slow=True, targets={64: 0.9}),
        *several((64,), (), "encrypt AES-GCM, slow token", "encrypt", KEY + "aes:encrypt", PLAIN, slow=True),
    ]
