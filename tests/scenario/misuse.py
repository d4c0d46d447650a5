"""Our own API turned against its keys: every sequence of up to four calls in all dialects, each fed with what came out of the one before.

The test put the keys on the token itself, so it knows their bytes, and looks for them in every answer, and afterwards in everything that the gateway
wrote. api_search.py says what is pruned, verb_steps.py what the calls are. A call gets one value, in one place or in two (as plaintext and as its
own context, as message and as its own proof); two different values in one call are not tried.
"""
import base64
import re

import pytest

from api_search import Search, Value
from daemon import b64
from leaks import Leaks
from misused import CONSTANT, KEYS, Misused
from verb_steps import steps

LENGTH = 4
# calls that nothing known can make succeed: proofs over themselves, contexts that nothing was sealed under, what RSA keys do not do
NEVER = re.compile(r"^Verify|elsewhere$|^(unwrap|data-key) r|^vault encrypt r. in itself$|^sign s2 RS512 as digest$")


@pytest.fixture(scope="module")
def world():
    gateway = Misused()
    with gateway:
        gateway.known = gateway.prepare()
        yield gateway
        gateway.line.close()


def test_no_sequence_of_calls_gives_a_key_away(world, capfd):
    search = Search(list(steps(world)), world.known)
    for _ in range(LENGTH):
        search.level()
    with capfd.disabled():
        print(f"\n{search.sequences} sequences of up to {LENGTH} calls of {len(search.steps)} kinds go through {len(search.seen)} states: "
              f"{search.transitions} calls in {world.calls} HTTP requests; {world.leaks.searched >> 10} KiB searched for {len(world.secrets)} keys")
    assert not [step.name for step in search.steps if (step.done == 0) != bool(NEVER.search(step.name))]
    assert not [state for state in search.seen if state[0][0] == "unknown"]
    assert world.leaks.found == set()


def test_every_verb_on_every_key(world):
    """Also those that the key was not made for; most are refused, and no refusal says more than it should."""
    some, sealed = b64(CONSTANT), b64(world.known[1].data)
    items = [{"plaintext": some}, {"ciphertext": sealed}, {"message": some}, {"digest": some}, {"claims": {}}, {"bytes": 32},
             {"message": some, "mac": some}, {"message": some, "signature": some}]
    for name, version in [(name, version) for name in KEYS for version in ("", "@1", "@2")]:
        for verb in ("encrypt", "decrypt", "data-key", "unwrap", "rewrap", "mac", "verify-mac", "sign", "verify", "jwt"):
            world.native(f"{name}{version}:{verb}")(items)
    assert world.leaks.found == set()


TAKING = [("GET", f"export/{kind}-key/NAME", None) for kind in ("encryption", "signing", "hmac", "public")] + [
    ("GET", "export/encryption-key/NAME/1", None), ("GET", "export/certificate-chain/NAME", None), ("GET", "backup/NAME", None),
    ("GET", "byok-export/NAME/a1", None), ("GET", "keys/NAME", None), ("GET", "wrapping_key", None),
    ("POST", "keys/NAME/config", {"exportable": True, "allow_plaintext_backup": True}), ("POST", "keys/NAME/csr", {}),
    ("POST", "restore/NAME", {"backup": "eA=="}), ("POST", "keys/NAME/import_version", {"ciphertext": "eA=="})]
TAKING_IN_AWS = {"DescribeKey": {}, "GetPublicKey": {}, "GetParametersForImport": {"WrappingAlgorithm": "RSAES_OAEP_SHA_256"},
                 "ImportKeyMaterial": {}, "GenerateDataKeyPair": {"KeyPairSpec": "ECC_NIST_P256"}, "DeriveSharedSecret": {}, "GetKeyPolicy": {}}
ROLES = [("aes-256-gcm", {}), ("hmac-sha256", {}), ("rsa-2048", {}), ("rsa-2048", {"purpose": "decrypt"}), ("ecdsa-p256", {})]


