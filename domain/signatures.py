"""Typed signatures: whether what somebody typed is the name of who has to sign."""

import unicodedata
from collections.abc import Iterator, Sequence

from domain.consumers import PersonName


def bears_name(signature: str, name: PersonName) -> bool:
    """Say whether given and family name appear in a signature, each whole and beside the other.

    In either order, with anything else there; case, blanks, accents, hyphens and apostrophes make
    no difference, so that `maria garcia-lopez` signs for `María García López`.
    """
    words = _words(signature)
    given, family = "".join(_words(name.given)), "".join(_words(name.family))
    if "".join(words) in (given + family, family + given):
        return True  # typed without a blank between the two
    return any(
        one.isdisjoint(other) for one in _places(words, given) for other in _places(words, family)
    )


def _words(text: str) -> list[str]:
    """Return the words of a text: letters and digits alone, without case and accents."""
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    bare = (sign for sign in decomposed if not unicodedata.category(sign).startswith("M"))
    return "".join(sign if sign.isalnum() else " " for sign in bare).split()


def _places(words: Sequence[str], wanted: str) -> Iterator[frozenset[int]]:
    """Yield where whole words in a row come to the name: `Mary Ann` is `Maryann`."""
    for start in range(len(words)):
        joined = ""
        for end in range(start, len(words)):
            joined += words[end]
            if joined == wanted:
                yield frozenset(range(start, end + 1))
            if len(joined) >= len(wanted):
                break
