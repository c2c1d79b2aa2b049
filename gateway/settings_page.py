"""Writes docs/configuration.md from the table of settings: `python -m gateway.settings_page`."""

import dataclasses
import sys
import typing
from collections.abc import Iterator

from gateway.config import Config
from gateway.settings import Row, rows_of, shown

HEAD = """# Configuration

<!-- Written by `python -m gateway.settings_page > docs/configuration.md`; a test compares it. -->

A setting is an environment variable, or a key in one TOML file that `ALMONER_CONFIG` names. The
stronger one wins: command line, environment, file, default. An unknown name is an error that says
which one may have been meant. `almoner config` prints the effective values, secrets masked, each
with where it came from.

In the file a setting has the name below; those of a block stand in its table:

```toml
port = 8000
cors_origins = ["https://app.example"]

[limits]
depth = 10
```

In the environment, lists are separated by commas, and an empty text is "none" where a setting may
be left out. Secrets are taken from the environment or the file, never from the command line; a
setting that is a secret may also say where the secret is: `file:///run/secrets/name`, or
`secretsmanager://name` (`secretsmanager://name#member` where it is JSON). Then it is read again
while the gateway runs, so that it can be changed without a restart.

`almoner dev` and every other command work in `./.almoner` unless `ALMONER_HOME` says otherwise;
`almoner serve` demands it. `almoner dev` changes some defaults, as the tables say.
"""


def settings_page() -> str:
    """Return the page."""
    parts = [HEAD, _section("The gateway", [row for row in rows_of(Config) if "." not in row.name])]
    hints = typing.get_type_hints(Config)
    for field in dataclasses.fields(Config):
        kind = hints[field.name]
        if dataclasses.is_dataclass(kind) and isinstance(kind, type):
            title = f"`[{field.name}]`"
            parts.append(_section(title, list(rows_of(kind, f"{field.name}.")), kind.__doc__))
    return "\n".join(parts)


def _section(title: str, rows: list[Row], text: str | None = None) -> str:
    lines = [f"## {title}", ""]
    if text:
        lines += [text.splitlines()[0], ""]
    lines += ["| name | variable | default | what it is |", "|---|---|---|---|"]
    lines += [
        f"| `{row.name.rpartition('.')[2]}` | `{row.variable}` | {_default(row)} | {_about(row)} |"
        for row in rows
    ]
    return "\n".join([*lines, ""])


def _default(row: Row) -> str:
    text = shown(row, row.default or None) if row.about.secret else shown(row, row.default)
    default = f"`{text}`" if text else "none"
    if row.about.under_dev is None:
        return default
    return f"{default}; under `dev` `{shown(row, row.about.under_dev)}`"


def _about(row: Row) -> str:
    return " ".join([row.about.doc, *_bounds(row)])


def _bounds(row: Row) -> Iterator[str]:
    about = row.about
    if about.at_least is not None and about.at_most is not None:
        yield f"{about.at_least} to {about.at_most}."
    if about.choices:
        yield f"One of {', '.join(f'`{choice}`' for choice in about.choices)}."
    if about.secret:
        yield "Secret."


if __name__ == "__main__":
    sys.stdout.write(settings_page())
