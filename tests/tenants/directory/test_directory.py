"""What the directory promises, on its SQLite default."""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.access import KEYS_PER_AGENCY_MAX, Scope
from domain.agencies import Agency, AgencyStatus, Pool
from domain.audit import AuditLine
from domain.errors import (
    Duplicate,
    GatewayError,
    IdempotencyMismatch,
    InvalidInput,
    NotFound,
    StoreUnavailable,
    TooLarge,
    VersionConflict,
)
from domain.ids import new_ulid
from tenants.backend import Replayed
from tenants.directory.port import AgencyDirectory, Revocation, WrappedKey
from tenants.directory.sqlite import APPLICATION_ID, SqliteDirectory, open_directory
from tenants.sqlite.sqlcipher import open_encrypted
from tests.tenants.directory.directory_samples import (
    ACTOR,
    AT,
    FILE_KEY,
    OPERATORS,
    WRAPPED,
    a_key,
    a_member,
    a_once,
    a_revocation,
    an_agency,
    audit,
)

Change = Callable[[SqliteDirectory, Agency], Awaitable[None]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "directory.db"


@pytest.fixture
async def directory(path: Path) -> AsyncIterator[SqliteDirectory]:
    opened = open_directory(path, FILE_KEY, create=True, clock=lambda: AT)
    yield opened
    await opened.aclose()


@pytest.fixture
async def other(path: Path, directory: SqliteDirectory) -> AsyncIterator[SqliteDirectory]:
    """Return the same directory through connections of its own, as another process has it."""
    opened = open_directory(path, FILE_KEY, create=False, clock=lambda: AT)
    yield opened
    await opened.aclose()


@pytest.fixture
async def harbor(directory: SqliteDirectory) -> Agency:
    agency = an_agency()
    await directory.add_agency(agency, WRAPPED, audit("cli:agency add"))
    return agency


async def test_an_agency_is_found_by_id_slug_and_issuer(
    directory: SqliteDirectory, harbor: Agency
) -> None:
    """An agency comes back as it was written, by each of its three names."""
    found = [
        await directory.agency(harbor.id),
        await directory.agency_by_slug("harbor"),
        await directory.agency_by_issuer("https://pools.test/harbor"),
    ]

    assert [harbor] * 3 == found
    assert [harbor] == await directory.agencies()
    assert list(WRAPPED)[::-1] == await directory.wrapped_keys(harbor.id)


async def test_what_is_not_there_is_none(directory: SqliteDirectory, harbor: Agency) -> None:
    """Unknown names are None, and a name that differs in anything is unknown."""
    found = [
        await directory.agency("nobody"),
        await directory.agency_by_slug("HARBOR"),
        await directory.agency_by_issuer("https://pools.test/harbor/"),
        await directory.staff_by_subject(harbor.id, "sub-1"),
        await directory.api_key(harbor.id, "key_1"),
        await directory.api_key_by_hash("0" * 64),
        await directory.once(harbor.id, "once-1"),
        await directory.operator_pool(),
    ]

    assert found == [None] * 8
    assert directory.epoch("nobody") == 0


@pytest.mark.parametrize(
    "slug",
    [
        "",
        "a",
        "1abc",
        "-abc",
        "Harbor",
        "har bor",
        "har_bor",
        "a" * 32,
        "harbor\n",
        "hárbor",
        "../x",
    ],
)
async def test_a_slug_that_is_not_spelled_as_one_is_refused(
    directory: SqliteDirectory, slug: str
) -> None:
    """Slugs are two to 31 of a-z, 0-9 and -, beginning with a letter."""
    with pytest.raises(InvalidInput) as refusal:
        await directory.add_agency(replace(an_agency(), slug=slug), WRAPPED, audit())

    assert [fault.path for fault in refusal.value.fields] == ["slug"]
    assert await directory.agencies() == []


async def test_all_faults_of_an_agency_are_told_at_once(directory: SqliteDirectory) -> None:
    """A bad name, issuer and client list are reported together."""
    pools = (Pool(issuer="ftp://x", client_ids=()), Pool(issuer="https://a b", client_ids=("",)))

    with pytest.raises(InvalidInput) as refusal:
        await directory.add_agency(an_agency(name=" ", pools=pools), WRAPPED, audit())

    assert [fault.path for fault in refusal.value.fields] == [
        "name",
        "pools.0.issuer",
        "pools.0.clientIds",
        "pools.1.issuer",
        "pools.1.clientIds",
    ]


async def test_an_issuer_belongs_to_one_agency_or_to_the_operators(
    directory: SqliteDirectory, harbor: Agency
) -> None:
    """No issuer can be taken twice, in any of the ways there are to take one."""
    summit = an_agency("summit")
    await directory.add_agency(summit, WRAPPED, audit())
    await directory.set_operator_pool(OPERATORS, audit())
    with pytest.raises(Duplicate):
        await directory.add_agency(an_agency("third", pools=harbor.pools), WRAPPED, audit())
    with pytest.raises(Duplicate):
        await directory.add_agency(an_agency("third", pools=(OPERATORS,)), WRAPPED, audit())
    with pytest.raises(Duplicate):
        await directory.update_agency(replace(summit, pools=harbor.pools), audit())
    with pytest.raises(Duplicate):
        await directory.set_operator_pool(harbor.pools[0], audit())
    with pytest.raises(Duplicate):
        await directory.add_agency(an_agency("harbor", pools=()), WRAPPED, audit())

    assert await directory.agencies() == [harbor, summit]
    assert await directory.operator_pool() == OPERATORS
    assert await directory.agency_by_issuer(OPERATORS.issuer) is None


async def test_the_operators_pool_can_be_replaced(directory: SqliteDirectory) -> None:
    """A second operators' pool takes the place of the first, whose issuer is free again."""
    second = Pool(issuer="https://pools.test/second", client_ids=("a", "b"))
    await directory.set_operator_pool(OPERATORS, audit())
    await directory.set_operator_pool(second, audit())
    await directory.add_agency(an_agency(pools=(OPERATORS,)), WRAPPED, audit())

    assert await directory.operator_pool() == second


async def test_a_changed_agency_is_seen_under_its_new_names_only(
    directory: SqliteDirectory, harbor: Agency
) -> None:
    """Changing slug and pools retires the old ones at once, cached answers included."""
    await directory.agency_by_slug("harbor")
    await directory.agency_by_issuer("https://pools.test/harbor")
    pools = (Pool(issuer="https://pools.test/new", client_ids=("almonerweb",)),)
    changed = replace(harbor, slug="haven", pools=pools, status=AgencyStatus.SUSPENDED)
    await directory.update_agency(changed, audit())

    assert await directory.agency(harbor.id) == changed
    assert await directory.agency_by_slug("harbor") is None
    assert await directory.agency_by_issuer("https://pools.test/harbor") is None
    assert await directory.agency_by_issuer("https://pools.test/new") == changed


async def test_a_removed_agency_leaves_its_audit_lines_and_nothing_else(
    directory: SqliteDirectory, harbor: Agency
) -> None:
    """Removal forgets keys, staff, API keys and revocations; its audit lines stay."""
    key = a_key()
    await directory.add_api_key(harbor.id, key, audit(), a_once(key))
    await directory.put_staff(harbor.id, a_member(), audit())
    await directory.revoke(harbor.id, a_revocation("jti", "t1"), audit())
    await directory.remove_agency(harbor.id, audit("cli:agency remove"))

    assert await directory.agencies() == []
    assert await directory.agency_by_issuer("https://pools.test/harbor") is None
    assert await directory.wrapped_keys(harbor.id) == []
    assert await directory.staff(harbor.id) == []
    assert await directory.api_key_by_hash(key.hash) is None
    assert await directory.once(harbor.id, "once-1") is None
    assert not await _revoked(directory, harbor.id, jti="t1")
    actions = sorted(line.action for line in await directory.audit_lines(harbor.id, None, 10))
    assert actions == ["cli:agency add", "cli:agency remove", "cli:test", "cli:test", "cli:test"]


@pytest.mark.parametrize(
    "change",
    [
        lambda d, a: d.update_agency(an_agency("lost"), audit()),
        lambda d, a: d.remove_agency("nobody", audit()),
        lambda d, a: d.put_staff("nobody", a_member(), audit()),
        lambda d, a: d.add_api_key("nobody", a_key(), audit()),
        lambda d, a: d.add_wrapped_keys("nobody", WRAPPED, audit()),
        lambda d, a: d.destroy_data_keys("nobody", ["01A"], audit()),
        lambda d, a: d.destroy_data_keys(a.id, ["01A", "none"], audit()),
        lambda d, a: d.replace_api_key(a.id, a_key(), audit()),
        lambda d, a: d.rotate_api_key(a.id, a_key(), a_key(), audit()),
    ],
    ids=[
        *("update", "remove", "staff", "key", "wrapped", "destroy", "destroy one"),
        *("replace", "rotate"),
    ],
)
async def test_a_change_of_what_is_not_there_changes_nothing(
    directory: SqliteDirectory, harbor: Agency, change: Change
) -> None:
    """An unknown agency or key is NotFound, without audit line or epoch."""
    before = await _everything(directory, harbor)
    with pytest.raises(NotFound):
        await change(directory, harbor)

    assert await _everything(directory, harbor) == before


async def test_another_agencys_key_is_not_there(directory: SqliteDirectory, harbor: Agency) -> None:
    """A key id opens nothing in an agency that does not own it."""
    summit, key = an_agency("summit"), a_key()
    await directory.add_agency(summit, WRAPPED, audit())
    await directory.add_api_key(harbor.id, key, audit())
    with pytest.raises(NotFound):
        await directory.replace_api_key(summit.id, replace(key, revoked_at=AT), audit())
    await directory.touch_api_key(summit.id, key.id, AT)

    assert await directory.api_key(summit.id, key.id) is None
    assert await directory.api_key(harbor.id, key.id) == key
    assert await directory.api_key_by_hash(key.hash) == (harbor.id, key)


async def test_a_stale_copy_cannot_widen_a_key(directory: SqliteDirectory, harbor: Agency) -> None:
    """Replacing a key only takes away: scopes, time, and never a revocation."""
    key = a_key()
    await directory.add_api_key(harbor.id, key, audit())
    revoked = replace(key, revoked_at=AT, scopes=frozenset({Scope.CREDIT_READ}))
    await directory.replace_api_key(harbor.id, revoked, audit())
    wider = replace(
        key,
        name="renamed",
        hash="0" * 64,
        scopes=frozenset(Scope),
        expires_at=AT + timedelta(days=365),
        revoked_at=None,
    )
    await directory.replace_api_key(harbor.id, wider, audit())

    assert await directory.api_key(harbor.id, key.id) == replace(revoked, name="renamed")


async def test_an_agency_has_a_bounded_number_of_live_keys(
    directory: SqliteDirectory, harbor: Agency
) -> None:
    """The fifty-first live key is refused; ended and revoked ones do not count."""
    ended = a_key(100, expires_at=AT)
    await directory.add_api_key(harbor.id, ended, audit())
    keys = [a_key(number) for number in range(KEYS_PER_AGENCY_MAX)]
    for key in keys:
        await directory.add_api_key(harbor.id, key, audit())
    with pytest.raises(TooLarge):
        await directory.add_api_key(harbor.id, a_key(), audit())
    await directory.replace_api_key(harbor.id, replace(keys[0], revoked_at=AT), audit())
    await directory.add_api_key(harbor.id, a_key(99), audit())

    assert len(await directory.api_keys(harbor.id)) == KEYS_PER_AGENCY_MAX + 2


async def test_a_rotated_key_and_its_successor_overlap(
    directory: SqliteDirectory, harbor: Agency
) -> None:
    """Rotation adds the successor and shortens the old key in one transaction."""
    old = a_key()
    await directory.add_api_key(harbor.id, old, audit())
    ending = replace(old, expires_at=AT + timedelta(hours=24))
    new = a_key(1, rotated_from=old.id)
    await directory.rotate_api_key(harbor.id, ending, new, audit(), a_once(new))

    assert await directory.api_keys(harbor.id) == [ending, new]
    with pytest.raises(Replayed) as replay:
        await directory.rotate_api_key(harbor.id, ending, a_key(2), audit(), a_once(new))
    assert replay.value.reference == new.id


@pytest.mark.parametrize("ended", [{"revoked_at": AT}, {"expires_at": AT}], ids=["revoked", "past"])
async def test_a_key_that_has_ended_has_no_successor(
    directory: SqliteDirectory, harbor: Agency, ended: dict[str, Any]
) -> None:
    """Rotating a key that somebody ended meanwhile is refused and adds nothing."""
    old = a_key()
    await directory.add_api_key(harbor.id, old, audit())
    await directory.replace_api_key(harbor.id, replace(old, **ended), audit())
    before = await _everything(directory, harbor)
    with pytest.raises(VersionConflict):
        await directory.rotate_api_key(harbor.id, old, a_key(1), audit())

    assert await _everything(directory, harbor) == before


async def test_a_successor_cannot_do_more(directory: SqliteDirectory, harbor: Agency) -> None:
    """Rotation never widens the scopes."""
    old = a_key()
    await directory.add_api_key(harbor.id, old, audit())
    with pytest.raises(VersionConflict):
        await directory.rotate_api_key(harbor.id, old, a_key(1, scopes=frozenset(Scope)), audit())


async def test_a_repeated_creation_answers_with_the_first_key(
    directory: SqliteDirectory, other: SqliteDirectory, harbor: Agency
) -> None:
    """The same idempotency key makes one API key; another input under it is a mismatch."""
    first, second = a_key(), a_key(1)
    await directory.add_api_key(harbor.id, first, audit(), a_once(first))
    with pytest.raises(Replayed) as replay:
        await other.add_api_key(harbor.id, second, audit(), a_once(second))
    with pytest.raises(IdempotencyMismatch):
        await other.add_api_key(harbor.id, second, audit(), a_once(second, digest="input-2"))

    assert replay.value.reference == first.id
    assert await other.api_keys(harbor.id) == [first]
    assert await other.once(harbor.id, "once-1") == a_once(first)


async def test_an_idempotency_key_is_the_agencys_own_and_ends(
    directory: SqliteDirectory, harbor: Agency
) -> None:
    """Another agency may use the same key, and after its end so may the same agency."""
    summit = an_agency("summit")
    await directory.add_agency(summit, WRAPPED, audit())
    for agency in (harbor, summit):
        key = a_key()
        await directory.add_api_key(agency.id, key, audit(), a_once(key))
    later, key = AT + timedelta(hours=24), a_key(1)
    await directory.add_api_key(harbor.id, key, audit(at=later), a_once(key, "other", later))

    assert len(await directory.api_keys(harbor.id)) == 2


async def test_a_use_is_recorded_once_a_minute_and_moves_no_epoch(
    directory: SqliteDirectory, harbor: Agency
) -> None:
    """Recording uses of a key writes at most one moment a minute, silently."""
    key = a_key()
    await directory.add_api_key(harbor.id, key, audit())
    before = directory.epoch(harbor.id), len(await directory.audit_lines(harbor.id, None, 99))
    uses = []
    for seconds in (0, 59, 60):
        await directory.touch_api_key(harbor.id, key.id, AT + timedelta(seconds=seconds))
        found = await directory.api_key(harbor.id, key.id)
        assert found is not None
        uses.append(found.last_used_at)

    assert uses == [AT, AT, AT + timedelta(seconds=60)]
    after = directory.epoch(harbor.id), len(await directory.audit_lines(harbor.id, None, 99))
    assert after == before


async def test_staff_are_added_and_replaced(directory: SqliteDirectory, harbor: Agency) -> None:
    """A member of staff is one row by id, found by subject, of one agency."""
    grace = a_member()
    await directory.put_staff(harbor.id, grace, audit())
    await directory.put_staff(harbor.id, replace(grace, active=False, subject="sub-2"), audit())
    with pytest.raises(Duplicate):
        await directory.put_staff(harbor.id, a_member("sub-2", id="staff_other"), audit())

    assert await directory.staff_by_subject(harbor.id, "sub-1") is None
    assert await directory.staff(harbor.id) == [replace(grace, active=False, subject="sub-2")]
    assert await directory.staff_by_subject("another", "sub-2") is None


async def test_further_wrapped_keys_join_the_first(
    directory: SqliteDirectory, harbor: Agency
) -> None:
    """A new data key is kept beside the old ones; the same one twice is refused."""
    newer = WrappedKey(
        purpose="data", key_id="01B", wrapped=b"\x01new", created_at=AT + timedelta(days=90)
    )
    await directory.add_wrapped_keys(harbor.id, (newer,), audit())
    with pytest.raises(Duplicate):
        await directory.add_wrapped_keys(harbor.id, (newer,), audit())

    assert (await directory.wrapped_keys(harbor.id))[-1] == newer
    await directory.destroy_data_keys(harbor.id, ["01A"], audit())
    assert await directory.wrapped_keys(harbor.id) == [WRAPPED[0], newer]


@pytest.mark.parametrize(
    ("kind", "value", "hits"),
    [
        ("jti", "t1", True),
        ("jti", "o1", False),
        ("origin_jti", "o1", True),
        ("origin_jti", "t1", False),
        ("sub", "s1", True),
        ("sub", "s2", False),
    ],
)
async def test_a_revocation_names_a_token_a_sign_in_or_a_subject(
    directory: SqliteDirectory, harbor: Agency, kind: Any, value: str, *, hits: bool
) -> None:
    """Each kind of revocation is compared with its own claim, within its own pool."""
    await directory.revoke(harbor.id, a_revocation(kind, value), audit())

    claims = {"subject": "s1", "jti": "t1", "origin_jti": "o1"}
    assert await _revoked(directory, harbor.id, **claims) is hits
    assert not await _revoked(directory, None, **claims)
    assert not await _revoked(directory, "another", **claims)


async def test_a_revoked_subject_may_sign_in_again(
    directory: SqliteDirectory, harbor: Agency
) -> None:
    """Revoking a subject refuses tokens issued up to that moment, and none issued later."""
    await directory.revoke(harbor.id, a_revocation("sub", "s1"), audit())
    earlier = replace(a_revocation("sub", "s1"), at=AT - timedelta(hours=1))
    await directory.revoke(harbor.id, earlier, audit())
    hits = [
        await _revoked(directory, harbor.id, subject="s1", issued_at=AT + timedelta(seconds=step))
        for step in (-3600, 0, 1)
    ]

    assert hits == [True, True, False]


async def test_a_token_without_ids_is_not_taken_for_a_revoked_one(
    directory: SqliteDirectory, harbor: Agency
) -> None:
    """Absent claims match no revocation."""
    await directory.revoke(harbor.id, a_revocation("jti", "t1"), audit())
    await directory.revoke(harbor.id, a_revocation("origin_jti", "o1"), audit())

    assert not await _revoked(directory, harbor.id, subject="s1", jti=None, origin_jti=None)


async def test_revocations_are_forgotten_when_no_token_can_be_alive(
    directory: SqliteDirectory, harbor: Agency
) -> None:
    """A later revocation removes expired ones, of the operators' pool too."""
    await directory.revoke(None, a_revocation("jti", "t1"), audit())
    await directory.revoke(harbor.id, a_revocation("jti", "t2"), audit())
    assert await _revoked(directory, None, jti="t1")
    later = AT + timedelta(days=2)
    late = Revocation(kind="jti", value="t3", at=later, expires_at=later + timedelta(days=1))
    await directory.revoke(harbor.id, late, audit())

    assert not await _revoked(directory, None, jti="t1")
    assert not await _revoked(directory, harbor.id, jti="t2")
    assert await _revoked(directory, harbor.id, jti="t3")


RAISING: dict[str, Change] = {
    "update_agency": lambda d, a: d.update_agency(
        replace(a, status=AgencyStatus.SUSPENDED), audit()
    ),
    "put_staff": lambda d, a: d.put_staff(a.id, a_member(), audit()),
    "add_api_key": lambda d, a: d.add_api_key(a.id, a_key(), audit()),
    "add_wrapped_keys": lambda d, a: d.add_wrapped_keys(
        a.id, (replace(WRAPPED[0], key_id="2"),), audit()
    ),
    "destroy_data_keys": lambda d, a: d.destroy_data_keys(a.id, ["01A"], audit()),
    "revoke": lambda d, a: d.revoke(a.id, a_revocation("jti", "t1"), audit()),
    "remove_agency": lambda d, a: d.remove_agency(a.id, audit()),
}


@pytest.mark.parametrize("change", RAISING.values(), ids=RAISING)
async def test_every_change_raises_its_own_epoch_for_everybody(
    directory: SqliteDirectory, other: SqliteDirectory, harbor: Agency, change: Change
) -> None:
    """A change is seen by this process and by another one at the next call, for that agency."""
    summit = an_agency("summit")
    await directory.add_agency(summit, WRAPPED, audit())
    scopes = (harbor.id, summit.id, None)
    before = [directory.epoch(scope) for scope in scopes]
    assert [other.epoch(scope) for scope in scopes] == before
    await change(directory, harbor)

    after = [before[0] + 1, before[1], before[2]]
    assert [other.epoch(scope) for scope in scopes] == after
    assert [directory.epoch(scope) for scope in scopes] == after


async def test_replacing_and_rotating_keys_raise_the_epoch(
    directory: SqliteDirectory, other: SqliteDirectory, harbor: Agency
) -> None:
    """Caches see a narrowed and a rotated key."""
    key = a_key()
    await directory.add_api_key(harbor.id, key, audit())
    epochs = [other.epoch(harbor.id)]
    await directory.rotate_api_key(harbor.id, key, a_key(1, rotated_from=key.id), audit())
    epochs.append(other.epoch(harbor.id))
    await directory.replace_api_key(harbor.id, replace(key, revoked_at=AT), audit())
    epochs.append(other.epoch(harbor.id))

    assert epochs == [epochs[0], epochs[0] + 1, epochs[0] + 2]


async def test_the_operators_pool_has_an_epoch_of_its_own(
    directory: SqliteDirectory, other: SqliteDirectory, harbor: Agency
) -> None:
    """Changes of the operators' pool and its revocations move no agency's epoch."""
    before = other.epoch(harbor.id)
    await directory.set_operator_pool(OPERATORS, audit())
    await directory.revoke(None, a_revocation("sub", "s1"), audit())

    assert (other.epoch(None), other.epoch(harbor.id)) == (2, before)


async def test_an_agency_that_comes_back_continues_its_epoch(
    directory: SqliteDirectory, harbor: Agency
) -> None:
    """What was cached before a removal can never look current again."""
    seen = {directory.epoch(harbor.id)}
    await directory.remove_agency(harbor.id, audit())
    seen.add(directory.epoch(harbor.id))
    await directory.add_agency(harbor, WRAPPED, audit())
    seen.add(directory.epoch(harbor.id))

    assert seen == {1, 2, 3}


async def test_a_suspension_by_another_process_is_read_at_the_next_call(
    directory: SqliteDirectory, other: SqliteDirectory, harbor: Agency
) -> None:
    """Cached agencies are forgotten when anybody commits."""
    assert await other.agency(harbor.id) == harbor
    suspended = replace(harbor, status=AgencyStatus.SUSPENDED)
    await directory.update_agency(suspended, audit())

    assert await other.agency(harbor.id) == suspended
    assert await other.agency_by_slug("harbor") == suspended


async def test_a_refused_change_leaves_no_audit_line(
    directory: SqliteDirectory, harbor: Agency
) -> None:
    """Change, audit line and epoch are one transaction: refused, none of them is kept."""
    before = await _everything(directory, harbor)
    with pytest.raises(Duplicate):
        await directory.add_agency(an_agency("new", id=harbor.id, pools=()), WRAPPED, audit())
    line = audit()
    await directory.record_audit(None, line)
    with pytest.raises(Duplicate):
        await directory.revoke(None, a_revocation("jti", "t1"), line)

    assert await _everything(directory, harbor) == before
    assert not await _revoked(directory, None, jti="t1")


async def test_audit_lines_are_paged_by_id(directory: SqliteDirectory, harbor: Agency) -> None:
    """Lines come back whole, oldest first, strictly after the one named, of one agency."""
    lines = [
        AuditLine(
            id=new_ulid(AT, randomness=number),
            at=AT,
            actor=ACTOR,
            action="cli:key create",
            subject="key_1",
            purpose="because",
            fields=("name", "scopes"),
            request_id="req-2",
            source_ip="203.0.113.7",
        )
        for number in range(5)
    ]
    for line in reversed(lines):
        await directory.record_audit(None, line)

    assert await directory.audit_lines(None, None, 3) == lines[:3]
    assert await directory.audit_lines(None, lines[2].id, 99) == lines[3:]
    assert await directory.audit_lines(None, None, -1) == []
    assert len(await directory.audit_lines(harbor.id, None, 99)) == 1


@pytest.mark.parametrize("attack", ["UPDATE audit SET body = x'00'", "DELETE FROM audit"])
async def test_the_database_itself_refuses_to_change_audit_lines(
    directory: SqliteDirectory, harbor: Agency, attack: str
) -> None:
    """Audit lines are only ever added, whoever writes the statement."""
    with pytest.raises(Exception, match="only ever added"):
        directory._writing.execute(attack)

    assert len(await directory.audit_lines(harbor.id, None, 9)) == 1


async def test_no_personal_word_stands_in_the_files(
    directory: SqliteDirectory, harbor: Agency, path: Path
) -> None:
    """Names, addresses and key material are nowhere in plain in any file of the directory."""
    await directory.put_staff(harbor.id, a_member(), audit())
    content = b"".join(file.read_bytes() for file in path.parent.iterdir())

    assert len(content) > 4096
    for word in (b"sub-1@harbor.test", b"Grace", b"harbor", b"\x01store", b"pools.test"):
        assert word not in content


def test_the_file_is_its_owners_alone(path: Path) -> None:
    """Nobody else on the machine can read the directory."""
    opened = open_directory(path, FILE_KEY, create=True)
    opened._reading.close()
    opened._writing.close()

    assert (path.stat().st_mode & 0o777) == 0o600


def test_a_wrong_key_opens_nothing(path: Path) -> None:
    """The file opens with its own key alone."""
    opened = open_directory(path, FILE_KEY, create=True)
    opened._reading.close()
    opened._writing.close()
    with pytest.raises(StoreUnavailable):
        open_directory(path, bytes(32), create=False)


def test_a_missing_directory_is_not_made_by_accident(path: Path) -> None:
    """Without `create` a missing file stays missing."""
    with pytest.raises(StoreUnavailable):
        open_directory(path, FILE_KEY, create=False)

    assert not path.exists()


def test_a_newer_format_is_refused(path: Path) -> None:
    """A file that a later version wrote is left alone, and the message says what to do."""
    connection = open_encrypted(path, FILE_KEY, application_id=APPLICATION_ID, create=True)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreUnavailable, match="Install the release that wrote it"):
        open_directory(path, FILE_KEY, create=False)


