"""The second table of docs/tokens.md: which stories of tests/scenario run to their end on each token, a row for each file, a column for each token.

    story_table.py KIND...     runs the stories on these kinds, writes their columns into docs/tokens.md, and ends with 0 when none failed

A story that meets something that the token cannot do ends with the gateway's refusal (lacking.py); it is counted apart. The cells are counts, so
that they are not mistaken for a claim about what else there is.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import table
from configured import Configured
from lacking import can, unsupported
from tokens import KINDS

SCENARIOS = pathlib.Path(__file__).parents[1] / "scenario"
BEGIN = "<!-- made by scripts/try-token -->"
STORIES = ["main_job", "any_token", "worker_killed", "retirement", "break_glass_attacks"]
NEEDS = {"break_glass_attacks": "aes-256-gcm"}  # all of it is about such keys


def is_refused(kind, algorithm):
    """Whether the token lacks it, in which case it has been seen that the gateway says so."""
    with Configured("main", made=KINDS[kind]) as gateway:
        gateway.wait_tokens()
        if can(gateway, algorithm):
            return False
        unsupported(gateway.key, "test/lacks/it", algorithm)
        return True


def run(kind, story):
    """The cell, and whether nothing failed."""
    if story in NEEDS and is_refused(kind, NEEDS[story]):
        return f"refused: no {NEEDS[story]}", True
    with tempfile.NamedTemporaryFile(mode="r", prefix="hsmgate-lacks-") as lacks:
        done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", SCENARIOS / f"{story}.py"], capture_output=True, text=True,
                              env=dict(os.environ, HSMGATE_TEST_TOKEN=kind, HSMGATE_TEST_LACKS=lacks.name))
        refused = len(set(lacks.read().splitlines()))
    count = {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|errors?|skipped)", done.stdout.splitlines()[-1])}
    good = done.returncode == 0 and set(count) == {"passed"}
    if not good:
        print(done.stdout[-8000:], done.stderr[-2000:])
        return f"NO: {count}", False
    return f"{count['passed'] - refused} pass" + (f", {refused} refused" if refused else ""), True


def main(kinds):
    bad = False
    columns = table.read(BEGIN)
    for kind in kinds:
        columns[kind] = {}
        for story in STORIES:
            columns[kind][story], good = run(kind, story)
            bad = bad or not good
            print(f"{kind:14} {story:20} {columns[kind][story]}", flush=True)
    if not bad:
        table.write(BEGIN, columns)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
