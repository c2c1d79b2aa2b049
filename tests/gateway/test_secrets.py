"""Secrets by reference: where they are read, and how a change reaches a running gateway."""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway import secrets as secrets_module
from gateway.config import Config, TransUnionConfig
from gateway.secrets import (
    CannotRead,
    Secret,
    Secrets,
    is_reference,
    open_secrets,
    read_passphrase,
    read_secret,
)
from gateway.settings import CannotStart
from tenants.aws import AwsRefused, AwsSettings, ask, open_client
from tests.local_aws import CREDENTIALS, running_local_aws


@pytest.fixture(scope="module")
def local_aws() -> Iterator[AwsSettings]:
    with running_local_aws() as settings:
        yield settings


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


def config_with(**transunion: Any) -> Config:
    return Config(transunion=TransUnionConfig(**transunion))


async def put(path: Path, text: str) -> str:
    await asyncio.to_thread(path.write_text, text)
    return path.as_uri()


async def create(client: Any, name: str, text: str) -> None:
    try:
        await ask(client, "create_secret", Name=name, SecretString=text)
    except AwsRefused as error:  # on a slow machine the driver asks twice, and both arrive
        if error.code != "ResourceExistsException":
            raise


async def test_a_file_s_first_line_is_the_secret(tmp_path: Path) -> None:
    """The line ending is not part of it, spaces are, and its age is the file's."""
    for text in ("s3 cret\n", "s3 cret", "s3 cret\r\n", "s3 cret\nwhat else stands there"):
        reference = await put(tmp_path / "se cret", text)
        assert (await read_secret(reference, None)).current == "s3 cret"
    made = datetime.now(UTC) - timedelta(days=100)
    await asyncio.to_thread(os.utime, tmp_path / "se cret", (made.timestamp(), made.timestamp()))
    since = (await read_secret(reference, None)).since
    assert since is not None
    assert abs(since - made) < timedelta(seconds=1)


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "empty"), (b"\n", "empty"), (b"\xff", "UTF-8"), (b"x" * 70_000, "too long")],
)
async def test_what_is_no_secret_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    """An empty, binary or endless file is said to be one."""
    path = tmp_path / "secret"
    await asyncio.to_thread(path.write_bytes, content)
    with pytest.raises(CannotRead, match=words):
        await read_secret(path.as_uri(), None)
    with pytest.raises(CannotRead, match="No such file"):
        await read_secret("file:///nowhere/at/all", None)
    with pytest.raises(CannotRead, match="whole path"):
        await read_secret("file://secret", None)


def test_a_secret_itself_is_no_reference() -> None:
    """Only the two schemes say where a secret is; anything else is the secret, and never shown."""
    assert is_reference("file:///a")
    assert is_reference("secretsmanager://a#b")
    assert not any(is_reference(text) for text in ("", "hunter2", "https://a", "FILE:///a"))
    assert "hunter" not in repr(Secret(current="hunter2", previous="hunter1"))


async def test_the_start_names_the_setting_that_cannot_be_read() -> None:
    """A reference to nothing keeps the gateway from starting, in words that name it."""
    config = config_with(password="file:///nowhere/at/all")
    with pytest.raises(CannotStart, match=r"transunion\.password is file:///nowhere/at/all"):
        async with open_secrets(config):
            pass


async def test_a_change_is_seen_and_the_version_before_is_kept(tmp_path: Path) -> None:
    """The new version is current, the old one stays beside it, and listeners are told once."""
    path = tmp_path / "password"
    config = config_with(password=await put(path, "one"), system_password="literal")
    told: list[str] = []
    async with open_secrets(config, watch=False) as secrets:

        async def renew() -> None:
            told.append(secrets.of("transunion.password", None).current)

        secrets.on_change(renew)
        assert secrets.of("transunion.system_password", "literal").current == "literal"
        assert not await secrets.refresh()
        await put(path, "two")
        assert await secrets.refresh()
        held = secrets.of("transunion.password", None)
        assert (held.current, held.previous) == ("two", "one")
        await asyncio.to_thread(path.unlink)
        assert not await secrets.refresh()
        assert secrets.of("transunion.password", None) == held
    assert told == ["two"]


async def test_a_listener_that_cannot_follow_is_asked_again(tmp_path: Path) -> None:
    """A certificate whose key is still to come is tried again at the next round."""
    certificate = tmp_path / "client.pem"
    await put(certificate, "old")
    config = config_with(certificate_file=certificate)
    outcomes: list[Exception | None] = [CannotStart("they do not fit"), None]
    async with open_secrets(config, watch=False) as secrets:

        async def renew() -> None:
            outcome = outcomes.pop(0)
            if outcome is not None:
                raise outcome

        secrets.on_change(renew)
        await put(certificate, "new")
        assert await secrets.refresh()
        assert await secrets.refresh()
        assert not await secrets.refresh()
    assert outcomes == []


