"""Adds API keys to a directory as fast as it can; run twice at once by test_processes.py.

Prints the epoch that each of its own changes was followed by.
"""

import asyncio
import json
import sys
from pathlib import Path

from domain.errors import TooLarge
from tenants.backend import Replayed
from tenants.directory.sqlite import open_directory
from tests.tenants.directory.directory_samples import FILE_KEY, a_key, a_once, audit


async def main(path: Path, agency_id: str, attempts: int) -> None:
    """Add keys until there are too many; one of them under an idempotency key that all share."""
    directory = open_directory(path, FILE_KEY, create=False)
    added, replayed, refused, epochs = 0, 0, 0, []
    for number in range(attempts):
        key = a_key(number)
        try:
            once = a_once(key) if number == 0 else None
            await directory.add_api_key(agency_id, key, audit(), once)
            added += 1
        except Replayed:
            replayed += 1
        except TooLarge:
            refused += 1
        epochs.append(directory.epoch(agency_id))
    await directory.aclose()
    counts = {"added": added, "replayed": replayed, "refused": refused, "epochs": epochs}
    sys.stdout.write(json.dumps(counts))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
