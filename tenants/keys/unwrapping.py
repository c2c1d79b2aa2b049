"""The audit line that a process leaves where it has an agency's keys unwrapped."""

import os
import platform
from datetime import UTC, datetime

from domain.actors import Actor, PrincipalKind
from domain.audit import AuditLine
from domain.ids import new_ulid
from tenants.keys.keyring import AgencyKeys

KEYS_UNWRAPPED = "unwrapKeys"


def keys_unwrapped(keys: AgencyKeys) -> AuditLine:
    """Return the line: which process holds these data keys from now on, named by their ids."""
    at = datetime.now(UTC)
    identifier = new_ulid(at)
    process = f"process:{os.getpid()}@{platform.node()}"
    return AuditLine(
        id=identifier,
        at=at,
        actor=Actor(id=process, kind=PrincipalKind.OPERATOR, display_name="Almoner"),
        action=KEYS_UNWRAPPED,
        fields=tuple(sorted(keys.data_keys)),
        request_id=identifier,
    )
