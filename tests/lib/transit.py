"""Public keys and signatures as Vault's API words them, looked at with `cryptography`, which knows nothing of the gateway."""
import base64

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, utils

from daemon import unb64

SIGNERS = ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa-2048", "rsa-3072", "rsa-4096"]
HASHES = {"sha2-256": hashes.SHA256(), "sha2-384": hashes.SHA384(), "sha2-512": hashes.SHA512()}


def public_key(entry):
    """Of one version as `keys` shows it."""
    if entry["name"] == "ed25519":
        return ed25519.Ed25519PublicKey.from_public_bytes(unb64(entry["public_key"]))
    return serialization.load_pem_public_key(entry["public_key"].encode())


def bare(text, jws=False):
    """The version and the bytes of `vault:vN:…`."""
    scheme, version, rest = text.split(":")
    assert scheme == "vault" and version[0] == "v" and not (jws and "=" in rest)
    return int(version[1:]), base64.urlsafe_b64decode(rest + "==") if jws else unb64(rest)


def is_signed(public, message, signature, hash_algorithm="sha2-256", signature_algorithm="pss", marshaling_algorithm="asn1"):
    """Whether it is the signature of this message that these options ask for."""
    chosen = HASHES[hash_algorithm]
    _, raw = bare(signature, jws=marshaling_algorithm == "jws")
    try:
        if isinstance(public, ed25519.Ed25519PublicKey):
            public.verify(raw, message)
        elif isinstance(public, ec.EllipticCurvePublicKey):
            half = (public.curve.key_size + 7) // 8
            if marshaling_algorithm == "jws":
                assert len(raw) == 2 * half
                raw = utils.encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))
            public.verify(raw, message, ec.ECDSA(chosen))
        else:
            pss = padding.PSS(padding.MGF1(chosen), chosen.digest_size)
            public.verify(raw, message, padding.PKCS1v15() if signature_algorithm == "pkcs1v15" else pss, chosen)
    except InvalidSignature:
        return False
    return True
