#!/usr/bin/env python3
"""What five times the load that a token can take does to those who are served, and to those who are not.

    scripts/bench overload [--seconds 5] [--channels 4] [--token-us 10000] [--queue N] [--times 5] [--json]

Normal load is one keep-alive connection for each channel. The overload comes at random times, whatever becomes of it, five times what the
normal load got through. With --token-us each operation takes that much longer than SoftHSM's own, as on a real HSM; 0 is SoftHSM itself,
where the processor is the limit, which the clients share: on two cores that is so below some 3000. It must hold that the 99th percentile
of what is served stays within twice its normal value, and that what is refused is refused within 50 ms.
"""
import argparse
import contextlib
import json
import pathlib
import subprocess
import sys
import threading
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
from configured import MODULE, Configured  # noqa: E402
from daemon import b64, programs  # noqa: E402
from measure import request_file  # noqa: E402

KEY = "bench/overload/key"


def clients(gateway, connections, rate, seconds, request):
    """Runs the clients; their figures, and the most that the front's memory came to meanwhile."""
    parts = urllib.parse.urlsplit(gateway.address)
    most, done = [gateway.rss_kib()], threading.Event()

    def watch():
        while not done.wait(0.05):
            most[0] = max(most[0], gateway.rss_kib())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        out = subprocess.run([programs() / "open_loop", parts.hostname, str(parts.port), str(connections), str(rate), str(seconds), request],
                             check=True, capture_output=True, text=True).stdout
    finally:
        done.set()
        watcher.join()
    return {**json.loads(out), "rss_kib": most[0]}


def measure(options):
    limits = {} if options.queue is None else {"limits": {"token_queue": options.queue}}
    gateway = Configured("main", per_token={"main": {"channels": options.channels}}, **limits)
    module = programs() / "slow_module.so"
    gateway.tokens["main"].write(module=str(module) if options.token_us else MODULE)
    gateway.environment.update(SLOW_MODULE_TARGET=MODULE, SLOW_MODULE_US=str(options.token_us))
    with gateway, contextlib.ExitStack() as stack:
        gateway.key(KEY, "ecdsa-p256")
        request = stack.enter_context(request_file(f"/v1/keys/{KEY}:sign", {"message": b64(bytes(32))}, gateway.token)).name
        clients(gateway, options.channels, 0, 1, request)
        normal = clients(gateway, options.channels, 0, options.seconds, request)
        capacity = normal["served"]["count"] / normal["seconds"]
        over = clients(gateway, options.connections, capacity * options.times, options.seconds, request)
        after = clients(gateway, options.channels, 0, 1, request)
    return {"capacity_per_s": round(capacity), "normal": normal, "overload": over, "after": after,
            "ratio_p99": round(over["served"]["p99_us"] / normal["served"]["p99_us"], 2)}


def show(result):
    print(f"the token takes {result['capacity_per_s']} requests a second")
    print(f"{'':26} {'a second':>9} {'p50 ms':>8} {'p99 ms':>8} {'p99.9 ms':>9} {'most ms':>8}")
    for load in ("normal", "overload", "after"):
        for kind in ("served", "refused", "other", "late"):
            row = result[load][kind]
            if row["count"] > 0:
                print(f"{load + ', ' + kind:26} {row['count'] / result[load]['seconds']:>9.0f} {row['p50_us'] / 1e3:>8.2f} {row['p99_us'] / 1e3:>8.2f} "
                      f"{row['p999_us'] / 1e3:>9.2f} {row['max_us'] / 1e3:>8.2f}")
    over = result["overload"]
    print(f"p99 of what is served: {result['ratio_p99']} times normal (at most 2); refused without Retry-After: {over['without_retry_after']}; "
          f"not sent because every connection was busy: {over['unsent']}")
    print(f"front RSS {result['normal']['rss_kib'] / 1024:.1f} MiB under normal load, {over['rss_kib'] / 1024:.1f} MiB under overload")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--channels", type=int, default=4)
    parser.add_argument("--token-us", type=int, default=10000)
    parser.add_argument("--queue", type=int, help="limits.token_queue instead of its default")
    parser.add_argument("--times", type=float, default=5)
    parser.add_argument("--connections", type=int, default=500)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = measure(options)
    if options.json:
        print(json.dumps(result, indent=1))
    else:
        show(result)


if __name__ == "__main__":
    main()
