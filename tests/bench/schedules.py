#!/usr/bin/env python3
"""What 100 000 keys with schedules cost: the time to start from SQLite, the CPU of a gateway that waits for the next step, and the
latency of GET of one key beside a gateway that has two keys only.

    scripts/bench schedules [--keys 100000] [--seconds 20] [--json]

The keys are rows alone, copies of one that was made through the API: their material is not on the token, which the gateway says in its
log when it starts. Their next steps lie hours to a year away.
"""
import argparse
import contextlib
import json
import os
import pathlib
import sqlite3
import statistics
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
from measure import cpu_seconds  # noqa: E402
from configured import Configured  # noqa: E402

YEAR_MS = 365 * 86400 * 1000
BURST = 500


def prepare():
    gateway = Configured("soft").start()
    gateway.key("bench/one", "aes-256-gcm", rotation={"every": "365d", "overlap": "30d"})
    return gateway


def multiply(path, count):
    """Copies of the key, whose primaries became so at times spread over the last year."""
    now = int(time.time() * 1000)
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.row_factory = sqlite3.Row
        key = dict(database.execute("SELECT * FROM keys WHERE name = 'bench/one'").fetchone())
        version = dict(database.execute("SELECT * FROM versions WHERE key_id = ?", (key["id"],)).fetchone())
        original = key["id"]
        for number in range(count):
            key.update(id=os.urandom(16), name=f"bench/k{number:06}")
            since = now - (YEAR_MS - 14 * 86400 * 1000) * number // count
            version.update(key_id=key["id"], cka_id=os.urandom(16) + b"\x01\x00", created_at=since, activated_at=since, entered_at=since)
            for table, row in (("keys", key), ("versions", version)):
                database.execute(f"INSERT INTO {table} ({','.join(row)}) VALUES ({','.join('?' * len(row))})", tuple(row.values()))
        assert original != key["id"]


def timed_start(gateway):
    begun = time.monotonic()
    gateway.start()
    return time.monotonic() - begun


def idle_cpu(gateway, seconds):
    """Of one core, front and worker together."""
    pids = [gateway.process.pid, *gateway.worker_pids()]
    before = cpu_seconds(pids)
    time.sleep(seconds)
    return (cpu_seconds(pids) - before) / seconds


def burst(gateway, connection, name):
    took = []
    for _ in range(BURST):
        begun = time.perf_counter()
        answer = gateway.call("GET", f"/v1/keys/{name}", connection=connection)
        took.append(time.perf_counter() - begun)
        assert answer.status == 200
    return took


def latencies(few, many, count, rounds=10):
    """Microseconds of the median and the 99th percentile, bursts by turns."""
    connections = few.connect(), many.connect()
    took = [], []
    burst(few, connections[0], "bench/one"), burst(many, connections[1], "bench/one")
    for number in range(rounds):
        took[0].extend(burst(few, connections[0], "bench/one"))
        took[1].extend(burst(many, connections[1], f"bench/k{count * number // rounds:06}"))
    quantiles = [statistics.quantiles(t, n=100) for t in took]
    return [(q[49] * 1e6, q[98] * 1e6) for q in quantiles]


def measure(count, seconds):
    few, many = prepare(), prepare()
    try:
        many.stop()
        multiply(many.data / "hsmgate.db", count)
        few.stop()
        start_few, start_many = timed_start(few), timed_start(many)
        planned = next(float(line.split()[1]) for line in many.call("GET", "/metrics", token="").body.decode().splitlines()
                       if line.startswith("hsmgate_rotation_planned "))
        idle_few, idle_many = idle_cpu(few, seconds), idle_cpu(many, seconds)
        (few_50, few_99), (many_50, many_99) = latencies(few, many, count)
        return {"keys": count, "planned": planned, "start_s": start_many, "start_s_two_keys": start_few, "idle_cpu": idle_many,
                "idle_cpu_two_keys": idle_few, "get_us": many_50, "get_us_two_keys": few_50, "get_us_p99": many_99,
                "get_us_p99_two_keys": few_99, "rss_mib": many.rss_kib() / 1024, "rss_mib_two_keys": few.rss_kib() / 1024}
    finally:
        few.remove()
        many.remove()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keys", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=20, help="how long the idle gateways are watched, each")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure(options.keys, options.seconds)
    if options.json:
        print(json.dumps(found))
        return
    print(f"{'':34}{'2 keys':>12}{options.keys:>12} keys, {found['planned']:.0f} with a step ahead")
    print(f"{'start until ready':34}{found['start_s_two_keys']:>10.2f} s{found['start_s']:>10.2f} s")
    print(f"{'CPU while idle, of one core':34}{found['idle_cpu_two_keys']:>10.2%}  {found['idle_cpu']:>10.2%}")
    print(f"{'GET of one key, median':34}{found['get_us_two_keys']:>9.0f} us{found['get_us']:>9.0f} us  ratio {found['get_us'] / found['get_us_two_keys']:.2f}")
    print(f"{'GET of one key, 99th percentile':34}{found['get_us_p99_two_keys']:>9.0f} us{found['get_us_p99']:>9.0f} us")
    print(f"{'memory of the front':34}{found['rss_mib_two_keys']:>9.0f} MiB{found['rss_mib']:>8.0f} MiB")


if __name__ == "__main__":
    main()
