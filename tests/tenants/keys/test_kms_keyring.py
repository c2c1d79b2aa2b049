"""The keyring in AWS KMS, tried against a local one: a key opens for its own agency alone."""

import asyncio
import importlib
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from domain.errors import StoreUnavailable
from tenants import aws
from tenants.aws import AwsSettings, ask, open_client
from tenants.directory.backup import backup, restore
from tenants.directory.sqlite import DIRECTORY_FILE, open_directory
from tenants.keys.home import ROOT_KEY_FILE, KeySettings, open_keys
from tenants.keys.keyring import (
    KeyRefused,
    KeyringUnreachable,
    LocalKeyring,
    new_agency_keys,
    new_data_key,
    unwrap_agency_keys,
)
from tenants.keys.kms_keyring import KmsKeyring, open_kms
from tests.local_aws import CREDENTIALS, running_local_aws
from tests.tenants.directory.directory_samples import an_agency, audit
from tests.tenants.record_samples import AT
from tests.tenants.stores import AGENCY_ID

CONTEXT = {"agency": AGENCY_ID, "purpose": "store", "key": "1"}


@pytest.fixture(scope="module")
def local_aws() -> Iterator[AwsSettings]:
    with running_local_aws() as settings:
        yield settings


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
async def key(local_aws: AwsSettings) -> str:
    return await make_key(local_aws)


@pytest.fixture
async def keyring(local_aws: AwsSettings, key: str) -> AsyncIterator[KmsKeyring]:
    async with open_kms(key, local_aws) as opened:
        yield opened


async def make_key(settings: AwsSettings) -> str:
    async with open_client("kms", settings) as client:
        return str((await ask(client, "create_key"))["KeyMetadata"]["KeyId"])


async def test_a_key_opens_in_its_context_alone(keyring: KmsKeyring) -> None:
    """What KMS wrapped opens with the same encryption context; with any other it is refused."""
    plain, wrapped = await keyring.generate(CONTEXT)
    assert len(plain) == 32
    assert plain not in wrapped
    assert await keyring.unwrap(wrapped, CONTEXT) == plain
    own = await keyring.wrap(b"secret", CONTEXT)
    assert await keyring.unwrap(own, dict(reversed(CONTEXT.items()))) == b"secret"
    for other in ({**CONTEXT, "agency": "b"}, {**CONTEXT, "key": "2"}, {"agency": AGENCY_ID}):
        with pytest.raises(KeyRefused, match="cannot be unwrapped"):
            await keyring.unwrap(wrapped, other)


async def test_what_a_local_keyring_wrapped_is_not_sent_to_kms(keyring: KmsKeyring) -> None:
    """Neither kind of keyring takes what the other wrapped, nor what is cut off."""
    _, wrapped = await keyring.generate(CONTEXT)
    local = LocalKeyring(bytes(range(32)))
    for foreign in (b"", wrapped[:1], await local.wrap(b"x" * 32, CONTEXT)):
        with pytest.raises(KeyRefused, match="cannot be unwrapped"):
            await keyring.unwrap(foreign, CONTEXT)
    with pytest.raises(KeyRefused):
        await local.unwrap(wrapped, CONTEXT)


async def test_an_agency_s_keys_come_back_from_kms(keyring: KmsKeyring) -> None:
    """An agency's keys, a further data key among them, unwrap to what was made."""
    keys, wrapped = await new_agency_keys(keyring, AGENCY_ID, AT)
    assert await unwrap_agency_keys(keyring, AGENCY_ID, wrapped) == keys
    rotated = [*wrapped, await new_data_key(keyring, AGENCY_ID, wrapped, AT)]
    assert len((await unwrap_agency_keys(keyring, AGENCY_ID, rotated)).data_keys) == 2
    with pytest.raises(KeyRefused):
        await unwrap_agency_keys(keyring, "other", wrapped)


async def test_a_key_that_is_switched_off_is_refused(
    keyring: KmsKeyring, key: str, local_aws: AwsSettings
) -> None:
    """A disabled key ends all use of it, and the refusal names KMS's own reason."""
    _, wrapped = await keyring.generate(CONTEXT)
    async with open_client("kms", local_aws) as client:
        await ask(client, "disable_key", KeyId=key)
        with pytest.raises(KeyRefused, match="DisabledException"):
            await keyring.unwrap(wrapped, CONTEXT)
        await ask(client, "enable_key", KeyId=key)
    assert await keyring.unwrap(wrapped, CONTEXT)
    async with open_kms("alias/nowhere", local_aws) as nowhere:
        with pytest.raises(KeyRefused, match="NotFoundException"):
            await nowhere.generate(CONTEXT)


