"""A process that commits an event to an agency's store and is killed with it open.

Run as `python -m tests.gateway.events.home_programs HOME SLUG`; prints the event's id.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from gateway.workspace import open_workspace
from tenants.store import Change
from tests.gateway.events.event_samples import some_event


async def main(home: Path, slug: str) -> None:
    """Commit, and die."""
    async with open_workspace(home) as workspace:
        agency = await workspace.directory.agency_by_slug(slug)
        assert agency is not None
        async with workspace.registry.lease(agency) as store:
            event = some_event()
            await store.commit(Change(event=event))
            os.write(1, event.id.encode())
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
