"""The table of docs/tokens.md: what each token was seen to do, a row for each thing, a column for each token.

    token_table.py KIND...     measures these kinds and writes their columns into docs/tokens.md; HSMGATE_BIN names the programs

The cells come from the worker's probe and from clulow.py, so they say what was done, not what a manual says. scenario/any_token.py holds the
columns of the kinds that CI runs to what it measures.
"""
import sys

import table
from clulow import attack, bends, control
from configured import Configured
from lacking import can
from tokens import KINDS

BEGIN = "<!-- made by scripts/tokens -->"
ALGORITHMS = ["aes-256-gcm", "hmac-sha256", "hmac-sha384", "hmac-sha512", "ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519",
              "rsa-2048", "rsa-3072", "rsa-4096"]
MECHANISMS = ["rsa-pkcs1", "rsa-pss-sha256", "rsa-pss-sha384", "rsa-pss-sha512", "rsa-oaep-sha1", "rsa-oaep-sha256"]
SOME = {"aes-256-gcm": "encrypt", "hmac-sha256": "mac", "ecdsa-p256": "sign", "rsa-2048": "decrypt"}


def ids_of(gateway, *keys):
    """The CKA_IDs of their versions, in the order of the inventory."""
    objects = gateway.do("GET", f"/v1/tokens/{next(iter(gateway.tokens))}/inventory")["objects"]
    return [bytes.fromhex(o["cka_id"]) for o in objects if o.get("key") in keys and o["class"] != "public"]


def yes(value):
    return "yes" if value else "no"


def probed(probe):
    """The rows that come from the probe."""
    rows = {name: yes(name in probe["algorithms"]) for name in ALGORITHMS}
    rows.update({name: yes(name in probe["mechanisms"]) for name in MECHANISMS})
    encrypts = "aes-gcm" in probe["mechanisms"]
    rows["IV of AES-GCM comes from"] = ("the caller" if probe["gcm_iv_by_caller"] else "the token") if encrypts else "-"
    rows["AES-GCM of nothing"] = yes(probe["empty_plaintext"]) if encrypts else "-"
    return rows


def attacked(gateway):
    """The rows of what others can do with the PIN to keys that the gateway makes here."""
    token = next(iter(gateway.tokens.values()))
    keys = []
    for algorithm, purpose in SOME.items():
        if can(gateway, algorithm, purpose):
            keys.append(gateway.key(f"table/{purpose}/key", algorithm, purpose=purpose)["name"])
    ids = ids_of(gateway, *keys)
    bent = [token.look(bends, cka_id) for cka_id in ids]
    told, allowed = token.look(attack, ids, False)
    told_more, allowed_more = token.look(attack, ids, True)
    leaks = token.look(control)
    print(f"{told + told_more} attempts; allowed: {sorted(set(allowed))}, with copies {sorted(set(allowed_more))}; badly made keys leak by {leaks}")
    return {
        "badly made keys come out wrapped": "-" if leaks is None else yes(leaks),
        "our keys wrap others": yes([a for a in allowed if "ours" in a]),
        "a stranger's key wraps ours": yes([a for a in allowed if "stranger" in a]),
        "copies of our keys wrap others": yes([a for a in allowed_more if "by copy" in a]),
        "our keys take more rights": yes([a for a in allowed if "change" in a]),
        "our keys take another CKA_ID": yes(any(b["change"] for b in bent)),
        "our keys are copied under another CKA_ID": yes(any(b["copy"] for b in bent)),
    }


def measure(gateway):
    """The column of the first token of a running gateway."""
    return {**probed(gateway.token_status(next(iter(gateway.tokens)))["probe"]), **attacked(gateway)}


def main(kinds):
    columns = table.read(BEGIN)
    for kind in kinds:
        with Configured("main", made=KINDS[kind]) as gateway:
            gateway.wait_tokens()
            columns[kind] = measure(gateway)
    table.write(BEGIN, columns)


if __name__ == "__main__":
    main(sys.argv[1:] or ["softhsm", "nss"])
