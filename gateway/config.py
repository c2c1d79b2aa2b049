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

from domain.addresses import is_loopback
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

__all__ = [
    "CannotStart",
    "Config",
    "ConfigFault",
    "Limits",
    "Source",
    "TransUnionConfig",
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
class Limits:
    """What one request may ask for. Each name says its unit."""

    body_bytes: int = setting(
        1_048_576, "Request body, refused while it is read.", at_least=1024, at_most=16_777_216
    )
    url_bytes: int = setting(
        16_384, "Path and query string of a request.", at_least=1024, at_most=65_536
    )
    headers: int = setting(100, "Header lines of a request.", at_least=20, at_most=1000)
    header_bytes: int = setting(
        65_536, "All header lines of a request together.", at_least=8192, at_most=262_144
    )
    json_members: int = setting(
        20_000,
        "Values in a request's JSON, counted before it is read.",
        at_least=100,
        at_most=200_000,
    )
    list_items: int = setting(
        300, "Items of one list in a request's JSON.", at_least=100, at_most=10_000
    )
    cost: int = setting(
        20_000,
        "Cost of an operation: 1 for a field, times what its page can hold; a list without pages"
        " counts as 10.",
        at_least=100,
        at_most=10_000_000,
    )
    json_depth: int = setting(64, "Nesting of a request's JSON.", at_least=8, at_most=256)
    document_characters: int = setting(
        32_768, "Length of a GraphQL document.", at_least=1024, at_most=1_048_576
    )
    tokens: int = setting(
        2000, "Tokens of a document, counted before it is parsed.", at_least=100, at_most=50_000
    )
    depth: int = setting(
        12, "Nesting of fields in an operation; introspection is exempt.", at_least=1, at_most=75
    )
    aliases: int = setting(
        15, "Aliases in an operation, fragments counted at each use.", at_least=0, at_most=1000
    )
    directives: int = setting(
        50, "Directives in an operation, fragments counted at each use.", at_least=0, at_most=1000
    )
    validation_steps: int = setting(
        20_000,
        "Work that the check of overlapping fields may take.",
        at_least=1000,
        at_most=1_000_000,
    )
    errors: int = setting(20, "Faults of one document that are reported.", at_least=1, at_most=100)
    deadline_seconds: int = setting(
        30, "From a request's arrival to its answer.", at_least=1, at_most=300
    )
    cached_documents: int = setting(
        500, "Checked documents kept for their next use.", at_least=1, at_most=100_000
    )
    cached_characters: int = setting(
        400_000,
        "Length of all the documents kept; each character takes about 110 bytes.",
        at_least=1024,
        at_most=100_000_000,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TransUnionConfig:
    """The bureau's address, the subscriber and the client certificate; no url: no bureau."""

    url: str | None = setting(None, "Address that requests are posted to.")
    processing_environment: str = setting(
        "standardTest",
        "Processing environment named in requests.",
        choices=("standardTest", "production"),
    )
    request_form: str = setting(
        "ENVELOPE",
        "With system id and password around the request, or without.",
        choices=("ENVELOPE", "BARE"),
    )
    system_id: str = setting("", "System id.")
    system_password: str = setting("", "Password of the system id.", secret=True)
    industry_code: str = setting("", "Industry code of the subscriber.")
    member_code_soft: str = setting("", "Member code for soft pulls.")
    member_code_hard: str = setting("", "Member code for hard pulls.")
    inquiry_prefix: str = setting("", "Inquiry subscriber prefix: market and submarket.")
    password: str = setting("", "Password of the subscriber.", secret=True)
    permissible_purpose: str = setting("CI", "Permissible purpose named in requests.")
    end_user: str | None = setting(None, "End user named in requests.")
    product_code: str = setting("07000", "Product asked for.")
    score_model: str | None = setting("00V60", "Score asked for with it; empty for none.")
    frozen_error_codes: tuple[str, ...] = setting((), "Error codes that mean a frozen file.")
    no_hit_error_codes: tuple[str, ...] = setting((), "Error codes that mean that there is none.")
    certificate_file: Path | None = setting(None, "Client certificate, PEM.")
    key_file: Path | None = setting(None, "Private key of the client certificate, PEM.")
    key_passphrase: str | None = setting(None, "Passphrase of the private key.", secret=True)
    ca_file: Path | None = setting(
        None, "Authorities that the bureau's certificate is checked against; the system's if empty."
    )
    deadline_seconds: int = setting(
        20, "How long one pull may take, repetitions included.", at_least=1, at_most=28
    )
    concurrency: int = setting(
        4, "Pulls of one agency at the same time, per process.", at_least=1, at_most=100
    )


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
    limits: Limits = block(Limits)
    transunion: TransUnionConfig = block(TransUnionConfig)
    command: str = "serve"
    sources: Mapping[str, Source] = field(default_factory=dict, repr=False, compare=False)

    @property
    def development(self) -> bool:
        """Say whether this is `almoner dev`."""
        return self.command == "dev"

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
    if url is not None and urlsplit(url).scheme != "https" and not is_loopback(url):
        raise ConfigFault("ALMONER_TRANSUNION_URL wants https.")
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
