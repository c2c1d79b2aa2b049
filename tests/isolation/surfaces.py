"""Looks for canaries in everything beside the answers: logs, metrics, traces, memory and files.

Each surface is judged by what may be in it at all. No value of anybody's is ever in a log line, a
metric, a span, an event or a file; a store, and what a store keeps in memory, hold the values of
their own agency alone.
"""

import asyncio
import gc
import types
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan

from domain.agencies import Agency
from domain.events import Event
from gateway.events.port import Cursor, Delivered
from gateway.metrics import exposition
from gateway.workspace import STORES_FOLDER
from tenants.backend import BODY_BYTES_MAX
from tenants.directory.file import DirectoryFile
from tenants.directory.sqlite import APPLICATION_ID as DIRECTORY_ID
from tenants.directory.sqlite import DIRECTORY_FILE
from tenants.ledger.compression import NotPressed, plain
from tenants.records.kinds import KINDS, KindSpec
from tenants.sqlite.formats import APPLICATION_ID
from tenants.sqlite.sqlcipher import Connection, open_encrypted
from tenants.store import AgencyStore
from tests.isolation.canaries import EVERYBODYS, Canaries, Canary
from tests.isolation.gateway_run import Running, open_stores
from tests.isolation.operators import REASON
from tests.isolation.planting import AUDIENCES
from tests.isolation.world import World

NAMES_OF_DOERS = "staff.display_name"
"""Who did something is told by name in records and audit lines of their own agency."""

