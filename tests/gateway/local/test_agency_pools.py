"""An agency that names a pool of this machine has it, after the next start."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain.agencies import Pool
from domain.errors import NotFound
from gateway.local.agency_pools import adopt_pools
from gateway.local.identity_provider.pools import pool_of
from gateway.local.issuer import LocalIssuer
from gateway.provisioning import add_agency
from gateway.workspace import ISSUER_FILE, open_workspace

ISSUER = "http://127.0.0.1:8001"
NEW = "us-east-1_Lakeside1"


async def test_pools_named_at_this_provider_are_made_and_no_others(tmp_path: Path) -> None:
    """With its app client and agency; again without a new key; another issuer's are not ours."""
    async with open_workspace(tmp_path / "home", create=True) as workspace:
        key = workspace.keys.derive("issuer")
        issuer = LocalIssuer.open(workspace.home / ISSUER_FILE, key, create=True)
        await add_agency(
            workspace,
            slug="lakeside",
            name="Lakeside",
            states=("MI",),
            pools=(
                Pool(issuer=f"{ISSUER}/{NEW}", client_ids=("lakeweb", "other")),
                Pool(issuer=f"{ISSUER}/oddly-named", client_ids=("web",)),
                Pool(issuer="https://pools.test/us-east-1_Else1", client_ids=("web",)),
            ),
            reason=f"test of {datetime.now(UTC):%Y}",
        )
        await adopt_pools(workspace.directory, issuer, ISSUER)
        keys = issuer.jwks(NEW)
        await adopt_pools(workspace.directory, issuer, ISSUER)
        with issuer.file.reading() as connection:
            made = pool_of(connection, NEW)

        assert issuer.jwks(NEW) == keys
        assert (made.client_id, made.agency) == ("lakeweb", "lakeside")
        for other in ("us-east-1_Else1", "oddly-named"):
            with pytest.raises(NotFound):
                issuer.jwks(other)
        issuer.close()
