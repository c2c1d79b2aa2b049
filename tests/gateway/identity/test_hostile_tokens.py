"""Each hostile form of a token is refused, for its own reason, which the caller never learns."""

import random
import time

import pytest

from domain.errors import Unauthenticated
from gateway.identity.claims import read_token
from gateway.identity.credentials import Credential
from gateway.identity.refusals import Reason, Refusal, reason_of
from tests.gateway.identity.conftest import World
from tests.gateway.identity.hostile import CASES

MESSAGE = "You are not authorized to make this call."


@pytest.mark.parametrize("name", CASES)
async def test_a_hostile_token_is_refused(world: World, name: str) -> None:
    """The token is refused raw, after `Bearer`, and past the reading of headers."""
    forger, reason = CASES[name]
    token = forger(world.signers)
    for authorization in (token, f"Bearer {token}"):
        with pytest.raises(Unauthenticated) as refusal:
            await world.principal(authorization)
        assert type(refusal.value) is Unauthenticated
        assert refusal.value.message == MESSAGE
        assert reason_of(refusal.value) in {reason, _behind_bearer(reason)}
    with pytest.raises(Unauthenticated):
        await world.authenticator.authenticate(Credential(kind="jwt", value=token))
    assert not world.authenticator._verdicts


def test_there_are_many_hostile_tokens() -> None:
    """The table covers what is known to have fooled verifiers."""
    assert len(CASES) >= 300


async def test_a_valid_token_has_one_spelling(world: World) -> None:
    """Changing, adding or dropping any one character of a valid token makes it invalid."""
    token = world.signers.harbor.token()
    generator = random.Random(20261122)
    characters = "ABCabc019-_=.+/ \n%é"
    await world.principal(token)
    spelled = {token}
    for _ in range(400):
        place = generator.randrange(len(token) + 1)
        character = generator.choice(characters)
        other = generator.choice(
            [
                token[:place] + character + token[place:],
                token[:place] + character + token[place + 1 :],
                token[:place] + token[place + 1 :],
            ]
        )
        if other in spelled:
            continue
        spelled.add(other)
        with pytest.raises(Unauthenticated):
            await world.principal(other)

    assert len(world.authenticator._verdicts) == 1


@pytest.mark.parametrize(
    "text",
    ["A" * 2**24, "." * 2**24, "A." * 2**23, "e30.e30." + "A" * 2**24],
    ids=["letters", "dots", "parts", "signature"],
)
def test_a_large_token_costs_nothing(text: str) -> None:
    """Size is looked at before anything else, so that 16 MB are refused like one byte too many."""
    begin = time.thread_time()
    with pytest.raises(Refusal, match=Reason.TOKEN_TOO_LARGE):
        read_token(text)

    assert time.thread_time() - begin < 0.005


async def test_reading_hostile_json_is_quick(world: World) -> None:
    """No token of allowed size takes long to refuse: work is linear in its length."""
    harbor = world.signers.harbor
    tokens = [
        harbor.text({}, "[" * 5900),
        harbor.text({}, '{"a":' * 1180),
        harbor.text({}, '"' + '\\"' * 2900),
        harbor.text({}, "9" * 5900),
        harbor.text({}, "{" + '"a":1,' * 900 + '"b":1}'),
    ]
    for token in tokens:
        begin = time.thread_time()
        with pytest.raises(Unauthenticated):
            await world.principal(token)
        assert time.thread_time() - begin < 0.02


def _behind_bearer(reason: Reason) -> Reason:
    """Return how a text that looks like another scheme is refused once `Bearer` stands before."""
    return Reason.MALFORMED_TOKEN if reason is Reason.UNKNOWN_SCHEME else reason
