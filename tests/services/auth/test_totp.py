"""Codes of apps as RFC 6238 has them, recovery codes as people type them, and seals."""

import base64
import random
from collections.abc import Callable

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st

from kaif.kernel.actor import UserId
from kaif.kernel.sealing import Sealer
from kaif.services.auth.factors import recovery_codes, totp

# RFC 6238, appendix B: its secret, and the last six of the eight digits that it lists for SHA-1.
SECRET = base64.b32encode(b"12345678901234567890").decode()
VECTORS = [
    (59, "287082"),
    (1111111109, "081804"),
    (1111111111, "050471"),
    (1234567890, "005924"),
    (2000000000, "279037"),
    (20000000000, "353130"),
]
KEY = bytes(32)
ANNA, BORIS = UserId("anna"), UserId("boris")


@pytest.mark.parametrize(("at_s", "code"), VECTORS)
def test_codes_are_those_of_the_rfc(at_s: int, code: str) -> None:
    assert totp.step_of(SECRET, code, at_s * 1_000_000) == at_s // 30


@pytest.mark.asvs("6.5.5")
@pytest.mark.parametrize(
    ("late_s", "good"), [(-60, False), (-31, False), (-30, True), (0, True), (30, True), (59, True), (60, False)]
)
def test_a_code_is_good_one_step_before_and_after_its_own(late_s: int, good: bool) -> None:
    # The step of this moment begins at it.
    own_step, code = 1111111110 // 30, "050471"

    assert totp.step_of(SECRET, code, (1111111110 + late_s) * 1_000_000) == (own_step if good else None)


@pytest.mark.asvs("6.5.4")
@pytest.mark.parametrize("code", ["", "05047", "0504710", "٠٥٠٤٧١", "05 047", "abcdef", "-50471"])
def test_what_is_not_six_digits_is_no_code(code: str) -> None:
    assert not totp.has_form(code)
    assert totp.step_of(SECRET, code, 1111111111 * 1_000_000) is None


def test_secrets_have_160_bits_and_none_is_made_twice() -> None:
    secrets = {totp.new_secret() for _ in range(100)}

    assert len(secrets) == 100
    assert {len(base64.b32decode(secret)) for secret in secrets} == {20}


@pytest.mark.asvs("6.5.3")
@pytest.mark.parametrize("make", [totp.new_secret, recovery_codes.new_codes], ids=["app", "recovery codes"])
def test_who_knows_the_state_of_the_common_generator_foretells_nothing(make: Callable[[], object]) -> None:
    state = random.getstate()
    first = make()
    random.setstate(state)

    assert make() != first


def test_the_uri_is_one_that_apps_read() -> None:
    assert totp.uri(SECRET, "anna") == (
        "otpauth://totp/Kaif%20Ozero:anna?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Kaif%20Ozero"
    )


@pytest.mark.asvs("6.5.4")
def test_recovery_codes_are_ten_of_80_bits_each() -> None:
    codes = recovery_codes.new_codes()

    assert len(set(codes)) == 10
    for code in codes:
        assert len(base64.b32decode(recovery_codes.normal(code).upper())) == 10


@pytest.mark.parametrize(
    "typed", ["ABCD-EFGH-LMNO-PQRS", "abcdefghlmnopqrs", " abcd efgh lmno pqrs\n", "abcd–efgh–1mn0–pqrs"]
)
def test_a_recovery_code_is_the_same_however_it_is_typed(typed: str) -> None:
    kept = recovery_codes.hash_of(KEY, ANNA, "abcd-efgh-lmno-pqrs")

    assert recovery_codes.hash_of(KEY, ANNA, typed) == kept


@pytest.mark.asvs("6.5.2")
def test_a_recovery_codes_hash_is_of_one_account_and_one_key() -> None:
    code = "abcd-efgh-lmno-pqrs"
    hashes = {recovery_codes.hash_of(key, person, code) for key in (KEY, bytes([1] * 32)) for person in (ANNA, BORIS)}

    assert len(hashes) == 4


@given(st.text(), st.text())
def test_what_is_sealed_is_read_again_by_its_owner(secret: str, owner: str) -> None:
    sealed = Sealer(KEY).seal(secret, owner)

    assert Sealer(KEY).unseal(sealed, owner) == secret


def test_a_seal_is_broken_by_another_owner_another_key_or_a_change() -> None:
    sealed = Sealer(KEY).seal("secret", ANNA)
    raw = bytearray(base64.b64decode(sealed))
    raw[-1] ^= 1
    changed = base64.b64encode(raw).decode()

    for sealer, text, owner in [
        (Sealer(KEY), sealed, BORIS),
        (Sealer(bytes([1] * 32)), sealed, ANNA),
        (Sealer(KEY), changed, ANNA),
    ]:
        with pytest.raises(InvalidTag):
            sealer.unseal(text, owner)


@pytest.mark.asvs("11.3.4")
def test_equal_secrets_have_different_seals() -> None:
    assert Sealer(KEY).seal("secret", ANNA) != Sealer(KEY).seal("secret", ANNA)
