"""Programs written in Go against the real daemon, as docs/clients.md says to use them: each with the grants named there and no others.

`scripts/try-clients` builds the programs into HSMGATE_GO_TOOLS and runs this; one that is not there is skipped. They speak to nothing else:
what they would ask of other machines (the transparency log, STS) is turned off as the recipe says.
"""
import contextlib
import json
import os
import shutil
import socket
import subprocess
import tarfile

import pytest
from cryptography.hazmat.primitives import serialization

from daemon import until
from gateway import Gateway
from secured import Secured

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


def keys_of(gateway, prefix):
    return [key["name"] for key in gateway.do("GET", "/v1/keys")["keys"] if key["name"].startswith(prefix)]


def rotate(gateway, name):
    gateway.verb(name, "rotate", {})


# --- libraries ---
VAULT = {"vault-api": True, "bao-api": True, "seal": False, "tink-hcvault": True, "tink-hcvault-envelope": True, "gocloud-hashivault": False}
AWS = {"tink-awskms": True, "tink-awskms-envelope": True, "gocloud-awskms": False, "aws-sdk-v1": True}


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
    if library not in ("tink-awskms", "gocloud-awskms", "aws-sdk-v1"):  # AWS promises no ciphertext of nothing
        assert ask("decrypt", ask("encrypt", b"")) == b""
    ask("decrypt", old[:40] + bytes([old[40] ^ 1]) + old[41:], fails=True)
    if {**VAULT, **AWS}[library]:
        bound = ask("encrypt", PLAIN, "order 7")
        assert ask("decrypt", bound, "order 7") == PLAIN
        ask("decrypt", bound, "order 8", fails=True)
        ask("decrypt", bound, fails=True)


def test_the_seal_by_a_certificate(tmp_path):
    """No token anywhere: the certificate says who asks."""
    with Secured("one", vault={"mounts": [{"mount": "transit", "namespace": "payments/prod"}]}) as gateway:
        gateway.key("payments/prod/unseal", "aes-256-gcm")
        server = gateway.pki.client("vault", gateway.issuing, uri="spiffe://test/vault")
        grant = {"principal": "spiffe://test/vault", "keys": "payments/prod/unseal", "operations": ["encrypt", "decrypt"], "justification": "a test"}
        gateway.do("PUT", "/v1/grants/vault", grant)
        env = {"HOME": str(tmp_path), "VAULT_ADDR": f"https://localhost:{gateway.tls_port}", "VAULT_CACERT": str(gateway.root.certificate)}

        def ask(verb, given, **more):
            return subprocess.run([tool("roundtrip"), "seal", verb, "unseal"], input=given, capture_output=True, timeout=60, env={**env, **more})
        known = {"VAULT_CLIENT_CERT": str(server.certificate), "VAULT_CLIENT_KEY": str(server.key)}
        sealed = ask("encrypt", PLAIN, **known)
        assert sealed.returncode == 0, sealed.stderr
        assert ask("decrypt", sealed.stdout, **known).stdout == PLAIN
        assert ask("decrypt", sealed.stdout).returncode != 0


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


# --- cosign ---
OFFLINE = ["--tlog-upload=false", "--yes"]
# With awskms cosign signs for P-384 over SHA-384, but checks by a public key over SHA-256: so not that.
KINDS = [("vault", "ecdsa-p256"), ("vault", "ecdsa-p384"), ("vault", "rsa-2048"), ("aws", "ecdsa-p256"), ("aws", "rsa-2048")]


def sign_blob(caller, reference):
    """Signs a file, and checks it by the public key and as the gateway says."""
    caller.file("release.tar", os.urandom(100000))
    caller.file("other.tar", b"other")
    caller.file("cosign.pub", caller.run("cosign", "public-key", "--key", reference))
    caller.run("cosign", "sign-blob", *OFFLINE, "--key", reference, "--output-signature", "release.sig", "release.tar")
    for key in ("cosign.pub", reference):
        check = ["verify-blob", "--insecure-ignore-tlog", "--key", key, "--signature", "release.sig"]
        caller.run("cosign", *check, "release.tar")
        caller.run("cosign", *check, "other.tar", fails=True)


def test_cosign_makes_a_key(gateway, person):
    maker = person("transit/release", "create", "read")
    maker.run("cosign", "generate-key-pair", "--kms", "hashivault://release")
    made = (maker.home / "cosign.pub").read_bytes()
    assert serialization.load_pem_public_key(made).curve.name == "secp256r1"
    maker.run("cosign", "generate-key-pair", "--kms", "hashivault://release")
    assert (maker.home / "cosign.pub").read_bytes() == made
    signer = Person(gateway, maker.home, "release-signer", "transit/release", "read", "sign", "verify")
    sign_blob(signer, "hashivault://release")
    rotate(gateway, "transit/release")  # it sends a signature as one of version 1 when nothing else is said
    signer.env["VAULT_KEY_PREFIX"] = "vault:v2:"
    sign_blob(signer, "hashivault://release")


