"""Does one change of a directory again and again, killed before its 1st, 2nd, 3rd … statement.

Run as a program by test_processes.py: forking wants a process without threads.
"""

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from domain.agencies import AgencyStatus
from tenants.directory.sqlite import SqliteDirectory, open_directory
from tests.tenants.directory.directory_samples import (
    FILE_KEY,
    OPERATORS,
    WRAPPED,
    a_key,
    a_member,
    a_once,
    a_revocation,
    an_agency,
    audit,
)

STATEMENTS_MAX = 60
HARBOR, OLD, NEW = an_agency("harbor"), a_key(), a_key(1)

CHANGES: dict[str, Callable[[SqliteDirectory], Awaitable[None]]] = {
    "set_operator_pool": lambda d: d.set_operator_pool(OPERATORS, audit()),
    "add_agency": lambda d: d.add_agency(an_agency("summit"), WRAPPED, audit()),
    "update_agency": lambda d: d.update_agency(
        replace(HARBOR, status=AgencyStatus.SUSPENDED, pools=(*HARBOR.pools, OPERATORS)), audit()
    ),
    "remove_agency": lambda d: d.remove_agency(HARBOR.id, audit()),
    "add_wrapped_keys": lambda d: d.add_wrapped_keys(
        HARBOR.id, [replace(key, key_id="2") for key in WRAPPED], audit()
    ),
    "put_staff": lambda d: d.put_staff(HARBOR.id, a_member("sub-2"), audit()),
    "add_api_key": lambda d: d.add_api_key(HARBOR.id, NEW, audit(), a_once(NEW)),
    "replace_api_key": lambda d: d.replace_api_key(
        HARBOR.id, replace(OLD, revoked_at=audit().at), audit()
    ),
    "rotate_api_key": lambda d: d.rotate_api_key(
        HARBOR.id, replace(OLD, expires_at=audit().at), NEW, audit(), a_once(NEW)
    ),
    "revoke": lambda d: d.revoke(None, a_revocation("jti", "t1"), audit()),
}


async def state(directory: SqliteDirectory) -> str:
    """Return all that can be read, and how much was counted, as text to compare."""
    agencies = await directory.agencies()
    scopes: list[str | None] = [None, HARBOR.id, *(one.id for one in agencies)]
    lines = [len(await directory.audit_lines(scope, None, 99)) for scope in scopes]
    return repr(
        (
            sorted((one.slug, one.status, one.pools) for one in agencies),
            await directory.operator_pool(),
            [await directory.wrapped_keys(one.id) for one in agencies],
            len(await directory.staff(HARBOR.id)),
            await directory.api_keys(HARBOR.id),
            await directory.once(HARBOR.id, "once-1"),
            await directory.is_revoked(
                None, subject="-", issued_at=audit().at, jti="t1", origin_jti=None
            ),
            lines,
            [directory.epoch(scope) for scope in scopes],
        )
    )


def with_directory(path: Path, use: Callable[[SqliteDirectory], Awaitable[object]]) -> object:
    """Open the directory, use it, close it."""
    create = not path.exists()

    async def run() -> object:
        directory = open_directory(path, FILE_KEY, create=create)
        try:
            return await use(directory)
        finally:
            await directory.aclose()

    return asyncio.run(run())


def change_and_die(path: Path, name: str, statement: int) -> None:
    """Do the change in this process, and be killed when its nth statement begins."""
    seen = 0

    def count(_: str) -> None:
        nonlocal seen
        seen += 1
        if seen == statement:
            os.kill(os.getpid(), signal.SIGKILL)

    async def change(directory: SqliteDirectory) -> None:
        directory._writing.set_trace_callback(count)
        await CHANGES[name](directory)

    with_directory(path, change)


def main(folder: Path, name: str) -> dict[str, object]:
    """Return, for each statement, which state there is after a kill: before or after the change."""

    async def prepare(directory: SqliteDirectory) -> str:
        await directory.add_agency(HARBOR, WRAPPED, audit())
        await directory.put_staff(HARBOR.id, a_member(), audit())
        await directory.add_api_key(HARBOR.id, OLD, audit())
        return await state(directory)

    pristine = folder / "pristine" / "directory.db"
    states = [with_directory(pristine, prepare)]
    for statement in range(1, STATEMENTS_MAX):
        path = folder / str(statement) / "directory.db"
        shutil.copytree(pristine.parent, path.parent)
        child = os.fork()
        if child == 0:
            change_and_die(path, name, statement)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        states.append(with_directory(path, state))
        if not os.WIFSIGNALED(status):
            break
    before, *killed, after = states
    names = {before: "before", after: "after"}
    return {
        "exit": os.waitstatus_to_exitcode(status),
        "killed": [names.get(one, "half") for one in killed],
        "changed": before != after,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]), sys.argv[2])))
