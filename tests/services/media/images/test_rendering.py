"""Whatever comes in, the right picture comes out, with nothing in it but the picture."""

import io

import pytest
import pyvips
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.services.media.images import files
from tests.services.media.images.files import HEIGHT, WIDTH

from kaif.interfaces.media.images import Crop, CropOutside, Fit, Made, Variant
from kaif.services.media.images.formats import MADE
from kaif.services.media.images.inspecting import inspect
from kaif.services.media.images.limits import Limits
from kaif.services.media.images.rendering import render
from kaif.services.media.images.sizes import Size, plan
from kaif.services.media.images.variants import FULL, MEDIUM, THUMBNAIL
from kaif.services.media.renditions.naming import WIDTHS

LIMITS = Limits()
SMALL = Variant("png", width=80, height=60)


def rendered(content: bytes, variant: Variant = Variant("png")) -> pyvips.Image:  # noqa: B008
    [rendition] = render(content, [variant], LIMITS)
    image = files.opened(rendition.content)
    assert (image.width, image.get("page-height") if "page-height" in image.get_fields() else image.height) == (
        rendition.width,
        rendition.height,
    )
    return image


@pytest.mark.parametrize("format", files.FORMATS)
def test_each_kind_is_told_by_its_content_and_looks_as_it_did(format: str) -> None:
    content = files.FORMATS[format]()

    picture = inspect(content, LIMITS)
    image = rendered(content)

    assert (picture.format, picture.width, picture.height, picture.frames) == (format, WIDTH, HEIGHT, 1)
    assert not picture.animated and (format == "gif" or not picture.has_alpha)
    assert files.looks_like_the_photo(image)
    assert files.psnr(image[:3], files.photo()) > 32


