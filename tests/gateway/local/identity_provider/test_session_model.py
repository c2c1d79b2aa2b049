"""Whatever people and administrators do in whatever order: which tokens hold is never in doubt."""

import asyncio
import json
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import jwt
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, rule

from gateway.local.identity_provider.dispatch import Provider
from gateway.local.identity_provider.faults import Fault, FaultName
from gateway.local.identity_provider.operations import TARGET_PREFIX
from gateway.local.identity_provider.sign_ins import TokensRevoked
from gateway.local.issuer import LocalIssuer
from tests.gateway.local.identity_provider.running import (
    CLIENT,
    COUNSELOR,
    FILE_KEY,
    HARBOR,
    PASSWORD,
    SUMMIT,
    Clock,
)

NAMES = {COUNSELOR: HARBOR, "counselor@summit.test": SUMMIT}


@dataclass(slots=True)
class SignedIn:
    """A sign-in as the model knows it: whether it was ended, and its tokens."""

    name: str
    refresh_token: str
    access_tokens: list[str] = field(default_factory=list)
    ended: bool = False


class Sessions(RuleBasedStateMachine):
    """Two people of two pools, each signing in, refreshing, signing out, disabled and enabled."""

    template: ClassVar[Path]
    sign_ins = Bundle("sign_ins")

    @initialize()
    def open(self) -> None:
        """Begin with everybody signed out."""
        self.folder = tempfile.mkdtemp()
        path = Path(shutil.copyfile(self.template, Path(self.folder) / "issuer.db"))
        self.issuer = LocalIssuer.open(path, FILE_KEY, create=False)
        self.clock = Clock()
        self.clock.stop()
        self.told: list[TokensRevoked] = []
        self.enabled = dict.fromkeys(NAMES, True)
        self.all: list[SignedIn] = []

        async def remember(revoked: TokensRevoked) -> None:
            self.told.append(revoked)

        self.provider = Provider(file=self.issuer.file, tell_revoked=remember, clock=self.clock)

    def teardown(self) -> None:
        """Look at every token at the end of each history, and close."""
        if not hasattr(self, "provider"):
            return
        for one in self.all:
            self.holds_as_expected(one)
        self.provider.thread.shutdown()
        self.issuer.close()
        shutil.rmtree(self.folder)

    def call(self, operation: str, **asked: Any) -> Any:
        """Return an answer, or the name of the refusal."""
        answering = self.provider.answer(
            TARGET_PREFIX + operation,
            json.dumps(asked).encode(),
            base_url="http://127.0.0.1:8001",
            pool_id=None,
            authorization="AWS4-HMAC-SHA256 x",
        )
        try:
            return asyncio.run(answering)
        except Fault as fault:
            return fault.name

    @rule(target=sign_ins, name=st.sampled_from(sorted(NAMES)))
    def sign_in(self, name: str) -> SignedIn | None:
        """Whoever is enabled comes in, at once after any sign-out too."""
        found = self.call(
            "InitiateAuth",
            ClientId=CLIENT,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD},
        )
        if not self.enabled[name]:
            assert found is FaultName.NOT_AUTHORIZED
            return None
        result = found["AuthenticationResult"]
        one = SignedIn(name, result["RefreshToken"], [result["AccessToken"]])
        self.all.append(one)
        return one

    @rule(one=sign_ins)
    def refresh(self, one: SignedIn | None) -> None:
        """Refresh, which works as long as the sign-in was not ended."""
        if one is None:
            return
        found = self.call(
            "GetTokensFromRefreshToken", ClientId=CLIENT, RefreshToken=one.refresh_token
        )
        if one.ended or not self.enabled[one.name]:
            assert found is FaultName.NOT_AUTHORIZED
        else:
            one.access_tokens.append(found["AuthenticationResult"]["AccessToken"])

    @rule(one=sign_ins)
    def revoke(self, one: SignedIn | None) -> None:
        """RevokeToken ends one sign-in, and is told each time."""
        if one is not None:
            told = len(self.told)
            assert self.call("RevokeToken", ClientId=CLIENT, Token=one.refresh_token) == {}
            one.ended = True
            assert len(self.told) == told + 1

    @rule(one=sign_ins)
    def sign_out_everywhere(self, one: SignedIn | None) -> None:
        """GlobalSignOut, by who holds a token, ends all of theirs and nobody else's."""
        if one is None:
            return
        found = self.call("GlobalSignOut", AccessToken=one.access_tokens[-1])
        if one.ended or not self.enabled[one.name]:
            assert found is FaultName.NOT_AUTHORIZED
        else:
            assert found == {}
            self.end_all(one.name)

    @rule(name=st.sampled_from(sorted(NAMES)))
    def disable(self, name: str) -> None:
        """AdminDisableUser ends everything and lets nobody in."""
        assert self.call("AdminDisableUser", UserPoolId=NAMES[name], Username=name) == {}
        self.enabled[name] = False
        self.end_all(name)

    @rule(name=st.sampled_from(sorted(NAMES)))
    def enable(self, name: str) -> None:
        """AdminEnableUser lets in, and brings nothing back."""
        assert self.call("AdminEnableUser", UserPoolId=NAMES[name], Username=name) == {}
        self.enabled[name] = True

    @rule(seconds=st.sampled_from([0.001, 0.4, 1.0, 7.5]))
    def wait(self, seconds: float) -> None:
        """Time passes, a little or a lot, within seconds and across them."""
        self.clock.turn(seconds)

    @rule(one=sign_ins)
    def look(self, one: SignedIn | None) -> None:
        """Look between changes, and see what a look at the end sees."""
        if one is not None:
            self.holds_as_expected(one)

    def end_all(self, name: str) -> None:
        """Note that all of somebody's sign-ins are over."""
        for one in self.all:
            one.ended = one.ended or one.name == name

    def holds_as_expected(self, one: SignedIn) -> None:
        """Every access token of a sign-in holds, or none does."""
        for token in one.access_tokens:
            found = self.call("GetUser", AccessToken=token)
            if one.ended or not self.enabled[one.name]:
                assert found is FaultName.NOT_AUTHORIZED
            else:
                assert {"Name": "email", "Value": one.name} in found["UserAttributes"]
            assert self.gateway_refuses(token) is one.ended

    def gateway_refuses(self, token: str) -> bool:
        """Say whether what was told makes a gateway refuse the token, as its directory judges."""
        claims = jwt.decode(token, options={"verify_signature": False})
        return any(
            told.value == claims["origin_jti"]
            if told.kind == "origin_jti"
            else told.value == claims["sub"] and told.at.timestamp() >= claims["iat"]
            for told in self.told
        )


@pytest.mark.slow
def test_tokens_hold_until_they_are_ended_in_any_history(template: Path) -> None:
    """A model of a few lines and the provider agree on every token, in thousands of steps."""
    Sessions.template = template
    case = Sessions.TestCase
    case.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
    case("runTest").runTest()
