"""Pictures, looked at and rendered by workers."""

import os
from collections.abc import Sequence

from kaif.interfaces.media.images import ImageTooDemanding, Picture, Rendition, Variant
from kaif.services.media.images.limits import Limits, check_file
from kaif.services.media.work import jobs
from kaif.services.media.work.jobs import Inspect, Job, Render, Task
from kaif.services.media.work.pool import Bounds, Content, Pool
from kaif.services.media.work.turns import Priority


class PictureWorkers:
    """By default one more than there are cores: it is there for what is urgent while the others are busy for long."""

    def __init__(
        self, count: int = 0, bounds: Bounds | None = None, limits: Limits | None = None, waiting_max: int = 200
    ) -> None:
        self.limits = limits or Limits()
        self._pool = Pool(
            "pictures", count or (os.cpu_count() or 1) + 1, bounds or Bounds(), ImageTooDemanding, waiting_max
        )

    async def inspect(self, content: Content, priority: Priority = "urgent", whose: str = "") -> Picture:
        """`whose` it is: nobody's keep others' waiting.

        Raises NotAnImage, ImageDamaged, ImageFileTooLarge, TooManyPixels, TooManyFrames, ImageTooDemanding; Busy."""
        picture = await self._done(Inspect(self.limits), content, priority, whose)
        assert isinstance(picture, Picture)
        return picture

    async def render(
        self, content: Content, variants: Sequence[Variant], priority: Priority = "urgent", whose: str = ""
    ) -> list[Rendition]:
        """In the order in which they are asked for. Raises CropOutside, and what `inspect` raises."""
        assert 0 < len(variants) <= jobs.VARIANTS_MAX
        renditions = await self._done(Render(self.limits, list(variants)), content, priority, whose)
        assert isinstance(renditions, list)
        return renditions

    async def close(self) -> None:
        await self._pool.close()

    async def _done(self, task: Task, content: Content, priority: Priority, whose: str) -> jobs.Result:
        if isinstance(content, bytes):
            # What needs no worker to be refused takes nobody's turn.
            check_file(content, self.limits)
        return await self._pool.done(Job(self._pool.bounds.cpu_s, task), content, priority, whose=whose)
