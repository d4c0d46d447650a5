"""100 000 mixed requests in one run: memory of front and worker flat after the warm-up, no descriptor leak."""
import json
import os
import re
import subprocess
import time

from gateway import Gateway, b64

REQUESTS = 100_000
WARM_UP = 20_000
LUA = """
local bodies = {%s}
local n = 0
request = function()
  n = n %% #bodies + 1
  return wrk.format(bodies[n][1], bodies[n][2], {["Authorization"]="Bearer %s", ["Content-Type"]="application/json"}, bodies[n][3])
end
local threads = {}
function setup(thread) table.insert(threads, thread) end
codes = {}
function response(status) codes[status] = (codes[status] or 0) + 1 end
function done()
  for _, thread in ipairs(threads) do
    for status, count in pairs(thread:get("codes")) do print("STATUS", status, count) end
  end
end
"""


def mix(gateway):
    for name, algorithm in (("aes", "aes-256-gcm"), ("ec", "ecdsa-p256"), ("mac", "hmac-sha256")):
        gateway.key(f"soak/mix/{name}", algorithm)
    sealed = gateway.verb("soak/mix/aes", "encrypt", {"plaintext": b64(b"soak")})["ciphertext"]
    wrapped = gateway.verb("soak/mix/aes", "data-key", {})["ciphertext"]
    flipped = sealed[:-6] + ("A" if sealed[-6] != "A" else "B") + sealed[-5:]
    key = "/v1/keys/soak/mix/"
    return [
        ("POST", key + "ec:sign", {"message": "aGVsbG8="}), ("POST", key + "aes:encrypt", {"plaintext": "aGVsbG8=", "context": {"a": "b"}}),
        ("POST", key + "aes:decrypt", {"ciphertext": sealed}), ("POST", key + "aes:unwrap", {"ciphertext": wrapped}), ("POST", key + "aes:data-key", {"bytes": 32}),
        ("POST", key + "mac:mac", {"message": "aGVsbG8="}), ("POST", key + "aes:rewrap", {"ciphertext": sealed}), ("POST", key + "ec:jwt", {"claims": {"a": 1}}),
        ("POST", key + "aes:decrypt", {"ciphertext": flipped}), ("POST", key + "ec:sign", {"items": [{"message": "YQ=="}, {"message": "!"}]}),
        ("GET", "/jwks/soak/mix/ec", None), ("GET", "/v1/keys/soak/mix/aes", None), ("GET", "/v1/nothing", None), ("GET", "/healthz", None),
        ("POST", key + "aes:encrypt", "not json"), ("POST", "/v1/random", {"bytes": 16}),
    ]


def load(gateway, script, at_least):
    """Runs wrk in slices until so many requests were answered; gives the counts by status."""
    counts = {}
    while sum(counts.values()) < at_least:
        out = subprocess.run(["wrk", "-t1", "-c16", "-d4", "--timeout", "30s", "-s", script, gateway.address], check=True, capture_output=True, text=True).stdout
        assert "Socket errors" not in out, out
        for status, count in re.findall(r"STATUS\s+(\d+)\s+(\d+)", out):
            counts[int(status)] = counts.get(int(status), 0) + int(count)
    return counts


def settled(gateway, worker):
    """Memory and descriptors of front and worker once the load's connections are gone: the gauge shows our own alone."""
    deadline = time.monotonic() + 60
    open_now = None
    while open_now != 1 and time.monotonic() < deadline:
        metrics = gateway.call("GET", "/metrics", token="").body.decode()
        open_now = int(re.search(r"^hsmgate_http_connections (\d+)", metrics, re.M).group(1))
    assert open_now == 1, "the load's connections were never closed"
    return gateway.rss_kib(), gateway.rss_kib(worker), gateway.descriptors(), gateway.descriptors(worker)


def test_memory_is_flat(tmp_path):
    with Gateway() as gateway:
        rows = [f"{{{json.dumps(m)}, {json.dumps(p)}, {json.dumps(b if isinstance(b, str) else json.dumps(b)) if b is not None else 'nil'}}}" for m, p, b in mix(gateway)]
        script = tmp_path / "mix.lua"
        script.write_text(LUA % (",".join(rows), gateway.token))
        load(gateway, script, WARM_UP)
        worker = gateway.worker_pids()[0]
        before = settled(gateway, worker)
        counts = load(gateway, script, REQUESTS)
        after = settled(gateway, worker)
        print(f"{sum(counts.values())} requests {counts}; RSS of front {before[0]} -> {after[0]} KiB, of worker {before[1]} -> {after[1]} KiB")
        assert set(counts) == {200, 400, 404}
        assert gateway.worker_pids() == [worker], "the worker was replaced"
        # Allocators (and the sanitizers' quarantine) keep some slack; a leak of 100 bytes per request would be 10 MB.
        slack = 64 * 1024 if "asan" in os.environ["HSMGATE_BIN"] or "tsan" in os.environ["HSMGATE_BIN"] else 4 * 1024
        assert after[0] - before[0] < slack and after[1] - before[1] < slack, (before, after)
        assert after[2] <= before[2] + 2 and after[3] <= before[3], (before, after)
        served = sum(counts.values())
        # healthz is not recorded; every other answer has its line
        assert len(gateway.records()) >= served * 15 // 16
