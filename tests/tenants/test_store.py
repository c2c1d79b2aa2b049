"""What every backend of the store promises about records, versions and indexes."""

import asyncio
from datetime import timedelta

import pytest

from domain.errors import StoreUnavailable, TooLarge
from tenants.backend import (
    BODY_BYTES_MAX,
    UNIT_ITEMS_MAX,
    Check,
    Conflict,
    Delete,
    Key,
    NotUnique,
    Position,
    Put,
    Reseal,
    Row,
    StoreBackend,
    Unit,
)
from tests.tenants.stores import AT, Stores, a_key, a_once, a_put, fill_index, walk, write

BODY = bytes(range(256)) * 12


async def test_a_record_is_read_as_it_was_written(backend: StoreBackend) -> None:
    """Any bytes come back as they are, with version 1 for a new record."""
    put = a_put(body=BODY)
    await write(backend, put)
    assert await backend.get(put.key) == Row(put.key, 1, BODY)


async def test_what_does_not_exist_is_none(backend: StoreBackend) -> None:
    """A key nobody wrote, or of another kind or root, reads as None."""
    put = a_put()
    await write(backend, put)
    assert await backend.get(a_key()) is None
    assert await backend.get(put.key._replace(kind="other")) is None
    assert await backend.get(put.key._replace(root=a_key().root)) is None
    assert await backend.find_unique("u", "v") is None


async def test_each_change_raises_the_version_by_one(backend: StoreBackend) -> None:
    """A record that is written n times has version n."""
    key = a_key()
    for expected in range(5):
        await write(backend, a_put(key, expected, b"%d" % expected))
    assert await backend.get(key) == Row(key, 5, b"4")


@pytest.mark.parametrize("expected", [0, 1, 3])
async def test_a_stale_change_is_refused(backend: StoreBackend, expected: int) -> None:
    """A change with another version than the record's is refused, and told what it is."""
    key = a_key()
    await write(backend, a_put(key, 0, b"one"))
    await write(backend, a_put(key, 1, b"two"))
    for operation in (
        a_put(key, expected, b"late"),
        Delete(key=key, expected=expected),
        Check(key=key, expected=expected),
    ):
        with pytest.raises(Conflict) as refused:
            await write(backend, operation)
        assert (refused.value.key, refused.value.current) == (key, 2)
    assert await backend.get(key) == Row(key, 2, b"two")


async def test_a_record_that_is_gone_conflicts_with_version_zero(backend: StoreBackend) -> None:
    """Changing, removing or demanding what does not exist says that its version is 0."""
    for operation in (
        a_put(expected=1),
        Delete(key=a_key(), expected=1),
        Check(key=a_key(), expected=1),
    ):
        with pytest.raises(Conflict) as refused:
            await write(backend, operation)
        assert refused.value.current == 0


async def test_a_removed_record_may_be_written_anew(backend: StoreBackend) -> None:
    """After a removal nothing of the record is left, and it starts again at version 1."""
    key = a_key()
    await write(backend, a_put(key, indexes=[("i", "p", "1")], uniques=[("u", "v")]))
    await write(backend, Delete(key=key, expected=1))
    assert await backend.get(key) is None
    assert await backend.find_unique("u", "v") is None
    assert await backend.count("i", "p") == 0
    await write(backend, a_put(key))
    assert await backend.get(key) == Row(key, 1, b"{}")


async def test_a_check_demands_and_changes_nothing(backend: StoreBackend) -> None:
    """A unit goes through where every check holds, absence included, and leaves those alone."""
    there, absent, put = a_put(), a_key(), a_put()
    await write(backend, there)
    await write(backend, put, Check(key=there.key, expected=1), Check(key=absent, expected=0))
    assert await backend.get(there.key) == Row(there.key, 1, b"{}")
    assert await backend.get(absent) is None
    assert await backend.get(put.key) is not None


