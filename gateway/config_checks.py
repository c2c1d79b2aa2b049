"""What a configuration must not be: values that contradict each other, or give something away."""

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from domain.addresses import is_loopback, is_web_address
from gateway.settings import PREFIX, ConfigFault, value_of
from gateway.settings_blocks import check_protection
from tenants.keys.home import IN_FILE, IN_KMS

if TYPE_CHECKING:
    from gateway.config import Config

_ADDRESSES = (
    "transunion.url",
    "plaid.url",
    "plaid.webhook_url",
    "plaid.redirect_uri",
    "otlp_endpoint",
    "aws_endpoint_url",
    "documents.base_url",
)


def check(config: "Config") -> None:
    """Raise ConfigFault where values contradict each other or say what cannot be."""
    url = config.transunion.url
    if config.allow_test_ssn and url is not None and not is_loopback(url):
        raise ConfigFault(
            "ALMONER_ALLOW_TEST_SSN is refused while ALMONER_TRANSUNION_URL is not on this machine:"
            " made-up Social Security numbers would reach a real bureau."
        )
    for name in _ADDRESSES:
        _check_address(config, name)
    _check_transit(config)
    check_protection(config.budgets, config.trusted_documents)
    if config.keyring != IN_FILE and not config.keyring.removeprefix(IN_KMS):
        raise ConfigFault("ALMONER_KEYRING is `kms:` without a key: give its id, ARN or alias.")
    if config.keyring != IN_FILE and not config.keyring.startswith(IN_KMS):
        raise ConfigFault("ALMONER_KEYRING is `file`, or `kms:` and a key's id, ARN or alias.")
    for origin in config.cors_origins:
        parts = urlsplit(origin)
        if not parts.netloc or origin != f"{parts.scheme}://{parts.netloc}".lower():
            raise ConfigFault(
                f"ALMONER_CORS_ORIGINS: {origin!r} is not an origin such as https://app.example."
            )
    for proxy in config.trusted_proxies:
        try:
            ipaddress.ip_network(proxy)
        except ValueError:
            raise ConfigFault(
                f"ALMONER_TRUSTED_PROXIES: {proxy!r} is not an address or network."
            ) from None


def _check_address(config: "Config", name: str) -> None:
    """Raise ConfigFault for an address that would be spoken to in plain beyond this machine."""
    variable = PREFIX + name.replace(".", "_").upper()
    url = value_of(config, name)
    if url is None:
        return
    text = str(url)
    if not is_web_address(text):
        raise ConfigFault(f"{variable} is not an address such as https://host.example.")
    if urlsplit(text).scheme != "https" and not is_loopback(text):
        raise ConfigFault(f"{variable} wants https: what goes there is not for others to read.")


def _check_transit(config: "Config") -> None:
    """Raise ConfigFault where `almoner serve` would speak plain HTTP beyond this machine."""
    certificate, key = config.tls_certificate_file, config.tls_key_file
    if (certificate is None) != (key is None):
        raise ConfigFault("ALMONER_TLS_CERTIFICATE_FILE and ALMONER_TLS_KEY_FILE go together.")
    if config.behind_tls_proxy and not config.trusted_proxies:
        raise ConfigFault(
            "ALMONER_BEHIND_TLS_PROXY is set, and ALMONER_TRUSTED_PROXIES does not say which proxy:"
            " callers' addresses would be the proxy's in every audit line."
        )
    fault = transit_fault(config)
    if config.command == "serve" and fault is not None:
        raise ConfigFault(fault)


def transit_fault(config: "Config") -> str | None:
    """Return why `almoner serve` refuses to listen where it is told to; None where it does not."""
    if config.behind_tls_proxy:
        return None
    certificate = config.tls_certificate_file
    if certificate is None and not is_loopback(f"http://{_in_url(config.host)}"):
        return (
            f"ALMONER_HOST is {config.host}, and plain HTTP is for this machine alone. Give the "
            "gateway a certificate (ALMONER_TLS_CERTIFICATE_FILE, ALMONER_TLS_KEY_FILE), or set "
            "ALMONER_BEHIND_TLS_PROXY=true and ALMONER_TRUSTED_PROXIES if a proxy before it ends "
            "TLS."
        )
    if not is_loopback(f"http://{_in_url(config.operations_host)}"):
        return (
            f"ALMONER_OPERATIONS_HOST is {config.operations_host}, and metrics go out in plain: "
            "keep it on this machine, or set ALMONER_BEHIND_TLS_PROXY=true."
        )
    return None


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
