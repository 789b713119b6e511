"""Addresses of pictures: what was made is read again, what was not made by us is not."""

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kaif.interfaces.media.images import AddressNotOurs, Crop, Variant
from kaif.kernel.clock import SECOND_US
from kaif.services.media.images.addresses import Address, Addresses, parsed, printed
from kaif.services.media.images.variants import THUMBNAIL, best_format

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
NOW_US = 1_700_000_000 * SECOND_US
OURS = Addresses(KEY)

sides = st.integers(0, 16_000)
lengths = st.integers(1, 16_000)
variants = st.builds(
    Variant,
    format=st.sampled_from(["jpeg", "png", "webp", "avif", "gif"]),
    width=sides,
    height=sides,
    fit=st.sampled_from(["inside", "cover"]),
    gravity=st.sampled_from(["centre", "north", "southeast", "smart"]),
    crop=st.none() | st.builds(Crop, sides, sides, lengths, lengths),
    quality=st.integers(0, 100),
    animated=st.booleans(),
    background=st.text("0123456789abcdef", min_size=6, max_size=6),
)
addresses = st.builds(
    Address,
    st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=64),
    variants,
    st.integers(NOW_US // SECOND_US + 1, 10**12 - 1),
)


@given(addresses)
def test_what_was_signed_is_read_again(address: Address) -> None:
    assert OURS.read(OURS.sign(address), NOW_US) == address
    assert parsed(printed(address)) == address


@given(addresses, addresses)
def test_two_pictures_never_share_an_address(one: Address, other: Address) -> None:
    assume(one != other)

    assert printed(one) != printed(other)


@settings(max_examples=40)
@given(addresses, st.data())
def test_an_address_that_was_changed_anywhere_is_not_ours(address: Address, data: st.DataObject) -> None:
    text = OURS.sign(address)
    at = data.draw(st.integers(0, len(text) - 1))
    changed = text[:at] + data.draw(st.characters(codec="utf-8")) + text[at + data.draw(st.integers(0, 1)) :]
    assume(changed != text)

    with pytest.raises(AddressNotOurs):
        OURS.read(changed, NOW_US)


@pytest.mark.parametrize(
    "other",
    [
        Address("abc", THUMBNAIL, 1_700_000_011),
        Address("abd", THUMBNAIL, 1_700_000_010),
        Address("abc", msgspec.structs.replace(THUMBNAIL, width=201), 1_700_000_010),
        Address("abc", msgspec.structs.replace(THUMBNAIL, quality=81), 1_700_000_010),
        Address("abc", msgspec.structs.replace(THUMBNAIL, format="avif"), 1_700_000_010),
    ],
)
def test_the_seal_of_one_picture_opens_no_other(other: Address) -> None:
    seal = OURS.sign(Address("abc", THUMBNAIL, 1_700_000_010)).partition("/")[0]

    with pytest.raises(AddressNotOurs):
        OURS.read(f"{seal}/{printed(other)}", NOW_US)


numbers = st.integers(0, 20_000)
pieces = st.one_of(
    st.builds("rs:{}:{}:{}".format, st.sampled_from(["inside", "cover", "out"]), numbers, numbers),
    st.builds("c:{}:{}:{}:{}".format, numbers, numbers, numbers, numbers),
    st.builds("q:{}".format, numbers),
    st.just("an"),
)


@settings(max_examples=60)
@given(st.lists(pieces, max_size=4).map(lambda found: "/".join([*found, "exp:1800000000", "a.webp"])))
def test_whatever_is_read_has_that_one_spelling(path: str) -> None:
    address = parsed(path)

    assert address is None or printed(address) == path


def test_the_grammar_is_the_one_that_is_documented() -> None:
    variant = Variant("avif", 300, 200, "cover", "smart", Crop(1, 2, 3, 4), 80, animated=True, background="00ff00")

    text = "rs:cover:300:200:smart/c:1:2:3:4/q:80/an/bg:00ff00/exp:1800000000/0abc.avif"

    assert printed(Address("0abc", variant, 1_800_000_000)) == text
    assert printed(Address("0abc", Variant("webp"), 1_800_000_000)) == "exp:1800000000/0abc.webp"


