"""How canaries are misspelt: always alike, and never so that nobody could tell who is meant."""

from __future__ import annotations

import pytest

from marquee.names import normalise
from marquee.reindex.canaries import misspell


@pytest.mark.parametrize(
    ("name", "misspelt"),
    [
        ("Jake Gyllenhaal", "jkae glylenhaal"),
        ("Zoë Saldaña", "zoe sladana"),
        ("Bob Lee", "bb lee"),  # too short to swap inside
        ("Anna", "ana"),  # its inner letters are alike
        ("Anna Paquin", "anna pqauin"),
        ("Jo", "j"),
        ("Q", ""),
        ("J K", "k"),
        ("周星驰", "zohu xnig chi"),
        ("!!!", ""),
    ],
)
def test_a_name_has_one_misspelt_form(name: str, misspelt: str) -> None:
    assert misspell(name) == misspelt


def test_it_is_never_the_name_itself() -> None:
    for name in ("Jake Gyllenhaal", "Anna", "Bob Lee", "Li", "X", "Ann Lee", "Aaaa Bbbb"):
        assert misspell(name) != normalise(name)
