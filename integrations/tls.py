"""TLS towards vendors and callers: who we are, whom we trust, nothing below TLS 1.2."""

import ssl
from pathlib import Path


def client_tls_context(ca_file: Path | None = None) -> ssl.SSLContext:
    """Return a context that trusts `ca_file` alone, or without one the system's authorities.

    Host names are always checked. Raises ValueError where the file cannot be used.
    """
    try:
        context = ssl.create_default_context(
            purpose=ssl.Purpose.SERVER_AUTH, cafile=str(ca_file) if ca_file else None
        )
    except (ssl.SSLError, OSError) as error:
        raise ValueError(f"{ca_file} holds no certificates that can be read") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = True
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def mutual_tls_context(
    *,
    certificate_file: Path,
    key_file: Path,
    key_passphrase: str | None = None,
    ca_file: Path | None = None,
) -> ssl.SSLContext:
    """Return a context that shows the client certificate; see client_tls_context.

    Raises ValueError, naming the file and what is wrong with it, never its contents.
    """
    _demand(certificate_file, key_file, ca_file)
    context = client_tls_context(ca_file)
    _show(context, certificate_file, key_file, key_passphrase)
    return context


def server_tls_context(
    *, certificate_file: Path, key_file: Path, client_ca_file: Path | None = None
) -> ssl.SSLContext:
    """Return a server's context; with `client_ca_file`, clients must bring a certificate of it.

    Raises ValueError, naming the file and what is wrong with it, never its contents.
    """
    _demand(certificate_file, key_file, client_ca_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _show(context, certificate_file, key_file, None)
    if client_ca_file is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_ca_file)
    return context


def _demand(*files: Path | None) -> None:
    for path in files:
        if path is not None and not path.is_file():
            raise ValueError(f"there is no file {path}")


def _show(
    context: ssl.SSLContext, certificate_file: Path, key_file: Path, passphrase: str | None
) -> None:
    try:
        # Never None: OpenSSL would ask for a missing passphrase at the terminal.
        context.load_cert_chain(certificate_file, key_file, password=passphrase or "")
    except (ssl.SSLError, OSError) as error:
        raise ValueError(
            f"{certificate_file} and {key_file} are no certificate with its key, "
            "or the passphrase is wrong"
        ) from error
