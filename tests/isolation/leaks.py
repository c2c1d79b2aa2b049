"""The seeded leaks: mistakes that a test build of the wiring makes on purpose, one at a time.

Each stands for a mistake that somebody could make, and is put in where they would make it: as other
parts of the application where the wiring has a seam, else in the place of a function or method.
None of them comes with a check of its own: the campaign that finds nothing in the real wiring has
to find each of these.
"""

import base64
import json
import tempfile
from collections.abc import Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
import structlog

import gateway.app
import gateway.engine.execute
import gateway.engine.faults
import gateway.identity.authenticator
import resolvers.context
import schema.nodes
import tenants.store
from domain.access import Principal
from domain.agencies import Agency
from domain.errors import GatewayError
from gateway.agency import Settled, settle_agency
from gateway.app import Parts
from gateway.app import answer as answer_request
from gateway.app import reply_to as reply_to_request
from gateway.http import read_request
from gateway.identity.claims import read_token
from gateway.identity.credentials import read_credential
from gateway.identity.refusals import Refusal
from gateway.metrics import Metrics
from gateway.telemetry import describe_span
from resolvers.guard import Guard
from resolvers.loaders import Loaders
from schema.rules import Rule
from tenants.cursors import CursorSigner
from tenants.directory.port import AgencyDirectory
from tenants.keys.keyring import derive_key
from tenants.records.codec import Codec
from tenants.records.codec import decode as decode_record
from tenants.records.codec import encode as encode_record
from tenants.records.kinds import KINDS
from tenants.store import AgencyStore
from tests.isolation.gateway_run import Rewire

Patch = pytest.MonkeyPatch
LEAKS: dict[str, "Leak"] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """A mistake: what it stands for, and what puts it into the wiring.

    seed: changes what functions and classes do, for as long as the patch lasts. The rewiring that
    it returns, if any, changes the opened parts.
    """

    name: str
    stands_for: str
    seed: Callable[[Patch], Rewire | None]


def leak(stands_for: str) -> Callable[[Callable[[Patch], Rewire | None]], None]:
    """Enter a leak into the table, under its function's name."""

    def enter(seed: Callable[[Patch], Rewire | None]) -> None:
        name = seed.__name__.strip("_").replace("_s_", "'s ").replace("_", " ")
        LEAKS[name] = Leak(name=name, stands_for=stands_for, seed=seed)

    return enter


# Who asks, and for which agency


@leak("a verdict kept under what names a person, and not under the whole credential")
def _verdict_cache_key_without_agency(patch: Patch) -> None:
    authenticator = gateway.identity.authenticator.Authenticator
    honest = authenticator.authenticate
    kept: dict[tuple[str, str], Principal] = {}

    async def authenticate(self: Any, credential: Any) -> Principal:
        if credential.kind == "api_key":
            return await honest(self, credential)
        payload = read_token(credential.value).payload
        key = (str(payload["sub"]), str(payload["cognito:groups"]))
        if key not in kept:
            kept[key] = await honest(self, credential)
        return kept[key]

    patch.setattr(authenticator, "authenticate", authenticate)


@leak("key sets looked through by key id, whoever's issuer the token names")
def _wrong_pool_s_key_accepted(_patch: Patch) -> Rewire:
    def rewire(parts: Parts) -> Parts:
        key_sets: Any = parts.authenticator._key_sets  # type: ignore[attr-defined]  # the real one
        honest = key_sets.key

        async def key(issuer: str, key_id: str) -> Any:
            try:
                return await honest(issuer, key_id)
            except Refusal:
                for source in key_sets._sources.values():
                    if key_id in source.keys:
                        return source.keys[key_id]
                raise

        key_sets.key = key
        return parts

    return rewire


@leak("a signature that is not looked at")
def _signature_not_checked(patch: Patch) -> None:
    patch.setattr("gateway.identity.claims._RS256", _Anything())


class _Anything:
    def verify(self, *_: object) -> bool:
        return True


@leak("an epoch that a process does not see rise, so that a revoked sign-in goes on")
def _stale_epoch(patch: Patch) -> None:
    patch.setattr("tenants.directory.sqlite.SqliteDirectory.epoch", lambda *_: 1)


@leak("the header believed, and not the credential")
def _hint_trusted_over_credential(patch: Patch) -> None:
    honest = settle_agency

    async def settle(principal: Principal, hint: str | None, directory: Any, **more: Any) -> Any:
        named = None if hint is None else await directory.agency_by_slug(hint)
        if named is not None:
            return Settled(principal=principal, agency=named)
        return await honest(principal, hint, directory, **more)

    patch.setattr(gateway.app, "settle_agency", settle)