async def test_watching_sees_a_change_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without any signal a change is seen within the time of a poll."""
    assert secrets_module.POLL_SECONDS <= 60
    monkeypatch.setattr(secrets_module, "POLL_SECONDS", 0.05)
    path = tmp_path / "password"
    seen = asyncio.Event()
    async with open_secrets(config_with(password=await put(path, "one"))) as secrets:

        async def renew() -> None:
            seen.set()

        secrets.on_change(renew)
        await put(path, "two")
        async with asyncio.timeout(5):
            await seen.wait()
        assert secrets.of("transunion.password", None).current == "two"


async def test_sighup_has_them_read_at_once(tmp_path: Path) -> None:
    """Under `almoner serve` the signal is enough, and is not the process's end."""
    path = tmp_path / "password"
    config = replace(config_with(password=await put(path, "one")), command="serve")
    seen = asyncio.Event()
    async with open_secrets(config) as secrets:

        async def renew() -> None:
            seen.set()

        secrets.on_change(renew)
        await put(path, "two")
        os.kill(os.getpid(), 1)
        async with asyncio.timeout(5):
            await seen.wait()


async def test_the_passphrase_of_the_keyring_is_read_where_it_is(tmp_path: Path) -> None:
    """A path and a reference are the same; nothing named is no passphrase; a wrong one is said."""
    path = tmp_path / "passphrase"
    reference = await put(path, "correct horse\n")
    assert await read_passphrase(str(path), AwsSettings()) == "correct horse"
    assert await read_passphrase(reference, AwsSettings()) == "correct horse"
    assert await read_passphrase(None, AwsSettings()) is None
    with pytest.raises(CannotStart, match="ALMONER_KEYRING_PASSPHRASE_FILE"):
        await read_passphrase(str(tmp_path / "nowhere"), AwsSettings())


async def test_secrets_manager_gives_both_versions(local_aws: AwsSettings) -> None:
    """AWSCURRENT is the secret and AWSPREVIOUS the one before; a member of JSON is named by #."""
    async with open_client("secretsmanager", local_aws) as client:
        await create(client, "bureau/password", "one")
        first = await read_secret("secretsmanager://bureau/password", client)
        assert (first.current, first.previous) == ("one", None)
        assert first.since is not None
        assert abs(first.since - datetime.now(UTC)) < timedelta(minutes=5)
        await ask(client, "put_secret_value", SecretId="bureau/password", SecretString="two")
        second = await read_secret("secretsmanager://bureau/password", client)
        assert (second.current, second.previous) == ("two", "one")

        await create(client, "both", '{"system": "a", "password": "b"}')
        assert (await read_secret("secretsmanager://both#password", client)).current == "b"
        with pytest.raises(CannotRead, match="no JSON object with a member other"):
            await read_secret("secretsmanager://both#other", client)
        with pytest.raises(CannotRead, match="no such secret"):
            await read_secret("secretsmanager://nowhere", client)


async def test_a_rotation_in_secrets_manager_reaches_the_gateway(local_aws: AwsSettings) -> None:
    """A configuration that refers to Secrets Manager follows it, with both versions at hand."""
    async with open_client("secretsmanager", local_aws) as client:
        await create(client, "turning", "one")
        config = replace(
            config_with(password="secretsmanager://turning"),
            aws_endpoint_url=local_aws.endpoint_url,
            aws_region=local_aws.region,
        )
        async with open_secrets(config, watch=False) as secrets:
            assert secrets.of("transunion.password", None).current == "one"
            await ask(client, "put_secret_value", SecretId="turning", SecretString="two")
            assert await secrets.refresh()
            held = secrets.of("transunion.password", None)
            assert (held.current, held.previous) == ("two", "one")


async def test_a_secrets_manager_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    """An unreachable service is said with the setting's name; later it only leaves a log line."""
    config = replace(
        config_with(password="secretsmanager://a"),
        aws_endpoint_url="http://127.0.0.1:1",
        aws_region="us-east-1",
    )
    with pytest.raises(CannotStart, match=r"transunion\.password.*does not answer"):
        async with open_secrets(config):
            pass
    held = Secrets({"transunion.password": await put(tmp_path / "a", "one")})
    await held.read()
    assert held.known["transunion.password"].current == "one"
