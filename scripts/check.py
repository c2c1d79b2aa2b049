"""`make check`: format, lint, types, imports, schema, holes and secrets; all, then the verdict."""

import subprocess
import sys
import time
from pathlib import Path

BIN = Path(sys.executable).parent
SOURCES = (
    "conformance",
    "domain",
    "edge_router",
    "gateway",
    "integrations",
    "resolvers",
    "schema",
    "scripts",
    "tenants",
)
STEPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("format", ("ruff", "format", "--check", "--quiet", ".")),
    ("lint", ("ruff", "check", "--quiet", ".")),
    ("types", ("mypy", "--no-error-summary")),
    ("import contracts", ("lint-imports", "--no-cache")),
    ("schema snapshot", ("python", "scripts/schema_snapshot.py", "--check")),
    ("bandit", ("bandit", "--quiet", "--configfile", "pyproject.toml", "--recursive", *SOURCES)),
    ("secrets", ("python", "scripts/secret_scan.py")),
)


def main() -> int:
    """Run every step, show the output of those that fail, and return 1 if any did."""
    failed = []
    for name, (program, *arguments) in STEPS:
        started = time.monotonic()
        done = subprocess.run(
            [str(BIN / program), *arguments], capture_output=True, text=True, check=False
        )
        seconds = time.monotonic() - started
        print(f"{'ok  ' if done.returncode == 0 else 'FAIL'} {name} ({seconds:.1f} s)", flush=True)
        if done.returncode != 0:
            failed.append(name)
            print((done.stdout + done.stderr).rstrip(), flush=True)
    if failed:
        print(f"almoner: make check failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
