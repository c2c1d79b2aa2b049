"""The edge router's table and this installation: compiled from its directory, signed by its keys.

`almoner edge`, `make edge` and the router of `almoner dev` all come here.
"""

import os
import time
from collections.abc import Collection
from pathlib import Path

from domain.agencies import Agency
from edge_router.compiling import DAYS_DEFAULT, SITE_SLUG, Terms, compile_table
from edge_router.sealing import open_table, write_table
from edge_router.table import RoutingTable
from gateway.config import Config
from gateway.settings import CannotStart
from gateway.workspace import ISSUER_FILE
from tenants.keys.home import HomeKeys

EDGE_FILE = "edge.json"


def terms_of(
    config: Config,
    keys: HomeKeys,
    *,
    days: int = DAYS_DEFAULT,
    allow_shrink: bool = False,
    forget_cookies: bool = False,
) -> Terms:
    """Return what tables of this home are compiled by."""
    site = config.edge.site
    if site is None and (config.home / ISSUER_FILE).is_file():  # a demo: its sites are here
        site = f"http://{SITE_SLUG}.localhost:{config.port}"
    return Terms(
        site=site,
        information_url=config.edge.information_url,
        cookie_secret=lambda key_id: keys.derive(f"edge cookie {key_id}"),
        days=days,
        allow_shrink=allow_shrink,
        forget_cookies=forget_cookies,
    )


def compiled(
    agencies: Collection[Agency], terms: Terms, keys: HomeKeys, path: Path
) -> RoutingTable:
    """Compile the table that follows the one at `path`, put it in its place and return it.

    Raises InvalidInput with all that speaks against it; the one that is there then stays.
    """
    previous = opened(path, keys) if path.exists() else None
    table = compile_table(agencies, terms, int(time.time()), previous)
    _put(path, write_table(table, _signing_key(keys)))
    return table


def opened(path: Path, keys: HomeKeys) -> RoutingTable:
    """Return the table in a file that this home has signed; raises InvalidInput, CannotStart."""
    return open_table(_read(path), _signing_key(keys))


def opened_text(path: Path, keys: HomeKeys) -> bytes:
    """Return such a file as it is, once its signature holds; raises as `opened` does."""
    text = _read(path)
    open_table(text, _signing_key(keys))
    return text


def _signing_key(keys: HomeKeys) -> bytes:
    return keys.derive("edge table")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CannotStart(f"cannot read {path}: {error.strerror}.") from error


def _put(path: Path, text: bytes) -> None:
    """Write the file whole or not at all, readable by its owner alone: it holds keys."""
    temporary = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(text)
        temporary.replace(path)
    except OSError as error:
        raise CannotStart(f"cannot write {path}: {error.strerror}.") from error
