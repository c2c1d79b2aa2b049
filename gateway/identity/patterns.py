"""Regular expressions of operators, matched in time linear in the text, whatever stands in either.

Python's own engine tries alternatives one after the other, so that `(a|a)*` over a client's text
can take for ever. Here an expression becomes Glushkov's automaton, and a text is read once: a state
is the set of places in the expression that can come next, as the bits of a number. Expressions have
what is regular and no more: classes, groups, alternatives, `* + ? {m,n}`. They match whole texts.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

EXPRESSION_CHARACTERS_MAX = 512
PLACES_MAX = 1000
_DEPTH_MAX = 20
_STEPS_MAX = 20_000
_KNOWN_STATES_MAX = 10_000
_START = 1

# One character of a text. Python's engine judges it, which takes no longer than the class is long.
_ATOM = re.compile(
    r"\[\^?\]?(?:\\[^\x00-\x1fA-Za-z0-9]|\\[dDwWsS]|[^\]\\\[])*\]"
    r"|\\(?:[^\x00-\x1fA-Za-z0-9]|[dDwWsS])|[^\\\[\](){}|*+?^$\x00-\x1f]",
    re.ASCII,
)
_QUANTIFIER = re.compile(r"[*+?]|\{(\d{1,4})(,?)(\d{0,4})\}", re.ASCII)
_ANCHORED = re.compile(r"(?<!\\)(?:\\\\)*\$\Z")
_QUANTIFIERS = {"*": (0, None), "+": (1, None), "?": (0, 1)}


class BadPattern(ValueError):
    """The expression is none, or has what cannot be matched in linear time; the text says what."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of the automaton: whether it matches nothing, where it begins and where it ends."""

    empty: bool
    first: int
    last: int


_NOTHING = _Part(empty=True, first=0, last=0)
_Build = Callable[[], _Part]


class Pattern:
    """An expression that texts are compared with; `characters_max` bounds the text."""

    def __init__(self, expression: str, *, characters_max: int) -> None:
        """Raise BadPattern for what is no such expression."""
        self.expression = expression
        self._characters_max = characters_max
        self._follows: list[int] = [0]
        self._accepted: list[re.Pattern[str] | None] = [None]
        self._steps = 0
        whole = _Parser(self, expression).whole()()
        self._follows[0] = whole.first
        self._ends = whole.last | (_START if whole.empty else 0)
        self._places_of: dict[str, int] = {}
        self._next: dict[tuple[int, str], int] = {}

    def matches(self, text: str) -> bool:
        """Say whether the whole text is of the expression."""
        if len(text) > self._characters_max or not text.isascii():
            return False
        state = _START
        for character in text:
            found = self._next.get((state, character))
            state = self._step(state, character) if found is None else found
            if not state:
                return False
        return bool(state & self._ends)

    def _step(self, state: int, character: str) -> int:
        places = self._places_of.get(character)
        if places is None:
            places = self._places_of[character] = sum(
                1 << place
                for place, accepted in enumerate(self._accepted)
                if accepted is not None and accepted.fullmatch(character)
            )
        reached, rest = 0, state
        while rest:
            lowest = rest & -rest
            reached |= self._follows[lowest.bit_length() - 1]
            rest ^= lowest
        if len(self._next) >= _KNOWN_STATES_MAX:  # who asks chooses the texts
            self._next.clear()
        self._next[state, character] = reached & places
        return reached & places

    def atom(self, spelled: str) -> _Build:
        """Return what builds the place of one character."""
        try:
            accepted = re.compile(spelled, re.ASCII | re.DOTALL)
        except re.error as error:
            raise BadPattern(f"{spelled!r} is no class of characters: {error.msg}") from None

        def build() -> _Part:
            self._count()
            if len(self._accepted) > PLACES_MAX:
                raise BadPattern(f"it comes to more than {PLACES_MAX} characters")
            place = 1 << len(self._accepted)
            self._accepted.append(accepted)
            self._follows.append(0)
            return _Part(empty=False, first=place, last=place)

        return build

    def joined(self, builds: list[_Build]) -> _Build:
        """Return what builds one part after the other."""

        def build() -> _Part:
            whole = _NOTHING
            for one in builds:
                self._count()
                part = one()
                self._link(whole.last, part.first)
                whole = _Part(
                    empty=whole.empty and part.empty,
                    first=whole.first | (part.first if whole.empty else 0),
                    last=part.last | (whole.last if part.empty else 0),
                )
            return whole

        return build

    def either(self, builds: list[_Build]) -> _Build:
        """Return what builds alternatives."""

        def build() -> _Part:
            self._count()
            parts = [one() for one in builds]
            first = last = 0
            for part in parts:
                first, last = first | part.first, last | part.last
            return _Part(empty=any(part.empty for part in parts), first=first, last=last)

        return build

    def repeated(self, one: _Build, least: int, most: int | None) -> _Build:
        """Return what builds a part so many times; most: None for without end."""

        def once_or_not() -> _Part:
            part = one()
            return _Part(empty=True, first=part.first, last=part.last)

        def any_number() -> _Part:
            part = once_or_not()
            self._link(part.last, part.first)
            return part

        optional = [any_number] if most is None else [once_or_not] * (most - least)
        return self.joined([*([one] * least), *optional])

    def _link(self, ends: int, begins: int) -> None:
        while ends:
            lowest = ends & -ends
            self._follows[lowest.bit_length() - 1] |= begins
            ends ^= lowest

    def _count(self) -> None:
        self._steps += 1
        if self._steps > _STEPS_MAX:
            raise BadPattern("it repeats too much")


