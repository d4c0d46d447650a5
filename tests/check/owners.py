#!/usr/bin/env python3
"""Every foreign API has one owner; what is dangerous everywhere is spelled in one place."""
import pathlib
import re
import sys

FOLDERS = ["base", "quorum", "audit", "pkcs11", "keystore", "rotation", "gateway", "cli"]
# (what, pattern, files that may have it as regular expressions from the root)
RULES = [
    ("pkcs11.h", r'#\s*include\s*[<"].*pkcs11.*\.h[>"](?<!token\.h")(?<!frame\.h")', r"pkcs11/.*"),
    ("C_* calls of a module", r"->C_[A-Z][A-Za-z]+\(", r"pkcs11/.*"),
    ("libmicrohttpd", r"#\s*include\s*<microhttpd\.h>|\bMHD_[a-z]", r"gateway/(server|http_shape|connection|reply_out|local_socket|reaper)[a-z_]*\.[ch]"),
    ("GnuTLS", r"#\s*include\s*<gnutls/", r"gateway/.*"),
    ("SQLite", r"#\s*include\s*<sqlite3\.h>|\bsqlite3_[a-z]", r"keystore/db_.*\.[ch]"),
    ("SQL", r'"\s*(SELECT|INSERT|UPDATE|DELETE FROM|CREATE TABLE|ALTER TABLE|PRAGMA)\b', r"keystore/db_.*\.[ch]"),
    ("cJSON", r"#\s*include\s*<cjson/|\bcJSON_[A-Z]", r"base/json.*\.[ch]"),
    ("libcurl", r"#\s*include\s*<curl/|\bcurl_(easy|url|slist|global)", r"cli/.*|gateway/fetch\.c"),
    ("libjose", r"#\s*include\s*<(jose/|jansson)|\bjose_[a-z]|\bjson_t\b", r"gateway/jws_signature\.c|pkcs11/seal\.c"),
    ("libcyaml's calls", r"\bcyaml_(load|free)_", r"base/yaml\.c"),
    ("malloc", r"(?<![\w.>])(malloc|calloc|realloc|free|strdup|strndup|asprintf)\s*\(", r"base/(mem|yaml|wiping_free)\.c"),
    ("time", r"(?<![\w.>])(clock_gettime|gettimeofday|time|gmtime_r|timegm|localtime_r)\s*\(", r"base/clock\.c|base/sync\.c"),
    ("sleep", r"(?<![\w.>])(sleep|usleep|nanosleep)\s*\(", r"nothing"),
    ("goto", r"\bgoto\b", r"nothing"),
]
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
REASON = re.compile(r"/\* owner: .+ \*/")


def code_lines(text):
    """The text with comments blanked out, line for line."""
    blanked = COMMENT.sub(lambda m: re.sub(r"[^\n]", " ", m.group(0)), text)
    return list(zip(blanked.splitlines(), text.splitlines()))


def findings(root):
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.[ch]")):
            name = str(path.relative_to(root))
            for number, (line, original) in enumerate(code_lines(path.read_text()), 1):
                for what, pattern, owner in RULES:
                    if re.search(pattern, line) and not re.fullmatch(owner, name) and not REASON.search(original):
                        yield f"{name}:{number}: {what} belongs to {owner}"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    bad = list(findings(root))
    print("\n".join(bad) if bad else "owners: each foreign API stays with its owner")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
