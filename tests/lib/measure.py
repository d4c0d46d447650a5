"""What benchmarks and soaks measure with: the bare token, clients that cost little, CPU of other processes, the disk, idle connections.

    with BareToken(gateway, 2, ["sign-p256"]) as bare, gateway, Clients(gateway, "/v1/keys/a/b:sign", body, connections=16) as clients:
        bare.run("sign-p256", seconds=1)         # what the module does by itself
        clients.run(warm_up=0.1, seconds=1)      # the same through the gateway
"""
import json
import os
import pathlib
import re
import resource
import select
import signal
import socket
import statistics
import subprocess
import tempfile
import threading
import time

from tokens import MODULE, SoftToken
from daemon import programs


def cpu_seconds(pids):
    """User and system time of the processes, all their threads, to the nanosecond (CPUCLOCK_SCHED of Linux)."""
    return sum(time.clock_gettime(~pid << 3 | 2) for pid in pids)


class Tool:
    """A program that takes one line for each round and answers with one JSON object."""

    def __init__(self, *command, **environment):
        self.process = subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=dict(os.environ, **environment))

    def ask(self, *words):
        self.process.stdin.write(" ".join(str(word) for word in words) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.process.args[0]} ended with {self.process.wait()}")
        return json.loads(line)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class BareToken(Tool):
    """The module by itself, on a token of its own beside those of a gateway, which must not run yet: SoftHSM does not bear two processes
    of which one makes objects."""

    def __init__(self, gateway, threads, operations, module=MODULE):
        token = SoftToken(gateway.data, "bare", gateway.environment)
        super().__init__(programs() / "bare_token", module, token.label, token.pin_file, threads, *operations, **gateway.environment)
        self.process.stdout.readline()  # its keys are made

    def run(self, operation, seconds):
        found = self.ask(operation, seconds)
        found["ops_per_s"] = found["count"] / found["seconds"]
        found["cpu_us"] /= max(1, found["count"])
        return found


def request_file(path, body, token):
    """A temporary file with a POST, as closed_loop and open_loop take it."""
    data = json.dumps(body)
    file = tempfile.NamedTemporaryFile("w")
    file.write(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
               f"Content-Length: {len(data)}\r\n\r\n{data}")
    file.flush()
    return file


class Clients(Tool):
    """Keep-alive connections, plain or over TLS 1.3, that make the same request over and over."""

    def __init__(self, gateway, path, body, connections, tls=False, strict=True, token=None):
        self.strict = strict
        self.front, self.workers = gateway.process.pid, gateway.worker_pids()
        port = gateway.tls_port if tls else gateway.plain_port
        self.request = request_file(path, body, token or gateway.token)
        super().__init__(programs() / "closed_loop", "127.0.0.1", port, connections, self.request.name,
                         gateway.root.certificate if tls else "-", self.front, *self.workers)

    def run(self, warm_up, seconds):
        """One round; front_us and worker_us are CPU for each request."""
        found = self.ask(warm_up, seconds)
        if self.strict and (found["other"] or found["count"] == 0):
            raise SystemExit(f"requests failed: {found}")
        front, *workers = found.pop("cpu_us")
        answers = max(1, found["count"] + found["refused"])
        return {**found, "requests_per_s": found["count"] / found["seconds"], "refused_per_s": found["refused"] / found["seconds"],
                "front_us": front / answers, "worker_us": sum(workers) / answers, "own_us": found["own_cpu_us"] / answers}

    def __exit__(self, *rest):
        super().__exit__(*rest)
        self.request.close()


def allow_descriptors():
    """As many as the hard limit has: a thousand connections are more than the usual soft one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def idle_rss_kib(gateway, count):
    """Memory of the front beside so many keep-alive connections that have had one answer each."""
    address = "127.0.0.1", gateway.plain_port
    sockets = [socket.create_connection(address) for _ in range(count)]
    for connection in sockets:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
    rss = gateway.rss_kib()
    for connection in sockets:
        connection.close()
    return rss


def kill_worker(pid):
    """Returns when it is gone."""
    gone = os.pidfd_open(pid)
    os.kill(pid, signal.SIGKILL)
    select.select([gone], [], [])
    os.close(gone)


def way_back(gateway, clients, path, body, rounds):
    """Seconds from a kill -9 of the worker, with these clients at work, to the next answer with 200: the longest of some rounds."""
    longest = 0.0
    pace = threading.Event()
    for _ in range(rounds):
        load = threading.Thread(target=clients.run, args=(0, 1))
        load.start()
        pace.wait(0.3)
        killed = time.monotonic()
        kill_worker(gateway.worker_pids()[0])
        while gateway.call("POST", path, body).status != 200:
            pace.wait(0.005)
        longest = max(longest, time.monotonic() - killed)
        load.join()
    return longest


def file_system(path):
    """Kind and place of the file system that holds the path."""
    out = subprocess.run(["stat", "-f", "-c", "%T", path], check=True, capture_output=True, text=True).stdout.strip()
    return {"ext2/ext3": "ext4"}.get(out, out)


def sync_us(folder, rounds=60):
    """Median of what it takes to append 400 bytes to a file and have them on disk."""
    took = []
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        for _ in range(rounds):
            begun = time.perf_counter()
            os.write(file.fileno(), b"x" * 400)
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - begun)
    return statistics.median(took) * 1e6


def processor():
    found = re.search(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    return f"{len(os.sched_getaffinity(0))} x {found.group(1) if found else 'unknown processor'}"
