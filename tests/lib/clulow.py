"""Wrap a key with another one and decrypt what comes out: "On the Security of PKCS#11", Clulow 2003, section 3.

Who has the token's PIN, and not the gateway, is the attacker here; every function takes a session of theirs. A token prevents none of this by
itself: what does are the attributes of the keys, so keys with bad ones are given away (`control`), or the attack would prove nothing.
"""
import ctypes
import os

import cryptoki_names as names
from cryptoki import Failed, GcmParams, OaepParams, mechanism

AES_KWP = 0x210B  # CKM_AES_KEY_WRAP_KWP of version 3; NSS has it
YES = {"TOKEN": False, "PRIVATE": True, "SENSITIVE": True}


def attributes(**values):
    return {getattr(names, f"CKA_{name}"): value for name, value in values.items()}


def ways(key_type):
    """Every mechanism that wraps with a key of this type, made anew for each use."""
    if key_type == names.CKK_AES:
        found = {name: (lambda n=name, p=p: mechanism(getattr(names, n), p)) for name, p in (
            ("CKM_AES_ECB", None), ("CKM_AES_CBC", bytes(16)), ("CKM_AES_CBC_PAD", bytes(16)), ("CKM_AES_KEY_WRAP", None), ("CKM_AES_KEY_WRAP_PAD", None))}
        found["CKM_AES_KEY_WRAP_KWP"] = lambda: mechanism(AES_KWP)
        found["CKM_AES_GCM"] = lambda: gcm(bytes(12))
        return found
    return {"CKM_RSA_PKCS": lambda: mechanism(names.CKM_RSA_PKCS), "CKM_RSA_X_509": lambda: mechanism(names.CKM_RSA_X_509),
            "CKM_RSA_PKCS_OAEP": lambda: mechanism(names.CKM_RSA_PKCS_OAEP, OaepParams(names.CKM_SHA_1, 1, 1, None, 0))}


def gcm(iv):
    place = ctypes.create_string_buffer(iv, len(iv))
    made = mechanism(names.CKM_AES_GCM, GcmParams(ctypes.addressof(place), 12, 96, None, 0, 128))
    made.iv = place
    return made


def attempt(call, *arguments):
    """What the token gave, or None."""
    try:
        return call(*arguments)
    except Failed:
        return None


def number(session, handle, kind):
    value = session.read(handle, kind)
    return int.from_bytes(value, "little") if value else None


def open_key_wrap(session, key, wrapped):
    """RFC 3394 backwards, with the token's ECB as the block cipher."""
    a, blocks = wrapped[:8], [wrapped[i:i + 8] for i in range(8, len(wrapped), 8)]
    for step in range(6 * len(blocks), 0, -1):
        at = (step - 1) % len(blocks)
        mixed = bytes(x ^ y for x, y in zip(a, step.to_bytes(8, "big")))
        opened = session.crypt("C_Decrypt", mechanism(names.CKM_AES_ECB), key, mixed + blocks[at])
        a, blocks[at] = opened[:8], opened[8:]
    return b"".join(blocks)


def open_wrapped(session, name, how, key, wrapped):
    if "KEY_WRAP" in name:
        return open_key_wrap(session, key, wrapped)
    return session.crypt("C_Decrypt", how, key, wrapped)


def make_wrapper(session):
    """An AES key that may wrap and decrypt."""
    return attempt(session.generate, names.CKM_AES_KEY_GEN, attributes(
        **YES, CLASS=names.CKO_SECRET_KEY, KEY_TYPE=names.CKK_AES, VALUE_LEN=32, EXTRACTABLE=False, ENCRYPT=True, DECRYPT=True, WRAP=True))


def make_pair(session):
    """An RSA pair likewise: its public half wraps, its private half decrypts."""
    return session.generate_pair(names.CKM_RSA_PKCS_KEY_PAIR_GEN,
                                 attributes(TOKEN=False, MODULUS_BITS=2048, PUBLIC_EXPONENT=b"\1\0\1", ENCRYPT=True, WRAP=True),
                                 attributes(**YES, EXTRACTABLE=False, DECRYPT=True))


