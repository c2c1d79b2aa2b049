"""The audit ledger's lines, as the API shows them."""

import strawberry

from domain.audit import AuditOutcome
from resolvers.audit import AuditEvent as AuditEventRecord
from schema.access import Actor
from schema.connections import Node, PageInfo, edges, page_info
from schema.declare import field, object_type
from schema.rules import AUDIT_READERS
from schema.scalars import AWSDateTime, AWSIPAddress


@object_type(rule=AUDIT_READERS, record=AuditEventRecord)
class AuditEvent(Node):
    """Who did or read what, and why: one line of the ledger. Fields by name, never a value."""

    at: AWSDateTime
    actor: Actor
    action: str = field(
        description="A mutation, the fields that a query asked for, signIn, useApiKey, or cli: and "
        "a command."
    )
    subject: strawberry.ID | None
    purpose: str | None
    fields: list[str]
    request_id: str
    source_ip: AWSIPAddress | None
    leaf_hash: str = field(
        description="The line's leaf in the agency's Merkle tree (RFC 9162), in lower-case hex."
    )
    consumers: list[strawberry.ID] = field(description="Whose data it is about.")
    outcome: AuditOutcome


@object_type(rule=AUDIT_READERS)
class AuditEventEdge:
    """A line in a listing."""

    cursor: str
    node: AuditEvent


@object_type(rule=AUDIT_READERS)
class AuditEventConnection:
    """A page of the ledger."""

    edges: list[AuditEventEdge] = edges(AuditEventEdge)
    page_info: PageInfo = page_info()
