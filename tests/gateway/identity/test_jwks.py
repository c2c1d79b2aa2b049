"""How rarely issuers are asked for their keys, and which of their answers count."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import respx
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from structlog.testing import capture_logs

from gateway.identity.jwks import (
    BODY_BYTES_MAX,
    FETCH_EACH_SECONDS,
    FETCH_TIMEOUT_SECONDS,
    FRESH_SECONDS,
    KEPT_SECONDS,
    KEYS_PER_SET_MAX,
    KeySets,
    key_set_address,
)
from gateway.identity.refusals import Reason, Refusal
from tests.gateway.identity.conftest import Signers, World
from tests.gateway.identity.forge import HARBOR, SUMMIT

ADDRESS = f"{HARBOR}/.well-known/jwks.json"


async def why_not(world: World, key_id: str = "harbor-key", issuer: str = HARBOR) -> Reason:
    """Return why there is no such key; there must be none."""
    with pytest.raises(Refusal) as refusal:
        await world.key_sets.key(issuer, key_id)
    return refusal.value.reason


def answering(world: World, **response: Any) -> respx.Route:
    return world.far_end.get(ADDRESS).respond(**response)


async def test_keys_are_fetched_once(world: World) -> None:
    """All of a pool's tokens are verified with one fetch."""
    keys = [await world.key_sets.key(HARBOR, "harbor-key") for _ in range(5)]

    assert isinstance(keys[0], RSAPublicKey)
    assert keys[0].public_numbers() == world.signers.harbor.key.public_key().public_numbers()
    assert world.fetches(HARBOR) == 1


async def test_made_up_key_ids_ask_once_in_ten_seconds(world: World) -> None:
    """Unknown key ids, however many and however concurrent, cost one fetch per interval."""
    await world.key_sets.key(HARBOR, "harbor-key")
    for _ in range(3):
        await asyncio.gather(*(why_not(world, f"made-up-{n}") for n in range(50)))
    assert world.fetches(HARBOR) == 1
    world.clock.turn(FETCH_EACH_SECONDS)
    reasons = await asyncio.gather(*(why_not(world, f"made-up-{n}") for n in range(50)))

    assert set(reasons) == {Reason.UNKNOWN_KEY}
    assert world.fetches(HARBOR) == 2


async def test_concurrent_first_requests_share_one_fetch(world: World) -> None:
    """Whoever comes while keys are fetched waits for that fetch and is served by it."""
    keys = await asyncio.gather(*(world.key_sets.key(HARBOR, "harbor-key") for _ in range(50)))

    assert len(keys) == 50
    assert world.fetches(HARBOR) == 1


async def test_a_new_key_is_found_after_the_interval(world: World) -> None:
    """A pool may rotate its keys: the new one is fetched when a token first names it."""
    await world.key_sets.key(HARBOR, "harbor-key")
    answering(world, json={"keys": [world.signers.harbor.jwk(kid="new-key")]})
    world.clock.turn(FETCH_EACH_SECONDS)
    await world.key_sets.key(HARBOR, "new-key")

    assert await why_not(world) is Reason.UNKNOWN_KEY


FAILURES: dict[str, Callable[[World], Any]] = {
    "not found": lambda w: answering(w, status_code=404),
    "server error": lambda w: answering(w, status_code=500, json={"keys": []}),
    "redirect": lambda w: answering(
        w, status_code=302, headers={"location": "https://pools.test/us-east-1_Summit01"}
    ),
    "redirect with keys": lambda w: answering(
        w, status_code=307, headers={"location": ADDRESS}, json={"keys": [w.signers.harbor.jwk()]}
    ),
    "no content": lambda w: answering(w, status_code=204),
    "empty": lambda w: answering(w, content=b""),
    "html": lambda w: answering(w, html="<h1>maintenance</h1>"),
    "a list": lambda w: answering(w, json=[w.signers.harbor.jwk()]),
    "keys not a list": lambda w: answering(w, json={"keys": w.signers.harbor.jwk()}),
    "no keys": lambda w: answering(w, json={"keys": []}),
    "duplicate names": lambda w: answering(
        w, content=json.dumps({"keys": [w.signers.harbor.jwk()]})[:-1] + ',"keys":[]}'
    ),
    "too large": lambda w: answering(
        w,
        json={"keys": [w.signers.harbor.jwk()], "filling": "a" * BODY_BYTES_MAX},
    ),
    "too many": lambda w: answering(
        w, json={"keys": [w.signers.harbor.jwk(kid=f"k{n}") for n in range(KEYS_PER_SET_MAX + 1)]}
    ),
    "compressed": lambda w: answering(
        w,
        content=gzip.compress(json.dumps({"keys": [w.signers.harbor.jwk()]}).encode()),
        headers={"content-encoding": "gzip"},
    ),
    "byte order mark": lambda w: answering(
        w, content="\ufeff" + json.dumps({"keys": [w.signers.harbor.jwk()]})
    ),
    "refused": lambda w: w.far_end.get(ADDRESS).mock(side_effect=httpx.ConnectError),
    "timeout": lambda w: w.far_end.get(ADDRESS).mock(side_effect=httpx.ReadTimeout),
    "broken off": lambda w: w.far_end.get(ADDRESS).mock(side_effect=httpx.RemoteProtocolError),
}


