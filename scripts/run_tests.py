"""`make test`: the whole suite, a file at a time on each core.

With arguments they go to pytest as they are (`make test ARGS="tests/tenants -v"`); `--long` alone
makes the random campaigns as long as CI wants them.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

BIN = Path(sys.executable).parent
LONG = "--long"
LONG_OPTIONS = ("--isolation-requests", "30000")


def main() -> int:
    """Run pytest and return its status."""
    arguments = sys.argv[1:]
    if arguments and arguments != [LONG]:
        return subprocess.run([str(BIN / "pytest"), *arguments], check=False).returncode
    started = time.monotonic()
    workers = str(min(os.cpu_count() or 1, 8))
    suite = ["-q", "-n", workers, "--dist", "loadfile", "--durations", "10"]
    suite += LONG_OPTIONS if arguments else ()
    status = subprocess.run([str(BIN / "pytest"), *suite], check=False).returncode
    print(f"almoner: the suite took {time.monotonic() - started:.0f} s", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
