"""Trusted documents: those that an agency's clients are known to send, by file and by hash.

`<slug>.json` in the configured folder is a JSON object of SHA-256 and text. A client may send the
hash alone (`documentId`, or `extensions.persistedQuery` as Apollo's clients do). Another text is
run and counted, or refused; an agency without a file has no trusted documents. Files are looked at
every two seconds, and one that is not right leaves in force what was there before.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import structlog
from cachetools import LRUCache

from domain.errors import DocumentNotTrusted, PersistedQueryNotFound, PersistedQueryNotSupported
from gateway.background import in_background
from gateway.errors import Refused
from gateway.http import Asked
from gateway.settings import CannotStart
from gateway.settings_blocks import Limits, TrustedDocumentsConfig

LOOKED_AT_EACH_SECONDS = 2.0
FILE_BYTES_MAX = 16 * 1024 * 1024
DOCUMENTS_MAX = 10_000
LOGGED_MAX = 1_000
_ALGORITHM = "sha256:"
_DECODER = msgspec.json.Decoder(dict[str, str])
_NONE: Mapping[str, str] = {}

_log = structlog.get_logger("almoner")
_Seen = tuple[int, int, int]


class BadManifest(Exception):
    """A file of trusted documents is not as it should be; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """An agency's trusted documents. texts: by hash. trusted: the texts."""

    texts: Mapping[str, str]
    trusted: frozenset[str]


NO_MANIFEST = Manifest(_NONE, frozenset())


def read_manifest(path: Path, limits: Limits) -> Manifest:
    """Return what a file says; raises BadManifest."""
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise BadManifest(f"it cannot be read: {error.strerror}") from error
    if len(content) > FILE_BYTES_MAX:
        raise BadManifest(f"it is larger than {FILE_BYTES_MAX} bytes")
    try:
        given = _DECODER.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadManifest(f"it is not a JSON object of hashes and texts: {error}") from None
    if len(given) > DOCUMENTS_MAX:
        raise BadManifest(f"it holds more than {DOCUMENTS_MAX} documents")
    texts: dict[str, str] = {}
    for name, text in given.items():
        if _hash(name) != hash_of(text):
            raise BadManifest(f"{name[:80]} is not the SHA-256 of its text, {hash_of(text)}")
        if len(text) > limits.document_characters:
            raise BadManifest(f"{name[:80]} is longer than {limits.document_characters} characters")
        texts[_hash(name)] = text
    return Manifest(texts, frozenset(texts.values()))


def hash_of(text: str) -> str:
    """Return the name that a document has by its text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class TrustedDocuments:
    """The manifests of all agencies, and what is made of them."""

    def __init__(
        self,
        config: TrustedDocumentsConfig,
        limits: Limits,
        *,
        untrusted: Callable[[str, str], None] = lambda _result, _agency: None,
    ) -> None:
        """Take the settings; `untrusted` hears of what is none: `run` or `refused`, and of whom."""
        self._off = config.mode == "off"
        self._enforced = config.mode == "enforce"
        self._folder = config.folder
        self._limits = limits
        self._untrusted = untrusted
        self._manifests: dict[str, Manifest] = {}
        self._seen: dict[str, _Seen] = {}
        self._logged: LRUCache[tuple[str, str], None] = LRUCache(LOGGED_MAX)

    def text_of(self, asked: Asked, agency: str | None) -> str:
        """Return the document that is asked for, for an agency (its slug).

        Raises Refused for a hash that is not known, and for a text that is not trusted where that
        is enforced. Who acts for no agency sends texts.
        """
        text = asked.document
        if self._off:
            if text is None:
                raise Refused(PersistedQueryNotSupported())
            return text
        manifest = NO_MANIFEST if agency is None else self._manifests.get(agency, NO_MANIFEST)
        if text is None:
            known = manifest.texts.get(_hash(asked.document_id or ""))
            if known is None:
                raise Refused(PersistedQueryNotFound())
            return known
        if agency is not None and text not in manifest.trusted:
            self._note(agency, text)
            if self._enforced:
                raise Refused(DocumentNotTrusted())
        return text

    def refresh(self) -> None:
        """Read the files that have changed; raises CannotStart where there is no such folder."""
        if self._folder is None:
            return
        try:
            found = {path.stem: path for path in sorted(self._folder.glob("*.json"))}
            if not self._folder.is_dir():
                raise NotADirectoryError
            seen = {slug: _fingerprint(path) for slug, path in found.items()}
        except OSError as error:
            raise CannotStart(
                f"ALMONER_TRUSTED_DOCUMENTS_FOLDER is {self._folder}, which cannot be looked into: "
                f"{error.strerror or 'it is no folder'}."
            ) from error
        for slug in self._seen.keys() - seen.keys():
            self._manifests.pop(slug, None)
            _log.warning("trusted documents are gone", agency=slug)
        for slug, path in found.items():
            if self._seen.get(slug) != seen[slug]:
                self._read(slug, path)
        self._seen = seen

    async def watch(self) -> None:
        """Refresh every two seconds, until cancelled."""
        while True:
            await asyncio.sleep(LOOKED_AT_EACH_SECONDS)
            try:
                await asyncio.to_thread(self.refresh)
            except CannotStart as error:
                _log.warning("trusted documents not looked at", why=error.message)

    def _read(self, slug: str, path: Path) -> None:
        try:
            manifest = read_manifest(path, self._limits)
        except BadManifest as error:
            _log.error("trusted documents not taken", agency=slug, file=str(path), why=str(error))
            return
        self._manifests[slug] = manifest
        _log.info("trusted documents taken", agency=slug, documents=len(manifest.texts))

    def _note(self, agency: str, text: str) -> None:
        """Count a text that is not trusted; log its hash, once a process."""
        self._untrusted("refused" if self._enforced else "run", agency)
        name = hash_of(text)
        if (agency, name) not in self._logged:
            self._logged[agency, name] = None
            _log.info("document not trusted", agency=agency, sha256=name)


@asynccontextmanager
async def open_trusted_documents(
    config: TrustedDocumentsConfig,
    limits: Limits,
    *,
    untrusted: Callable[[str, str], None] = lambda _result, _agency: None,
) -> AsyncIterator[TrustedDocuments]:
    """Give the trusted documents, and keep looking at their files inside.

    Raises CannotStart where the folder cannot be looked into.
    """
    documents = TrustedDocuments(config, limits, untrusted=untrusted)
    if config.mode == "off":
        yield documents
        return
    await asyncio.to_thread(documents.refresh)
    async with in_background(documents.watch(), "trusted documents"):
        yield documents


def _hash(name: str) -> str:
    return name.strip().lower().removeprefix(_ALGORITHM)


def _fingerprint(path: Path) -> _Seen:
    found = path.stat()
    return found.st_mtime_ns, found.st_size, found.st_ino
