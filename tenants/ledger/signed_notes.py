"""Signed notes and checkpoints, byte for byte as c2sp.org/signed-note and tlog-checkpoint say.

Whoever has the verifier key can check a checkpoint with any tool that knows the format, and a
witness anywhere can keep it.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from domain.merkle import HASH_BYTES

ED25519 = b"\x01"
NOTE_BYTES_MAX = 16 * 1024
_KEY_ID_BYTES = 4
_DASH = "\N{EM DASH} "
_SIZE = re.compile(r"0|[1-9][0-9]{0,15}")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


class InvalidNote(ValueError):
    """A note that is not spelled as notes are, or that the expected key did not sign."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint says: how many lines a log has, and the root of the tree over them."""

    origin: str
    size: int
    root: bytes


class VerifierKey:
    """The public half: a name and an Ed25519 key."""

    def __init__(self, name: str, public: bytes) -> None:
        if not name or "+" in name or any(part.isspace() for part in name):
            raise InvalidNote("a key's name has neither spaces nor plus signs")
        self.name = name
        self._public = public
        self._key = Ed25519PublicKey.from_public_bytes(public)

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """Return the key that is spelled `<name>+<key id>+<base64>`; raises InvalidNote."""
        name, _, rest = text.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        public = _decode(encoded)
        if public[:1] != ED25519 or len(public) != 1 + HASH_BYTES:
            raise InvalidNote("only Ed25519 keys are known here")
        key = cls(name, public[1:])
        if key.key_id.hex() != key_id:
            raise InvalidNote("the key's id is not that of the key")
        return key

    @property
    def key_id(self) -> bytes:
        """Return the four bytes that signatures name the key by."""
        named = self.name.encode() + b"\n" + ED25519 + self._public
        return hashlib.sha256(named).digest()[:_KEY_ID_BYTES]

    def verify(self, note: str) -> str:
        """Return the note's text; raises InvalidNote where this key has not signed it."""
        if len(note) > NOTE_BYTES_MAX or _CONTROL.search(note):
            raise InvalidNote("this is not a signed note")
        text, separator, signatures = note.rpartition("\n\n")
        if not separator or not signatures.endswith("\n"):
            raise InvalidNote("this is not a signed note")
        text += "\n"
        signed = False
        for line in signatures[:-1].split("\n"):
            name, _, encoded = line.removeprefix(_DASH).partition(" ")
            if not line.startswith(_DASH) or not name:
                raise InvalidNote("this is not a signed note")
            signature = _decode(encoded)
            if (name, signature[:_KEY_ID_BYTES]) == (self.name, self.key_id):
                self._check(signature[_KEY_ID_BYTES:], text)
                signed = True
        if not signed:
            raise InvalidNote(f"the note is not signed by {self.name}")
        return text

    def _check(self, signature: bytes, text: str) -> None:
        try:
            self._key.verify(signature, text.encode())
        except InvalidSignature as error:
            raise InvalidNote(f"the signature of {self.name} does not fit the note") from error

    def __str__(self) -> str:
        encoded = base64.b64encode(ED25519 + self._public).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"


class Signer:
    """A key that signs notes under a name."""

    def __init__(self, name: str, seed: bytes) -> None:
        """Take the key's 32 secret bytes."""
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.verifier = VerifierKey(name, self._key.public_key().public_bytes_raw())

    def sign(self, text: str) -> str:
        """Return the note: the text, which ends in a newline, and this key's signature."""
        signature = self.verifier.key_id + self._key.sign(text.encode())
        encoded = base64.b64encode(signature).decode()
        return f"{text}\n{_DASH}{self.verifier.name} {encoded}\n"


def checkpoint_text(checkpoint: Checkpoint) -> str:
    """Return a checkpoint as the text of a note."""
    root = base64.b64encode(checkpoint.root).decode()
    return f"{checkpoint.origin}\n{checkpoint.size}\n{root}\n"


def parse_checkpoint(text: str) -> Checkpoint:
    """Return what a note's text says as a checkpoint; raises InvalidNote for another text."""
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1] or not all(lines[:-1]):  # noqa: PLR2004 -- three lines and the end
        raise InvalidNote("this is not a checkpoint")
    origin, size, encoded = lines[:3]
    root = _decode(encoded)
    if not _SIZE.fullmatch(size) or len(root) != HASH_BYTES:
        raise InvalidNote("this is not a checkpoint")
    return Checkpoint(origin, int(size), root)


def open_checkpoint(note: str, key: VerifierKey, *, origin: str) -> Checkpoint:
    """Return what a signed checkpoint of that origin says; raises InvalidNote."""
    checkpoint = parse_checkpoint(key.verify(note))
    if checkpoint.origin != origin:
        raise InvalidNote(f"the checkpoint is one of {checkpoint.origin}, not of {origin}")
    return checkpoint


def _decode(encoded: str) -> bytes:
    try:
        decoded = base64.b64decode(encoded.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise InvalidNote("this is not a signed note") from error
    if base64.b64encode(decoded).decode() != encoded:
        raise InvalidNote("this is not a signed note")  # one note has one spelling
    return decoded