@pytest.mark.parametrize(
    "path",
    [
        "rs:cover:0300:200/exp:1800000000/a.webp",
        "rs:cover:٣:200/exp:1800000000/a.webp",
        "rs:inside:0:0/exp:1800000000/a.webp",
        "rs:cover:300:200:centre/exp:1800000000/a.webp",
        "rs:cover:300:200:up/exp:1800000000/a.webp",
        "rs:cover:16001:200/exp:1800000000/a.webp",
        "c:1:2:0:4/exp:1800000000/a.webp",
        "q:0/exp:1800000000/a.webp",
        "q:101/exp:1800000000/a.webp",
        "q:80/rs:cover:3:2/exp:1800000000/a.webp",
        "q:80/q:80/exp:1800000000/a.webp",
        "bg:ffffff/exp:1800000000/a.webp",
        "a.webp",
        "exp:1800000000/a.svg",
        "exp:1800000000/../a.webp",
        "exp:1800000000/a.webp\n",
        "exp:1800000000/a.webp/",
    ],
)
def test_other_spellings_and_what_is_out_of_bounds_are_no_addresses(path: str) -> None:
    assert parsed(path) is None


def test_an_address_is_good_until_its_second() -> None:
    text = OURS.sign(Address("abc", THUMBNAIL, 1_700_000_010))

    assert OURS.read(text, NOW_US + 10 * SECOND_US - 1).media_id == "abc"
    with pytest.raises(AddressNotOurs):
        OURS.read(text, NOW_US + 10 * SECOND_US)


def test_another_key_makes_no_address_of_ours() -> None:
    address = Address("abc", THUMBNAIL, 1_700_000_010)
    seal, _, path = Addresses(OTHER_KEY).sign(address).partition("/")

    for text in (f"{seal}/{path}", f"/{path}", path, "", "/", seal, f"{seal}/" + "x" * 600, f"é/{path}"):
        with pytest.raises(AddressNotOurs):
            OURS.read(text, NOW_US)


@pytest.mark.parametrize(
    ("accept", "format", "animated", "has_alpha", "expected"),
    [
        ("image/avif,image/webp,image/apng,image/*,*/*;q=0.8", "jpeg", False, False, "avif"),
        ("image/webp,*/*", "jpeg", False, False, "webp"),
        ("image/avif,image/webp", "gif", True, True, "webp"),
        ("IMAGE/WEBP ; q=0.5", "png", False, True, "webp"),
        ("image/avif;q=0, image/webp;q=0.0", "jpeg", False, False, "jpeg"),
        ("image/avif;q=x", "heic", False, False, "jpeg"),
        ("*/*", "png", False, True, "png"),
        ("image/*", "webp", False, True, "png"),
        ("", "jpeg", False, False, "jpeg"),
        ("", "gif", True, True, "gif"),
        ("", "svg", False, True, "png"),
    ],
)
def test_a_browser_gets_the_smallest_that_it_names(
    accept: str, format: str, animated: bool, has_alpha: bool, expected: str
) -> None:
    assert best_format(accept, format, animated=animated, has_alpha=has_alpha) == expected  # type: ignore[arg-type]


def test_what_is_very_large_is_no_avif() -> None:
    assert best_format("image/avif,image/webp", "jpeg", pixels=12_000_000) == "webp"
    assert best_format("image/avif,image/webp", "jpeg", pixels=1_000_000) == "avif"


def test_what_can_not_be_made_can_not_be_asked_for() -> None:
    beyond: list[dict[str, object]] = [{"width": -1}, {"width": 16_001}, {"quality": 101}]
    strange: list[dict[str, object]] = [{"format": "svg"}, {"background": "red"}, {"x": 1}]
    for wrong in beyond + strange:
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({"format": "webp", **wrong}, Variant)
