"""The names of PKCS#11 with their numbers, and its functions in their order, out of the header that hsmgate is built with."""
import pathlib
import re
import subprocess

_INCLUDE = subprocess.run(["pkg-config", "--variable=includedir", "p11-kit-1"], check=True, capture_output=True, text=True).stdout.strip()
_HEADER = next(pathlib.Path(_INCLUDE).rglob("p11-kit/pkcs11.h")).read_text()
_NUMBERS = {name: int(number, 0) for name, number in re.findall(r"^#define\s+(CK[A-Z]_\w+)\s+\(?(0x[0-9a-fA-F]+|\d+)U?L?\)?\s*$", _HEADER, re.M)}

FUNCTIONS = list(dict.fromkeys(re.findall(r"^\s+CK_C_\w+ (C_\w+);", _HEADER, re.M)))[:68]  # those of version 2
CODES = {number: name for name, number in _NUMBERS.items() if name.startswith("CKR_")}
MECHANISMS = {number: name for name, number in _NUMBERS.items() if name.startswith("CKM_")}

# Each name is a name of this module: cryptoki_names.CKA_ID.
globals().update(_NUMBERS)
__all__ = list(_NUMBERS)
