"""A keyring whose key never leaves AWS KMS: it makes, wraps and unwraps, and is asked each time."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from tenants.aws import AwsRefused, AwsSettings, AwsUnreachable, ask, open_client
from tenants.keys.keyring import CANNOT_UNWRAP, KeyRefused, KeyringUnreachable

_WRAPPED_FORMAT = b"\x02"  # a local keyring's begins otherwise: neither takes the other's
_DOES_NOT_FIT = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})


class KmsKeyring:
    """Wraps keys by one KMS key, with the context as KMS's encryption context.

    The context stands in CloudTrail with every use: agency id, purpose and key id, no more.
    """

    def __init__(self, client: Any, key: str) -> None:
        """Take an open client and the key's id, ARN or alias (`alias/almoner`)."""
        self._client = client
        self._key = key

    async def generate(self, context: Mapping[str, str]) -> tuple[bytes, bytes]:
        """Return a new random key of 32 bytes, plain and wrapped."""
        answer = await self._ask("generate_data_key", context, KeySpec="AES_256")
        return answer["Plaintext"], _WRAPPED_FORMAT + answer["CiphertextBlob"]

    async def wrap(self, plain: bytes, context: Mapping[str, str]) -> bytes:
        """Return `plain` encrypted; only the same context unwraps it."""
        answer = await self._ask("encrypt", context, Plaintext=plain)
        wrapped: bytes = _WRAPPED_FORMAT + answer["CiphertextBlob"]
        return wrapped

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Return what was wrapped; raises KeyRefused where key or context do not fit."""
        if wrapped[:1] != _WRAPPED_FORMAT or len(wrapped) == 1:
            raise KeyRefused(CANNOT_UNWRAP)
        answer = await self._ask("decrypt", context, CiphertextBlob=wrapped[1:])
        plain: bytes = answer["Plaintext"]
        return plain

    async def _ask(
        self, operation: str, context: Mapping[str, str], **arguments: Any
    ) -> Mapping[str, Any]:
        # The key is named for decrypting too: what another key wrapped is refused, not opened.
        try:
            return await ask(
                self._client,
                operation,
                KeyId=self._key,
                EncryptionContext=dict(context),
                **arguments,
            )
        except AwsRefused as error:
            if error.code in _DOES_NOT_FIT:
                raise KeyRefused(CANNOT_UNWRAP) from error
            raise KeyRefused(
                f"AWS KMS does not let the key {self._key} be used: {error}."
            ) from error
        except AwsUnreachable as error:
            raise KeyringUnreachable(f"AWS KMS does not answer: {error}.") from error


@asynccontextmanager
async def open_kms(key: str, settings: AwsSettings) -> AsyncIterator[KmsKeyring]:
    """Open a keyring over one KMS key. Raises StoreUnavailable where the driver is missing."""
    async with open_client("kms", settings) as client:
        yield KmsKeyring(client, key)
