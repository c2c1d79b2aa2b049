"""What `almoner doctor` finds out about the machine: home folder, modes, disk and ports."""

import os
import shlex
import shutil
import socket
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway.config import Config
from gateway.listening import bind
from gateway.settings import CannotStart
from gateway.workspace import ISSUER_FILE, RUN_FOLDER

FREE_BYTES_MIN = 500 * 1024 * 1024
PROBE_TIMEOUT_SECONDS = 0.5
_NAMED_MAX = 5
_OTHERS = 0o077
_SIMULATOR_HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check's outcome. state: `ok`, `warn` (runs, look at it) or `FAIL`."""

    check: str
    state: str
    finding: str
    remedy: str = ""


def fine(check: str, finding: str) -> Finding:
    """Return the finding that all is well."""
    return Finding(check=check, state="ok", finding=finding)


def machine(config: Config) -> Iterator[Finding]:
    """Check what surrounds the directory: to be done before anything of the home is opened."""
    yield fine("python", ".".join(str(part) for part in sys.version_info[:3]))
    if config.home.is_dir():
        yield _home(config.home)
        yield _files(config.home)
        yield _disk(config.home)
    yield _port(config.host, config.port, "gateway", "ALMONER_HOST or ALMONER_PORT")
    yield _port(
        config.operations_host,
        config.operations_port,
        "operations",
        "ALMONER_OPERATIONS_HOST or ALMONER_OPERATIONS_PORT",
    )
    if (config.home / ISSUER_FILE).is_file():  # a demo, which has four servers more
        yield _port(config.host, config.issuer_port, "token issuer", "ALMONER_ISSUER_PORT")
        yield _port(
            _SIMULATOR_HOST,
            config.transunion_port,
            "TransUnion simulator",
            "ALMONER_TRANSUNION_PORT",
        )
        yield _port(config.host, config.plaid_port, "Plaid simulator", "ALMONER_PLAID_PORT")
        yield _port(config.host, config.edge.port, "edge router", "ALMONER_EDGE_PORT")
        if config.tls_port:
            yield _port(config.host, config.tls_port, "gateway over TLS", "ALMONER_TLS_PORT")


def _home(home: Path) -> Finding:
    if stat.S_IMODE(home.stat().st_mode) & _OTHERS:
        return Finding(
            check="home",
            state="FAIL",
            finding=f"others on this machine can look into {home}",
            remedy=f"chmod 700 {shlex.quote(str(home))}",
        )
    return fine("home", str(home))


def _files(home: Path) -> Finding:
    """Check the mode of all that is in the home folder: opening a file would mend it unseen."""
    exposed = sorted(
        str(path.relative_to(home)) for path in _contents(home) if _is_open_to_others(path)
    )
    if not exposed:
        return fine("files", "their owner's alone")
    named = ", ".join(exposed[:_NAMED_MAX])
    more = f" and {len(exposed) - _NAMED_MAX} more" if len(exposed) > _NAMED_MAX else ""
    return Finding(
        check="files",
        state="FAIL",
        finding=f"not closed to others on this machine: {named}{more}",
        remedy=f"chmod -R go= {shlex.quote(str(home))}",
    )


def _contents(home: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(home):
        yield from (Path(folder) / name for name in [*folders, *files])
        if Path(folder) == home and RUN_FOLDER in folders:
            folders.remove(RUN_FOLDER)  # counters of running processes, made anew at each start


def _is_open_to_others(path: Path) -> bool:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:  # logs of databases come and go
        return False
    return not stat.S_ISLNK(mode) and bool(mode & _OTHERS)


def _disk(home: Path) -> Finding:
    free = shutil.disk_usage(home).free
    if free < FREE_BYTES_MIN:
        return Finding(
            check="disk",
            state="warn",
            finding=f"{free // 1024 // 1024} MB free under {home}",
            remedy="writes are refused, and nothing is lost, once it is full: make room",
        )
    return fine("disk", f"{free // 1024 // 1024} MB free")


def _port(host: str, port: int, what: str, settings: str) -> Finding:
    check = f"port {port}"
    if port == 0:
        return fine(check, f"{what}: any that is free")
    try:
        bind(host, port).close()
    except (CannotStart, UnicodeError) as error:  # a host can be too odd to be looked up at all
        if _answers(host, port):
            return fine(check, f"{what}: something listens (a running gateway?)")
        said = error.message if isinstance(error, CannotStart) else f"{host!r} is no address."
        return Finding(
            check=check, state="FAIL", finding=f"{what}: {said}", remedy=f"change {settings}"
        )
    return fine(check, f"{what}: free")


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=PROBE_TIMEOUT_SECONDS).close()
    except (OSError, UnicodeError):
        return False
    return True
