"""What was done to a ledger, told from the lines that lie there and the hashes stored for them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from tenants.ledger.lines import WaitingRow


class Fault(StrEnum):
    """What was done to a ledger."""

    REMOVED = "REMOVED"
    CHANGED = "CHANGED"
    REORDERED = "REORDERED"
    ADDED = "ADDED"
    TRUNCATED = "TRUNCATED"
    REWRITTEN = "REWRITTEN"
    HASHES = "HASHES"
    CHECKPOINT = "CHECKPOINT"
    SET_ASIDE = "SET_ASIDE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The first thing that is wrong. index: of the first line touched; line_id: where known."""

    fault: Fault
    index: int | None
    line_id: str | None = None
    message: str


class Tampered(Exception):
    """Ends a verification at its first finding."""

    def __init__(
        self, fault: Fault, index: int | None, message: str, line_id: str | None = None
    ) -> None:
        super().__init__(message)
        self.finding = Finding(fault=fault, index=index, line_id=line_id, message=message)


@dataclass(slots=True)
class Window:
    """The lines below one tile: their texts as they lie, and the hashes as they were stored."""

    start: int
    width: int
    texts: list[bytes]
    stored: list[bytes]
    hashes: list[bytes] = field(default_factory=list)

    def first_difference(self) -> int:
        """Return the place of the first line that is not as its stored hash says."""
        pairs = zip(self.stored, self.hashes, strict=False)
        for place, (stored, found) in enumerate(pairs):
            if stored != found:
                return place
        return min(len(self.stored), len(self.hashes))

    def name(self, place: int) -> Tampered:
        """Return what happened to the line at the first difference, as far as this window tells."""
        stored, found, index = self.stored, self.hashes, self.start + place
        if place >= len(found):
            return Tampered(Fault.REMOVED, index, f"Line {index} was removed{self._after(place)}.")
        line_id = id_of(self.texts[place])
        if place >= len(stored):
            return Tampered(Fault.ADDED, index, f"Line {index} was added.", line_id)
        if stored[place] in found[place + 1 :]:
            there = found.index(stored[place], place + 1)
            if found[place] not in stored or len(found) > len(stored):
                return Tampered(Fault.ADDED, index, f"Line {index} was added.", line_id)
            return Tampered(
                Fault.REORDERED,
                index,
                f"Line {index} was moved to the place of line {self.start + there}.",
                id_of(self.texts[there]),
            )
        gone = stored.index(found[place], place) - place if found[place] in stored[place:] else 0
        moved_up = found[place : len(stored) - gone] == stored[place + gone :]
        if gone and (moved_up or len(found) < len(stored)):
            which = (
                f"Line {index} was" if gone == 1 else f"Lines {index} to {index + gone - 1} were"
            )
            return Tampered(Fault.REMOVED, index, f"{which} removed{self._after(place)}.")
        return Tampered(Fault.CHANGED, index, f"Line {index} was changed.", line_id)

    def _after(self, place: int) -> str:
        line_id = id_of(self.texts[place - 1]) if place else None
        return f", after the line {line_id}" if line_id else ""


def moved(index: int, line_id: str | None, other: int) -> Tampered:
    """Return that another line of the ledger stands where line `index` should."""
    message = f"Line {other} stands in the place of line {index}."
    return Tampered(Fault.REORDERED, index, message, line_id)


def cut_off(index: int) -> Tampered:
    """Return that nothing is left from line `index` on."""
    return Tampered(Fault.TRUNCATED, index, f"Line {index} and all after it are gone.")


def set_aside_rows(rows: Sequence[WaitingRow]) -> Finding:
    """Return that waiting rows cannot be read, and so are no part of the ledger."""
    first = rows[0]
    more = f" Another {len(rows) - 1} cannot be read either." if rows[1:] else ""
    return Finding(
        fault=Fault.SET_ASIDE,
        index=None,
        line_id=first.id,
        message=f"{first.fault}{more} The ledger itself is as it was signed, without them.",
    )


def id_of(text: bytes) -> str | None:
    """Return the id that a line's text gives, or None where it cannot be read."""
    try:
        found = msgspec.json.decode(text, type=dict[str, object]).get("id")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return found if isinstance(found, str) else None
