"""PKCS#11 from Python, by ctypes: what a test does to a token behind the gateway's back.

A module is loaded in a process of its own (`isolated`), as hsmgate-token does, because modules neither unload nor fork well:

    def look(module, pin):
        with module.session("label", pin) as session:
            return len(session.find({names.CKA_CLASS: names.CKO_SECRET_KEY}))
    isolated(look, path, init_args, environment, pin)
"""
import contextlib
import ctypes
import multiprocessing
import os

import cryptoki_names as names
from cryptoki_names import CODES, FUNCTIONS
from served import enter

ULONG = ctypes.c_ulong
UNAVAILABLE = ULONG(-1).value
FLAGS = {getattr(names, f"CKA_{flag}"): flag for flag in (
    "TOKEN PRIVATE SENSITIVE EXTRACTABLE MODIFIABLE COPYABLE ENCRYPT DECRYPT SIGN VERIFY WRAP UNWRAP DERIVE LOCAL ALWAYS_SENSITIVE NEVER_EXTRACTABLE").split()}


class Failed(Exception):
    """A return code other than CKR_OK."""

    def __init__(self, function, code):
        super().__init__(f"{function}: {CODES.get(code, hex(code))}")
        self.code = code
        self.name = CODES.get(code, hex(code))


class FunctionList(ctypes.Structure):
    _fields_ = [("version", ctypes.c_ubyte * 2)] + [(name, ctypes.c_void_p) for name in FUNCTIONS]


class InitArgs(ctypes.Structure):
    """The standard's, and what NSS reads after it."""
    _fields_ = [("mutexes", ctypes.c_void_p * 4), ("flags", ULONG), ("reserved", ctypes.c_char_p), ("tail", ctypes.c_void_p * 4)]


class Attribute(ctypes.Structure):
    _fields_ = [("type", ULONG), ("value", ctypes.c_void_p), ("length", ULONG)]


class Mechanism(ctypes.Structure):
    _fields_ = [("mechanism", ULONG), ("parameter", ctypes.c_void_p), ("length", ULONG)]


class GcmParams(ctypes.Structure):
    _fields_ = [("iv", ctypes.c_void_p), ("iv_len", ULONG), ("iv_bits", ULONG), ("aad", ctypes.c_void_p), ("aad_len", ULONG), ("tag_bits", ULONG)]


class OaepParams(ctypes.Structure):
    _fields_ = [("hash", ULONG), ("mgf", ULONG), ("source", ULONG), ("data", ctypes.c_void_p), ("data_len", ULONG)]


class TokenInfo(ctypes.Structure):
    _fields_ = [("label", ctypes.c_char * 32), ("manufacturer", ctypes.c_char * 32), ("model", ctypes.c_char * 16), ("serial", ctypes.c_char * 16),
                ("flags", ULONG), ("numbers", ULONG * 10), ("versions", ctypes.c_ubyte * 4), ("time", ctypes.c_char * 16)]


def encoded(value):
    """An attribute's value: flags are bytes, numbers are CK_ULONG, text is its bytes."""
    if isinstance(value, bool):
        return bytes([value])
    if isinstance(value, int):
        return bytes(ULONG(value))
    return value.encode() if isinstance(value, str) else bytes(value)


def template(attributes):
    """The CK_ATTRIBUTE array of a dictionary; `kept` holds the values alive."""
    kept = [ctypes.create_string_buffer(encoded(v), len(encoded(v))) for v in attributes.values()]
    rows = (Attribute * len(kept))(*[Attribute(t, ctypes.addressof(k), len(k)) for t, k in zip(attributes, kept)])
    rows.kept = kept
    return rows


def mechanism(kind, parameter=None):
    """`parameter`: bytes, a structure, or nothing."""
    if isinstance(parameter, bytes):
        parameter = ctypes.create_string_buffer(parameter, len(parameter))
    made = Mechanism(kind, ctypes.addressof(parameter) if parameter is not None else None, ctypes.sizeof(parameter) if parameter is not None else 0)
    made.kept = parameter
    return made


class Module:
    def __init__(self, path, init_args=None):
        library = ctypes.CDLL(path)
        found = ctypes.POINTER(FunctionList)()
        library.C_GetFunctionList(ctypes.byref(found))
        self.list = found.contents
        self.call("C_Initialize", ctypes.byref(InitArgs(flags=2, reserved=init_args.encode() if init_args else None)))

    def call(self, name, *arguments):
        """The function of that name; integers go as CK_ULONG."""
        function = ctypes.CFUNCTYPE(ULONG)(getattr(self.list, name))
        code = function(*[ULONG(a) if isinstance(a, int) else a for a in arguments])
        if code != 0:
            raise Failed(name, code)

    def slots(self, present=1):
        count = ULONG(64)
        slots = (ULONG * 64)()
        self.call("C_GetSlotList", ctypes.c_ubyte(present), slots, ctypes.byref(count))
        return list(slots[:count.value])

    def token_info(self, slot):
        info = TokenInfo()
        self.call("C_GetTokenInfo", slot, ctypes.byref(info))
        return info

    def slot_of(self, label):
        return next(s for s in self.slots() if self.token_info(s).label.decode().rstrip(" \0") == label)

    def mechanisms(self, slot):
        count = ULONG(1024)
        kinds = (ULONG * 1024)()
        self.call("C_GetMechanismList", slot, kinds, ctypes.byref(count))
        return set(kinds[:count.value])

    @contextlib.contextmanager
    def session(self, label, pin=None, user=1):
        """A read-write session on the token of this label, logged in when there is a PIN."""
        handle = ULONG()
        self.call("C_OpenSession", self.slot_of(label), 6, None, None, ctypes.byref(handle))
        if pin is not None:
            self.call("C_Login", handle.value, user, pin.encode(), len(pin.encode()))
        yield Session(self, handle.value)
        self.call("C_CloseSession", handle.value)


