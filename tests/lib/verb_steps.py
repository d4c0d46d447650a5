"""Every call of the three dialects that takes a value and a key, as steps for a search: what goes in and what comes out.

A world (misused.py) sends them: to the native API and Vault's in batches, to AWS's and XKS one by one.
"""
from api_search import Step, Value
from daemon import b64, unb64

AES, MAC, RSA, SIGN = ("a1", "a2"), ("h1", "h2"), ("r1", "r2"), ("s1", "s2")
SCHEMES = {"s1": ["ES256"], "s2": ["RS256", "PS256", "RS512"]}
AWS_SIGNS = {"s1": "ECDSA_SHA_256", "s2": "RSASSA_PKCS1_V1_5_SHA_256"}
FIXED = {"a": "b"}
HEAD, IV, TAG = 27, 12, 16
XKS_PARTS = ("ciphertextMetadata", "initializationVector", "ciphertext", "authenticationTag")  # version, IV, body, tag


# --- what comes out ---
def nothing(_value, _result):
    return []


def kind_of(blob, key):
    """What can be seen in a ciphertext: its type and its version."""
    if blob[:3] != b"HSG":
        return "block", key, 0
    return ("data", "data key")[blob[4] - 1], key, blob[24]


def bytes_in(result, field):
    """Of a ciphertext, without what Vault's has before it."""
    return unb64(result[field].rsplit(":", 1)[-1])


def sealed(key, field="ciphertext", context=None, name="none"):
    """A ciphertext of the value, and the block in it when it is RSA's; `context` is made of the value."""
    def out(value, result):
        blob = bytes_in(result, field)
        made = [Value(blob, *kind_of(blob, key), name, content=value, context=context(value) if context else None)]
        if key in RSA and blob[:3] == b"HSG":
            made.append(Value(blob[HEAD:], "block", key, 0, name, content=value))
        return made
    return out


def opened(field="plaintext"):
    """That value again which was put in; else something new."""
    def out(value, result):
        data = unb64(result[field])
        same = value.content is not None and value.content.data == data
        return [value.content if same else Value(data, "unknown", len(data), value.kind)]
    return out


def sealed_again(key, field="ciphertext", context=None, name=None):
    """A ciphertext of the same content; `context` and `name` when they are no longer the old ones."""
    def out(value, result):
        blob = bytes_in(result, field)
        return [Value(blob, *kind_of(blob, key), name or value.kind[-1], content=value.content, context=context if name else value.context)]
    return out


def data_key(key, field, plain, context=None, name="none"):
    """A sealed data key, and its bytes when they are told."""
    def out(_value, result):
        inside = Value(unb64(result[plain]), "random") if plain in result else None
        blob = bytes_in(result, field)
        made = Value(blob, *kind_of(blob, key), name, content=inside, context=context)
        return [made, inside] if inside else [made]
    return out


def opaque(kind, key, field):
    """What no verb opens."""
    def out(_value, result):
        return [Value(result[field].encode(), kind, key)]
    return out


def sealed_by_xks(key):
    """Its caller keeps the parts; and what somebody could put together of them, as a blob of ours."""
    def out(value, result):
        parts = {name: result[name] for name in XKS_PARTS}
        version, iv, body, tag = map(unb64, parts.values())
        blob = b"HSG" + bytes([1, 1]) + bytes(16) + version + bytes([1, len(iv)]) + iv + body + tag
        return [Value(body, "XKS", key, content=value, context=parts), Value(blob, "put together", key, content=value)]
    return out


# --- what goes in ---
def text(value):
    return b64(value.data)


def has_context(value):
    return value.context is not None and value.kind[0] != "XKS"


def plain(value):
    return {"plaintext": text(value)}


def blob(value):
    return {"ciphertext": text(value), **({"context": value.context} if has_context(value) else {})}


