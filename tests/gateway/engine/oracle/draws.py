"""Choices read from bytes: what a document, its variables and its data are drawn from.

Hypothesis draws nothing but the bytes, since a choice of its own costs it fifty microseconds and a
case takes some three hundred: 5,000 cases would take a minute before one of them ran. It shrinks
them all the same: a smaller byte is a simpler choice, and no bytes, or zeros, are the simplest of
everything.
"""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

_BYTE = 256


class Draws:
    """Reads one choice after the other; the same bytes give the same choices.

    Where the bytes end they are read again, each multiplied by an odd number, another one each
    time: so a few are enough for any number of choices, and zeros stay what they are.
    """

    __slots__ = ("_at", "_factor", "_source")

    def __init__(self, source: bytes) -> None:
        self._source = source or b"\0"
        self._at = 0
        self._factor = 1

    def below(self, count: int) -> int:
        """Return a number from 0, the simplest, up to `count` - 1; at most 256 of them."""
        if self._at == len(self._source):
            self._at = 0
            self._factor += 38
        byte = self._source[self._at] * self._factor % _BYTE
        self._at += 1
        return byte * count // _BYTE

    def chance(self, percent: float) -> bool:
        """Say yes in about so many of a hundred cases; no is the simpler answer."""
        return self.below(_BYTE) >= _BYTE - _BYTE * percent / 100

    def pick(self, choices: Sequence[T]) -> T:
        """Return one of the choices, of which the first is the simplest."""
        return choices[self.below(len(choices))]
