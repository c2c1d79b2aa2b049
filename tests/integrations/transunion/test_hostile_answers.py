"""Answers that mean harm, or have been harmed: nothing but UpstreamInvalid ever comes of them."""

import random
import time
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from domain.credit import CreditFile, PullKind
from domain.errors import UpstreamInvalid
from integrations.transunion.settings import TransUnionSettings
from integrations.transunion.wire import read_answer
from integrations.transunion.wire.elements import DEPTH_MAX, ELEMENTS_MAX

Attempt = Callable[[bytes], CreditFile | None]

LAUGHS = '<!ENTITY l0 "ha">' + "".join(
    f'<!ENTITY l{number} "&l{number - 1};&l{number - 1};">' for number in range(1, 40)
)
relaxed = hypothesis_settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture
def attempt(settings: TransUnionSettings) -> Attempt:
    """Return a function that reads an answer, and None where it is refused as it should be."""

    def read(body: bytes) -> CreditFile | None:
        try:
            return read_answer(body, PullKind.SOFT, settings, reference="r", vendor="transunion")
        except UpstreamInvalid:
            return None

    return read


@pytest.mark.parametrize(
    "body",
    [
        '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r>&x;</r>',
        '<!DOCTYPE r [<!ENTITY x SYSTEM "http://127.0.0.1:9/">]><r>&x;</r>',
        '<!DOCTYPE r [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x.dtd"> %x;]><r/>',
        '<!DOCTYPE r SYSTEM "http://127.0.0.1:9/r.dtd"><r/>',
        "<!DOCTYPE r><r/>",
        f"<!DOCTYPE r [{LAUGHS}]><r>&l39;</r>",
        f'<!DOCTYPE r [<!ENTITY a "{"a" * 10_000}">]><r>{"&a;" * 10_000}</r>',
        "<r>&undefined;</r>",
        "<a>" * (DEPTH_MAX + 1) + "</a>" * (DEPTH_MAX + 1),
        "<a>" * 1_000_000,
        "<r>" + "<a/>" * ELEMENTS_MAX + "</r>",
        '<?xml version="1.0" encoding="utf-7"?><r/>',
        '<?xml version="1.0" encoding="idna"?><r/>',
        '<?xml version="1.0" encoding="rot13"?><r/>',
        '<?xml version="1.0" encoding="zlib"?><r/>',
        '<?xml version="1.0" encoding="utf-32"?><r/>',
        "<r>\x00</r>",
        "<r a='1' a='2'/>",
        "<u:r/>",
    ],
    ids=lambda body: body[:40],
)
def test_hostile_documents_are_refused_cheaply(attempt: Attempt, body: str) -> None:
    """DTDs, entities, depth, numbers and strange encodings: refused in little time and memory."""
    started = time.thread_time()
    tracemalloc.start()
    assert attempt(body.encode()) is None
    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Seconds where the doubling of entities would take ages; loose, for slow and traced runs.
    assert time.thread_time() - started < 15
    assert most_bytes < 60_000_000


@pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1"])
def test_a_declared_encoding_is_followed(attempt: Attempt, sample: bytes, encoding: str) -> None:
    """The document says its encoding; the file is the same in each that is allowed."""
    text = sample.decode().replace('encoding="UTF-8"', f'encoding="{encoding}"')
    assert attempt(text.encode(encoding)) == attempt(sample)


@relaxed
@given(seed=st.integers(0, 2**32), changes=st.integers(1, 12))
def test_damaged_bytes_are_read_or_refused(
    attempt: Attempt, sample: bytes, seed: int, changes: int
) -> None:
    """Bytes changed, cut, doubled or put in anywhere in the sample raise nothing else."""
    chance = random.Random(seed)
    body = bytearray(sample)
    for _ in range(changes):
        at = chance.randrange(len(body))
        length = chance.choice((1, 1, 1, 8, 200, 5000))
        match chance.randrange(4):
            case 0:
                body[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del body[at : at + length]
            case 2:
                body[at:at] = body[at : at + length]
            case _:
                body[at:at] = chance.randbytes(min(length, 8))
        if not body:
            break
    attempt(bytes(body))


@relaxed
@given(
    seed=st.integers(0, 2**32),
    text=st.text(st.characters(exclude_characters="<&", exclude_categories=("Cs", "Cc"))),
    hostile=st.sampled_from(
        ["", "-", "+", "NaN", "Infinity", "1e999", "9" * 40, "0000-00-00", "9999-99-99", "٣", "x"]
    ),
)
def test_damaged_values_are_read_or_refused(
    attempt: Attempt, sample: bytes, seed: int, text: str, hostile: str
) -> None:
    """Any text in place of any value of the sample raises nothing else."""
    chance = random.Random(seed)
    pieces = sample.decode().split(">")
    places = [n for n, piece in enumerate(pieces) if piece and "</" in piece and piece[0] != "\n"]
    for place in chance.sample(places, 3):
        close = pieces[place][pieces[place].index("</") :]
        pieces[place] = chance.choice((text, hostile)) + close
    attempt(">".join(pieces).encode())


@relaxed
@given(st.binary(max_size=2000))
def test_noise_is_refused(attempt: Attempt, body: bytes) -> None:
    """Bytes of any kind are refused."""
    assert attempt(body) is None
