"""Web addresses as settings and the directory hold them: judged by spelling, never by DNS."""

import ipaddress
from urllib.parse import SplitResult, urlsplit


def is_loopback(url: str) -> bool:
    """Say whether a URL's host is this machine, by its spelling and without asking DNS."""
    parts = _split(url)
    host = (parts.hostname if parts else None) or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_web_address(url: str) -> bool:
    """Say whether `url` is an http or https address with a host, and with no password in it."""
    parts = _split(url)
    return (
        parts is not None
        and url.isascii()
        and url.isprintable()
        and " " not in url
        and parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and parts.username is None
        and parts.password is None
    )


def is_issuer_address(url: str) -> bool:
    """Say whether `url` can be an issuer's: https, or http for an issuer on this machine.

    Its key set's address is made by adding to it, so there is no query and no fragment.
    """
    return (
        is_web_address(url)
        and "?" not in url
        and "#" not in url
        and (urlsplit(url).scheme == "https" or is_loopback(url))
    )


def _split(url: str) -> SplitResult | None:
    """Return the parts, or None for what is no URL."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # a port that is none shows when it is read
    except ValueError:
        return None
    return parts