def vault_blob(value):
    version = value.kind[2] if value.kind[0] in ("data", "data key") else 1
    associated = {"associated_data": value.context["associated_data"]} if has_context(value) and "associated_data" in value.context else {}
    return {"ciphertext": f"vault:v{version}:{text(value)}", **associated}


def proof(value):
    """The value as what it is said to prove."""
    return f"vault:v1:{text(value)}"


def itself(value):
    return {"a": text(value)}


def associated(value):
    return {"associated_data": text(value)}


def fixed(_value):
    return FIXED


def xks_parts(value):
    """Its own, or those of a blob of ours."""
    if value.kind[0] == "XKS":
        return value.context
    end = len(value.data) - TAG
    cut = (value.data[21:25], value.data[HEAD:HEAD + IV], value.data[HEAD + IV:end], value.data[end:])
    return {name: b64(part) for name, part in zip(XKS_PARTS, cut)}


def with_(item, **more):
    """The item, and fields beside it; a function makes one of the value."""
    return lambda value: {**item(value), **{name: field(value) if callable(field) else field for name, field in more.items()}}


# --- keys that encrypt ---
def cipher_native(world, key):
    yield Step(f"encrypt {key}", world.native(f"{key}:encrypt"), plain, sealed(key))
    for name, context in (("fixed", fixed), ("itself", itself)) if key in AES else ():
        yield Step(f"encrypt {key} in {name}", world.native(f"{key}:encrypt"), with_(plain, context=context), sealed(key, context=context, name=name))
    for verb, out in (("decrypt", opened()), ("unwrap", opened()), ("rewrap", sealed_again(key))):
        yield Step(f"{verb} {key}", world.native(f"{key}:{verb}"), blob, out)
        yield Step(f"{verb} {key}@1", world.native(f"{key}@1:{verb}"), blob, out)
        yield Step(f"{verb} {key} elsewhere", world.native(f"{key}:{verb}"), with_(blob, context={"a": "c"}), out)
    yield Step(f"data-key {key}", world.native(f"{key}:data-key"), lambda _: {"plaintext": True}, data_key(key, "ciphertext", "plaintext"))


def cipher_vault(world, key):
    yield Step(f"vault encrypt {key}", world.vault(f"encrypt/{key}"), plain, sealed(key))
    yield Step(f"vault encrypt {key} in itself", world.vault(f"encrypt/{key}"), lambda value: plain(value) | associated(value),
               sealed(key, context=associated, name="associated"))
    yield Step(f"vault decrypt {key}", world.vault(f"decrypt/{key}"), vault_blob, opened())
    yield Step(f"vault rewrap {key}", world.vault(f"rewrap/{key}"), vault_blob, sealed_again(key))


def aws_source(value):
    return {"CiphertextBlob": text(value), **({"SourceEncryptionContext": value.context} if has_context(value) else {})}


def cipher_aws(world, key):
    named = {"KeyId": f"alias/m/{key}"}

    def aws_blob(value):
        return {**named, "CiphertextBlob": text(value), **({"EncryptionContext": value.context} if has_context(value) else {})}
    yield Step(f"Encrypt {key}", world.aws("Encrypt"), lambda value: {**named, "Plaintext": text(value)}, sealed(key, "CiphertextBlob"))
    yield Step(f"Decrypt {key}", world.aws("Decrypt"), aws_blob, opened("Plaintext"))
    for target in AES + RSA:
        more = {"SourceKeyId": f"alias/m/{key}", "DestinationKeyId": f"alias/m/{target}"}
        out = sealed_again(target, "CiphertextBlob", None, "none")
        yield Step(f"ReEncrypt {key} to {target}", world.aws("ReEncrypt"), with_(aws_source, **more), out)
    if key in AES:
        more = {"DestinationKeyId": f"alias/m/{key}", "DestinationEncryptionContext": FIXED}
        out = sealed_again(key, "CiphertextBlob", FIXED, "fixed")
        yield Step(f"ReEncrypt to {key} in a context", world.aws("ReEncrypt"), with_(aws_source, **more), out)
        out = data_key(key, "CiphertextBlob", "Plaintext")
        yield Step(f"GenerateDataKey {key}", world.aws("GenerateDataKey"), lambda _: {**named, "KeySpec": "AES_256"}, out)


