"""What calling a field costs in money: fields that make a vendor send a bill, with its usual price.

Budgets are kept in cents as well as in points (`gateway/budgets/`), so that a loop over one of
these ends before it is dear. A call counts when it is made; what nobody was billed for is given
back where the answer shows it.
"""

from collections.abc import Mapping

CENTS: Mapping[str, int] = {
    "Mutation.pullCreditReport": 200,
}
"""By field, in US cents a call."""


def cents_of(type_name: str, field_name: str) -> int:
    """Return what one call of a field costs; 0 for nearly all."""
    return CENTS.get(f"{type_name}.{field_name}", 0)
