"""The table as a file: what keeps a wrong one from going out, and a changed one from being used."""

import json
from dataclasses import replace

import pytest

from domain.agencies import Agency, AgencyStatus
from domain.errors import InvalidInput
from edge_router.compiling import DAY_SECONDS, Terms, compile_table
from edge_router.sealing import open_table, read_bundled, write_table
from tests.edge_router.edge_samples import (
    AGENCIES,
    AT,
    FULL,
    HARBOR,
    SUMMIT,
    TERMS,
    a_table,
    an_agency,
)

KEY = b"k" * 32


def refused(*agencies: Agency, terms: Terms = TERMS, **more: object) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        compile_table(agencies, terms, AT, **more)  # type: ignore[arg-type]
    return [fault.path for fault in caught.value.fields]


def test_a_table_comes_back_as_it_was_written() -> None:
    """Signed and opened it is the same, from a bundle too."""
    table = a_table()
    text = write_table(table, KEY)

    assert open_table(text, KEY) == table == read_bundled(text)


def test_a_changed_table_does_not_open() -> None:
    """Neither with another site, nor another key, nor without a signature, nor cut off."""
    text = write_table(a_table(), KEY)
    sealed = json.loads(text)
    sealed["table"]["agencies"][0]["site"] = "https://evil.example"
    unsigned = {"table": sealed["table"]}
    cut = text[: len(text) // 2]
    for changed in (
        json.dumps(sealed).encode(),
        json.dumps(unsigned).encode(),
        cut,
        b"[]",
        b"\xff",
    ):
        with pytest.raises(InvalidInput):
            open_table(changed, KEY)
    with pytest.raises(InvalidInput, match="faults"):
        open_table(text, b"o" * 32)


def test_a_newer_format_is_refused() -> None:
    """A table of a form that this release does not know is not guessed at."""
    sealed = json.loads(write_table(a_table(), KEY))
    sealed["table"]["format"] = 2
    with pytest.raises(InvalidInput) as caught:
        read_bundled(json.dumps(sealed).encode())
    assert "format" in caught.value.fields[0].message


def test_suspended_agencies_are_not_routed_to() -> None:
    """Only active ones are in the table."""
    table = a_table(HARBOR, replace(SUMMIT, status=AgencyStatus.SUSPENDED))
    assert set(table.by_agency) == {"harbor"}


def test_weights_of_nothing_are_refused() -> None:
    """A table by which nobody would be routed does not come about."""
    assert refused(replace(HARBOR, routing=replace(HARBOR.routing, weight=0))) == ["weight"]


@pytest.mark.parametrize(
    "site",
    [
        "http://{slug}.example",
        "https://{slug}.example/path",
        "https://{slug}.example?x",
        "https://u:p@{slug}.example",
        "javascript:alert(1)",
        'https://{slug}.example"',
        "{slug}",
    ],
)
def test_a_site_is_an_https_origin(site: str) -> None:
    """Anything else is refused, by the agency's name; so is one site for several."""
    assert "harbor.site" in refused(HARBOR, terms=replace(TERMS, site=site))


def test_sites_are_each_agencys_own() -> None:
    """One site for two agencies, or none at all, is refused; a website of its own does."""
    assert refused(HARBOR, SUMMIT, terms=replace(TERMS, site="https://a.example")) == ["site"]
    assert refused(HARBOR, terms=replace(TERMS, site=None)) == ["harbor.site"]
    own = replace(HARBOR, website="https://harbor.example/")
    table = compile_table([own], replace(TERMS, site=None), AT)
    assert table.by_agency["harbor"].site == "https://harbor.example"
    local = compile_table([HARBOR], replace(TERMS, site="http://{slug}.localhost:8000"), AT)
    assert local.by_agency["harbor"].site == "http://harbor.localhost:8000"


def test_a_code_of_two_agencies_is_refused() -> None:
    """A code names one agency, or nobody could say whose visitor it brings."""
    assert refused(HARBOR, an_agency("other", "MI", partner_codes=("HARBOR10",))) == [
        "partnerCodes"
    ]


def test_a_table_that_shrinks_is_refused() -> None:
    """A state without anybody, or a quarter of the agencies gone, has to be meant."""
    before = a_table()
    assert refused(HARBOR, FULL, previous=before) == ["states", "agencies"]
    meant = replace(TERMS, allow_shrink=True)
    assert len(compile_table([HARBOR], meant, AT, before).routes) == 1


def test_versions_rise_and_tables_end() -> None:
    """Each is newer than the one before, also within one second; the end is as far as was said."""
    first = a_table()
    second = a_table(previous=first)
    assert second.version > first.version
    assert first.expires_at == AT + 30 * DAY_SECONDS
    assert refused(HARBOR, terms=replace(TERMS, days=0)) == ["days"]
    assert refused(HARBOR, terms=replace(TERMS, information_url="x")) == ["informationUrl"]


def test_keys_that_leaked_are_forgotten() -> None:
    """With forget_cookies no key before is in the table, nor does the day's own come back."""
    leaked = a_table()
    fresh = compile_table(AGENCIES, replace(TERMS, forget_cookies=True), AT + 60, leaked)
    later = a_table(at=AT + 120, previous=fresh)

    assert len(fresh.keys) == 1
    assert fresh.keys[0].secret != leaked.keys[0].secret
    assert later.keys == fresh.keys
    next_day = a_table(at=AT + DAY_SECONDS, previous=later)
    assert [key.id for key in next_day.keys[1:]] == [fresh.keys[0].id]


def test_a_table_shows_no_key() -> None:
    """The secrets of cookies are not in what is printed of a table."""
    table = a_table()
    assert str(table.keys[0].secret) not in repr(table)
