"""What media promises about pictures: whatever the file, the right picture or a refusal that says why.

Invalid
├── NotAnImage           not_an_image          no picture of a kind that is taken
├── ImageDamaged         image_damaged         cut short, or not what its header says
├── ImageFileTooLarge    image_file_too_large  too many bytes (bytes_max)
├── TooManyPixels        too_many_pixels       pixels_max, side_max
├── TooManyFrames        too_many_frames       frames_max, pixels_max
├── ImageTooDemanding    image_too_demanding   takes more memory or time than any picture should
└── CropOutside          crop_outside          what is to be cut out lies beyond the picture
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from kaif.kernel.errors import Invalid, NotFound

SIDE_MAX = 16_000

Format = Literal["jpeg", "png", "webp", "avif", "heic", "gif", "svg"]
# What pictures are made in.
Made = Literal["jpeg", "png", "webp", "avif", "gif"]
# `inside` keeps all of the picture, `cover` fills both sides and cuts off what is too much.
Fit = Literal["inside", "cover"]
# What `cover` keeps. `smart` looks for what eyes are drawn to.
Gravity = Literal[
    "centre", "north", "northeast", "east", "southeast", "south", "southwest", "west", "northwest", "smart"
]
Side = Annotated[int, Meta(ge=0, le=SIDE_MAX)]
Length = Annotated[int, Meta(ge=1, le=SIDE_MAX)]


class NotAnImage(Invalid):
    code, detail = "not_an_image", "This is not a picture of a kind that is taken here."


class ImageDamaged(Invalid):
    code, detail = "image_damaged", "The picture is damaged: a part is missing, or it is not what it says."


class ImageFileTooLarge(Invalid):
    """Details carry bytes_max."""

    code, detail = "image_file_too_large", "The picture's file is too large."


class TooManyPixels(Invalid):
    """Details carry pixels_max and side_max."""

    code, detail = "too_many_pixels", "The picture is too large."


class TooManyFrames(Invalid):
    """Details carry frames_max, and pixels_max of all frames together."""

    code, detail = "too_many_frames", "The animation is too long."


class ImageTooDemanding(Invalid):
    code, detail = "image_too_demanding", "Reading this picture takes more than any picture should."


class CropOutside(Invalid):
    code, detail = "crop_outside", "What is to be cut out lies beyond the picture."


class AddressNotOurs(NotFound):
    """Not made by us, changed since, or its time is over: all the same to whoever tries."""

    code, detail = "no_such_picture", "There is no such picture, or the address is no longer good."


class Picture(msgspec.Struct, frozen=True):
    """What a file shows. Sides are as people see them, orientation applied; `orientation` is what the file said (Exif,
    1 to 8). With `has_alpha` there may be holes. `profile` is the name of its colour profile. `thumbhash` is base64 and
    paints a placeholder at once."""

    format: Format
    width: int
    height: int
    frames: int
    duration_ms: int
    orientation: int
    has_alpha: bool
    profile: str
    thumbhash: str

    @property
    def animated(self) -> bool:
        return self.frames > 1


class Crop(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """In pixels of the whole picture as people see it."""

    left: Side
    top: Side
    width: Length
    height: Length


class Variant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A picture that is to be made: cut out, then resized, never made larger, in sRGB, without any metadata.

    A side of 0 follows from the other one. A quality of 0 is the format's own. `animated` keeps frames, where the
    format can; otherwise the first one is taken. `background` (rrggbb) is seen through the holes in formats that have
    none.
    """

    format: Made
    width: Side = 0
    height: Side = 0
    fit: Fit = "inside"
    gravity: Gravity = "centre"
    crop: Crop | None = None
    quality: Annotated[int, Meta(ge=0, le=100)] = 0
    animated: bool = False
    background: Annotated[str, Meta(pattern="^[0-9a-f]{6}$")] = "ffffff"


class Rendition(msgspec.Struct, frozen=True):
    """A variant as it came out."""

    content: bytes
    format: Made
    width: int
    height: int
