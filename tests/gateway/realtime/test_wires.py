"""What holds for a subscription in whatever protocol it is asked for."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.gateway.realtime.house import EVERYTHING, UPDATED, House, open_house
from tests.gateway.realtime.wires import WIRES, Refused, Subscribe

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """Give one gateway to all the tests here: none of them changes who may what."""
    async with open_house(tmp_path_factory.mktemp("house")) as opened:
        yield opened


@pytest.fixture(params=list(WIRES))
def subscribe(request: pytest.FixtureRequest) -> Subscribe:
    """Give one protocol after the other."""
    return WIRES[request.param]


async def test_a_change_is_told_as_the_subscriber_selected_it(
    house: House, subscribe: Subscribe
) -> None:
    """The subscriber's own selection is answered, whatever the mutation selected."""
    key = house.keys["harbor"]
    application = await house.start(key)
    async with subscribe(house, key, UPDATED, {"id": application}) as told:
        version = await house.change(key, application, "Lost my job.")
        result = await told.next()

    assert result["data"] == {
        "onApplicationUpdated": {
            "id": application,
            "version": version,
            "hardshipReason": "Lost my job.",
        }
    }
    assert result["extensions"]["cursor"]


async def test_one_agency_hears_nothing_of_another(house: House, subscribe: Subscribe) -> None:
    """What happens in summit reaches nobody of harbor."""
    harbor, summit = house.keys["harbor"], house.keys["summit"]
    application = await house.start(harbor)
    async with subscribe(house, harbor, EVERYTHING) as told:
        foreign = await house.start(summit)
        await house.change(summit, foreign, "Nobody's business.")
        await house.change(harbor, application, "Ours.")
        result = await told.next()
        while result["data"]["onApplicationUpdated"]["hardshipReason"] is None:
            result = await told.next()

    assert result["data"]["onApplicationUpdated"]["id"] == application


async def test_what_cannot_be_reached_cannot_be_subscribed_to(
    house: House, subscribe: Subscribe
) -> None:
    """Foreign, absent and malformed ids are all refused alike."""
    foreign = await house.start(house.keys["summit"])
    for named in (foreign, "app_01J00000000000000000000000_01J00000000000000000000000", "x"):
        with pytest.raises(Refused) as refused:
            async with subscribe(house, house.keys["harbor"], UPDATED, {"id": named}):
                pass
        assert refused.value.code == "NOT_FOUND"
