"""`make test`: the default suite, the quick tests on all cores and then the slow ones, one by one.

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
    quick = ["-q", "-m", "not slow", "-n", workers, "--dist", "loadfile"]
    slow = ["-q", "-m", "slow"]
    statuses = [
        subprocess.run([str(BIN / "pytest"), *part], check=False).returncode
        for part in (quick, slow)
    ]
    print(f"almoner: the suite took {time.monotonic() - started:.0f} s", flush=True)
    return max(statuses)


if __name__ == "__main__":
    sys.exit(main())
