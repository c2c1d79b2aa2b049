"""Invitations, as the API shows them: the code, once."""

import strawberry

from schema.declare import field, object_type
from schema.rules import COUNSELORS
from schema.scalars import AWSDateTime


@object_type(rule=COUNSELORS)
class CreatedInvitation:
    """A code just given out, in this answer only: null when an idempotent retry is answered."""

    code: str | None = field(description="Ten letters and digits, to be read out.")
    consumer_id: strawberry.ID
    expires_at: AWSDateTime
