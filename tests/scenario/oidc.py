"""Callers with a JWT of a configured issuer: who gets in, who does not and how that is counted, and an issuer that rotates, breaks and goes away."""
import base64
import json
import os
import re
import subprocess
import time

import pytest
from jwcrypto import jwe, jwk

from configured import Configured
from daemon import programs, until
from issuer import Issuer, Key, b64url, compact, hmac_token
from pki import Pki

WHOAMI = "/v1/auth/whoami"


def failures(daemon):
    """Failed authentications by kind."""
    text = daemon.call("GET", "/metrics").body.decode()
    return {kind: int(count) for kind, count in re.findall(r'^hsmgate_auth_failures_total\{kind="([a-z_]+)"\} (\d+)', text, re.M)}


def whoami(daemon, token):
    return daemon.do("GET", WHOAMI, token=token)["principal"]


def entry(issuer, **more):
    return {"issuer": issuer.name, "audiences": ["hsmgate", "https://keys.example"], "jwks_url": issuer.url, "refresh": "1h", **more}


@pytest.fixture(scope="module")
def issuer():
    with Issuer() as running:
        running.keys = [Key("rsa", "RS256"), Key("pss", "PS256"), Key("ec", "ES256"), Key("p384", "ES384"),
                        Key("enc", "RS256").public(use="enc"), Key("weak", "RS256", bits=1024),
                        {"kty": "oct", "kid": "shared", "k": b64url(b"0" * 32), "alg": "HS256"}]
        yield running


@pytest.fixture(scope="module")
def daemon(issuer):
    strict = Issuer("https://strict.example")
    issuers = [entry(issuer), {**entry(issuer), "issuer": strict.name, "algorithms": ["ES256"], "principal_claim": "repository",
                               "claims": [{"name": "ref_protected", "value": "true"}]}]
    with Configured("main", issuers=issuers) as running:
        until("the key set was fetched", lambda: running.call("GET", WHOAMI, token=issuer.keys[0].sign(issuer.claims())).status == 200)
        yield running


def test_each_algorithm_names_the_subject(daemon, issuer):
    for key in issuer.keys[:3]:
        assert whoami(daemon, key.sign(issuer.claims(sub="repo:acme/app"))) == "oidc:https://issuer.example#repo:acme/app"


def test_good_variations(daemon, issuer):
    key, now = issuer.keys[2], int(time.time())
    assert daemon.call("GET", WHOAMI, token="", headers={"Authorization": "bearer " + key.sign(issuer.claims())}).status == 200
    for claims in (issuer.claims(aud=["other", "https://keys.example"]), issuer.claims(nbf=None, iat=None),
                   issuer.claims(nbf=now + 15, iat=now + 15), issuer.claims(more={"deep": [1, 2]})):
        assert whoami(daemon, key.sign(claims)) == "oidc:https://issuer.example#ci"
    for headers in ({"typ": "at+jwt"}, {"typ": None}, {"x5t": "abc"}):
        assert whoami(daemon, key.sign(issuer.claims(), headers)) == "oidc:https://issuer.example#ci"


def test_claims_and_mapping_of_a_strict_issuer(daemon, issuer):
    key = issuer.keys[2]
    good = issuer.claims(iss="https://strict.example", repository="acme/app", ref_protected="true")
    assert whoami(daemon, key.sign(good)) == "oidc:https://strict.example#acme/app"
    for bad in ({"ref_protected": "false"}, {"ref_protected": None}, {"repository": None}, {"repository": 7}):
        changed = {name: value for name, value in {**good, **bad}.items() if value is not None}
        assert daemon.call("GET", WHOAMI, token=key.sign(changed)).status == 401
    rsa = issuer.keys[0]
    assert daemon.call("GET", WHOAMI, token=rsa.sign(good)).status == 401, "RS256 is not on this issuer's list"