async def test_sealing_anew_changes_bytes_and_nothing_else(backend: StoreBackend) -> None:
    """Other bytes are written at the same version; entries stay, and a changed record refuses."""
    put = a_put(body=b"old", indexes=[("i", "p", "1")], uniques=[("u", "v")])
    await write(backend, put)
    await write(backend, Reseal(key=put.key, expected=1, body=b"new"))
    resealed = Row(put.key, 1, b"new")
    assert await backend.get(put.key) == await backend.find_unique("u", "v") == resealed
    assert (await backend.query("i", "p", limit=2)).rows == [resealed]
    await write(backend, a_put(put.key, 1, b"changed"))
    with pytest.raises(Conflict) as refused:
        await write(backend, Reseal(key=put.key, expected=1, body=b"late"))
    assert refused.value.current == 2
    with pytest.raises(Conflict):
        await write(backend, Reseal(key=a_key(), expected=1, body=b"nothing"))
    assert await backend.get(put.key) == Row(put.key, 2, b"changed")


async def test_a_refused_unit_leaves_nothing(backend: StoreBackend) -> None:
    """Where one operation is refused, no record, entry, event, line or attempt stays."""
    held = a_put(uniques=[("u", "taken")], indexes=[("i", "p", "0")])
    await write(backend, held)
    for last in (a_put(expected=7), a_put(uniques=[("u", "taken")])):
        fresh = a_put(indexes=[("i", "p", "1")], uniques=[("u", "mine")])
        unit = Unit(
            operations=(fresh, Delete(key=held.key, expected=1), last),
            event=("e", b"event"),
            audit=("a", b"line"),
            begin=a_once(),
        )
        if last.uniques:  # the holder must stay for its value to be taken
            unit = Unit(
                operations=(fresh, last), event=unit.event, audit=unit.audit, begin=unit.begin
            )
        with pytest.raises((Conflict, NotUnique)):
            await backend.commit(unit, at=AT)
        assert await backend.get(fresh.key) is None
        assert await backend.find_unique("u", "mine") is None
        assert await backend.get(held.key) is not None
        assert await backend.count("i", "p") == 1
        assert await backend.outbox_pending(10) == []
        assert await backend.audit_lines(after=None, limit=10) == []
        assert await backend.once("k", AT) is None


async def test_many_are_read_at_once(backend: StoreBackend) -> None:
    """Asking for many gives those there are, once each, however many are asked for."""
    puts = [a_put(body=b"%d" % number) for number in range(90)]
    await write(backend, *puts)
    keys = [put.key for put in puts]
    asked = [*keys, *keys[:5], *(a_key() for _ in range(2000))]
    assert await backend.get_many(asked) == {put.key: Row(put.key, 1, put.body) for put in puts}
    assert await backend.get_many([]) == {}


async def test_children_are_of_one_root_and_kind_by_age(backend: StoreBackend) -> None:
    """Children come oldest first, of the root and kind asked for and no other."""
    root, other = a_key().root, a_key().root
    notes = [a_put(a_key("note", root), body=b"%d" % number) for number in range(3)]
    await write(backend, *reversed(notes), a_put(a_key("grant", root)), a_put(a_key("note", other)))
    found = await backend.children(root, "note")
    assert [row.key for row in found] == sorted(put.key for put in notes)
    assert await backend.children(a_key().root, "note") == []


async def test_children_of_many_roots_come_by_root(backend: StoreBackend) -> None:
    """Children of many roots come at once, each list as children() gives it; no empty lists."""
    roots = [a_key().root for _ in range(150)]
    for start in range(0, 150, 50):
        await write(
            backend,
            *(a_put(a_key("note", root)) for root in roots[start : start + 40] for _ in range(2)),
        )
    oldest = (await backend.children(roots[0], "note"))[0]
    await write(backend, a_put(oldest.key, 1, b"changed"))
    found = await backend.children_many([*roots, *roots], "note")
    expected = {root: await backend.children(root, "note") for root in roots}
    assert found == {root: rows for root, rows in expected.items() if rows}
    assert len(found) == 120
    assert await backend.children_many([], "note") == {}


async def test_a_unique_value_belongs_to_one_record(backend: StoreBackend) -> None:
    """A value is found by its holder, and no other record may take it."""
    holder = a_put(uniques=[("u", "v"), ("u", "w")])
    await write(backend, holder)
    assert await backend.find_unique("u", "v") == Row(holder.key, 1, b"{}")
    for taker in ("v", "w"):
        with pytest.raises(NotUnique) as refused:
            await write(backend, a_put(uniques=[("u", taker)]))
        assert refused.value.name == "u"
    await write(backend, a_put(uniques=[("another", "v")]))


