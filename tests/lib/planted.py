"""Keys whose bytes the test knows: objects that it puts on a SoftHSM token, with the roles that ours have, and that the gateway adopts.

Run as a program this file is the one that speaks PKCS#11, in a process of its own: SoftHSM's OpenSSL is not the test's. It reads objects from
standard input, and the PIN from the environment.
"""
import ctypes
import json
import os
import subprocess
import sys

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from configured import MODULE, Configured

# pkcs11t.h
CKA = {"class": 0x0, "token": 0x1, "private": 0x2, "label": 0x3, "value": 0x11, "key_type": 0x100, "id": 0x102, "sensitive": 0x103,
       "encrypt": 0x104, "decrypt": 0x105, "wrap": 0x106, "unwrap": 0x107, "sign": 0x108, "verify": 0x10a, "derive": 0x10c,
       "modulus": 0x120, "public_exponent": 0x122, "private_exponent": 0x123, "prime_1": 0x124, "prime_2": 0x125, "exponent_1": 0x126,
       "exponent_2": 0x127, "coefficient": 0x128, "extractable": 0x162, "modifiable": 0x170, "ec_params": 0x180, "ec_point": 0x181}
PUBLIC, PRIVATE, SECRET = 2, 3, 4
RSA, EC, GENERIC, AES = 0x0, 0x3, 0x10, 0x1f
CURVES = {"ecdsa-p256": "06082a8648ce3d030107", "ecdsa-p384": "06052b81040022"}
ROLES = {SECRET: ("encrypt", "decrypt", "sign", "verify", "wrap", "unwrap", "derive"), PRIVATE: ("decrypt", "sign", "unwrap", "derive"),
         PUBLIC: ("encrypt", "verify", "wrap", "derive")}


def big(number):
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def classed(kind, *given):
    """The class of an object, and its roles: no more than are given."""
    return {"class": kind, **{role: role in given for role in ROLES[kind]}}


def secret(algorithm, value):
    """The object of a secret key."""
    aes = algorithm.startswith("aes")
    return [{**classed(SECRET, *(("encrypt", "decrypt") if aes else ("sign",))), "key_type": AES if aes else GENERIC, "value": value}]


def pair(algorithm, private, purpose="sign"):
    """The objects of a key pair."""
    public_role, private_role = ("encrypt", "decrypt") if purpose == "decrypt" else ("verify", "sign")
    numbers = private.private_numbers()
    if isinstance(private, ec.EllipticCurvePrivateKey):
        point = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        common = {"key_type": EC, "ec_params": bytes.fromhex(CURVES[algorithm])}
        private_part = {"value": numbers.private_value.to_bytes((private.key_size + 7) // 8, "big")}
        public_part = {"ec_point": bytes([4, len(point)]) + point}
    else:
        common = {"key_type": RSA, "modulus": big(numbers.public_numbers.n), "public_exponent": big(numbers.public_numbers.e)}
        private_part = {"private_exponent": big(numbers.d), "prime_1": big(numbers.p), "prime_2": big(numbers.q), "exponent_1": big(numbers.dmp1),
                        "exponent_2": big(numbers.dmq1), "coefficient": big(numbers.iqmp)}
        public_part = {}
    return [{**classed(PRIVATE, private_role), **common, **private_part}, {**classed(PUBLIC, public_role), **common, **public_part}]


def finished(objects, cka_id):
    """With the attributes that every object of a key has."""
    for plain in objects:
        hidden = plain["class"] != PUBLIC
        guard = {"private": hidden, **({"sensitive": True, "extractable": False} if hidden else {})}
        yield {**plain, **guard, "token": True, "modifiable": False, "id": cka_id, "label": b"planted " + cka_id.hex().encode()}


class Planted(Configured):
    """A gateway on one token, and keys that are planted before it starts and adopted afterwards."""

    def __init__(self, **options):
        super().__init__("soft", **options)
        self.waiting = []
        self.adoptions = []

    def lay(self, objects):
        """Notes objects of one key for the token; its CKA_ID, in hex."""
        cka_id = b"\xff" + len(self.waiting).to_bytes(4, "big")  # ten digits, which are no base64
        self.waiting.append(list(finished(objects, cka_id)))
        return cka_id.hex()

    def plant(self, name, algorithm, objects, **fields):
        """Notes a key for the token that `adopt_all` will name NAME."""
        # SoftHSM says modifiable of whatever was imported
        adopt = {"cka_id": self.lay(objects), "allow": ["modifiable"]}
        self.adoptions.append({"name": name, "algorithm": algorithm, "owner": "tests", "adopt": adopt, **fields})

    def put_all(self):
        """Puts what was planted on the token; the gateway does not run yet."""
        every = [one for objects in self.waiting for one in objects]
        lines = [{name: value.hex() if isinstance(value, bytes) else value for name, value in one.items()} for one in every]
        token = self.tokens["soft"]
        subprocess.run([sys.executable, __file__, token.label], input=json.dumps(lines).encode(), check=True,
                       env=dict(os.environ, **self.environment, PLANTED_PIN=token.pin))

    def adopt_all(self):
        for asked in self.adoptions:
            self.do("POST", "/v1/keys", asked)


# --- the program ---
class Attribute(ctypes.Structure):
    _fields_ = [("type", ctypes.c_ulong), ("value", ctypes.c_void_p), ("length", ctypes.c_ulong)]


def raw(value):
    if isinstance(value, bool):
        return bytes([value])
    return value.to_bytes(8, sys.byteorder) if isinstance(value, int) else bytes.fromhex(value)


def template(attributes):
    """The CK_ATTRIBUTEs, and what must live as long as they do."""
    kept = [(CKA[name], ctypes.create_string_buffer(raw(value), len(raw(value)))) for name, value in attributes.items()]
    return (Attribute * len(kept))(*[Attribute(kind, ctypes.cast(place, ctypes.c_void_p), len(place)) for kind, place in kept]), kept


def checked(ckr):
    if ckr != 0:
        raise SystemExit(f"PKCS#11 says {ckr:#x}")


def slot_of(module, label):
    count = ctypes.c_ulong(64)
    slots = (ctypes.c_ulong * 64)()
    checked(module.C_GetSlotList(ctypes.c_ubyte(1), slots, ctypes.byref(count)))
    for slot in slots[:count.value]:
        info = ctypes.create_string_buffer(512)
        checked(module.C_GetTokenInfo(ctypes.c_ulong(slot), info))
        if info.raw[:32].rstrip() == label.encode():
            return slot
    raise SystemExit(f"no token has the label {label}")


def main(label):
    module, session, pin = ctypes.CDLL(MODULE), ctypes.c_ulong(), os.environ["PLANTED_PIN"].encode()
    checked(module.C_Initialize(None))
    serial_and_writable = ctypes.c_ulong(4 | 2)
    checked(module.C_OpenSession(ctypes.c_ulong(slot_of(module, label)), serial_and_writable, None, None, ctypes.byref(session)))
    checked(module.C_Login(session, ctypes.c_ulong(1), pin, ctypes.c_ulong(len(pin))))
    for attributes in json.load(sys.stdin):
        made, _kept = template(attributes)
        checked(module.C_CreateObject(session, made, ctypes.c_ulong(len(made)), ctypes.byref(ctypes.c_ulong())))
    checked(module.C_Finalize(None))


if __name__ == "__main__":
    main(sys.argv[1])
