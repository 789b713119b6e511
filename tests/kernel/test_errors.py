"""Errors: stable codes, from which the class is found again in another process."""

from collections.abc import Iterator

import pytest

from kaif.kernel import errors
from kaif.kernel.errors import Invalid, KaifError, NotFound, StorageFull, Unavailable, error_named


class TooManyTeas(Invalid):
    code = "too_many_teas"


def kinds(kind: type[KaifError] = KaifError) -> Iterator[type[KaifError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from kinds(child)


def test_every_error_is_found_by_its_code() -> None:
    ours = [kind for kind in kinds() if kind.__module__ == errors.__name__]

    assert [error_named(kind.code) for kind in ours] == ours
    assert len({kind.code for kind in ours}) == len(ours)


def test_an_error_defined_by_a_service_is_found_too() -> None:
    assert error_named("too_many_teas") is TooManyTeas


def test_an_unknown_code_is_an_internal_error() -> None:
    assert error_named("from_the_future") is KaifError


def test_a_special_error_is_caught_as_the_general_one() -> None:
    with pytest.raises(Unavailable):
        raise StorageFull(retry_after_ms=5000)


def test_an_error_carries_its_details_and_a_sentence() -> None:
    error = NotFound("There is no such tea.", tea="puer")

    assert (str(error), error.details, error.status) == ("There is no such tea.", {"tea": "puer"}, 404)
    assert str(NotFound()) == NotFound.detail
