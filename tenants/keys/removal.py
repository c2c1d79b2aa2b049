"""Taking an agency out: its wrapped keys are destroyed, then everything, and each step is proved.

Without its keys nothing of an agency can be read any more, wherever a copy of its store may lie. So
the proof looks for the wrapped keys' bytes in the directory's file itself, page by page, free pages
and write-ahead log included.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from domain.agencies import Agency
from domain.audit import AuditLine
from domain.errors import StoreUnavailable
from tenants.directory.port import Directory
from tenants.registry import StoreRegistry

_PAGE_BYTES = 4096
_SALT_BYTES = 16  # in place of the first bytes of the first page
_RESERVED_BYTES = 80  # at the end of each page: initialization vector and SHA-512 code
_IV_BYTES = 16
_LOG_HEADER_BYTES, _FRAME_HEADER_BYTES = 32, 24


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryPlace:
    """The directory's file and the key that opens it: what a look at its pages takes."""

    path: Path
    key: bytes = field(repr=False)


async def remove_agency(
    directory: Directory,
    place: DirectoryPlace,
    registry: StoreRegistry,
    agency: Agency,
    audit: AuditLine,
) -> tuple[str, ...]:
    """Destroy the agency's wrapped keys, its store and its files; return what was proved.

    Raises StoreUnavailable, saying what is left, where something could not be proved. The agency is
    gone even then.
    """
    wrapped = [key.wrapped for key in await directory.wrapped_keys(agency.id)]
    seen_before = holds(place, wrapped)
    await directory.remove_agency(agency.id, audit)
    opens_without_keys = await _opens(registry, agency)
    await registry.destroy(agency)
    proofs = {
        "the directory holds no key of the agency": not await directory.wrapped_keys(agency.id),
        f"its {len(wrapped)} wrapped keys are in no page of the directory's file or log, "
        "where they were before": bool(wrapped) and seen_before and not holds(place, wrapped),
        "its store did not open any more, and is gone": not opens_without_keys
        and not await _opens(registry, agency),
        "its files are gone": await registry.blobs.is_gone(agency.id),
    }
    failed = [claim for claim, proved in proofs.items() if not proved]
    if failed:
        raise StoreUnavailable(
            f"The agency is removed, but this could not be proved: {'; '.join(failed)}. Stop what "
            "else uses this home folder, and look again with: almoner doctor"
        )
    return tuple(proofs)


def holds(place: DirectoryPlace, needles: Sequence[bytes]) -> bool:
    """Say whether any page of the file or its log, decrypted, has one of these byte strings."""
    return any(needle in page for page in _pages(place) for needle in needles)


def _pages(place: DirectoryPlace) -> Iterator[bytes]:
    """Yield every page as SQLCipher 4 keeps it under a raw key, decrypted."""
    for number, page in enumerate(_chunks(place.path, 0, 0)):
        yield _decrypted(page[_SALT_BYTES:] if number == 0 else page, place.key)
    log = place.path.with_name(f"{place.path.name}-wal")
    if log.exists():
        for page in _chunks(log, _LOG_HEADER_BYTES, _FRAME_HEADER_BYTES):
            yield _decrypted(page, place.key)
            yield _decrypted(page[_SALT_BYTES:], place.key)  # where it is the first page


def _chunks(path: Path, start: int, header: int) -> Iterator[bytes]:
    content = path.read_bytes()[start:]
    for at in range(0, len(content), header + _PAGE_BYTES):
        page = content[at + header : at + header + _PAGE_BYTES]
        if len(page) == _PAGE_BYTES:
            yield page


def _decrypted(page: bytes, key: bytes) -> bytes:
    sealed, reserved = page[:-_RESERVED_BYTES], page[-_RESERVED_BYTES:]
    decryptor = Cipher(AES(key), CBC(reserved[:_IV_BYTES])).decryptor()
    return decryptor.update(sealed) + decryptor.finalize()


async def _opens(registry: StoreRegistry, agency: Agency) -> bool:
    await registry.close(agency.id)
    try:
        await registry.open(agency)
    except StoreUnavailable:
        return False
    return True
