"""An organisation's escrow: its public key wraps a library's key, its private key unwraps it.

RSA-OAEP with SHA-256 (RFC 8017; NIST SP 800-56B), 3,072 bits or more: it works in every OpenSSL in
FIPS mode, which X25519 does not. The library needs only the public key; the private key stays with
the organisation and comes to a computer only to recover a library.

Reads key files; knows nothing of ``keys.json``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256, Hash
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
)

from app.core.vault_errors import BadKeySource, EscrowPassphraseNeeded

LEAST_BITS, MOST_BITS = 3072, 16_384
_MOST_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class EscrowPublicKey:
    """The public half: DER of its SubjectPublicKeyInfo (RFC 5280)."""

    der: bytes

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the DER, 64 hexadecimal digits: what people compare."""
        return _sha256(self.der).hex()

    @classmethod
    def read(cls, path: Path) -> EscrowPublicKey:
        """From a file that holds a PEM public key or certificate.

        Raises:
            BadKeySource: it holds none, or one that is too short or no RSA key.
        """
        return cls.parse(_content(path), str(path))

    @classmethod
    def parse(cls, content: bytes, subject: str) -> EscrowPublicKey:
        """From a PEM public key or certificate; ``subject`` is where it came from.

        Raises:
            BadKeySource: as `read`.
        """
        if b"PRIVATE KEY" in content:
            raise BadKeySource(
                subject,
                "This is the private key.",
                "Keep it away from this computer, and give the public key.",
            )
        try:
            if b"BEGIN CERTIFICATE" in content:
                from cryptography import x509  # only here: it takes long to load

                key = x509.load_pem_x509_certificate(content).public_key()
            else:
                key = load_pem_public_key(content)  # type: ignore[assignment]
        except (ValueError, UnsupportedAlgorithm) as error:
            raise BadKeySource(
                subject,
                "It holds no public key in PEM form.",
                "Give a file that begins with “-----BEGIN PUBLIC KEY-----”, or a certificate.",
            ) from error
        if not isinstance(key, RSAPublicKey) or not LEAST_BITS <= key.key_size <= MOST_BITS:
            raise BadKeySource(
                subject,
                f"It is no RSA key of {LEAST_BITS} bits or more.",
                "Make one with OpenSSL; docs/keys.md says how.",
            )
        return cls(_der(key))

    def wrap(self, data_key: bytes | bytearray, label: bytes) -> bytes:
        """The data key, readable by the private key only and bound to ``label``."""
        key = load_der_public_key(self.der)
        assert isinstance(key, RSAPublicKey)  # `read` looked
        return key.encrypt(bytes(data_key), _padding(label))


def is_encrypted(path: Path) -> bool:
    """Whether the file of a private key has a passphrase of its own.

    Raises:
        BadKeySource: it cannot be read.
    """
    return b"ENCRYPTED" in _content(path)


def read_private(path: Path, passphrase: str) -> RSAPrivateKey:
    """The organisation's private key, from a PEM file.

    Raises:
        EscrowPassphraseNeeded: the file is encrypted, and the passphrase is missing or wrong.
        BadKeySource: it cannot be read or holds no private RSA key.
    """
    content = _content(path)
    try:
        key = load_pem_private_key(content, passphrase.encode() or None)
    except TypeError as error:
        if passphrase:  # given for a file that has none
            return read_private(path, "")
        raise EscrowPassphraseNeeded(
            str(path), "The escrow key's file has a passphrase of its own.", "Give it."
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        if b"ENCRYPTED" in content:
            raise EscrowPassphraseNeeded(
                str(path),
                "The passphrase does not open the escrow key's file.",
                "Check it and try again.",
            ) from error
        raise BadKeySource(
            str(path), "It holds no private key in PEM form.", "Choose the escrow's private key."
        ) from error
    if not isinstance(key, RSAPrivateKey):
        raise BadKeySource(
            str(path), "It is no RSA key.", "Choose the private key of the library's escrow."
        )
    return key


def fingerprint_of(key: RSAPrivateKey) -> str:
    """The fingerprint of the public half."""
    return _sha256(_der(key.public_key())).hex()


def unwrap(key: RSAPrivateKey, wrapped: bytes, label: bytes) -> bytearray:
    """The data key.

    Raises:
        ValueError: it was not wrapped for this key and label.
    """
    return bytearray(key.decrypt(wrapped, _padding(label)))


def _padding(label: bytes) -> OAEP:
    return OAEP(MGF1(SHA256()), SHA256(), label)


def _der(key: RSAPublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _sha256(data: bytes) -> bytes:
    digest = Hash(SHA256())
    digest.update(data)
    return digest.finalize()


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES)
    except OSError as error:
        raise BadKeySource(
            str(path), f"The escrow key cannot be read: {error.strerror}.", "Check the file's path."
        ) from error
