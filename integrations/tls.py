"""TLS towards vendors: who we are, whom we trust, nothing below TLS 1.2."""

import ssl
from pathlib import Path


def mutual_tls_context(
    *,
    certificate_file: Path,
    key_file: Path,
    key_passphrase: str | None = None,
    ca_file: Path | None = None,
) -> ssl.SSLContext:
    """Return a context that shows the client certificate and trusts `ca_file` alone.

    Without `ca_file` the system's own authorities are trusted. Host names are always checked.
    Raises ValueError, naming the file and what is wrong with it, never its contents.
    """
    for path in (certificate_file, key_file, ca_file):
        if path is not None and not path.is_file():
            raise ValueError(f"there is no file {path}")
    try:
        context = ssl.create_default_context(
            purpose=ssl.Purpose.SERVER_AUTH, cafile=str(ca_file) if ca_file else None
        )
    except (ssl.SSLError, OSError) as error:
        raise ValueError(f"{ca_file} holds no certificates that can be read") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = True
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        # Never None: OpenSSL would ask for a missing passphrase at the terminal.
        context.load_cert_chain(certificate_file, key_file, password=key_passphrase or "")
    except (ssl.SSLError, OSError) as error:
        raise ValueError(
            f"{certificate_file} and {key_file} are no certificate with its key, "
            "or the passphrase is wrong"
        ) from error
    return context