@pytest.mark.parametrize("name", FAILURES)
async def test_an_outage_keeps_the_keys_that_there_are(world: World, name: str) -> None:
    """A failed or foreign answer takes no key away, and brings none."""
    await world.key_sets.key(HARBOR, "harbor-key")
    FAILURES[name](world)
    world.clock.turn(FETCH_EACH_SECONDS)

    assert await why_not(world, "another") is Reason.UNKNOWN_KEY
    assert world.fetches(HARBOR) == 2
    await world.key_sets.key(HARBOR, "harbor-key")


@pytest.mark.parametrize("name", FAILURES)
async def test_without_keys_nobody_is_let_in(world: World, name: str) -> None:
    """A pool that never answered rightly has no keys, and is asked again only after a while."""
    FAILURES[name](world)

    assert await why_not(world) is Reason.KEY_SET_UNAVAILABLE
    assert await why_not(world) is Reason.KEY_SET_UNAVAILABLE
    assert world.fetches(HARBOR) == 1
    answering(world, json={"keys": [world.signers.harbor.jwk()]})
    world.clock.turn(FETCH_EACH_SECONDS)
    await world.key_sets.key(HARBOR, "harbor-key")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("not found", "ValueError"),
        ("html", "Refusal"),
        ("too large", "ValueError"),
        ("refused", "ConnectError"),
        ("timeout", "ReadTimeout"),
    ],
)
async def test_a_failed_fetch_is_told_to_the_log(world: World, name: str, why: str) -> None:
    """Whose keys could not be had and what kind of trouble it was; nothing of the answer."""
    FAILURES[name](world)
    with capture_logs() as logged:
        await why_not(world)

    assert logged == [
        {"event": "key set not fetched", "issuer": HARBOR, "why": why, "log_level": "warning"}
    ]


async def test_a_set_of_just_the_allowed_size_is_read(world: World) -> None:
    """As many keys, and as many bytes, as may be."""
    keys = [world.signers.harbor.jwk(kid=f"k{number}") for number in range(KEYS_PER_SET_MAX)]
    body = json.dumps({"keys": keys, "filling": ""})
    filling = "a" * (BODY_BYTES_MAX - len(body))
    exact = json.dumps({"keys": keys, "filling": filling})
    assert len(exact) == BODY_BYTES_MAX
    answering(world, content=exact.encode())
    for number in (0, KEYS_PER_SET_MAX - 1):
        await world.key_sets.key(HARBOR, f"k{number}")


async def test_a_fetch_is_followed_by_a_pause_whatever_came_of_it(world: World) -> None:
    """To the second: nine seconds are too soon, ten are not; each issuer has a pause of its own."""
    FAILURES["refused"](world)
    await why_not(world)
    world.clock.turn(FETCH_EACH_SECONDS - 0.001)
    await why_not(world)
    assert world.fetches(HARBOR) == 1
    await world.key_sets.key(SUMMIT, "summit-key")
    world.clock.turn(0.001)
    await why_not(world)

    assert (world.fetches(HARBOR), world.fetches(SUMMIT)) == (2, 1)