async def test_reads_go_on_while_another_process_writes(
    directory: SqliteDirectory, other: SqliteDirectory, harbor: Agency
) -> None:
    """A transaction elsewhere blocks no read, and none of it is seen before it commits."""
    before = other.epoch(harbor.id)
    directory._writing.execute("BEGIN IMMEDIATE")
    directory._writing.execute("DELETE FROM agency")
    seen = (other.epoch(harbor.id), await other.agency(harbor.id))
    directory._writing.execute("ROLLBACK")

    assert seen == (before, harbor)


async def test_a_read_that_is_locked_out_waits_in_the_thread(
    directory: SqliteDirectory, harbor: Agency, path: Path
) -> None:
    """Where the loop may not wait for a lock the thread does, and the answer is the same."""
    directory._ask = lambda *_: directory._writing.execute("SELECT no_such_function()")
    with pytest.raises(StoreUnavailable):
        await directory.agency(harbor.id)

    def busy(*_: object) -> Any:
        error = _driver_error("database is locked", code=5)
        raise error

    directory._ask = busy
    assert await directory.agency(harbor.id) == harbor
    with pytest.raises(StoreUnavailable):
        directory.epoch(harbor.id)


async def test_a_closed_directory_says_so(path: Path) -> None:
    """After closing, reads and writes are StoreUnavailable, and closing twice is harmless."""
    directory = open_directory(path, FILE_KEY, create=True)
    await directory.aclose()
    await directory.aclose()
    with pytest.raises(StoreUnavailable):
        directory.epoch(None)
    with pytest.raises(StoreUnavailable):
        await directory.agencies()
    with pytest.raises(StoreUnavailable, match="closed"):
        await directory.record_audit(None, audit())


