"""A gateway on a token whose module does what a test says, and which checks the gateway all the time (tests/chaos/module).

    with ChaosGateway() as gateway:
        fault = gateway.chaos.inject("C_Sign", ckr="DEVICE_ERROR", skip=10, times=1)
        fault.wait()                                # it has happened
        gateway.chaos.count("C_Login")              # by all workers so far
    # at the end: the gateway never did with the module what it must not do, or the test fails

Rules live in a file that the workers map, so they and the counters outlive a worker; `incarnation` binds a rule to one of them. Each call meets
the first rule that hits it. What a rule does is one keyword: see `Chaos.inject`.
"""
import ctypes
import mmap
import pathlib
import signal
import tempfile

from configured import MODULE, Configured
from daemon import programs, until

NAME, ID, KEPT, RULES, FUNCTIONS = 32, 64, 64, 32, 72
ACTIONS = ["ckr", "delay", "hang", "crash", "handles", "login", "sessions", "device",
           "shorter", "longer", "fill", "flip", "repeat", "swap", "limit", "flags"]  # in the order of enum board_action
HANG = ACTIONS.index("hang") + 1
CRASHES = {"SIGSEGV": signal.SIGSEGV, "SIGABRT": signal.SIGABRT, "exit": 0}
CKR = {"GENERAL_ERROR": 0x05, "FUNCTION_FAILED": 0x06, "ARGUMENTS_BAD": 0x07, "DATA_INVALID": 0x20, "DEVICE_ERROR": 0x30, "DEVICE_MEMORY": 0x31,
       "DEVICE_REMOVED": 0x32, "KEY_HANDLE_INVALID": 0x60, "OPERATION_ACTIVE": 0x90, "PIN_INCORRECT": 0xA0, "PIN_LOCKED": 0xA4,
       "SESSION_CLOSED": 0xB0, "SESSION_COUNT": 0xB1, "SESSION_HANDLE_INVALID": 0xB3, "TOKEN_NOT_PRESENT": 0xE0, "USER_NOT_LOGGED_IN": 0x101,
       "BUFFER_TOO_SMALL": 0x150, "VENDOR_DEFINED": 0x80000000}
FLAGS = {"USER_PIN_COUNT_LOW": 0x10000, "USER_PIN_FINAL_TRY": 0x20000, "USER_PIN_LOCKED": 0x40000}
NAMES = {"ckr": CKR, "crash": CRASHES, "flags": FLAGS}


class BoardId(ctypes.Structure):
    _fields_ = [("len", ctypes.c_uint32), ("bytes", ctypes.c_uint8 * ID)]

    def put(self, value):
        self.len = len(value)
        ctypes.memmove(self.bytes, value, len(value))


class BoardRule(ctypes.Structure):
    _fields_ = [("active", ctypes.c_uint32), ("action", ctypes.c_uint32), ("function", ctypes.c_char * NAME), ("value", ctypes.c_uint64),
                ("other", ctypes.c_uint64),
                *((name, ctypes.c_uint32) for name in ("every", "done", "skip", "times", "incarnation", "seen", "fired", "kept_len")),
                ("kept", ctypes.c_uint8 * KEPT), ("origin", BoardId), ("to", BoardId)]


class BoardFunction(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char * NAME), ("calls", ctypes.c_uint64)]


class Board(ctypes.Structure):
    """struct board of tests/chaos/module/board.h; the module says how large it takes it for."""
    _fields_ = [("size", ctypes.c_uint32), ("incarnations", ctypes.c_uint32), ("numbering", ctypes.c_uint32),
                ("functions", BoardFunction * FUNCTIONS), ("rules", BoardRule * RULES)]


class Fault:
    """A rule in force."""

    def __init__(self, rule):
        self.rule = rule

    @property
    def fired(self):
        return self.rule.fired

    def wait(self, times=1):
        until(f"the fault in {self.rule.function.decode()} has happened {times} times", lambda: self.rule.fired >= times)
        return self

    def clear(self):
        self.rule.active = 0


