"""A gateway in a time of its own."""
import os
import pathlib

from gateway import Gateway

LIBRARY = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)


class Leaping(Gateway):
    """One whose wall clock, and its worker's, the test sets; the monotonic one is right."""

    def start(self):
        assert LIBRARY is not None, "the package faketime is not installed"
        self.leap(0)
        self.launch("dev", "--data", self.data, "--listen", "127.0.0.1:0", LD_PRELOAD=str(LIBRARY), FAKETIME_TIMESTAMP_FILE=str(self.says),
                    FAKETIME_NO_CACHE="1", FAKETIME_DONT_FAKE_MONOTONIC="1", FAKETIME_FORCE_MONOTONIC_FIX="0",
                    ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0")
        self.env = self.read_env()
        return self

    @property
    def says(self):
        return self.data / "faketime"

    def leap(self, seconds):
        new = self.says.with_suffix(".new")
        new.write_text(f"+{seconds}\n")
        new.rename(self.says)
