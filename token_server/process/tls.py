"""TLS from the two files that the settings name."""

import ssl

from token_server.problems import Problem
from token_server.settings import Settings


def tls_of(settings: Settings) -> ssl.SSLContext | None:
    """None: plain HTTP is asked for. Raises: Problem."""
    if settings.tls_cert_file is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # Without a password to offer, OpenSSL would ask the terminal for one.
        context.load_cert_chain(settings.tls_cert_file, settings.tls_key_file, password="")
    except OSError as fault:
        raise Problem(
            f"the TLS files cannot be used: {_why(fault)}",
            hint="TOKEN_SERVER_TLS_CERT_FILE and TOKEN_SERVER_TLS_KEY_FILE must be PEM files "
            "that fit together, the key without a passphrase",
        ) from fault
    return context


def _why(fault: OSError) -> str:
    if isinstance(fault, ssl.SSLError):
        return (fault.reason or "not understood").replace("_", " ").lower()
    return f"{fault.filename}: {fault.strerror}" if fault.filename else str(fault.strerror)
