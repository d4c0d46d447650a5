"""A public key infrastructure for tests: CAs, certificates and CRLs as PEM files in a folder. P-256 keys throughout.

    pki = Pki(folder)
    root = pki.root("root")                                    # root.pem, root.key
    issuing = pki.intermediate("issuing", root)
    server = pki.server("server", issuing)                     # DNS localhost, 127.0.0.1 and ::1; server.pem holds the chain
    client = pki.client("svc", issuing, uri="spiffe://example.org/svc")
    issuing.crl("issuing.crl", revoked=[client])

`days=(-2, -1)` gives dates relative to now; `eku=None` leaves the extension out.
"""
import datetime
import ipaddress
import pathlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CLIENT_AUTH = ExtendedKeyUsageOID.CLIENT_AUTH
SERVER_AUTH = ExtendedKeyUsageOID.SERVER_AUTH
PEM = serialization.Encoding.PEM


def now():
    return datetime.datetime.utcnow()


def name_of(common_name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else
                     [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "hsmgate tests")])


def replace(path, data):
    """Like a careful operator: a reader meets the old file or the new one."""
    fresh = path.with_name(path.name + ".new")
    fresh.touch(mode=0o600)
    fresh.write_bytes(data)
    fresh.rename(path)


class Certificate:
    """A certificate with its key; `pem` is the chain from the leaf to below the root, `certificate` and `key` are the files."""

    def __init__(self, folder, name, x509_certificate, private_key, issuer):
        self.folder = folder
        self.name = name
        self.x509 = x509_certificate
        self.private_key = private_key
        self.issuer = issuer
        self.certificate = folder / f"{name}.pem"
        self.key = folder / f"{name}.key"
        self.write()

    @property
    def own_pem(self):
        return self.x509.public_bytes(PEM)

    @property
    def pem(self):
        chain, at = self.own_pem, self.issuer
        while at is not None and at.issuer is not None:
            chain, at = chain + at.own_pem, at.issuer
        return chain

    @property
    def key_pem(self):
        return self.private_key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())

    def write(self, certificate=None, key=None):
        """Writes both files, here or over those of another certificate; key first, as most tools do."""
        replace(pathlib.Path(key or self.key), self.key_pem)
        replace(pathlib.Path(certificate or self.certificate), self.pem)

    def crl(self, file, revoked=(), days=(-1, 30), signer=None):
        """A CRL of this CA; `signer` signs it with another CA's key instead."""
        start = now()
        builder = (x509.CertificateRevocationListBuilder().issuer_name(self.x509.subject)
                   .last_update(start + datetime.timedelta(days=days[0])).next_update(start + datetime.timedelta(days=days[1])))
        for certificate in revoked:
            builder = builder.add_revoked_certificate(x509.RevokedCertificateBuilder().serial_number(certificate.x509.serial_number)
                                                      .revocation_date(start).build())
        made = builder.sign((signer or self).private_key, hashes.SHA256()).public_bytes(PEM)
        if file is not None:
            replace(self.folder / file, made)
        return made


class Pki:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def make(self, name, issuer=None, common_name="", ca=False, days=(-1, 30), eku=None, names=(), key=None):
        """Any certificate: `names` are x509.GeneralName, issuer None signs itself."""
        private = key or ec.generate_private_key(ec.SECP256R1())
        start = now()
        builder = (x509.CertificateBuilder().subject_name(name_of(common_name))
                   .issuer_name(issuer.x509.subject if issuer else name_of(common_name)).public_key(private.public_key())
                   .serial_number(x509.random_serial_number()).not_valid_before(start + datetime.timedelta(days=days[0]))
                   .not_valid_after(start + datetime.timedelta(days=days[1]))
                   .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
                   .add_extension(x509.KeyUsage(digital_signature=True, content_commitment=False, key_encipherment=False,
                                                data_encipherment=False, key_agreement=False, key_cert_sign=ca, crl_sign=ca,
                                                encipher_only=False, decipher_only=False), critical=True))
        if eku:
            builder = builder.add_extension(x509.ExtendedKeyUsage(list(eku)), critical=False)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(list(names)), critical=not common_name)
        signer = issuer.private_key if issuer else private
        return Certificate(self.folder, name, builder.sign(signer, hashes.SHA256()), private, issuer)

    def root(self, name, common_name=None, **more):
        return self.make(name, None, common_name or name, ca=True, **more)

    def intermediate(self, name, issuer, **more):
        return self.make(name, issuer, name, ca=True, **more)

    def server(self, name, issuer, hosts=("localhost", "127.0.0.1", "::1"), **more):
        def general(host):
            try:
                return x509.IPAddress(ipaddress.ip_address(host))
            except ValueError:
                return x509.DNSName(host)
        return self.make(name, issuer, name, eku=more.pop("eku", (SERVER_AUTH,)), names=[general(h) for h in hosts], **more)

    def client(self, name, issuer, uri=None, dns=None, common_name="", **more):
        """A caller: a SPIFFE ID, DNS name or common name, EKU clientAuth."""
        names = ([x509.UniformResourceIdentifier(uri)] if uri else []) + ([x509.DNSName(dns)] if dns else [])
        return self.make(name, issuer, common_name, eku=more.pop("eku", (CLIENT_AUTH,)), names=more.pop("names", names), **more)

    def bundle(self, file, *certificates):
        """Several certificates in one file, for `client_ca`."""
        path = self.folder / file
        replace(path, b"".join(c.own_pem for c in certificates))
        return path
