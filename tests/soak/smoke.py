"""A soak of some seconds works, and everything held; that it can say otherwise too."""
import pathlib
import subprocess
import sys
import types

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import stories  # noqa: E402
import report  # noqa: E402
from samples import Sample, slope_mib_per_hour  # noqa: E402


def test_some_seconds(tmp_path):
    ran = subprocess.run([sys.executable, HERE / "soak.py", "0.1", "--every", "2", "--chaos", "1", "--load", "0.1", "--svg", tmp_path / "soak.svg"],
                         capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
    for what in ("sign, TLS", "rotate", "AWS", "Vault decrypt", "tampered ciphertext", "dropped connection", "sign without a grant",
                 "read the audit log"):
        assert f"\n{what} " in ran.stdout, what
    assert "intact" in ran.stdout and (tmp_path / "soak.svg").stat().st_size > 1000


def sample(at, mib, descriptors=10, under_way=0):
    parts = ("front", "calm")
    return Sample(at, dict.fromkeys(parts, mib * 1024), dict.fromkeys(parts, descriptors), dict.fromkeys(parts, 5), under_way, 1, 0)


def run_of(samples, last, tally=None, verdict="intact"):
    return types.SimpleNamespace(samples=samples, warm_up_s=0, lasted_s=3600, first=samples[0], last=last, tally=tally or stories.Tally(),
                                 verdict=verdict, intact=verdict == "intact", slope=lambda part: slope_mib_per_hour(samples, part))


def broken(run):
    return {what for what, _, holds in report.verdicts(run) if not holds}


def test_what_does_not_hold_is_told():
    flat = [sample(600 * i, 30) for i in range(7)]
    assert broken(run_of(flat, flat[-1])) == set()
    grows = [sample(600 * i, 30 + i) for i in range(7)]  # 6 MiB an hour
    assert abs(slope_mib_per_hour(grows, "front") - 6) < 0.01
    assert broken(run_of(grows, grows[-1])) == {"memory of the front", "memory of the calm worker"}
    assert broken(run_of(flat, sample(3600, 30, descriptors=13))) == {"descriptors, front", "descriptors, calm"}
    assert broken(run_of(flat, sample(3600, 30, under_way=1))) == {"stuck requests"}
    assert broken(run_of(flat, flat[-1], verdict="record 3 changed")) == {"audit log"}
    tally = stories.Tally()
    tally.note("sign", 500, expected=False)
    assert broken(run_of(flat, flat[-1], tally)) == {"answers that nobody expected"}
