"""The running platform that the isolation test asks."""

from tests.e2e.conftest import dev

__all__ = ["dev"]