def refused(issuer):
    """Tokens by name, with the kind under which each is counted."""
    rsa, pss, key, p384 = issuer.keys[:4]
    foreign, now = Key("ec", "ES256"), int(time.time())
    good, head = issuer.claims(), {"alg": "ES256", "kid": "ec"}
    token = key.sign(good)
    parts = token.split(".")
    yield "alg none", "jwt_shape", compact({"alg": "none", "kid": "ec"}, good)
    for spelling in ("none", "None", "NONE", "nOnE"):
        yield f"alg {spelling} with a signature", "jwt_shape", compact({"alg": spelling, "kid": "ec"}, good, b"x")
    for secret in (rsa.pem, rsa.pem.strip(), json.dumps(rsa.public()).encode(), base64.b64decode(b"".join(rsa.pem.splitlines()[1:-1])), b""):
        yield "HS256 with the public key", "jwt_shape", hmac_token({"alg": "HS256", "kid": "rsa"}, good, secret)
        yield "RS256 that is an HMAC", "jwt_signature", hmac_token({"alg": "RS256", "kid": "rsa"}, good, secret)
    yield "the symmetric key of the set", "jwt_shape", hmac_token({"alg": "HS256", "kid": "shared"}, good, b"0" * 32)
    yield "no kid", "jwt_shape", compact({"alg": "ES256"}, good, b"x" * 64)
    yield "crit", "jwt_shape", key.sign(good, {"crit": ["exp"], "exp": 1})
    yield "b64", "jwt_shape", compact({**head, "b64": True}, good, b"x" * 64)
    yield "zip", "jwt_shape", key.sign(good, {"zip": "DEF"})
    yield "cty", "jwt_shape", key.sign(good, {"cty": "JWT"})
    yield "typ", "jwt_shape", key.sign(good, {"typ": "secevent+jwt"})
    yield "embedded jwk", "jwt_shape", foreign.sign(good, {"jwk": foreign.public()})
    yield "jku", "jwt_shape", foreign.sign(good, {"jku": issuer.url})
    yield "x5u", "jwt_shape", foreign.sign(good, {"x5u": issuer.url})
    yield "x5c", "jwt_shape", foreign.sign(good, {"x5c": ["MIIB"]})
    yield "duplicate header", "jwt_shape", compact(b'{"alg":"ES256","kid":"ec","kid":"ec"}', good, b"x" * 64)
    yield "duplicate claim", "jwt_shape", compact(head, b'{"iss":"https://issuer.example","sub":"a","sub":"b"}', b"x" * 64)
    yield "two parts", "jwt_shape", ".".join(parts[:2])
    yield "no signature", "jwt_shape", ".".join(parts[:2]) + "."
    yield "padding", "jwt_shape", token + "=="
    yield "JSON serialisation", "jwt_shape", json.dumps({"protected": parts[0], "payload": parts[1], "signature": parts[2], "a": "."})
    sealed = jwe.JWE(json.dumps(good).encode(), protected=json.dumps({"alg": "RSA-OAEP-256", "enc": "A256GCM", "kid": "rsa"}), recipient=jwk.JWK.from_pem(rsa.pem))
    yield "JWE", "jwt_shape", sealed.serialize(compact=True)
    yield "algorithm off the list", "jwt_shape", p384.sign(good)
    yield "unknown issuer", "jwt_issuer", key.sign(issuer.claims(iss="https://other.example"))
    yield "issuer with a slash more", "jwt_issuer", key.sign(issuer.claims(iss=issuer.name + "/"))
    yield "no issuer", "jwt_issuer", key.sign(issuer.claims(iss=None))
    yield "unknown kid", "jwt_key", key.sign(good, {"kid": "other"})
    yield "alg of another key", "jwt_key", compact({"alg": "RS256", "kid": "ec"}, good, b"x" * 256)
    yield "alg that the key is not for", "jwt_key", rsa.sign(good, algorithm="PS256")
    yield "key for encryption", "jwt_key", rsa.sign(good, {"kid": "enc"})
    yield "weak key", "jwt_key", issuer.keys[5].sign(good)
    yield "foreign key", "jwt_signature", foreign.sign(good)
    yield "payload exchanged", "jwt_signature", ".".join([parts[0], b64url(json.dumps(issuer.claims(sub="root")).encode()), parts[2]])
    yield "zero signature", "jwt_signature", ".".join([*parts[:2], b64url(bytes(64))])
    yield "PSS signed as PKCS1", "jwt_key", pss.sign(good, algorithm="RS256")
    for name, changed in {"no audience": {"aud": None}, "wrong audience": {"aud": "other"}, "empty audience": {"aud": []},
                          "no exp": {"exp": None}, "expired": {"exp": now - 1}, "exp as text": {"exp": str(now + 60)},
                          "nbf": {"nbf": now + 120}, "iat": {"iat": now + 120}, "no sub": {"sub": None}, "empty sub": {"sub": ""},
                          "control character": {"sub": "a\nb"}, "long sub": {"sub": "s" * 300}}.items():
        yield name, "jwt_claims", key.sign(issuer.claims(**changed))
    yield "sub that is a number", "jwt_claims", key.sign(issuer.claims(sub=7))
    yield "neither ours nor a JWT", "malformed", "secret"
    yield "unknown token of ours", "unknown", "hg_unknown"


