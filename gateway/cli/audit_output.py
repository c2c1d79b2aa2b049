"""How `almoner audit` shows lines and verdicts, and writes the files that others check."""

import base64
import json
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import click

from domain.audit import AuditLine, AuditOutcome
from domain.errors import StoreUnavailable
from domain.merkle import includes
from gateway.cli.terminal import Tell
from tenants.ledger.ledger import Ledger, LedgerLine
from tenants.ledger.records import not_as_signed
from tenants.ledger.signed_notes import Checkpoint
from tenants.ledger.verify import Verdict

EXPORT_FORMAT = "almoner-audit-export/1"
PROOF_FORMAT = "almoner-audit-proof/1"
_TOLD_LINES = 1000


async def write_export(ledger: Ledger, agency: str, out: Path, tell: Tell) -> int:
    """Write every line and what checks them, as JSON lines; return how many lines."""
    checkpoint = await ledger.checkpoint()
    size, pruned = ledger.open_checkpoint(checkpoint).size, await ledger.pruned()
    first = {
        "format": EXPORT_FORMAT,
        "agency": agency,
        "key": str(ledger.verifier),
        "checkpoint": checkpoint,
        "pruned": pruned,
        "prunedHashes": [_base64(one) for one in await ledger.edge(pruned)],
    }
    with _private(out) as file:
        file.write(json.dumps(first) + "\n")
        async for line in _all_lines(ledger, size, tell):
            file.write(json.dumps({"index": line.index, "text": line.text.decode()}) + "\n")
    return size - pruned


async def write_proof(ledger: Ledger, agency: str, consumer: str, out: Path, tell: Tell) -> int:
    """Write every line about a consumer with its inclusion proof; return how many lines.

    Raises StoreUnavailable, with nothing written, where a proof does not hold.
    """
    checkpoint = await ledger.checkpoint()
    signed = ledger.open_checkpoint(checkpoint)
    lines = [
        {
            "index": line.index,
            "text": line.text.decode(),
            "proof": [_base64(one) for one in await _checked_proof(ledger, line, signed)],
        }
        async for line in _all_lines(ledger, signed.size, tell)
        if _is_about(line, consumer)
    ]
    proof = {
        "format": PROOF_FORMAT,
        "agency": agency,
        "consumer": consumer,
        "madeAt": datetime.now(UTC).isoformat(timespec="seconds"),
        "key": str(ledger.verifier),
        "checkpoint": checkpoint,
        "lines": lines,
    }
    with _private(out) as file:
        json.dump(proof, file, indent=1)
    return len(lines)


async def _checked_proof(ledger: Ledger, line: LedgerLine, signed: Checkpoint) -> list[bytes]:
    """Return a line's inclusion proof, after checking it as whoever gets the file will."""
    proof = await ledger.inclusion(line.index, size=signed.size)
    if not includes(signed.root, signed.size, line.index, line.leaf_hash, proof):
        raise not_as_signed()
    return proof


async def _all_lines(ledger: Ledger, size: int, tell: Tell) -> AsyncIterator[LedgerLine]:
    async for line in ledger.walk(before=size):
        yield line
        if (line.index + 1) % _TOLD_LINES == 0:
            tell(f"line {line.index + 1:,} of {size:,}")


def _is_about(line: LedgerLine, consumer: str) -> bool:
    # Most lines are about others: looking for the id is cheaper than decoding them.
    return consumer.encode() in line.text and line.line.is_about({consumer})


def print_line(line: LedgerLine, *, as_json: bool) -> None:
    """Print a line as people read it, or as it is stored."""
    if as_json:
        click.echo(line.text.decode())
        return
    try:
        found: AuditLine = line.line
    except StoreUnavailable:  # from before lines were looked at when they were merged
        click.echo(f"{line.index}  (no audit line: `tail --json` prints it as it is)")
        return
    parts: list[Any] = [
        line.index,
        found.at.isoformat(timespec="seconds"),
        found.actor.display_name,
        found.action,
        None if found.outcome is AuditOutcome.DONE else found.outcome.value,
        found.subject,
        " ".join(found.fields),
        found.purpose,
    ]
    click.echo("  ".join(str(part) for part in parts if part not in (None, "")))


def print_verdict(verdict: Verdict, seconds: float, *, as_json: bool) -> None:
    """Print what verifying came to."""
    finding = verdict.finding
    if as_json:
        shown = {
            "ok": finding is None,
            "lines": verdict.size,
            "pruned": verdict.pruned,
            "waiting": verdict.waiting,
            "setAside": list(verdict.set_aside),
            "comparedCheckpoints": verdict.compared,
            "seconds": round(seconds, 2),
            "checkpoint": verdict.checkpoint,
            "finding": None
            if finding is None
            else {
                "fault": finding.fault.value,
                "index": finding.index,
                "lineId": finding.line_id,
                "message": finding.message,
            },
        }
        click.echo(json.dumps(shown, indent=2))
        return
    if finding is not None:
        named = f" It calls itself {finding.line_id}." if finding.line_id else ""
        click.echo(f"{finding.fault.value}: {finding.message}{named}")
        return
    click.echo(
        f"{verdict.size} lines verified in {seconds:.1f} s: none removed, changed, reordered or "
        f"cut off. Compared with {verdict.compared} kept checkpoints."
    )
    if verdict.pruned:
        click.echo(f"Retention has removed the first {verdict.pruned}; their hashes verify.")


def show_progress(done: int, size: int) -> None:
    """Show how far a verification is, on one line of a terminal."""
    click.echo(f"\r{done} of {size} lines", nl=done == size, err=True)


def _private(path: Path) -> TextIO:
    """Open a file anew that its owner alone can read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    os.fchmod(descriptor, 0o600)
    return os.fdopen(descriptor, "w", encoding="utf-8")


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