async def test_keys_are_fresh_for_an_hour_to_the_second(world: World) -> None:
    """At the hour nothing is asked; a moment later it is, beside the request; only once."""
    await world.key_sets.key(HARBOR, "harbor-key")
    world.clock.turn(FRESH_SECONDS)
    await world.key_sets.key(HARBOR, "harbor-key")
    assert not world.key_sets._tasks
    world.clock.turn(1)
    for _ in range(3):
        await world.key_sets.key(HARBOR, "harbor-key")
    assert len(world.key_sets._tasks) == 1
    await asyncio.gather(*world.key_sets._tasks)
    await world.key_sets.key(HARBOR, "harbor-key")

    assert world.fetches(HARBOR) == 2
    assert not world.key_sets._tasks


@pytest.mark.parametrize(("age", "serves"), [(KEPT_SECONDS, True), (KEPT_SECONDS + 1, False)])
async def test_keys_serve_for_a_day_to_the_second(world: World, age: int, *, serves: bool) -> None:
    """What was fetched longer ago than any honest token lives is forgotten."""
    await world.key_sets.key(HARBOR, "harbor-key")
    FAILURES["refused"](world)
    world.clock.turn(age)
    if serves:
        await world.key_sets.key(HARBOR, "harbor-key")
        await asyncio.gather(*world.key_sets._tasks)
    else:
        assert await why_not(world) is Reason.KEY_SET_UNAVAILABLE


async def test_old_keys_are_renewed_beside_the_requests(world: World) -> None:
    """After an hour a request starts a fetch without waiting for it; withdrawn keys then go."""
    await world.key_sets.key(HARBOR, "harbor-key")
    answering(world, json={"keys": [world.signers.harbor.jwk(kid="new-key")]})
    world.clock.turn(FRESH_SECONDS + 1)
    await world.key_sets.key(HARBOR, "harbor-key")
    await asyncio.gather(*world.key_sets._tasks)

    assert await why_not(world) is Reason.UNKNOWN_KEY
    await world.key_sets.key(HARBOR, "new-key")
    assert world.fetches(HARBOR) == 2


async def test_keys_outlive_an_outage_of_a_day_at_most(world: World) -> None:
    """Cached keys serve through an outage, until no honest token can be left."""
    await world.key_sets.key(HARBOR, "harbor-key")
    FAILURES["refused"](world)
    for _ in range(KEPT_SECONDS // FRESH_SECONDS):
        world.clock.turn(FRESH_SECONDS - 1)
        await world.key_sets.key(HARBOR, "harbor-key")
        await asyncio.gather(*world.key_sets._tasks)
    world.clock.turn(FRESH_SECONDS)

    assert await why_not(world) is Reason.KEY_SET_UNAVAILABLE


async def test_a_caller_who_leaves_spoils_nothing_for_the_others(
    signers: Signers, world: World
) -> None:
    """The fetch goes on when the request that began it is gone."""
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slow(_: httpx.Request) -> httpx.Response:
        asked.set()
        await answer.wait()
        return httpx.Response(200, json={"keys": [signers.harbor.jwk()]})

    world.far_end.get(ADDRESS).mock(side_effect=slow)
    first = asyncio.create_task(world.key_sets.key(HARBOR, "harbor-key"))
    await asked.wait()
    second = asyncio.create_task(world.key_sets.key(HARBOR, "harbor-key"))
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    answer.set()

    assert first.cancelled()
    assert isinstance(await second, RSAPublicKey)


async def test_a_slow_issuer_is_given_up(world: World) -> None:
    """An answer that drips in slowly is not waited for, however often a byte arrives."""

    async def drip() -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0.01)
            yield b" "

    class Endless(httpx.AsyncByteStream):
        def __aiter__(self) -> AsyncIterator[bytes]:
            return drip()

    world.far_end.get(ADDRESS).mock(return_value=httpx.Response(200, stream=Endless()))
    begin = asyncio.get_running_loop().time()
    async with httpx.AsyncClient(trust_env=False) as client:
        key_sets = KeySets(client, world.clock.seconds, timeout_seconds=0.1)
        with pytest.raises(Refusal, match=Reason.KEY_SET_UNAVAILABLE):
            await key_sets.key(HARBOR, "harbor-key")

    assert asyncio.get_running_loop().time() - begin < 2


class Parts(httpx.AsyncByteStream):
    """An answer in small parts."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the content, a thousand bytes at a time."""
        for start in range(0, len(self.content), 1000):
            yield self.content[start : start + 1000]


