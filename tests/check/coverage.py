#!/usr/bin/env python3
"""Every branch of what decides is taken by its unit tests: builds them with gcov, runs them, and names each branch that none took.

    tests/check/coverage.py BUILD_FOLDER      a folder of the preset `coverage`
"""
import subprocess
import sys

import gcov

SOURCES = [f"quorum/{name}.c" for name in
           ("decision", "side", "verdict", "statement", "statement_field", "field_type", "field_bytes", "roster_json")]
TESTS = ["test_decision", "test_statement", "test_chain", "test_bundle", "test_roster"]


def measure(folder):
    """What gcov says of each source, from a run of the tests alone."""
    objects = folder / "quorum/CMakeFiles/hsmgate_quorum.dir"
    gcov.build(folder, *TESTS)
    gcov.forget(objects)
    for test in TESTS:
        subprocess.run([str(folder / "bin" / test)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    found = dict(gcov.counted(objects, "--branch-counts", "--branch-probabilities"))
    return {source: found[source] for source in SOURCES}


def main():
    missing = 0
    for source, file in measure(gcov.build_folder(__doc__)).items():
        branches = [(line["line_number"], branch) for line in file["lines"] for branch in line["branches"] if not branch["throw"]]
        untaken = [number for number, branch in branches if branch["count"] == 0]
        if not branches:
            sys.exit(f"coverage: nothing was measured of {source}")
        print(f"{source}: {len(branches) - len(untaken)} of {len(branches)} branches")
        for number in sorted(set(untaken)):
            print(f"{source}:{number}: a branch that no test takes")
        missing += len(untaken)
    sys.exit(1 if missing else 0)


if __name__ == "__main__":
    main()