def test_refusals_and_their_kinds(daemon, issuer):
    for name, kind, token in refused(issuer):
        before = failures(daemon)
        answer = daemon.call("GET", WHOAMI, token=token)
        assert answer.status == 401, name
        assert answer.json["code"] == "unauthenticated", name
        after = failures(daemon)
        assert {k: after[k] - before[k] for k in after if after[k] != before[k]} == {kind: 1}, name


def test_over_long_tokens_are_refused(daemon, issuer):
    """The limit of a request's head is met before that of a JWT."""
    for size, status in ((4000, 200), (7000, 413)):
        answer = daemon.call("GET", WHOAMI, token=issuer.keys[2].sign(issuer.claims(filler="f" * size)))
        assert answer.status == status, size


def test_nobody_and_two_callers(daemon, issuer):
    before = failures(daemon)
    assert daemon.call("GET", WHOAMI, token="").status == 401
    assert daemon.call("GET", WHOAMI, token=issuer.keys[2].sign(issuer.claims()), connection=daemon.local()).status == 401
    after = failures(daemon)
    assert (after["missing"] - before["missing"], after["conflict"] - before["conflict"]) == (1, 1)


def test_tokens_stand_in_no_log(daemon, issuer):
    token = issuer.keys[2].sign(issuer.claims(sub="in-no-log"))
    assert whoami(daemon, token).endswith("#in-no-log")
    bad = token[:-4] + "AAAA"
    assert daemon.call("GET", WHOAMI, token=bad).status == 401
    told = daemon.whole_log() + json.dumps(daemon.records())
    assert "oidc:https://issuer.example#in-no-log" in told
    for part in (token, bad):
        assert part not in told and part.split(".")[2] not in told


def test_rotation_breakage_and_reload():
    """A life of an issuer: a new key is met without a restart, an issuer that is down changes nothing, a withdrawn key goes."""
    with Issuer() as issuer:
        old, new = Key("old", "ES256"), Key("new", "RS256")
        issuer.keys = [old]
        with Configured("main", issuers=[entry(issuer)]) as daemon:
            until("the old key works", lambda: daemon.call("GET", WHOAMI, token=old.sign(issuer.claims())).status == 200)
            issuer.keys = [old, new]
            until("the new key works, without a restart", lambda: daemon.call("GET", WHOAMI, token=new.sign(issuer.claims())).status == 200)
            assert daemon.call("GET", WHOAMI, token=old.sign(issuer.claims())).status == 200

            issuer.broken = True
            before = issuer.fetches
            daemon.process.send_signal(1)  # SIGHUP
            until("the set is asked for again", lambda: issuer.fetches > before)
            for key in (old, new):
                assert daemon.call("GET", WHOAMI, token=key.sign(issuer.claims())).status == 200
            issuer.stop()
            assert daemon.call("GET", WHOAMI, token=old.sign(issuer.claims())).status == 200

            issuer.broken, issuer.keys = False, [new]
            issuer.start()
            daemon.process.send_signal(1)
            until("the withdrawn key is gone", lambda: daemon.call("GET", WHOAMI, token=old.sign(issuer.claims())).status == 401)
            assert daemon.call("GET", WHOAMI, token=new.sign(issuer.claims())).status == 200
            assert "could not be read" in daemon.whole_log()


