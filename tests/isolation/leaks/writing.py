"""Mistakes about what is written down: events, audit lines, files and records."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import tenants.records.reader
import tenants.store
from tenants.records.codec import Codec
from tenants.records.codec import decode as decode_record
from tenants.records.codec import encode as encode_record
from tenants.records.kinds import KINDS
from tenants.store import AgencyStore
from tests.isolation.leaks.leak import Leaks, Patch

LEAKS = Leaks()
leak = LEAKS.enter


def _commit_with(patch: Patch, changed: Callable[[Any], Any]) -> None:
    honest = AgencyStore.commit

    async def commit(self: AgencyStore, change: Any) -> Any:
        return await honest(self, changed(change))

    patch.setattr(AgencyStore, "commit", commit)


@leak("an event that carries the record")
def _personal_value_in_an_event(patch: Patch) -> None:
    def changed(change: Any) -> Any:
        if change.event is None:
            return change
        return replace(change, event=replace(change.event, data={"record": repr(change.put)}))

    _commit_with(patch, changed)


@leak("an audit line that keeps what was changed, and not only its name")
def _personal_value_in_an_audit_line(patch: Patch) -> None:
    def changed(change: Any) -> Any:
        if change.audit is None:
            return change
        return replace(change, audit=replace(change.audit, purpose=repr(change.put)))

    _commit_with(patch, changed)


@leak("a record written beside the store while it is being saved")
def _plaintext_temporary_file(patch: Patch) -> None:
    honest = encode_record

    def encode(record: Any, *more: Any) -> bytes:
        with tempfile.NamedTemporaryFile("w", delete=False, prefix="record-") as file:
            file.write(repr(record))
        return honest(record, *more)

    patch.setattr(tenants.store, "encode", encode)


@leak("personal fields that nobody seals")
def _personal_fields_not_sealed(patch: Patch) -> None:
    forgetful = Codec([replace(spec, sealed={}) for spec in KINDS])
    honest = decode_record

    def decode(kind: str, body: bytes, *more: Any) -> Any:
        return (honest if b',"sealed":' in body else forgetful.decode)(kind, body, *more)

    patch.setattr(tenants.store, "encode", forgetful.encode)
    patch.setattr(tenants.records.reader, "decode", decode)
