"""`make test`: the whole default suite, a file at a time on each core.

With arguments they go to pytest as they are (`make test ARGS="tests/tenants -v"`).
"""

import os
import subprocess
import sys
import time
from pathlib import Path

BIN = Path(sys.executable).parent


def main() -> int:
    """Run pytest and return its status."""
    if sys.argv[1:]:
        return subprocess.run([str(BIN / "pytest"), *sys.argv[1:]], check=False).returncode
    started = time.monotonic()
    workers = str(min(os.cpu_count() or 1, 8))
    suite = ["-q", "-n", workers, "--dist", "loadfile", "--durations", "10"]
    status = subprocess.run([str(BIN / "pytest"), *suite], check=False).returncode
    print(f"almoner: the suite took {time.monotonic() - started:.0f} s", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
