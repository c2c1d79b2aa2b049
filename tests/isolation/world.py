"""Three agencies that differ in their canaries alone: same ids, same subjects, same addresses.

All of it is real: directory and stores in encrypted files, tokens signed by three user pools whose
key sets are fetched over loopback, API keys, and the gateway in this process, asked as a server
would ask it. Only the credit bureau is made up.
"""

import random
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from domain.agencies import Agency, Pool
from gateway.provisioning import cli_audit
from gateway.workspace import open_workspace
from tenants.directory.port import Directory
from tests.gateway.identity.forge import CLIENT, Signer
from tests.isolation import operators
from tests.isolation.canaries import Canaries
from tests.isolation.founding import House, found
from tests.isolation.people import (
    AGENCIES,
    OPERATORS,
    Session,
    neighbor_of,
    sign_in_members,
    sign_in_nowhere,
    sign_in_operators,
)
from tests.isolation.planting import Planter
from tests.isolation.targets import ELSEWHERE, OWN
from tests.isolation.turns import end_sign_in, renew_shared, suspend_or_restore

SOMETIMES_SUSPENDED = "cedar"


@dataclass(slots=True)
class World:
    """The agencies, their canaries, and who asks."""

    home: Path
    directory_key: bytes
    signers: Mapping[str, Signer]
    canaries: Canaries
    houses: Mapping[str, House]
    operators: dict[str, Session] = field(default_factory=dict)
    turn: int = 0

    def copy_to(self, home: Path) -> "World":
        """Return a world of its own over a copy of the files; canaries found later are its own."""
        shutil.copytree(self.home, home)
        canaries = Canaries(
            random.Random(self.turn), dict(self.canaries._known), self.canaries._numbers.copy()
        )
        houses = {
            slug: replace(
                house,
                planter=replace(house.planter, canaries=canaries),
                ids=dict(house.ids),
                sessions=dict(house.sessions),
            )
            for slug, house in self.houses.items()
        }
        return replace(self, home=home, canaries=canaries, houses=houses, operators={})

    def session(self, role: str, agency: str) -> Session:
        """Return the current credential of a role in an agency."""
        return self.operators.get(role) or self.houses[agency].sessions[role]

    async def begin_turn(self, directory: Directory) -> None:
        """Let everybody sign in anew, and operators have the grants that they shall have."""
        granted = sign_in_operators(self.signers[OPERATORS])
        for slug, house in self.houses.items():
            house.sessions = sign_in_members(slug, self.signers, house.keys) | granted[slug]
            await operators.keep(directory, house.agency, house.grants)
        self.operators = sign_in_nowhere(self.signers[OPERATORS])

    async def take_turn(self, directory: Directory, lease: Callable[[Agency], Any]) -> None:
        """Change what changes from turn to turn, while requests are under way."""
        self.turn += 1
        for house in self.houses.values():
            async with lease(house.agency) as store:
                await renew_shared(house, store, directory, self.turn)
            await end_sign_in(house, directory)
        await suspend_or_restore(self.houses[SOMETIMES_SUSPENDED], directory)

    async def reopen(self, directory: Directory) -> None:
        """Bring back whoever is suspended."""
        for house in self.houses.values():
            if house.suspended:
                await suspend_or_restore(house, directory)


async def build_world(home: Path, signers: Mapping[str, Signer], seed: int) -> World:
    """Make a home folder with the agencies and all that is planted in them."""
    canaries = Canaries(random.Random(seed))
    now = datetime.now(UTC)
    async with open_workspace(home, create=True) as workspace:
        directory_key = workspace.keys.derive("directory")
        pool = Pool(issuer=signers[OPERATORS].issuer, client_ids=(CLIENT,))
        audit = cli_audit("operators", subject=None, reason="isolation")
        await workspace.directory.set_operator_pool(pool, audit)
        houses = {
            slug: await found(workspace, slug, signers[slug], Planter(slug, canaries, now))
            for slug in AGENCIES
        }
    own = {slug: house.ids.pop(OWN) for slug, house in houses.items()}
    for slug, house in houses.items():
        house.ids[ELSEWHERE] = own[neighbor_of(slug)]
    return World(
        home=home,
        directory_key=directory_key,
        signers=signers,
        canaries=canaries,
        houses=houses,
    )
