"""A document from bytes that are not trusted: no DTD, no entities, bounded depth and size.

Elements are known by their local names: the vendor's clients show documents with and without a
namespace. Attributes are not kept, for nothing here is read from one.
"""

from collections.abc import Iterator

from defusedxml.ElementTree import DefusedXMLParser

DEPTH_MAX = 32
ELEMENTS_MAX = 50_000


class Unreadable(Exception):
    """The document is not what was asked for; says where, and nothing of what stands there."""


class Element:
    """One element: local name, children in order, and text."""

    __slots__ = ("_pieces", "children", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.children: list[Element] = []
        self._pieces: list[str] = []

    def add_text(self, piece: str) -> None:
        """Take a piece of the element's own text."""
        self._pieces.append(piece)

    @property
    def content(self) -> str | None:
        """Return the element's own text with white space in single spaces, None for none."""
        return " ".join("".join(self._pieces).split()) or None

    def every(self, name: str) -> list["Element"]:
        """Return the children of a name: a list, where there is one as where there are many."""
        return [child for child in self.children if child.name == name]

    def find(self, *path: str) -> "Element | None":
        """Return the first element along a path of names, None where a step is missing."""
        found: Element | None = self
        for name in path:
            found = next((c for c in found.children if c.name == name), None) if found else None
        return found

    def text(self, *path: str) -> str | None:
        """Return the text at a path; None where there is none."""
        found = self.find(*path)
        return found.content if found is not None else None

    def walk(self, *, without: frozenset[str] = frozenset()) -> Iterator["Element"]:
        """Yield the element and all below it, but for those within elements named in `without`."""
        waiting = [self]
        while waiting:
            element = waiting.pop()
            yield element
            waiting.extend(c for c in reversed(element.children) if c.name not in without)


class _Builder:
    """What the parser tells of its findings, within bounds."""

    def __init__(self) -> None:
        self._open: list[Element] = []
        self._root: Element | None = None
        self._count = 0

    def start(self, tag: str, _attributes: object) -> None:
        self._count += 1
        if self._count > ELEMENTS_MAX:
            raise Unreadable(f"it has more than {ELEMENTS_MAX} elements")
        if len(self._open) >= DEPTH_MAX:
            raise Unreadable(f"it is nested deeper than {DEPTH_MAX}")
        element = Element(tag.rpartition("}")[2])
        if self._open:
            self._open[-1].children.append(element)
        else:
            self._root = element
        self._open.append(element)

    def data(self, text: str) -> None:
        if self._open:
            self._open[-1].add_text(text)

    def end(self, _tag: str) -> None:
        self._open.pop()

    def close(self) -> Element:
        if self._root is None:
            raise Unreadable("it is empty")
        return self._root


def parse_document(body: bytes) -> Element:
    """Return the root element. Raises Unreadable."""
    parser = DefusedXMLParser(
        target=_Builder(), forbid_dtd=True, forbid_entities=True, forbid_external=True
    )
    try:
        parser.feed(body)
        root = parser.close()
    # What expat and the codecs that it asks for are known to raise; defusedxml's are ValueErrors.
    except (SyntaxError, ValueError, LookupError, TypeError) as error:
        raise Unreadable(f"it is not XML that is accepted ({type(error).__name__})") from None
    assert isinstance(root, Element)
    return root
