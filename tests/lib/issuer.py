"""An OpenID Connect issuer: keys, tokens of every shape, and its key set over HTTP or HTTPS on loopback.

Good tokens come from PyJWT. What PyJWT refuses to make is put together here, byte by byte.
"""
import base64
import hashlib
import hmac
import http.server
import json
import ssl
import threading
import time

import jwt as pyjwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwcrypto import jwk


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def compact(header, payload, signature=b""):
    """A JWS in compact form from three byte strings, or what json makes of other things."""
    parts = [p if isinstance(p, bytes) else json.dumps(p).encode() for p in (header, payload)]
    return ".".join(b64url(p) for p in [*parts, signature])


class Key:
    """One signing key with its kid and algorithm."""

    def __init__(self, kid, algorithm, bits=2048):
        self.kid = kid
        self.algorithm = algorithm
        curves = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}
        if algorithm in curves:
            self.private = ec.generate_private_key(curves[algorithm]())
        else:
            self.private = rsa.generate_private_key(public_exponent=65537, key_size=bits)

    @property
    def pem(self):
        return self.private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def public(self, **more):
        members = json.loads(jwk.JWK.from_pem(self.pem).export_public())
        return {**members, "kid": self.kid, "alg": self.algorithm, "use": "sig", **more}

    def sign(self, claims, headers=None, algorithm=None):
        return pyjwt.encode(claims, self.private, algorithm or self.algorithm, {"kid": self.kid, **(headers or {})})


def hmac_token(header, claims, secret):
    """HS256 with any bytes as the secret, which PyJWT refuses for a public key."""
    signed = compact(header, claims).rsplit(".", 1)[0]
    return signed + "." + b64url(hmac.new(secret, signed.encode(), hashlib.sha256).digest())


class Issuer:
    """Serves `keys` as a JWK set; counts the requests. `broken` makes it answer 500, stop() takes it off the network."""

    def __init__(self, name="https://issuer.example", certificate=None):
        self.name = name
        self.keys = []
        self.broken = False
        self.fetches = 0
        self.certificate = certificate  # (chain, key) files for HTTPS
        self.port = 0
        self.server = None

    def start(self):
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                issuer.fetches += 1
                body = issuer.key_set()
                self.send_response(500 if issuer.broken else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        http.server.ThreadingHTTPServer.allow_reuse_address = True
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_address[1]
        if self.certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def stop(self):
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    @property
    def url(self):
        return f"{'http' if self.certificate is None else 'https'}://127.0.0.1:{self.port}/keys"

    def key_set(self):
        return json.dumps({"keys": [k if isinstance(k, dict) else k.public() for k in self.keys]}).encode()

    def claims(self, **changed):
        """Good claims, changed; None takes one away."""
        now = int(time.time())
        good = {"iss": self.name, "aud": "hsmgate", "sub": "ci", "iat": now, "nbf": now, "exp": now + 300, **changed}
        return {name: value for name, value in good.items() if value is not None}
