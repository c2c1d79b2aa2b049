"""Who guesses is slowed down; who repeats themself, or refreshes in vain, is not."""

from typing import Any

import pytest
from pycognito import AWSSRP

from tests.gateway.local.identity_provider.running import (
    CLIENT,
    COUNSELOR,
    HARBOR,
    PASSWORD,
    Running,
)

WRONG = "Incorrect username or password."
LOCKED = "Password attempts exceeded"


def guess(provider: Running, name: str = COUNSELOR, password: str = "Wrong-Password-1") -> Any:
    return provider.password_auth(name, password).get("message", "in")


@pytest.mark.parametrize("name", [COUNSELOR, "nobody@harbor.test"])
def test_the_fifth_failure_locks_and_each_further_one_longer(provider: Running, name: str) -> None:
    """One second after five, then two, four, …, for who there is and who there is not."""
    provider.clock.stop()
    assert [guess(provider, name) for _ in range(6)] == [WRONG] * 5 + [LOCKED]
    for seconds in (1, 2, 4, 8):
        provider.clock.turn(seconds - 0.01)
        assert guess(provider, name) == LOCKED
        provider.clock.turn(0.02)
        assert guess(provider, name) == WRONG


def test_attempts_during_a_lock_cost_nothing(provider: Running) -> None:
    """A client that repeats itself while locked out is not locked out for longer."""
    provider.clock.stop()
    for _ in range(5):
        guess(provider)
    for _ in range(20):
        assert guess(provider, password=PASSWORD) == LOCKED
    provider.clock.turn(1.01)
    assert guess(provider, password=PASSWORD) == "in"
    assert [guess(provider) for _ in range(5)] == [WRONG] * 5  # counted anew after a sign-in


def test_a_lock_ends_and_a_quarter_of_an_hour_begins_anew(provider: Running) -> None:
    """No lock is longer than 15 minutes, and as long without a failure all is forgotten."""
    provider.clock.stop()
    for _ in range(5):
        guess(provider)
    for doubling in range(10):
        provider.clock.turn(2**doubling + 0.01)
        assert guess(provider) == WRONG
    provider.clock.turn(899.9)
    assert guess(provider) == LOCKED
    provider.clock.turn(0.2)
    assert [guess(provider) for _ in range(6)] == [WRONG] * 5 + [LOCKED]


def test_challenges_put_beforehand_are_locked_too(provider: Running) -> None:
    """Who begins many sign-ins first and guesses then is locked out as who guesses one by one."""
    provider.clock.stop()
    client = provider.aws()
    srp = AWSSRP(
        username=COUNSELOR, password=PASSWORD, pool_id=HARBOR, client_id=CLIENT, client=client
    )
    put = [
        client.initiate_auth(
            AuthFlow="USER_SRP_AUTH", AuthParameters=srp.get_auth_params(), ClientId=CLIENT
        )["ChallengeParameters"]
        for _ in range(7)
    ]

    def answer(parameters: dict[str, str], **changes: str) -> Any:
        responses = srp.process_challenge(parameters, srp.get_auth_params()) | changes
        return provider.call(
            "RespondToAuthChallenge",
            ClientId=CLIENT,
            ChallengeName="PASSWORD_VERIFIER",
            ChallengeResponses=responses,
        ).json()

    for parameters in put[:5]:
        assert answer(parameters, PASSWORD_CLAIM_SIGNATURE="bm8=")["message"] == WRONG
    assert answer(put[5])["message"] == LOCKED
    provider.clock.turn(1.01)
    assert "AuthenticationResult" in answer(put[6])


def test_a_refused_refresh_locks_nobody(provider: Running) -> None:
    """Client libraries repeat a refused refresh for seconds: it is no guess at a password."""
    kept = provider.sign_in()["RefreshToken"]
    for _ in range(30):
        answer = provider.call("GetTokensFromRefreshToken", ClientId=CLIENT, RefreshToken="gone")
        assert answer.json()["message"] == "Invalid Refresh Token"
    assert guess(provider, password=PASSWORD) == "in"
    again = provider.call("GetTokensFromRefreshToken", ClientId=CLIENT, RefreshToken=kept)
    assert again.status_code == 200


def test_locks_outlive_the_process(provider: Running) -> None:
    """Another process over the same file knows of the failures too."""
    provider.clock.stop()
    for _ in range(5):
        guess(provider)
    with provider.issuer.file.reading() as connection:
        [(count, locked)] = connection.execute("SELECT count, locked_until FROM failure").fetchall()
    assert count == 5
    assert locked > 0
