"""The settings with which `almoner serve` runs beside `almoner dev`: same home, same simulators."""

import json
import os
from pathlib import Path

from gateway.config import Config
from gateway.settings import rows_of, value_of

SERVE_FILE = "serve.toml"
_VENDORS = ("transunion", "plaid")
_OF_THE_PLATFORM = ("home", "issuer_port", "allow_test_ssn")


def write_serve_file(config: Config) -> Path:
    """Write `serve.toml` into the home folder, whole or not at all; return where it is.

    Its passwords are the simulators' published ones, or what the platform was configured with: it
    is readable by its owner alone.
    """
    lines = ["# Made anew at every start of `almoner dev`:"]
    lines.append(f"#   ALMONER_CONFIG={config.home / SERVE_FILE} ALMONER_PORT=9000 almoner serve")
    lines += [f"{name} = {_toml(value_of(config, name))}" for name in _OF_THE_PLATFORM]
    for vendor in _VENDORS:
        block = getattr(config, vendor)
        lines += ["", f"[{vendor}]"]
        for row in rows_of(type(block)):
            value = value_of(block, row.name)
            if value is not None:
                lines.append(f"{row.name} = {_toml(value)}")
    target = config.home / SERVE_FILE
    temporary = target.with_suffix(".new")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    temporary.replace(target)
    return target


def _toml(value: object) -> str:
    """Return a value as TOML: JSON's texts, numbers, truth values and lists are TOML's too."""
    if isinstance(value, tuple):
        return json.dumps([str(item) for item in value])
    if isinstance(value, bool | int):
        return json.dumps(value)
    return json.dumps(str(value))
