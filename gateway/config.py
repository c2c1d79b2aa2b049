"""Every setting and every limit of Almoner, in one table, and the one place that reads them.

A value comes from its default, the TOML file named by ALMONER_CONFIG, the environment or the
command line, the later one winning; each keeps the name of where it came from. No other module
reads the environment.
"""

# ruff: noqa: RUF009 - setting() and block() return dataclass fields, as field() does

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from domain.addresses import is_loopback
from gateway.config_checks import check, transit_fault
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
    TrustedDocumentsConfig,
)
from gateway.settings_vendors import PlaidConfig, TransUnionConfig
from tenants.aws import AwsSettings
from tenants.keys.home import IN_FILE, KeySettings

__all__ = [
    "BudgetsConfig",
    "CannotStart",
    "Config",
    "ConfigFault",
    "DocumentsConfig",
    "EdgeConfig",
    "EventsConfig",
    "Limits",
    "PlaidConfig",
    "RealtimeConfig",
    "Source",
    "TransUnionConfig",
    "TrustedDocumentsConfig",
    "child_environment",
    "is_loopback",
    "load_config",
    "load_config_here",
    "transit_fault",
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
    plaid_port: int = setting(8092, "Port of the Plaid simulator.", at_least=0, at_most=65_535)
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
    plaid: PlaidConfig = block(PlaidConfig)
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
    check(config)
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
