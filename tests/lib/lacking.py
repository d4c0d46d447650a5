"""What the token of a run cannot do. A story asks the worker's probe and not the token's name; where the token lacks what it is about, the gateway
must say so, and the story ends there:

    if lacks(gateway, "aes-256-gcm"):
        return

HSMGATE_TEST_LACKS names a file that gets a line for each such story, so that who counts knows them from those that went to their end.
"""
import os

import pytest

from daemon import Refused, b64

SCHEMES = {"RS256": "rsa-pkcs1", "RS384": "rsa-pkcs1", "RS512": "rsa-pkcs1", "PS256": "rsa-pss-sha256", "PS384": "rsa-pss-sha384", "PS512": "rsa-pss-sha512"}
SIGNERS = {"ecdsa-p256": "ES256", "rsa-2048": "RS256"}


def note():
    if "HSMGATE_TEST_LACKS" in os.environ:
        with open(os.environ["HSMGATE_TEST_LACKS"], "a") as file:
            file.write(os.environ["PYTEST_CURRENT_TEST"].split(" ")[0] + "\n")


def unsupported(call, *arguments, **more):
    """Whatever it is, the gateway refuses it because of the token."""
    with pytest.raises(Refused) as refused:
        call(*arguments, **more)
    assert (refused.value.status, refused.value.code) == (400, "unsupported_by_token"), refused.value


def can(gateway, algorithm, purpose=None):
    return gateway.offers(algorithm) and (purpose != "decrypt" or gateway.offers("rsa-oaep-sha1") or gateway.offers("rsa-oaep-sha256"))


def lacks(gateway, algorithm, purpose=None):
    """Whether the token makes no such keys."""
    if can(gateway, algorithm, purpose):
        return False
    unsupported(gateway.key, "test/lacks/it", algorithm, **({"purpose": purpose} if purpose else {}))
    note()
    return True


def lacks_scheme(gateway, name, scheme):
    """Whether the token does not sign like this with a key that it made."""
    if scheme not in SCHEMES or gateway.offers(SCHEMES[scheme]):
        return False
    unsupported(gateway.verb, name, "sign", {"message": b64(b"m"), "scheme": scheme})
    note()
    return True


def signer(gateway):
    """An algorithm with which any token signs in its default way."""
    return next(a for a, scheme in SIGNERS.items() if gateway.offers(a) and gateway.offers(SCHEMES.get(scheme, "ecdsa")))
