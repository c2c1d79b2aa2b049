"""The catalogue of events describes all that are written."""

import pytest

from domain.event_catalogue import CATALOGUE, described
from domain.events import EventName
from domain.ids import new_ulid


def an_id(prefix: str) -> str:
    return f"{prefix}_{new_ulid()}"


def test_every_event_is_described() -> None:
    """No name without a schema."""
    assert CATALOGUE.keys() == set(EventName)


@pytest.mark.parametrize("name", list(EventName))
def test_an_event_carries_the_ids_that_the_catalogue_says(name: EventName) -> None:
    """All required ones, optional ones or none of them; nothing else, and ids of their kind."""
    schema = CATALOGUE[name]
    subject = an_id(schema.subject)
    required = {key: an_id(prefix) for key, prefix in schema.data.items()}
    optional = {key: an_id(prefix) for key, prefix in schema.optional.items()}

    assert described(name, subject, required) == schema.version
    assert described(name, subject, required | optional) == schema.version
    for key in required:
        with pytest.raises(ValueError, match=name):
            described(name, subject, {one: required[one] for one in required if one != key})
    for wrong in (
        {"email": an_id("con")},
        dict.fromkeys({**schema.data, **schema.optional}, "Ada"),
    ):
        if wrong:
            with pytest.raises(ValueError, match=name) as refused:
                described(name, subject, required | wrong)
            assert "Ada" not in str(refused.value)
    with pytest.raises(ValueError, match=name):
        described(name, an_id("other"), required)
    with pytest.raises(ValueError, match=name):
        described(name, subject, {key: an_id("other") for key in required} or {"x": subject})