async def test_an_answer_may_come_in_parts(world: World) -> None:
    """All of them are read, and no more of them than may be."""
    keys = [world.signers.harbor.jwk(kid=f"k{number}") for number in range(KEYS_PER_SET_MAX)]
    for filling, fits in ((0, True), (BODY_BYTES_MAX, False)):
        body = json.dumps({"keys": keys, "filling": "a" * filling}).encode()
        world.far_end.get(ADDRESS).mock(return_value=httpx.Response(200, stream=Parts(body)))
        sets = KeySets(httpx.AsyncClient(trust_env=False), world.clock.seconds)
        if fits:
            assert isinstance(await sets.key(HARBOR, "k0"), RSAPublicKey)
        else:
            with pytest.raises(Refusal, match=Reason.KEY_SET_UNAVAILABLE):
                await sets.key(HARBOR, "k0")


async def test_a_redirect_is_never_followed(world: World) -> None:
    """Whatever the client would do by itself: keys are the issuer's own, from its own address."""
    elsewhere = f"{SUMMIT}/.well-known/jwks.json"
    answering(world, status_code=302, headers={"location": elsewhere})
    async with httpx.AsyncClient(trust_env=False, follow_redirects=True) as client:
        with pytest.raises(Refusal, match=Reason.KEY_SET_UNAVAILABLE):
            await KeySets(client, world.clock.seconds).key(HARBOR, "summit-key")

    assert world.fetches(SUMMIT) == 0


async def test_closing_ends_what_is_under_way(signers: Signers, world: World) -> None:
    """A fetch under way is ended when the process stops."""

    async def never(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    world.far_end.get(ADDRESS).mock(side_effect=never)
    waiting = asyncio.create_task(world.key_sets.key(HARBOR, "harbor-key"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await world.key_sets.aclose()
    await asyncio.gather(waiting, return_exceptions=True)

    assert waiting.done()
    assert not world.key_sets._tasks


@pytest.mark.parametrize(
    ("issuer", "address"),
    [
        ("https://a.test/pool", "https://a.test/pool/.well-known/jwks.json"),
        ("https://a.test/", "https://a.test/.well-known/jwks.json"),
        ("https://a.test/poolX/", "https://a.test/poolX/.well-known/jwks.json"),
        ("http://127.0.0.1:8001/p", "http://127.0.0.1:8001/p/.well-known/jwks.json"),
        ("http://localhost:8001/p", "http://localhost:8001/p/.well-known/jwks.json"),
        ("http://[::1]:8001/p", "http://[::1]:8001/p/.well-known/jwks.json"),
    ],
)
def test_keys_are_at_the_well_known_address(issuer: str, address: str) -> None:
    """The address is the issuer's own; plain HTTP is for this machine alone."""
    assert key_set_address(issuer) == address


@pytest.mark.parametrize(
    "issuer",
    [
        "http://a.test/pool",
        "http://127.0.0.1.evil.test/pool",
        "http://localhost.evil.test/pool",
        "http://10.0.0.1/pool",
        "http://169.254.169.254/latest",
        "http://0.0.0.0:8001/p",
        "file:///etc/passwd",
        "ftp://a.test/pool",
        "//a.test/pool",
        "a.test/pool",
        "",
        "https://",
        "https://user:pass@a.test/pool",
        "https://user@a.test/pool",
        "https://a.test/pool?x=1",
        "https://a.test/pool#x",
    ],
)
async def test_nobody_else_is_asked(world: World, issuer: str) -> None:
    """Other schemes, plain HTTP elsewhere, credentials and queries in the address are refused."""
    with pytest.raises(ValueError, match="address"):
        key_set_address(issuer)

    assert await why_not(world, issuer=issuer) is Reason.KEY_SET_UNAVAILABLE
    assert not world.far_end.calls


async def test_the_request_asks_for_a_plain_answer(world: World) -> None:
    """The far end is asked for uncompressed JSON, without anything of the caller's."""
    await world.key_sets.key(HARBOR, "harbor-key")
    request = world.far_end.calls.last.request
    headers = request.headers

    assert (request.method, headers["accept"]) == ("GET", "application/json")
    assert set(request.extensions["timeout"].values()) == {FETCH_TIMEOUT_SECONDS}
    assert headers["accept-encoding"] == "identity"
    assert "authorization" not in headers
