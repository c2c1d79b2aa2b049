"""Secrets by reference: read where they are kept, read again while the gateway runs.

A secret setting may be the secret itself, or say where it is: `file:///path`, or
`secretsmanager://name` with `#key` for one member of a JSON secret. What stands there is read at
the start, every half minute, and at once on SIGHUP. The version before stays beside the new one, so
that a vendor may change over a little earlier or later than we do.
"""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import structlog

from domain.errors import StoreUnavailable
from gateway.background import in_background
from gateway.config import Config
from gateway.settings import CannotStart, rows_of, value_of
from tenants.aws import AwsRefused, AwsSettings, AwsUnreachable, ask, open_client

POLL_SECONDS = 30.0
SECRET_BYTES_MAX = 65_536
_FILE, _SECRETS_MANAGER = "file", "secretsmanager"
_NONE_THERE = "ResourceNotFoundException"

_log = structlog.get_logger("almoner")


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A secret and the version before it, if that is known. since: when the newer was made."""

    current: str = field(repr=False)
    previous: str | None = field(default=None, repr=False)
    since: datetime | None = None


class CannotRead(Exception):
    """A secret cannot be read; the text says why, and nothing of what it is."""


Renew = Callable[[], Awaitable[None]]


class Secrets:
    """The secrets of one process, by the name of their setting. Build with `open_secrets`."""

    def __init__(
        self,
        references: Mapping[str, str],
        client: Any = None,
        *,
        files: Sequence[Path] = (),
    ) -> None:
        """Take references by setting, an open Secrets Manager client, and files to watch too."""
        self._references = references
        self._client = client
        self._files = files
        self._known: dict[str, Secret] = {}
        self._contents: tuple[bytes | None, ...] = ()
        self._listeners: list[Renew] = []
        self._wake = asyncio.Event()

    @property
    def known(self) -> Mapping[str, Secret]:
        """Return all secrets that are held by reference, by the name of their setting."""
        return self._known

    def of(self, name: str, given: str | None) -> Secret:
        """Return a setting's secret; what was `given` is one itself where it is no reference."""
        return self._known.get(name) or Secret(current=given or "")

    def on_change(self, renew: Renew) -> None:
        """Have `renew` called after each change; what it raises is logged and tried again."""
        self._listeners.append(renew)

    def wake(self) -> None:
        """Have everything read again now."""
        self._wake.set()

    async def read(self) -> None:
        """Read every secret for the first time. Raises CannotStart, naming the setting."""
        for name, reference in self._references.items():
            try:
                self._known[name] = await read_secret(reference, self._client)
            except CannotRead as error:
                raise CannotStart(
                    f"{name} is {reference}, which cannot be read: {error}."
                ) from error
        self._contents = await self._read_files()

    async def refresh(self) -> bool:
        """Read every secret again and tell the listeners; return whether anything changed.

        What cannot be read stays as it was.
        """
        changed = False
        for name, reference in self._references.items():
            held = self._known[name]
            try:
                found = await read_secret(reference, self._client)
            except CannotRead as error:
                _log.warning("secret not read again", setting=name, why=str(error))
                continue
            if found.current != held.current:
                # A file has no version before; what was just held is it.
                previous = found.previous if found.previous is not None else held.current
                self._known[name] = replace(found, previous=previous)
                changed = True
                _log.info("secret renewed", setting=name)
            elif found.previous is not None and found.previous != held.previous:
                self._known[name] = found
                changed = True
        contents = await self._read_files()
        if not (changed or contents != self._contents):
            return False
        for renew in self._listeners:
            try:
                await renew()
            except CannotStart as error:
                # A certificate without its key yet: the next round sees both, and tries again.
                _log.warning("not renewed", why=error.message)
                return True
        self._contents = contents
        return True

    async def watch(self) -> None:
        """Refresh every half minute, and when woken, until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._wake.wait()
            self._wake.clear()
            await self.refresh()

    async def _read_files(self) -> tuple[bytes | None, ...]:
        return await asyncio.to_thread(lambda: tuple(_content(path) for path in self._files))


@asynccontextmanager
async def open_secrets(config: Config, *, watch: bool = True) -> AsyncIterator[Secrets]:
    """Read the secrets that a configuration names, and keep reading them inside.

    Under `almoner serve` SIGHUP has them read at once. Raises CannotStart where one cannot be read.
    """
    references = {
        row.name: text
        for row in rows_of(Config)
        if row.about.secret and (text := value_of(config, row.name)) and is_reference(str(text))
    }
    transunion = config.transunion
    files = [
        path
        for path in (transunion.certificate_file, transunion.key_file, transunion.ca_file)
        if path is not None
    ]
    async with AsyncExitStack() as stack:
        client = None
        if any(urlsplit(str(text)).scheme == _SECRETS_MANAGER for text in references.values()):
            client = await stack.enter_async_context(_client(config.keys.aws))
        secrets = Secrets(
            {name: str(text) for name, text in references.items()}, client, files=files
        )
        await secrets.read()
        if watch:
            await stack.enter_async_context(_watching(secrets, by_signal=config.command == "serve"))
        yield secrets


def is_reference(text: str) -> bool:
    """Say whether a secret setting says where the secret is, instead of being it."""
    return text.startswith((f"{_FILE}://", f"{_SECRETS_MANAGER}://"))


async def read_passphrase(config_file: str | None, aws: AwsSettings) -> str | None:
    """Return the keyring's passphrase from a path or a reference; None where none is named.

    Raises CannotStart where it cannot be read.
    """
    if config_file is None:
        return None
    reference = _as_reference(config_file)
    try:
        if reference.startswith(f"{_FILE}://"):
            return (await read_secret(reference, None)).current
        async with _client(aws) as client:
            return (await read_secret(reference, client)).current
    except CannotRead as error:
        raise CannotStart(
            f"ALMONER_KEYRING_PASSPHRASE_FILE is {config_file}, which cannot be read: {error}."
        ) from error


def _as_reference(text: str) -> str:
    return text if is_reference(text) else Path(text).expanduser().absolute().as_uri()


async def read_secret(reference: str, client: Any) -> Secret:
    """Return what a reference stands for; raises CannotRead. client: of Secrets Manager."""
    parts = urlsplit(reference)
    if parts.scheme == _FILE:
        if parts.netloc or not parts.path:
            raise CannotRead("a file is named by its whole path, as in file:///run/secrets/name")
        return await asyncio.to_thread(_read_file, Path(unquote(parts.path)))
    name, _, member = reference.removeprefix(f"{_SECRETS_MANAGER}://").partition("#")
    current = await _version(client, name, "AWSCURRENT")
    try:
        previous = _text(await _version(client, name, "AWSPREVIOUS"), member)
    except CannotRead:
        previous = None
    made = current.get("CreatedDate")
    return Secret(
        current=_text(current, member),
        previous=previous,
        since=made.astimezone(UTC) if isinstance(made, datetime) else None,
    )


def _read_file(path: Path) -> Secret:
    """Return a file's first line: what editors and `echo` put behind it is not the secret."""
    try:
        with path.open("rb") as file:
            made = os.fstat(file.fileno()).st_mtime
            content = file.read(SECRET_BYTES_MAX + 1)
        text = content.decode("utf-8").split("\n", 1)[0].removesuffix("\r")
    except OSError as error:
        raise CannotRead(error.strerror or type(error).__name__) from error
    except UnicodeDecodeError:
        raise CannotRead("it is not text in UTF-8") from None
    if not text or len(content) > SECRET_BYTES_MAX:
        raise CannotRead("it is empty" if not text else "it is too long for a secret")
    return Secret(current=text, since=datetime.fromtimestamp(made, UTC))