async def test_a_holder_keeps_its_value_through_changes(backend: StoreBackend) -> None:
    """A change that repeats the value keeps it, and one without it frees it."""
    key = a_key()
    await write(backend, a_put(key, uniques=[("u", "v")]))
    await write(backend, a_put(key, 1, uniques=[("u", "v"), ("u", "w")]))
    await write(backend, a_put(key, 2, uniques=[("u", "w")]))
    await write(backend, a_put(uniques=[("u", "v")]))
    found = await backend.find_unique("u", "w")
    assert found is not None
    assert found.key == key


async def test_two_records_of_one_unit_cannot_take_one_value(backend: StoreBackend) -> None:
    """A unit in which two records claim the same value is refused whole."""
    with pytest.raises(NotUnique):
        await write(backend, a_put(uniques=[("u", "v")]), a_put(uniques=[("u", "v")]))
    assert await backend.find_unique("u", "v") is None


async def test_a_value_can_be_handed_over_in_one_unit(backend: StoreBackend) -> None:
    """The unit that takes a value from one record may give it to another."""
    old, new = a_put(uniques=[("u", "v")]), a_key()
    await write(backend, old)
    await write(backend, a_put(new, uniques=[("u", "v")]), Delete(key=old.key, expected=1))
    found = await backend.find_unique("u", "v")
    assert found is not None
    assert found.key == new


async def test_index_entries_follow_the_record(backend: StoreBackend) -> None:
    """A change replaces the record's entries: what is not put again is gone."""
    key = a_key()
    await write(backend, a_put(key, indexes=[("i", "p", "1"), ("i", "q", "1"), ("j", "", "1")]))
    await write(backend, a_put(key, 1, indexes=[("i", "p", "2"), ("j", "", "1")]))
    listing = await backend.query("i", "p", limit=10)
    assert listing.positions == [Position("2", *key)]
    assert [row.version for row in listing.rows] == [2]
    assert await backend.count("i", "q") == 0
    assert await backend.count("j", "") == 1


async def test_a_listing_is_ordered_in_full(backend: StoreBackend) -> None:
    """Entries of one part come by sort key, then by key, in plain ASCII order; desc reverses it."""
    places = await fill_index(backend, ["b", "a", "B", "a", "", "~", "10", "9", "aa"])
    await fill_index(backend, ["a"], part="another")
    assert (await backend.query("i", "p", limit=100)).positions == places
    assert (await backend.query("i", "p", limit=100, desc=True)).positions == places[::-1]


@pytest.mark.parametrize("desc", [False, True])
async def test_bounds_include_the_lower_and_exclude_the_upper(
    backend: StoreBackend, desc: bool
) -> None:
    """A listing between bounds has lo ≤ sort < hi, whichever way it is read."""
    places = await fill_index(backend, "abcdef")
    for lo, hi in (("b", "e"), (None, "c"), ("d", None), ("x", None), ("b", "b")):
        inside = [
            place
            for place in places
            if (lo is None or place.sort >= lo) and (hi is None or place.sort < hi)
        ]
        found = await backend.query("i", "p", lo=lo, hi=hi, desc=desc, limit=10)
        assert found.positions == (inside[::-1] if desc else inside)
        assert not found.has_next


@pytest.mark.parametrize("desc", [False, True])
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
async def test_pages_together_are_the_listing(
    backend: StoreBackend, limit: int, desc: bool
) -> None:
    """Pages of any size, read either way, give every entry once; equal sort keys included."""
    places = await fill_index(backend, "aabbbbcdde")
    seen = await walk(backend, limit, desc=desc)
    assert seen == (places[::-1] if desc else places)


async def test_a_page_says_whether_more_follow(backend: StoreBackend) -> None:
    """has_next is True exactly where an entry follows the page."""
    await fill_index(backend, "abc")
    assert (await backend.query("i", "p", limit=2)).has_next
    assert not (await backend.query("i", "p", limit=3)).has_next
    assert not (await backend.query("i", "empty", limit=3)).has_next
    nothing = await backend.query("i", "p", limit=0)
    assert (nothing.rows, nothing.has_next) == ([], True)


