#!/usr/bin/env python3
"""README's folder table names each top-level folder that git tracks, and no other; its links and commands exist."""
import pathlib
import re
import subprocess
import sys


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    text = (root / "README.md").read_text()
    table = set(re.findall(r"^\|\s*`([a-z0-9_.]+)/`\s*\|", text, re.M))
    files = subprocess.run(["git", "-C", root, "ls-files", "--cached", "--others", "--exclude-standard"],
                           check=True, capture_output=True, text=True).stdout.split()
    tree = {f.split("/")[0] for f in files if "/" in f and not f.startswith(".")}
    bad = [f"README.md: `{name}/` is in the tree but not in the folder table" for name in sorted(tree - table)]
    bad += [f"README.md: `{name}/` is in the folder table but not in the tree" for name in sorted(table - tree)]
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
        if not (root / target).exists():
            bad.append(f"README.md: the link to {target} leads nowhere")
    for command in re.findall(r"\bscripts/[a-z-]+", text):
        if not (root / command).exists():
            bad.append(f"README.md: {command} is not there")
    print("\n".join(bad) if bad else "readme: the folder table, links and commands match the tree")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