@pytest.mark.parametrize("made", MADE)
def test_each_kind_is_made(made: Made) -> None:
    [rendition] = render(files.png(), [Variant(made, width=80, quality=90)], LIMITS)

    assert inspect(rendition.content, LIMITS).format == made
    image = files.opened(rendition.content)
    assert (image.width, image.height) == (80, 60)
    assert files.looks_like_the_photo(image)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_stands_upright_however_the_camera_was_held(orientation: int) -> None:
    content = files.turned(orientation)

    picture = inspect(content, LIMITS)
    whole, small, cut = (
        rendered(content, variant)
        for variant in (Variant("png"), SMALL, Variant("png", crop=Crop(0, 0, WIDTH // 2, HEIGHT // 2)))
    )

    assert (picture.width, picture.height, picture.orientation) == (WIDTH, HEIGHT, orientation)
    assert (whole.width, whole.height) == (WIDTH, HEIGHT)
    assert (small.width, small.height) == (80, 60)
    assert files.looks_like_the_photo(whole) and files.looks_like_the_photo(small)
    assert files.near(files.pixel(cut, 0.5, 0.5), files.RED)


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0", "4:1:1"])
@pytest.mark.parametrize(("width", "height"), [(320, 240), (321, 239)])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_as_large_as_it_is_becomes_the_same_picture_however_its_colours_are_stored(
    subsampling: str, width: int, height: int, progressive: bool
) -> None:
    image = files.photo(2 * width, 2 * height).crop(width // 2, height // 2, width, height)
    for orientation in range(1, 9):
        content = files.of_camera(image, orientation, subsampling=subsampling, progressive=progressive, quality=90)

        webp, png = rendered(content, FULL), rendered(content)

        assert (webp.width, webp.height) == (png.width, png.height)
        assert files.psnr(webp, png) > 30, orientation
        difference = webp.cast("float") - png.cast("float")
        # Whole areas are neither lighter nor of another shade.
        assert all(abs(band.avg()) < 0.8 for band in difference.bandsplit()), orientation


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_orientation_counts_in_other_formats_too(format: str) -> None:
    assert files.looks_like_the_photo(rendered(files.turned(6, format)))


@pytest.mark.parametrize("format", ["HEIF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_what_is_turned_by_its_container_is_turned_once(format: str, orientation: int) -> None:
    content = files.turned(orientation, format)
    assert (b"irot" in content or b"imir" in content) is (orientation > 1)

    picture, whole = inspect(content, LIMITS), rendered(content)

    assert (picture.width, picture.height) == (whole.width, whole.height) == (WIDTH, HEIGHT)
    assert files.looks_like_the_photo(whole) and files.looks_like_the_photo(rendered(content, SMALL))


def test_of_such_a_picture_exif_alone_turns_nothing() -> None:
    """ISO/IEC 23008-12, 6.5.10: what the container says is all that counts."""
    content = files.turned(1, "HEIF")
    turned = content.replace(files.exif(1), files.exif(6))
    assert turned != content

    assert files.looks_like_the_photo(rendered(turned))


@pytest.mark.parametrize("made", MADE)
@pytest.mark.asvs("14.2.8")
def test_nothing_that_the_file_told_besides_gets_out(made: Made) -> None:
    content = files.turned(6)
    assert files.GPS in content

    [rendition] = render(content, [Variant(made, width=100)], LIMITS)

    assert not any(
        mark in rendition.content for mark in (files.GPS, b"GPS", b"Exif", b"EXIF", b"ICC_PROFILE", b"http:")
    )


def test_a_wide_gamut_looks_the_same_without_its_profile() -> None:
    wide = files.photo().icc_transform("p3", input_profile="srgb")
    content = bytes(wide.jpegsave_buffer(Q=98))

    assert inspect(content, LIMITS).profile
    # What is stored differs from what is meant, so a profile that was only dropped would be noticed.
    assert files.psnr(wide, files.photo()) < 35
    assert files.psnr(rendered(content), files.photo()) > 38


@pytest.mark.parametrize("keep", ["icc", "none"])
def test_colours_of_print_become_colours_of_screens(keep: str) -> None:
    printed = files.photo().icc_transform("cmyk", input_profile="srgb")

    image = rendered(bytes(printed.jpegsave_buffer(Q=95, keep=keep)))

    assert image.bands == 3
    shown = printed.icc_transform("srgb", input_profile="cmyk", embedded=True, intent="perceptual")
    assert files.near(files.pixel(image, 0.8, 0.8), files.YELLOW, 40)
    assert files.psnr(image, shown) > 35


def test_a_damaged_profile_is_passed_over() -> None:
    image = files.photo().copy()
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", b"\x00\x00\x00\x10nonsense" * 20)

    content = bytes(image.pngsave_buffer())

    assert inspect(content, LIMITS).profile == ""
    assert files.psnr(rendered(content), files.photo()) > 40


def test_sixteen_bits_become_eight_of_the_same_look() -> None:
    deep = files.with_hole(files.photo()).colourspace("rgb16")
    grey = files.photo().colourspace("grey16")

    colour, shades = rendered(files.png(deep)), rendered(files.png(grey))

    assert (colour.format, shades.format) == ("uchar", "uchar")
    assert files.psnr(colour, files.with_hole(files.photo())) > 45
    assert files.psnr(shades, files.photo().colourspace("b-w")) > 45


def test_grey_pictures_stay_grey() -> None:
    grey = files.photo().colourspace("b-w")

    for content in (files.jpeg(grey), files.png(grey), files.png(files.with_hole(grey))):
        image = rendered(content, Variant("webp", quality=95))
        red, green, blue = files.pixel(image, 0.8, 0.8)[:3]
        assert max(red, green, blue) - min(red, green, blue) <= 4
        assert abs(green - files.pixel(grey, 0.8, 0.8)[0]) <= 6


def test_a_hole_stays_one_and_shows_the_background_where_there_can_be_none() -> None:
    content = files.png(files.with_hole(files.photo()))

    assert inspect(content, LIMITS).has_alpha
    assert files.pixel(rendered(content, Variant("webp", width=80)), 0.2, 0.2)[3] == 0
    assert files.near(files.pixel(rendered(content, Variant("jpeg", background="00ff00")), 0.2, 0.2), (0, 255, 0))
    assert files.near(files.pixel(rendered(content, Variant("jpeg", width=80)), 0.8, 0.2), files.GREEN)


def test_colours_of_what_is_not_seen_do_not_bleed() -> None:
    # Red shows, beside a green that does not.
    left = pyvips.Image.black(64, 64).new_from_image([255, 0, 0, 255])
    right = pyvips.Image.black(64, 64).new_from_image([0, 255, 0, 0])
    content = files.png(left.join(right, "horizontal").cast("uchar").copy(interpretation="srgb"))

    image = rendered(content, Variant("png", width=9))

    assert all(image.getpoint(x, 3)[1] < 30 for x in range(9) if image.getpoint(x, 3)[3] > 60)


def test_heic_keeps_its_holes_and_odd_sizes() -> None:
    content = files.heic(files.with_hole(files.photo()).crop(0, 0, 151, 113))

    image = rendered(content)

    assert (image.width, image.height) == (151, 113)
    assert files.pixel(image, 0.2, 0.2)[3] == 0 and files.near(files.pixel(image, 0.8, 0.2)[:3], files.GREEN)


@pytest.mark.parametrize("source", ["gif", "webp"])
@pytest.mark.parametrize("made", ["gif", "webp"])
def test_what_moves_goes_on_moving(source: str, made: Made) -> None:
    content = files.gif(files.film()) if source == "gif" else files.webp(files.film())

    picture = inspect(content, LIMITS)
    [rendition] = render(content, [Variant(made, width=20, height=20, fit="cover", animated=True)], LIMITS)

    assert (picture.width, picture.height, picture.frames, picture.duration_ms) == (40, 30, 4, 280)
    again = inspect(rendition.content, LIMITS)
    assert (again.width, again.height, again.frames, again.duration_ms) == (20, 20, 4, 280)
    strip = pyvips.Image.new_from_buffer(rendition.content, "", n=-1)
    assert strip.get("loop") == 3
    for number in range(4):
        assert files.near(strip.getpoint(12, 20 * number + 10)[:3], (0, 40 * number, 255 - 40 * number), 40)
        assert files.near(strip.getpoint(7, 20 * number + 10)[:3], files.RED, 40)


def test_a_still_is_the_first_frame() -> None:
    [still, jpeg] = render(files.gif(files.film()), [THUMBNAIL, Variant("jpeg", animated=True)], LIMITS)

    assert inspect(still.content, LIMITS).frames == 1
    assert (jpeg.width, jpeg.height) == (40, 30)
    assert files.near(files.pixel(files.opened(jpeg.content), 0.8, 0.5), (0, 0, 255), 40)


@pytest.mark.parametrize(
    ("gravity", "colour"),
    [("northwest", files.RED), ("northeast", files.GREEN), ("southwest", files.BLUE), ("southeast", files.YELLOW)],
)
def test_cover_keeps_the_side_that_was_asked_for(gravity: str, colour: files.Pixel) -> None:
    wide = Variant("png", width=150, height=50, fit="cover", gravity=gravity)  # type: ignore[arg-type]
    tall = Variant("png", width=50, height=110, fit="cover", gravity=gravity)  # type: ignore[arg-type]

    # Of a flat box a half is seen above, of a narrow one to the left.
    assert files.near(files.pixel(rendered(files.png(), wide), 0.1 if "west" in gravity else 0.9, 0.5), colour)
    assert files.near(files.pixel(rendered(files.png(), tall), 0.5, 0.1 if "north" in gravity else 0.9), colour)


def test_smart_finds_what_eyes_are_drawn_to() -> None:
    plain = pyvips.Image.black(300, 100).new_from_image([120, 120, 120]).cast("uchar").copy(interpretation="srgb")
    content = files.png(plain.insert(files.photo(60, 60), 230, 20))

    smart = rendered(content, Variant("png", width=100, height=100, fit="cover", gravity="smart"))
    centre = rendered(content, Variant("png", width=100, height=100, fit="cover"))

    assert smart.deviate() > centre.deviate() + 10


def test_what_is_cut_out_is_given_in_pixels_of_the_whole() -> None:
    cut = Variant("png", width=40, crop=Crop(WIDTH // 2, 0, WIDTH // 2, HEIGHT // 2))

    image = rendered(files.jpeg(), cut)

    assert (image.width, image.height) == (40, 30)
    assert files.near(files.pixel(image, 0.5, 0.5), files.GREEN)
    with pytest.raises(CropOutside):
        rendered(files.jpeg(), Variant("png", crop=Crop(100, 0, 61, 10)))


def test_variants_that_share_a_decoder_look_like_those_that_do_not() -> None:
    content = files.jpeg(files.photo(1600, 1200))
    variants = [FULL, THUMBNAIL, MEDIUM, *[Variant("webp", width=width) for width in WIDTHS]]

    together = render(content, variants, LIMITS)

    assert [(one.width, one.height) for one in together[:3]] == [(1600, 1200), (200, 200), (800, 600)]
    assert [one.width for one in together[3:]] == [320, 640, 1280, 1600]
    for one, variant in zip(together, variants, strict=True):
        [alone] = render(content, [variant], LIMITS)
        assert files.psnr(files.opened(one.content), files.opened(alone.content)) > 38


sides = st.integers(1, 4000)


@given(st.tuples(sides, sides), sides, sides, st.sampled_from(["inside", "cover"]))
def test_sizes_never_grow_and_keep_their_shape(source: tuple[int, int], width: int, height: int, fit: Fit) -> None:
    size = Size(*source)
    planned = plan(size, Variant("webp", width=width, height=height, fit=fit))

    assert 1 <= planned.kept.width <= min(width, planned.whole.width)
    assert 1 <= planned.kept.height <= min(height, planned.whole.height)
    assert planned.whole.width <= size.width and planned.whole.height <= size.height
    # No side is off by more than a pixel from what the other one says, as far as there are pixels.
    across, down = planned.whole.width / size.width, planned.whole.height / size.height
    assert abs(across - down) <= 1 / min(size)


def test_nothing_is_made_larger_and_one_side_follows_from_the_other() -> None:
    assert plan(Size(100, 50), Variant("webp", width=400, height=400)).kept == (100, 50)
    assert plan(Size(100, 50), Variant("webp", width=400, height=400, fit="cover")).kept == (50, 50)
    assert plan(Size(4000, 3000), Variant("webp", width=1000)).kept == (1000, 750)
    assert plan(Size(4000, 3000), Variant("webp", height=300)).kept == (400, 300)
    assert plan(Size(9000, 2), Variant("webp", width=90)).kept == (90, 1)


def test_the_placeholder_is_that_of_the_reference_implementation() -> None:
    from kaif.services.media.images.thumbhash import thumbhash

    def pixels(has_alpha: bool) -> bytes:
        return bytes(
            value
            for y in range(24)
            for x in range(32)
            for value in (
                (x * x + 3 * y) % 256,
                y * 10 + x // 2,
                (x * y) % 256,
                255 - (x * x + 5 * y) % 200 if has_alpha else 255,
            )
        )

    assert thumbhash(32, 24, pixels(False)) == "m+gNHZZTdZhwiIiGiGeIh7yDX/V3"
    assert thumbhash(32, 24, pixels(True)) == "muiJFIwJQ3Vgh4Zo2Dv4RW/X/u/PjXmYBw=="
    assert thumbhash(24, 32, pixels(False)) == "m+gNHRaHh3B3Z3hod4d4h3dzf/h3"


def test_palettes_and_single_bits_are_pictures_too() -> None:
    for mode in ("P", "1", "LA"):
        out = io.BytesIO()
        Image.frombytes("RGB", (WIDTH, HEIGHT), bytes(files.photo().write_to_memory())).convert(mode).save(out, "PNG")

        image = rendered(out.getvalue(), Variant("webp", width=80))

        assert (image.width, image.height, image.format) == (80, 60, "uchar")
        assert mode != "P" or files.near(files.pixel(image, 0.8, 0.2)[:3], files.GREEN, 60)
