"""Verifying a ledger: every line against the tree, and the tree against checkpoints kept elsewhere.

What is wrong is named by the first line that it touches. The lines are compared with the hashes
that were stored when they were merged; whether it is the line or the hash that was tampered with
shows in the hashes above. A history that was rewritten whole, hashes and signature and all, fits
itself: only a checkpoint that somebody else has kept gives it away.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from domain.merkle import CompactRange, compact, fold, leaf_hash, perfect_root
from tenants.backend import StoreBackend
from tenants.ledger.edge import AtOneMoment, read_edge
from tenants.ledger.findings import (
    Fault,
    Finding,
    Tampered,
    Window,
    cut_off,
    id_of,
    moved,
    set_aside_rows,
)
from tenants.ledger.lines import waiting_rows
from tenants.ledger.records import (
    BUNDLE_LINES,
    TILE_HASHES,
    Bundle,
    Head,
    Tile,
    bundle_key,
    read,
    tile_key,
)
from tenants.ledger.signed_notes import Checkpoint, InvalidNote, VerifierKey, open_checkpoint

TILES_PER_READ = 16
_BUNDLES_PER_TILE = TILE_HASHES // BUNDLE_LINES

Progress = Callable[[int, int], None]
"""Told now and then how many lines are done, and how many there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusted:
    """A checkpoint that was kept elsewhere. source: where, in words (`the directory's witness`)."""

    source: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What verifying came to; `finding` is None where all is as it was written.

    waiting: lines that are not in the ledger yet. set_aside: what is wrong with each waiting row
    that never will be.
    """

    size: int
    pruned: int
    waiting: int
    set_aside: tuple[str, ...]
    checkpoint: str
    compared: int
    finding: Finding | None


async def verify_ledger(
    backend: StoreBackend,
    verifier: VerifierKey,
    origin: str,
    trusted: Sequence[Trusted] = (),
    progress: Progress | None = None,
) -> Verdict:
    """Walk the whole ledger; raises StoreUnavailable where the store itself cannot be read."""
    held, edge = await read_edge(backend)  # lines may be merged meanwhile
    head = read(Head, held)
    walk = _Walk(AtOneMoment(backend, edge), head, verifier, origin, progress or _silent)
    finding = None
    try:
        await walk.run(trusted)
    except Tampered as tampered:
        finding = tampered.finding
    waiting = 0
    set_aside = []
    async for row in waiting_rows(backend):
        waiting += len(row.texts)
        if row.fault is not None:
            set_aside.append(row)
    return Verdict(
        size=head.size,
        pruned=walk.pruned.size if walk.pruned else 0,
        waiting=waiting,
        set_aside=tuple(str(row.fault) for row in set_aside),
        checkpoint=head.checkpoint,
        compared=walk.compared,
        finding=finding or (set_aside_rows(set_aside) if set_aside else None),
    )


class _Walk:
    """One verification."""

    def __init__(
        self,
        backend: AtOneMoment,
        head: Head,
        verifier: VerifierKey,
        origin: str,
        progress: Progress,
    ) -> None:
        self.pruned: Checkpoint | None = None
        self.compared = 0
        self._backend = backend
        self._head = head
        self._verifier = verifier
        self._origin = origin
        self._progress = progress
        self._tile_roots: list[bytes] = []
        self._upper = CompactRange()
        self._tail: list[bytes] = []
        self._wanted: list[tuple[Checkpoint, str]] = []

    async def run(self, trusted: Sequence[Trusted]) -> None:
        head = self._head
        signed = self._signed()
        self._wanted = sorted(
            (self._open_trusted(one) for one in trusted), key=lambda one: one[0].size
        )
        fits = self._pruned_start()
        for start in range(0, head.size, TILE_HASHES * TILES_PER_READ):
            for window in await self._windows(start):
                if window.start >= fits:
                    await self._check_window(window)
                self._compare_trusted(window)
                self._grow(window)
            self._progress(min(start + TILE_HASHES * TILES_PER_READ, head.size), head.size)
        await self._check_end()
        await self._check_tiles()
        root = fold(self._edge)
        if (head.size, root) != (signed.size, signed.root):
            raise Tampered(
                Fault.REWRITTEN,
                self.pruned.size if self.pruned else 0,
                f"The {head.size} lines there are do not fit the signed checkpoint over "
                f"{signed.size}: lines and hashes were rewritten without the agency's key.",
            )
        for kept, source in self._wanted[self.compared :]:
            self._compare(kept, source, head.size, root)

    def _signed(self) -> Checkpoint:
        if not self._head.checkpoint:
            return Checkpoint(self._origin, 0, CompactRange().root())
        try:
            return open_checkpoint(self._head.checkpoint, self._verifier, origin=self._origin)
        except InvalidNote as error:
            raise Tampered(
                Fault.CHECKPOINT,
                0,
                f"The ledger's checkpoint is not this agency's own: {error}. The ledger was put "
                "here from elsewhere, or rewritten without the agency's key.",
            ) from error

    def _pruned_start(self) -> int:
        note = self._head.pruned
        if note is None:
            return 0
        try:
            pruned = open_checkpoint(note, self._verifier, origin=f"{self._origin}/pruned")
        except InvalidNote as error:
            raise Tampered(
                Fault.REMOVED, 0, f"The oldest lines are gone, and nobody signed for it: {error}."
            ) from error
        self.pruned = pruned
        self._wanted.append((pruned, "the signed note over the lines that retention removed"))
        self._wanted.sort(key=lambda one: one[0].size)
        return pruned.size

    def _open_trusted(self, one: Trusted) -> tuple[Checkpoint, str]:
        try:
            return open_checkpoint(one.note, self._verifier, origin=self._origin), one.source
        except InvalidNote as error:
            raise Tampered(
                Fault.CHECKPOINT, None, f"The checkpoint from {one.source} cannot be used: {error}."
            ) from error

    async def _windows(self, start: int) -> list[Window]:
        """Return the next tiles' lines and hashes, in one round trip."""
        size = self._head.size
        starts = range(start, min(start + TILE_HASHES * TILES_PER_READ, size), TILE_HASHES)
        bundles = {
            first: [
                bundle_key(first // BUNDLE_LINES + number)
                for number in range(_BUNDLES_PER_TILE)
                if first + number * BUNDLE_LINES < size
            ]
            for first in starts
        }
        tiles = {first: tile_key(0, first // TILE_HASHES) for first in starts}
        rows = await self._backend.get_many(
            [*tiles.values(), *(key for keys in bundles.values() for key in keys)]
        )
        return [
            Window(
                start=first,
                width=min(TILE_HASHES, size - first),
                texts=[
                    text.encode()
                    for key in bundles[first]
                    for text in read(Bundle, rows.get(key)).lines
                ],
                stored=read(Tile, rows.get(tiles[first])).split(),
            )
            for first in starts
        ]

    async def _check_window(self, window: Window) -> None:
        window.hashes = [leaf_hash(text) for text in window.texts]
        if window.hashes == window.stored and len(window.stored) == window.width:
            return
        above = await self._hash_above(window)
        if len(window.hashes) == window.width and _above(window.hashes) == above:
            raise Tampered(
                Fault.HASHES,
                window.start,
                f"The stored hashes of the lines from {window.start} on were changed; the lines "
                "themselves are as they were signed.",
            )
        await self._name(window)

    async def _name(self, window: Window) -> None:
        """Raise what happened to the first line that is not as its stored hash says."""
        place = window.first_difference()
        index = window.start + place
        tampered = window.name(place)
        if place >= len(window.hashes):
            raise cut_off(index) if await self._rest_is_gone(index) else tampered
        if tampered.finding.fault is Fault.CHANGED:
            other = await self._index_of(window.hashes[place])
            if other is not None:
                raise moved(index, tampered.finding.line_id, other)
        raise tampered

    async def _rest_is_gone(self, index: int) -> bool:
        first = index // BUNDLE_LINES + 1
        for number in range(first, (self._head.size - 1) // BUNDLE_LINES + 1):
            if await self._backend.get(bundle_key(number)) is not None:
                return False
        return True

    async def _index_of(self, one: bytes) -> int | None:
        """Return which line the stored hashes know by this hash, or None."""
        for number in range((self._head.size - 1) // TILE_HASHES + 1):
            hashes = read(Tile, await self._backend.get(tile_key(0, number))).split()
            if one in hashes:
                return number * TILE_HASHES + hashes.index(one)
        return None

    async def _hash_above(self, window: Window) -> list[bytes]:
        """Return what stands above a tile's hashes: one level up, or at the tree's right edge."""
        if window.width < TILE_HASHES:
            count = window.width.bit_count()
            return [bytes.fromhex(one) for one in self._head.edge[-count:]]
        number, place = divmod(window.start // TILE_HASHES, TILE_HASHES)
        return read(Tile, await self._backend.get(tile_key(1, number))).split()[place : place + 1]

    def _grow(self, window: Window) -> None:
        hashes = window.hashes or window.stored
        if window.width == TILE_HASHES and len(hashes) == TILE_HASHES:
            root = perfect_root(hashes)
            self._tile_roots.append(root)
            self._upper.append(root)
        else:
            self._tail = hashes

    @property
    def _edge(self) -> list[bytes]:
        """Return the compact range over all lines that were walked."""
        return [*self._upper.hashes, *_above(self._tail)]

    def _compare_trusted(self, window: Window) -> None:
        """Compare the checkpoints whose size falls into this window."""
        while self.compared < len(self._wanted):
            kept, source = self._wanted[self.compared]
            if kept.size >= window.start + window.width:
                return
            hashes = (window.hashes or window.stored)[: kept.size - window.start]
            root = fold([*self._upper.hashes, *_above(hashes)])
            self._compare(kept, source, kept.size, root)

    def _compare(self, kept: Checkpoint, source: str, size: int, root: bytes) -> None:
        fits = self._wanted[self.compared - 1][0].size if self.compared else 0
        self.compared += 1
        if kept.size > size:
            raise Tampered(
                Fault.TRUNCATED,
                size,
                f"Lines {size} to {kept.size - 1} are gone: {source} has seen {kept.size} lines, "
                f"and there are {size}.",
            )
        if kept.root != root:
            raise Tampered(
                Fault.REWRITTEN,
                fits,
                f"A line from {fits} to {kept.size - 1} is not what it was: {source} has kept a "
                f"checkpoint over {kept.size} lines that these do not fit, though they were signed "
                "again.",
            )

    async def _check_end(self) -> None:
        """Raise where a bundle lies beyond the last line."""
        beyond = (self._head.size + BUNDLE_LINES - 1) // BUNDLE_LINES
        lines = read(Bundle, await self._backend.get(bundle_key(beyond))).lines
        if lines:
            index = beyond * BUNDLE_LINES
            message = f"Line {index} was added beyond the signed end."
            raise Tampered(Fault.ADDED, index, message, id_of(lines[0].encode()))

    async def _check_tiles(self) -> None:
        """Compare the stored hashes above the lines, level by level, and the edge in the head."""
        level, roots = 1, self._tile_roots
        while roots:
            above = []
            for start in range(0, len(roots), TILE_HASHES):
                row = await self._backend.get(tile_key(level, start // TILE_HASHES))
                stored, found = read(Tile, row).split(), roots[start : start + TILE_HASHES]
                if stored != found:
                    self._name_span(level, start, stored, found)
                if len(found) == TILE_HASHES:
                    above.append(perfect_root(found))
            level, roots = level + 1, above
        if [one.hex() for one in self._edge] != list(self._head.edge):
            raise Tampered(
                Fault.REWRITTEN, 0, "The lines and their hashes do not fit the ledger's head."
            )

    def _name_span(self, level: int, start: int, stored: list[bytes], found: list[bytes]) -> None:
        pairs = zip(stored, found, strict=False)
        at = next((at for at, (one, other) in enumerate(pairs) if one != other), len(stored))
        lines = TILE_HASHES**level
        index = (start + at) * lines
        raise Tampered(
            Fault.REWRITTEN,
            index,
            f"A line from {index} to {index + lines - 1} was rewritten together with its hash: "
            "the hash above them is another.",
        )


def _silent(_done: int, _size: int) -> None:
    """Tell nobody."""


def _above(hashes: Sequence[bytes]) -> list[bytes]:
    """Return the compact range over neighbouring leaves that begin a tree."""
    return [perfect_root(hashes)] if len(hashes) == TILE_HASHES else compact(hashes)
