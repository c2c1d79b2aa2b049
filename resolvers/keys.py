"""API keys: an agency's admins make, rotate and revoke the credentials of its machines."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from domain.access import KEY_DAYS_MAX, KEY_DAYS_MIN, ApiKey, Scope
from domain.errors import NotFound
from domain.ids import new_ulid
from domain.validation import NAME_CHARACTERS_MAX, Faults, clean_integer, clean_text, refuse
from resolvers.context import RequestContext, directory_of
from resolvers.inputs import CreateApiKeyInput, given
from resolvers.once import Attempt, once
from resolvers.trail import audited
from tenants.directory.api_keys import new_secret, secret_hash, secret_prefix

OVERLAP_HOURS_DEFAULT = 24
OVERLAP_HOURS_MAX = 168


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedApiKey:
    """A key just made; `secret` is None where an idempotent retry is answered."""

    api_key: ApiKey
    secret: str | None = field(repr=False)


async def api_keys(context: RequestContext) -> list[ApiKey]:
    """Return the agency's keys, ended ones included, oldest first."""
    return await directory_of(context).api_keys()


async def api_key(context: RequestContext, id: str) -> ApiKey | None:
    """Return the agency's key, or None."""
    return await directory_of(context).api_key(id)


async def create_api_key(context: RequestContext, input: CreateApiKeyInput) -> CreatedApiKey:
    """Make a key. Its secret is in this answer only: not stored, not replayed."""
    directory = directory_of(context)

    async def perform(attempt: Attempt) -> CreatedApiKey:
        faults = Faults()
        name = clean_text(faults, "input.name", input.name, characters_max=NAME_CHARACTERS_MAX)
        scopes = _clean_scopes(faults, input.scopes)
        days = clean_integer(
            faults,
            "input.expiresInDays",
            input.expires_in_days,
            least=KEY_DAYS_MIN,
            greatest=KEY_DAYS_MAX,
        )
        faults.raise_any()
        key, secret = _new_key(context, name, scopes, timedelta(days=days), rotated_from=None)
        line = audited(context, "createApiKey", key.id, fields=tuple(sorted(scopes)))
        await directory.add_api_key(key, line, attempt.done(key.id))
        return CreatedApiKey(api_key=key, secret=secret)

    return await once(
        context,
        "createApiKey",
        input,
        key=given(input.idempotency_key),
        attempts=directory,
        perform=perform,
        replay=lambda reference: _without_secret(context, reference),
    )


async def rotate_api_key(context: RequestContext, id: str, overlap: int | None) -> CreatedApiKey:
    """Make a successor with the same powers and span; the old key ends after the overlap."""
    directory = directory_of(context)
    overlap_hours = OVERLAP_HOURS_DEFAULT if overlap is None else overlap

    async def perform(attempt: Attempt) -> CreatedApiKey:
        old = await _named(context, id)
        faults = Faults()
        clean_integer(faults, "overlapHours", overlap_hours, least=0, greatest=OVERLAP_HOURS_MAX)
        faults.raise_any()
        at = context.request.at
        if not old.is_live(at):
            raise refuse("id", "ENDED", "This key has ended. Create a new one.")
        span = old.expires_at - old.created_at
        new, secret = _new_key(context, old.name, old.scopes, span, rotated_from=old.id)
        ending = replace(old, expires_at=min(old.expires_at, at + timedelta(hours=overlap_hours)))
        line = audited(context, "rotateApiKey", new.id, fields=(old.id,))
        await directory.rotate_api_key(ending, new, line, attempt.done(new.id))
        return CreatedApiKey(api_key=new, secret=secret)

    return await once(
        context,
        "rotateApiKey",
        {"id": id, "overlapHours": overlap_hours},
        attempts=directory,
        perform=perform,
        replay=lambda reference: _without_secret(context, reference),
    )


async def revoke_api_key(context: RequestContext, id: str) -> ApiKey:
    """End a key at once. A key that was revoked before stays as it is: a repetition is harmless."""
    key = await _named(context, id)
    if key.revoked_at is None:
        revoked = replace(key, revoked_at=context.request.at)
        line = audited(context, "revokeApiKey", key.id)
        await directory_of(context).replace_api_key(revoked, line)
        key = await _named(context, id)
    return key


async def _named(context: RequestContext, key_id: str) -> ApiKey:
    key = await directory_of(context).api_key(key_id)
    if key is None:
        raise NotFound
    return key


async def _without_secret(context: RequestContext, reference: str) -> CreatedApiKey:
    return CreatedApiKey(api_key=await _named(context, reference), secret=None)


def _new_key(
    context: RequestContext,
    name: str,
    scopes: frozenset[Scope],
    span: timedelta,
    *,
    rotated_from: str | None,
) -> tuple[ApiKey, str]:
    at = context.request.at
    secret = new_secret()
    key = ApiKey(
        id=f"key_{new_ulid(at)}",
        name=name,
        prefix=secret_prefix(secret),
        hash=secret_hash(secret),
        scopes=scopes,
        created_by=context.principal.actor,
        created_at=at,
        expires_at=at + min(max(span, timedelta(days=KEY_DAYS_MIN)), timedelta(days=KEY_DAYS_MAX)),
        rotated_from=rotated_from,
    )
    return key, secret


def _clean_scopes(faults: Faults, scopes: Sequence[str]) -> frozenset[Scope]:
    known = {scope.value: scope for scope in Scope}
    if not scopes:
        faults.add("input.scopes", "REQUIRED", "Give at least one scope.")
    elif len(scopes) > len(known):
        faults.add("input.scopes", "TOO_MANY", "Give each scope once.")
        return frozenset()
    for number, scope in enumerate(scopes):
        if scope not in known:
            message = f"There is no such scope. Known are: {', '.join(known)}."
            faults.add(f"input.scopes.{number}", "INVALID", message)
    return frozenset(known[scope] for scope in scopes if scope in known)
