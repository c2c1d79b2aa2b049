"""One call of the API while it is carried out: the file, the moment, what is to be told then."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from gateway.local.identity_provider.faults import Fault, FaultName, invalid
from gateway.local.identity_provider.pools import UserPool, pools
from gateway.local.identity_provider.users import User, find_user, named_users
from tenants.sqlite.sqlcipher import Connection

MessageKind = Literal["sign-up", "recovery", "invitation"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What the real one would send by e-mail. secret: the code, or the temporary password."""

    kind: MessageKind
    pool_id: str
    email: str
    secret: str = field(repr=False)


@dataclass(slots=True, kw_only=True)
class Call:
    """A call, within the unit that carries it out.

    base_url: what issuers begin with. pool_id: the one that the address names, None for the root.
    messages: to be sent once the unit is kept. revokes: whether the gateway is to be told of some.
    """

    connection: Connection
    at: datetime
    base_url: str
    pool_id: str | None
    messages: list[Message] = field(default_factory=list)
    revokes: bool = False

    def pool(self, pool_id: str) -> UserPool:
        """Return the pool of that id, or raise the Fault for one that is not here."""
        for pool in pools(self.connection):
            if pool.id == pool_id and self.pool_id in (None, pool_id):
                return pool
        raise Fault(FaultName.RESOURCE_NOT_FOUND, f"User pool {pool_id} does not exist.")

    def pools_of_client(self, client_id: str) -> list[UserPool]:
        """Return the pools that have the app client; raises a Fault where none has."""
        found = [
            pool
            for pool in pools(self.connection)
            if pool.client_id == client_id and self.pool_id in (None, pool.id)
        ]
        if not found:
            told = f"User pool client {client_id} does not exist."
            raise Fault(FaultName.RESOURCE_NOT_FOUND, told)
        return found

    def pool_of_name(self, client_id: str, name: str) -> tuple[UserPool, User | None]:
        """Return the pool that somebody means, and who that is there, if anybody.

        Calls name an app client and no pool. The demo's pools share one client id: then it is the
        pool that knows the name, or the only one with addresses of that domain, or the first.
        """
        candidates = self.pools_of_client(client_id)
        if len(candidates) == 1:
            return candidates[0], find_user(self.connection, candidates[0].id, name)
        known = {pool.id: pool for pool in candidates}
        users = [user for user in named_users(self.connection, name) if user.pool_id in known]
        if len(users) > 1:
            raise invalid(
                "Several pools know that name: send the call to the pool's own address, "
                f"{self.base_url}/{users[0].pool_id}"
            )
        if users:
            return known[users[0].pool_id], users[0]
        return self.pool_of_domain(candidates, name) or candidates[0], None

    def pool_of_domain(self, candidates: list[UserPool], name: str) -> UserPool | None:
        """Return the only pool that has addresses of the same domain, None where there is none."""
        domain = name.strip().lower().rpartition("@")[2]
        rows = self.connection.execute(
            "SELECT DISTINCT pool_id FROM user WHERE substr(email, instr(email, '@') + 1) = ?",
            (domain,),
        ).fetchall()
        having = {pool_id for (pool_id,) in rows}
        found = [pool for pool in candidates if pool.id in having]
        return found[0] if len(found) == 1 else None
