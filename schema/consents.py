"""Consents and their wording, as the API shows them."""

from dataclasses import replace

from domain.actors import Actor as ActorRecord
from domain.consents import Consent as ConsentRecord
from domain.consents import ConsentPurpose
from schema.access import Actor
from schema.connections import Node
from schema.declare import Info, field, object_type
from schema.gates import of_its_application
from schema.rules import APPLICATION_READERS, CONSUMER_READERS, MEMBERS
from schema.scalars import AWSDateTime, AWSIPAddress


@object_type(rule=MEMBERS)
class ConsentText:
    """The wording to show before a consent is recorded."""

    purpose: ConsentPurpose
    version: str
    text: str
    sha256: str = field(name="sha256", description="Of the text in UTF-8, in lower-case hex.")


def _given_by(root: ConsentRecord, info: Info) -> ActorRecord:
    """Return who gave it; by name only to whom the consumer's own record would tell the name."""
    context = info.context
    giver = root.given_by
    if CONSUMER_READERS.refusal(context.principal, context.request.at, "Consent", "givenBy"):
        return replace(giver, display_name=giver.kind.capitalize())
    return giver


@object_type(rule=APPLICATION_READERS, record=ConsentRecord, about=of_its_application)
class Consent(Node):
    """A consumer's consent, as it was given. One consent is good for one pull."""

    purpose: ConsentPurpose
    text_version: str
    text_sha256: str
    given_by: Actor = field(_given_by, Actor)
    given_at: AWSDateTime
    expires_at: AWSDateTime
    used_at: AWSDateTime | None
    source_ip: AWSIPAddress | None
