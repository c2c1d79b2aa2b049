"""What the simulator knows of its one subscription, and how it behaves."""

from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorAccount:
    """The subscription that the simulator accepts.

    as_of: the day on which every generated file stands still, so that the same subject has the
    same file tomorrow. slow_seconds: how long the subject named Slow is waited for.
    """

    system_id: str = "almoner"
    system_password: str = field(default="sandbox", repr=False)  # published, and of no use
    industry_code: str = "F"
    member_code_soft: str = "F1000001"
    member_code_hard: str = "F1000002"
    inquiry_prefix: str = "0622"
    password: str = field(default="sandbox", repr=False)
    as_of: date = date(2026, 1, 15)
    slow_seconds: float = 3.0
