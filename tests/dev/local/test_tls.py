"""The server certificate is one that clients accept for this machine, and it is made once."""

import ssl
import stat
from pathlib import Path

from cryptography import x509

from dev.local import tls


def test_the_certificate_is_signed_for_this_machine_and_kept(tmp_path: Path) -> None:
    made = tls.ensure(tmp_path)
    certificate = x509.load_pem_x509_certificate(made.certificate.read_bytes())
    authority = x509.load_pem_x509_certificate(made.authority.read_bytes())
    certificate.verify_directly_issued_by(authority)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    ssl.create_default_context(cafile=str(made.authority))
    before = made.certificate.read_bytes()
    assert tls.ensure(tmp_path).certificate.read_bytes() == before


def test_the_keys_are_their_owners_only(tmp_path: Path) -> None:
    made = tls.ensure(tmp_path)
    assert stat.S_IMODE(made.key.stat().st_mode) == 0o600
    assert not list(tmp_path.glob("*ca*.key"))
