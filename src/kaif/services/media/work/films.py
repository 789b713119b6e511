"""Films and sounds, worked on by workers in a folder of files."""

import os
from collections.abc import Sequence
from pathlib import Path

from kaif.interfaces.media.films import Film, FilmTooDemanding, Previews, Voice
from kaif.kernel.clock import SECOND_US
from kaif.services.media.images.limits import MB
from kaif.services.media.video.ladder import Rung
from kaif.services.media.work.jobs import Copy, Encode, Job, MakeVoice, Package, Probe, Probed, TakePreviews, Task
from kaif.services.media.work.pool import Bounds, Pool, Progress
from kaif.services.media.work.turns import Priority

# What libraries reserve and never touch counts: with that 400 MB are in memory at most, those of the libraries included
# (4K in ten bits and HDR as AV1, of which a decoder keeps nine frames: 395).
BOUNDS = Bounds(memory_bytes=432 * MB, file_bytes=64 << 30, cpu_s=120, wall_s=600, jobs_max=20, niceness=10)
# Of the processor, for each second of a film, in the largest rung of the worst source.
CPU_S_PER_S = 60
# A sound of so many seconds is heard through in less than two.
HEARD_S_MAX = 600
# Of the processor and the clock, as for a film of so many seconds.
_COPIED_S = 600
_SMALL_FILE_BYTES = 64 * MB
_SOUND_BITS_PER_S = 256_000


class FilmWorkers:
    """At least two: one is there for what is urgent while others are at films."""

    def __init__(self, count: int = 0, bounds: Bounds = BOUNDS, waiting_max: int = 200) -> None:
        self._pool = Pool("films", count or max(2, os.cpu_count() or 1), bounds, FilmTooDemanding, waiting_max)

    async def probe(self, source: Path, poster: Path, priority: Priority = "urgent", whose: str = "") -> Probed:
        """`whose` it is: nobody's keep others' waiting.

        Raises NotPlayable, FilmDamaged, FilmTooLong, FilmTooLarge, FilmTooDemanding; Busy."""
        probed = await self._done(Probe(str(source), str(poster), HEARD_S_MAX), 0, priority, whose=whose)
        assert isinstance(probed, Probed)
        return probed

    async def encode(self, source: Path, target: Path, rung: Rung, film: Film, progress: Progress) -> None:
        seconds = film.duration_us // SECOND_US + 1
        room = _SMALL_FILE_BYTES + 2 * seconds * (rung.bits_per_s_max + _SOUND_BITS_PER_S) // 8
        await self._done(Encode(str(source), str(target), rung), seconds, "background", room, progress)

    async def copy(self, source: Path, target: Path, film: Film, size: int, progress: Progress) -> None:
        """Of a file of that size, without encoding anything. Raises NotPlayable when that does not come out right."""
        room = _SMALL_FILE_BYTES + size
        await self._done(Copy(str(source), str(target), film), _COPIED_S, "background", room, progress)

    async def package(self, films: Sequence[Path], folder: Path) -> None:
        """Of finished rungs, into an empty folder."""
        room = _SMALL_FILE_BYTES + 2 * max(film.stat().st_size for film in films)
        await self._done(Package([str(film) for film in films], str(folder)), 600, "background", room)

    async def take_previews(self, source: Path, target: Path, film: Film) -> Previews:
        seconds = film.duration_us // SECOND_US + 1
        previews = await self._done(TakePreviews(str(source), str(target), film), seconds, "background")
        assert isinstance(previews, Previews)
        return previews

    async def make_voice(self, source: Path, target: Path) -> Voice:
        voice = await self._done(MakeVoice(str(source), str(target)), 600, "background")
        assert isinstance(voice, Voice)
        return voice

    async def close(self) -> None:
        await self._pool.close()

    async def _done(
        self,
        task: Task,
        seconds: int,
        priority: Priority,
        file_bytes: int = _SMALL_FILE_BYTES,
        progress: Progress = lambda seconds: None,
        whose: str = "",
    ) -> object:
        cpu_s = self._pool.bounds.cpu_s + CPU_S_PER_S * seconds
        wall_s = self._pool.bounds.wall_s + 4 * CPU_S_PER_S * seconds
        return await self._pool.done(Job(cpu_s, task, file_bytes), b"", priority, progress, wall_s, whose)
