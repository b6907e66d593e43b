"""A certificate authority for this machine only, and the server certificate it signs."""

import datetime
from dataclasses import dataclass
from pathlib import Path

import trustme
from cryptography import x509

from dev.local.paths import write_private

# Apple's clients refuse server certificates that are valid for more than 825 days.
_VALIDITY = datetime.timedelta(days=820)
_RENEW_BEFORE = datetime.timedelta(days=30)


@dataclass(frozen=True)
class Certificates:
    """PEM files: the authority that clients trust, and the server's certificate and key."""

    authority: Path
    certificate: Path
    key: Path


def ensure(folder: Path) -> Certificates:
    """
    Returns the certificates in `folder`, created if they are missing or about to expire.

    The authority's key is never written: after it signs the server's certificate, nobody can sign another one that a
    shell with the stage's variables would trust.
    """
    files = Certificates(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    if files.authority.exists() and files.key.exists() and _is_current(files.certificate):
        return files
    authority = trustme.CA(organization_name="bedrock-endpoints local authority")
    server = authority.issue_cert("localhost", "127.0.0.1", "::1", not_after=_now() + _VALIDITY)
    for path, pem in (
        (files.key, server.private_key_pem),
        (files.certificate, server.cert_chain_pems[0]),
        (files.authority, authority.cert_pem),
    ):
        write_private(path, pem.bytes().decode())
    return files


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _is_current(certificate: Path) -> bool:
    try:
        parsed = x509.load_pem_x509_certificate(certificate.read_bytes())
    except (OSError, ValueError):
        return False
    return parsed.not_valid_after_utc - _now() > _RENEW_BEFORE
