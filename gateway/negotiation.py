"""Chooses the media type of an answer, and judges the media type of a request."""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

ACCEPT_CHARACTERS_MAX = 2048
EVENT_STREAM = "text/event-stream"


class MediaType(StrEnum):
    """What an answer may be written as; the order is that of preference among equals."""

    JSON = "application/json"
    GRAPHQL = "application/graphql-response+json"

    @property
    def header(self) -> bytes:
        """Return the Content-Type to send."""
        return _CONTENT_TYPES[self]


_CONTENT_TYPES = {one: f"{one.value}; charset=utf-8".encode() for one in MediaType}


@dataclass(frozen=True, slots=True)
class _Range:
    kind: str
    subtype: str
    quality: float

    def specificity(self, media_type: MediaType) -> int:
        """Return how exactly the range names the media type; 0: not at all."""
        kind, _, subtype = media_type.value.partition("/")
        if (self.kind, self.subtype) == (kind, subtype):
            return 3
        if (self.kind, self.subtype) == (kind, "*"):
            return 2
        return 1 if (self.kind, self.subtype) == ("*", "*") else 0


@lru_cache(maxsize=256)
def choose(accept: str | None) -> MediaType | None:
    """Return the media type that an Accept header asks for; None where none of ours will do.

    Without a header, and for wildcards, it is `application/json`: a client that knows of
    `application/graphql-response+json` names it. Of two named equally, the first one wins.
    """
    if accept is None or not accept.strip():
        return MediaType.JSON
    if len(accept) > ACCEPT_CHARACTERS_MAX:
        return None
    ranges = [found for part in accept.split(",") if (found := _read_range(part)) is not None]
    best: tuple[float, int, int, int] | None = None
    chosen: MediaType | None = None
    for order, media_type in enumerate(MediaType):
        matching = [
            (found.specificity(media_type), -place, found.quality)
            for place, found in enumerate(ranges)
            if found.specificity(media_type)
        ]
        if not matching:
            continue
        specificity, place, quality = max(matching)
        rank = (quality, specificity, place, -order)
        if quality > 0 and (best is None or rank > best):
            best, chosen = rank, media_type
    return chosen


@lru_cache(maxsize=256)
def wants_stream(accept: str | None) -> bool:
    """Say whether an Accept header names an event stream, and no other answer that there is."""
    return accept is not None and EVENT_STREAM in accept.lower() and choose(accept) is None


@lru_cache(maxsize=256)
def is_json_in_utf8(content_type: str | None) -> bool:
    """Say whether a request's Content-Type is `application/json`, in UTF-8 where it says so."""
    if content_type is None:
        return False
    media_type, *parameters = (part.strip().lower() for part in content_type.split(";"))
    if media_type != MediaType.JSON:
        return False
    charsets = [
        value.strip().strip('"')
        for name, _, value in (parameter.partition("=") for parameter in parameters)
        if name.strip() == "charset"
    ]
    return all(charset in ("utf-8", "utf8") for charset in charsets)


def _read_range(part: str) -> _Range | None:
    """Return one media range of an Accept header; None for what is not spelled as one."""
    name, *parameters = (piece.strip().lower() for piece in part.split(";"))
    kind, slash, subtype = name.partition("/")
    if not (kind and slash and subtype):
        return None
    quality = 1.0
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            try:
                quality = min(max(float(value.strip()), 0.0), 1.0)
            except ValueError:
                return None
        elif key.strip() == "charset" and value.strip().strip('"') not in ("utf-8", "utf8"):
            return None
    return _Range(kind, subtype, quality)
