"""Who may call the simulator, and how it behaves."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorAccount:
    """The one client that the simulator knows; its secret is published and worth nothing.

    slow_seconds: how long user_slow is kept waiting. webhook_waits_seconds: before each further
    attempt to deliver a webhook. now: what its worlds end with, and tokens expire by.
    """

    client_id: str = "almoner"
    secret: str = field(default="sandbox", repr=False)
    slow_seconds: float = 2.0
    webhook_waits_seconds: tuple[float, ...] = (0.5, 2.0, 8.0, 30.0, 120.0)
    now: Callable[[], datetime] = _now
