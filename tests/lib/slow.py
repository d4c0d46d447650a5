"""Slow clients, many at once, in one thread: they connect, start something, and never get on with it.

    with SlowClients(gateway, 1000) as slow:      # a Secured gateway: plain and TLS
        ...                                        # they go on in the background
        slow.wait_all_closed()

Whoever the server closes is counted; with `again=True` another one takes its place at once.
"""
import contextlib
import selectors
import socket
import ssl
import threading
import time

REQUEST = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
HEAD = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "
BODY = b"POST /v1/random HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
ENDED = (ConnectionError, ssl.SSLError, OSError)


def client_hello():
    """The first flight of a real handshake."""
    context = ssl.create_default_context()
    out = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), out, server_hostname="localhost").do_handshake()
    return out.read()


# What a client sends first, inside or outside of TLS, and what it sends then byte by byte; None: nothing more.
KINDS = {
    "stalled handshake": (False, "tls", client_hello()[:3], None),
    "slow handshake": (False, "tls", client_hello()[:3], client_hello()[3:]),
    "slow head": (False, "plain", HEAD, b"x" * 4000),
    "slow body": (False, "plain", BODY, b"x" * 90000),
    "idle": (False, "plain", REQUEST, None),
    "slow head in TLS": (True, "tls", HEAD, b"x" * 4000),
    "slow body in TLS": (True, "tls", BODY, b"x" * 90000),
    "idle in TLS": (True, "tls", REQUEST, None),
}


class SlowClient:
    def __init__(self, gateway, context, kind):
        secure, port, first, self.rest = KINDS[kind]
        number = gateway.tls_port if port == "tls" else gateway.plain_port
        self.sent = 0
        self.socket = socket.create_connection(("127.0.0.1", number), timeout=60)
        if secure:
            self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self.socket.sendall(first)
        if first is REQUEST:
            assert self.socket.recv(4096).startswith(b"HTTP/1.1 200")
        self.socket.setblocking(False)

    def send_byte(self):
        """False when the server is gone."""
        if self.rest is None or self.sent >= len(self.rest):
            return True
        try:
            self.socket.send(self.rest[self.sent:self.sent + 1])
            self.sent += 1
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except ENDED:
            return False
        return True

    def ended(self):
        """Reads what has come; whether the server has closed."""
        try:
            while True:
                if self.socket.recv(65536) == b"":
                    return True
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except ENDED:
            return True


class SlowClients:
    def __init__(self, gateway, count, kinds=None, pace=1.0, again=False):
        self.gateway = gateway
        self.kinds = [list(kinds or KINDS)[i % len(kinds or KINDS)] for i in range(count)]
        self.pace = pace
        self.again = again
        self.context = gateway.context()
        self.selector = selectors.DefaultSelector()
        self.clients = set()
        self.closed = 0  # by the server
        self.stopping = False
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self.run)

    def open_one(self, kind):
        client = SlowClient(self.gateway, self.context, kind)
        client.kind = kind
        self.clients.add(client)
        self.selector.register(client.socket, selectors.EVENT_READ, client)

    def gone(self, client):
        self.selector.unregister(client.socket)
        client.socket.close()
        self.clients.discard(client)
        with self.changed:
            self.closed += 1
            self.changed.notify_all()
        if self.again and not self.stopping:
            self.open_one(client.kind)

    def run(self):
        turn = time.monotonic() + self.pace
        while not self.stopping:
            for key, _ in self.selector.select(max(0, turn - time.monotonic())):
                if key.data.ended():
                    self.gone(key.data)
            if time.monotonic() >= turn:
                turn += self.pace
                for client in list(self.clients):
                    if not client.send_byte():
                        self.gone(client)

    def __enter__(self):
        for kind in self.kinds:
            self.open_one(kind)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        self.thread.join()
        for client in self.clients:
            client.socket.close()
        self.selector.close()

    def wait_all_closed(self, seconds=120):
        with self.changed:
            assert self.changed.wait_for(lambda: self.closed >= len(self.kinds), seconds), f"only {self.closed} of {len(self.kinds)} were closed"
