"""What a file is, judged from its bytes: whole files of a kind pass, and nothing else does."""

import struct
import time
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.media import EXTENSIONS, PAGES_MAX, SIDE_PIXELS_MAX, DocumentRejection, judge
from tests.domain.media_samples import (
    FILES,
    a_heic,
    a_jpeg,
    a_pdf,
    a_png,
    a_tiff,
    png_chunk,
)

PDF, PNG, JPEG, TIFF, HEIC = EXTENSIONS
ARCHIVE = b"PK\x03\x04" + bytes(40) + b"PK\x05\x06" + bytes(18)


def verdict(content: bytes, media_type: str) -> DocumentRejection | None:
    """Judge a file that was announced with the size that it has."""
    return judge(content, media_type, len(content))


@pytest.mark.parametrize("media_type", EXTENSIONS)
def test_a_whole_file_of_its_type_passes(media_type: str) -> None:
    """Each type that is taken has a smallest file that is."""
    assert verdict(FILES[media_type], media_type) is None


@pytest.mark.parametrize("media_type", EXTENSIONS)
def test_a_file_of_another_type_is_told_apart(media_type: str) -> None:
    """No file of one type passes for another, whatever was announced."""
    for other, content in FILES.items():
        expected = None if other == media_type else DocumentRejection.TYPE_DIFFERS
        assert verdict(content, media_type) is expected


@pytest.mark.parametrize("media_type", EXTENSIONS)
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html><script>alert(1)</script></html>",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"MZ" + bytes(100),
        b"\x7fELF" + bytes(100),
        b"#!/bin/sh\n",
        ARCHIVE,
        b"GIF89a" + bytes(20),
        b"\x1f\x8b\x08" + bytes(20),
    ],
)
def test_what_is_none_of_them_is_refused(media_type: str, content: bytes) -> None:
    """Pages, drawings that run, programs, archives and the empty file are no document."""
    assert verdict(content, media_type) is DocumentRejection.TYPE_DIFFERS


@pytest.mark.parametrize("media_type", EXTENSIONS)
def test_the_size_is_the_one_announced(media_type: str) -> None:
    """A byte more or less than announced is refused before anything else is looked at."""
    content = FILES[media_type]
    for size in (len(content) - 1, len(content) + 1):
        assert judge(content, media_type, size) is DocumentRejection.SIZE_DIFFERS


@pytest.mark.parametrize("media_type", EXTENSIONS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_file_cut_off_anywhere_never_passes(media_type: str, data: st.DataObject) -> None:
    """Whatever is missing at its end, it is refused and breaks nothing."""
    content = FILES[media_type]
    cut = content[: data.draw(st.integers(0, len(content) - 2))]
    assert verdict(cut, media_type) is not None


@pytest.mark.parametrize("media_type", EXTENSIONS)
def test_a_file_with_another_behind_it_is_refused(media_type: str) -> None:
    """An archive behind a picture is both to those who read from the end."""
    assert verdict(FILES[media_type] + ARCHIVE, media_type) is not None


@pytest.mark.parametrize("media_type", [PDF, PNG, JPEG, HEIC])
def test_nothing_is_appended(media_type: str) -> None:
    """Where the type says where a file ends, it ends there; a TIFF does not say."""
    assert verdict(FILES[media_type] + b"appended", media_type) is DocumentRejection.DAMAGED


@pytest.mark.parametrize("media_type", EXTENSIONS)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_whatever_comes_is_judged(media_type: str, data: st.DataObject) -> None:
    """Bytes changed at random never raise; the answer is one of the reasons, or none."""
    content = bytearray(FILES[media_type])
    for at, value in data.draw(
        st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=6)
    ):
        content[at] = value
    assert verdict(bytes(content), media_type) in {None, *DocumentRejection}


@pytest.mark.parametrize(
    "action",
    [
        b"/OpenAction << /S /JavaScript /JS (app.alert(1)) >>",
        b"/AA << /O << /S /J#61vaScript >> >>",
        b"/A << /S /Launch /F (cmd.exe) >>",
        b"/Names << /EmbeddedFiles 5 0 R >>",
        b"/Subtype /RichMedia",
    ],
)
def test_a_pdf_that_does_something_is_refused(action: bytes) -> None:
    """Scripts, programs to launch, files within and media, also where a name is spelled in hex."""
    assert verdict(a_pdf(action), PDF) is DocumentRejection.ACTIVE_CONTENT
    assert verdict(a_pdf(b"/Note (about JavaScript)"), PDF) is None


def test_the_insides_of_a_pdf_s_streams_may_look_like_anything() -> None:
    """Compressed bytes that happen to spell a name are no action."""
    assert verdict(a_pdf(stream=b"\x00/JS \x01/JS("), PDF) is None


@pytest.mark.parametrize("markup", [b"<script>", b"<HTML>", b"<svg ", b"<?php", b"<!DOCTYPE html>"])
def test_a_picture_that_begins_as_a_page_too_is_refused(markup: bytes) -> None:
    """Markup in a comment at the beginning is for a reader who sniffs at types."""
    commented = b"\xff\xd8\xff\xfe" + struct.pack(">H", len(markup) + 2) + markup
    assert verdict(commented + a_jpeg()[2:], JPEG) is DocumentRejection.ACTIVE_CONTENT
    noted = a_png(png_chunk(b"tEXt", b"Comment\0" + markup))
    assert verdict(noted, PNG) is DocumentRejection.ACTIVE_CONTENT