def test_what_would_take_a_key_out(world):
    """Whatever the dialects have for it: exports, backups, imports; and adopting a key again, in any role."""
    for name in KEYS:
        for method, path, body in TAKING:
            world.ask(method, f"/v1/transit/{path.replace('NAME', name)}", body)
        for operation, body in TAKING_IN_AWS.items():
            world.aws(operation)([{"KeyId": f"alias/m/{name}", **body}])
    for cka_id in [asked["adopt"]["cka_id"] for asked in world.adoptions] + list(world.second.values()):
        for algorithm, more in ROLES:
            adopt = {"cka_id": cka_id, "allow": ["modifiable", "extractable"]}
            again = world.ask("POST", "/v1/keys", {"name": "m/again", "algorithm": algorithm, "owner": "x", "adopt": adopt, **more})
            assert 400 <= again.status < 500, again.body
    assert world.leaks.found == set()


READS = ["/v1/keys", "/v1/tokens", "/v1/tokens/soft/inventory", "/v1/audit?limit=1000", "/v1/audit/checkpoint", "/v1/lint", "/v1/grants", "/v1/clock",
         "/v1/auth/tokens", "/v1/rotation/calendar", "/v1/roster", "/v1/backups", "/jwks/m/", "/oidc/m/.well-known/openid-configuration", "/metrics",
         "/readyz"]
READS_OF_KEY = ["/v1/keys/m/{}", "/v1/keys/m/{}:public-key?format=pem", "/v1/keys/m/{}:public-key?format=der", "/v1/keys/m/{}:public-key?format=jwk",
                "/v1/keys/m/{}:plan", "/v1/keys/m/{}:retire-check", "/jwks/m/{}"]


def test_nothing_that_can_be_read_or_was_written_holds_a_key(world):
    for path in READS + [path.format(name) for path in READS_OF_KEY for name in KEYS]:
        world.ask("GET", path)
    world.leaks.look("the log", world.whole_log().encode())
    pin = world.tokens["soft"].pin_file
    files = [path for path in world.data.rglob("*") if path.is_file() and not path.is_relative_to(world.softhsm) and path != pin]
    assert {"hsmgate.db", "hsmgated.yaml"} <= {path.name for path in files} and any(path.suffix == ".jsonl" for path in files)
    for path in files:
        world.leaks.look(str(path), path.read_bytes())
    assert world.leaks.found == set()


GIVEN_AWAY = {"encrypt a1": "decrypt a1", "vault encrypt a2": "vault decrypt a2", "Encrypt a1": "Decrypt a1", "xks encrypt a1": "xks decrypt a1",
              "encrypt r1": "decrypt r1"}


def test_a_key_that_is_given_away_is_seen(world):
    """The control: the test itself puts each secret in, and when it comes out, by whatever way, that is seen."""
    innocent, world.leaks = world.leaks, Leaks(world.secrets)
    by_name = {step.name: step for step in steps(world)}

    def seen():
        found = {name for name, _ in world.leaks.found}
        world.leaks.found.clear()
        return found
    try:
        for name, secret in world.secrets.items():
            planted = Value(b"before " + secret[:100] + b" behind", "planted")
            for seal, opener in GIVEN_AWAY.items():
                made = by_name[seal].run([planted])[0][0]
                assert seen() == set(), (name, seal)
                by_name[opener].run([made])
                assert seen() == {name}, (name, opener)
            by_name["jwt s1"].run([planted])
            assert seen() == {name}, (name, "inside of a JWT")
            for told in (secret, secret.hex().encode(), secret[:16].hex().upper().encode(), base64.b64encode(b"x" + secret),
                         base64.urlsafe_b64encode(b"xx" + secret[-16:])):
                world.leaks.look("somewhere", b"..." + told + b"...")
                assert seen() == {name}, (name, told)
    finally:
        world.leaks = innocent
