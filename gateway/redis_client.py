"""Makes clients of the Redis that a setting names: how one is reached is decided once, here."""

import asyncio
import importlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from domain.addresses import is_loopback
from gateway.settings import PREFIX, CannotStart

CONNECT_SECONDS_MAX = 2.0


def redis_client(url: Callable[[], str], *, setting: str, pinned: bool = False) -> Any:
    """Return a client of one connection, which is not open yet, for the address in a setting.

    pinned: the client keeps that one connection, and it ends with the first failure: whoever
    discards a client that has failed is never connected to another server unawares. Raises
    CannotStart where the driver is not installed, and for an address that is none, or in plain
    beyond this machine: the password would go there for others to read.
    """
    variable = PREFIX + setting.replace(".", "_").upper()
    address = url()
    if urlsplit(address).scheme == "redis" and not is_loopback(address):
        raise CannotStart(f"{variable} wants rediss: it is not on this machine.")
    try:
        driver = importlib.import_module("redis.asyncio")
        retries = importlib.import_module("redis.asyncio.retry")
        waits = importlib.import_module("redis.backoff")
    except ImportError:
        raise CannotStart(
            f"{variable} is set and its driver is not installed: "
            'python -m pip install "almoner[redis]".'
        ) from None
    try:
        return driver.Redis.from_url(
            address,
            single_connection_client=pinned,
            decode_responses=True,
            max_connections=1,
            socket_connect_timeout=CONNECT_SECONDS_MAX,
            socket_timeout=None,  # whoever asks has one; the driver's loses cancellations on 3.11
            socket_keepalive=True,
            retry=retries.Retry(waits.NoBackoff(), 0),
        )
    except ValueError:
        raise CannotStart(f"{variable} is not an address such as rediss://host:6380/0.") from None


async def close_client(client: Any) -> None:
    """Close a client to the end, also where we are cancelled meanwhile; failing is no error.

    The driver's own closing, cancelled halfway, would leave its connection open.
    """
    closing = asyncio.create_task(client.aclose())
    with suppress(Exception):
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:
            await asyncio.wait([closing])
            raise
