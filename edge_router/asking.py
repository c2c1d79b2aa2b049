"""What a visitor asks for: the state and partner they name, and what of the address is carried on.

Everything here was written by a stranger. Names of parameters are held to a list, values and paths
to characters that need no escaping, and what looks like a person's data stays behind: an address is
kept in histories and logs that we do not see.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from domain.states import STATE_NAMES

PATH_CHARACTERS_MAX = 512
QUERY_CHARACTERS_MAX = 2048
PARAMETERS_MAX = 50
STATE, PARTNER = "state", "partner"
CARRIED = frozenset(
    "lang utm_source utm_medium utm_campaign utm_content utm_term gclid msclkid fbclid".split()
)
_VALUE = re.compile(r"[A-Za-z0-9._~-]{1,128}", re.ASCII)
_SEGMENT = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._~-]{1,128}", re.ASCII)
# Seven digits in a row, however set apart: telephone and Social Security numbers, dates of birth.
_PERSONAL = re.compile(r"\d(?:[-._~]?\d){6}", re.ASCII)
_CODES = {name.lower(): code for code, name in STATE_NAMES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What was made of an address.

    state: the USPS code of what was named, None where nothing usable was. state_unknown: something
    was named and is no state. partner: the code as it was named, in capitals. path: begins with a
    slash, and nothing of it needs escaping. carried: parameters that go on.
    """

    state: str | None = None
    state_unknown: bool = False
    partner: str | None = None
    path: str = "/"
    carried: Mapping[str, str] = field(default_factory=dict)


def read_asking(path: str, query: str) -> Asking | None:
    """Return what the address asks for; None where it is longer than any that we hand out."""
    if len(path) > PATH_CHARACTERS_MAX or len(query) > QUERY_CHARACTERS_MAX:
        return None
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=PARAMETERS_MAX)
    except ValueError:
        return None
    named = [value.strip() for name, value in pairs if name == STATE and value.strip()]
    codes = {_code(text) for text in named}
    state = codes.pop() if len(codes) == 1 else None
    partners = [value.strip().upper() for name, value in pairs if name == PARTNER]
    return Asking(
        state=state,
        state_unknown=bool(named) and state is None,  # two different ones are as good as none
        partner=partners[0] or None if partners else None,
        path=_path(path),
        carried={name: value for name, value in pairs if name in CARRIED and _is_carried(value)},
    )


def _code(text: str) -> str | None:
    code = text.upper()
    return code if code in STATE_NAMES else _CODES.get(text.lower())


def _is_carried(value: str) -> bool:
    return _VALUE.fullmatch(value) is not None and _PERSONAL.search(value) is None


def _path(path: str) -> str:
    """Return the path, or `/` for one that would need escaping, climbs, or looks personal."""
    trailing = path.endswith("/") and path != "/"
    segments = path[1:-1].split("/") if trailing else path[1:].split("/")
    safe = path.startswith("/") and all(_SEGMENT.fullmatch(segment) for segment in segments)
    return path if safe and _PERSONAL.search(path) is None else "/"
