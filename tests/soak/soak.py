#!/usr/bin/env python3
"""A mixed load for MINUTES, with workers that are killed or hang and clients that misbehave, and then what became of memory, descriptors,
requests and the audit log.

    scripts/soak MINUTES [--sanitize] [--load 0.25] [--chaos 20] [--every 10] [--svg FILE]

Two tokens: what goes wrong befalls `main` alone, so that the worker of `calm` lives as long as the front. Everywhere 503 is a good answer,
for the load is more than a token that is being started takes; any other status than the expected one is told. The exit status is 0
when everything held.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
import stories  # noqa: E402
import report  # noqa: E402
import samples  # noqa: E402
from mishaps import Chaos  # noqa: E402
from daemon import programs  # noqa: E402
from measure import allow_descriptors  # noqa: E402
from secured import Secured  # noqa: E402

AWS, VAULT = {"account": "123456789012", "namespace": "soak/calm"}, {"mounts": [{"mount": "transit", "namespace": "soak/calm"}]}


class Soak:
    """One run; what it has found stands in its attributes."""

    def __init__(self, options):
        self.options = options
        self.warm_up_s = options.minutes * 60 * 0.2
        self.samples, self.tally = [], stories.Tally()
        self.stop = threading.Event()
        self.gateway = Secured("calm", "main", demand="optional", receive_timeout="10s", aws=AWS, vault=VAULT,
                               administrators=[f"unix:{os.geteuid()}", "token:admin", "token:admin-of-the-soak"],
                               per_token={"calm": {"channels": 16}, "main": {"channels": 16, "operation_timeout": "2s"}})
        self.gateway.stranger = self.gateway.pki.client("stranger", self.gateway.pki.root("elsewhere"), uri="spiffe://test/stranger")
        self.chaos = Chaos(self.gateway, self.clock)

    def clock(self):
        return time.monotonic() - self.began

    def slope(self, part):
        return samples.slope_mib_per_hour([sample for sample in self.samples if sample.at >= self.warm_up_s], part)

    def guarded(self, what, *arguments):
        """What a thread did not survive counts as an answer that nobody expected."""
        try:
            what(*arguments)
        except BaseException as problem:
            self.tally.note(getattr(what, "__qualname__", "thread"), "ended", expected=False, detail=repr(problem))

    def works(self, bearer):
        told = stories.Stories(self.gateway, self.tally, bearer)
        self.bulk = stories.bulk(self.gateway, bearer)
        yield from ((stories.run_bulk, name, clients, self.tally, self.stop, self.options.load) for name, clients in self.bulk)
        yield from ((told.run, story, pause, self.stop) for story, pause in told.all)
        if self.options.chaos:
            yield self.chaos.run, self.stop, self.options.chaos

    def watch(self):
        """Samples until the time is over."""
        while self.clock() < self.options.minutes * 60:
            self.stop.wait(min(self.options.every, max(0.1, self.options.minutes * 60 - self.clock())))
            try:
                self.samples.append(samples.take(self.gateway, self.clock()))
            except Exception as problem:  # what was found so far is told all the same
                self.tally.note("sample", "none", expected=False, detail=repr(problem))
                continue
            sample = self.samples[-1]
            print(f"    {sample.at / 60:.1f} min: {sample.requests} requests, front {sample.rss_kib['front'] / 1024:.1f} MiB, calm worker "
                  f"{sample.rss_kib.get('calm', 0) / 1024:.1f} MiB, {len(self.tally.unexpected)} not expected", file=sys.stderr, flush=True)

    def run(self):
        self.began = time.monotonic()
        with self.gateway:
            self.gateway.env["HSMGATE_TOKEN"] = stories.bearer(self.gateway, "admin-of-the-soak")  # the other one is good for an hour
            bearer = stories.prepare(self.gateway)
            self.first = samples.settled(self.gateway, 0)
            threads = [threading.Thread(target=self.guarded, args=work) for work in self.works(bearer)]
            self.began = time.monotonic()
            for thread in threads:
                thread.start()
            try:
                self.watch()
            finally:
                self.stop.set()
                for thread in threads:
                    thread.join()
                for _, clients in self.bulk:
                    clients.__exit__()
            self.lasted_s = self.clock()
            self.last = samples.settled(self.gateway, self.lasted_s)
            self.restarts = self.gateway.metric("hsmgate_token_restarts_total", token="main")
            self.gateway.stop()
            self.verify()

    def verify(self):
        out = subprocess.run([programs() / "hsmgate", "audit", "verify", "--log", self.gateway.data / "audit"], capture_output=True, text=True)
        self.verdict, self.intact = (out.stdout or out.stderr).strip().splitlines()[0], out.returncode == 0


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("minutes", type=float)
    parser.add_argument("--load", type=float, default=0.25, help="part of the time that each kind of client is at work")
    parser.add_argument("--chaos", type=float, default=20, help="seconds from one mishap to the next, 0 for none")
    parser.add_argument("--every", type=float, default=10, help="seconds from one sample to the next")
    parser.add_argument("--svg", type=pathlib.Path, metavar="FILE", default=HERE.parent.parent / "build" / "soak.svg")
    return parser.parse_args()


def main():
    options = parse()
    allow_descriptors()
    folder = programs().parent / "data"
    folder.mkdir(exist_ok=True)
    tempfile.tempdir = str(folder)  # beside the build, on a real disk
    run = Soak(options)
    run.run()
    held = report.show(run)
    report.draw(options.svg, run)
    print(f"picture: {options.svg}")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
