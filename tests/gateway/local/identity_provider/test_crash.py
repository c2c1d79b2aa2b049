"""What the provider has acknowledged is there after its process was killed."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.local.identity_provider.running import (
    CLIENT,
    COUNSELOR,
    HARBOR,
    PASSWORD,
    aws_client,
)

PROGRAM = """
import asyncio, pathlib, sys
from gateway.listening import bind
from gateway.local.identity_provider.dispatch import Provider
from gateway.local.identity_provider.http import provider_app
from gateway.local.issuer import LocalIssuer
from gateway.server import Server

async def tell(revoked):
    print("revoked", revoked.kind, flush=True)
    if "deaf" in sys.argv:
        await asyncio.sleep(60)

async def main():
    issuer = LocalIssuer.open(pathlib.Path(sys.argv[1]), bytes(range(32)), create=False)
    provider = Provider(
        file=issuer.file,
        deliver=lambda message: print("code", message.secret, flush=True),
        tell_revoked=tell,
    )
    async with Server(provider_app(provider), bind("127.0.0.1", 0)) as server:
        print("ready", server.url, flush=True)
        await asyncio.sleep(120)

asyncio.run(main())
"""


class Process:
    """A provider in a process of its own."""

    def __init__(self, path: Path, *arguments: str) -> None:
        self.said: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(path), *arguments],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url = self.told("ready")
        self.aws = aws_client(self.url, signed=True)

    def told(self, what: str) -> str:
        """Return what it says next about that."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            word, _, rest = line.strip().partition(" ")
            self.said.append(word)
            if word == what:
                return rest
        raise AssertionError(f"it ended without a word of {what}")

    def kill(self) -> None:
        """End it as a power cut does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


def sign_in(process: Process, name: str, password: str) -> Any:
    return process.aws.initiate_auth(
        ClientId=CLIENT,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": name, "PASSWORD": password},
    )


@pytest.mark.slow
def test_all_that_was_acknowledged_is_kept(path: Path) -> None:
    """Killed after each answer: users, passwords, groups, codes, sessions and their ends."""
    mail = "new@harbor.test"
    one = Process(path)
    one.aws.sign_up(ClientId=CLIENT, Username=mail, Password=PASSWORD)
    code = one.told("code")
    one.kill()

    two = Process(path)
    two.aws.confirm_sign_up(ClientId=CLIENT, Username=mail, ConfirmationCode=code)
    two.kill()

    three = Process(path)
    kept, ended = (sign_in(three, mail, PASSWORD)["AuthenticationResult"] for _ in range(2))
    three.aws.revoke_token(ClientId=CLIENT, Token=ended["RefreshToken"])
    three.aws.admin_set_user_password(
        UserPoolId=HARBOR, Username=COUNSELOR, Password="Temporary-1", Permanent=False
    )
    challenge = sign_in(three, COUNSELOR, "Temporary-1")
    three.kill()

    four = Process(path)
    invalid = four.aws.exceptions.NotAuthorizedException
    assert four.aws.get_tokens_from_refresh_token(
        ClientId=CLIENT, RefreshToken=kept["RefreshToken"]
    )
    with pytest.raises(invalid):
        four.aws.get_tokens_from_refresh_token(ClientId=CLIENT, RefreshToken=ended["RefreshToken"])
    answered = four.aws.respond_to_auth_challenge(
        ClientId=CLIENT,
        ChallengeName="NEW_PASSWORD_REQUIRED",
        Session=challenge["Session"],
        ChallengeResponses={"USERNAME": COUNSELOR, "NEW_PASSWORD": "Another-Password-2"},
    )
    assert answered["AuthenticationResult"]
    four.aws.admin_disable_user(UserPoolId=HARBOR, Username=mail)
    four.kill()

    five = Process(path)
    with pytest.raises(invalid, match="disabled"):
        sign_in(five, mail, PASSWORD)
    assert sign_in(five, COUNSELOR, "Another-Password-2")["AuthenticationResult"]
    five.kill()


@pytest.mark.slow
def test_a_revocation_that_nobody_heard_of_is_told_by_the_next_process(path: Path) -> None:
    """Killed between the change and the gateway's knowing of it, the provider tells it again."""
    deaf = Process(path, "deaf")
    tokens = sign_in(deaf, COUNSELOR, PASSWORD)["AuthenticationResult"]
    caller = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from tests.gateway.local.identity_provider.running import aws_client;"
            "aws_client(sys.argv[1]).global_sign_out(AccessToken=sys.argv[2])",
            deaf.url,
            tokens["AccessToken"],
        ],
        stderr=subprocess.DEVNULL,
    )
    assert deaf.told("revoked") == "sub"
    deaf.kill()
    assert caller.wait(timeout=30) != 0  # it was never told that this was done

    again = Process(path)
    assert again.said == ["revoked", "ready"]
    again.kill()
    last = Process(path)
    assert last.said == ["ready"]
    last.kill()