def cipher_xks(world, key):
    yield Step(f"xks encrypt {key}", world.xks(key, "encrypt"), plain, sealed_by_xks(key))
    yield Step(f"xks encrypt {key} with it as AAD", world.xks(key, "encrypt"), with_(plain, additionalAuthenticatedData=text), nothing)
    yield Step(f"xks decrypt {key}", world.xks(key, "decrypt"), xks_parts, opened())


# --- keys that make proofs ---
def message(value):
    return {"message": text(value)}


def digest(value):
    return {"digest": text(value)}


def vault_input(value):
    return {"input": text(value)}


def aws_message(value):
    return {"Message": text(value)}


def mac_steps(world, key):
    named = {"KeyId": f"alias/m/{key}", "MacAlgorithm": "HMAC_SHA_256"}
    yield Step(f"mac {key}", world.native(f"{key}:mac"), message, opaque("MAC", key, "mac"))
    yield Step(f"verify-mac {key}", world.native(f"{key}:verify-mac"), with_(message, mac=text), nothing)
    yield Step(f"vault hmac {key}", world.vault(f"hmac/{key}"), vault_input, opaque("MAC", key, "hmac"))
    yield Step(f"vault verify {key}", world.vault(f"verify/{key}"), with_(vault_input, hmac=proof), nothing)
    yield Step(f"GenerateMac {key}", world.aws("GenerateMac"), with_(aws_message, **named), opaque("MAC", key, "Mac"))
    yield Step(f"VerifyMac {key}", world.aws("VerifyMac"), with_(aws_message, Mac=text, **named), nothing)


def sign_steps(world, key):
    for scheme in SCHEMES[key]:
        out = opaque("signature", key, "signature")
        yield Step(f"sign {key} {scheme}", world.native(f"{key}:sign"), with_(message, scheme=scheme), out)
        yield Step(f"sign {key} {scheme} as digest", world.native(f"{key}:sign"), with_(digest, scheme=scheme), out)
        yield Step(f"verify {key} {scheme}", world.native(f"{key}:verify"), with_(message, signature=text, scheme=scheme), nothing)
    yield Step(f"jwt {key}", world.native(f"{key}:jwt"), lambda value: {"claims": {"x": text(value)}}, opaque("JWT", key, "token"))
    for more in ({}, {"prehashed": True}, {"marshaling_algorithm": "jws", "hash_algorithm": "sha2-512"}):
        yield Step(f"vault sign {key} {more}", world.vault(f"sign/{key}", **more), vault_input, opaque("signature", key, "signature"))
    yield Step(f"vault verify {key}", world.vault(f"verify/{key}"), with_(vault_input, signature=proof), nothing)
    for kind in ("RAW", "DIGEST"):
        body = {"KeyId": f"alias/m/{key}", "SigningAlgorithm": AWS_SIGNS[key], "MessageType": kind}
        yield Step(f"Sign {key} {kind}", world.aws("Sign"), with_(aws_message, **body), opaque("signature", key, "Signature"))
        yield Step(f"Verify {key} {kind}", world.aws("Verify"), with_(aws_message, Signature=text, **body), nothing)


def coarse(steps):
    for step in steps:
        step.coarse = True
        yield step


def steps(world):
    for key in AES + RSA:
        yield from cipher_native(world, key)
        yield from cipher_vault(world, key)
        yield from coarse(cipher_aws(world, key))
    for key in AES:
        yield from coarse(cipher_xks(world, key))
    for key in MAC:
        yield from coarse(mac_steps(world, key))
    for key in SIGN:
        yield from coarse(sign_steps(world, key))