async def _version(client: Any, name: str, stage: str) -> Mapping[str, Any]:
    try:
        return await ask(client, "get_secret_value", SecretId=name, VersionStage=stage)
    except AwsRefused as error:
        if error.code == _NONE_THERE:
            raise CannotRead(f"Secrets Manager has no such secret in stage {stage}") from error
        raise CannotRead(f"Secrets Manager says {error.code}") from error
    except AwsUnreachable as error:
        raise CannotRead(f"Secrets Manager does not answer ({error})") from error


def _text(answer: Mapping[str, Any], member: str) -> str:
    """Return a secret's text, or one member of it where it is JSON; raises CannotRead."""
    text = answer.get("SecretString")
    if member and isinstance(text, str):
        try:
            text = json.loads(text)[member]
        except (ValueError, KeyError, TypeError):
            raise CannotRead(f"it is no JSON object with a member {member}") from None
    if not isinstance(text, str) or not text:
        raise CannotRead("it is not a text")
    return text


@asynccontextmanager
async def _client(settings: AwsSettings) -> AsyncIterator[Any]:
    try:
        opening = open_client(_SECRETS_MANAGER, settings)
        client = await opening.__aenter__()
    except StoreUnavailable as error:
        raise CannotStart(error.message) from error
    try:
        yield client
    finally:
        await opening.__aexit__(None, None, None)


@asynccontextmanager
async def _watching(secrets: Secrets, *, by_signal: bool) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    if by_signal and hasattr(signal, "SIGHUP"):
        loop.add_signal_handler(signal.SIGHUP, secrets.wake)
    try:
        async with in_background(secrets.watch(), "secrets"):
            yield
    finally:
        if by_signal and hasattr(signal, "SIGHUP"):
            loop.remove_signal_handler(signal.SIGHUP)


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
