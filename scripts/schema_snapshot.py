"""Writes the served schema to schema/schema.graphql, or with --check says whether it is current."""

import sys
from pathlib import Path

from schema.build import create_schema, schema_sdl

SNAPSHOT = Path(__file__).parent.parent / "schema" / "schema.graphql"


def main() -> int:
    """Write or compare; return 1 where the snapshot is not current."""
    served = schema_sdl(create_schema())
    if "--check" not in sys.argv[1:]:
        SNAPSHOT.write_text(served, encoding="utf-8")
        return 0
    if SNAPSHOT.is_file() and SNAPSHOT.read_text(encoding="utf-8") == served:
        return 0
    print("schema/schema.graphql is not what is served. Look at the difference, then renew it:")
    print("    .venv/bin/python scripts/schema_snapshot.py")
    return 1


if __name__ == "__main__":
    sys.exit(main())
