"""The settings that come in blocks: limits, budgets, events, realtime, documents, edge."""

# ruff: noqa: RUF009 - setting() returns a dataclass field, as field() does

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.settings import ConfigFault, setting

PERCENT_MAX = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one request may ask for. Each name says its unit."""

    body_bytes: int = setting(
        1_048_576, "Request body, refused while it is read.", at_least=1024, at_most=16_777_216
    )
    url_bytes: int = setting(
        16_384, "Path and query string of a request.", at_least=1024, at_most=65_536
    )
    headers: int = setting(100, "Header lines of a request.", at_least=20, at_most=1000)
    header_bytes: int = setting(
        65_536, "All header lines of a request together.", at_least=8192, at_most=262_144
    )
    json_members: int = setting(
        20_000,
        "Values in a request's JSON, counted before it is read.",
        at_least=100,
        at_most=200_000,
    )
    list_items: int = setting(
        300, "Items of one list in a request's JSON.", at_least=100, at_most=10_000
    )
    cost: int = setting(
        20_000,
        "Points of an operation: 1 for a field, times what its page can hold; a list without pages"
        " counts as 10.",
        at_least=100,
        at_most=10_000_000,
    )
    json_depth: int = setting(64, "Nesting of a request's JSON.", at_least=8, at_most=256)
    document_characters: int = setting(
        32_768, "Length of a GraphQL document.", at_least=1024, at_most=1_048_576
    )
    tokens: int = setting(
        2000,
        "Tokens of a document, counted before it is parsed; it may have as many lines.",
        at_least=100,
        at_most=50_000,
    )
    depth: int = setting(
        12, "Nesting of fields in an operation; introspection is exempt.", at_least=1, at_most=75
    )
    aliases: int = setting(
        15, "Aliases in an operation, fragments counted at each use.", at_least=0, at_most=1000
    )
    directives: int = setting(
        50, "Directives in an operation, fragments counted at each use.", at_least=0, at_most=1000
    )
    validation_steps: int = setting(
        20_000,
        "Work that the check of overlapping fields may take.",
        at_least=1000,
        at_most=1_000_000,
    )
    checking_percent: int = setting(
        20,
        "Of a processor, what checking new documents may take while others are answered.",
        at_least=1,
        at_most=100,
    )
    errors: int = setting(20, "Faults of one document that are reported.", at_least=1, at_most=100)
    deadline_seconds: int = setting(
        30, "From a request's arrival to its answer.", at_least=1, at_most=300
    )
    cached_documents: int = setting(
        500, "Checked documents kept for their next use.", at_least=1, at_most=100_000
    )
    cached_characters: int = setting(
        400_000,
        "Length of all the documents kept; each character takes about 110 bytes.",
        at_least=1024,
        at_most=100_000_000,
    )
    cached_plans: int = setting(
        1000, "Operation plans kept for their next use.", at_least=1, at_most=100_000
    )
    cached_plan_bytes: int = setting(
        32_000_000,
        "Memory that all the plans kept may take, about.",
        at_least=100_000,
        at_most=4_000_000_000,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetsConfig:
    """What may be spent before it is refused: points come back by the second, money by the day.

    A credit report counts as $2.00.
    """

    mode: str = setting(
        "measure",
        "`measure` tells and counts what is spent, `enforce` refuses what is not covered.",
        choices=("off", "measure", "enforce"),
    )
    agency_points: int = setting(
        600_000, "Points that an agency can save up.", at_least=1, at_most=1_000_000_000
    )
    agency_points_per_second: int = setting(
        10_000, "Points that come back to it.", at_least=1, at_most=100_000_000
    )
    agency_cents: int = setting(
        50_000, "Cents that an agency may spend in a day.", at_least=1, at_most=1_000_000_000
    )
    key_points: int = setting(
        200_000, "Points that an API key can save up.", at_least=1, at_most=1_000_000_000
    )
    key_points_per_second: int = setting(
        3_000, "Points that come back to it.", at_least=1, at_most=100_000_000
    )
    key_cents: int = setting(
        20_000, "Cents that an API key may spend in a day.", at_least=1, at_most=1_000_000_000
    )
    person_points: int = setting(
        60_000, "Points that a person can save up.", at_least=1, at_most=1_000_000_000
    )
    person_points_per_second: int = setting(
        1_000, "Points that come back to them.", at_least=1, at_most=100_000_000
    )
    person_cents: int = setting(
        10_000, "Cents that a person may spend in a day.", at_least=1, at_most=1_000_000_000
    )
    agencies: tuple[str, ...] = setting(
        (), "Agencies whose budgets are other ones, in percent of these: `harbor=250`."
    )
    redis_url: str | None = setting(
        None,
        "Redis that all processes share the budgets in, such as `rediss://host:6380/0`; without it"
        " each process has its part.",
        secret=True,
    )
    redis_deadline_ms: int = setting(
        10, "How long Redis may take to answer.", at_least=1, at_most=1000
    )
    processes: int | None = setting(
        None,
        "How many processes have a part of each budget while there is no Redis; `workers` if"
        " empty.",
        at_least=1,
        at_most=1000,
    )

    def percents(self) -> Mapping[str, int]:
        """Return the percent by agency's slug; raises ValueError for what is spelled otherwise."""
        pairs = (text.partition("=") for text in self.agencies)
        return {slug.strip(): _percent(text) for slug, _, text in pairs}


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsConfig:
    """How what happens reaches those who listen: in the process, or through Redis to all of them.

    Both bounds hold for each agency; a subscriber resumes within them.
    """

    redis_url: str | None = setting(
        None,
        "Redis that carries events between processes, such as `rediss://host:6380/0`; without it a"
        " subscriber hears of what its own process relays.",
        secret=True,
    )
    retention_seconds: int = setting(
        300, "How long an event is kept for who comes back.", at_least=10, at_most=86_400
    )
    retention_bytes: int = setting(
        1_000_000, "How much of them is kept.", at_least=65_536, at_most=1_000_000_000
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RealtimeConfig:
    """What subscriptions may take, over WebSocket and event streams alike; counted by process."""

    connections: int = setting(
        10_000, "Open connections of one process.", at_least=1, at_most=1_000_000
    )
    agency_connections: int = setting(
        5_000, "Open connections of one agency.", at_least=1, at_most=1_000_000
    )
    caller_connections: int = setting(
        200, "Open connections of one person or API key.", at_least=1, at_most=1_000_000
    )
    connection_subscriptions: int = setting(
        100, "Subscriptions on one connection.", at_least=1, at_most=10_000
    )
    agency_subscriptions: int = setting(
        20_000, "Subscriptions of one agency.", at_least=1, at_most=1_000_000
    )
    caller_subscriptions: int = setting(
        1_000, "Subscriptions of one person or API key.", at_least=1, at_most=1_000_000
    )
    caller_bytes: int = setting(
        1_048_576,
        "Documents, variables and filters that the subscriptions of one person or API key keep.",
        at_least=4096,
        at_most=1_073_741_824,
    )
    frames_per_second: int = setting(
        100,
        "Frames that a client sends, pings among them; what it has saved up of 10 seconds beside.",
        at_least=1,
        at_most=100_000,
    )
    frame_bytes: int = setting(
        262_144, "A frame that a client sends.", at_least=4096, at_most=16_777_216
    )
    payload_bytes: int = setting(
        245_760, "What a subscriber is told of one event.", at_least=1024, at_most=16_777_216
    )
    waiting_bytes: int = setting(
        1_048_576,
        "What may wait for a client that reads slowly, before it is dropped.",
        at_least=65_536,
        at_most=1_073_741_824,
    )
    keep_alive_seconds: int = setting(
        30, "Between two signs of life on a quiet connection.", at_least=1, at_most=60
    )
    init_seconds: int = setting(
        15, "From a connection to the client's first word.", at_least=1, at_most=300
    )
    connection_seconds: int = setting(
        86_400, "How long a connection lasts at most.", at_least=60, at_most=604_800
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedDocumentsConfig:
    """Documents that an agency's clients are known to send, one file of them an agency."""

    mode: str = setting(
        "off",
        "`log` runs others and counts them, `enforce` refuses them.",
        choices=("off", "log", "enforce"),
    )
    folder: Path | None = setting(
        None,
        "Where `<slug>.json` is: a JSON object of SHA-256 and text. Looked at every 2 seconds.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeConfig:
    """Where visitors are sent, and the edge router of `almoner dev`: docs/edge.md."""

    port: int = setting(8080, "Port of the local edge router.", at_least=0, at_most=65_535)
    site: str | None = setting(
        None,
        "Origin of the agencies' sites, with {slug} in it: `https://{slug}.example.org`. Without it"
        " an agency's website is its site, and a demo's are at `http://{slug}.localhost` and the"
        " gateway's port.",
    )
    information_url: str = setting(
        "https://www.nfcc.org/", "Where visitors find counseling whom no agency here can take."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentsConfig:
    """How documents are moved."""

    base_url: str | None = setting(
        None,
        "Address by which clients reach the gateway, which links to documents begin with; its own"
        " host and port if empty.",
    )
    place: str = setting(
        "file",
        "Where files are kept, sealed: `file` (below home), or `s3:` and a bucket, with a prefix"
        " behind a slash or without.",
    )
    presigned: bool = setting(
        default=False,
        doc="Whether uploads go to S3 by presigned addresses, where files are kept there.",
    )
    bytes_max: int = setting(15_728_640, "Size of one document.", at_least=1024, at_most=50_331_648)
    link_seconds: int = setting(
        300, "How long a link to upload or download holds.", at_least=10, at_most=3600
    )
    upload_seconds: int = setting(
        120, "How long one file may take to arrive.", at_least=1, at_most=3600
    )
    at_once: int = setting(
        8, "Files that one process moves at the same time, each in memory.", at_least=1, at_most=256
    )


def check_protection(budgets: BudgetsConfig, trusted: TrustedDocumentsConfig) -> None:
    """Raise ConfigFault for budgets and trusted documents that cannot be as they are said."""
    try:
        budgets.percents()
    except ValueError:
        raise ConfigFault(
            "ALMONER_BUDGETS_AGENCIES is a list of agencies and percents, such as harbor=250."
        ) from None
    if trusted.mode != "off" and trusted.folder is None:
        raise ConfigFault(
            f"ALMONER_TRUSTED_DOCUMENTS_MODE is {trusted.mode}, and "
            "ALMONER_TRUSTED_DOCUMENTS_FOLDER does not say where they are."
        )


def _percent(text: str) -> int:
    percent = int(text)
    if not 1 <= percent <= PERCENT_MAX:
        raise ValueError(text)
    return percent