_NOT_DATA = (
    type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.FrameType,
    types.CodeType, types.CoroutineType, types.GeneratorType,
)  # fmt: skip
_MACHINERY = frozenset({"asyncio", "_asyncio", "uvloop", "_contextvars", "threading"})
_OBJECTS_MAX = 400_000


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is where it must not be."""

    where: str
    what: str

    def __str__(self) -> str:
        """Return both in one line."""
        return f"{self.where}: {self.what}"


def quick_findings(world: World, running: Running) -> list[Finding]:
    """Look through what piles up between two turns, and empty it."""
    found = []
    texts = {
        "log": running.log.getvalue(),
        "metrics": exposition(running.metrics.registry).decode(),
        "trace": "\n".join(map(_span_text, running.spans.get_finished_spans())),
    }
    running.log.seek(0)
    running.log.truncate()
    running.spans.clear()
    for where, text in texts.items():
        found += [Finding(where, str(canary)) for canary in world.canaries.found_in(text)]
        found += [Finding(where, "a secret") for secret in _secrets(world) if secret in text]
    for slug, text in running.outbound.told:
        strangers = _of_others(world.canaries.found_in(text), slug)
        found += [Finding("bureau", f"{slug}'s was told {canary}") for canary in strangers]
    running.outbound.told.clear()
    return [*found, *_in_files(world, running)]


async def deep_findings(world: World, running: Running) -> list[Finding]:
    """Look through memory, and through every row of every file as those who have its key see it."""
    found = list(_in_memory(world, running))
    found += _in_directory(world)
    hashes: dict[str, str] = {}
    for slug, house in world.houses.items():
        found += await _in_store(world, running, house.agency, slug, hashes)
    return [*found, *await _in_events(world, running)]


def _in_files(world: World, running: Running) -> Iterator[Finding]:
    for folder in (running.home, running.temporary):
        for path in folder.rglob("*"):
            if path.is_file():
                for canary in world.canaries.marked_in(path.read_bytes()):
                    yield Finding("file", f"{path.name} holds {canary}")


def _in_memory(world: World, running: Running) -> Iterator[Finding]:
    """Walk from each store, and from all else, over what can be reached."""
    earlier = {id(one) for one in running.earlier}
    stores = [one for one in open_stores() if id(one) not in earlier]
    slugs = {house.agency.id: slug for slug, house in world.houses.items()}
    for store in stores:
        slug = slugs[store.agency_id]
        for canary in _of_others(_reached(world.canaries, [store], (DirectoryFile,)), slug):
            yield Finding("cache", f"the store of {slug} keeps {canary}")
    shared = _reached(world.canaries, [running.app, running.parts], (AgencyStore, World))
    for canary in shared:
        if not canary.path.startswith(("agency.", "staff.")) and canary.agency != EVERYBODYS:
            yield Finding("cache", f"what all agencies share keeps {canary}")


def _reached(canaries: Canaries, roots: Iterable[object], borders: tuple[type, ...]) -> set[Canary]:
    """Return the canaries in texts that can be reached from objects, without crossing a border."""
    seen: set[int] = set()
    waiting: list[Any] = list(roots)
    texts: list[str] = []
    while waiting and len(seen) < _OBJECTS_MAX:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, str):
            texts.append(one)
        elif isinstance(one, bytes | bytearray):
            texts.append(one.decode("latin-1"))
        elif isinstance(one, types.FunctionType):
            waiting.extend(one.__closure__ or ())
        elif not isinstance(one, (*_NOT_DATA, *borders)) and not _is_machinery(one):
            waiting.extend(gc.get_referents(one))
    assert len(seen) < _OBJECTS_MAX, "the walk through memory has lost its way"
    return canaries.found_in("\n".join(texts))


def _is_machinery(one: object) -> bool:
    """Say whether an object is of a library that keeps nothing of ours, or of the campaign."""
    module = type(one).__module__
    if module.startswith(("tests.", "graphql.type", "strawberry", "logging", "_pytest")):
        return True
    # The event loop reaches every task, and a context all that its task was given.
    return module.partition(".")[0] in _MACHINERY


async def _in_store(
    world: World, running: Running, agency: Agency, slug: str, hashes: dict[str, str]
) -> list[Finding]:
    found: list[Finding] = []
    async with running.parts.stores.lease(agency) as store:
        for spec in KINDS:
            async for record in store.scan(spec.record):
                strangers = _of_others(world.canaries.found_in(repr(record)), slug)
                found += [Finding("store", f"{slug}'s has {canary}") for canary in strangers]
    connection = open_encrypted(
        sqlite_path_of(world, agency),
        world.houses[slug].file_key,
        application_id=APPLICATION_ID,
        create=False,
        read_only=True,
    )
    try:
        for table, row in _rows(connection):
            found += _judge_row(world, slug, table, row)
        parts = "SELECT DISTINCT part FROM idx WHERE name LIKE 'consumer_by_%'"
        for (part,) in connection.execute(parts).fetchall():
            if hashes.setdefault(part, slug) != slug:
                found.append(Finding("store", f"{slug}'s has a blind index of {hashes[part]}'s"))
    finally:
        connection.close()
    return found


async def _in_events(world: World, running: Running) -> list[Finding]:
    """Judge what each agency's subscribers are delivered: ids alone, and of their own agency."""
    found: list[Finding] = []
    owners: dict[str, str] = {}
    for slug, house in world.houses.items():
        for event in await _delivered(running, house.agency):
            found += [Finding("event", str(one)) for one in world.canaries.found_in(repr(event))]
            if owners.setdefault(event.id, slug) != slug:
                found.append(Finding("event", f"{slug} is delivered one of {owners[event.id]}"))
    return found


async def _delivered(running: Running, agency: Agency) -> list[Event]:
    """Return all events that the broker still keeps for an agency."""
    events: list[Event] = []
    beginning = Cursor("of nothing that is known")
    async with running.parts.events.listen(agency, after=beginning) as deliveries:
        with suppress(TimeoutError):
            while True:
                async with asyncio.timeout(0.01):
                    delivery = await anext(deliveries)
                if isinstance(delivery, Delivered):
                    events.append(delivery.event)
    return events


