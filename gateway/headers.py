"""A request's headers, looked up by name at the price of a dictionary."""

from collections.abc import Iterable

HeaderLines = tuple[tuple[bytes, bytes], ...]
"""Names and values, in order."""
OVERHEAD_BYTES = 4  # ": " and the line's end


class HeaderFields:
    """The header fields of a request, as the server gives them: names in lower case, in order."""

    __slots__ = ("_all_differ", "_first", "raw")

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        """Take names and values."""
        self.raw = raw if isinstance(raw, list) else list(raw)
        self._first = dict(self.raw)
        self._all_differ = len(self._first) == len(self.raw)
        if not self._all_differ:  # of those that are repeated, the first one counts
            self._first = dict(reversed(self.raw))

    def __contains__(self, name: object) -> bool:
        return name in self._first

    def get(self, name: bytes) -> str | None:
        """Return the first value of that name, None where there is none."""
        value = self._first.get(name)
        return None if value is None else value.decode("latin-1")

    @property
    def size(self) -> int:
        """Return how many bytes all of them are."""
        length = sum([len(name) + len(value) for name, value in self.raw])
        return length + OVERHEAD_BYTES * len(self.raw)

    def repeats(self, name: bytes) -> bool:
        """Say whether there are several of that name."""
        if self._all_differ:
            return False
        return sum(1 for given, _ in self.raw if given == name) > 1

    def every(self, name: bytes) -> list[str]:
        """Return all values of that name."""
        value = self._first.get(name)
        if value is None:
            return []
        if self._all_differ:
            return [value.decode("latin-1")]
        return [value.decode("latin-1") for given, value in self.raw if given == name]
