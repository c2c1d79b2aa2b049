"""TransUnion's XML 2.33: requests from our records, our records from its answers."""

from integrations.transunion.wire.answer import CredentialsRefused, read_answer
from integrations.transunion.wire.request import build_request

__all__ = ["CredentialsRefused", "build_request", "read_answer"]
