"""The callers of load.py for a front that may die: whoever gets no answer waits until there is a front again.

    with PatientLoad(gateway, sign="a/b/ec", encrypt="a/b/aes") as load:
        gateway.kill()
        gateway.start()
        load.revive()        # they go on
        load.wait_good()
    load.check()             # what was acknowledged in any life is recorded and opens
"""
import threading

from daemon import b64
from load import AWAY, Caller, Load

BATCH = 256


class PatientCaller(Caller):
    def ask(self, verb, key, body, given, request_id):
        life = self.load.life
        done = super().ask(verb, key, body, given, request_id)
        if done.status == 0:
            self.answers.pop()  # nothing was promised
            self.load.wait_next_life(life)
            self.connection = self.load.gateway.connect()  # the next one may listen elsewhere
        return done


class PatientLoad(Load):
    def __init__(self, gateway, connections=8, **more):
        super().__init__(gateway, connections=0, **more)
        self.life = 0
        self.changed = threading.Condition()
        self.callers = [PatientCaller(self, number) for number in range(connections)]

    def __exit__(self, *_):
        self.stopping.set()
        self.revive()
        super().__exit__()

    def revive(self):
        with self.changed:
            self.life += 1
            self.changed.notify_all()

    def wait_next_life(self, life):
        with self.changed:
            self.changed.wait_for(lambda: self.life != life or self.stopping.is_set())

    def check(self, codes=AWAY):
        """The gateway runs; what was encrypted in any life opens in this one."""
        super().check(codes)
        sealed = self.good("encrypt")
        for start in range(0, len(sealed), BATCH):
            part = sealed[start:start + BATCH]
            opened = self.gateway.verb(self.encrypt, "decrypt", {"items": [{"ciphertext": done.body["ciphertext"]} for done in part]})["results"]
            assert [result.get("plaintext") for result in opened] == [b64(done.given) for done in part]
