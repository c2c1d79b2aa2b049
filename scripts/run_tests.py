"""`make test`: the whole suite, a file at a time for each worker.

With arguments they go to pytest as they are (`make test ARGS="tests/tenants -v"`); `--long` alone
makes the random campaigns as long as CI wants them.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BIN = Path(sys.executable).parent
LONG = "--long"
LONG_OPTIONS = ("--isolation-requests", "38000", "--oracle-documents", "5000")
WORKERS_MAX = 8
"""One more than there are cores: tests of processes wait for them, and another one runs then."""
MEMORY = Path("/dev/shm")  # noqa: S108 -- a folder of our own in it  # nosec B108
MEMORY_BYTES_MIN = 2 * 1024**3
NEVER_WRITTEN, WRITTEN_TO = "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"


def main() -> int:
    """Run pytest and return its status."""
    arguments = sys.argv[1:]
    if arguments and arguments != [LONG]:
        return subprocess.run([str(BIN / "pytest"), *arguments], check=False).returncode
    started = time.monotonic()
    workers = str(min((os.cpu_count() or 1) + 1, WORKERS_MAX))
    # Files go to the workers as they are collected: tests/conftest.py puts the slow ones first.
    suite = ["-q", "-n", workers, "--dist", "loadfile", "--no-loadscope-reorder"]
    suite += ["-o", "tmp_path_retention_policy=failed"]
    suite += ["--durations", "10", *(LONG_OPTIONS if arguments else ())]
    with quick_environment() as environment:
        done = subprocess.run([str(BIN / "pytest"), *suite], env=environment, check=False)
    print(f"almoner: the suite took {time.monotonic() - started:.0f} s", flush=True)
    return done.returncode


@contextmanager
def quick_environment() -> Iterator[dict[str, str]]:
    """Give an environment in which no time goes into what proves nothing.

    Hundreds of processes are started: where bytecode is not to lie beside the sources, it is kept
    in .venv instead of being made anew by each. And nobody cuts the power: a disk that is waited
    for shows nothing that memory does not, so temporary files are there where there is room.
    """
    environment = dict(os.environ)
    if environment.pop(NEVER_WRITTEN, ""):
        environment.setdefault(WRITTEN_TO, str(BIN.parent / "bytecode"))
    if not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < MEMORY_BYTES_MIN:
        yield environment
        return
    with tempfile.TemporaryDirectory(prefix="almoner-tests-", dir=MEMORY) as folder:
        yield environment | {"TMPDIR": folder}


if __name__ == "__main__":
    sys.exit(main())
