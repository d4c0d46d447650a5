#!/usr/bin/env python3
"""promtool on the alert rules: they are well formed, each fires when it should and only then, and none is without a test."""
import pathlib
import shutil
import subprocess
import sys

import yaml

REQUIRED = {"summary", "description"}


def promtool(root):
    found = shutil.which("promtool") or next((str(p) for p in [root / "build/tools/promtool"] if p.exists()), None)
    if found is None:
        sys.exit("promtool is not here: scripts/test fetches it (package prometheus)")
    return found


def findings(rules, tests):
    """What promtool does not look for."""
    alerts = [rule for group in rules["groups"] for rule in group["rules"] if "alert" in rule]
    expected = str([test["promql_expr_test"] for test in tests["tests"]])
    for alert in alerts:
        name = alert["alert"]
        if f'alertname="{name}"' not in expected:
            yield f"{name}: no test has it firing"
        if alert.get("labels", {}).get("severity") not in ("warning", "critical"):
            yield f"{name}: no severity"
        if set(alert.get("annotations", {})) != REQUIRED:
            yield f"{name}: annotations must be {sorted(REQUIRED)}"
    for test in tests["tests"]:
        if "well" not in str(test["input_series"]):
            yield f"test {test['name']}: nothing in it must stay silent"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    rules, tests = root / "conf/prometheus/hsmgate.rules.yml", root / "tests/check/prometheus.test.yml"
    tool = promtool(root)
    subprocess.run([tool, "check", "rules", rules], check=True)
    subprocess.run([tool, "test", "rules", tests], check=True)
    bad = list(findings(yaml.safe_load(rules.read_text()), yaml.safe_load(tests.read_text())))
    print("\n".join(bad) if bad else "alerts: each has a test")
    sys.exit(1 if bad else 0)


main()