async def test_one_agencys_directory_reaches_no_other(
    directory: SqliteDirectory, harbor: Agency
) -> None:
    """What requests get has no parameter that could name an agency, and reads its own alone."""
    summit, key, member = an_agency("summit"), a_key(), a_member()
    await directory.add_agency(summit, WRAPPED, audit())
    await directory.add_api_key(summit.id, a_key(), audit())
    await directory.put_staff(summit.id, a_member(), audit())
    mine = AgencyDirectory(directory, harbor)
    await mine.add_api_key(key, audit(), a_once(key))
    await directory.put_staff(harbor.id, member, audit())
    await mine.record_audit(audit("createApiKey"))

    assert mine.agency == harbor
    assert await mine.api_keys() == [key]
    assert await mine.api_key(key.id) == key
    assert await mine.once("once-1") == a_once(key)
    assert await mine.staff() == [member]
    assert await mine.staff_member(member.id) == member
    assert await mine.staff_member("staff_x") is None
    assert await mine.staff_by_subject(member.subject) == member
    await mine.rotate_api_key(key, a_key(1, rotated_from=key.id), audit())
    await mine.replace_api_key(replace(key, revoked_at=AT), audit())
    assert [one.revoked_at for one in await mine.api_keys()] == [AT, None]
    for name, method in inspect.getmembers(AgencyDirectory, inspect.isfunction):
        if not name.startswith("_"):
            assert not {"agency", "agency_id", "slug"} & set(inspect.signature(method).parameters)


async def test_every_error_is_one_that_clients_know(
    directory: SqliteDirectory, harbor: Agency
) -> None:
    """Driver errors do not leave the directory."""
    directory._writing.execute("DROP TABLE staff")
    with pytest.raises(GatewayError):
        await directory.put_staff(harbor.id, a_member(), audit())
    with pytest.raises(GatewayError):
        await directory.staff(harbor.id)


async def _revoked(directory: SqliteDirectory, agency_id: str | None, **claims: Any) -> bool:
    asked: dict[str, Any] = {"subject": "-", "issued_at": AT, "jti": None, "origin_jti": None}
    return await directory.is_revoked(agency_id, **(asked | claims))


async def _everything(directory: SqliteDirectory, agency: Agency) -> list[object]:
    return [
        directory.epoch(agency.id),
        await directory.agencies(),
        await directory.staff(agency.id),
        await directory.api_keys(agency.id),
        await directory.wrapped_keys(agency.id),
        await directory.audit_lines(agency.id, None, 99),
    ]


def _driver_error(text: str, *, code: int) -> Exception:
    from sqlcipher3 import dbapi2

    error: Any = dbapi2.OperationalError(text)
    error.sqlite_errorcode = code
    assert isinstance(error, Exception)
    return error
