"""A case from bytes, and bytes from a line that a failing run prints."""

from dataclasses import dataclass

from hypothesis import strategies as st

from tests.gateway.engine.oracle.data import Data, DataDraws
from tests.gateway.engine.oracle.documents import Document, Documents, Shapes
from tests.gateway.engine.oracle.draws import Draws
from tests.gateway.engine.oracle.executors import Case, parsed
from tests.gateway.engine.oracle.inputs import draw_variables

DOCUMENT_BYTES, VARIABLES_BYTES, DATA_BYTES = 72, 20, 80
WRONG_VARIABLES_PERCENT = 1.0


@dataclass(frozen=True, slots=True)
class Drawn:
    """One document with the case, or the two cases, in which it is executed."""

    document: Document
    cases: tuple[Case, ...]
    data: tuple[Data, ...]


@dataclass(frozen=True, slots=True)
class Seeds:
    """What a case follows from, and nothing else."""

    document: bytes
    variables: bytes
    data: bytes

    def __str__(self) -> str:
        """Return them as `--oracle-case` takes them."""
        return ":".join(part.rstrip(b"\0").hex() for part in self._parts())

    def _parts(self) -> tuple[bytes, bytes, bytes]:
        return self.document, self.variables, self.data

    @classmethod
    def of(cls, text: str) -> "Seeds":
        """Return the seeds that were printed; raises ValueError for any other text."""
        document, variables, data = (bytes.fromhex(part) for part in text.split(":"))
        return cls(document, variables, data)

    def draw(self, shapes: Shapes) -> Drawn:
        """Return what follows from them.

        What has variables is executed twice, with other values and other data, so that what was
        compiled, or coerced, for the one must not be taken for the other.
        """
        document = Documents(shapes, Draws(self.document)).draw()
        operation = parsed(document.text, document.operation_name)
        variables, data = Draws(self.variables), Draws(self.data)
        cases, drawn = [], []
        for _ in range(2 if document.variables else 1):
            drawn.append(DataDraws(shapes, data).draw(document))
            given = draw_variables(
                variables, document.variables, wrong_percent=WRONG_VARIABLES_PERCENT
            )
            made = drawn[-1]
            cases.append(Case(document.text, operation, given, made.make, made.fault))
        return Drawn(document, tuple(cases), tuple(drawn))


def seeds() -> st.SearchStrategy[Seeds]:
    """Return a strategy for seeds."""
    return st.builds(Seeds, *(st.binary(min_size=n, max_size=n) for n in _SIZES))


_SIZES = (DOCUMENT_BYTES, VARIABLES_BYTES, DATA_BYTES)
