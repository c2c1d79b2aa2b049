"""Signed notes, byte for byte as the specification's own example has them."""

import pytest

from tenants.ledger.signed_notes import (
    Checkpoint,
    InvalidNote,
    Signer,
    VerifierKey,
    checkpoint_text,
    open_checkpoint,
    parse_checkpoint,
)

# The example of c2sp.org/signed-note.
KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
NOTE = (
    "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ON"
    "ncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
SIGNER = Signer("almoner/test", bytes(32))
CHECKPOINT = Checkpoint("almoner/test", 20852163, bytes(range(32)))


def test_the_example_of_the_specification_verifies() -> None:
    """A key and a note that another implementation made are read and found right."""
    key = VerifierKey.parse(KEY)
    assert str(key) == KEY
    assert key.verify(NOTE) == "This is an example message.\n"


def test_what_is_signed_verifies_under_the_printed_key() -> None:
    """A signed checkpoint opens under the key as it is printed, also beside others' signatures."""
    key = VerifierKey.parse(str(SIGNER.verifier))
    note = SIGNER.sign(checkpoint_text(CHECKPOINT))
    assert note.startswith(
        "almoner/test\n20852163\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n\n—"
    )
    assert open_checkpoint(note, key, origin="almoner/test") == CHECKPOINT
    other = Signer("witness", bytes(range(32))).sign(checkpoint_text(CHECKPOINT))
    both = note + other.rpartition("\n\n")[2]
    assert open_checkpoint(both, key, origin="almoner/test") == CHECKPOINT


@pytest.mark.parametrize(
    "spoil",
    [
        lambda note: note.replace("20852163", "20852164"),
        lambda note: note.replace("— almoner/test ", "— almoner/other "),
        lambda note: note.replace("\n\n", "\n"),
        lambda note: note[:-1],
        lambda note: note.replace("AAEC", "AAED"),
        lambda note: note + "— almoner/test AAAA\n\n",
        lambda note: note.replace("almoner/test\n2", "almoner/test\t\n2"),
        lambda note: note[: note.rindex("=")] + "*\n",
        lambda note: "",
    ],
)
def test_a_spoiled_note_is_refused(spoil: object) -> None:
    """A note with any byte changed, its signature gone or its form broken does not open."""
    note = SIGNER.sign(checkpoint_text(CHECKPOINT))
    with pytest.raises(InvalidNote):
        open_checkpoint(spoil(note), SIGNER.verifier, origin="almoner/test")  # type: ignore[operator]  # a lambda


def test_a_checkpoint_of_another_log_is_refused() -> None:
    """The same key's checkpoint for another origin is not taken for this one's."""
    note = SIGNER.sign(checkpoint_text(Checkpoint("almoner/other", 1, bytes(32))))
    with pytest.raises(InvalidNote, match="not of almoner/test"):
        open_checkpoint(note, SIGNER.verifier, origin="almoner/test")


@pytest.mark.parametrize(
    "text",
    ["", "a\n1\n", "a\n01\nAA==\n", "a\n1\nAA==\n", "a\n-1\n" + "A" * 43 + "=\n", "a\n\n1\n"],
)
def test_what_is_not_a_checkpoint_is_refused(text: str) -> None:
    """A note's text without a size or a whole root is no checkpoint."""
    with pytest.raises(InvalidNote):
        parse_checkpoint(text)


@pytest.mark.parametrize(
    "text", ["", "a+b", KEY.replace("530d903a", "530d903b"), KEY[:-4], "a b" + KEY, KEY + "=="]
)
def test_what_is_not_a_key_is_refused(text: str) -> None:
    """A verifier key whose id does not fit, or that is cut off, is refused."""
    with pytest.raises(InvalidNote):
        VerifierKey.parse(text)
