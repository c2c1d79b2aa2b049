"""How one agency speaks to TransUnion: address, certificates, subscription, and what is unverified.

No public document of the vendor says what its codes mean; whatever is known from other clients
alone, or not at all, is a setting here and never a constant of the codec. docs/credit.md says
which is which.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from domain.credit import PullKind
from integrations.upstream import CallPolicy

CREDIT_REPORT = "07000"
MODEL_REPORT = "08000"

_CODE = re.compile(r"[A-Za-z0-9]{1,16}")


class RequestForm(StrEnum):
    """The two forms of request that the vendor's other clients send."""

    ENVELOPE = "ENVELOPE"  # xmlrequest, with system id and system password
    BARE = "BARE"  # creditBureau alone


# Seen in other clients; which version of a model a code stands for is not published.
SCORE_LABELS: Mapping[str, str] = {
    "00V60": "VantageScore (00V60)",
    "00N94": "VantageScore (00N94)",
    "00P02": "FICO Score (00P02)",
    "00Q88": "FICO Score (00Q88)",
    "00W18": "FICO Score (00W18)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TransUnionSettings:
    """One agency's subscription. Raises ValueError where a setting cannot be right.

    member_code_soft, member_code_hard: the subscriptions that tell a soft from a hard inquiry;
    the request itself has no mark for it. ca_file: None trusts the system's authorities.
    score_model: add-on product asked for, None for no score. score_range: what lies outside is a
    reserved code, not a score. frozen_error_codes, no_hit_error_codes: codes of the vendor's own
    `error` element that stand for an answer; credential_error_codes: for a refused password.
    previous_system_password, previous_password: what was right until lately; None where there is
    none. reference_chars_max: longer references are hashed.
    """

    url: str
    system_id: str
    system_password: str = field(repr=False)
    industry_code: str
    member_code_soft: str
    member_code_hard: str
    inquiry_prefix: str
    password: str = field(repr=False)
    certificate_file: Path
    key_file: Path
    key_passphrase: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    processing_environment: str = "standardTest"
    request_form: RequestForm = RequestForm.ENVELOPE
    content_type: str = "text/xml"
    version: str = "2.33"
    product_code: str = CREDIT_REPORT
    permissible_purpose: str = "CI"
    end_user: str | None = None
    score_model: str | None = "00V60"
    score_labels: Mapping[str, str] = field(default_factory=lambda: dict(SCORE_LABELS))
    score_range: tuple[int, int] = (250, 999)
    frozen_error_codes: frozenset[str] = frozenset()
    no_hit_error_codes: frozenset[str] = frozenset()
    credential_error_codes: frozenset[str] = frozenset()
    previous_system_password: str | None = field(default=None, repr=False)
    previous_password: str | None = field(default=None, repr=False)
    reference_chars_max: int = 64
    deadline_seconds: float = 20.0
    connect_seconds: float = 5.0
    attempts_max: int = 5
    concurrency_max: int = 4
    breaker_failures_max: int = 5
    breaker_open_seconds: float = 30.0
    answer_bytes_max: int = 5_000_000

    def __post_init__(self) -> None:
        """Refuse what cannot be right, without naming a secret's value."""
        parts = urlsplit(self.url)
        if parts.scheme != "https" or not parts.hostname or parts.username or parts.password:
            raise ValueError("the address of TransUnion is https://host, without a password")
        if self.processing_environment not in {"standardTest", "production"}:
            raise ValueError("processing_environment is standardTest or production")
        for name in ("member_code_soft", "member_code_hard", "industry_code", "inquiry_prefix"):
            if not _CODE.fullmatch(getattr(self, name)):
                raise ValueError(f"{name} is letters and digits, and at most 16 of them")
        for name in ("system_password", "password"):
            if not getattr(self, name):
                raise ValueError(f"{name} is empty")
        if self.connect_seconds <= 0 or self.answer_bytes_max < 1 or self.reference_chars_max < 1:
            raise ValueError("connect_seconds and the limits of sizes are above 0")
        self.policy()

    def member_code(self, kind: PullKind) -> str:
        """Return the subscription that makes the inquiry soft or hard."""
        return self.member_code_hard if kind is PullKind.HARD else self.member_code_soft

    def by_credentials(self) -> tuple["TransUnionSettings", ...]:
        """Return these settings with each pair of passwords that may be right, the newest first."""
        pairs = [
            (system_password, password)
            for system_password in (self.system_password, self.previous_system_password)
            for password in (self.password, self.previous_password)
            if system_password and password
        ]
        return tuple(
            replace(self, system_password=system_password, password=password)
            for system_password, password in dict.fromkeys(pairs)
        )

    def policy(self) -> CallPolicy:
        """Return the limits of calls. A pull is never cut off before its whole deadline."""
        return CallPolicy(
            deadline_seconds=self.deadline_seconds,
            attempt_seconds=self.deadline_seconds,
            attempts_max=self.attempts_max,
            concurrency_max=self.concurrency_max,
            breaker_failures_max=self.breaker_failures_max,
            breaker_open_seconds=self.breaker_open_seconds,
        )
