"""A webhook on loopback that keeps what comes to it, as somebody's receiver would see it."""
import contextlib
import http.server
import queue
import threading
from typing import NamedTuple


class Delivery(NamedTuple):
    status: int  # what was answered
    headers: dict
    body: bytes


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = self.server.statuses.pop(0) if self.server.statuses else 204
        self.server.got.put(Delivery(status, dict(self.headers), body))
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def receiver(*statuses):
    """Answers with these statuses first, then 204; deliveries in `got`, a queue."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.statuses, server.got = list(statuses), queue.Queue()
    server.url = f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
