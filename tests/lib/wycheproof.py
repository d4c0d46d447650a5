"""The vectors of Project Wycheproof: where they are, what each asks, and the account of what became of it."""
import collections
import json
import os
import pathlib

FOLDER = pathlib.Path(os.environ.get("HSMGATE_VECTORS") or pathlib.Path(__file__).parents[3] / "shared/vectors")


def why_missing():
    """Why the vectors cannot be run, in one line; None when they are there."""
    if any(FOLDER.glob("*_test.json")):
        return None
    return f"{FOLDER} holds no vectors: name the folder of Wycheproof's files in HSMGATE_VECTORS"


class File:
    """One file, and for each of its vectors what became of it: `note` must be called exactly once with each."""

    def __init__(self, name):
        self.name = name
        self.groups = json.loads((FOLDER / name).read_text())["testGroups"]
        self.tests = [test for group in self.groups for test in group["tests"]]
        self.results = {test["tcId"]: test["result"] for test in self.tests}
        self.said = {}
        self.decisions = collections.defaultdict(collections.Counter)
        self.wrong = []
        self.also = collections.Counter()

    def note(self, test, accepted, what="run"):
        """What we said of a vector that could be run as it is."""
        self._once(test, "accepted" if accepted else "refused")
        if test["result"] == "acceptable":
            self.decisions[", ".join(test["flags"])]["accepted" if accepted else "refused"] += 1
        elif accepted != (test["result"] == "valid"):
            self.wrong.append((what, test["tcId"], test["result"], test["comment"], test["flags"]))

    def not_applicable(self, test, reason, accepted=False):
        """The vector cannot be said in our API; whatever was asked instead must not have been accepted."""
        self._once(test, reason)
        if accepted:
            self.wrong.append((f"not applicable, {reason}, and accepted", test["tcId"], test["result"], test["comment"], test["flags"]))

    def check(self, test, what, holds):
        """Something besides, that was made of the vector."""
        self.also[what] += 1
        if not holds:
            self.wrong.append((what, test["tcId"], test["result"], test["comment"], test["flags"]))

    def _once(self, test, word):
        assert test["tcId"] not in self.said, f"{self.name}: {test['tcId']} twice"
        self.said[test["tcId"]] = word

    def report(self):
        """The account as lines; every vector is in it once."""
        assert self.said.keys() == self.results.keys(), f"{self.name}: nobody ran {sorted(self.results.keys() - self.said.keys())}"
        counted = collections.Counter((self.results[number], word) for number, word in self.said.items())
        run = {kind: counted[kind, "accepted"] + counted[kind, "refused"] for kind in ("valid", "invalid", "acceptable")}
        reasons = collections.Counter(word for word in self.said.values() if word not in ("accepted", "refused"))
        yield (f"{self.name}: {len(self.tests)} vectors, {sum(run.values())} run: {counted['valid', 'accepted']} of {run['valid']} valid accepted, "
               f"{counted['invalid', 'refused']} of {run['invalid']} invalid refused; {sum(reasons.values())} not applicable")
        yield from (f"    not applicable: {n}, {reason}" for reason, n in sorted(reasons.items()))
        yield from (f"    acceptable ({flags}): {dict(taken)}" for flags, taken in sorted(self.decisions.items()))
        yield from (f"    besides: {n}, {what}" for what, n in sorted(self.also.items()))
