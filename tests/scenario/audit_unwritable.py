"""The audit log cannot be written: everything but health answers 503, nothing is answered without a record, and it recovers by itself."""
import resource
import shutil
import threading

import pytest

from gateway import Gateway, b64

SIGN = "/v1/keys/audit/full/ec:sign"


def test_a_full_disk_stops_answers_and_goes_away():
    with Gateway() as gateway:
        gateway.key("audit/full/ec", "ecdsa-p256")
        size = sum(p.stat().st_size for p in (gateway.data / "audit").glob("*.jsonl"))
        # A file size limit fails the write as a full disk does (EFBIG), without needing a file system of our own.
        resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, (size + 300, resource.RLIM_INFINITY))
        answered, refused = set(), 0
        for i in range(50):
            answer = gateway.call("POST", SIGN, {"message": b64(b"x")}, headers={"X-Request-Id": f"full-{i}"})
            if answer.status == 200:
                answered.add(f"full-{i}")
            else:
                assert (answer.status, answer.json["code"]) == (503, "audit_unavailable")
                assert b"signature" not in answer.body and answer.headers["Retry-After"]
                refused += 1
        assert refused > 40
        assert gateway.call("GET", "/healthz", token="").status == 200
        ready = gateway.call("GET", "/readyz", token="")
        assert ready.status == 503 and "audit" in ready.body.decode()
        resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        pause = threading.Event()
        for i in range(600):
            answer = gateway.call("POST", SIGN, {"message": b64(b"x")}, headers={"X-Request-Id": f"back-{i}"})
            if answer.status == 200:
                answered.add(f"back-{i}")
                break
            pause.wait(0.05)
        assert answer.status == 200, "it did not recover by itself"
        records = gateway.records()
        assert [r["seq"] for r in records] == list(range(1, len(records) + 1))
        assert answered <= {r.get("request_id") for r in records if r["outcome"] == "ok"}


def remove_files(folder):
    for path in folder.glob("*.jsonl"):
        path.unlink()


def rename_files(folder):
    for path in folder.glob("*.jsonl"):
        path.rename(path.with_suffix(".old"))


def replace_files(folder):
    for path in folder.glob("*.jsonl"):
        copy = path.with_suffix(".copy")
        shutil.copyfile(path, copy)
        copy.rename(path)


@pytest.mark.parametrize("take", [remove_files, rename_files, replace_files, shutil.rmtree])
def test_a_log_taken_away_stops_answers_and_goes_on_in_a_new_file(take):
    with Gateway() as gateway:
        gateway.key("audit/full/ec", "ecdsa-p256")
        assert gateway.call("POST", SIGN, {"message": b64(b"x")}).status == 200
        last = gateway.records()[-1]["seq"]
        take(gateway.data / "audit")
        pause = threading.Event()
        answered, refused = set(), 0
        for i in range(600):
            answer = gateway.call("POST", SIGN, {"message": b64(b"x")}, headers={"X-Request-Id": f"gone-{i}"})
            if answer.status == 200:
                answered.add(f"gone-{i}")
                break
            assert (answer.status, answer.json["code"]) == (503, "audit_unavailable")
            assert b"signature" not in answer.body
            refused += 1
            pause.wait(0.05)
        assert refused > 0 and answered, "it did not refuse, or did not recover by itself"
        # Nothing but the health of the daemon may have been recorded in between.
        fresh = [r for r in gateway.records() if r["seq"] > last]
        first = fresh[0]["seq"]
        assert [r["seq"] for r in fresh] == list(range(first, first + len(fresh)))
        resumed = [r for r in fresh if r.get("operation") == "audit-resumed"]
        assert [r["detail"]["records_missing_to"] for r in resumed] == [resumed[0]["seq"] - 1]
        assert answered <= {r.get("request_id") for r in fresh if r["outcome"] == "ok"}
        assert not {f"gone-{i}" for i in range(600)} & {r.get("request_id") for r in fresh} - answered
