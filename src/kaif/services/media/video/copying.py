"""A film whose streams browsers play, in a container of our own: nothing is encoded, so it takes seconds."""

from fractions import Fraction
from pathlib import Path

import av
from av.bitstream import BitStreamFilterContext
from av.container import InputContainer, OutputContainer

from kaif.interfaces.media.films import Film, NotPlayable
from kaif.kernel.clock import SECOND_US
from kaif.services.media.video.encoding import MP4, Progress
from kaif.services.media.video.probing import probe
from kaif.services.media.video.reading import film_of, opened, sound_of

# Of ITU-T H.264, table 7-1: pictures and what they need. Left out is what cameras write their place into, and encoders
# their name and settings: supplemental information, and kinds of units that have no meaning.
_PICTURES_ALONE = "filter_units=pass_types=1-5|7-11|13"
_DURATION_ERROR_US_MAX = SECOND_US // 2


def copy(source: Path, target: Path, film: Film, progress: Progress = lambda seconds: None) -> None:
    """The target is whole when this returns, and otherwise to be thrown away.

    Nothing that describes the film (places, cameras, names) comes along, and no track but the two. Raises NotPlayable,
    also when what came out is not the film that went in.
    """
    with opened(source) as container, av.open(str(target), "w", format="mp4", options=MP4) as made:
        _copy(container, made, progress)
    found = probe(target)
    if not isinstance(found, Film) or _shape(found) != _shape(film):
        raise NotPlayable
    if abs(found.duration_us - film.duration_us) > _DURATION_ERROR_US_MAX:
        raise NotPlayable


def _shape(film: Film) -> tuple[int, int, bool]:
    return film.width, film.height, film.has_sound


def _copy(source: InputContainer, made: OutputContainer, progress: Progress) -> None:
    film, sound = film_of(source), sound_of(source)
    if film is None:
        raise NotPlayable
    streams = [film, sound] if sound else [film]
    targets = {stream.index: made.add_stream_from_template(stream) for stream in streams}
    for target in targets.values():
        target.metadata.clear()
    plain = BitStreamFilterContext(_PICTURES_ALONE, film, targets[film.index])
    # Both begin at the film's own zero: what was late against the other stays so.
    begin_s = Fraction(source.start_time or 0, av.time_base)
    told_s = Fraction(0)
    for packet in source.demux(*streams):
        # The last packet of each stream is an empty one.
        if packet.dts is None or packet.pts is None or packet.time_base is None:
            continue
        begin = round(begin_s / packet.time_base)
        at_s = Fraction((packet.dts - begin) * packet.time_base)
        packet.pts, packet.dts = packet.pts - begin, packet.dts - begin
        target = targets[packet.stream.index]
        for part in plain.filter(packet) if packet.stream is film else [packet]:
            part.stream = target
            made.mux(part)
        if at_s >= told_s + 1:
            told_s = at_s
            progress(float(at_s))
    for part in plain.filter(None):
        part.stream = targets[film.index]
        made.mux(part)
