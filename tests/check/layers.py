#!/usr/bin/env python3
"""Holds the layers: a folder includes itself and folders to its left, and only the face headers of the others.

    base <- quorum, audit <- pkcs11, keystore <- rotation <- gateway          cli <- base, quorum, audit
"""
import pathlib
import re
import sys

SEES = {
    "base": set(),
    "quorum": {"base"},
    "audit": {"base"},
    "pkcs11": {"base", "quorum"},
    "keystore": {"base", "quorum", "audit"},
    "rotation": {"base", "quorum", "audit", "pkcs11", "keystore"},
    "gateway": {"base", "quorum", "audit", "pkcs11", "keystore", "rotation"},
    "cli": {"base", "quorum", "audit"},
}
# What a folder shows to the others; base shows everything but its inner headers.
FACES = {
    "quorum": {"quorum.h"},
    "audit": {"audit.h", "checkpoint.h", "proof.h", "verify.h"},
    "pkcs11": {"token.h"},
    "keystore": {"keystore.h"},
    "rotation": {"rotation.h"},
    "gateway": set(),
    "cli": set(),
}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')


def findings(root):
    for folder, sees in SEES.items():
        for path in sorted((root / folder).rglob("*.[ch]")):
            for number, line in enumerate(path.read_text().splitlines(), 1):
                match = INCLUDE.match(line)
                if not match:
                    continue
                target = match.group(1)
                place = f"{path.relative_to(root)}:{number}"
                other, _, header = target.partition("/")
                if other not in SEES:
                    yield f'{place}: include "{target}" by its path from the root'
                elif other == folder:
                    continue
                elif other not in sees:
                    yield f"{place}: {folder}/ may not see {other}/"
                elif other == "base":
                    if header.endswith("_inner.h"):
                        yield f"{place}: {target} is an inner header of base/"
                elif header not in FACES[other]:
                    yield f"{place}: {target} is not the face of {other}/"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    if not (root / "base").is_dir():
        sys.exit(f"{root} is not the project's root")
    bad = list(findings(root))
    print("\n".join(bad) if bad else "layers: every include points to the left")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
