"""The file of OIDC issuers and authorizers: what it may say, and what stops the start."""

from datetime import timedelta
from pathlib import Path

import pytest

from domain.actors import Group
from gateway.identity.providers import FILE_BYTES_MAX, NO_PROVIDERS, read_providers
from gateway.settings import CannotStart

OIDC = """
[[oidc]]
name = "login"
agency = "harbor"
issuer = "https://login.example/harbor/"
client_id = "web|mobile"
groups = { Counselors = "counselors" }
"""
AUTHORIZER = """
[[authorizer]]
name = "door"
agency = "harbor"
url = "https://door.example/authorize"
"""
WHOLE = f"""
{OIDC}
groups_claim = ["realm_access", "roles"]
iat_ttl_ms = 3600000
auth_ttl_ms = 28800000

{AUTHORIZER}
identity_validation_expression = "harbor-[a-z0-9]{{32}}"
authorizer_result_ttl_seconds = 60
"""


def written(folder: Path, text: str) -> Path:
    """Return a file of that text."""
    path = folder / "providers.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_nobody_vouches_without_a_file() -> None:
    """User pools and API keys are all there is then."""
    assert read_providers(None) is NO_PROVIDERS


def test_what_is_written_is_what_holds(tmp_path: Path) -> None:
    """Spans become spans, patterns patterns, and groups ours."""
    found = read_providers(written(tmp_path, WHOLE))
    issuer = found.issuers["https://login.example/harbor/"]
    assert (issuer.name, issuer.agency) == ("login", "harbor")
    assert issuer.groups == {"Counselors": Group.COUNSELORS}
    assert issuer.groups_claim == ("realm_access", "roles")
    assert issuer.issued_for == timedelta(hours=1)
    assert issuer.signed_in_for == timedelta(hours=8)
    assert issuer.client.matches("mobile")
    (door,) = found.authorizers
    assert (door.name, door.agency, door.result_ttl_seconds) == ("door", "harbor", 60)
    assert door.token is not None
    assert door.token.matches("harbor-" + "a1" * 16)


def test_what_is_left_out_has_a_default(tmp_path: Path) -> None:
    """A claim called groups, no further ends, answers kept for five minutes, tokens of any look."""
    found = read_providers(written(tmp_path, OIDC + AUTHORIZER))
    (issuer,) = found.issuers.values()
    assert (issuer.groups_claim, issuer.issued_for, issuer.signed_in_for) == (
        ("groups",),
        None,
        None,
    )
    (door,) = found.authorizers
    assert (door.token, door.result_ttl_seconds) == (None, 300)


def test_a_process_for_one_agency_holds_no_other_s(tmp_path: Path) -> None:
    """Neither issuers nor authorizers."""
    path = written(tmp_path, WHOLE)
    assert read_providers(path, only="summit") == NO_PROVIDERS
    assert len(read_providers(path, only="harbor").authorizers) == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[oidc]", "providers.toml"),
        ("x = 1", "unknown field"),
        ("\x00", "providers.toml"),
        ("#" * (FILE_BYTES_MAX + 1), "larger"),
        (OIDC.replace("client_id", "client"), "unknown field"),
        (OIDC.replace('client_id = "web|mobile"\n', ""), "client_id"),
        (OIDC.replace("web|mobile", ""), "length"),
        (OIDC.replace("web|mobile", "(?=web)"), "no pattern"),
        (OIDC.replace("web|mobile", "w" * 513), "length"),
        (OIDC.replace('"login"', '"Login"'), "name"),
        (OIDC.replace('"login"', '"a:b"'), "name"),
        (OIDC.replace('"login"', '"os"'), "taken"),
        (OIDC.replace("https://login", "http://login"), "https"),
        (OIDC.replace("harbor/", "harbor?x=1"), "https"),
        (OIDC.replace("https://login", "https://me:pass@login"), "https"),
        (OIDC.replace("{ Counselors", "{ Chiefs = 'operators', Counselors"), "Operators"),
        (OIDC.replace("{ Counselors", "{ Chiefs = 'chiefs', Counselors"), "chiefs"),
        (OIDC.replace('{ Counselors = "counselors" }', "{}"), "groups"),
        (OIDC + "groups_claim = []", "groups_claim"),
        (OIDC + "iat_ttl_ms = 0", "iat_ttl_ms"),
        (OIDC + "iat_ttl_ms = true", "iat_ttl_ms"),
        (OIDC + "auth_ttl_ms = '1h'", "auth_ttl_ms"),
        (OIDC + OIDC, "more than once"),
        (OIDC + OIDC.replace('"login"', '"other"'), "issuer"),
        (OIDC + AUTHORIZER.replace('"door"', '"login"'), "more than once"),
        (AUTHORIZER + AUTHORIZER.replace('"door"', '"other"'), "authorizer of agency harbor"),
        (AUTHORIZER.replace("https://door", "http://door"), "https"),
        (AUTHORIZER + "identity_validation_expression = '('", "no pattern"),
        (AUTHORIZER + "authorizer_result_ttl_seconds = 3601", "3600"),
        (AUTHORIZER + "authorizer_result_ttl_seconds = -1", "0"),
    ],
)
def test_what_is_not_right_stops_the_start(tmp_path: Path, text: str, told: str) -> None:
    """The file is named, and what is wrong in it: nothing is passed over."""
    with pytest.raises(CannotStart) as refusal:
        read_providers(written(tmp_path, text))
    assert "providers.toml" in refusal.value.message
    assert told in refusal.value.message


def test_a_file_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    """It says which setting names it."""
    with pytest.raises(CannotStart, match="ALMONER_PROVIDERS_FILE"):
        read_providers(tmp_path / "none.toml")


def test_an_authorizer_on_this_machine_may_be_asked_in_plain(tmp_path: Path) -> None:
    """For development: beyond this machine tokens go over TLS alone."""
    text = AUTHORIZER.replace("https://door.example", "http://127.0.0.1:9000")
    (door,) = read_providers(written(tmp_path, text)).authorizers
    assert door.url == "http://127.0.0.1:9000/authorize"
