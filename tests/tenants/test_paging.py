"""Relay pages: forward and backward, filtered or not, they are the listing and nothing else."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from domain.applications import Application, ApplicationStatus
from domain.errors import InvalidInput
from domain.ids import new_ulid
from tenants.backend import StoreBackend
from tenants.paging import SCAN_ROWS_MAX, Page
from tenants.store import AgencyStore, Change
from tests.tenants.keys.key_samples import random_agency_keys
from tests.tenants.record_samples import AT, an_application
from tests.tenants.stores import AGENCY_ID

COUNT = 11
KEYS = random_agency_keys()


def plain(number: int) -> Application:
    """Return a small application; every third is closed."""
    status = ApplicationStatus.DRAFT if number % 3 else ApplicationStatus.CLOSED
    own = new_ulid(AT + timedelta(seconds=number), randomness=number)
    return Application(
        id=f"app_{own}",
        consumer_id=an_application().consumer_id,
        status=status,
        household_size=number,
        created_at=AT,
        updated_at=AT,
    )


@pytest.fixture
async def store(backend: StoreBackend) -> AsyncIterator[AgencyStore]:
    opened = AgencyStore(backend, KEYS, AGENCY_ID)
    await opened.commit(Change(put=tuple(plain(number) for number in range(COUNT))))
    yield opened
    await opened.aclose()


async def page_of(
    store: AgencyStore,
    *,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
    desc: bool = False,
    closed: bool = False,
) -> Page[Application]:
    """Return a page of all applications, or of the closed ones by a residual filter."""
    return await store.query(
        Application,
        "application_all",
        "",
        first=first,
        after=after,
        last=last,
        before=before,
        desc=desc,
        keep=(lambda record: record.status is ApplicationStatus.CLOSED) if closed else None,
    )


def numbers(page: Page[Application]) -> list[int | None]:
    return [application.household_size for application in page.items]


def wanted(*, desc: bool, closed: bool) -> list[int]:
    listing = [number for number in range(COUNT) if not closed or number % 3 == 0]
    return listing[::-1] if desc else listing


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("desc", [False, True])
@pytest.mark.parametrize("size", [1, 2, 4, 11, 50])
async def test_pages_forward_are_the_listing(
    store: AgencyStore, size: int, desc: bool, closed: bool
) -> None:
    """Following endCursor while hasNextPage is True gives every item once, in order."""
    seen: list[int | None] = []
    cursor: str | None = None
    while True:
        page = await page_of(store, first=size, after=cursor, desc=desc, closed=closed)
        assert page.has_previous == (cursor is not None)
        seen += numbers(page)
        if not page.has_next:
            break
        assert len(page.items) == size
        cursor = page.end_cursor
    assert seen == wanted(desc=desc, closed=closed)


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("desc", [False, True])
@pytest.mark.parametrize("size", [1, 2, 4, 11, 50])
async def test_pages_backward_are_the_listing(
    store: AgencyStore, size: int, desc: bool, closed: bool
) -> None:
    """Following startCursor while hasPreviousPage is True gives the same from the end."""
    seen: list[int | None] = []
    cursor: str | None = None
    while True:
        page = await page_of(store, last=size, before=cursor, desc=desc, closed=closed)
        assert page.has_next == (cursor is not None)
        seen = numbers(page) + seen
        if not page.has_previous:
            break
        assert len(page.items) == size
        cursor = page.start_cursor
    assert seen == wanted(desc=desc, closed=closed)


@pytest.mark.parametrize("desc", [False, True])
async def test_there_and_back_is_the_same_page(store: AgencyStore, desc: bool) -> None:
    """The page before the second page is the first page."""
    one = await page_of(store, first=4, desc=desc)
    two = await page_of(store, first=4, after=one.end_cursor, desc=desc)
    back = await page_of(store, last=4, before=two.start_cursor, desc=desc)
    assert numbers(back) == numbers(one)
    assert (back.start_cursor, back.end_cursor) == (one.start_cursor, one.end_cursor)
    assert not back.has_previous
    assert back.has_next


@pytest.mark.parametrize("desc", [False, True])
async def test_both_cursors_bound_a_page(store: AgencyStore, desc: bool) -> None:
    """With `after` and `before` a page holds what lies between, from whichever end is asked."""
    everything = await page_of(store, first=50, desc=desc)
    listing = numbers(everything)
    after, before = everything.cursor(2), everything.cursor(7)
    between = await page_of(store, first=50, after=after, before=before, desc=desc)
    assert numbers(between) == listing[3:7]
    assert not between.has_next
    start = await page_of(store, first=2, after=after, before=before, desc=desc)
    assert (numbers(start), start.has_next) == (listing[3:5], True)
    end = await page_of(store, last=2, after=after, before=before, desc=desc)
    assert (numbers(end), end.has_previous) == (listing[5:7], True)
    nothing = await page_of(store, first=5, after=before, before=after, desc=desc)
    assert (numbers(nothing), nothing.has_next) == ([], False)


async def test_every_item_has_its_cursor(store: AgencyStore) -> None:
    """The cursor of any item leads to the items after it; the ends are those of the page."""
    page = await page_of(store, first=5)
    assert page.start_cursor == page.cursor(0)
    assert page.end_cursor == page.cursor(4)
    assert len(page.positions) == 5
    for number in range(5):
        rest = await page_of(store, first=50, after=page.cursor(number))
        assert numbers(rest) == list(range(number + 1, COUNT))


async def test_a_page_of_none_says_whether_there_are_any(store: AgencyStore) -> None:
    """Asking for 0 gives no item and no cursor, and says whether there would be one."""
    for closed in (False, True):
        page = await page_of(store, first=0, closed=closed)
        assert (page.items, page.has_next, page.start_cursor, page.end_cursor) == (
            (),
            True,
            None,
            None,
        )
    empty = await store.query(Application, "application_all", "none", first=0)
    assert not empty.has_next


async def test_a_page_past_the_end_is_empty(store: AgencyStore) -> None:
    """After the last item there is nothing, and no cursor."""
    everything = await page_of(store, first=50)
    page = await page_of(store, first=5, after=everything.end_cursor)
    assert (page.items, page.has_next, page.end_cursor) == ((), False, None)
    assert page.has_previous


async def test_a_cursor_outlives_its_record(store: AgencyStore) -> None:
    """A cursor holds though its record is gone: the listing goes on from where it stood."""
    page = await page_of(store, first=4)
    await store.commit(Change(delete=(page.items[3],)))
    rest = await page_of(store, first=50, after=page.end_cursor)
    assert numbers(rest) == list(range(4, COUNT))


@pytest.mark.parametrize(
    ("path", "arguments"),
    [
        ("first", {}),
        ("first", {"first": 1, "last": 1}),
        ("first", {"first": -1}),
        ("last", {"last": -1}),
        ("first", {"first": 1000}),
        ("after", {"first": 1, "after": "nonsense"}),
        ("before", {"last": 1, "before": ""}),
    ],
)
async def test_unclear_pages_are_refused(
    store: AgencyStore, path: str, arguments: dict[str, int]
) -> None:
    """A page asked for in no way or two, of a size that cannot be, or from a made-up cursor."""
    with pytest.raises(InvalidInput) as refused:
        await store.query(Application, "application_all", "", **arguments)  # type: ignore[arg-type]  # wrong on purpose
    assert [fault.path for fault in refused.value.fields] == [path]


async def test_a_cursor_of_another_part_is_refused(store: AgencyStore) -> None:
    """A cursor holds for the index and part that it was answered for."""
    page = await page_of(store, first=2)
    for index, part in (("application_all", "x"), ("application_by_status", "DRAFT")):
        with pytest.raises(InvalidInput):
            await store.query(Application, index, part, first=2, after=page.end_cursor)


@pytest.mark.parametrize("desc", [False, True])
async def test_a_bounded_scan_goes_on_from_where_it_stopped(
    backend: StoreBackend, desc: bool
) -> None:
    """Where hardly anything matches, pages come short with a cursor, and all together find all."""
    store = AgencyStore(backend, KEYS, AGENCY_ID)
    total = 2 * SCAN_ROWS_MAX + 150
    for start in range(0, total, 90):
        batch = tuple(plain(number) for number in range(start, min(start + 90, total)))
        await store.commit(Change(put=batch))
    rare = {5, SCAN_ROWS_MAX + 700, total - 1}
    looked_at = 0

    def keep(application: Application) -> bool:
        nonlocal looked_at
        looked_at += 1
        return application.household_size in rare

    for backward in (False, True):
        seen: list[int | None] = []
        cursor: str | None = None
        pages = 0
        while True:
            looked_at = 0
            page = await store.query(
                Application,
                "application_all",
                "",
                first=None if backward else 10,
                last=10 if backward else None,
                after=None if backward else cursor,
                before=cursor if backward else None,
                desc=desc,
                keep=keep,
            )
            assert looked_at <= SCAN_ROWS_MAX
            pages += 1
            seen = numbers(page) + seen if backward else seen + numbers(page)
            if not (page.has_previous if backward else page.has_next):
                break
            cursor = page.start_cursor if backward else page.end_cursor
            assert cursor is not None
        assert pages == 3
        assert seen == sorted(rare, reverse=desc)