@leak("the status of an agency looked at by nobody")
def _suspended_agency_still_served(patch: Patch) -> None:
    honest = settle_agency

    async def settle(principal: Principal, hint: str | None, directory: Any, **more: Any) -> Any:
        if principal.agency_id is None or hint is not None:
            return await honest(principal, hint, directory, **more)
        agency = await directory.agency(principal.agency_id)
        return Settled(principal=principal, agency=agency)

    patch.setattr(gateway.identity.authenticator, "_demand_active", lambda _agency: None)
    patch.setattr(gateway.app, "settle_agency", settle)


@leak("a revoked API key that is only looked at for its end")
def _revoked_key_accepted(patch: Patch) -> None:
    patch.setattr("domain.access.ApiKey.is_live", lambda self, at: at < self.expires_at)


# What is shared between agencies


@leak("open stores kept under something that agencies have in common")
def _store_registry_keyed_wrongly(_patch: Patch) -> Rewire:
    class Stores:
        def __init__(self, honest: Any) -> None:
            self._honest = honest
            self._first: dict[str, Agency] = {}

        @asynccontextmanager
        async def lease(self, agency: Agency) -> Any:
            same = self._first.setdefault(agency.currency, agency)
            async with self._honest.lease(same) as store:
                yield store

    return lambda parts: replace(parts, stores=Stores(parts.stores))


@leak("data loaders that outlive their request")
def _loader_shared_between_requests(patch: Patch) -> None:
    made: list[Loaders] = []

    def shared(store: AgencyStore | None) -> Loaders:
        if store is None:
            return Loaders(None)
        if not made:
            made.append(Loaders(store))
        return made[0]

    patch.setattr(resolvers.context, "Loaders", shared)


@leak("decoded records kept in one place for all stores")
def _decoded_record_cache_shared(patch: Patch) -> None:
    honest = AgencyStore.__init__
    decoded: dict[Any, Any] = {}

    def init(self: AgencyStore, *given: Any, **more: Any) -> None:
        honest(self, *given, **more)
        self._decoded = decoded

    patch.setattr(AgencyStore, "__init__", init)


@leak("answers kept by what was asked, and not by who asked")
def _answer_cache_without_principal(patch: Patch) -> None:
    engine = gateway.engine.execute.Engine
    honest = engine.execute
    kept: dict[str, Any] = {}

    async def execute(self: Any, operation: Any, variables: Any, context: Any) -> Any:
        if operation.kind.value == "mutation":
            return await honest(self, operation, variables, context)
        asked = f"{operation.document.loc.source.body} {json.dumps(variables, sort_keys=True)}"
        if asked not in kept:
            kept[asked] = await honest(self, operation, variables, context)
        return kept[asked]

    patch.setattr(engine, "execute", execute)


@leak("what was asked last, kept where all can come by")
def _last_question_kept_in_memory(patch: Patch) -> None:
    engine = gateway.engine.execute.Engine
    honest = engine.execute

    async def execute(self: Any, operation: Any, variables: Any, context: Any) -> Any:
        if any("input" in name for name in variables):
            self.last = dict(variables)
        return await honest(self, operation, variables, context)

    patch.setattr(engine, "execute", execute)


@leak("idempotency records looked up beside the store, in one place for all")
def _idempotency_record_shared(patch: Patch) -> None:
    honest_once, honest_commit = AgencyStore.once, AgencyStore.commit
    kept: dict[str, Any] = {}

    async def once(self: AgencyStore, key: str) -> Any:
        return await honest_once(self, key) or kept.get(key)

    async def commit(self: AgencyStore, change: Any) -> Any:
        written = await honest_commit(self, change)
        if change.begin is not None:
            kept[change.begin.key] = change.begin
        return written

    patch.setattr(AgencyStore, "once", once)
    patch.setattr(AgencyStore, "commit", commit)


@leak("blind indexes keyed by the field alone")
def _blind_index_without_the_agency_s_key(patch: Patch) -> None:
    honest = derive_key

    def derive(key: bytes, purpose: str) -> bytes:
        if purpose.startswith("blind "):
            return honest(bytes(32), f"blind {purpose.rpartition(' ')[2]}")
        return honest(key, purpose)

    patch.setattr(tenants.store, "derive_key", derive)


@leak("cursors that anybody may make up")
def _unsigned_cursor(patch: Patch) -> None:
    def open_cursor(_self: Any, _listing: str, cursor: str, *, path: str = "after") -> str:
        del path
        return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))[16:].decode()

    patch.setattr(CursorSigner, "open", open_cursor)


@leak("a directory that is asked for everybody, and not for the agency's own")
def _staff_of_all_agencies(patch: Patch) -> None:
    async def staff(self: Any) -> Any:
        directory = self._directory
        return [
            one for agency in await directory.agencies() for one in await directory.staff(agency.id)
        ]

    patch.setattr(AgencyDirectory, "staff", staff)


@leak("the bureau that was asked first, taken for every agency")
def _bureau_of_another_agency(_patch: Patch) -> Rewire:
    class Bureaus:
        def __init__(self, honest: Any) -> None:
            self._honest = honest
            self._first: list[Agency] = []

        def of(self, agency: Agency) -> Any:
            self._first.append(agency)
            return self._honest.of(self._first[0])

    return lambda parts: replace(parts, bureaus=Bureaus(parts.bureaus))


