"""Gathers all that a platform says, and searches it for what it must never say."""

import base64
import contextlib
import json
import os
import re
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from tests.e2e.platform_process import NO_TLS, Running, dev_environment

SHORTEST = 6  # what is shorter than that is found anywhere by chance
_EACH_SECONDS = 0.05  # a command takes half a second at least


@dataclass
class Told:
    """What was said, by where; and what must not be in it, by what it is."""

    texts: list[tuple[str, str]] = field(default_factory=list)
    needles: dict[str, str] = field(default_factory=dict)

    def say(self, where: str, text: str, *, by_design: Iterable[str] = ()) -> None:
        """Keep a text. by_design: what is printed there because that is what it is for."""
        for value in by_design:
            text = text.replace(value, "…")
        self.texts.append((where, text))

    def hide(self, what: str, value: str | bytes | None) -> None:
        """Name a value that nothing may say, in each spelling that it could have."""
        if not value:
            return
        for spelling in _spellings(value):
            if len(spelling) >= SHORTEST:
                self.needles.setdefault(spelling, what)

    def leaks(self) -> list[str]:
        """Return what was said and must not be: where, and what it is, never the value."""
        beginning: dict[str, list[str]] = {}
        for needle in self.needles:
            beginning.setdefault(needle[:SHORTEST], []).append(needle)
        found = set()
        for where, low in {(where, text.casefold()) for where, text in self.texts}:
            # One walk over the text leaves only the values that begin somewhere in it.
            windows = {low[at : at + SHORTEST] for at in range(len(low) - SHORTEST + 1)}
            for start in windows & beginning.keys():
                found |= {f"{where}: {self.needles[one]}" for one in beginning[start] if one in low}
        return sorted(found)


def _spellings(value: str | bytes) -> Iterator[str]:
    if isinstance(value, bytes):
        yield repr(value)[2:-1].casefold()
        yield value.hex()
        yield base64.b64encode(value).decode().rstrip("=").casefold()
        yield base64.urlsafe_b64encode(value).decode().rstrip("=").casefold()
        return
    low = value.casefold()
    yield low
    yield quote(value).casefold()
    yield quote(low).casefold()
    yield low.replace("/", r"\/")
    if len(value) == 9 and value.isdigit():  # a Social Security number as people write it
        yield f"{value[:3]}-{value[3:5]}-{value[5:]}"
    if value.startswith("+1 "):  # a telephone number as it is kept for look-ups
        yield value.replace(" ", "")


@contextlib.contextmanager
def watched_processes(told: Told, home: Path) -> Iterator[None]:
    """Keep the command line of every process of a home, and what its environment was given."""
    stop = threading.Event()
    seen: set[tuple[str, bytes]] = set()
    before = {process.name for process in Path("/proc").glob("[0-9]*")}  # none of them is ours
    own = f"ALMONER_HOME={home}".encode()
    inherited = {f"{name}={value}".encode() for name, value in os.environ.items()}

    def watch() -> None:
        while not stop.is_set():
            for process in Path("/proc").glob("[0-9]*"):
                if process.name in before:
                    continue
                with contextlib.suppress(OSError):
                    environment = (process / "environ").read_bytes().split(b"\0")
                    if own in environment:
                        seen.add(("command line", (process / "cmdline").read_bytes()))
                        given = [item for item in environment if item not in inherited]
                        seen.add(("environment", b"\0".join(given)))
            time.sleep(_EACH_SECONDS)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        stop.set()
        watcher.join()
        for where, text in sorted(seen):
            told.say(where, text.replace(b"\0", b" ").decode(errors="replace"))


class Platform:
    """A running `almoner dev` whose every word is kept."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.told, self.client = (
            folder,
            Told(),
            httpx.Client(timeout=40, verify=NO_TLS),
        )
        home = folder / "home"
        environment = dev_environment(home) | {"ALMONER_LOG_LEVEL": "debug"}
        self.running = Running(["dev"], environment, folder / "log")
        self._open = contextlib.ExitStack()
        self._open.enter_context(self.client)
        self._open.enter_context(watched_processes(self.told, home))
        self._open.callback(self.running.stop)
        self.running.start()

    def stop(self) -> None:
        """End it, and keep what its processes could be seen to be; a second time nothing."""
        self._open.close()

    def command(self, *arguments: str, text: str | None = None, secret: bool = False) -> str:
        """Run a command. secret: printing one is what it is for, and nothing else may be there."""
        done = self.running.run(*arguments, text=text)
        printed = done.stdout.strip()
        if secret:
            assert done.returncode == 0, done.stderr
            assert re.fullmatch(r"\S+", printed), "a secret is printed alone"
            self.told.hide(f"what `{arguments[0]}` gave", printed)
        by_design = [printed] if secret else []
        self.told.say(f"almoner {arguments[0]}", done.stdout, by_design=by_design)
        self.told.say(f"almoner {arguments[0]}, errors", done.stderr)
        return printed

    def done(self, *arguments: str, text: str | None = None) -> str:
        """Run a command that has to succeed."""
        done = self.running.run(*arguments, text=text)
        assert done.returncode == 0, done.stderr
        self.told.say(f"almoner {arguments[0]}", done.stdout + done.stderr)
        return done.stdout.strip()

    def token(self, user: str) -> str:
        """Return a user's token, of which no part may be said; whoever asks later has the same."""
        if user not in self.running.tokens:
            token = self.running.tokens[user] = self.command("token", user, secret=True)
            for part in token.split("."):
                self.told.hide("a part of a token", part if len(part) > 60 else None)
        return self.running.tokens[user]

    def ask(self, document: str, variables: Any = None, **credential: Any) -> dict[str, Any]:
        """Ask, keep headers and errors; data is for who asked."""
        headers = dict(credential.get("headers", {}))
        for header, name in (("Authorization", "token"), ("x-api-key", "key")):
            if name in credential:
                headers[header] = credential[name]
        sent = {"query": document, "variables": variables}
        response = self.client.post(self.running.url, json=sent, headers=headers)
        answer: dict[str, Any] = response.json()
        self.told.say("headers", repr(response.headers.multi_items()))
        self.told.say("errors", json.dumps(answer.get("errors", []), ensure_ascii=False))
        return answer
