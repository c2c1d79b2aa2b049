"""The promises of an upstream line: deadline, attempts, waits, breaker, places, span."""

import asyncio

import pytest

from domain.errors import Upstream, UpstreamInvalid, UpstreamTimeout, UpstreamUnavailable
from integrations.breaker import BreakerState
from integrations.upstream import (
    ONCE_ONLY,
    Attempt,
    AttemptFailed,
    CallPolicy,
    Trouble,
    UpstreamLine,
    Verdict,
    Verdicts,
)
from tests_integrations_types import KeptSpans, StillTime


def make_line(
    time: StillTime, spans: KeptSpans | None = None, policy: CallPolicy | None = None
) -> UpstreamLine:
    return UpstreamLine(
        vendor="vendor",
        agency_id="agency_1",
        policy=policy or CallPolicy(),
        verdicts=ONCE_ONLY,
        timing=time.timing(),
        tracer=spans.tracer if spans else None,
    )
