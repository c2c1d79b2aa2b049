"""One agency's audit ledger: an append-only Merkle tree over its audit lines, as RFC 9162 has it.

Units leave their lines beside the records; the sequencer (`sequencer.py`) puts them into the
tree within a second and signs a checkpoint. Here the ledger is read, proved, verified and pruned.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from domain.audit import AuditLine
from domain.merkle import (
    EMPTY_ROOT,
    Span,
    consistency_spans,
    extends,
    fold,
    inclusion_spans,
    leaf_hash,
    prove,
)
from tenants.backend import Conflict, Delete, StoreBackend, Unit
from tenants.keys.keyring import derive_key
from tenants.ledger.edge import read_edge
from tenants.ledger.growth import Growth
from tenants.ledger.lines import OwnRows, WaitingRow, waiting_rows
from tenants.ledger.records import (
    BUNDLE_KIND,
    BUNDLE_LINES,
    HEAD_KEY,
    TILE_HASHES,
    Bundle,
    Head,
    Imported,
    Tile,
    bundle_key,
    damaged,
    hash_in,
    import_key,
    not_as_signed,
    put,
    read,
    tile_of,
)
from tenants.ledger.signed_notes import (
    Checkpoint,
    InvalidNote,
    Signer,
    VerifierKey,
    checkpoint_text,
    open_checkpoint,
)
from tenants.ledger.verify import Progress, Trusted, Verdict, verify_ledger
from tenants.records.codec import decode_audit

LINES_PER_PAGE_MAX = 1000
_DELETES_PER_UNIT = 50


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """A line in its place. index: counted from 0; text: the exact bytes that the tree holds."""

    index: int
    text: bytes

    @property
    def line(self) -> AuditLine:
        """Return the line that the text spells; raises StoreUnavailable where it is damaged."""
        return decode_audit(self.text)

    @property
    def leaf_hash(self) -> bytes:
        """Return the hash under which the tree holds the line."""
        return leaf_hash(self.text)


class Ledger:
    """An agency's ledger. Any method may raise domain.errors.StoreUnavailable."""

    def __init__(
        self,
        backend: StoreBackend,
        index_key: bytes,
        agency_id: str,
        clock: Callable[[], datetime],
    ) -> None:
        """Take the agency's index key, which never rotates: the one that signs comes from it."""
        self.origin = f"almoner/{agency_id}"
        self._own_rows = OwnRows()
        self.pack = self._own_rows.pack
        self._backend = backend
        self._clock = clock
        self._signer = Signer(self.origin, derive_key(index_key, "audit checkpoint"))
        self._woken = asyncio.Event()
        self._grown_to = 0

    @property
    def verifier(self) -> VerifierKey:
        """Return the public key that checkpoints are checked with."""
        return self._signer.verifier

    def wake(self) -> None:
        """Say that lines wait to be merged."""
        self._woken.set()

    async def woken(self) -> None:
        """Return when lines have come to wait since this was last asked."""
        await self._woken.wait()
        self._woken.clear()

    def waiting(self) -> AsyncGenerator[WaitingRow, None]:
        """Iterate over the rows that wait to be merged, oldest first; unreadable ones say so."""
        return waiting_rows(self._backend, self._own_rows)

    async def imported(self, line_ids: Sequence[str]) -> set[str]:
        """Return which of the directory's lines were taken over already."""
        keys = {import_key(line_id): line_id for line_id in line_ids}
        return {keys[key] for key in await self._backend.get_many(list(keys))} if keys else set()

    async def size(self) -> int:
        """Return how many lines the ledger has; those that wait to be merged are not counted."""
        return (await self._head()).size

    async def pruned(self) -> int:
        """Return the index of the oldest line that retention has left."""
        return self._pruned(await self._head())

    async def checkpoint(self) -> str:
        """Return the signed checkpoint over all lines (c2sp.org/tlog-checkpoint)."""
        head = await self._head()
        self._signed(head)
        return head.checkpoint or self._sign(0, EMPTY_ROOT)

    def open_checkpoint(self, note: str) -> Checkpoint:
        """Return what one of this ledger's checkpoints says; raises InvalidNote for any other."""
        return open_checkpoint(note, self.verifier, origin=self.origin)

    async def lines(
        self,
        *,
        after: int | None = None,
        before: int | None = None,
        limit: int,
        newest_first: bool = False,
    ) -> list[LedgerLine]:
        """Return lines with after < index < before, at most `limit` and LINES_PER_PAGE_MAX.

        They are those at the end that is asked for: the oldest, or the newest, first.
        """
        head = await self._head()
        start = max(0 if after is None else after + 1, self._pruned(head))
        end = head.size if before is None else min(before, head.size)
        count = min(limit, LINES_PER_PAGE_MAX, end - start)
        if count <= 0:
            return []
        span = Span(end - count, end) if newest_first else Span(start, start + count)
        found = await self._lines(span)
        return found[::-1] if newest_first else found

    async def walk(
        self,
        *,
        after: int | None = None,
        before: int | None = None,
        newest_first: bool = False,
    ) -> AsyncGenerator[LedgerLine, None]:
        """Iterate over the lines with after < index < before, also over those that come meanwhile.

        They are read by pages. Whoever begins with the newest sees none that come meanwhile.
        """
        while found := await self.lines(
            after=after, before=before, limit=LINES_PER_PAGE_MAX, newest_first=newest_first
        ):
            for one in found:
                yield one
            if newest_first:
                before = found[-1].index
            else:
                after = found[-1].index

    async def inclusion(self, index: int, *, size: int | None = None) -> list[bytes]:
        """Return the proof that a line is in the tree of that size (None: of all lines).

        Raises ValueError where the tree has no such line.
        """
        whole = await self.size() if size is None else size
        return await self._prove(inclusion_spans(index, whole))

    async def consistency(self, old: int, new: int | None = None) -> list[bytes]:
        """Return the proof that the tree of size `new` (None: of all lines) begins with the old."""
        return await self._prove(consistency_spans(old, await self.size() if new is None else new))

    async def goes_on_from(self, note: str) -> bool:
        """Say whether the ledger begins with the very lines that one of its checkpoints signed.

        Raises InvalidNote for a note that is no checkpoint of this ledger.
        """
        old = self.open_checkpoint(note)
        return await self._begins_with(old.size, old.root)

    async def root(self, size: int) -> bytes:
        """Return the root of the tree over the first `size` lines, from the stored hashes."""
        return fold(await self.edge(size))

    async def edge(self, size: int) -> list[bytes]:
        """Return the hashes of the perfect subtrees over the first `size` lines, largest first.

        Whoever has them can go on to the root with the later lines alone.
        """
        parts = Span(0, size).subtrees()
        starts = (one.number << one.level for one in parts)
        spans = [Span(s, s + (1 << one.level)) for s, one in zip(starts, parts, strict=True)]
        return await self._prove(spans)

    async def verify(
        self, progress: Progress | None = None, trusted: Sequence[Trusted] = ()
    ) -> Verdict:
        """Walk every line; compare with the tree, its checkpoint, and checkpoints kept elsewhere.

        The first line found removed, changed, reordered, added or cut off is named.
        """
        return await verify_ledger(self._backend, self.verifier, self.origin, trusted, progress)

    async def append(
        self,
        texts: Sequence[bytes],
        *,
        merged: tuple[str, ...] = (),
        imported: Sequence[str] = (),
        begin: bool = True,
    ) -> bool:
        """Add lines to the tree, and remove the waiting rows that they come from, in one unit.

        imported: ids of lines that the directory handed over, each of them once. begin: whether
        there may be no ledger yet. Returns False, with nothing written, where another process has
        moved the head or merged one of the rows meanwhile. Raises StoreUnavailable where the ledger
        is not as it was last signed: a signature on top would make what was done to it genuine.
        """
        held, edge = await read_edge(self._backend)
        head = read(Head, held)
        if self._signed(head).size < max(self._grown_to, 0 if begin else 1):
            raise not_as_signed()
        growth = Growth(head, edge)
        growth.extend(texts)
        checkpoint = self._sign(growth.tree.size, growth.tree.root())
        moved = Head(
            size=growth.tree.size, edge=growth.edge(), checkpoint=checkpoint, pruned=head.pruned
        )
        unit = Unit(
            operations=(
                put(HEAD_KEY, moved, held),
                *growth.operations(),
                *(put(import_key(line_id), Imported(), None) for line_id in imported),
            ),
            merged=merged,
        )
        try:
            await self._backend.commit(unit, at=self._clock())
        except Conflict:
            return False
        self._grown_to = moved.size
        return True

    async def prune(self, before: int) -> int:
        """Remove the lines below an index, and return how many are gone in all.

        Whole tiles of lines go, below the signed checkpoint alone; their hashes stay, so that every
        later line still proves and what is left verifies. May be repeated after a crash.
        """
        while True:
            held = await self._backend.get(HEAD_KEY)
            head = read(Head, held)
            end = min(before, head.size) // TILE_HASHES * TILE_HASHES
            if end <= self._pruned(head):
                break
            if not await self._begins_with(end, root := await self.root(end)):
                raise not_as_signed()
            note = self._sign(end, root, part="/pruned")
            shorter = msgspec.structs.replace(head, pruned=note)
            try:
                await self._backend.commit(
                    Unit(operations=(put(HEAD_KEY, shorter, held),)), at=self._clock()
                )
            except Conflict:
                continue  # lines were merged meanwhile
            break
        end = await self.pruned()
        keys = [bundle_key(number) for number in range(end // BUNDLE_LINES)]
        for start in range(0, len(keys), _DELETES_PER_UNIT):
            rows = await self._backend.get_many(keys[start : start + _DELETES_PER_UNIT])
            deletes = tuple(Delete(key=row.key, expected=row.version) for row in rows.values())
            if deletes:
                await self._backend.commit(Unit(operations=deletes), at=self._clock())
        return end

    async def _head(self) -> Head:
        return read(Head, await self._backend.get(HEAD_KEY))

    async def _begins_with(self, old: int, root: bytes) -> bool:
        """Say whether the signed tree begins with the one of that size and root."""
        new = self._signed(await self._head())
        proof = await self.consistency(old, new.size) if 0 < old <= new.size else []
        return extends(root, old, new.root, new.size, proof)

    def _signed(self, head: Head) -> Checkpoint:
        """Return what the head's checkpoint says; raises StoreUnavailable where it does not fit."""
        found = Checkpoint(self.origin, head.size, head.compact_range().root())
        if found == Checkpoint(self.origin, 0, EMPTY_ROOT) and not head.checkpoint:
            return found
        try:
            signed = self.open_checkpoint(head.checkpoint)
        except InvalidNote as error:
            raise not_as_signed() from error
        if signed != found:
            raise not_as_signed()
        return signed

    def _pruned(self, head: Head) -> int:
        if head.pruned is None:
            return 0
        try:
            origin = f"{self.origin}/pruned"
            return open_checkpoint(head.pruned, self.verifier, origin=origin).size
        except InvalidNote as error:
            raise not_as_signed() from error

    def _sign(self, size: int, root: bytes, *, part: str = "") -> str:
        return self._signer.sign(checkpoint_text(Checkpoint(self.origin + part, size, root)))

    async def _lines(self, span: Span) -> list[LedgerLine]:
        numbers = range(span.start // BUNDLE_LINES, (span.end - 1) // BUNDLE_LINES + 1)
        rows = await self._backend.get_many([bundle_key(number) for number in numbers])
        found = []
        for number in numbers:
            first = number * BUNDLE_LINES
            lines = read(Bundle, rows.get(bundle_key(number))).lines
            for index in range(max(first, span.start), min(first + BUNDLE_LINES, span.end)):
                if index - first >= len(lines):
                    raise damaged(BUNDLE_KIND)
                found.append(LedgerLine(index, lines[index - first].encode()))
        return found

    async def _prove(self, spans: list[Span]) -> list[bytes]:
        keys = {tile_of(one)[0] for span in spans for one in span.subtrees()}
        rows = await self._backend.get_many(list(keys)) if keys else {}
        tiles = {key: read(Tile, row).split() for key, row in rows.items()}
        return prove(spans, lambda subtree: hash_in(tiles, subtree))
