"""The seeded leaks: mistakes that a test build of the wiring makes on purpose, one at a time.

Each stands for a mistake that somebody could make, and is put in where they would make it: as other
parts of the application where the wiring has a seam, else in the place of a function or method.
None of them comes with a check of its own: the campaign that finds nothing in the real wiring has
to find each of these.
"""

from collections.abc import Mapping

from tests.isolation.leaks import (
    identity,
    listening,
    operators,
    reach,
    sharing,
    telling,
    writing,
)
from tests.isolation.leaks.leak import Leak

LEAKS: Mapping[str, Leak] = {
    **identity.LEAKS,
    **sharing.LEAKS,
    **reach.LEAKS,
    **operators.LEAKS,
    **telling.LEAKS,
    **writing.LEAKS,
    **listening.LEAKS,
}
