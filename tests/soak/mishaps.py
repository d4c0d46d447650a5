"""What goes wrong during a soak, one after the other: the worker `main` is killed or hangs, SIGHUP, crowds of slow clients."""
import contextlib
import os
import random
import signal

from samples import workers
from slow import SlowClients


class Chaos:
    """`calm` is left alone, so that the memory of a worker can be watched for the whole time."""

    def __init__(self, gateway, clock):
        self.gateway, self.clock = gateway, clock
        self.events = []  # (seconds since the start, what)

    def run(self, stop, pause):
        deeds = [self.kill, self.hang, self.reload, self.slow]
        while not stop.wait(pause * random.uniform(0.5, 1.5)):
            deed = random.choice(deeds)
            self.events.append((self.clock(), deed.__name__))
            deed(stop)

    def signal_worker(self, number, pid=None):
        """The process id; None when there is no worker now."""
        pid = pid or workers(self.gateway).get("main")
        with contextlib.suppress(ProcessLookupError):
            if pid:
                os.kill(pid, number)
                return pid
        return None

    def kill(self, _):
        self.signal_worker(signal.SIGKILL)

    def hang(self, stop):
        """As a module that does not return; the front kills it when an operation's time is over, or it goes on."""
        pid = self.signal_worker(signal.SIGSTOP)
        if pid:
            stop.wait(random.choice([0.5, 6]))
            self.signal_worker(signal.SIGCONT, pid)

    def reload(self, _):
        os.kill(self.gateway.process.pid, signal.SIGHUP)

    def slow(self, stop):
        with SlowClients(self.gateway, 60, again=True):
            stop.wait(8)