@pytest.mark.parametrize(("make", "media_type"), [(a_png, PNG), (a_jpeg, JPEG), (a_tiff, TIFF)])
def test_a_picture_beyond_all_bounds_is_refused(
    make: Callable[..., bytes], media_type: str
) -> None:
    """A few bytes that unfold to gigabytes are not kept; nor is a picture without a side."""
    greatest = min(SIDE_PIXELS_MAX, 60_000)
    assert verdict(make(width=greatest, height=3000), media_type) is None
    assert (
        verdict(make(width=greatest, height=greatest), media_type)
        is DocumentRejection.TOO_MANY_PIXELS
    )
    assert (
        verdict(make(width=greatest + 1, height=1), media_type) is DocumentRejection.TOO_MANY_PIXELS
    )
    assert verdict(make(width=0, height=1), media_type) is DocumentRejection.DAMAGED


def test_a_png_whose_checksum_is_wrong_is_damaged() -> None:
    """Each part of a PNG says what it should be."""
    content = bytearray(a_png())
    content[24] ^= 1
    assert verdict(bytes(content), PNG) is DocumentRejection.DAMAGED


def test_a_telephone_s_own_block_behind_a_picture_is_taken() -> None:
    """What one maker's telephones write behind each picture is no reason to refuse it."""
    assert verdict(a_jpeg() + b"SEFH" + bytes(20) + b"SEFT", JPEG) is None


def test_a_script_behind_a_picture_is_found_though_an_end_follows_it() -> None:
    """A picture ends where its own scan does, not where the last such marker is."""
    for between in (b"<script>alert(1)</script>", b"MZ" + bytes(64), b"\xff\xd8 <svg onload=x>"):
        content = a_jpeg() + bytes(1024) + between + b"\xff\xd9"
        assert verdict(content, JPEG) is DocumentRejection.DAMAGED
    hidden = a_jpeg() + b"<script>alert(1)</script>SEFT"
    assert verdict(hidden, JPEG) is DocumentRejection.ACTIVE_CONTENT


def test_more_pictures_behind_a_picture_are_taken() -> None:
    """Telephones append a small one or a map of brightness; each of them is whole."""
    assert verdict(a_jpeg() + bytes(8) + a_jpeg() + a_jpeg(), JPEG) is None
    assert verdict(a_jpeg() + a_jpeg()[:-2], JPEG) is DocumentRejection.DAMAGED
    vast = a_jpeg(width=60_000, height=60_000)
    assert verdict(a_jpeg() + vast, JPEG) is DocumentRejection.TOO_MANY_PIXELS


@pytest.mark.parametrize("opening", [b"% stream\n", b"(stream\n)", b"% >>\nstream\n"])
def test_an_action_is_found_in_what_only_seems_to_be_a_stream(opening: bytes) -> None:
    """Where a reader sees a comment or a text, nothing behind it is hidden."""
    action = b"/OpenAction << /S /JavaScript /JS (app.alert(1)) >> % endstream\n"
    assert verdict(a_pdf(opening + action), PDF) is DocumentRejection.ACTIVE_CONTENT


@pytest.mark.parametrize("name", [b"/JavaScript", b"/J#61v#61Script", b"/EmbeddedFiles"])
def test_an_action_is_found_wherever_it_lies(name: bytes) -> None:
    """Also across the places where a file is cut up to be looked through, and never by halves."""
    for offset in range(-60, 4):
        filling = b" " * (65_536 - 50 + offset)
        assert verdict(a_pdf(filling + name), PDF) is DocumentRejection.ACTIVE_CONTENT
        assert verdict(a_pdf(filling + name + b"Of"), PDF) is None


def test_the_greater_of_two_sides_counts() -> None:
    """A TIFF that names its width twice is as large as any reader may take it to be."""
    named = ((256, 60_000), (256, 1), (257, 60_000))
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in named)
    content = b"II*\x00" + struct.pack("<IH", 8, 3) + entries + struct.pack("<I", 0)
    assert verdict(content, TIFF) is DocumentRejection.TOO_MANY_PIXELS


def test_judging_keeps_nothing_of_a_file_s_parts() -> None:
    """A million boxes of a HEIC, each with a name of its own, take no memory."""
    boxes = b"".join(struct.pack(">II", 8, number) for number in range(300_000))
    content = a_heic() + boxes
    tracemalloc.start()
    try:
        verdict(content, HEIC)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 1_000_000


def test_pages_of_a_tiff_are_counted() -> None:
    """A list of pages that leads back to itself ends."""
    content = bytearray(a_tiff())
    content[-4:] = struct.pack("<I", 8)
    assert verdict(bytes(content), TIFF) is DocumentRejection.DAMAGED
    assert PAGES_MAX < 1000


@pytest.mark.parametrize(
    "content",
    [
        b"%PDF-1.7\n" + b"stream\n" * 200_000 + b"%%EOF",
        b"%PDF-1.7\n" + b"/J#" * 400_000 + b"%%EOF",
        b"%PDF-1.7\n" + b"stream endstream " * 80_000 + b"%%EOF",
        b"\xff\xd8" + b"\xff" * 1_500_000,
        a_jpeg()[:-2] + b"\xff\x00" * 750_000,
        # One page of 65,535 entries that leads back to itself.
        b"II*\x00"
        + struct.pack("<IH", 8, 65_535)
        + struct.pack("<HHII", 300, 4, 1, 1) * 65_535
        + struct.pack("<I", 8),
        zlib.compress(bytes(1000)),
    ],
)
def test_judging_takes_time_in_proportion(content: bytes) -> None:
    """No file is made so that looking at it takes long."""
    began = time.process_time()
    for media_type in EXTENSIONS:
        verdict(content, media_type)
    assert time.process_time() - began < 5
    assert a_heic()
