"""Conversations over the realtime socket: AppSync's pass, and each deviation from it is seen."""

import pytest

from conformance.conversations import converse, handshake_of
from conformance.facts import Fact, load_facts
from conformance.servers import NotAsked, Server
from tests.conformance.appsync_socket import KEY, SUBSCRIPTION, AppSyncSocket, listening

FACTS = [fact for fact in load_facts(["realtime", "frames"]) if fact.unaskable is None]
JUDGED = [fact for fact in FACTS if fact.confidence.is_judged]


def server_of(socket: AppSyncSocket, seconds: float = 20) -> Server:
    return Server(
        url="http://127.0.0.1:1/graphql",
        realtime_url=socket.url,
        api_key=KEY,
        documents={"subscription": SUBSCRIPTION, "trigger": "7"},
        frame_seconds_max=seconds,
    )


async def deviating(socket: AppSyncSocket, facts: list[Fact], seconds: float = 20) -> set[str]:
    """Return the facts that a socket deviates from."""
    server = server_of(socket, seconds)
    return {fact.id for fact in facts if (await converse(fact, server, socket.publish)).differences}


async def test_a_socket_that_is_as_the_facts_have_it_deviates_from_none() -> None:
    """Every fact of the realtime socket, judged or not, can be true of one server."""
    async with listening(AppSyncSocket()) as socket:
        assert await deviating(socket, JUDGED) == set()


@pytest.mark.parametrize(
    ("deviation", "facts"),
    [
        ("names no timeout", {"realtime/acknowledged_with_timeout"}),
        ("tells numbers", {"realtime/started_by_number"}),
        ("takes an id twice", {"realtime/duplicate_id"}),
        (
            "tells no list",
            {
                "realtime/duplicate_id",
                "realtime/refused_start",
                "realtime/invalid_subscription",
                "realtime/unknown_type",
            },
        ),
        (
            "hangs up without a word",
            {
                "realtime/refused_by_headers",
                "realtime/refused_by_query",
                "realtime/refused_by_subprotocol",
                "realtime/refused_without_credential",
            },
        ),
        ("names no protocol", {fact.id for fact in JUDGED}),
    ],
)
async def test_each_deviation_is_seen_and_no_other(deviation: str, facts: set[str]) -> None:
    """A socket that does one thing otherwise deviates from the facts about it alone."""
    async with listening(AppSyncSocket(deviation)) as socket:
        assert await deviating(socket, JUDGED) == facts


@pytest.mark.parametrize(
    ("deviation", "fact"),
    [("tells nobody", "realtime/data"), ("does not hang up", "realtime/refused_by_query")],
)
async def test_what_never_comes_is_not_waited_for_for_ever(deviation: str, fact: str) -> None:
    """A frame that does not come in the time given is a difference that says so."""
    (about,) = load_facts([fact])
    async with listening(AppSyncSocket(deviation)) as socket:
        seen = await converse(about, server_of(socket, seconds=0.3), socket.publish)
    assert "nothing in 0.3 s" in seen.differences[0]


async def test_nobody_at_the_address_is_a_difference() -> None:
    """Where nothing listens, a fact differs and says that there is no connection."""
    async with listening(AppSyncSocket()) as socket:
        server = server_of(socket)
    seen = await converse(FACTS[0], server, socket.publish)
    assert seen.differences == ["no connection (ConnectionRefusedError)"]


async def test_facts_that_name_no_handshake_take_the_one_that_works() -> None:
    """Amplify's handshake where it opens a connection, and where none does."""
    async with listening(AppSyncSocket()) as socket:
        assert await handshake_of(server_of(socket)) == "subprotocol"
    assert await handshake_of(server_of(socket)) == "subprotocol"


async def test_a_fact_is_not_asked_without_its_document() -> None:
    """Without a mutation nobody can be told of one, and the reason names the option."""
    (about,) = load_facts(["realtime/data"])
    server = Server(url="http://a", realtime_url="ws://127.0.0.1:1/", api_key=KEY)
    with pytest.raises(NotAsked, match="give --subscription"):
        await converse(about, server, AppSyncSocket().publish)


async def test_a_server_that_only_keeps_alive_is_not_waited_for_for_ever() -> None:
    """Frames that are passed over buy no time."""
    (about,) = load_facts(["realtime/unknown_type"])
    async with listening(AppSyncSocket("keeps alive and no more")) as socket:
        seen = await converse(about, server_of(socket, seconds=0.3), socket.publish)
    assert seen.differences[0].startswith("nothing in 0.3 s, instead of error")


async def test_no_mutation_is_run_where_the_conversation_has_gone_wrong() -> None:
    """The trigger changes data, so it waits for a subscription that has begun."""
    ran: list[str] = []

    async def trigger(document: str) -> None:
        ran.append(document)

    (about,) = load_facts(["realtime/data"])
    async with listening(AppSyncSocket("names no protocol")) as socket:
        await converse(about, server_of(socket), trigger)
        assert ran == []
    async with listening(AppSyncSocket("tells nobody")) as socket:
        await converse(about, server_of(socket, seconds=0.3), trigger)
        assert ran == ["7"]
