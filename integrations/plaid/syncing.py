"""Reads all pages of a sync, again where the data change meanwhile, and merges them into one view.

Pages tell what happened in order; the same transaction may be added on one, modified on the next
and removed on a third. What comes out names each transaction once: added, modified or removed.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress

from domain.banking import AccountFacts, Progress, TransactionChanges, TransactionFacts
from domain.errors import UpstreamUnavailable
from integrations.plaid.refusals import VENDOR, DataChanged, NotReady
from integrations.plaid.wire import SyncPage, Unusable

ReadPage = Callable[[str | None], Awaitable[SyncPage]]


async def sync(
    read_page: ReadPage,
    cursor: str | None,
    *,
    pages_max: int,
    restarts_max: int,
    progress: Progress | None = None,
) -> TransactionChanges:
    """Return all that changed since `cursor`, every page of it or nothing.

    Where Plaid refuses a page because the data changed (DataChanged), all pages are read again
    from the first cursor, `restarts_max` times; then without a cursor, which is Plaid's own remedy
    for a cursor that it keeps refusing, and counts only with the whole history in it. Raises
    Unusable for pages that contradict each other and for more than `pages_max` of them.
    """
    for start in dict.fromkeys((cursor, None)):
        for _ in range(1 + restarts_max):
            with suppress(DataChanged):
                changes = await _pass(read_page, start, pages_max, progress)
                if start == cursor or changes.complete:
                    return changes
                raise NotReady(
                    "The bank's history is being gathered anew. Repeat in a few minutes.",
                    vendor=VENDOR,
                    retryable=True,
                    may_have_acted=False,
                )
    raise UpstreamUnavailable(
        "The bank's data keep changing while they are read. Repeat in a few minutes.",
        vendor=VENDOR,
        retryable=True,
        may_have_acted=False,
    )


async def _pass(
    read_page: ReadPage, cursor: str | None, pages_max: int, progress: Progress | None
) -> TransactionChanges:
    merge = PageMerge(cursor)
    for _ in range(pages_max):
        page = await read_page(merge.cursor)
        merge.take(page)
        if progress is not None:
            progress(merge.read)
        if not page.has_more:
            return merge.changes()
    raise Unusable(f"there are more than {pages_max} pages of transactions")


class PageMerge:
    """What the pages of one pass brought so far. from_start: the pass began without a cursor."""

    def __init__(self, cursor: str | None) -> None:
        self._from_start = cursor is None
        self._cursors = {cursor or ""}
        self._cursor = cursor
        self._accounts: dict[str, AccountFacts] = {}
        self._added: dict[str, TransactionFacts] = {}
        self._modified: dict[str, TransactionFacts] = {}
        self._removed: dict[str, None] = {}
        self._complete = False
        self.read = 0

    @property
    def cursor(self) -> str | None:
        """Return where the next page begins."""
        return self._cursor

    def take(self, page: SyncPage) -> None:
        """Take the next page; raises Unusable where it contradicts those before it."""
        for added in page.added:
            self._add(added)
        for modified in page.modified:
            self._modify(modified)
        for source_id in page.removed:
            self._remove(source_id)
        self._accounts |= {account.source_id: account for account in page.accounts}
        self._complete = page.complete
        self.read += len(page.added) + len(page.modified) + len(page.removed)
        if page.has_more and page.next_cursor in self._cursors:
            raise Unusable("next_cursor leads back to a page that was read already")
        self._cursors.add(page.next_cursor)
        # While Plaid has nothing at all yet there is no cursor either, only an empty text.
        self._cursor = page.next_cursor or (None if self._from_start else self._cursor)

    def changes(self) -> TransactionChanges:
        """Return the final view. Only a whole history says what is gone: see `from_start`."""
        return TransactionChanges(
            accounts=tuple(self._accounts.values()),
            added=tuple(self._added.values()),
            modified=tuple(self._modified.values()),
            removed=tuple(self._removed),
            cursor=self._cursor,
            complete=self._complete,
            from_start=self._from_start and self._complete,
        )

    def _add(self, one: TransactionFacts) -> None:
        if one.source_id in self._added or one.source_id in self._modified:
            raise Unusable("a transaction is added twice under one id")
        if one.source_id in self._removed:  # it was there before this sync, and is there again
            del self._removed[one.source_id]
            self._modified[one.source_id] = one
        else:
            self._added[one.source_id] = one

    def _modify(self, one: TransactionFacts) -> None:
        if one.source_id in self._added or self._from_start:
            self._added[one.source_id] = one
        else:
            self._removed.pop(one.source_id, None)
            self._modified[one.source_id] = one

    def _remove(self, source_id: str) -> None:
        if self._added.pop(source_id, None) is None and not self._from_start:
            self._modified.pop(source_id, None)
            self._removed[source_id] = None