def _judge_row(world: World, slug: str, table: str, row: Mapping[str, Any]) -> Iterator[Finding]:
    """Judge a row of a store as it lies in the file, personal fields sealed."""
    text = "\n".join(_as_text(value) for value in row.values())
    kind = str(row.get("kind", "")) if table == "entity" else ""
    for canary in world.canaries.found_in(text):
        where = f"{slug}'s {table} {kind}".rstrip()
        if canary.agency == slug and canary.path == NAMES_OF_DOERS:
            continue
        if canary.agency not in (slug, EVERYBODYS):
            yield Finding("store", f"{where} has {canary}")
        elif kind not in AUDIENCES or canary.path == REASON:
            yield Finding(_called(table), f"{where} has the value of {canary}")
        elif _is_sealed(canary.path, kind):
            yield Finding("store", f"{where} has {canary} unsealed")


def _called(table: str) -> str:
    return {"outbox": "event", "audit": "audit line"}.get(table, "store")


def _is_sealed(path: str, kind: str) -> bool:
    """Say whether what stands at a path is to be sealed, in a record of a kind that seals."""
    if not _SEALED[kind]:
        return False
    owner, _, within = path.partition(".")
    return any(within == one or within.startswith(f"{one}.") for one in _SEALED.get(owner, ()))


def _attributes(spec: KindSpec[Any]) -> tuple[str, ...]:
    groups: Any = spec.sealed
    if isinstance(groups, Mapping):
        return tuple(attribute for group in groups.values() for attribute in group)
    return tuple(groups)


_SEALED = {spec.kind: _attributes(spec) for spec in KINDS}


def _in_directory(world: World) -> Iterator[Finding]:
    connection = open_encrypted(
        world.home / DIRECTORY_FILE,
        world.directory_key,
        application_id=DIRECTORY_ID,
        create=False,
        read_only=True,
    )
    slugs = {house.agency.id: slug for slug, house in world.houses.items()}
    try:
        for table, row in _rows(connection):
            text = "\n".join(_as_text(value) for value in row.values())
            owner = slugs.get(str(row.get("agency_id") or row.get("scope") or row.get("id")))
            for canary in world.canaries.found_in(text):
                named = canary.path == NAMES_OF_DOERS or canary.path.startswith("agency.")
                granted = canary.path == REASON and table == "access_grant"
                if not (named or granted) or canary.agency != owner:
                    yield Finding("directory", f"{table} of {owner} has {canary}")
    finally:
        connection.close()


def sqlite_path_of(world: World, agency: Agency) -> Path:
    """Return an agency's file."""
    return world.home / STORES_FOLDER / f"{agency.id}.db"


def _rows(connection: Connection) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every row of every table, with its table's name."""
    tables = "SELECT name FROM sqlite_master WHERE type = 'table'"
    for (table,) in connection.execute(tables).fetchall():
        found = connection.execute(f'SELECT * FROM "{table}"')  # noqa: S608 -- from the file
        names = [column[0] for column in found.description]
        for row in found.fetchall():
            yield table, dict(zip(names, row, strict=True))


def _span_text(span: ReadableSpan) -> str:
    """Return all of a span that can say anything; its own JSON takes ten times as long."""
    events = [(event.name, dict(event.attributes or {})) for event in span.events]
    links = [dict(link.attributes or {}) for link in span.links]
    return f"{span.name} {dict(span.attributes or {})} {events} {links} {span.status.description}"


def _as_text(value: object) -> str:
    if not isinstance(value, bytes):
        return str(value)
    with suppress(NotPressed):
        value = plain(value, BODY_BYTES_MAX)
    return value.decode("latin-1")


def _of_others(canaries: Iterable[Canary], slug: str) -> list[Canary]:
    return [one for one in canaries if one.agency not in (slug, EVERYBODYS)]


def _secrets(world: World) -> Iterator[str]:
    """Yield every credential that is in use."""
    sessions = [*world.operators.values()]
    for house in world.houses.values():
        sessions += house.sessions.values()
    for session in sessions:
        yield from session.secrets
