"""Opens clients of AWS services and calls them: with deadlines, few attempts, and typed errors.

The driver is an extra, imported when it is first needed. Credentials are the driver's own matter:
it finds a role's, or those of the environment.
"""

import asyncio
import importlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from domain.errors import StoreUnavailable

CONNECT_SECONDS = 2
READ_SECONDS = 3
ATTEMPTS_MAX = 3
DEADLINE_SECONDS = 10
_SERVER_FAULT = 500
_THROTTLED = frozenset({"LimitExceededException", "RequestLimitExceeded"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsSettings:
    """Where AWS is. None leaves it to the driver: its own files and environment, AWS itself."""

    endpoint_url: str | None = None
    region: str | None = None


class AwsRefused(Exception):
    """The service answered, and said no; `code` is its own name for why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class AwsUnreachable(Exception):
    """The service did not answer in time, is overloaded, or there are no credentials for it."""


@asynccontextmanager
async def open_client(service: str, settings: AwsSettings) -> AsyncIterator[Any]:
    """Open a client of one service (`kms`, `secretsmanager`).

    Raises StoreUnavailable where the driver is not installed, or is not told which region.
    """
    try:
        driver = importlib.import_module("aioboto3")
        configuration = importlib.import_module("botocore.config")
        errors = importlib.import_module("botocore.exceptions")
    except ImportError:
        raise StoreUnavailable(
            'AWS is configured and its driver is not installed: python -m pip install "almoner'
            '[aws]".'
        ) from None
    session = driver.Session(region_name=settings.region)
    try:
        opening = session.client(
            service,
            endpoint_url=settings.endpoint_url,
            verify=True,
            config=configuration.Config(
                connect_timeout=CONNECT_SECONDS,
                read_timeout=READ_SECONDS,
                retries={"mode": "standard", "total_max_attempts": ATTEMPTS_MAX},
                user_agent_extra="almoner",
                # Of presigned addresses the older one signs neither size nor encryption.
                signature_version="s3v4" if service == "s3" else None,
            ),
        )
        client = await opening.__aenter__()
    except (errors.BotoCoreError, ValueError) as error:
        raise StoreUnavailable(
            f"AWS {service} cannot be opened ({type(error).__name__}): ALMONER_AWS_REGION and "
            "ALMONER_AWS_ENDPOINT_URL say where it is."
        ) from error
    try:
        yield client
    finally:
        await opening.__aexit__(None, None, None)


async def ask(
    client: Any, operation: str, *, within: float | None = None, **arguments: Any
) -> Mapping[str, Any]:
    """Return a service's answer; raises AwsRefused, AwsUnreachable. within: seconds."""
    seconds = DEADLINE_SECONDS if within is None else within
    errors = importlib.import_module("botocore.exceptions")
    try:
        async with asyncio.timeout(seconds):
            answer: Mapping[str, Any] = await getattr(client, operation)(**arguments)
            return answer
    except TimeoutError as error:
        raise AwsUnreachable(f"no answer within {seconds:g} s") from error
    except errors.ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "unknown"))
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if status >= _SERVER_FAULT or "Throttl" in code or code in _THROTTLED:
            raise AwsUnreachable(code) from error
        raise AwsRefused(code) from error
    except errors.BotoCoreError as error:
        raise AwsUnreachable(type(error).__name__) from error
