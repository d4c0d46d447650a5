"""Programs written in Go against the real daemon, as docs/clients.md says to use them: each with the grants named there and no others.

`scripts/try-clients` builds the programs into HSMGATE_GO_TOOLS and runs this; one that is not there is skipped. They speak to nothing else:
what they would ask of other machines (the transparency log, STS) is turned off as the recipe says.
"""
import json
import os
import pathlib
import shutil
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization

from gateway import Gateway

TOOLS = os.environ.get("HSMGATE_GO_TOOLS", "")
PLAIN = b"the safe: 17-4-81\n"


def tool(name):
    found = shutil.which(name, path=f"{TOOLS}:{os.environ['PATH']}")
    return found or pytest.skip(f"{name} is not built")


@pytest.fixture(scope="module")
def gateway():
    with Gateway() as running:
        yield running


class Person:
    """A caller with a home of its own and a grant of these operations on these keys; runs programs."""

    def __init__(self, gateway, home, name, keys, *operations):
        grant = {"principal": f"token:{name}", "keys": keys, "operations": list(operations), "justification": "a test", "allow_dual_role": True}
        gateway.do("PUT", f"/v1/grants/{name}", grant)
        token = gateway.do("POST", "/v1/auth/tokens", {"name": name, "ttl": "1h"})["token"]
        access = gateway.do("POST", "/v1/auth/access-keys", {"name": f"{name}-key", "subject": name, "ttl": "1h"})
        address = gateway.address
        self.home = home
        self.env = {"HOME": str(home), "PATH": os.environ["PATH"], "VAULT_ADDR": address, "BAO_ADDR": address, "VAULT_TOKEN": token, "BAO_TOKEN": token,
                    "AWS_ENDPOINT_URL_KMS": address, "AWS_ACCESS_KEY_ID": access["access_key_id"], "AWS_SECRET_ACCESS_KEY": access["secret_access_key"],
                    "AWS_DEFAULT_REGION": "us-east-1", "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}

    def run(self, program, *arguments, given=b"", fails=False, **more):
        """What the program wrote on standard output, or, where it must fail, on standard error."""
        done = subprocess.run([tool(program), *map(str, arguments)], input=given, capture_output=True, cwd=self.home, env={**self.env, **more}, timeout=300)
        assert (done.returncode != 0) == fails, f"{program} {arguments}: {done.returncode}\n{done.stdout.decode(errors='replace')}\n{done.stderr.decode(errors='replace')}"
        return done.stderr if fails else done.stdout

    def file(self, name, content):
        path = self.home / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path


@pytest.fixture
def person(gateway, tmp_path, request):
    def make(keys, *operations):
        return Person(gateway, tmp_path, request.node.name.replace("[", "-").replace("]", "").replace("_", "-"), keys, *operations)
    return make


def arn(gateway, name):
    return f"arn:aws:kms:us-east-1:000000000000:key/{gateway.do('GET', f'/v1/keys/{name}')['id']}"


def rotate(gateway, name):
    gateway.verb(name, "rotate", {})


# --- libraries ---
VAULT = {"vault-api": True, "bao-api": True, "seal": False, "tink-hcvault": True, "tink-hcvault-envelope": True, "gocloud-hashivault": False}
AWS = {"tink-awskms": True, "tink-awskms-envelope": True, "gocloud-awskms": False}


@pytest.mark.parametrize("library", [*VAULT, *AWS])
def test_a_library(gateway, person, library):
    """What it seals opens again, also after a rotation and when empty, and not when a bit of it or of the associated data is another."""
    name = f"{'kms' if library in AWS else 'transit'}/{library}"
    gateway.key(name, "aes-256-gcm")
    key = arn(gateway, name) if library in AWS else library
    caller = person(name, "encrypt", "decrypt")

    def ask(verb, given, *associated, **more):
        return caller.run("roundtrip", library, verb, key, *associated, given=given, **more)
    old = ask("encrypt", PLAIN)
    rotate(gateway, name)
    new = ask("encrypt", PLAIN)
    assert ask("decrypt", old) == ask("decrypt", new) == PLAIN
    if library in VAULT and "envelope" not in library:
        assert old.startswith(b"vault:v1:") and new.startswith(b"vault:v2:")
        assert library != "seal" or (old.endswith(b" v1") and new.endswith(b" v2"))
    if library not in ("tink-awskms", "gocloud-awskms"):  # AWS promises no ciphertext of nothing
        assert ask("decrypt", ask("encrypt", b"")) == b""
    ask("decrypt", old[:40] + bytes([old[40] ^ 1]) + old[41:], fails=True)
    if {**VAULT, **AWS}[library]:
        bound = ask("encrypt", PLAIN, "order 7")
        assert ask("decrypt", bound, "order 7") == PLAIN
        ask("decrypt", bound, "order 8", fails=True)
        ask("decrypt", bound, fails=True)


# --- sops ---
SECRETS = "user: orders\npassword: s3cret\nports:\n    - 80\n    - 443\n"


@pytest.mark.parametrize("dialect", ["vault", "aws", "aws-alias", "aws-context"])
def test_sops(gateway, person, dialect):
    name = f"{'transit' if dialect == 'vault' else 'kms'}/sops-{dialect}"
    gateway.key(name, "aes-256-gcm")
    caller = person(name, "encrypt", "decrypt")
    caller.file("secrets.yaml", SECRETS)
    how = {"vault": ["--hc-vault-transit", f"{gateway.address}/v1/transit/keys/sops-vault"], "aws": ["--kms", arn(gateway, name)],
           "aws-alias": ["--kms", f"arn:aws:kms:us-east-1:000000000000:alias/{name}"],
           "aws-context": ["--kms", arn(gateway, name), "--encryption-context", "team:shop,stage:prod"]}[dialect]
    sealed = caller.run("sops", "encrypt", *how, "secrets.yaml")
    assert b"s3cret" not in sealed
    caller.file("secrets.enc.yaml", sealed)
    assert caller.run("sops", "decrypt", "secrets.enc.yaml").decode() == SECRETS
    rotate(gateway, name)
    assert caller.run("sops", "decrypt", "secrets.enc.yaml").decode() == SECRETS
    caller.run("sops", "rotate", "-i", "secrets.enc.yaml")
    caller.run("sops", "set", "secrets.enc.yaml", '["password"]', '"another"')
    assert caller.run("sops", "decrypt", "--extract", '["password"]', "secrets.enc.yaml") == b"another"
    stranger = Person(gateway, caller.home, f"stranger-{dialect}", "transit/none", "read")
    stranger.run("sops", "decrypt", "secrets.enc.yaml", fails=True)
