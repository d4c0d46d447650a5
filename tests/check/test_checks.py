#!/usr/bin/env python3
"""Plants one fault of each kind in a small tree and expects the check to find it."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent


def run(check, files):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name in ("base", "keystore", "pkcs11", "gateway"):
            (root / name).mkdir()
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        subprocess.run(["git", "init", "-q", root], check=True)
        done = subprocess.run([sys.executable, HERE / check, root], capture_output=True, text=True)
        return done.returncode, done.stdout


class Layers(unittest.TestCase):
    def test_clean(self):
        self.assertEqual(run("layers.py", {"gateway/a.c": '#include "base/err.h"\n#include "pkcs11/token.h"\n'})[0], 0)

    def test_right_to_left(self):
        code, out = run("layers.py", {"base/a.c": '#include "gateway/server.h"\n'})
        self.assertEqual(code, 1)
        self.assertIn("base/a.c:1", out)

    def test_siblings(self):
        self.assertEqual(run("layers.py", {"keystore/a.c": '#include "pkcs11/token.h"\n'})[0], 1)

    def test_inner_header(self):
        self.assertEqual(run("layers.py", {"gateway/a.c": '#include "pkcs11/frame.h"\n'})[0], 1)


class Owners(unittest.TestCase):
    def test_clean(self):
        self.assertEqual(run("owners.py", {"gateway/a.c": "/* malloc(3) is elsewhere */\nint x;\n"})[0], 0)

    def test_each_rule(self):
        for line in ("void *p = malloc(3);", "#include <cjson/cJSON.h>", "sqlite3_close(db);", "usleep(3);",
                     "#include <p11-kit/pkcs11.h>", "goto out;", "t = time(NULL);", 'q = "SELECT 1";',
                     "#include <jose/jws.h>", "json_t *jws;", "curl_url_cleanup(url);"):
            with self.subTest(line):
                self.assertEqual(run("owners.py", {"gateway/a.c": line + "\n"})[0], 1)


class Readme(unittest.TestCase):
    def test_missing_folder(self):
        code, out = run("readme.py", {"README.md": "| folder | x |\n| `base/` | y |\n", "base/a.c": "", "rotation/a.c": ""})
        self.assertEqual(code, 1)
        self.assertIn("rotation", out)

    def test_clean(self):
        self.assertEqual(run("readme.py", {"README.md": "| `base/` | y |\n", "base/a.c": ""})[0], 0)


if __name__ == "__main__":
    unittest.main()
