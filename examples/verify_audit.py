"""Checks a file that `almoner audit prove` wrote, without trusting whoever wrote it.

python examples/verify_audit.py proof.json [KEY]      needs Python and `pip install cryptography`
KEY is the agency's audit key as the agency publishes it; without one the file's own is taken.
"""

import base64
import hashlib
import json
import sys
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def signed_tree(note: str, key: str) -> tuple[int, bytes]:
    """Return size and root of a checkpoint (c2sp.org/tlog-checkpoint) that the key has signed."""
    name, _, encoded = key.split("+", 2)
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(encoded)[1:])
    text, _, signatures = note.rpartition("\n\n")
    for line in signatures.splitlines():
        _, signer, signature = line.split(" ")
        if signer == name:
            public.verify(base64.b64decode(signature)[4:], f"{text}\n".encode())
            origin, size, root = text.split("\n")[:3]
            if origin == name:
                return int(size), base64.b64decode(root)
    raise InvalidSignature


def root_over(index: int, size: int, text: str, proof: list[str]) -> bytes | None:
    """Return the root that an inclusion proof leads to (RFC 9162 §2.1.3.2)."""
    last, found = size - 1, hashlib.sha256(b"\x00" + text.encode()).digest()
    for sibling in map(base64.b64decode, proof):
        if index % 2 or index == last:
            found = hashlib.sha256(b"\x01" + sibling + found).digest()
            while index and not index % 2:
                index, last = index // 2, last // 2
        else:
            found = hashlib.sha256(b"\x01" + found + sibling).digest()
        index, last = index // 2, last // 2
    return found if last == 0 else None


file = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
agency_key = [file["key"], *sys.argv[2:]][-1]
try:
    tree_size, tree_root = signed_tree(file["checkpoint"], agency_key)
except (InvalidSignature, ValueError):
    sys.exit("NOT GENUINE: the checkpoint is not signed by this key")
last = -1
for entry in file["lines"]:
    index, line = entry["index"], json.loads(entry["text"])
    proved = root_over(index, tree_size, entry["text"], entry["proof"]) == tree_root
    about = file["consumer"] in (line.get("subject"), *line.get("consumers", ()))
    if not (proved and about and last < index < tree_size):
        sys.exit(f"NOT GENUINE: line {index} is not in its place in the log, or about another")
    print(last := index, line["at"], line["actor"]["displayName"], line["action"], *line["fields"])
print(f"{len(file['lines'])} lines are in the log of {tree_size} lines signed by {agency_key}")