class Chaos:
    def __init__(self, folder):
        self.path = pathlib.Path(folder) / "chaos.board"
        with open(self.path, "w+b") as file:
            file.truncate(ctypes.sizeof(Board))
            self.board = Board.from_buffer(mmap.mmap(file.fileno(), ctypes.sizeof(Board)))
        self.environment = {"HSMGATE_CHAOS_TARGET": MODULE, "HSMGATE_CHAOS_BOARD": str(self.path)}

    def inject(self, function, *, skip=0, times=0, incarnation=0, done=False, every=0, slow=0, **what):
        """One rule. Of the calls of `function` ("*": of any) `skip` pass, then `times` are hit (0: all), in that incarnation (0: any);
        `done`: code and crash come after the call was made. What it does is one of:

        ckr=NAME · delay=SECONDS (with every=N and slow=SECONDS: each Nth takes that) · hang=True, until it is cleared
        crash="SIGSEGV", "SIGABRT" or "exit" · lose="login", "sessions", "handles" or "device", the last until it is cleared
        shorter=BYTES, longer=BYTES, fill=BYTE, flip=True or repeat=True, of the output · swap=(CKA_ID, that of the key which is found instead)
        limit=SESSIONS for C_OpenSession · flags=NAME for C_GetTokenInfo
        """
        (action, value), = what.items()
        rule = next(r for r in self.board.rules if not r.active or (r.action != HANG and 0 < r.times <= r.fired))
        ctypes.memset(ctypes.byref(rule), 0, ctypes.sizeof(rule))
        rule.function = function.encode()
        rule.skip, rule.times, rule.incarnation, rule.done, rule.every = skip, times, incarnation, int(done), every
        rule.other = int(slow * 1e6)
        rule.action = ACTIONS.index(value if action == "lose" else action) + 1
        if action == "swap":
            rule.origin.put(value[0])
            rule.to.put(value[1])
        elif action != "lose":
            rule.value = NAMES[action][value] if action in NAMES else int(value * (1e6 if action == "delay" else 1))
        rule.active = 1  # the last word: from here on it is in force
        return Fault(rule)

    def clear(self):
        for rule in self.board.rules:
            rule.active = 0

    def count(self, function):
        """How often it was called, by all incarnations."""
        return next((f.calls for f in self.board.functions if f.name == function.encode()), 0)

    @property
    def incarnation(self):
        """The newest worker's number; the first is 1."""
        assert self.board.size in (0, ctypes.sizeof(Board)), "tests/lib/chaos.py and board.h differ"
        return self.board.incarnations

    def violations(self):
        path = pathlib.Path(f"{self.path}.violations")
        return path.read_text().splitlines() if path.exists() else []


class ChaosGateway(Configured):
    """One token, named main, of 8 channels, behind the module; options as Configured's."""

    def __init__(self, channels=8, operation_timeout="10s", **options):
        self.folder = tempfile.TemporaryDirectory(prefix="hsmgate-chaos-")  # not the daemon's: it outlives it
        self.chaos = Chaos(self.folder.name)
        super().__init__("main", per_token={"main": {"channels": channels, "operation_timeout": operation_timeout}}, **options)
        self.main = self.tokens["main"]
        self.main.write(module=str(programs() / "libhsmgate-chaos.so"))
        self.environment.update(self.chaos.environment)

    def start(self, descriptors=()):
        super().start(descriptors)
        assert self.chaos.incarnation >= 1, "the worker has not loaded the module"
        return self

    def remove(self):
        super().remove()
        self.folder.cleanup()

    def stop(self, how=signal.SIGTERM):
        self.chaos.clear()  # so that nothing hangs for ever
        status = super().stop(how)
        assert not self.chaos.violations(), self.chaos.violations()[:10]
        return status

    # --- the token ---
    def status(self):
        return self.token_status("main")

    def wait_ready(self):
        return until("the token is ready", lambda: self.status()["state"] == "ready" and self.status())

    def cka_id(self, key):
        """Of the key's newest version."""
        objects = self.do("GET", "/v1/tokens/main/inventory")["objects"]
        return bytes.fromhex(max((o for o in objects if o.get("key") == key), key=lambda o: o["version"])["cka_id"])

    def metric(self, line):
        """A figure of /metrics by its name and labels."""
        text = self.call("GET", "/metrics").body.decode()
        return float(next(words[1] for words in (row.rsplit(" ", 1) for row in text.splitlines()) if words[0] == line))

    def errors(self, kind):
        """hsmgate_token_errors_total of a class."""
        return self.metric(f'hsmgate_token_errors_total{{token="main",class="{kind}"}}')