def wraps_at_all(session):
    """Whether the module has C_WrapKey; no key of this handle is there."""
    try:
        session.wrap(mechanism(names.CKM_RSA_PKCS), 0, 0)
    except Failed as failed:
        return failed.name != "CKR_FUNCTION_NOT_SUPPORTED"


def control(session):
    """The mechanisms with which a sensitive key of known value comes out in clear, because it and the wrapping key are badly made; None when the
    token knows of no wrapping."""
    if not wraps_at_all(session):
        return None
    known = os.urandom(32)
    victim = session.create(attributes(**YES, CLASS=names.CKO_SECRET_KEY, KEY_TYPE=names.CKK_AES, VALUE=known, EXTRACTABLE=True, ENCRYPT=True))
    assert session.read(victim, names.CKA_VALUE) is None  # not by asking
    pairs = [(names.CKK_RSA, *make_pair(session))]
    wrapper = make_wrapper(session)
    if wrapper:
        pairs.append((names.CKK_AES, wrapper, wrapper))
    leaks = []
    for key_type, wraps, decrypts in pairs:
        for name, how in ways(key_type).items():
            wrapped = attempt(session.wrap, how(), wraps, victim)
            opened = wrapped and attempt(open_wrapped, session, name, how(), decrypts, wrapped)
            if opened and known in opened:
                leaks.append(name)
    return leaks


def attack(session, ids, copies):
    """On the keys with these CKA_IDs, or on copies with more rights too: the number of attempts, and those that the token allowed, in words."""
    ours = [handle for cka_id in ids for handle in session.find({names.CKA_ID: cka_id})]
    classes = {handle: number(session, handle, names.CKA_CLASS) for handle in ours}
    victims = [handle for handle in ours if classes[handle] != names.CKO_PUBLIC_KEY]
    wrappers = {f"ours {handle}": handle for handle in ours}
    told, allowed = 0, []
    # more rights than they were made with
    for handle in list(victims):
        for right in ("WRAP", "UNWRAP", "EXTRACTABLE", "MODIFIABLE"):
            told += 1
            if attempt(lambda: session.change(handle, attributes(**{right: True})) or True):
                allowed.append(f"change {right}")
        for right in ("WRAP", "EXTRACTABLE") if copies else ():
            told += 1
            copied = attempt(session.copy, handle, attributes(TOKEN=False, **{right: True}))
            if copied:
                allowed.append(f"copy with {right}")
                wrappers[f"copy {copied}"] = copied
                victims.append(copied)
    # strangers that may wrap
    pair = attempt(make_pair, session)
    if pair:
        wrappers["stranger's RSA"] = pair[0]
    stranger = make_wrapper(session)
    if stranger:
        wrappers["stranger's AES"] = stranger
    for who, wraps in wrappers.items():
        key_type = number(session, wraps, names.CKA_KEY_TYPE)
        for name, how in ways(names.CKK_RSA if key_type == names.CKK_RSA else names.CKK_AES).items():
            for victim in victims:
                told += 1
                if attempt(session.wrap, how(), wraps, victim):
                    allowed.append(f"wrap by {who} with {name}")
            told += 1
            template = attributes(TOKEN=False, CLASS=names.CKO_SECRET_KEY, KEY_TYPE=names.CKK_GENERIC_SECRET, EXTRACTABLE=True, SENSITIVE=False)
            if who.startswith("ours") and attempt(session.unwrap, how(), wraps, bytes(40), template):
                allowed.append(f"unwrap by {who} with {name}")
    return told, allowed


def bends(session, cka_id):
    """Whether the one key of this CKA_ID can be given another one: in place, or on a copy. Copies go away again."""
    handle = next(h for h in session.find({names.CKA_ID: cka_id}) if number(session, h, names.CKA_CLASS) != names.CKO_PUBLIC_KEY)
    changed = attempt(lambda: session.change(handle, {names.CKA_ID: b"another"}) or True)
    copied = attempt(session.copy, handle, {names.CKA_ID: b"another"})
    if copied:
        session.destroy(copied)
    return {"change": bool(changed), "copy": bool(copied)}
