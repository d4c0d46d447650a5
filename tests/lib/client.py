"""What tests of real clients share."""
import importlib
import os

import pytest


def need(module):
    """The client's module; without it the test is skipped, but fails in CI, where everything is installed."""
    try:
        return importlib.import_module(module)
    except ImportError:
        if os.environ.get("HSMGATE_CI"):
            raise
        pytest.skip(f"{module} is not installed", allow_module_level=True)
