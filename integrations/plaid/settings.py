"""How one agency speaks to Plaid: address, credentials, what Link asks for, and limits."""

from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from domain.addresses import is_loopback, is_web_address
from integrations.plaid.pacing import Allowances
from integrations.upstream import CallPolicy, Terms
from integrations.verdicts import ONCE_ONLY, REPEATABLE

DAYS_REQUESTED_MAX = 730
CLIENT_NAME_CHARACTERS_MAX = 30
SYNC_PAGE_TRANSACTIONS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaidSettings:
    """One agency's access to Plaid. Raises ValueError where a setting cannot be right.

    previous_secret: what was right until lately; None where there is none. webhook_url: where
    Plaid tells of this agency's items; None: nowhere. redirect_uri: where a bank's own sign-in
    page comes back to. products: asked for at once; additional_products: agreed to in Link and
    asked for (and billed) when first read. days_requested: of history. pages_max: of one sync,
    500 transactions each; what is longer fails and is never cut. restarts_max: how often a sync
    begins again while the data change under it. balance_seconds: for balances, which the bank is
    asked for while we wait. days_ahead_max: how far after today a transaction may be dated.
    allowances: calls a minute, by endpoint.
    """

    url: str
    client_id: str
    secret: str = field(repr=False)
    previous_secret: str | None = field(default=None, repr=False)
    webhook_url: str | None = None
    redirect_uri: str | None = None
    language: str = "en"
    country_codes: tuple[str, ...] = ("US",)
    products: tuple[str, ...] = ("transactions",)
    additional_products: tuple[str, ...] = ("liabilities", "identity")
    days_requested: int = DAYS_REQUESTED_MAX
    pages_max: int = 200
    restarts_max: int = 3
    days_ahead_max: int = 31
    deadline_seconds: float = 25.0
    attempt_seconds: float = 15.0
    balance_seconds: float = 45.0
    pacing_seconds: float = 60.0
    connect_seconds: float = 5.0
    attempts_max: int = 4
    concurrency_max: int = 8
    breaker_failures_max: int = 5
    breaker_open_seconds: float = 30.0
    answer_bytes_max: int = 16_000_000
    allowances: Allowances = field(default_factory=Allowances)

    def __post_init__(self) -> None:
        """Refuse what cannot be right, without naming a secret's value."""
        for name in ("url", "webhook_url", "redirect_uri"):
            url = getattr(self, name)
            if url is None and name != "url":
                continue
            if not is_web_address(url) or not (urlsplit(url).scheme == "https" or is_loopback(url)):
                raise ValueError(f"{name} is an https address, or one of this machine")
        if not self.client_id or not self.client_id.isascii() or not self.client_id.isalnum():
            raise ValueError("client_id is letters and digits, as the dashboard shows it")
        if not (self.secret.isascii() and self.secret.isprintable() and self.secret.strip()):
            raise ValueError("secret is empty, or has what no header may have")
        if not 1 <= self.days_requested <= DAYS_REQUESTED_MAX:
            raise ValueError(f"days_requested is from 1 to {DAYS_REQUESTED_MAX}")
        if self.pages_max < 1 or self.restarts_max < 0 or self.days_ahead_max < 0:
            raise ValueError("pages_max is at least 1, restarts_max and days_ahead_max at least 0")
        if min(self.connect_seconds, self.pacing_seconds) <= 0 or self.answer_bytes_max < 1:
            raise ValueError("connect_seconds, pacing_seconds and answer_bytes_max are above 0")
        self.policy()

    def by_secrets(self) -> tuple["PlaidSettings", ...]:
        """Return these settings with each secret that may be right, the newest first."""
        found = dict.fromkeys(secret for secret in (self.secret, self.previous_secret) if secret)
        return tuple(replace(self, secret=secret, previous_secret=None) for secret in found)

    def policy(self) -> CallPolicy:
        """Return the limits of calls."""
        return CallPolicy(
            deadline_seconds=self.deadline_seconds,
            attempt_seconds=self.attempt_seconds,
            attempts_max=self.attempts_max,
            concurrency_max=self.concurrency_max,
            breaker_failures_max=self.breaker_failures_max,
            breaker_open_seconds=self.breaker_open_seconds,
        )

    def terms(self, *, once: bool = False, slow: bool = False) -> Terms:
        """Return what holds for a call. once: it must not happen twice. slow: the bank is asked."""
        return Terms(
            verdicts=ONCE_ONLY if once else REPEATABLE,
            deadline_seconds=self.balance_seconds if slow else self.deadline_seconds,
            # Neither has an attempt that could usefully follow: it may take the whole time.
            attempt_seconds=self.balance_seconds
            if slow
            else self.deadline_seconds
            if once
            else self.attempt_seconds,
        )
