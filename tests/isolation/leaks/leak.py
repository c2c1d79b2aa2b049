"""What a seeded leak is, and how one is entered into the table of its subject."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

import pytest

from tests.isolation.gateway_run import Rewire

Patch = pytest.MonkeyPatch
Seed = Callable[[Patch], Rewire | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """A mistake: what it stands for, and what puts it into the wiring.

    seed: changes what functions and classes do, for as long as the patch lasts. The rewiring that
    it returns, if any, changes the opened parts. fields, roles: what the mistake is about, and who
    would see it: root fields that the campaign asks them for at every second draw. It judges those
    as it does all others.
    """

    name: str
    stands_for: str
    seed: Seed
    fields: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()


class Leaks(dict[str, Leak]):
    """The mistakes about one subject, by their names."""

    def enter(
        self, stands_for: str, fields: Collection[str] = (), roles: Collection[str] = ()
    ) -> Callable[[Seed], None]:
        """Enter a leak, under its function's name."""

        def enter(seed: Seed) -> None:
            name = seed.__name__.strip("_").replace("_s_", "'s ").replace("_", " ")
            self[name] = Leak(
                name=name,
                stands_for=stands_for,
                seed=seed,
                fields=frozenset(fields),
                roles=frozenset(roles),
            )

        return enter
