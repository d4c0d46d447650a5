#!/usr/bin/env python3
"""The unit tests run at least nine of ten lines of what keeps the promises and of what reads what others wrote: builds them with gcov,
runs them, and prints a table.

    tests/check/coverage_lines.py BUILD_FOLDER      a folder of the preset `coverage`
"""
import collections
import os
import subprocess
import sys

import gcov

LEAST = 90
FOLDERS = ["base", "quorum", "audit", "keystore", "rotation"]
# Where bytes from outside become something else; what acts on the result is not here.
PARSERS = {
    "parsers of gateway": """
        access_keys address_count config config_audit config_check config_dialects config_file config_identity config_limits
        config_listeners config_rotation config_tokens backup_manifest http_shape issuer_claims jws jws_signature key_set loose policy
        policy_pattern query routes tls_name
        ops/adopt_facts ops/batch ops/choice ops/context ops/grant_facts ops/grants_apply ops/key_facts ops/key_policy ops/reason
        aws/aws_names aws/aws_shape aws/sigv4 aws/sigv4_canonical aws/sigv4_query aws/xks
        vault/vault_fields vault/vault_name vault/vault_route vault/vault_text""",
    "parsers of pkcs11": """
        ckr description frame frame_io frame_payload item kind latch reply spent spki work worker_config""",
}
# Not measured in a folder: what ends the process it runs in, or stands between the program and its allocator.
ELSEWHERE = {"base/wiping_free.c"}


def groups():
    for folder in FOLDERS:
        yield folder + "/", {f"{folder}/{path.name}" for path in (gcov.ROOT / folder).glob("*.c")} - ELSEWHERE
    for name, sources in PARSERS.items():
        folder = name.split()[-1]
        yield name, {f"{folder}/{source}.c" for source in sources.split()}


def run_tests(folder):
    jobs = os.cpu_count() or 1
    gcov.build(folder, "unit_tests", jobs=jobs)
    gcov.forget(folder)
    words = ["ctest", "--test-dir", str(folder), "-L", "^unit$", "-j", str(3 * jobs), "--no-tests=error", "--output-on-failure"]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    if done.returncode != 0:
        print(done.stdout, end="")
        sys.exit("coverage: the unit tests failed")


def lines_by_source(folder):
    """By source: how often each line ran, in whichever program."""
    found = collections.defaultdict(lambda: collections.defaultdict(int))
    for source, file in gcov.counted(folder):
        for line in file["lines"]:
            found[source][line["line_number"]] += line["count"]
    return found


def report(name, sources, lines):
    """Prints the row of a group; whether it has enough."""
    unmeasured = sorted(source for source in sources if not lines.get(source))
    if unmeasured:
        sys.exit(f"coverage: nothing was measured of {', '.join(unmeasured)}")
    covered = {source: sum(count > 0 for count in lines[source].values()) for source in sources}
    total = sum(len(lines[source]) for source in sources)
    percent = 100 * sum(covered.values()) / total
    print(f"{name:20} {sum(covered.values()):6} of {total:6} lines  {percent:5.1f} %")
    missed = sorted(sources, key=lambda source: covered[source] - len(lines[source]))
    for source in missed[: 3 if percent >= LEAST else 10]:
        untested = [number for number, count in sorted(lines[source].items()) if count == 0]
        if untested:
            print(f"    {source}: {covered[source]} of {len(lines[source])}, not {' '.join(map(str, untested[:12]))}{' ...' if len(untested) > 12 else ''}")
    return percent >= LEAST


def main():
    folder = gcov.build_folder(__doc__)
    run_tests(folder)
    lines = lines_by_source(folder)
    enough = [report(name, sources, lines) for name, sources in groups()]
    if not all(enough):
        sys.exit(f"coverage: fewer than {LEAST} of 100 lines are run by a unit test")


if __name__ == "__main__":
    main()