class Session:
    def __init__(self, module, handle):
        self.module = module
        self.handle = handle

    def call(self, name, *arguments):
        self.module.call(name, self.handle, *arguments)

    def find(self, attributes):
        wanted = template(attributes)
        self.call("C_FindObjectsInit", wanted, len(wanted))
        handles, count = (ULONG * 1024)(), ULONG()
        self.call("C_FindObjects", handles, 1024, ctypes.byref(count))
        self.call("C_FindObjectsFinal")
        return list(handles[:count.value])

    def read(self, handle, kind):
        """One attribute's bytes; None when the token does not say."""
        place = ctypes.create_string_buffer(4096)
        row = (Attribute * 1)(Attribute(kind, ctypes.addressof(place), 4096))
        with contextlib.suppress(Failed):
            self.call("C_GetAttributeValue", handle, row, 1)
            if row[0].length != UNAVAILABLE:
                return place.raw[:row[0].length]
        return None

    def flags(self, handle):
        """The names of the attributes among FLAGS that are true."""
        return {name for kind, name in FLAGS.items() if self.read(handle, kind) == b"\1"}

    def generate(self, kind, attributes):
        key, wanted = ULONG(), template(attributes)
        self.call("C_GenerateKey", ctypes.byref(mechanism(kind)), wanted, len(wanted), ctypes.byref(key))
        return key.value

    def generate_pair(self, kind, public, private):
        keys, wanted = (ULONG(), ULONG()), (template(public), template(private))
        self.call("C_GenerateKeyPair", ctypes.byref(mechanism(kind)), wanted[0], len(wanted[0]), wanted[1], len(wanted[1]),
                  ctypes.byref(keys[0]), ctypes.byref(keys[1]))
        return keys[0].value, keys[1].value

    def create(self, attributes):
        made, wanted = ULONG(), template(attributes)
        self.call("C_CreateObject", wanted, len(wanted), ctypes.byref(made))
        return made.value

    def destroy(self, handle):
        self.call("C_DestroyObject", handle)

    def change(self, handle, attributes):
        wanted = template(attributes)
        self.call("C_SetAttributeValue", handle, wanted, len(wanted))

    def copy(self, handle, attributes):
        made, wanted = ULONG(), template(attributes)
        self.call("C_CopyObject", handle, wanted, len(wanted), ctypes.byref(made))
        return made.value

    def wrap(self, how, with_key, key):
        place, length = ctypes.create_string_buffer(8192), ULONG(8192)
        self.call("C_WrapKey", ctypes.byref(how), with_key, key, place, ctypes.byref(length))
        return place.raw[:length.value]

    def unwrap(self, how, with_key, wrapped, attributes):
        made, wanted = ULONG(), template(attributes)
        self.call("C_UnwrapKey", ctypes.byref(how), with_key, wrapped, len(wrapped), wanted, len(wanted), ctypes.byref(made))
        return made.value

    def crypt(self, function, how, key, data):
        """C_Encrypt, C_Decrypt or C_Sign in one part."""
        place, length = ctypes.create_string_buffer(8192), ULONG(8192)
        self.call(f"{function}Init", ctypes.byref(how), key)
        self.call(function, data, len(data), place, ctypes.byref(length))
        return place.raw[:length.value]


def _answer(pipe, function, path, init_args, environment, arguments):
    os.environ.update(environment)
    try:
        enter(environment)
        pipe.send((True, function(Module(path, init_args), *arguments)))
    except BaseException as problem:  # goes to the parent, whatever it is
        pipe.send((False, f"{type(problem).__name__}: {problem}"))
    pipe.close()
    os._exit(0)  # the exit handlers of a module's OpenSSL may crash


def isolated(function, path, init_args, environment, *arguments):
    """`function(module, *arguments)` in a process of its own; its value, or AssertionError with what went wrong."""
    mine, theirs = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=_answer, args=(theirs, function, path, init_args, environment, arguments))
    child.start()
    theirs.close()
    try:
        good, value = mine.recv()
    except EOFError:
        child.join()
        raise AssertionError(f"the module ended its process: {child.exitcode}") from None
    child.join()
    assert good, value
    return value
