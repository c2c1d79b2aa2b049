"""Every setting and every limit of Almoner, in one table, and the one place that reads them.

A value comes from its default, the TOML file named by ALMONER_CONFIG, the environment or the
command line, the later one winning; each keeps the name of where it came from. No other module
reads the environment.
"""

# ruff: noqa: RUF009 - setting() and block() return dataclass fields, as field() does

import ipaddress
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from domain.addresses import is_loopback, is_web_address
from gateway.settings import (
    FILE_VARIABLE,
    PREFIX,
    CannotStart,
    ConfigFault,
    Row,
    block,
    build,
    nearest,
    read_value,
    rows_of,
    setting,
    shown,
    value_of,
)
from gateway.settings_blocks import (
    BudgetsConfig,
    DocumentsConfig,
    EdgeConfig,
    EventsConfig,
    Limits,
    RealtimeConfig,
    TransUnionConfig,
    TrustedDocumentsConfig,
    check_protection,
)
from tenants.aws import AwsSettings
from tenants.keys.home import IN_FILE, IN_KMS, KeySettings

__all__ = [
    "BudgetsConfig",
    "CannotStart",
    "Config",
    "ConfigFault",
    "DocumentsConfig",
    "EdgeConfig",
    "EventsConfig",
    "Limits",
    "RealtimeConfig",
    "Source",
    "TransUnionConfig",
    "TrustedDocumentsConfig",
    "child_environment",
    "is_loopback",
    "load_config",
    "load_config_here",
]


class Source(StrEnum):
    """Where a value came from."""

    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"
    COMMAND_LINE = "command line"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The effective configuration of one process. `sources` names where each value came from."""

    home: Path = setting(
        Path(".almoner"), "Directory of all local state; `almoner serve` demands that it is named."
    )
    host: str = setting("127.0.0.1", "Address that the gateway's port is bound to.")
    port: int = setting(8000, "Port of the gateway.", at_least=0, at_most=65_535)
    operations_host: str = setting(
        "127.0.0.1", "Address that the operations port is bound to; never a public one."
    )
    operations_port: int = setting(8002, "Port of metrics and health.", at_least=0, at_most=65_535)
    issuer_port: int = setting(
        8001, "Port of the local identity provider.", at_least=0, at_most=65_535
    )
    transunion_port: int = setting(
        8091, "Port of the TransUnion simulator.", at_least=0, at_most=65_535
    )
    tls_port: int = setting(
        0,
        "Port of the gateway over TLS at localhost, under `almoner dev` alone; 0: none.",
        at_least=0,
        at_most=65_535,
        under_dev=8443,
    )
    workers: int = setting(1, "Processes that answer requests.", at_least=1, at_most=64)
    agency: str | None = setting(
        None, "Serve this agency alone (its slug); credentials of others are refused."
    )
    drain_seconds: int = setting(
        30, "How long requests in flight may take at shutdown.", at_least=0, at_most=600
    )
    linger_ms: int = setting(
        1000,
        "How long idle connections stay open at shutdown, so that no request is lost on its way.",
        at_least=0,
        at_most=60_000,
    )
    keep_alive_seconds: int = setting(
        75, "How long an idle connection stays open.", at_least=1, at_most=3600
    )
    http_protocol: str = setting(
        "asgi",
        "How GraphQL requests reach the gateway: by asgi, or direct, past that layer.",
        choices=("asgi", "direct"),
    )
    providers_file: Path | None = setting(
        None,
        "File (TOML) of the OIDC issuers and authorizers that may vouch for an agency's people"
        " beside its user pool: docs/credentials.md.",
    )
    cors_origins: tuple[str, ...] = setting(
        (), "Origins of web pages that may call the gateway (`almoner dev` adds loopback ones)."
    )
    trusted_proxies: tuple[str, ...] = setting(
        (), "Addresses of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed."
    )
    introspection: bool = setting(
        default=True, doc="Whether authenticated callers may read the schema through the API."
    )
    server_timing: bool = setting(
        default=False, doc="Whether answers carry Server-Timing by stage.", under_dev=True
    )
    allow_test_ssn: bool = setting(
        default=False,
        doc="Accept Social Security numbers of the never-issued ranges; loopback vendors only.",
        under_dev=True,
    )
    invitation_hours: int = setting(
        72, "How long an invitation's code holds.", at_least=1, at_most=72
    )
    log_level: str = setting(
        "info", "Least level that is logged.", choices=("debug", "info", "warning", "error")
    )
    log_format: str = setting(
        "json", "How log lines are written.", choices=("json", "text"), under_dev="text"
    )
    slow_request_ms: int = setting(
        1000, "A request is logged from this duration on.", at_least=1, at_most=300_000
    )
    otlp_endpoint: str | None = setting(
        None, "Address that traces are exported to; no traces are made without it."
    )
    behind_tls_proxy: bool = setting(
        default=False,
        doc="Whether a proxy before the gateway ends TLS: it may then listen on an address that is"
        " not this machine's alone; `trusted_proxies` names that proxy.",
    )
    tls_certificate_file: Path | None = setting(
        None, "Certificate chain of the gateway's port, PEM; it then speaks TLS itself."
    )
    tls_key_file: Path | None = setting(None, "Private key of that certificate, PEM.")
    keyring: str = setting(
        IN_FILE, "What wraps the agencies' keys: `file`, or `kms:` and a key's id, ARN or alias."
    )
    keyring_passphrase_file: str | None = setting(
        None,
        "Where the passphrase of a keyring file is: a path, or a reference (`file:///…`,"
        " `secretsmanager://…`).",
    )
    aws_region: str | None = setting(None, "Region of AWS; the driver's own choice if empty.")
    aws_endpoint_url: str | None = setting(
        None, "Address of AWS services where it is not AWS's own: a local stand-in, a VPC endpoint."
    )
    limits: Limits = block(Limits)
    budgets: BudgetsConfig = block(BudgetsConfig)
    events: EventsConfig = block(EventsConfig)
    realtime: RealtimeConfig = block(RealtimeConfig)
    trusted_documents: TrustedDocumentsConfig = block(TrustedDocumentsConfig)
    documents: DocumentsConfig = block(DocumentsConfig)
    edge: EdgeConfig = block(EdgeConfig)
    transunion: TransUnionConfig = block(TransUnionConfig)
    command: str = "serve"
    sources: Mapping[str, Source] = field(default_factory=dict, repr=False, compare=False)

    @property
    def development(self) -> bool:
        """Say whether this is `almoner dev`."""
        return self.command == "dev"

    @property
    def keys(self) -> KeySettings:
        """Return where the home folder's keys are."""
        return KeySettings(
            keyring=self.keyring,
            passphrase_file=self.keyring_passphrase_file,
            aws=AwsSettings(endpoint_url=self.aws_endpoint_url, region=self.aws_region),
        )

    def described(self) -> list[dict[str, str]]:
        """Return every setting as `almoner config` prints it: secrets masked, with its source."""
        return [
            {
                "name": row.name,
                "variable": row.variable,
                "value": shown(row, value_of(self, row.name)),
                "source": str(self.sources.get(row.name, Source.DEFAULT)),
            }
            for row in rows_of(Config)
        ]

    @property
    def issuer_url(self) -> str:
        """Return the base address of the local identity provider."""
        return f"http://127.0.0.1:{self.issuer_port}"


