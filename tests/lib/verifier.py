"""A consumer of JWTs in a process of its own, as strict as RFC 9111 allows: it keeps a key set for the whole max-age that it came with,
and fetches no other one in between, whatever `kid` it meets. jwcrypto does the checking; its leeway is what a busy machine may need to
bring a token here: what is tested is key sets, not expiry.

Lines in: URL-of-the-key-set TOKEN. Each token is checked when it comes, and again in the last second of its life. At the end of the
input it says what it saw, as JSON.
"""
import heapq
import json
import queue
import re
import sys
import threading
import time
import urllib.request

from jwcrypto.jwk import JWKSet
from jwcrypto.jwt import JWT

LAST_MOMENT = 1.0


class KeySets:
    def __init__(self):
        self.kept = {}
        self.fetched = 0

    def get(self, url):
        keys, until = self.kept.get(url, (None, 0))
        if time.monotonic() >= until:
            asked = time.monotonic()
            with urllib.request.urlopen(url, timeout=30) as answer:
                age = int(re.search(r"max-age=(\d+)", answer.headers["Cache-Control"]).group(1))
                keys = JWKSet.from_json(answer.read().decode())
            self.kept[url] = (keys, time.monotonic() + age)  # as long as it may: from when it came, not from when it was asked for
            self.fetched += 1
            assert time.monotonic() - asked < 30
        return keys


def read_lines(lines):
    for line in sys.stdin:
        lines.put(line.split())
    lines.put(None)


class Consumer:
    def __init__(self):
        self.sets = KeySets()
        self.checked = 0
        self.again = 0
        self.kids = set()
        self.failures = []

    def check(self, url, token):
        """The claims, or None."""
        try:
            jwt = JWT()
            jwt.leeway = 60
            jwt.deserialize(token, self.sets.get(url))
            self.kids.add(json.loads(jwt.header)["kid"])
            return json.loads(jwt.claims)
        except Exception as problem:  # whatever it is, the token was not accepted
            self.failures.append(f"{type(problem).__name__}: {problem}; {token.split('.')[0]}")
            return None

    def run(self):
        lines = queue.Queue(maxsize=64)  # a pipe that fills holds the signers back, so that no token waits for long
        threading.Thread(target=read_lines, args=(lines,), daemon=True).start()
        later = []
        open_ = True
        while open_ or later:
            wait = max(0.0, later[0][0] - time.time()) if later else None
            try:
                item = lines.get(timeout=wait) if open_ else self.sleep(wait)
            except queue.Empty:
                item = ()
            if item is None:
                open_ = False
            elif item:
                claims = self.check(*item)
                self.checked += 1
                if claims is not None:
                    heapq.heappush(later, (claims["exp"] - LAST_MOMENT, *item))
            while later and later[0][0] <= time.time():
                self.check(*heapq.heappop(later)[1:])
                self.again += 1
        return {"checked": self.checked, "again": self.again, "kids": len(self.kids), "fetched": self.sets.fetched, "failures": self.failures[:10],
                "failed": len(self.failures)}

    @staticmethod
    def sleep(wait):
        threading.Event().wait(wait)
        return ()


if __name__ == "__main__":
    print(json.dumps(Consumer().run()))
