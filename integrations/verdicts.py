"""What each trouble with a vendor means: whether it may have acted, and whether to repeat.

The general rule for calls that must not happen twice: repeat only where the request certainly did
not reach the vendor, or where the vendor says that it did not process it. A call that only reads is
repeated wherever another attempt may go better. A trouble that a table does not know is taken for
the worst.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from domain.errors import Upstream, UpstreamInvalid, UpstreamTimeout, UpstreamUnavailable


class Trouble(StrEnum):
    """How an attempt ended that brought no answer; an answer's HTTP status is told as a number."""

    NO_PLACE = "NO_PLACE"  # as many calls under way as the agency may have, until the deadline
    BREAKER_OPEN = "BREAKER_OPEN"
    CONNECT_FAILED = "CONNECT_FAILED"  # refused, unknown name, TLS handshake broken off
    CONNECT_TIMED_OUT = "CONNECT_TIMED_OUT"
    CERTIFICATE_REFUSED = "CERTIFICATE_REFUSED"  # ours by the vendor, or the vendor's by us
    REQUEST_UNSENDABLE = "REQUEST_UNSENDABLE"  # an address or header that HTTP does not allow
    TIMED_OUT = "TIMED_OUT"  # after something of the request may have left
    CONNECTION_LOST = "CONNECTION_LOST"  # likewise
    ANSWER_UNREADABLE = "ANSWER_UNREADABLE"  # not HTTP, or in an encoding not asked for
    ANSWER_TOO_LARGE = "ANSWER_TOO_LARGE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a trouble means.

    error: the class to raise. may_have_acted: whether the vendor may have done what was asked.
    repeat: whether to make another attempt within the call. retryable: whether to tell the caller
    that asking again may help. counts: whether it is the vendor's availability that failed, for
    the circuit breaker.
    """

    error: type[Upstream]
    message: str
    may_have_acted: bool
    repeat: bool = False
    retryable: bool = False
    counts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """A vendor's table: by trouble, by HTTP status, then by hundreds of a status."""

    troubles: Mapping[Trouble, Verdict]
    statuses: Mapping[int, Verdict] = field(default_factory=dict)
    hundreds: Mapping[int, Verdict] = field(default_factory=dict)
    otherwise: Verdict

    def of(self, trouble: Trouble | int) -> Verdict:
        """Return the verdict on a trouble or on a status that is not a success."""
        if isinstance(trouble, Trouble):
            return self.troubles.get(trouble, self.otherwise)
        by_hundred = self.hundreds.get(trouble // 100, self.otherwise)
        return self.statuses.get(trouble, by_hundred)


def _not_sent(error: type[Upstream], message: str, *, again: bool, counts: bool = True) -> Verdict:
    return Verdict(
        error=error,
        message=message,
        may_have_acted=False,
        repeat=again,
        retryable=again,
        counts=again and counts,
    )


_CONFIGURATION = "The connection to the vendor is not set up rightly. Tell the operator."
_PERHAPS = " Whether it acted is not known."

# For a call that must not happen twice (a credit pull): the table that docs/credit.md explains.
ONCE_ONLY = Verdicts(
    troubles={
        Trouble.NO_PLACE: Verdict(
            error=UpstreamUnavailable,
            message="Too many calls to the vendor are under way. Repeat in a moment.",
            may_have_acted=False,
            retryable=True,
        ),
        Trouble.BREAKER_OPEN: Verdict(
            error=UpstreamUnavailable,
            message="The vendor failed repeatedly and is left alone for a moment.",
            may_have_acted=False,
            retryable=True,
        ),
        Trouble.CONNECT_FAILED: _not_sent(
            UpstreamUnavailable, "The vendor could not be reached.", again=True
        ),
        Trouble.CONNECT_TIMED_OUT: _not_sent(
            UpstreamTimeout, "The vendor could not be reached in time.", again=True
        ),
        Trouble.CERTIFICATE_REFUSED: _not_sent(UpstreamUnavailable, _CONFIGURATION, again=False),
        Trouble.REQUEST_UNSENDABLE: _not_sent(UpstreamUnavailable, _CONFIGURATION, again=False),
        Trouble.TIMED_OUT: Verdict(
            error=UpstreamTimeout,
            message="The vendor did not answer in time." + _PERHAPS,
            may_have_acted=True,
            counts=True,
        ),
        Trouble.CONNECTION_LOST: Verdict(
            error=UpstreamUnavailable,
            message="The connection to the vendor was lost." + _PERHAPS,
            may_have_acted=True,
            counts=True,
        ),
        Trouble.ANSWER_UNREADABLE: Verdict(
            error=UpstreamInvalid,
            message="The vendor's answer could not be read." + _PERHAPS,
            may_have_acted=True,
            counts=True,
        ),
        Trouble.ANSWER_TOO_LARGE: Verdict(
            error=UpstreamInvalid,
            message="The vendor's answer is larger than is accepted.",
            may_have_acted=True,
            counts=True,
        ),
    },
    statuses={
        429: _not_sent(
            UpstreamUnavailable, "The vendor is asked too often.", again=True, counts=False
        ),
        503: _not_sent(UpstreamUnavailable, "The vendor takes no requests now.", again=True),
    },
    hundreds={
        3: Verdict(
            error=UpstreamUnavailable,
            message="The vendor answered from another address." + _PERHAPS,
            may_have_acted=True,
        ),
        4: Verdict(
            error=UpstreamUnavailable,
            message="The vendor refused the request.",
            may_have_acted=False,
        ),
        5: Verdict(
            error=UpstreamUnavailable,
            message="The vendor failed." + _PERHAPS,
            may_have_acted=True,
            counts=True,
        ),
    },
    otherwise=Verdict(
        error=UpstreamUnavailable,
        message="The call to the vendor failed." + _PERHAPS,
        may_have_acted=True,
        counts=True,
    ),
)

_READ_AGAIN = (Trouble.TIMED_OUT, Trouble.CONNECTION_LOST, Trouble.ANSWER_UNREADABLE)


def _read_again(verdict: Verdict) -> Verdict:
    message = verdict.message.removesuffix(_PERHAPS)
    return replace(verdict, message=message, repeat=True, retryable=True)


# For a call that changes nothing, or that comes to the same however often it is made.
REPEATABLE = replace(
    ONCE_ONLY,
    troubles={
        **ONCE_ONLY.troubles,
        **{trouble: _read_again(ONCE_ONLY.troubles[trouble]) for trouble in _READ_AGAIN},
    },
    hundreds={**ONCE_ONLY.hundreds, 5: _read_again(ONCE_ONLY.hundreds[5])},
    otherwise=_read_again(ONCE_ONLY.otherwise),
)
