"""Typed signatures: the name of who signs, as people type it, and nobody else's."""

import pytest

from domain.consumers import PersonName
from domain.signatures import bears_name

ADA = PersonName(given="Ada", middle="Augusta", family="Byron")
MARIA = PersonName(given="María José", family="García-López")
SHORT = PersonName(given="Al", family="Ali")


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        (ADA, "Ada Byron"),
        (ADA, "  ada   BYRON "),
        (ADA, "Ada Augusta Byron"),
        (ADA, "Ada A. Byron Jr."),
        (ADA, "Byron, Ada"),
        (ADA, "AdaByron"),
        (ADA, "/s/ Ada Byron"),
        (MARIA, "María José García-López"),
        (MARIA, "maria jose garcia lopez"),
        (MARIA, "MARÍA JOSÉ GARCÍA LÓPEZ"),
        (MARIA, "Mariajose Garcialopez"),
        (PersonName(given="Sean", family="O'Brien"), "Sean O\u2019Brien"),
        (PersonName(given="Sean", family="O'Brien"), "sean obrien"),
        (PersonName(given="Li", family="Li"), "Li Li"),
        (SHORT, "Al Ali"),
        (PersonName(given="Jürgen", family="Groß"), "JÜRGEN GROSS"),
    ],
)
def test_a_name_is_known_as_people_type_it(name: PersonName, typed: str) -> None:
    """Case, blanks, accents, signs, order and a middle name make no difference."""
    assert bears_name(typed, name)


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        (ADA, "Ada"),
        (ADA, "Byron"),
        (ADA, "A. Byron"),
        (ADA, "Ada B."),
        (ADA, "Adam Byronson"),
        (ADA, "Grace Hopper"),
        (ADA, "..."),
        (ADA, ""),
        (PersonName(given="Li", family="Li"), "Li"),
        (SHORT, "Ali"),
        (PersonName(given="Ann", family="Anna"), "Anna Smith"),
    ],
)
def test_another_name_and_half_of_one_do_not_sign(name: PersonName, typed: str) -> None:
    """Both names have to be there, whole, and neither as a part of the other."""
    assert not bears_name(typed, name)
