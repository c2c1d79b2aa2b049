"""Files of an agency in S3: sealed before they go there, as anywhere; and uploads on their way in.

A prefix is an agency's own, so that credentials can be bound to it. `incoming/` below it is where
clients upload to by presigned addresses: what is there was not looked at, is encrypted by S3 alone,
and is read back once, to be judged and sealed.
"""

import asyncio
import importlib
import re
from typing import Any

from domain.errors import StoreUnavailable
from tenants.aws import AwsRefused, AwsUnreachable, ask

MOVE_SECONDS = 60.0
_ID = re.compile(r"[0-9A-Z]{26}")
_ABSENT = frozenset({"NoSuchKey", "404", "NotFound"})
_INCOMING = "incoming/"
_ENCRYPTION = "AES256"
_DELETED_AT_ONCE_MAX = 1000


class S3Blobs:
    """One agency's part of a bucket."""

    def __init__(self, client: Any, bucket: str, prefix: str) -> None:
        """Take an open client; prefix: what the agency's keys begin with, a slash at its end."""
        self._client = client
        self._bucket = bucket
        self._prefix = prefix

    async def put(self, blob_id: str, sealed: bytes) -> None:
        """Keep the bytes; S3 answers when they are durable, and compares them with their hash."""
        await self._ask(
            "put_object",
            Key=self._prefix + blob_id,
            Body=sealed,
            ChecksumAlgorithm="SHA256",
            ServerSideEncryption=_ENCRYPTION,
        )

    async def get(self, blob_id: str) -> bytes | None:
        """Return the bytes, or None."""
        return await self._read(self._prefix + blob_id, None)

    async def delete(self, blob_id: str) -> None:
        """Remove the bytes; an id that is gone is no error."""
        await self._ask("delete_object", Key=self._prefix + blob_id)

    async def ids(self) -> list[str]:
        """Return the ids there are, oldest first."""
        names = (key.removeprefix(self._prefix) for key in await self._keys())
        return sorted(name for name in names if _ID.fullmatch(name))

    async def destroy(self) -> None:
        """Remove all that is there, uploads on their way in too."""
        keys = await self._keys()
        for start in range(0, len(keys), _DELETED_AT_ONCE_MAX):
            part = [{"Key": key} for key in keys[start : start + _DELETED_AT_ONCE_MAX]]
            answer = await self._ask("delete_objects", Delete={"Objects": part, "Quiet": True})
            if answer.get("Errors"):
                raise StoreUnavailable("S3 did not remove all of an agency's files. Repeat.")

    async def is_empty(self) -> bool:
        """Say whether nothing is there."""
        return not await self._keys()

    async def upload_address(
        self, name: str, *, media_type: str, size: int, seconds: int
    ) -> tuple[str, dict[str, str]]:
        """Return where one file may be sent by PUT, and the headers that are part of the signature.

        The address is good for this type and size alone, and for a name that is not taken.
        """
        wanted = {
            "Bucket": self._bucket,
            "Key": f"{self._prefix}{_INCOMING}{name}",
            "ContentType": media_type,
            "ContentLength": size,
            "ServerSideEncryption": _ENCRYPTION,
            "IfNoneMatch": "*",
        }
        address: str = await self._client.generate_presigned_url(
            "put_object", Params=wanted, ExpiresIn=seconds, HttpMethod="PUT"
        )
        return address, {
            "content-type": media_type,
            "content-length": str(size),
            "x-amz-server-side-encryption": _ENCRYPTION,
            "if-none-match": "*",
        }

    async def take_incoming(self, name: str, *, bytes_max: int) -> bytes | None:
        """Return what was sent under a name, None where nothing was.

        Of what is larger than announced, one byte more than that is read, which tells.
        """
        return await self._read(f"{self._prefix}{_INCOMING}{name}", bytes_max + 1)

    async def drop_incoming(self, name: str) -> None:
        """Remove what was sent; nothing there is no error."""
        await self._ask("delete_object", Key=f"{self._prefix}{_INCOMING}{name}")

    async def _read(self, key: str, bytes_max: int | None) -> bytes | None:
        some: dict[str, Any] = {} if bytes_max is None else {"Range": f"bytes=0-{bytes_max - 1}"}
        try:
            answer = await ask(self._client, "get_object", Bucket=self._bucket, Key=key, **some)
            async with asyncio.timeout(MOVE_SECONDS), answer["Body"] as body:
                content: bytes = await body.read()
                return content
        except AwsRefused as error:
            if error.code in _ABSENT:
                return None
            raise _refused(error) from error
        except AwsUnreachable as error:
            raise _unreachable(str(error)) from error
        except (TimeoutError, OSError, _http_error()) as error:
            raise _unreachable(type(error).__name__) from error

    async def _keys(self) -> list[str]:
        found: list[str] = []
        more: dict[str, str] = {}
        while True:
            page = await self._ask("list_objects_v2", Prefix=self._prefix, **more)
            found += [str(one["Key"]) for one in page.get("Contents", ())]
            if not page.get("IsTruncated"):
                return found
            more = {"ContinuationToken": page["NextContinuationToken"]}

    async def _ask(self, operation: str, **arguments: object) -> Any:
        try:
            return await ask(
                self._client, operation, within=MOVE_SECONDS, Bucket=self._bucket, **arguments
            )
        except AwsRefused as error:
            raise _refused(error) from error
        except AwsUnreachable as error:
            raise _unreachable(str(error)) from error


def _http_error() -> type[Exception]:
    """Return the base of what the driver raises while a body is read."""
    raised: type[Exception] = importlib.import_module("aiohttp").ClientError
    return raised


def _refused(error: AwsRefused) -> StoreUnavailable:
    return StoreUnavailable(f"S3 does not let the agency's files be used: {error}.")


def _unreachable(why: str) -> StoreUnavailable:
    return StoreUnavailable(f"S3 does not answer: {why}. Repeat in a moment.")