@pytest.mark.parametrize("desc", [False, True])
async def test_paging_is_stable_under_writes(backend: StoreBackend, desc: bool) -> None:
    """Entries that stay are seen once, whatever is written before, after or at the cursor."""
    stay = await fill_index(backend, [f"{number:03}" for number in range(0, 60, 2)])
    seen: list[Position] = []
    after: Position | None = None
    while True:
        page = await backend.query("i", "p", desc=desc, after=after, limit=4)
        seen += page.positions
        if not page.has_next:
            break
        after = page.positions[-1]
        around = int(after.sort)
        await fill_index(backend, [f"{around - 1:03}", f"{around + 1:03}"])
        await write(backend, Delete(key=Key(*after[1:]), expected=1))
    kept = [place for place in seen if place in set(stay)]
    assert kept == (stay[::-1] if desc else stay)
    assert len(set(seen)) == len(seen)


async def test_a_scan_sees_every_record_of_a_kind_once(backend: StoreBackend) -> None:
    """Segments split a kind without overlap or gap."""
    puts = [a_put() for _ in range(450)]
    for start in range(0, 450, 90):
        await write(backend, *puts[start : start + 90], a_put(a_key("other")))
    for segments in (1, 3):
        seen = [
            [row.key async for row in backend.scan("thing", segment, segments)]
            for segment in range(segments)
        ]
        assert sorted(key for part in seen for key in part) == sorted(put.key for put in puts)
    kinds = [row.key.kind async for row in backend.scan()]
    assert (kinds.count("thing"), kinds.count("other")) == (450, 5)


async def test_a_scan_goes_on_beside_writes(backend: StoreBackend) -> None:
    """Records that are there throughout are seen once, while others come, change and go."""
    puts = [a_put() for _ in range(300)]
    for start in range(0, 300, 100):
        await write(backend, *puts[start : start + 100])
    seen: list[Key] = []
    removed = set()
    async for row in backend.scan("thing"):
        seen.append(row.key)
        if len(seen) in range(1, 300, 50):
            gone = puts[-len(seen)].key
            removed.add(gone)
            await write(backend, a_put(), a_put(row.key, 1), Delete(key=gone, expected=1))
    stay = {put.key for put in puts} - removed
    assert sorted(key for key in seen if key in stay) == sorted(stay)
    assert len(set(seen)) == len(seen)


async def test_a_reopened_store_holds_what_was_acknowledged(stores: Stores) -> None:
    """What a commit returned for is there after closing, and in every other opening at once."""
    first = await stores.open()
    second = await stores.open()
    put = a_put(indexes=[("i", "p", "1")], uniques=[("u", "v")])
    await write(first, put)
    assert await second.get(put.key) is not None
    await first.aclose()
    third = await stores.open()
    assert await third.get(put.key) == Row(put.key, 1, b"{}")
    assert await third.find_unique("u", "v") is not None
    assert await third.count("i", "p") == 1


async def test_of_writers_at_once_exactly_one_wins(stores: Stores) -> None:
    """Of many changes of the same version, over two openings, one is kept and all others told."""
    first, second = await stores.open(), await stores.open()
    key = a_key()
    await write(first, a_put(key))
    outcomes = await asyncio.gather(
        *(
            write(backend, a_put(key, 1, b"%d" % number))
            for number in range(20)
            for backend in (first, second)
        ),
        return_exceptions=True,
    )
    assert sum(outcome is None for outcome in outcomes) == 1
    assert all(isinstance(outcome, Conflict) for outcome in outcomes if outcome is not None)
    row = await first.get(key)
    assert row is not None
    assert row.version == 2


async def test_no_update_of_two_writers_is_lost(stores: Stores) -> None:
    """Two openings that count one record up, repeating what conflicts, come to the exact sum."""
    key = a_key()

    async def count_up(backend: StoreBackend, times: int) -> None:
        while times:
            row = await backend.get(key)
            assert row is not None
            try:
                await write(backend, a_put(key, row.version, b"%d" % (int(row.body) + 1)))
            except Conflict:
                continue
            times -= 1

    backends = [await stores.open(), await stores.open()]
    await write(backends[0], a_put(key, body=b"0"))
    await asyncio.gather(*(count_up(backend, 10) for backend in backends for _ in range(2)))
    row = await backends[0].get(key)
    assert row == Row(key, 41, b"40")


