#!/usr/bin/env python3
"""Operations a second, latency and CPU of the gateway beside the bare token in the same run, and the budget that they are held against.

    scripts/bench [--quick] [--only TEXT] [--json FILE] [--svg FILE] [--against FILE] [--seconds 1] [--rounds 5]

Each row takes the bare token (as many threads as there are processors) and the gateway in turn, in short rounds, so that a drift of the
machine's speed meets both; figures are medians of the rounds. CPU is user + system time for each request; `above token` takes the bare
token's CPU for the same operations away, and `by CPU` is what the ratio would be if front, worker and clients had the processors for
themselves and used them up. Every request has its durable audit record. --against shows a saved run beside this one.
"""
import argparse
import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
sys.path.insert(0, str(HERE))
import measure  # noqa: E402
import report  # noqa: E402
from configured import MODULE  # noqa: E402
from daemon import programs  # noqa: E402
from picture import draw  # noqa: E402
from rows import ALGORITHMS, KEY, ONE, SLOW_SESSIONS, SLOW_US, make_rows  # noqa: E402
from secured import Secured  # noqa: E402

IDLE, THREADS = 1000, len(os.sched_getaffinity(0))


class Setting:
    """A gateway on a token with 16 sessions, and the same token without it; `slow` makes each operation take longer."""

    def __init__(self, slow=False):
        self.threads = SLOW_SESSIONS if slow else THREADS
        self.nominal = SLOW_SESSIONS * 1e6 / SLOW_US if slow else None
        module = str(programs() / "slow_module.so") if slow else MODULE
        self.gateway = Secured("soft", demand="optional", per_token={"soft": {"channels": 16}}, limits={"token_queue": 1024})
        self.gateway.tokens["soft"].write(module=module)
        self.gateway.environment.update(SLOW_MODULE_TARGET=MODULE, SLOW_MODULE_US=str(SLOW_US))
        self.bare = measure.BareToken(self.gateway, self.threads, sorted({row.operation for row in make_rows("") if row.slow == slow}), module)
        self.bare_rounds = {}

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.gateway)
            stack.enter_context(self.bare)
            self.stack = stack.pop_all()
        self.fresh_idle_kib = measure.idle_rss_kib(self.gateway, IDLE)
        for name, algorithm in ALGORITHMS.items():
            self.gateway.key(f"bench/{name}", algorithm)
        self.sealed = self.gateway.verb("bench/aes", "data-key", {"bytes": 32, "context": {"a": "b"}})["ciphertext"]
        return self

    def __exit__(self, *reason):
        return self.stack.__exit__(*reason)

    def round(self, row, clients, warm_up, options):
        bare = self.bare.run(row.operation, options.seconds)
        self.bare_rounds.setdefault(row.operation, []).append(bare)
        syncs = self.gateway.metric("hsmgate_audit_syncs_total")
        found = clients.run(warm_up, options.seconds)
        token = self.nominal or bare["ops_per_s"]
        return {"ops_per_s": found["requests_per_s"] * row.batch, "token_ops_per_s": token, "ratio": found["requests_per_s"] * row.batch / token,
                **{name: found[name] for name in ("p50_us", "p99_us", "p999_us", "refused_per_s")},
                "front_cpu_us": found["front_us"], "worker_cpu_us": found["worker_us"], "load_cpu_us": found["own_us"],
                "ratio_by_cpu": bare["cpu_us"] * row.batch / (found["front_us"] + found["worker_us"] + found["own_us"]),
                "above_token_us": found["front_us"] + found["worker_us"] - bare["cpu_us"] * row.batch,
                "fsyncs_per_s": (self.gateway.metric("hsmgate_audit_syncs_total") - syncs) / (warm_up + options.seconds)}

    def measure(self, row, options):
        with measure.Clients(self.gateway, row.path, row.body, row.connections, row.tls) as clients:
            rounds = [self.round(row, clients, min(0.3, options.seconds) if i == 0 else 0.05, options) for i in range(options.rounds)]
        found = {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
        return fields(row.name, connections=row.connections, batch=row.batch, tls=row.tls, target=row.target, rss_kib=self.gateway.rss_kib(),
                      **found)

    def bare_rows(self, suffix=""):
        for operation, rounds in self.bare_rounds.items():
            middle = {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
            yield fields(f"bare token{suffix}: {operation}", connections=self.threads, ops_per_s=middle["ops_per_s"], ratio=1.0, ratio_by_cpu=1.0,
                         token_ops_per_s=middle["ops_per_s"], worker_cpu_us=middle["cpu_us"], rss_kib=self.gateway.rss_kib(self.bare.process.pid),
                         **{name: middle[name] for name in ("p50_us", "p99_us", "p999_us")})


def fields(name, **known):
    """A row of the output: what does not apply is 0, and a target is None where there is none."""
    row = {"name": name, "connections": 0, "batch": 1, "tls": False, "target": None}
    row |= dict.fromkeys(("ops_per_s", "token_ops_per_s", "ratio", "p50_us", "p99_us", "p999_us", "front_cpu_us", "worker_cpu_us", "above_token_us",
                          "load_cpu_us", "ratio_by_cpu", "rss_kib", "fsyncs_per_s", "refused_per_s", "seconds"), 0)
    row |= known
    return {key: round(value, 3) if isinstance(value, float) else value for key, value in row.items()}


def measure_rows(setting, rows, options):
    found = []
    for row in rows:
        found.append(setting.measure(row, options))
        print(f"    {row.name}, {row.connections} connections: {found[-1]['ops_per_s']:.0f}/s", file=sys.stderr, flush=True)
    return found


def main_token(options, chosen):
    """The rows on SoftHSM itself, memory beside idle connections, and the way back from a killed worker."""
    with Setting() as setting:
        found = measure_rows(setting, [row for row in make_rows(setting.sealed) if not row.slow and chosen(row)], options)
        idle = [fields("idle connections, fresh front", connections=IDLE, rss_kib=setting.fresh_idle_kib, target=32768)]
        idle.append(fields("idle connections, after load", connections=IDLE, rss_kib=measure.idle_rss_kib(setting.gateway, IDLE), target=32768))
        with measure.Clients(setting.gateway, KEY + "p256:sign", ONE, 16, strict=False) as clients:
            back = measure.way_back(setting.gateway, clients, KEY + "p256:sign", ONE, min(3, options.rounds))
        return [*setting.bare_rows(), *found, *idle, fields("worker killed under load", connections=16, seconds=back, target=2)]


def slow_token(options, chosen):
    with Setting(slow=True) as setting:
        found = measure_rows(setting, [row for row in make_rows(setting.sealed) if row.slow and chosen(row)], options)
        return [*setting.bare_rows(", slow"), *found]


def circumstances(folder):
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=HERE, capture_output=True, text=True).stdout.strip()
    load = os.getloadavg()[0]
    shared = ": others are at work here, who share with few threads and with many differently; go by CPU" if load > THREADS / 2 else ""
    return [f"{measure.processor()}" + (f", commit {commit}" if commit else "") + f", load {load:.1f} before the run{shared}",
            f"token and audit log in one folder on {measure.file_system(folder)}, where 400 bytes are on disk after {measure.sync_us(folder):.0f} us "
            "(fdatasync)"]


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the rows of the budget and a few more, in less than 50 s")
    parser.add_argument("--only", default="", metavar="TEXT", help="only rows with this in their name")
    parser.add_argument("--seconds", type=float, help="of each round, bare token and gateway each")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE")
    parser.add_argument("--svg", type=pathlib.Path, metavar="FILE", default=HERE.parent.parent / "build" / "bench.svg")
    parser.add_argument("--against", type=pathlib.Path, metavar="FILE", help="the --json of an earlier run")
    options = parser.parse_args()
    options.seconds = options.seconds or (0.4 if options.quick else 1.0)
    options.rounds = options.rounds or (3 if options.quick else 5)
    return options


def main():
    options = parse()
    measure.allow_descriptors()
    folder = programs().parent / "data"
    folder.mkdir(exist_ok=True)
    tempfile.tempdir = str(folder)  # beside the build, on a real disk, which /tmp is not everywhere
    about = circumstances(folder)

    def chosen(row):
        return (row.quick or not options.quick) and options.only.lower() in row.name.lower()

    rows = main_token(options, chosen)
    if any(row.slow and chosen(row) for row in make_rows("")):
        rows += slow_token(options, chosen)
    report.show(about, rows)
    if options.against:
        report.compare(json.loads(options.against.read_text()), rows)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")
    draw(options.svg, about, rows)
    print(f"picture: {options.svg}")


if __name__ == "__main__":
    main()
