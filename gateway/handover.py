"""What supervisor and worker say to each other: the configuration one way, `ready` the other.

The configuration is the supervisor's own, not read a second time. A worker that is started again
hours later must run with what its supervisor runs with, whatever has become of the file since.
"""

import msgspec

from gateway.config import Config, Source
from gateway.settings import build, read_value, rows_of, value_of

# What a worker says on its standard output, once.
READY = "ready"
FAILED = "failed: "


def hand_over(config: Config) -> bytes:
    """Return the configuration as one line of JSON, secrets included: for a pipe alone."""
    values: dict[str, object] = {}
    for row in rows_of(Config):
        value = value_of(config, row.name)
        values[row.name] = value if isinstance(value, int | tuple | None) else str(value)
    sources = {name: str(source) for name, source in config.sources.items()}
    return msgspec.json.encode({"command": config.command, "values": values, "sources": sources})


def take_over(line: bytes) -> Config:
    """Return the configuration that was handed over."""
    given = msgspec.json.decode(line)
    values = {
        row.name: read_value(row, given["values"][row.name], where=row.name)
        for row in rows_of(Config)
    }
    sources = {name: Source(source) for name, source in given["sources"].items()}
    config: Config = build(Config, values | {"command": given["command"], "sources": sources})
    return config