def test_an_issuer_that_is_down_at_the_start():
    issuer, key = Issuer(), Key("k", "ES256")
    issuer.keys = [key]
    with issuer:  # takes a port, and leaves
        pass
    with Configured("main", issuers=[entry(issuer)]) as daemon:
        before = failures(daemon)
        assert daemon.call("GET", WHOAMI, token=key.sign(issuer.claims())).status == 401
        assert failures(daemon)["jwt_key"] == before["jwt_key"] + 1
        with issuer:
            until("the key set was fetched", lambda: daemon.call("GET", WHOAMI, token=key.sign(issuer.claims())).status == 200)


def test_key_sets_over_https_need_the_right_authority(tmp_path):
    pki = Pki(tmp_path)
    roots = [pki.root("right"), pki.root("wrong")]
    servers = [pki.server(f"server-{root.name}", root) for root in roots]
    right, wrong = [(server.certificate, server.key) for server in servers]
    key = Key("k", "ES256")
    with Issuer("https://good.example", right) as good, Issuer("https://bad.example", wrong) as bad, Issuer("https://none.example", right) as none:
        issuers = [entry(good, jwks_ca=str(roots[0].certificate)), entry(bad, jwks_ca=str(roots[0].certificate)), entry(none)]
        for issuer in (good, bad, none):
            issuer.keys = [key]
        with Configured("main", issuers=issuers) as daemon:
            until("the right one works", lambda: daemon.call("GET", WHOAMI, token=key.sign(good.claims())).status == 200)
            for issuer in (bad, none):
                until("the wrong authority is noticed", lambda issuer=issuer: f"{issuer.name}: the key set could not be read" in daemon.whole_log())
                assert daemon.call("GET", WHOAMI, token=key.sign(issuer.claims())).status == 401
                assert issuer.fetches == 0


def test_key_set_from_a_file(tmp_path):
    issuer, key, new = Issuer(), Key("k", "ES256"), Key("n", "ES256")
    issuer.keys = [key]
    path = tmp_path / "keys.json"
    path.write_bytes(issuer.key_set())
    options = {name: value for name, value in entry(issuer).items() if name != "jwks_url"}
    with Configured("main", issuers=[{**options, "jwks_file": str(path)}]) as daemon:
        assert whoami(daemon, key.sign(issuer.claims())) == "oidc:https://issuer.example#ci"
        issuer.keys = [new]
        path.write_bytes(issuer.key_set())
        daemon.process.send_signal(1)
        until("the new file is read", lambda: daemon.call("GET", WHOAMI, token=new.sign(issuer.claims())).status == 200)
        assert daemon.call("GET", WHOAMI, token=key.sign(issuer.claims())).status == 401


def test_an_administrator_by_jwt(tmp_path):
    """The right of a principal is the right of a JWT that proves it, and of no other subject."""
    with Issuer() as issuer:
        key = Key("k", "ES256")
        issuer.keys = [key]
        administrators = [f"unix:{os.geteuid()}", "token:admin", f"oidc:{issuer.name}#alice"]
        with Configured("main", issuers=[entry(issuer)], administrators=administrators) as daemon:
            until("alice is known", lambda: daemon.call("GET", WHOAMI, token=key.sign(issuer.claims(sub="alice"))).status == 200)
            assert daemon.call("GET", "/v1/tokens", token=key.sign(issuer.claims(sub="alice"))).status == 200
            for other in ("bob", "Alice", "alice "):
                assert daemon.call("GET", "/v1/tokens", token=key.sign(issuer.claims(sub=other))).status == 403


@pytest.mark.parametrize("changed, reason", [
    ({"algorithms": ["HS256"]}, "HS256"),
    ({"algorithms": ["none"]}, "none"),
    ({"algorithms": ["EdDSA"]}, "EdDSA"),
    ({"jwks_url": "http://issuer.example/keys"}, "jwks_url"),
    ({"jwks_file": "/etc/keys.json"}, "one of jwks_file and jwks_url"),
    ({"issuer": "https://issuer.example#x"}, "#"),
])
def test_configurations_that_are_refused(changed, reason):
    daemon = Configured("main", issuers=[{**entry(Issuer()), "jwks_url": "https://issuer.example/keys", **changed}])
    try:
        daemon.write()
        done = subprocess.run([programs() / "hsmgated", "--check-config", daemon.config], capture_output=True, text=True)
        assert done.returncode != 0
        assert reason in done.stderr + done.stdout
    finally:
        daemon.remove()
