"""Entry point of the gateway's authorizer."""

from lambda_src.shared import start  # isort: skip  (first: it disables garbage collection during the other imports)

from lambda_src.access.authorizer.authorizer import Authorizer, Identify
from lambda_src.access.authorizer.keys import KeyVerifier
from lambda_src.access.key_store import KeyStore
from lambda_src.access.settings import AccessOptions, AuthorizerSettings
from lambda_src.shared.settings import read_settings


def _token_identifier(options: AccessOptions) -> Identify | None:
    if not options.issuers:
        return None
    # Imported only where it is used: PyJWT and its cryptography double the start-up time.
    from lambda_src.access.authorizer.tokens import TokenVerifier

    return TokenVerifier(options.issuers, options.groups).identify


def make_handler() -> Authorizer:
    """Builds the handler, once per process."""
    settings = read_settings(AuthorizerSettings)
    keys = KeyVerifier(KeyStore(settings.table_name)).identify if settings.table_name else None
    return Authorizer(keys, _token_identifier(settings.options))


handler = make_handler()
start.done()
