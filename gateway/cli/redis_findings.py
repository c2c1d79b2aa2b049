"""What `almoner doctor` finds out about the Redis that a setting names."""

import asyncio
from contextlib import suppress

from gateway.cli.findings import Finding, fine
from gateway.config import Config
from gateway.redis_client import CONNECT_SECONDS_MAX, redis_client
from gateway.secrets import open_secrets
from gateway.settings import CannotStart, value_of


async def of_redis(config: Config, setting: str, *, check: str, meanwhile: str) -> Finding:
    """Ask the Redis in a setting whether it is there. meanwhile: what holds where it is not."""
    block = setting.partition(".")[0]
    given = str(value_of(config, setting))
    try:
        async with open_secrets(config, watch=False) as secrets:
            client = redis_client(lambda: secrets.of(setting, given).current, setting=setting)
    except CannotStart as error:
        return Finding(
            check=check,
            state="FAIL",
            finding=error.message,
            remedy=f"docs/configuration.md, `[{block}]`",
        )
    try:
        async with asyncio.timeout(CONNECT_SECONDS_MAX):
            await client.ping()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is not there
        return Finding(
            check=check,
            state="warn",
            finding=f"does not answer ({type(error).__name__}): {meanwhile}",
            remedy="check address, password and network; gateways go over to it by themselves",
        )
    finally:
        with suppress(Exception):
            await client.aclose()
    return fine(check, "answers")
