"""No value shows the secret that it holds: a repr ends up in tracebacks and in logs."""

import dataclasses
import importlib
import pkgutil
import re
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.identity.credentials import Credential
from resolvers.keys import CreatedApiKey
from tenants.keys.keyring import AgencyKeys
from tests.tenants.keys.key_samples import random_agency_keys

PACKAGES = (
    "conformance",
    "domain",
    "edge_router",
    "gateway",
    "integrations",
    "resolvers",
    "schema",
    "tenants",
)
SECRET = re.compile(
    r"(^|_)(secrets?|passwords?|passphrase|tokens?|keys?|credentials?|private|ssn|raw)($|_)"
)
CANARY = "c4n4ry"
ALSO_SECRET = {
    "gateway.identity.credentials.Credential.value",
    "gateway.secrets.Secret.current",
    "gateway.secrets.Secret.previous",
    "gateway.settings_blocks.BudgetsConfig.redis_url",
    "gateway.settings_blocks.EventsConfig.redis_url",
    "tenants.keys.home.HomeKeys.for_backup",
    "tenants.keys.home.HomeKeys.root",
}
# Fields that are called like a secret and hold none.
NO_SECRET = {
    "are called by a name or an id": re.compile(r"(^|_)(key_id|data_key|current_data_key)$"),
    "name a file or another setting": re.compile(r"_file$|_error_codes$"),
    "say whether, when or how many": re.compile(
        r"^allow_test_ssn$|_at$|_created$|^tokens$|_points$|_per_second$|_cents$"
    ),
    "are called by a client, once": re.compile(r"^idempotency_key$"),
    "tell the last digits, as everybody may see them": re.compile(r"_last4$"),
    "hold a keyed hash": re.compile(r"_index$|^source_key$"),
}
NO_SECRET_OF = {
    "domain.credit.CreditReport.raw": "where the file is",
    "gateway.engine.emission.Entry.key": "a response key",
    "gateway.engine.levels.Fetched.key": "a response key",
    "gateway.identity.jwks._Source.keys": "public keys",
    "gateway.workspace.Workspace.keys": "a value that hides its own",
    "resolvers.keys.CreatedApiKey.api_key": "what is kept of a key, without its secret",
    "gateway.settings.About.secret": "whether a setting is one",
    "gateway.settings_blocks.Limits.tokens": "how many words a document may have",
    "integrations.transunion.certificates.CertificateFiles.client_key": "a path",
    "integrations.transunion.certificates.CertificateFiles.server_key": "a path",
    "resolvers.once.Attempt.key": "what a client calls an attempt",
    "resolvers.steps.Intent.key": "the same",
    "tenants.backend.Check.key": "where a row is",
    "tenants.backend.Delete.key": "where a row is",
    "tenants.backend.Once.key": "a hash of what a client calls an attempt",
    "tenants.backend.Put.key": "where a row is",
    "tenants.backend.Reseal.key": "where a row is",
    "tenants.backend.Row.key": "where a row is",
}


def dataclasses_of_the_project() -> Iterator[type[Any]]:
    for package in PACKAGES:
        found = importlib.import_module(package)
        for item in pkgutil.walk_packages(found.__path__, f"{package}."):
            if item.name.endswith("__main__"):
                continue
            module = importlib.import_module(item.name)
            for value in vars(module).values():
                if (
                    isinstance(value, type)
                    and value.__module__ == module.__name__
                    and dataclasses.is_dataclass(value)
                    and not hasattr(value, "__strawberry_definition__")  # never instantiated
                ):
                    yield value


def secret_fields(kind: type[Any]) -> list[str]:
    """Return the fields of a dataclass that are called like a secret, and may hold one."""
    where = f"{kind.__module__}.{kind.__qualname__}"
    return [
        field.name
        for field in dataclasses.fields(kind)
        if f"{where}.{field.name}" in ALSO_SECRET
        or (
            SECRET.search(field.name)
            and f"{where}.{field.name}" not in NO_SECRET_OF
            and not any(pattern.search(field.name) for pattern in NO_SECRET.values())
        )
    ]


ALL = list(dataclasses_of_the_project())
HOLDERS = {f"{kind.__module__}.{kind.__qualname__}": kind for kind in ALL if secret_fields(kind)}


def filled(kind: type[Any]) -> Any:
    """Return a value of a dataclass whose secrets are the canary, made without its own checks."""
    value = object.__new__(kind)
    for field in dataclasses.fields(kind):
        held: object = CANARY if field.name in secret_fields(kind) else None
        object.__setattr__(value, field.name, held)
    return value


@pytest.mark.parametrize("name", sorted(HOLDERS))
def test_a_value_does_not_show_its_secret(name: str) -> None:
    """Neither `repr` nor `str` of a value that holds a key, token or password shows it."""
    value = filled(HOLDERS[name])
    kept = [getattr(value, field) for field in secret_fields(HOLDERS[name])]
    assert set(kept) == {CANARY}
    assert CANARY not in repr(value) + str(value) + f"{value!r:.500}"


def test_what_holds_secrets_is_looked_at() -> None:
    """The search finds the classes that are known to hold some: it is not blind."""
    known = {AgencyKeys, Credential, CreatedApiKey}
    assert known <= set(HOLDERS.values())
    assert len(HOLDERS) >= 10


def test_a_class_that_shows_its_secret_is_found() -> None:
    """The same look at a class without care sees the canary."""

    @dataclasses.dataclass(frozen=True)
    class Careless:
        password: str

    assert secret_fields(Careless) == ["password"]
    assert CANARY in repr(filled(Careless))


def test_what_is_named_is_there() -> None:
    """Every name that is written down here is still that of a field."""
    fields = {
        f"{kind.__module__}.{kind.__qualname__}.{field.name}"
        for kind in ALL
        for field in dataclasses.fields(kind)
    }
    assert NO_SECRET_OF.keys() | ALSO_SECRET <= fields


def test_a_traceback_through_values_with_secrets_shows_none() -> None:
    """An error raised over agency keys tells, with all local values, no key."""
    keys = random_agency_keys()

    def opened(held: AgencyKeys) -> None:
        raise ValueError(f"cannot open with {held}")

    with pytest.raises(ValueError, match="cannot open") as caught:
        opened(keys)

    told = "".join(
        traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
    )
    assert "held = AgencyKeys" in told
    for key in (keys.store_key, keys.index_key, *keys.data_keys.values()):
        for spelling in (repr(key)[2:-1], key.hex()):
            assert spelling not in told
