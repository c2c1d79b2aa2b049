"""HTTPS on this machine: made once, renewed in time, and told to whoever is to trust it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from domain.errors import NotFound
from gateway.local.authority import LocalTls, trusted


def test_what_is_good_is_kept_until_a_week_before_its_end(tmp_path: Path) -> None:
    """Whoever trusts it is not asked again at every start."""
    files = LocalTls.within(tmp_path)
    assert files.ensure()
    first = trusted(tmp_path)
    assert not files.ensure()
    assert trusted(tmp_path) == first
    later = datetime.now(UTC) + timedelta(days=359)
    assert files.ensure(now=lambda: later)
    assert trusted(tmp_path).fingerprint != first.fingerprint


def test_what_is_told_is_what_is_there(tmp_path: Path) -> None:
    """The file, as it can be named from anywhere, its fingerprint, and its end in a year."""
    LocalTls.within(tmp_path).ensure()
    told = trusted(tmp_path)
    assert told.file.is_absolute()
    assert told.file == LocalTls.within(tmp_path).authority
    assert len(told.fingerprint.split(":")) == 32
    assert timedelta(days=363) < told.until - datetime.now(UTC) < timedelta(days=366)


@pytest.mark.parametrize("damaged", [False, True])
def test_without_one_it_is_said_how_to_get_one(tmp_path: Path, damaged: bool) -> None:
    """A home folder without an authority, or with a damaged one."""
    files = LocalTls.within(tmp_path)
    if damaged:
        files.ensure()
        files.authority.write_bytes(b"nothing")
    with pytest.raises(NotFound, match="almoner dev"):
        trusted(tmp_path)