def test_cosign_makes_a_kms_key(gateway, person):
    maker = person("**", "create", "read", "update")
    maker.run("cosign", "generate-key-pair", "--kms", "awskms:///alias/release")
    signer = Person(gateway, maker.home, "kms-release-signer", "kms/*", "read", "sign")
    sign_blob(signer, "awskms:///alias/release")
    assert (maker.home / "cosign.pub").read_bytes() == signer.run("cosign", "public-key", "--key", "awskms:///alias/release")


@pytest.fixture
def registry():
    """A registry of images in memory, at an address of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    with subprocess.Popen([tool("crane"), "registry", "serve", "--address", address], stderr=subprocess.DEVNULL) as process:
        until("the registry serves", lambda: reachable(address))
        yield address
        process.terminate()


def reachable(address):
    host, port = address.split(":")
    with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=5):
        return True
    return False


@pytest.mark.parametrize("dialect", ["vault", "aws"])
def test_cosign_signs_an_image(gateway, person, registry, dialect):
    name = f"{'transit' if dialect == 'vault' else 'kms'}/images"
    gateway.key(name, "ecdsa-p256")
    caller = person(name, "read", "sign")
    reference = "hashivault://images" if dialect == "vault" else f"awskms:///alias/{name}"
    caller.file("cosign.pub", caller.run("cosign", "public-key", "--key", reference))
    with tarfile.open(caller.home / "layer.tar", "w") as layer:
        layer.add(caller.home / "cosign.pub", "file")
    images = [caller.run("crane", "append", "--new_layer", "layer.tar", "--new_tag", f"{registry}/{n}:1").decode().strip() for n in ("signed", "other")]
    caller.run("cosign", "sign", *OFFLINE, "--key", reference, images[0])
    caller.run("cosign", "verify", "--insecure-ignore-tlog", "--key", "cosign.pub", images[0])
    caller.run("cosign", "verify", "--insecure-ignore-tlog", "--key", "cosign.pub", images[1], fails=True)


@pytest.mark.parametrize(("dialect", "kind"), KINDS)
def test_cosign(gateway, person, dialect, kind):
    name = f"{'transit' if dialect == 'vault' else 'kms'}/cosign-{kind}"
    gateway.key(name, kind)
    caller = person(name, "read", "sign", *(["verify"] if dialect == "vault" else []))
    sign_blob(caller, f"hashivault://cosign-{kind}" if dialect == "vault" else f"awskms:///alias/{name}")


# --- OpenTofu ---
TOFU = """
terraform {
  encryption {
    key_provider "%s" "state" {
      %s
    }
    method "aes_gcm" "state" { keys = key_provider.%s.state }
    state { method = method.aes_gcm.state }
  }
}
resource "terraform_data" "thing" { input = "s3cret" }
output "thing" { value = terraform_data.thing.output }
"""


@pytest.mark.parametrize("provider", ["openbao", "aws_kms"])
def test_opentofu(gateway, person, provider):
    name = {"openbao": "transit/tofu-state", "aws_kms": "kms/tofu-state"}[provider]
    gateway.key(name, "aes-256-gcm")
    settings = {"openbao": 'key_name = "tofu-state"\n      transit_engine_path = "/transit"',
                "aws_kms": f'kms_key_id = "arn:aws:kms:us-east-1:000000000000:alias/{name}"\n      key_spec = "AES_256"\n      region = "us-east-1"\n      skip_credentials_validation = true'}
    caller = person(name, "data-key", "unwrap")
    caller.file("main.tf", TOFU % (provider, settings[provider], provider))
    caller.run("tofu", "init", "-no-color")
    caller.run("tofu", "apply", "-auto-approve", "-no-color")
    state = json.loads((caller.home / "terraform.tfstate").read_text())
    assert "encrypted_data" in state and "s3cret" not in json.dumps(state)
    rotate(gateway, name)
    assert caller.run("tofu", "output", "-raw", "thing") == b"s3cret"
    caller.run("tofu", "apply", "-auto-approve", "-no-color")
    stranger = Person(gateway, caller.home, f"stranger-{provider.replace('_', '-')}", "transit/none", "read")
    stranger.run("tofu", "output", "-raw", "thing", fails=True)


# --- SPIRE ---
def test_spire_kms(gateway, person):
    """Its plugin aws_kms makes and replaces keys of every type, signs with them, and finds them again."""
    caller = person("kms/*", "create", "read", "update", "sign", "disable", "destroy")
    before = set(keys_of(gateway, "kms/"))
    done = caller.run("spire", caller.home).decode().splitlines()
    assert len([line for line in done if line.startswith("found again")]) == 4 and len(done) == 12, done
    made = set(keys_of(gateway, "kms/")) - before
    going = [name for name in made if gateway.do("GET", f"/v1/keys/{name}")["versions"][0]["state"] == "destroy-scheduled"]
    assert len(made) == 8 and len(going) >= 3, "it schedules the deletion of what it replaced, beside its work"