async def test_units_at_once_do_not_touch_each_other(backend: StoreBackend) -> None:
    """Of units that are committed together, the good ones stay and the refused leave nothing."""
    units = [
        (a_put(body=b"%d" % number), *([a_put(expected=9)] if number % 3 == 0 else []))
        for number in range(60)
    ]
    outcomes = await asyncio.gather(
        *(write(backend, *unit) for unit in units), return_exceptions=True
    )
    for unit, outcome in zip(units, outcomes, strict=True):
        refused = len(unit) > 1
        assert isinstance(outcome, Conflict) == refused
        assert (await backend.get(unit[0].key) is None) == refused


async def test_a_cancelled_commit_is_whole_or_nothing(backend: StoreBackend) -> None:
    """Whoever stops waiting for a unit leaves it whole or unwritten, and no error behind."""
    lost: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: lost.append(context))
    units = [(a_put(), a_put()) for _ in range(20)]
    units += [(a_put(), a_put(expected=5)) for _ in range(20)]
    tasks = [asyncio.create_task(write(backend, *unit)) for unit in units]
    for number, task in enumerate(tasks):
        if number % 5 == 0:
            await asyncio.sleep(0)
        task.cancel()
    assert all(
        isinstance(outcome, asyncio.CancelledError | Conflict | None)
        for outcome in await asyncio.gather(*tasks, return_exceptions=True)
    )
    await write(backend, a_put())  # after this one all earlier ones are through
    for first, second in units:
        assert (await backend.get(first.key) is None) == (await backend.get(second.key) is None)
    assert lost == []


async def test_units_beyond_the_limits_are_refused(backend: StoreBackend) -> None:
    """The limits are those of the strictest backend, and a unit at the limit goes through."""
    large = b"x" * BODY_BYTES_MAX
    await write(backend, a_put(body=large))
    await write(backend, *(a_put() for _ in range(UNIT_ITEMS_MAX)))
    full = tuple(a_put() for _ in range(UNIT_ITEMS_MAX))
    for unit in (
        Unit(operations=(a_put(body=large + b"x"),)),
        Unit(operations=(*full, a_put())),
        Unit(operations=full, event=("e", b"")),
        Unit(operations=(*full[1:], a_put(uniques=[("u", "v")]))),
        Unit(operations=tuple(a_put(body=large) for _ in range(12))),
        Unit(audit=("a", large + b"x")),
    ):
        with pytest.raises(TooLarge):
            await backend.commit(unit, at=AT)
    assert await backend.get(full[0].key) is None


async def test_units_that_make_no_sense_are_refused(backend: StoreBackend) -> None:
    """A record twice in a unit, too many entries and sort keys that are not ASCII are mistakes."""
    put = a_put()
    for unit in (
        (put, Check(key=put.key, expected=0)),
        (a_put(indexes=[("i", "p", "é")]),),
        (a_put(indexes=[("i", str(number), "") for number in range(6)]),),
        (a_put(uniques=[("u", "v"), ("u", "v")]),),
        (Reseal(key=a_key(), expected=0, body=b""),),
    ):
        with pytest.raises(ValueError, match=r"a unit|sort keys|a record"):
            await write(backend, *unit)


async def test_a_closed_store_says_so(stores: Stores) -> None:
    """What was asked for before closing is finished; everything afterwards is refused."""
    backend = await stores.open()
    put = a_put()
    writing = asyncio.create_task(write(backend, put))
    await asyncio.sleep(0)
    await asyncio.gather(backend.aclose(), backend.aclose())
    await writing
    await backend.aclose()
    for call in (
        backend.get(put.key),
        backend.get_many([put.key]),
        backend.find_unique("u", "v"),
        backend.children(put.key.root, "thing"),
        backend.children_many([put.key.root], "thing"),
        backend.query("i", "p", limit=1),
        backend.count("i", "p"),
        backend.once("k", AT),
        backend.outbox_pending(1),
        backend.outbox_done(["e"]),
        backend.audit_lines(after=None, limit=1),
        write(backend, a_put()),
    ):
        with pytest.raises(StoreUnavailable, match="closed"):
            await call
    with pytest.raises(StoreUnavailable, match="closed"):
        [row async for row in backend.scan("thing")]
    again = await stores.open()
    assert await again.get(put.key) == Row(put.key, 1, b"{}")