@pytest.mark.usefixtures("cheap_passphrases")
async def test_a_home_hangs_on_kms_from_backup_to_restore(
    local_aws: AwsSettings, key: str, tmp_path: Path
) -> None:
    """With keys in KMS the home has no key in it, and its backup brings everything back."""
    home, saved = tmp_path / "home", tmp_path / "almoner.backup"
    settings = KeySettings(keyring=f"kms:{key}", aws=local_aws)
    async with open_keys(home, settings, None, create=True) as keys:
        root = keys.root
        directory = open_directory(home / DIRECTORY_FILE, keys.derive("directory"), create=True)
        _, wrapped = await new_agency_keys(keys.keyring, AGENCY_ID, AT)
        await directory.add_agency(an_agency("harbor"), wrapped, audit())
        await backup(directory, keys, saved, "correct horse battery staple")
        await directory.aclose()
    names = await asyncio.to_thread(lambda: sorted(path.name for path in home.iterdir()))
    assert names == [DIRECTORY_FILE, ROOT_KEY_FILE]
    assert root not in await asyncio.to_thread((home / ROOT_KEY_FILE).read_bytes)

    other = tmp_path / "other"
    await restore(saved, other, "correct horse battery staple", settings=settings)
    async with open_keys(other, settings, None, create=False) as keys:
        assert keys.root == root
        directory = open_directory(other / DIRECTORY_FILE, keys.derive("directory"), create=False)
        assert [agency.slug for agency in await directory.agencies()] == ["harbor"]
        await directory.aclose()
    with pytest.raises(StoreUnavailable, match="keys are in AWS KMS"):
        await restore(saved, tmp_path / "third", "correct horse battery staple")
    wrong = KeySettings(keyring=f"kms:{await make_key(local_aws)}", aws=local_aws)
    with pytest.raises(StoreUnavailable):  # the local KMS lets it through, the directory does not
        await restore(saved, tmp_path / "third", "correct horse battery staple", settings=wrong)


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server_that(serves: Serve) -> AsyncIterator[str]:
    """Give the address of a server, and wait for its connections to end."""
    tasks: list[asyncio.Task[None]] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await serves(reader, writer)
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await asyncio.gather(*tasks)
        await asyncio.sleep(0.01)


@asynccontextmanager
async def scripted_kms(status: int, code: str) -> AsyncIterator[tuple[KmsKeyring, list[bytes]]]:
    """Open a keyring over a server that answers everything with one of KMS's errors."""
    asked: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            asked.append(await reader.readexactly(length))
            body = f'{{"__type":"{code}","message":"no"}}'.encode()
            writer.write(
                b"HTTP/1.1 %d X\r\ncontent-type: application/x-amz-json-1.1\r\n"
                b"content-length: %d\r\n\r\n%b" % (status, len(body), body)
            )

    async with server_that(refuse) as url:
        settings = AwsSettings(endpoint_url=url, region="us-east-1")
        async with open_kms("alias/almoner", settings) as kms:
            yield kms, asked


@pytest.mark.parametrize(
    ("status", "code", "error", "words", "times"),
    [
        (400, "InvalidCiphertextException", KeyRefused, "cannot be unwrapped", 1),
        (400, "IncorrectKeyException", KeyRefused, "cannot be unwrapped", 1),
        (400, "AccessDeniedException", KeyRefused, "AccessDeniedException", 1),
        (400, "KMSInvalidStateException", KeyRefused, "KMSInvalidStateException", 1),
        (400, "ThrottlingException", KeyringUnreachable, "ThrottlingException", 3),
        (500, "KMSInternalException", KeyringUnreachable, "KMSInternalException", 3),
        (503, "", KeyringUnreachable, "does not answer", 3),
    ],
)
async def test_what_kms_says_is_told_apart(
    status: int, code: str, error: type[StoreUnavailable], words: str, times: int
) -> None:
    """A refusal is final and asked once; an overloaded KMS is asked three times, then unreachable.

    Every call names the key and the context, decrypting too.
    """
    async with scripted_kms(status, code) as (kms, asked):
        with pytest.raises(error, match=words):
            await kms.unwrap(b"\x02wrapped", CONTEXT)
    assert len(asked) == times
    sent = json.loads(asked[0])
    assert (sent["KeyId"], sent["EncryptionContext"]) == ("alias/almoner", CONTEXT)


async def test_a_kms_that_is_not_there_is_told_apart_from_one_that_refuses() -> None:
    """Where nobody listens the call ends within its deadline, as unreachable."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{free.getsockname()[1]}"
    began = time.monotonic()
    async with open_kms("alias/a", AwsSettings(endpoint_url=nowhere, region="us-east-1")) as kms:
        with pytest.raises(KeyringUnreachable, match="does not answer"):
            await kms.generate(CONTEXT)
    assert time.monotonic() - began < aws.DEADLINE_SECONDS + 2


async def test_a_kms_that_never_answers_costs_no_more_than_the_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The deadline is over all attempts and waits, whatever the driver makes of them."""
    monkeypatch.setattr(aws, "DEADLINE_SECONDS", 0.5)
    began = time.monotonic()

    async def say_nothing(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with server_that(say_nothing) as url:
        settings = AwsSettings(endpoint_url=url, region="us-east-1")
        async with open_kms("alias/a", settings) as kms:
            with pytest.raises(KeyringUnreachable, match="no answer within"):
                await kms.generate(CONTEXT)
    assert time.monotonic() - began < 3


async def test_a_missing_driver_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the driver the error says what to install."""
    real = importlib.import_module

    def without_driver(name: str) -> object:
        if name == "aioboto3":
            raise ImportError(name)
        return real(name)

    monkeypatch.setattr(importlib, "import_module", without_driver)
    with pytest.raises(StoreUnavailable, match=r"almoner\[aws\]"):
        async with open_kms("alias/a", AwsSettings()):
            pass


async def test_a_missing_region_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where neither the settings nor the driver's own files say which region, the error does."""
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(StoreUnavailable, match="ALMONER_AWS_REGION"):
        async with open_kms("alias/a", AwsSettings()):
            pass


@pytest.mark.parametrize("content", ["", "{}", '{"version":2,"wrapped":""}', '{"version":1}'])
async def test_a_damaged_root_key_is_said(tmp_path: Path, content: str) -> None:
    """A root key that is foreign, cut off or of a newer version is refused, and stays."""
    path = tmp_path / ROOT_KEY_FILE
    await asyncio.to_thread(path.write_text, content)
    await asyncio.to_thread(path.chmod, 0o600)
    settings = KeySettings(keyring="kms:alias/a", aws=AwsSettings(region="us-east-1"))
    with pytest.raises(StoreUnavailable, match="root key"):
        async with open_keys(tmp_path, settings, None, create=True):
            pass
    assert await asyncio.to_thread(path.read_text) == content
