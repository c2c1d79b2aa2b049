"""The provider's file: brought forward from the first format, and silent about what it holds."""

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pyotp
import pytest

from domain.actors import Group
from gateway.local.identity_provider.challenges import Challenge, put_challenge
from gateway.local.identity_provider.failures import count_failure
from gateway.local.identity_provider.file import APPLICATION_ID, FORMAT, StateFile
from gateway.local.identity_provider.keys import published_keys
from gateway.local.identity_provider.limits import PENDING_MAX
from gateway.local.identity_provider.pending import tidy
from gateway.local.issuer import LocalIssuer
from tenants.sqlite.sqlcipher import NewerFormat, open_encrypted
from tests.gateway.local.identity_provider.running import (
    CLIENT,
    COUNSELOR,
    FILE_KEY,
    HARBOR,
    PASSWORD,
    SUBJECTS,
    Running,
)


def make_first_format(path: Path, template: Path) -> None:
    """Write a file as the releases before wrote it."""
    with StateFile.open(template, FILE_KEY, create=False).reading() as connection:
        stored = connection.execute("SELECT private_key FROM signing_key").fetchall()[0][0]
    old = open_encrypted(path, FILE_KEY, application_id=APPLICATION_ID, create=True)
    old.execute(
        "CREATE TABLE pool (id TEXT PRIMARY KEY, client_id TEXT NOT NULL,"
        " private_key BLOB NOT NULL) STRICT, WITHOUT ROWID"
    )
    old.execute(
        "CREATE TABLE user (pool_id TEXT NOT NULL REFERENCES pool (id), email TEXT NOT NULL,"
        " subject TEXT NOT NULL, display_name TEXT NOT NULL, user_group TEXT NOT NULL,"
        " agency TEXT, PRIMARY KEY (pool_id, email), UNIQUE (pool_id, subject))"
        " STRICT, WITHOUT ROWID"
    )
    old.execute("INSERT INTO pool VALUES (?, ?, ?)", (HARBOR, CLIENT, stored))
    old.execute(
        "INSERT INTO user VALUES (?, ?, ?, 'Grace', 'counselors', 'harbor')",
        (HARBOR, COUNSELOR, SUBJECTS[COUNSELOR]),
    )
    old.close()


def test_a_file_of_the_first_format_is_brought_forward(
    tmp_path: Path, template: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Pools, keys and users are there as before; a password can be given to who had none."""
    make_first_format(tmp_path / "old.db", template)
    for _ in range(2):
        issuer = LocalIssuer.open(tmp_path / "old.db", FILE_KEY, create=False)
        [user] = issuer.users()
        token = issuer.mint(user, base_url="http://127.0.0.1:8001")
        [key] = issuer.jwks(HARBOR)["keys"]
        claims = jwt.decode(token, jwt.PyJWK(key), algorithms=["RS256"])

        assert (user.email, user.subject) == (COUNSELOR, SUBJECTS[COUNSELOR])
        assert (user.groups, user.agency) == ((Group.COUNSELORS,), "harbor")
        assert user.display_name == "Grace"
        assert claims["client_id"] == CLIENT
        issuer.ensure_password(HARBOR, COUNSELOR, PASSWORD)
        issuer.close()
    assert [record.message for record in caplog.records] == [
        "The local identity provider's state was brought from format 1 to 2: "
        "releases before this one refuse it now"
    ]


def test_a_file_of_a_later_release_is_refused(path: Path) -> None:
    """It is sound, and not to be written by this one."""
    with StateFile.open(path, FILE_KEY, create=False).unit() as connection:
        connection.execute(f"PRAGMA user_version = {FORMAT + 1}")
    with pytest.raises(NewerFormat):
        LocalIssuer.open(path, FILE_KEY, create=False)


def test_no_secret_is_kept_in_words(provider: Running) -> None:
    """Behind the file's encryption too: verifiers of passwords, hashes of tokens and codes."""
    tokens = provider.sign_in()
    provider.call("ForgotPassword", ClientId=CLIENT, Username=COUNSELOR)
    session = provider.call(
        "InitiateAuth",
        ClientId=CLIENT,
        AuthFlow="USER_SRP_AUTH",
        AuthParameters={"USERNAME": COUNSELOR, "SRP_A": "abcdef"},
    ).json()["ChallengeParameters"]["SECRET_BLOCK"]
    tables = ("user", "sign_in", "challenge", "code", "failure", "revocation")
    with provider.issuer.file.reading() as connection:
        rows = {
            name: connection.execute(f"SELECT * FROM {name}").fetchall()  # noqa: S608
            for name in tables
        }
    kept = repr(rows)
    raw = b"".join(
        value for table in rows.values() for row in table for value in row if type(value) is bytes
    )

    assert COUNSELOR in kept
    for secret in (PASSWORD, tokens["RefreshToken"], tokens["AccessToken"], session):
        assert secret not in kept
        assert secret.encode() not in raw
    assert base64.b64decode(session) not in raw
    [code] = rows["code"]
    assert provider.secret_sent_to(COUNSELOR) not in code


def test_nothing_is_logged_that_lets_anybody_in(
    provider: Running,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Good and bad calls say nothing anywhere: what is sent goes to whom it is for alone."""
    caplog.set_level("DEBUG")
    access = provider.sign_in()["AccessToken"]
    provider.password_auth(COUNSELOR, "Wrong-Password-1")
    provider.call("SignUp", ClientId=CLIENT, Username="new@harbor.test", Password=PASSWORD)
    secret = provider.call("AssociateSoftwareToken", AccessToken=access).json()["SecretCode"]
    provider.call("VerifySoftwareToken", AccessToken=access, UserCode=pyotp.TOTP(secret).at(0))
    provider.issuer.close()
    provider.call("GetUser", AccessToken=access)
    captured = capfd.readouterr()
    said = captured.out + captured.err + "".join(
        record.getMessage() for record in caplog.records if not record.name.startswith("http")
    )  # fmt: skip

    for word in (PASSWORD, "Wrong-Password-1", access, secret, *map(repr, provider.messages)):
        assert word not in said
    for message in provider.messages:
        assert message.secret not in repr(message)


def test_what_is_under_way_is_bounded(path: Path) -> None:
    """Who begins and never ends fills no disk: the oldest make room, and time removes the rest."""
    at = datetime.now(UTC)
    file = StateFile.open(path, FILE_KEY, create=False)
    with file.unit() as connection:
        connection.executemany(
            "INSERT INTO challenge (id, pool_id, kind, client_id, state, expires_at)"
            " VALUES (?, '', '', '', '{}', 9223372036854775807 - ?)",
            [(number.to_bytes(4, "big"), number) for number in range(PENDING_MAX + 50)],
        )
        for number in range(3):
            count_failure(connection, HARBOR, f"name {number}", at)
        tidy(connection, at)
        [(challenges,)] = connection.execute("SELECT count(*) FROM challenge").fetchall()
        [(failures,)] = connection.execute("SELECT count(*) FROM failure").fetchall()
        assert (challenges, failures) == (PENDING_MAX, 3)

        connection.execute("UPDATE challenge SET expires_at = 0")
        put = Challenge(kind="x", pool_id=HARBOR, client_id=CLIENT, state={})
        put_challenge(connection, put, at + timedelta(minutes=16))
        [(challenges,)] = connection.execute("SELECT count(*) FROM challenge").fetchall()
        [(failures,)] = connection.execute("SELECT count(*) FROM failure").fetchall()
        assert (challenges, failures) == (1, 0)
        assert len(published_keys(connection, HARBOR)) == 1
    file.close()
