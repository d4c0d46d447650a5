"""Signed checkpoints of the audit log: when they come, that they are true, where they are copied to, and that nobody else signs with their key.

Every signature and root is checked by code of the test's own, from the standards."""
import contextlib
import os
import shutil
import signal

import pytest

import audit_log
from configured import Configured
from daemon import until
from gateway import Gateway, b64
from webhook import receiver

KEY = "hsmgate/audit/checkpoint"
MESSAGE = {"message": b64(b"x")}


def work(gateway, count):
    connection = gateway.connect()
    for _ in range(count):
        assert gateway.call("GET", "/v1/auth/whoami", connection=connection).status == 200
    connection.close()


def covering(folder, size):
    """The newest checkpoint, once it covers so many records."""
    def look():
        with contextlib.suppress(FileNotFoundError):
            found = audit_log.newest(folder)
            return found if found.size >= size else None
    return until(f"a checkpoint over {size} records", look)


def read_notes(path):
    """Every note that the copying command appended, each behind a line `--`."""
    return [audit_log.Checkpoint(note) for note in path.read_bytes().split(b"--\n") if note]


def appender(folder):
    """A program that appends what it gets to `notes`, in one piece."""
    program = folder / "keep"
    program.write_text(f'#!/bin/sh\nnote=$(cat; echo .)\nprintf "%s--\\n" "${{note%.}}" >> {folder}/notes\n')
    program.chmod(0o755)
    return program


def test_a_development_instance_signs_its_log():
    with Gateway() as gateway:
        folder = gateway.data / "audit"
        checkpoint = covering(folder, 1)
        key = audit_log.key_of(folder)
        assert key.algorithm == audit_log.ED25519
        assert audit_log.is_true(checkpoint, key, folder)
        answer = gateway.do("GET", "/v1/audit/checkpoint")
        served = audit_log.Checkpoint(answer["checkpoint"])
        assert audit_log.is_true(served, key, folder) and answer["key"] == key.text
        assert (answer["size"], answer["origin"]) == (served.size, key.name) and answer["signed_at"].endswith("Z")
        assert answer["root"] == b64(served.root)
        started = [r for r in gateway.records() if r.get("operation") == "witness-started"]
        assert [r["kind"] for r in started] == ["system"] and started[0]["detail"]["verifier_key"] == key.text
        shown = gateway.do("GET", f"/v1/keys/{KEY}")
        assert (shown["owner"], shown["algorithm"], shown["classification"]) == ("hsmgate", "ed25519", "internal")
        gateway.stop()
        last = audit_log.newest(folder)
        assert last.size == len(audit_log.lines_of(folder)) and audit_log.is_true(last, key, folder)


def test_nobody_else_signs_with_its_key():
    with Gateway() as gateway:
        covering(gateway.data / "audit", 1)
        for verb, body in (("sign", MESSAGE), ("jwt", {"claims": {}, "ttl": "5m"}), ("sign", {"items": [MESSAGE]})):
            answer = gateway.call("POST", f"/v1/keys/{KEY}:{verb}", body)
            assert (answer.status, answer.json["code"]) == (403, "forbidden"), f"{verb}: {answer.body}"
        for name in (KEY, "hsmgate/audit/other", "hsmgate/other"):
            answer = gateway.call("POST", "/v1/keys", {"name": name, "algorithm": "ed25519", "owner": "me"})
            assert answer.status in (403, 409), f"{name}: {answer.body}"


def test_each_thousand_records_and_never_without_a_new_one():
    with Configured("main", checkpoints={"every": "1h"}) as gateway:
        folder = gateway.data / "audit"
        first = covering(folder, 1)
        for count in (1, 2, 3):
            work(gateway, 1000)
            assert covering(folder, first.size + count * 1000).size <= len(audit_log.lines_of(folder))
        assert audit_log.is_true(audit_log.newest(folder), audit_log.key_of(folder), folder)


def test_each_interval():
    gateway = Configured("main")
    gateway.options["checkpoints"] = {"every": "1s", "copy_command": [str(appender(gateway.data))], "origin": "tests.example/log"}
    with gateway:
        folder = gateway.data / "audit"
        size = covering(folder, 1).size
        for _ in range(3):
            work(gateway, 3)
            size = covering(folder, size + 3).size
        gateway.stop()
        notes = read_notes(gateway.data / "notes")
        sizes = [note.size for note in notes]
        assert sizes == sorted(set(sizes)), "a checkpoint without a new record"
        roots = audit_log.roots_of(audit_log.lines_of(folder), set(sizes))
        key = audit_log.key_of(folder)
        assert key.name == "tests.example/log"
        assert all(note.is_signed_by(key) and roots[note.size] == note.root for note in notes)


