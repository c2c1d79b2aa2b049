"""All pages or nothing: what restarts a sync, what ends it, and the one view that comes out."""

import asyncio
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.banking import TransactionFacts
from domain.errors import UpstreamUnavailable
from integrations.plaid.refusals import DataChanged, NotReady
from integrations.plaid.syncing import PageMerge, sync
from integrations.plaid.wire import SyncPage, Unusable


def fact(source_id: str, cents: int = 100) -> TransactionFacts:
    return TransactionFacts(
        source_id=source_id,
        account_id="a",
        posted_on=date(2026, 1, 1),
        name="x",
        amount=Decimal(cents).scaleb(-2),
    )


def page(
    *,
    added: Sequence[TransactionFacts] = (),
    modified: Sequence[TransactionFacts] = (),
    removed: Sequence[str] = (),
    cursor: str = "c1",
    more: bool = False,
    complete: bool = True,
) -> SyncPage:
    return SyncPage(
        accounts=(),
        added=tuple(added),
        modified=tuple(modified),
        removed=tuple(removed),
        next_cursor=cursor,
        has_more=more,
        complete=complete,
    )


def changed() -> DataChanged:
    return DataChanged(vendor="plaid", retryable=True)


class Pages:
    """Answers by the cursor asked for; each list is used up from its front, its last for ever."""

    def __init__(self, **by_cursor: list[SyncPage | Exception]) -> None:
        self._by_cursor = by_cursor
        self.asked: list[str | None] = []

    async def __call__(self, cursor: str | None) -> SyncPage:
        """Return the next page for a cursor."""
        self.asked.append(cursor)
        answers = self._by_cursor[cursor or "start"]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_a_change_between_pages_begins_again_at_the_first_cursor() -> None:
    """Nothing of the pass that was refused is kept, and the cursor is that of the whole pass."""
    pages = Pages(
        old=[page(added=[fact("1")], cursor="p2", more=True)],
        p2=[changed(), page(added=[fact("2")], cursor="new")],
    )
    heard: list[int] = []
    changes = await sync(pages, "old", pages_max=9, restarts_max=3, progress=heard.append)

    assert pages.asked == ["old", "p2", "old", "p2"]
    assert [one.source_id for one in changes.added] == ["1", "2"]
    assert (changes.cursor, changes.from_start) == ("new", False)
    assert heard == [1, 1, 2]


async def test_a_cursor_that_is_always_refused_gives_way_to_a_whole_resync() -> None:
    """After the restarts everything is read without a cursor, and says so."""
    pages = Pages(old=[changed()], start=[page(added=[fact("1")], cursor="new")])
    changes = await sync(pages, "old", pages_max=9, restarts_max=2)

    assert pages.asked == ["old", "old", "old", None]
    assert (changes.from_start, changes.cursor) == (True, "new")


async def test_a_resync_without_the_whole_history_is_not_taken() -> None:
    """What is not there yet would look like what is gone: nothing is returned."""
    pages = Pages(old=[changed()], start=[page(added=[fact("1")], complete=False)])
    with pytest.raises(NotReady, match="Repeat in a few minutes"):
        await sync(pages, "old", pages_max=9, restarts_max=0)


async def test_data_that_never_settle_end_in_an_error_that_may_be_repeated() -> None:
    """There is an end to beginning again."""
    pages = Pages(old=[changed()], start=[changed()])
    with pytest.raises(UpstreamUnavailable) as raised:
        await sync(pages, "old", pages_max=9, restarts_max=2)
    assert raised.value.retryable
    assert len(pages.asked) == 6
    alone = Pages(start=[changed()])
    with pytest.raises(UpstreamUnavailable):
        await sync(alone, None, pages_max=9, restarts_max=2)
    assert len(alone.asked) == 3


async def test_more_pages_than_there_may_be_fail_and_are_not_cut() -> None:
    """The cap is an error."""
    by_cursor: dict[str, list[SyncPage | Exception]] = {
        f"c{n}": [page(cursor=f"c{n + 1}", more=True)] for n in range(9)
    }
    pages = Pages(**by_cursor)
    with pytest.raises(Unusable, match="more than 4 pages"):
        await sync(pages, "c0", pages_max=4, restarts_max=0)
    assert len(pages.asked) == 4


async def test_a_cursor_that_goes_in_a_circle_is_refused() -> None:
    """Plaid's answer leads back to a page already read: that would never end."""
    pages = Pages(a=[page(cursor="b", more=True)], b=[page(cursor="a", more=True)])
    with pytest.raises(Unusable, match="leads back"):
        await sync(pages, "a", pages_max=100, restarts_max=0)


async def test_a_history_that_is_not_there_yet_is_no_loss() -> None:
    """Nothing ready: no cursor, nothing complete, and nothing said to be gone."""
    changes = await sync(
        Pages(start=[page(cursor="", complete=False)]), None, pages_max=9, restarts_max=0
    )
    assert (changes.cursor, changes.complete, changes.from_start) == (None, False, False)


def test_a_transaction_that_is_added_twice_is_refused() -> None:
    """Which of the two is right is not guessed."""
    merge = PageMerge("c")
    merge.take(page(added=[fact("1")], more=True))
    with pytest.raises(Unusable, match="added twice"):
        merge.take(page(added=[fact("1")], cursor="c2"))


_events = st.lists(
    st.tuples(st.sampled_from("amr"), st.sampled_from("12345"), st.integers(1, 9)), max_size=30
)


@given(events=_events, before=st.sets(st.sampled_from("12345")))
def test_the_view_comes_to_the_same_as_the_events_one_after_the_other(
    events: list[tuple[str, str, int]], before: set[str]
) -> None:
    """What is added, modified and removed comes to what the pages gave in their order."""
    there = dict.fromkeys(before, 0)
    merge = PageMerge("c0")
    for number, (kind, source_id, value) in enumerate(events):
        if (kind == "a") == (source_id in there):
            continue  # Plaid adds what is not there, and changes what is
        one, cursor = [fact(source_id, value)], f"c{number + 1}"
        if kind == "r":
            del there[source_id]
            merge.take(page(removed=[source_id], cursor=cursor, more=True))
        else:
            there[source_id] = value
            part = {"a": "added", "m": "modified"}[kind]
            merge.take(page(**{part: one}, cursor=cursor, more=True))  # type: ignore[arg-type]
    changes = merge.changes()

    kept = {source_id: Decimal(0) for source_id in before}
    assert not {one.source_id for one in changes.added} & set(kept)
    assert {one.source_id for one in changes.modified} | set(changes.removed) <= set(kept)
    kept |= {one.source_id: one.amount for one in (*changes.added, *changes.modified)}
    for source_id in changes.removed:
        del kept[source_id]
    assert kept == {source_id: Decimal(value).scaleb(-2) for source_id, value in there.items()}


def test_pages_are_read_one_after_the_other() -> None:
    """A page's cursor is known from the one before alone."""
    pages = Pages(start=[page(cursor="a", more=True)], a=[page(cursor="b")])
    asyncio.run(sync(pages, None, pages_max=5, restarts_max=0))
    assert pages.asked == [None, "a"]
