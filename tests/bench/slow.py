#!/usr/bin/env python3
"""Latency of good clients with and without a thousand slow ones: stalled TLS handshakes, bytes that drip into heads and bodies, idle
connections, plain and TLS.

    scripts/bench slow [--seconds 5] [--rounds 5] [--connections 8] [--json]

Rounds with and without alternate, so that a drift of the machine's speed meets both; the figures are medians; 503s are
requests that the overloaded gateway refused. Slow clients that the
server closes come back at once. Must hold: the p99 of good clients stays below twice its normal value.
"""
import argparse
import contextlib
import json
import pathlib
import statistics
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
from daemon import b64  # noqa: E402
from measure import Clients, allow_descriptors  # noqa: E402
from secured import Secured  # noqa: E402
from slow import SlowClients  # noqa: E402

KEY = "/v1/keys/bench/slow/p256:sign"


def measure(clients, options):
    """p99 in ms, answers with 200 and refusals a second."""
    found = clients.run(0.2, options.seconds)
    return found["p99_us"] / 1e3, found["requests_per_s"], found["refused_per_s"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--slow", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    allow_descriptors()
    table = {}
    with Secured("soft", demand="optional", receive_timeout="10s", per_token={"soft": {"channels": 16}}) as gateway, contextlib.ExitStack() as stack:
        gateway.key("bench/slow/p256", "ecdsa-p256")
        body = {"message": b64(bytes(32))}
        doors = {door: stack.enter_context(Clients(gateway, KEY, body, options.connections, tls=door == "tls")) for door in ("plain", "tls")}
        results = {(door, crowd): [] for door in doors for crowd in (False, True)}
        for clients in doors.values():
            measure(clients, options)  # warm
        for turn in range(options.rounds):
            for door, clients in doors.items():
                results[door, False].append(measure(clients, options))
            with SlowClients(gateway, options.slow, again=True) as slow:
                for door, clients in doors.items():
                    results[door, True].append(measure(clients, options))
                closed = slow.closed
            print(f"    round {turn + 1}: done, {closed} slow clients were closed and came back", file=sys.stderr, flush=True)
        rss = gateway.rss_kib()
    for door in doors:
        alone, crowded = ([statistics.median(column) for column in zip(*results[door, crowd])] for crowd in (False, True))
        table[door] = {"p99_ms": round(alone[0], 2), "p99_ms_with_slow": round(crowded[0], 2), "ratio": round(crowded[0] / alone[0], 2),
                       "per_s": round(alone[1]), "per_s_with_slow": round(crowded[1]),
                       "refused_per_s": round(alone[2]), "refused_per_s_with_slow": round(crowded[2])}
    if options.json:
        print(json.dumps({"doors": table, "slow": options.slow, "front_rss_kib": rss}, indent=1))
        return
    print(f"{'good clients':14} {'p99 ms':>8} {'with slow':>10} {'ratio':>6} {'target':>7} "
          f"{'per s':>8} {'with slow':>10} {'503s/s':>6} {'with slow':>10}")
    for door, row in table.items():
        print(f"{door:14} {row['p99_ms']:>8.2f} {row['p99_ms_with_slow']:>10.2f} {row['ratio']:>6.2f} {'< 2':>7} "
              f"{row['per_s']:>8} {row['per_s_with_slow']:>10} "
              f"{row['refused_per_s']:>6} {row['refused_per_s_with_slow']:>10}")
    print(f"front RSS after it {rss / 1024:.1f} MiB")


if __name__ == "__main__":
    main()
