"""What tests of real clients share: a client that is not installed is skipped, but fails in CI, where everything is installed."""
import importlib
import os
import pathlib
import shutil

import pytest

NPM_CLIENTS = pathlib.Path(os.environ.get("HSMGATE_CLIENTS") or pathlib.Path(__file__).parents[2] / "build/clients")


def missing(what):
    """Ends the whole file, as it is loaded."""
    if os.environ.get("HSMGATE_CI"):
        raise RuntimeError(f"{what} is not installed: scripts/test does that")
    pytest.skip(f"{what} is not installed", allow_module_level=True)


def need(module):
    """The client's Python module."""
    try:
        return importlib.import_module(module)
    except ImportError:
        return missing(module)


def need_program(name):
    """Debian's program of this name, and an environment in which it meets Debian's others alone."""
    program = shutil.which(name, path="/usr/bin")
    return program or missing(name), {"PATH": "/usr/bin:/bin"}


def need_node(name, package):
    """What node needs to run the scripts of tests/clients/NAME, which use this npm package: its program and its environment."""
    modules = NPM_CLIENTS / name / "node_modules"
    node = shutil.which("node")
    if node is None or not (modules / package / "package.json").is_file():
        missing("node" if node is None else f"{package} (npm)")
    return node, {"PATH": os.environ["PATH"], "NODE_PATH": str(modules)}
