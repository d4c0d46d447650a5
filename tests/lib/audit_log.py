"""An auditor's own look at a log folder, written from the standards alone (RFC 6962, C2SP signed-note and tlog-checkpoint)."""
import base64
import binascii
import hashlib
import pathlib
import re

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

ED25519, ECDSA = 1, 2


def lines_of(folder):
    """Every line of the log in order, without newlines."""
    found = []
    for path in sorted(pathlib.Path(folder).glob("audit-*.jsonl")):
        found += path.read_bytes().splitlines()
    return found


def leaf(line):
    return hashlib.sha256(b"\x00" + line).digest()


class Tree:
    """Grows leaf by leaf: the roots of its full subtrees, largest first."""

    def __init__(self):
        self.edge = []
        self.size = 0

    def add(self, line):
        node, height = leaf(line), 0
        while self.edge and self.edge[-1][0] == height:
            node = hashlib.sha256(b"\x01" + self.edge.pop()[1] + node).digest()
            height += 1
        self.edge.append((height, node))
        self.size += 1

    def root(self):
        if not self.edge:
            return hashlib.sha256(b"").digest()
        root = self.edge[-1][1]
        for _, left in reversed(self.edge[:-1]):
            root = hashlib.sha256(b"\x01" + left + root).digest()
        return root


def roots_of(lines, sizes):
    """The root over the first `size` lines, for each of the sizes."""
    tree, found = Tree(), {}
    for line in lines:
        tree.add(line)
        if tree.size in sizes:
            found[tree.size] = tree.root()
    return found


class Key:
    """A verifier key: NAME+HEX(id)+BASE64(algorithm || key)."""

    def __init__(self, text):
        self.text = text.strip()
        self.name, digits, rest = self.text.split("+", 2)
        raw = base64.b64decode(rest, validate=True)
        self.id = binascii.unhexlify(digits)
        self.algorithm, self.bytes = raw[0], raw[1:]
        if self.algorithm == ED25519:
            assert self.id == hashlib.sha256(self.name.encode() + b"\n\x01" + self.bytes).digest()[:4]

    def check(self, signature, body):
        if self.algorithm == ED25519:
            ed25519.Ed25519PublicKey.from_public_bytes(self.bytes).verify(signature, body)
        else:
            assert self.algorithm == ECDSA
            serialization.load_der_public_key(self.bytes).verify(signature, body, ec.ECDSA(hashes.SHA256()))


class Checkpoint:
    def __init__(self, note):
        note = note.encode() if isinstance(note, str) else note
        self.note = note
        body, _, signatures = note.partition(b"\n\n")
        self.body = body + b"\n"
        origin, size, root = body.decode().split("\n")
        assert re.fullmatch(r"0|[1-9][0-9]*", size)
        self.origin, self.size, self.root = origin, int(size), base64.b64decode(root, validate=True)
        assert len(self.root) == 32 and signatures.endswith(b"\n")
        self.signatures = [line.split(" ") for line in signatures.decode().splitlines()]
        assert all(len(s) == 3 and s[0] == "\u2014" for s in self.signatures)

    def is_signed_by(self, key):
        assert key.name == self.origin
        for _, name, text in self.signatures:
            raw = base64.b64decode(text, validate=True)
            if name == key.name and raw[:4] == key.id:
                try:
                    key.check(raw[4:], self.body)
                    return True
                except InvalidSignature:
                    return False
        return False


def newest(folder):
    return Checkpoint((pathlib.Path(folder) / "checkpoint").read_bytes())


def key_of(folder):
    return Key((pathlib.Path(folder) / "checkpoint.pub").read_text())


def is_true(checkpoint, key, folder):
    """Whether the key signed it and the folder's records lead to its root."""
    roots = roots_of(lines_of(folder), {checkpoint.size})
    return checkpoint.is_signed_by(key) and roots.get(checkpoint.size) == checkpoint.root
