"""Values of each leaf type: as its type says, unusual but fit, and unfit."""

from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any

from tests.gateway.engine.oracle.synthetic import Hue
from tests.gateway.engine.oracle.things import Told


class Text(str):
    """A text that is not quite a str."""

    __slots__ = ()


class Word(str, Enum):  # noqa: UP042 -- whose str() is not its value
    """A text that is an enum's member."""

    ONE = "one"


class Index:
    """A number only as an index."""

    def __index__(self) -> int:
        return 7

    def __repr__(self) -> str:
        return "Index"


class Spelled:
    """An object with a text."""

    def __str__(self) -> str:
        return "spelled"


class Unprintable:
    """An object that cannot be written as text."""

    def __str__(self) -> str:
        raise Told("nothing to say")


PLAIN: dict[str, tuple[Any, ...]] = {
    "Int": (0, 1, -7, 2_147_483_647, -2_147_483_648),
    "Float": (0.5, -1.25, 0.0, 1e300, 3.0),
    "String": ("", "text", "ü☃\n", 'q"\\'),
    "Boolean": (True, False),
    "ID": ("id_1", "2"),
    "Color": (1, ("green", "inside"), Hue.BLUE),
    "Odd": (1, 3, "odd"),
    "Any": (1, "any", [1, None, {"a": 2.5}], {"b": []}, False),
}
ODD: dict[str, tuple[Any, ...]] = {
    "Int": (True, 3.0, "12", Decimal(4), Index(), -0.0),
    "Float": (1, True, "1.5", Decimal("2.5"), Fraction(1, 2), 2**53),
    "String": (Text("sub"), Word.ONE, 12, True, 1.5, Spelled(), Decimal(1)),
    "Boolean": (0, 1, 2.5, Decimal(0)),
    "ID": (7, Text("sub"), 3.0, Word.ONE, Spelled(), 2**70),
    "Color": (1.0, True),
    "Odd": (True, Text("sub"), "late", "late null"),
    "Any": (2**60, (1, 2), Text("sub"), 1e308),
}
_NAN = float("nan")
WRONG: dict[str, tuple[Any, ...]] = {
    "Int": (2**31, -(2**31) - 1, 1.5, _NAN, float("inf"), "x", "", [1], {}, Decimal("0.5")),
    "Float": (_NAN, float("-inf"), "x", "", 2**1100, 2**53 + 1, {}, "nan"),
    "String": ([], {}, b"bytes", _NAN, Unprintable(), (1,)),
    "Boolean": ("true", "", _NAN, [], b""),
    "ID": (True, 1.5, [], {}, b"id"),
    "Color": ("RED", 2, (1,), [], {"a": 1}, "green"),
    "Odd": (2, 4, 0, [], Decimal(1)),
    "Any": (),
}
