"""hsmgated as a test sees it: a process with a folder, a log, and callers over HTTP.

Start-up is synchronised by the daemon's own readiness message (sd_notify), never by sleeping. The programs under test come from
HSMGATE_BIN (set by ctest). Subclasses say which instance it is: gateway.py a development one, configured.py one with a configuration.
"""
import base64
import contextlib
import http.client
import json
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse

from served import before, end

START_SECONDS = 120
LOOK_SECONDS = 60
SANITIZED = re.compile(r"Sanitizer: |runtime error: ")


def programs():
    return pathlib.Path(os.environ["HSMGATE_BIN"])


def b64(data):
    return base64.b64encode(data).decode()


def unb64(text):
    return base64.b64decode(text, validate=True)


def until(what, check):
    """Looks until `check()` is true and gives its value; for what the daemon does by itself and tells nobody."""
    pace = threading.Event()
    deadline = time.monotonic() + LOOK_SECONDS
    while time.monotonic() < deadline:
        found = check()
        if found:
            return found
        pace.wait(0.05)
    raise AssertionError(f"not in {LOOK_SECONDS} s: {what}")


def stand_still(pid):
    """Stops a process as a hang would; returns when every thread of it stands, which the signal alone does not promise."""
    os.kill(pid, signal.SIGSTOP)
    tasks = pathlib.Path(f"/proc/{pid}/task")
    until("every thread has stopped", lambda: all((task / "stat").read_text().rsplit(")", 1)[1].split()[0] == "T" for task in tasks.iterdir()))


class Refused(Exception):
    """An answer other than 2xx, with its problem document."""

    def __init__(self, status, problem, headers):
        super().__init__(f"{status} {problem}")
        self.status = status
        self.problem = problem
        self.headers = headers
        self.code = problem.get("code") if isinstance(problem, dict) else None


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)


class Daemon:
    """One data folder; start and stop as often as a test wants. `env` holds HSMGATE_ADDR and HSMGATE_TOKEN once it runs."""

    def __init__(self, data=None):
        self.data = pathlib.Path(data or tempfile.mkdtemp(prefix="hsmgate-test-"))
        self.process = None
        self.env = {}

    # --- life ---
    def launch(self, *arguments, descriptors=(), **environment):
        """Runs hsmgated with these arguments until it is ready; it inherits the descriptors."""
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = str(self.data.parent / (self.data.name + ".notify"))
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        notify.bind(path)
        self.log = open(self.data.parent / (self.data.name + ".log"), "ab")
        self.process = subprocess.Popen([*before(environment), programs() / "hsmgated", *arguments], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                        pass_fds=descriptors, env=dict(os.environ, NOTIFY_SOCKET=path, **environment))
        try:
            self._wait_ready(notify)
        finally:
            notify.close()
            os.unlink(path)

    def _wait_ready(self, notify):
        exited = os.pidfd_open(self.process.pid)
        try:
            deadline = time.monotonic() + START_SECONDS
            while True:
                ready, _, _ = select.select([notify, exited], [], [], max(0, deadline - time.monotonic()))
                if notify in ready and b"READY=1" in notify.recv(4096):
                    return
                if exited in ready:
                    raise AssertionError(f"hsmgated ended with {self.process.wait()}:\n{self.log_text()}")
                if not ready:
                    raise AssertionError(f"hsmgated was not ready in {START_SECONDS} s:\n{self.log_text()}")
        finally:
            os.close(exited)

    def stop(self, how=signal.SIGTERM):
        """Ends the daemon and returns its exit status; SIGTERM must be a clean end."""
        if self.process is None:
            return None
        self.process.send_signal(how)
        status = self.process.wait(timeout=60)
        self.process = None
        self.log.close()
        if how == signal.SIGTERM:
            assert status == 0, f"exit status {status} after SIGTERM:\n{self.log_text()}"
        assert not SANITIZED.search(self.whole_log()), self.whole_log()
        return status

    def kill(self):
        return self.stop(signal.SIGKILL)

    def remove(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
        end(self.data)
        shutil.rmtree(self.data, ignore_errors=True)
        for suffix in (".log", ".notify"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(str(self.data) + suffix)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.remove()
            raise

    def __exit__(self, kind, value, trace):
        try:
            if kind is None:
                self.stop()
        finally:
            if kind is not None:
                print(self.log_text())
            self.remove()

    def whole_log(self):
        return pathlib.Path(str(self.data) + ".log").read_text(errors="replace")

    def log_text(self):
        return self.whole_log()[-8000:]

    def worker_pids(self):
        """Process ids of the workers, children of the front."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task")
        pids = []
        for task in children.iterdir():
            with contextlib.suppress(OSError):
                pids += [int(p) for p in (task / "children").read_text().split()]
        return pids

    def rss_kib(self, pid=None):
        text = pathlib.Path(f"/proc/{pid or self.process.pid}/status").read_text()
        return int(re.search(r"^VmRSS:\s+(\d+)", text, re.M).group(1))

    def descriptors(self, pid=None):
        return len(os.listdir(f"/proc/{pid or self.process.pid}/fd"))

    # --- calls ---
    @property
    def address(self):
        return self.env["HSMGATE_ADDR"]

    @property
    def token(self):
        return self.env["HSMGATE_TOKEN"]

    def connect(self, timeout=60):
        parts = urllib.parse.urlsplit(self.address)
        return http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)

    def call(self, method, path, body=None, token=None, headers=None, connection=None):
        """One request; any status comes back as an Answer."""
        own = connection or self.connect()
        sent = {"Authorization": f"Bearer {self.token if token is None else token}"} if token != "" else {}
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if body is not None:
            sent["Content-Type"] = "application/json"
        sent.update(headers or {})
        try:
            own.request(method, path, body=body, headers=sent)
            response = own.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            if connection is None:
                own.close()

    def do(self, method, path, body=None, **more):
        """One request that must succeed: its JSON, or Refused."""
        answer = self.call(method, path, body, **more)
        if not 200 <= answer.status < 300:
            try:
                problem = answer.json
            except ValueError:
                problem = answer.body
            raise Refused(answer.status, problem, answer.headers)
        return answer.json if answer.body else None

    def key(self, name, algorithm, **fields):
        return self.do("POST", "/v1/keys", {"name": name, "algorithm": algorithm, "owner": "tests", **fields})

    def offers(self, what):
        """Whether the probe of the default token found that it can do this algorithm or mechanism."""
        probe = next(t["probe"] for t in self.do("GET", "/v1/tokens")["tokens"] if t["default"])
        return what in probe["algorithms"] + probe["mechanisms"]

    def verb(self, name, verb, body, **more):
        return self.do("POST", f"/v1/keys/{name}:{verb}", body, **more)

    # --- records ---
    def records(self):
        """Every whole line of the audit log, in order."""
        found = []
        for path in sorted((self.data / "audit").glob("*.jsonl")):
            for line in path.read_text().splitlines():
                found.append(json.loads(line))
        return found
