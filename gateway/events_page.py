"""Writes docs/events.md from the catalogue of events: `python -m gateway.events_page`."""

import sys
from collections.abc import Iterator, Mapping

from domain.event_catalogue import CATALOGUE, EventSchema
from domain.events import EventName

HEAD = """# Events

<!-- Written by `python -m gateway.events_page > docs/events.md`; a test compares it. -->

Every change to an agency's records writes one event, in the same unit: both are on the disk, or
neither is. An event says that something happened to something, and nothing of what it was:

```json
{"id": "01J…", "name": "NoteAdded", "schema": 1, "at": "2026-01-15T12:00:00Z",
 "subject": "note_01J…_01J…", "version": 1, "data": {"applicationId": "app_01J…"}}
```

| key | what it is |
|---|---|
| `id` | a ULID; the same event always has the same one. Within an agency it is what deduplicates |
| `name` | what has happened, past tense; a name is never used for anything else |
| `schema` | the version of what `data` holds |
| `at` | the time of the request that it came of |
| `subject` | global id of what it is about |
| `version` | of the subject, after the change |
| `data` | global ids of what else is concerned, by key |

Subject and data are ids: no name, amount or text of anybody stands in an event. Whoever is told of
one reads the record, as far as they may.

## What is promised

- **Nothing is published that was not committed**, and all that was committed is published, though
  every process be killed at any moment: the relay reads the outbox of the store, and removes an
  event only when the broker has it.
- **At least once, and once for who listens.** Relays may bring an event again after a crash, or two
  of them the same one. The broker takes an id once for as long as it keeps events, and twice that
  long; whoever keeps more must tell by the id.
- **In order of version for each subject.** Events of different subjects come in no order that may
  be relied on. Events of one subject and version come in the order in which they were committed.
- **To one agency's subscribers alone.** The broker keeps agencies apart by key, and each event
  names its agency again where it arrives.
- **Nothing is left out silently.** A subscriber resumes with the cursor of its last delivery
  within `events.retention_seconds` and `retention_bytes`; beyond that it is told that it has missed
  events, and how many where that is known. It then reads anew what it shows.
- **One bad event stops nobody else.** One that cannot be read or is not taken stays in the outbox
  with those about the same subject behind it; it is logged once, counted by
  `almoner_events_waiting{state="set_aside"}`, and tried again, after 1 second at first and after 5
  minutes at last.

Operators' grants are kept in the directory and write no event.

## Versions

A new optional key leaves the version as it is: pass over keys that you do not know. Anything else
is a new version. A name that a release does not know is left in the outbox for the release that
does, with what is about the same subject.

## The catalogue
"""


def events_page() -> str:
    """Return the page."""
    lines = [
        HEAD,
        "| name | schema | subject | data | written by | when |",
        "|---|---|---|---|---|---|",
        *(_row(name, CATALOGUE[name]) for name in EventName),
        "",
    ]
    return "\n".join(lines)


def _row(name: EventName, schema: EventSchema) -> str:
    data = [*_keys(schema.data, ""), *_keys(schema.optional, "?")]
    told = ", ".join(data) or "–"
    what = f"`{name}` | {schema.version} | `{schema.subject}_…`"
    return f"| {what} | {told} | `{schema.mutation}` | {schema.when} |"


def _keys(keys: Mapping[str, str], mark: str) -> Iterator[str]:
    return (f"`{key}{mark}: {prefix}_…`" for key, prefix in keys.items())


if __name__ == "__main__":
    sys.stdout.write(events_page())