async def test_events_wait_until_they_are_done(backend: StoreBackend) -> None:
    """Events are listed in the order written until they are done; done ones may be named again."""
    for number in (3, 1, 2):
        await backend.commit(Unit(event=(f"e{number}", b"%d" % number)), at=AT)
    assert [event.id for event in await backend.outbox_pending(2)] == ["e3", "e1"]
    await backend.outbox_done(["e1", "unknown"])
    await backend.outbox_done(["e1"])
    await backend.outbox_done([])
    pending = await backend.outbox_pending(10)
    assert [(event.id, event.body) for event in pending] == [("e3", b"3"), ("e2", b"2")]


async def test_audit_lines_are_paged_by_id(backend: StoreBackend) -> None:
    """Audit lines come by id, strictly after the one named, and are never lost by reading."""
    for number in (2, 3, 1):
        await backend.commit(Unit(audit=(f"a{number}", b"%d" % number)), at=AT)
    first = await backend.audit_lines(after=None, limit=2)
    assert [(line.id, line.body) for line in first] == [("a1", b"1"), ("a2", b"2")]
    assert [line.id for line in await backend.audit_lines(after="a2", limit=9)] == ["a3"]
    assert await backend.audit_lines(after="a3", limit=9) == []


async def test_an_event_or_line_is_written_once(backend: StoreBackend) -> None:
    """An id that is taken refuses the unit whole: nothing is overwritten or written twice."""
    await backend.commit(Unit(event=("e", b"1"), audit=("a", b"1")), at=AT)
    put = a_put()
    for again in (Unit(operations=(put,), event=("e", b"2")), Unit(audit=("a", b"2"))):
        with pytest.raises(ValueError, match="written before"):
            await backend.commit(again, at=AT)
    assert await backend.get(put.key) is None
    assert [event.body for event in await backend.outbox_pending(9)] == [b"1"]
    assert [line.body for line in await backend.audit_lines(after=None, limit=9)] == [b"1"]


async def test_time_of_a_unit_is_the_caller_s(backend: StoreBackend) -> None:
    """What counts as expired is decided by the moment passed in, never by the machine's clock."""
    await backend.commit(Unit(begin=a_once(hours=1)), at=AT)
    assert await backend.once("k", AT + timedelta(minutes=59, seconds=59)) == a_once(hours=1)
    assert await backend.once("k", AT + timedelta(hours=1)) is None


async def test_any_change_of_a_record_moves_the_epoch_for_everybody(stores: Stores) -> None:
    """Written, changed, sealed anew or removed, by whoever has the store open; none comes back."""
    backend, other = await stores.open(), await stores.open()
    put = a_put(uniques=[("u", "v")])
    changes: tuple[Put | Delete | Reseal, ...] = (
        put,
        a_put(put.key, 1, b"changed"),
        Reseal(key=put.key, expected=2, body=b"sealed anew"),
        Delete(key=put.key, expected=2),
        put,
    )
    seen = [(backend.epoch(), other.epoch())]
    for number, change in enumerate(changes):
        await write(other if number % 2 else backend, change)
        seen.append((backend.epoch(), other.epoch()))
    assert [one for one, _ in seen] == [one for _, one in seen]
    assert len({one for one, _ in seen}) == len(changes) + 1


async def test_what_is_no_record_moves_no_epoch(stores: Stores) -> None:
    """Lines, events, idempotency records and the ledger's rows leave what is remembered alone."""
    backend, other = await stores.open(), await stores.open()
    await write(backend, a_put())
    before = other.epoch()
    head = Key("ledger", "ledger_head", "head")
    for unit in (
        Unit(audit=("01A", b"line"), event=("01E", b"event")),
        Unit(begin=a_once()),
        Unit(operations=(a_put(head),), merged=("01A",)),
        Unit(operations=(a_put(head, 1, b"more"),)),
        Unit(operations=(Delete(key=head, expected=2),)),
        Unit(operations=(Check(key=a_key(), expected=0),)),
    ):
        await backend.commit(unit, at=AT)
        assert (backend.epoch(), other.epoch()) == (before, before)
    with pytest.raises(Conflict):
        await write(backend, a_put(), a_put(expected=7))
    assert other.epoch() == before, "a unit that is refused has changed nothing"
