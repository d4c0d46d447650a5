#!/usr/bin/env python3
"""Operations a second and CPU per request through the gateway, beside the bare token in the same run.

    scripts/bench [--seconds 5] [--connections 32] [--json]

Each row times the bare token (two threads) and the gateway (wrk, keep-alive connections) one after the other, so that the ratio holds
when the machine's speed drifts. CPU is user + system time of front and worker per request; `above token` takes the bare token's CPU per
operation away. Every request has its durable audit record.
"""
import argparse
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
from gateway import Gateway, b64  # noqa: E402

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
TICK = os.sysconf("SC_CLK_TCK")

POST = """
wrk.method = "POST"
wrk.headers["Authorization"] = "Bearer %s"
wrk.headers["Content-Type"] = "application/json"
wrk.body = [==[%s]==]
"""


def cpu_seconds(pids):
    total = 0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def bare(gateway, operation, seconds):
    environment = dict(os.environ, SOFTHSM2_CONF=str(next(gateway.data.rglob("softhsm2.conf"))))
    out = subprocess.run([os.environ["HSMGATE_BIN"] + "/bare_token", MODULE, "hsmgate-dev", gateway.data / "token.pin", operation, "2",
                          str(seconds)], check=True, capture_output=True, text=True, env=environment).stdout
    rate, cpu = out.split()
    return float(rate), float(cpu)


def wrk(gateway, path, script, seconds, connections):
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        return subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--latency", "-s", file.name, gateway.address + path], check=True, capture_output=True, text=True).stdout


def through_gateway(gateway, path, body, seconds, connections):
    script = POST % (gateway.token, json.dumps(body))
    return through_scripts(gateway, path, script, script, seconds, connections)


def through_scripts(gateway, path, warm, script, seconds, connections):
    pids = [gateway.process.pid] + gateway.worker_pids()
    wrk(gateway, path, warm, 1, connections)
    before = cpu_seconds(pids)
    out = wrk(gateway, path, script, seconds, connections)
    used = cpu_seconds(pids) - before
    requests = int(re.search(r"(\d+) requests in", out).group(1))
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    if bad or "Socket errors" in out:
        raise SystemExit(f"{path}: not every request succeeded:\n{out}")
    p99 = re.search(r"99%\s+(\S+)", out).group(1)
    return rate, used / requests * 1e6, p99


def idle_rss(gateway, count):
    parts = gateway.address.rsplit(":", 1)
    sockets = []
    for _ in range(count):
        s = socket.create_connection(("127.0.0.1", int(parts[1])))
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        s.recv(4096)
        sockets.append(s)
    rss = gateway.rss_kib()
    for s in sockets:
        s.close()
    return rss


def way_back(gateway, rounds=5):
    """Seconds from a kill -9 of the worker to the next signature, the longest of some rounds."""
    longest = 0.0
    for _ in range(rounds):
        os.kill(gateway.worker_pids()[0], signal.SIGKILL)
        killed = time.monotonic()
        while gateway.call("POST", "/v1/keys/bench/p256:sign", {"message": ""}).status != 200:
            pass
        longest = max(longest, time.monotonic() - killed)
    return longest


def rows_of(gateway):
    for name, algorithm in (("p256", "ecdsa-p256"), ("rsa2048", "rsa-2048"), ("ed25519", "ed25519"), ("aes", "aes-256-gcm")):
        gateway.key(f"bench/{name}", algorithm)
    message = b64(bytes(32))
    sealed = gateway.verb("bench/aes", "data-key", {"bytes": 32, "context": {"a": "b"}})["ciphertext"]
    key = "/v1/keys/bench/"
    return [
        ("sign ecdsa-p256", "sign-p256", key + "p256:sign", {"message": message}, 1, 0.5),
        ("sign ecdsa-p256, batch of 64", "sign-p256", key + "p256:sign", {"items": [{"message": message}] * 64}, 64, None),
        ("sign rsa-2048", "sign-rsa2048", key + "rsa2048:sign", {"message": message}, 1, 0.9),
        ("sign ed25519", "sign-ed25519", key + "ed25519:sign", {"message": message}, 1, None),
        ("encrypt aes-256-gcm", "encrypt", key + "aes:encrypt", {"plaintext": message, "context": {"a": "b"}}, 1, 0.3),
        ("encrypt aes-256-gcm, batch of 64", "encrypt", key + "aes:encrypt", {"items": [{"plaintext": message}] * 64}, 64, 0.75),
        ("unwrap a data key", "unwrap", key + "aes:unwrap", {"ciphertext": sealed, "context": {"a": "b"}}, 1, None),
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    table = []
    with Gateway() as gateway:
        for title, bare_operation, path, body, items, target in rows_of(gateway):
            bare_rate, bare_cpu = bare(gateway, bare_operation, options.seconds)
            rate, cpu, p99 = through_gateway(gateway, path, body, options.seconds, options.connections)
            table.append({"operation": title, "bare_per_s": round(bare_rate), "gateway_per_s": round(rate * items),
                          "ratio": round(rate * items / bare_rate, 2), "target": target,
                          "cpu_us_per_request": round(cpu, 1), "above_token_us": round(cpu - bare_cpu * items, 1), "p99": p99})
            print(f"    {title}: done", file=sys.stderr, flush=True)
        front = gateway.rss_kib()
        with_idle = idle_rss(gateway, 1000)
        back = way_back(gateway)
    if options.json:
        print(json.dumps({"rows": table, "front_rss_kib": front, "front_rss_with_1000_idle_kib": with_idle,
                          "worker_killed_serving_again_s": round(back, 2)}, indent=1))
        return
    print(f"{'operation':34} {'bare/s':>8} {'gateway/s':>10} {'ratio':>6} {'target':>7} {'CPU µs':>8} {'above token':>12} {'p99':>9}")
    for row in table:
        print(f"{row['operation']:34} {row['bare_per_s']:>8} {row['gateway_per_s']:>10} {row['ratio']:>6.2f} "
              f"{'' if row['target'] is None else '>= %.2f' % row['target']:>7} {row['cpu_us_per_request']:>8} {row['above_token_us']:>12} {row['p99']:>9}")
    print(f"front RSS after the load {front / 1024:.1f} MiB, with 1 000 idle connections {with_idle / 1024:.1f} MiB (target 32)")
    print(f"worker killed with -9, serving again after at most {back:.2f} s (target 2)")


if __name__ == "__main__":
    main()