def load_config_here(command: str, overrides: Mapping[str, object] | None = None) -> Config:
    """Return the configuration of this process: `load_config` over its own environment."""
    return load_config(os.environ, overrides, command=command)


def load_config(
    environ: Mapping[str, str],
    overrides: Mapping[str, object] | None = None,
    *,
    command: str,
) -> Config:
    """Return the effective configuration of `command` (`dev`, `serve`, or any other).

    overrides: values from the command line by dotted name; None means "not given". Raises
    ConfigFault for an unknown name, a value out of bounds, or settings that contradict each other.
    """
    table = {row.name: row for row in rows_of(Config)}
    values: dict[str, object] = {}
    sources: dict[str, Source] = {}
    for name, row in table.items():
        special = command == "dev" and row.about.under_dev is not None
        values[name] = row.about.under_dev if special else row.default
        sources[name] = Source.DEFAULT
    for source, name, given, where in _given(table, environ, overrides or {}):
        values[name] = read_value(table[name], given, where=where)
        sources[name] = source
    if command == "serve" and sources["home"] is Source.DEFAULT:
        raise ConfigFault(
            "ALMONER_HOME is not set: `almoner serve` wants a directory for its local state, "
            "for example ALMONER_HOME=/var/lib/almoner."
        )
    values["home"] = Path(str(values["home"])).expanduser().absolute()
    config: Config = build(Config, values | {"command": command, "sources": sources})
    _check(config)
    return config


def child_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment with `extra`, for a process that it starts."""
    return {**os.environ, **extra}


def _given(
    table: Mapping[str, Row], environ: Mapping[str, str], overrides: Mapping[str, object]
) -> list[tuple[Source, str, object, str]]:
    """Return what was given, weakest first: source, name, value, and how to call it in an error."""
    given: list[tuple[Source, str, object, str]] = []
    path = environ.get(FILE_VARIABLE)
    for key, value in _read_file(path).items() if path else ():
        if key not in table:
            raise ConfigFault(f"{path}: there is no setting {key}{nearest(key, table)}")
        given.append((Source.FILE, key, value, f"{path}: {key}"))
    by_variable = {row.variable: name for name, row in table.items()}
    for variable in sorted(name for name in environ if name.startswith(PREFIX)):
        if variable == FILE_VARIABLE:
            continue
        if variable not in by_variable:
            known = [*by_variable, FILE_VARIABLE]
            raise ConfigFault(f"there is no setting {variable}{nearest(variable, known)}")
        given.append((Source.ENVIRONMENT, by_variable[variable], environ[variable], variable))
    for name, value in overrides.items():
        if name not in table:
            raise ConfigFault(f"there is no setting {name}{nearest(name, table)}")
        if table[name].about.secret:
            raise ConfigFault(f"{name} is a secret: give it by {table[name].variable} or the file.")
        if value is not None:
            given.append((Source.COMMAND_LINE, name, value, f"--{name.replace('_', '-')}"))
    return given


def _read_file(path: str) -> dict[str, object]:
    try:
        with Path(path).open("rb") as file:
            tables = tomllib.load(file)
    except OSError as error:
        raise ConfigFault(f"cannot read {path} ({FILE_VARIABLE}): {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigFault(f"{path} is not TOML: {error}.") from error
    flat: dict[str, object] = {}
    for key, value in tables.items():
        if isinstance(value, dict):
            flat |= {f"{key}.{inner}": given for inner, given in value.items()}
        else:
            flat[key] = value
    return flat


def _check(config: Config) -> None:
    """Raise ConfigFault where values contradict each other or say what cannot be."""
    url = config.transunion.url
    if config.allow_test_ssn and url is not None and not is_loopback(url):
        raise ConfigFault(
            "ALMONER_ALLOW_TEST_SSN is refused while ALMONER_TRANSUNION_URL is not on this machine:"
            " made-up Social Security numbers would reach a real bureau."
        )
    for name in ("transunion.url", "otlp_endpoint", "aws_endpoint_url", "documents.base_url"):
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


def _check_address(config: Config, name: str) -> None:
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


def _check_transit(config: Config) -> None:
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


def transit_fault(config: Config) -> str | None:
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
