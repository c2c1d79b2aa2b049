"""The settings of vendors: the credit bureau, bank data."""

# ruff: noqa: RUF009 - setting() returns a dataclass field, as field() does

from dataclasses import dataclass
from pathlib import Path

from gateway.settings import setting


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
    credential_error_codes: tuple[str, ...] = setting(
        (), "Error codes that mean a password that is not, or no longer, right."
    )
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
class PlaidConfig:
    """Bank data: Plaid's address, its client and how far it is asked; no url: no bank data."""

    url: str | None = setting(
        None, "Address of Plaid: `https://production.plaid.com`, `https://sandbox.plaid.com`."
    )
    client_id: str = setting("", "Client id.")
    secret: str = setting("", "Secret of the client, for that environment.", secret=True)
    webhook_url: str | None = setting(
        None,
        "Where Plaid reaches the gateway, such as `https://api.example.org`; an agency's webhooks"
        " come in under `/webhooks/plaid/` and its slug. Without it nothing is told.",
    )
    redirect_uri: str | None = setting(
        None, "Page that a bank's own sign-in returns to, as registered with Plaid."
    )
    days_requested: int = setting(
        730, "Days of history that a new link asks for.", at_least=1, at_most=730
    )
    pages: int = setting(
        200,
        "Pages of 500 transactions that one sync may have; what is longer fails, and is not cut.",
        at_least=1,
        at_most=10_000,
    )
    deadline_seconds: int = setting(
        25, "How long one call may take, repetitions included.", at_least=1, at_most=120
    )
    balance_seconds: int = setting(
        45, "How long balances may take, which the bank is asked for.", at_least=1, at_most=120
    )
    concurrency: int = setting(
        8, "Calls of one agency at the same time, per process.", at_least=1, at_most=100
    )
