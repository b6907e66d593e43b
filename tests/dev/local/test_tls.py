"""Clients accept the server certificate for this machine, and restarts reuse it."""

import ssl
import stat
from pathlib import Path

from cryptography import x509

from dev.local import tls


def test_the_certificate_is_signed_for_this_machine_and_reused(tmp_path: Path) -> None:
    files = tls.ensure(tmp_path)
    certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    authority = x509.load_pem_x509_certificate(files.authority.read_bytes())
    certificate.verify_directly_issued_by(authority)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    ssl.create_default_context(cafile=str(files.authority))
    before = files.certificate.read_bytes()
    assert tls.ensure(tmp_path).certificate.read_bytes() == before


def test_only_the_owner_can_read_the_server_key_and_the_authority_key_is_not_stored(tmp_path: Path) -> None:
    files = tls.ensure(tmp_path)
    assert stat.S_IMODE(files.key.stat().st_mode) == 0o600
    assert not list(tmp_path.glob("*ca*.key"))