# What is within reach


@leak("a guard that says yes to everything")
def _guard_that_says_yes(patch: Patch) -> None:
    async def reaches(*_: object) -> bool:
        return True

    patch.setattr(Guard, "reaches", reaches)


@leak("an object found by its id without being guarded")
def _node_without_guard(patch: Patch) -> None:
    async def read(context: Any, global_id: str) -> Any:
        return await context.loaders.applications.load(global_id)

    kind = schema.nodes.NODE_KINDS["app"]
    patch.setitem(schema.nodes.NODE_KINDS, "app", replace(kind, read=read))


@leak("consumers found by what is known of them, whoever looks")
def _match_without_reach(patch: Patch) -> None:
    async def all_of_them(_self: Guard) -> None:
        return None

    patch.setattr(Guard, "consumer_ids", all_of_them)


@leak("scopes of an API key that are not looked at")
def _key_without_scopes(patch: Patch) -> None:
    honest = Rule.refusal

    def refusal(self: Rule, principal: Principal, *more: Any) -> GatewayError | None:
        return None if principal.scopes else honest(self, principal, *more)

    patch.setattr(Rule, "refusal", refusal)


@leak("an old sign-in that is good enough for everything")
def _old_sign_in_reads_ssn(patch: Patch) -> None:
    patch.setattr(Rule, "_is_stale", lambda *_: False)


# What is said, and where


@leak("a refusal that repeats what was refused")
def _error_text_with_values(patch: Patch) -> None:
    patch.setattr(gateway.engine.execute, "variable_faults", lambda *_: None)


@leak("an internal error told as it is")
def _unmasked_internal_error(patch: Patch) -> None:
    honest = gateway.engine.faults.field_errors

    def told(errors: Any, request_id: str) -> Any:
        listed = list(errors)
        result = honest(listed, request_id)
        entries = [
            entry | {"message": str(error)} if entry["errorType"] == "InternalFailure" else entry
            for entry, error in zip(result.entries, listed, strict=True)
        ]
        return replace(result, entries=tuple(entries))

    patch.setattr(gateway.engine.execute, "field_errors", told)


@leak("a log line of what was asked")
def _log_line_with_variables(patch: Patch) -> None:
    honest = read_request

    async def read(*given: Any) -> Any:
        asked = await honest(*given)
        structlog.get_logger("almoner").info("asked", variables=dict(asked.variables))
        return asked

    patch.setattr(gateway.app, "read_request", read)


@leak("the message of an exception in a log line")
def _log_line_with_an_exception(patch: Patch) -> None:
    honest = answer_request

    async def answer(config: Any, engine: Any, parts: Any, exchange: Any) -> Any:
        reply = await honest(config, engine, parts, exchange)
        for failure in exchange.failures:
            structlog.get_logger("almoner").error("failed", error=str(failure))
        return reply

    patch.setattr(gateway.app, "answer", answer)


@leak("the credential in a log line")
def _log_line_with_the_credential(patch: Patch) -> None:
    honest = read_credential

    def read(headers: Any) -> Any:
        structlog.get_logger("almoner").debug("headers", given=dict(headers))
        return honest(headers)

    patch.setattr(gateway.app, "read_credential", read)


@leak("people counted by name")
def _metric_label_with_a_value(patch: Patch) -> None:
    honest = settle_agency
    counting = Metrics.request_ended
    named = ["nobody"]

    async def settle(principal: Principal, *given: Any, **more: Any) -> Any:
        named[0] = principal.display_name
        return await honest(principal, *given, **more)

    def ended(self: Metrics, **facts: Any) -> None:
        counting(self, **facts)
        self.requests.labels("asked", named[0]).inc()

    patch.setattr(gateway.app, "settle_agency", settle)
    patch.setattr(Metrics, "request_ended", ended)


@leak("variables in a trace")
def _span_attribute_with_a_value(patch: Patch) -> None:
    engine = gateway.engine.execute.Engine
    honest = engine.execute

    async def execute(self: Any, operation: Any, variables: Mapping[str, object], at: Any) -> Any:
        describe_span({"graphql.variables": json.dumps(variables)})
        return await honest(self, operation, variables, at)

    patch.setattr(engine, "execute", execute)


@leak("a header that says who is answered")
def _response_header_with_a_value(patch: Patch) -> None:
    honest = reply_to_request

    def reply_to(result: Any, *more: Any) -> Any:
        reply = honest(result, *more)
        preview = base64.b64encode(result.body[:300])
        return replace(reply, headers=(*reply.headers, (b"x-preview", preview)))

    patch.setattr(gateway.app, "reply_to", reply_to)


# What is written down


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
    patch.setattr(tenants.store, "decode", decode)
