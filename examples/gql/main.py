"""Python with gql: signs in by SRP, reads, listens, changes, and prints the event it is told of."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from gql import Client, gql
from gql.transport.appsync_auth import AppSyncJWTAuthentication
from gql.transport.appsync_websockets import AppSyncWebsocketsTransport
from gql.transport.httpx import HTTPXAsyncTransport
from pycognito import AWSSRP

# What `almoner amplify harbor --json` prints.
TARGET = json.loads(Path(__file__).with_name("client.json").read_text("utf-8"))

FIRST = gql("{ applications(first: 1) { edges { node { id status hardshipReason } } } }")
UPDATED = gql("""
  subscription Updated($id: ID) {
    onApplicationUpdated(id: $id) { id version hardshipReason }
  }""")
UPDATE = gql("""
  mutation Update($input: UpdateApplicationInput!) {
    updateApplication(input: $input) { id version }
  }""")


def sign_in(username: str, password: str) -> str:
    """Return an access token of the user pool."""
    pool = boto3.client(
        "cognito-idp",
        region_name=TARGET["region"],
        endpoint_url=TARGET["userPoolEndpoint"],
        config=Config(signature_version=UNSIGNED),
    )
    srp = AWSSRP(
        username=username,
        password=password,
        pool_id=TARGET["userPoolId"],
        client_id=TARGET["userPoolClientId"],
        client=pool,
    )
    token: str = srp.authenticate_user()["AuthenticationResult"]["AccessToken"]
    return token


async def main() -> None:
    """Read, listen, change, and print what is told."""
    token = sign_in("consumer@harbor.test", "Almoner-Demo-1")
    url = TARGET["url"]
    http = HTTPXAsyncTransport(url=url, headers={"Authorization": token})
    auth = AppSyncJWTAuthentication(host=urlsplit(url).netloc, jwt=token)
    events = AppSyncWebsocketsTransport(url=TARGET["realtimeUrl"], auth=auth)
    async with Client(transport=http) as ask, Client(transport=events) as listen:
        data = await ask.execute(FIRST)
        application = data["applications"]["edges"][0]["node"]
        print("read", application["id"], application["status"])

        UPDATED.variable_values = {"id": application["id"]}
        told = asyncio.create_task(first_of(listen.subscribe(UPDATED)))
        # gql does not say when a subscription has begun, so it is changed until the event comes.
        while not told.done():
            reason = f"Fewer hours since {datetime.now(UTC).isoformat()}"
            UPDATE.variable_values = {"input": {"id": application["id"], "hardshipReason": reason}}
            changed = await ask.execute(UPDATE)
            print("changed to version", changed["updateApplication"]["version"])
            await asyncio.wait({told}, timeout=1)
        print("told", json.dumps(told.result()["onApplicationUpdated"]))


async def first_of(events: Any) -> dict[str, Any]:
    """Return the first event, and have no more of them."""
    async for event in events:
        await events.aclose()
        return dict(event)
    raise ConnectionError("the subscription has ended")


if __name__ == "__main__":
    asyncio.run(main())