def test_every_place_gets_it_and_a_failing_one_is_tried_again():
    gateway = Configured("main")
    elsewhere = gateway.data / "elsewhere"
    with receiver(503, 500) as hook:
        gateway.options["checkpoints"] = {
            "every": "1s", "copy_files": [str(elsewhere / "copy")], "copy_command": [str(appender(gateway.data))],
            "copy_webhook": hook.url + "hooks/very-secret"}
        with gateway:
            folder = gateway.data / "audit"
            seen = [hook.got.get(timeout=60) for _ in range(3)]
            assert [delivery.status for delivery in seen] == [503, 500, 204]
            assert all(delivery.headers["Content-Type"].startswith("text/plain") for delivery in seen)
            key = audit_log.key_of(folder)
            assert audit_log.is_true(audit_log.Checkpoint(seen[2].body), key, folder)
            until("the missing folder is told", lambda: "not copied to file" in gateway.log_text())
            assert "very-secret" not in gateway.whole_log(), "a URL may carry a secret"
            elsewhere.mkdir()
            until("the file is there", (elsewhere / "copy").exists)
            assert audit_log.is_true(audit_log.Checkpoint((elsewhere / "copy").read_bytes()), key, folder)
            work(gateway, 5)
            gateway.stop()
            last = (folder / "checkpoint").read_bytes()
            assert audit_log.Checkpoint(last).size == len(audit_log.lines_of(folder))
            assert (elsewhere / "copy").read_bytes() == last
            assert read_notes(gateway.data / "notes")[-1].note == last
            bodies = [seen[2].body]
            while not hook.got.empty():
                bodies.append(hook.got.get().body)
            assert bodies[-1] == last


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_restart_goes_on(how):
    gateway = Configured("main")
    gateway.options["checkpoints"] = {"every": "1h", "copy_files": [str(gateway.data / "copy")]}
    with gateway:
        folder = gateway.data / "audit"
        first = covering(folder, 1)
        key = audit_log.key_of(folder)
        work(gateway, 10)
        gateway.stop(how)
        (gateway.data / "copy").unlink()
        gateway.start()
        second = covering(folder, first.size + 11)
        assert audit_log.is_true(second, key, folder) and audit_log.key_of(folder).text == key.text
        def copied():
            with contextlib.suppress(FileNotFoundError):
                return audit_log.Checkpoint((gateway.data / "copy").read_bytes()).size >= second.size
        until("the copy is there again", copied)


def test_a_copy_that_knows_more_than_the_log_is_kept():
    """The log put back from an older backup: the copy elsewhere is the evidence, so it must survive."""
    gateway = Configured("main")
    copy = gateway.data / "copy"
    gateway.options["checkpoints"] = {"every": "1h", "copy_files": [str(copy)]}
    with gateway:
        folder = gateway.data / "audit"
        covering(folder, 1)
        gateway.stop()
        backup = gateway.data / "backup"
        shutil.copytree(folder, backup)
        gateway.start()
        work(gateway, 20)
        gateway.stop()
        evidence = copy.read_bytes()
        shutil.rmtree(folder)
        shutil.copytree(backup, folder)
        gateway.start()
        until("it is told", lambda: "the log has fewer: kept" in gateway.log_text())
        assert copy.read_bytes() == evidence


def test_a_token_that_is_down_holds_nothing_up():
    with Configured("main", checkpoints={"every": "1s"}) as gateway:
        folder = gateway.data / "audit"
        before = covering(folder, 1)
        pin = gateway.tokens["main"].pin
        gateway.tokens["main"].pin_file.unlink()
        os.kill(gateway.worker("main"), signal.SIGKILL)
        until("the token is down", lambda: gateway.token_status("main")["state"] != "ready")
        work(gateway, 50)
        until("it is told", lambda: "no checkpoint:" in gateway.log_text())
        gateway.tokens["main"].write_pin(pin)
        after = covering(folder, before.size + 50)
        assert audit_log.is_true(after, audit_log.key_of(folder), folder)
