"""Frames of both WebSocket protocols: JSON objects in, with limits, and JSON objects out."""

from collections.abc import Mapping
from http import HTTPStatus

from domain.errors import Forbidden, Unauthenticated
from gateway.config import Limits
from gateway.engine.encoding import encode
from gateway.errors import DocumentRefused, Entry, Refused, entry_of
from gateway.http import decode_object
from gateway.realtime.wanted import Refusal

ID_CHARACTERS_MAX = 128
BAD_FRAME = 4400
UNAUTHORIZED = 4401
TOO_MANY_INITS = 4429


class BadFrame(Exception):
    """A frame is none of the protocol's; the connection is closed over it. The text says why."""


def read_frame(text: str, limits: Limits) -> tuple[str, Mapping[str, object]]:
    """Return the type of a frame and its members; raises BadFrame."""
    try:
        members = decode_object(text.encode("utf-8", "surrogatepass"), limits)
    except Refused as refused:
        raise BadFrame(refused.error.message) from None
    kind = members.get("type")
    if not isinstance(kind, str):
        raise BadFrame("A frame has a type.")
    return kind, members


def id_of(members: Mapping[str, object]) -> str:
    """Return the id of a frame; raises BadFrame where it has none."""
    given = members.get("id")
    if not isinstance(given, str) or not given or len(given) > ID_CHARACTERS_MAX:
        raise BadFrame(f"A frame of that type has an id of 1 to {ID_CHARACTERS_MAX} characters.")
    return given


def payload_of(members: Mapping[str, object]) -> Mapping[str, object]:
    """Return the payload of a frame, empty where it has none; raises BadFrame for another value."""
    given = members.get("payload")
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise BadFrame("payload is an object.")
    return given


def errors_of(refusal: Refusal) -> list[Entry]:
    """Return why something was refused, as entries of `errors`.

    Amplify takes an `errorCode` of 400, 401 or 403 as final, and `Unauthorized` as a word about the
    credential: it would connect anew for ever over a field that somebody may not subscribe to.
    """
    match refusal:
        case DocumentRefused():
            return [{**entry, "errorCode": HTTPStatus.BAD_REQUEST} for entry in refusal.entries]
        case Refused():
            entry = entry_of(refusal.error, error_type=refusal.error_type)
            return [{**entry, "errorCode": refusal.status}]
        case Unauthenticated():
            return [{**entry_of(refusal), "errorCode": HTTPStatus.UNAUTHORIZED}]
        case Forbidden():
            entry = entry_of(refusal, error_type="Forbidden")
            return [{**entry, "errorCode": HTTPStatus.FORBIDDEN}]
        case _:
            return [entry_of(refusal)]


def frame(kind: str, **members: object) -> bytes:
    """Return a frame as it is sent."""
    return encode({"type": kind, **members})


def framed(kind: str, frame_id: str, payload: bytes) -> bytes:
    """Return a frame whose payload is JSON already."""
    return b'{"type":%b,"id":%b,"payload":%b}' % (encode(kind), encode(frame_id), payload)
