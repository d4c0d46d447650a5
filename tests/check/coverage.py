#!/usr/bin/env python3
"""Every branch of what decides is taken by its unit tests: builds them with gcov, runs them, and names each branch that none took.

    tests/check/coverage.py BUILD_FOLDER      a folder of the preset `coverage`
"""
import gzip
import json
import pathlib
import subprocess
import sys

SOURCES = ["decision.c", "side.c", "verdict.c", "statement.c", "statement_field.c", "field_type.c", "field_bytes.c", "roster_json.c"]
TESTS = ["test_decision", "test_statement", "test_chain", "test_bundle", "test_roster"]


def run(*words, **more):
    return subprocess.run(words, check=True, **more)


def measure(build):
    """Counts of branches by source, from a run of the tests alone."""
    objects = build / "quorum/CMakeFiles/hsmgate_quorum.dir"
    for old in objects.rglob("*.gcda"):
        old.unlink()
    run("cmake", "--build", str(build), "--target", *TESTS, stdout=subprocess.DEVNULL)
    for test in TESTS:
        run(str(build / "bin" / test), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for source in SOURCES:
        text = run("gcov", "--branch-counts", "--branch-probabilities", "--json-format", "--stdout", str(objects / f"{source}.gcno"), capture_output=True).stdout
        document = json.loads(gzip.decompress(text) if text[:2] == b"\x1f\x8b" else text)
        yield source, next(f for f in document["files"] if f["file"].endswith(f"quorum/{source}"))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    missing = 0
    for source, file in measure(pathlib.Path(sys.argv[1]).resolve()):
        branches = [(line["line_number"], branch) for line in file["lines"] for branch in line["branches"] if not branch["throw"]]
        untaken = [number for number, branch in branches if branch["count"] == 0]
        if not branches:
            sys.exit(f"coverage: nothing was measured of quorum/{source}")
        print(f"quorum/{source}: {len(branches) - len(untaken)} of {len(branches)} branches")
        for number in sorted(set(untaken)):
            print(f"quorum/{source}:{number}: a branch that no test takes")
        missing += len(untaken)
    sys.exit(1 if missing else 0)


if __name__ == "__main__":
    main()
