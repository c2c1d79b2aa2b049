"""Licenses: in which states an agency may provide plans.

The Uniform Debt-Management Services Act wants a provider registered in the state in which the
consumer lives. Analysis and counseling are no such service and are never refused for this.
"""

from collections.abc import Collection

from domain.errors import PlanNotPossible
from domain.reasons import Reason


def check_licensed(licensed: Collection[str], state: str | None) -> None:
    """Raise PlanNotPossible where a plan may not be provided to who lives in that state.

    licensed: USPS codes of the agency's licenses. Without a state no license and no cap on fees can
    be judged, so there is no plan either.
    """
    if state is None:
        text = (
            "The state in which the consumer lives is not known, so neither license nor caps on "
            "fees can be applied. Enter the consumer's address."
        )
        raise PlanNotPossible([Reason(code="STATE_UNKNOWN", text=text)])
    if state not in licensed:
        text = (
            "The agency is not licensed to provide plans in the consumer's state. Counseling goes "
            "on; an agency that is licensed there can provide a plan."
        )
        raise PlanNotPossible([Reason(code="NOT_LICENSED", text=text)])
