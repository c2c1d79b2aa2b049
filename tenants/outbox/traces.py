"""Which stores may hold events that nobody relays: a file per open store, locked by its opener.

A process that is killed leaves its file and loses the lock; one that ends with events still waiting
leaves it too. Whoever relays for the home folder finds such files by trying their locks, and so
opens the stores that need it and no other.
"""

import fcntl
import os
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from domain.ids import is_ulid, new_ulid
from tenants.sqlite.sqlcipher import make_private_directory, sync_directory

TRACES_FOLDER = "outbox"
_UNFINISHED = ".new"


@dataclass(slots=True)
class Trace:
    """A file that says that events of an agency may wait, locked until it is closed."""

    agency_id: str
    path: Path
    descriptor: int

    def leave(self) -> None:
        """Let go of the file and leave it: events wait."""
        os.close(self.descriptor)

    def remove(self) -> None:
        """Remove the file: nothing waits, or another file says so."""
        self.path.unlink(missing_ok=True)
        os.close(self.descriptor)


def begin_trace(folder: Path, agency_id: str) -> Trace:
    """Make a file for a store that is open from now on; on the disk on return. Raises OSError."""
    make_private_directory(folder)
    path = folder / f"{agency_id}.{new_ulid()}"
    unfinished = path.with_name(path.name + _UNFINISHED)
    descriptor = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        unfinished.rename(path)  # nobody looks at it before it is locked
        sync_directory(folder)
    except BaseException:
        os.close(descriptor)
        raise
    return Trace(agency_id, path, descriptor)


def abandoned(
    folder: Path, passed_over: AbstractSet[str] = frozenset(), only: str | None = None
) -> list[Trace]:
    """Return the files that nobody holds, each locked now; may raise OSError.

    Agencies passed over are left alone, and where `only` names one, all others.
    """
    found: list[Trace] = []
    for agency_id, path in _files(folder):
        if agency_id in passed_over or only not in (None, agency_id):
            continue
        with suppress(FileNotFoundError):  # whoever held it has removed it just now
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(descriptor)  # its owner lives
                continue
            found.append(Trace(agency_id, path, descriptor))
    return found


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    try:
        names = sorted(entry.name for entry in os.scandir(folder))
    except FileNotFoundError:
        return
    for name in names:
        agency_id, _, own = name.partition(".")
        if is_ulid(own):
            yield agency_id, folder / name
