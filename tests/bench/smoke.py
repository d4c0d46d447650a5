"""The benchmark works: every row and field is there, and what it draws and prints. How fast anything was is not looked at."""
import json
import os
import pathlib
import subprocess
import sys
import xml.etree.ElementTree

BENCH = pathlib.Path(__file__).parent / "bench.py"
FIELDS = {"name", "connections", "batch", "tls", "target", "ops_per_s", "token_ops_per_s", "ratio", "p50_us", "p99_us", "p999_us", "front_cpu_us",
          "worker_cpu_us", "above_token_us", "rss_kib", "fsyncs_per_s"}
SOMETHING = ("ops_per_s", "token_ops_per_s", "ratio", "ratio_by_cpu", "p50_us", "front_cpu_us", "worker_cpu_us", "rss_kib", "fsyncs_per_s")
ROWS = {("sign P-256", 16, 1), ("sign P-256", 64, 1), ("encrypt AES-GCM", 16, 1), ("encrypt AES-GCM", 64, 1), ("sign RSA-2048", 16, 1),
        ("data-key", 16, 1), ("unwrap", 16, 1), ("JWT P-256", 16, 1), ("sign P-256, batch of 64", 16, 64), ("encrypt AES-GCM, batch of 64", 16, 64),
        ("sign P-256, TLS", 16, 1), ("sign P-256, slow token", 64, 1)}
OTHERS = {"idle connections, fresh front", "idle connections, after load", "worker killed under load"}


def bench(*arguments):
    return subprocess.run([sys.executable, BENCH, "--quick", "--seconds", "0.2", "--rounds", "1", *arguments], check=True, capture_output=True,
                          text=True, env=dict(os.environ)).stdout


def test_every_row_has_every_field(tmp_path):
    file, picture = tmp_path / "rows.json", tmp_path / "picture.svg"
    file.write_text(json.dumps([{"name": "sign P-256", "connections": 16, "batch": 1, "ops_per_s": 1.0, "p99_us": 1.0, "front_cpu_us": 1.0,
                                 "worker_cpu_us": 1.0, "rss_kib": 1024, "seconds": 0}]))
    told = bench("--json", file, "--svg", picture, "--against", file)
    rows = json.loads(file.read_text())
    assert all(FIELDS <= set(row) for row in rows)
    measured = {(row["name"], row["connections"], row["batch"]): row for row in rows}
    assert set(measured) >= ROWS and {row["name"] for row in rows} >= OTHERS
    for row in (measured[name] for name in ROWS):
        assert min(row[name] for name in SOMETHING) > 0, row
        assert row["p50_us"] <= row["p99_us"] <= row["p999_us"], row
    assert sum(line.endswith(("met", "MISSED")) for line in told.splitlines()) == 11, told
    assert "against the saved run" in told
    assert xml.etree.ElementTree.parse(picture).getroot().tag.endswith("svg")