class _Parser:
    """Reads an expression once from left to right."""

    def __init__(self, pattern: Pattern, text: str) -> None:
        if len(text) > EXPRESSION_CHARACTERS_MAX:
            raise BadPattern(f"it is longer than {EXPRESSION_CHARACTERS_MAX} characters")
        if not text.isascii():
            raise BadPattern("it is not ASCII")
        self._pattern = pattern
        # The whole text is always meant, so the usual anchors around all of it say nothing.
        self._text = text.removeprefix("^")
        if _ANCHORED.search(self._text):
            self._text = self._text[:-1]
        self._at = 0

    def whole(self) -> _Build:
        """Return what builds the whole expression."""
        found = self._alternatives(depth=0)
        if self._at < len(self._text):
            raise BadPattern(f"a {self._text[self._at]!r} that does not belong there")
        return found

    def _alternatives(self, depth: int) -> _Build:
        if depth > _DEPTH_MAX:
            raise BadPattern(f"groups are nested deeper than {_DEPTH_MAX}")
        found = [self._sequence(depth)]
        while self._took("|"):
            found.append(self._sequence(depth))
        return found[0] if len(found) == 1 else self._pattern.either(found)

    def _sequence(self, depth: int) -> _Build:
        found: list[_Build] = []
        while self._at < len(self._text) and self._text[self._at] not in "|)":
            found.append(self._quantified(self._one(depth)))
        return self._pattern.joined(found)

    def _one(self, depth: int) -> _Build:
        if self._took("("):
            if not self._took("?:") and self._text.startswith("?", self._at):
                raise BadPattern("groups are (…) or (?:…): nothing looks ahead, behind or back")
            inner = self._alternatives(depth + 1)
            if not self._took(")"):
                raise BadPattern("a group that does not end")
            return inner
        atom = _ATOM.match(self._text, self._at)
        if atom is None:
            raise BadPattern(f"what begins with {self._text[self._at :][:8]!r} cannot be matched")
        self._at = atom.end()
        return self._pattern.atom(atom.group())

    def _quantified(self, one: _Build) -> _Build:
        found = _QUANTIFIER.match(self._text, self._at)
        if found is None:
            return one
        self._at = found.end()
        if _QUANTIFIER.match(self._text, self._at):
            raise BadPattern("a quantifier behind a quantifier")
        if found.group() in _QUANTIFIERS:
            return self._pattern.repeated(one, *_QUANTIFIERS[found.group()])
        least = int(found[1])
        most = int(found[3]) if found[3] else None if found[2] else least
        if most is not None and most < least:
            raise BadPattern(f"{found.group()} ends before it begins")
        return self._pattern.repeated(one, least, most)

    def _took(self, text: str) -> bool:
        taken = self._text.startswith(text, self._at)
        self._at += len(text) if taken else 0
        return taken
