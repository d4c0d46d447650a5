"""Looks for secrets in what a program says: as they are, in hexadecimal, in base64 and base64url at every alignment; half of one is one too."""
import base64
import re

HALF = 16  # bytes of either end that give a secret away
ESCAPED = re.compile(rb"\\[nr]|[\n\r]")
WORDS = re.compile(r"[A-Za-z0-9_+/=-]{24,}")


def forms(mark):
    """The mark, its hexadecimal forms, and the part of its base64 that does not depend on what stands around it."""
    found = {mark, mark.hex().encode(), mark.hex().upper().encode()}
    for before in range(3):
        text = base64.b64encode(b"\0" * before + mark)
        whole = text[4 if before else 0:(before + len(mark)) // 3 * 4]
        found |= {whole, whole.translate(bytes.maketrans(b"+/", b"-_"))}
    return found


def decoded(word):
    return base64.urlsafe_b64decode(word.replace("+", "-").replace("/", "_").rstrip("=") + "=" * (-len(word.rstrip("=")) % 4))


def inner(text):
    """What stands in base64 inside of a text that was in base64 itself: a claim of a JWT, a text that was encrypted."""
    for word in WORDS.findall(text):
        try:
            yield decoded(word)
        except ValueError:
            continue


class Leaks:
    """The secrets by name, and what was found where."""

    def __init__(self, secrets):
        pieces = {name: {value[:HALF], value[-HALF:]} for name, value in secrets.items()}
        self.needles = [(form, name) for name, found in pieces.items() for piece in found for form in forms(piece)]
        self.found = set()
        self.searched = 0

    def look(self, where, text):
        """Searches bytes, with and without the line breaks and escapes that JSON and PEM put into base64."""
        plain = ESCAPED.sub(b"", text).replace(b"\\/", b"/")
        for hay in {text, plain}:
            self.searched += len(hay)
            self.found |= {(name, where) for needle, name in self.needles if needle in hay}

    def look_at(self, where, answer):
        """An answer of the gateway: body, headers, and what is inside of tokens."""
        self.look(where, answer.body)
        self.look(f"{where}, headers", repr(answer.headers.items()).encode())
        if b'"token"' in answer.body:
            self.look(f"{where}, inside", b"\n".join(inner(answer.body.decode("latin-1"))))
