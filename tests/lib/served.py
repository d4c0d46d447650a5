"""Processes that serve a folder's tokens (a slot daemon, a TPM): they end with the folder, and with the test whatever becomes of it.

Some know one place only, and would find the machine's own tokens there. Such a one gets mounts and shared memory of its own, and who speaks
to it goes there too: WITHIN in the environment says to whom.
"""
import ctypes
import os
import signal
import subprocess

WITHIN = "HSMGATE_TEST_WITHIN"
SPACES = {"mnt": 0x00020000, "ipc": 0x08000000}  # CLONE_NEWNS, CLONE_NEWIPC
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
_serving = {}


def serve(folder, *command, **environment):
    """Starts a process that `end(folder)` ends; its words are in a log in the folder."""
    with open(folder / "served.log", "ab") as log:
        process = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=dict(os.environ, **environment),
                                   preexec_fn=lambda: _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL))
    _serving.setdefault(folder, []).append(process)
    return process


def alive(folder):
    """True; AssertionError with their words when one has ended."""
    for process in _serving[folder]:
        assert process.poll() is None, f"{process.args} ended:\n{(folder / 'served.log').read_text(errors='replace')}"
    return True


def end(folder):
    for process in reversed(_serving.pop(folder, [])):
        process.kill()
        process.wait()


def before(environment):
    """The words before a command that is to run where WITHIN says."""
    pid = environment.get(WITHIN)
    return ["nsenter", *(f"--{long}=/proc/{pid}/ns/{short}" for long, short in (("mount", "mnt"), ("ipc", "ipc")))] if pid else []


def enter(environment):
    """Takes this process there; it has one thread."""
    for name, kind in SPACES.items() if WITHIN in environment else ():
        with open(f"/proc/{environment[WITHIN]}/ns/{name}", "rb") as space:
            assert _libc.setns(space.fileno(), kind) == 0, os.strerror(ctypes.get_errno())
