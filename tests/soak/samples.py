"""What is looked at every few seconds of a soak: memory, descriptors and threads of front and workers, and what is under way."""
import dataclasses
import os
import re
import statistics
import threading
import time

PARTS = ("front", "calm", "main")
UNDER_WAY = ("hsmgate_http_queued", "hsmgate_token_channels_busy", "hsmgate_audit_waiting")


@dataclasses.dataclass
class Sample:
    at: float  # seconds since the start
    rss_kib: dict  # by part
    descriptors: dict
    threads: dict
    under_way: int
    connections: int
    requests: int


def metrics(gateway):
    """Each series without its labels, added up."""
    found = {}
    for name, value in re.findall(r"^(\w+)(?:{.*})? (\S+)$", gateway.call("GET", "/metrics", token="").body.decode(), re.M):
        found[name] = found.get(name, 0) + float(value)
    return found


def workers(gateway):
    """Process ids by token; a worker that is being started is not there."""
    return {token["name"]: token["worker_pid"] for token in gateway.do("GET", "/v1/tokens")["tokens"] if "worker_pid" in token}


def take(gateway, at):
    pids = {"front": gateway.process.pid, **workers(gateway)}
    rss, descriptors, threads = {}, {}, {}
    for part, pid in pids.items():
        try:
            rss[part], descriptors[part], threads[part] = gateway.rss_kib(pid), gateway.descriptors(pid), len(os.listdir(f"/proc/{pid}/task"))
        except (OSError, AttributeError):  # AttributeError: it has ended, and has no memory
            for figures in (rss, descriptors, threads):
                figures.pop(part, None)
    now = metrics(gateway)
    return Sample(at, rss, descriptors, threads, int(sum(now[name] for name in UNDER_WAY)), int(now["hsmgate_http_connections"]),
                  int(now["hsmgate_http_requests_total"]))


def settled(gateway, at, seconds=60):
    """A sample when the gateway has nothing to do and no connection but ours, or as it is after so many seconds."""
    pace, deadline = threading.Event(), time.monotonic() + seconds
    while True:
        sample = take(gateway, at)
        if (sample.under_way == 0 and sample.connections <= 1) or time.monotonic() > deadline:
            return sample
        pace.wait(0.2)


def slope_mib_per_hour(samples, part):
    """Least squares over the samples that have the part; 0 for fewer than three."""
    points = [(sample.at / 3600, sample.rss_kib[part] / 1024) for sample in samples if part in sample.rss_kib]
    return statistics.linear_regression(*zip(*points)).slope if len(points) > 2 else 0.0
