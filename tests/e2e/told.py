"""Gathers all that a platform says, and searches it for what it must never say."""

import base64
import contextlib
import os
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

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
        found = set()
        for where, text in self.texts:
            low = text.casefold()
            found |= {f"{where}: {what}" for needle, what in self.needles.items() if needle in low}
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
    yield quote(low)
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
    own = f"ALMONER_HOME={home}".encode()
    inherited = {f"{name}={value}".encode() for name, value in os.environ.items()}

    def watch() -> None:
        while not stop.is_set():
            for process in Path("/proc").glob("[0-9]*"):
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
