"""Works on files in the background, step by step: each is stored before the next begins.

Any number of processes do this. Whoever takes a job has it for a while and says so again and again; when they can't any
more, because they died or because the file was deleted, the work stops, and somebody else goes on at the step that had
not been finished.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from kaif.engines.database import Database
from kaif.interfaces.media import MediaId, MediaReady
from kaif.interfaces.media.progress import MediaProgressed
from kaif.kernel.background import Background
from kaif.kernel.clock import SECOND_US, Clock
from kaif.kernel.errors import Invalid, KaifError, Unavailable
from kaif.kernel.ids import new_id
from kaif.services.media import store
from kaif.services.media.delivery.seeing import seen
from kaif.services.media.model import StoredMedia
from kaif.services.media.queue import failing, steps
from kaif.services.media.queue import store as jobs_store
from kaif.services.media.queue.making import Maker, Site
from kaif.services.media.queue.steps import QUICK_PRIORITY, Step
from kaif.services.media.queue.store import StoredJob
from kaif.services.media.queue.telling import OwnerNews

log = logging.getLogger("kaif.media")

LOOK_EVERY_S = 2.0
LEASE_S = 10.0
# How often whoever works says so, and how far they are.
SAY_EVERY_S = 2.0
# Those to whom a message shows it are told so often.
TELL_EVERY_PERCENT = 10
ATTEMPTS_MAX = 5
RETRY_S = 5
# For as long as the fault is the server's.
OUTAGE_S = 30
ERROR_CHARACTERS_MAX = 500
_CANDIDATES = 10
_LAST_PRIORITY = 1000

# Priorities from one up to another: films never keep what takes seconds waiting.
Lane = tuple[int, int]
QUICK: Lane = (0, QUICK_PRIORITY)
LONG: Lane = (QUICK_PRIORITY, _LAST_PRIORITY)


class ProcessesDied(KaifError):
    detail = "Each process that worked on it died."


class NothingMade(KaifError):
    detail = "A step came to its end without a result."


class Workshop:
    """`films` is at how many of them one process works at once; without any it leaves all the work to others."""

    def __init__(self, database: Database, maker: Maker, news: OwnerNews, films: int, clock: Clock) -> None:
        self._database, self._maker, self._news, self._clock = database, maker, news, clock
        self._films = films
        self._woken = {QUICK: asyncio.Event(), LONG: asyncio.Event()}
        self._background = Background()

    def start(self) -> None:
        if not self._films:
            return
        self._database.on_published.append(self._hear)
        for lane in (QUICK, *[LONG] * self._films):
            self._background.repeat(self._looking(lane), "work on media waits", LOOK_EVERY_S, self._woken[lane])

    async def close(self) -> None:
        if self._hear in self._database.on_published:
            self._database.on_published.remove(self._hear)
        await self._background.close()

    def _hear(self, names: frozenset[str]) -> None:
        for woken in self._woken.values():
            woken.set()

    def _looking(self, lane: Lane) -> Callable[[], Awaitable[float]]:
        async def look() -> float:
            return 0 if await self.work(lane) else LOOK_EVERY_S

        return look

    async def work(self, lane: Lane) -> bool:
        """At one job, if there is any."""
        for job in await jobs_store.waiting(self._database, self._clock(), *lane, _CANDIDATES):
            worker, now_us = new_id(), self._clock()
            async with self._database.transaction() as tx:
                is_ours = await jobs_store.claim(tx, job, worker, now_us, now_us + int(LEASE_S * SECOND_US))
            if is_ours:
                await self._hold(Hold(job, worker, lane))
                return True
        return False

    async def _hold(self, hold: "Hold") -> None:
        working = asyncio.ensure_future(self._try(hold))
        staying = asyncio.ensure_future(self._stay(hold))
        try:
            await asyncio.wait({working, staying}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # When it is somebody else's, or the file has gone, what is under way is of no use.
            for task in (staying, working):
                task.cancel()
            await asyncio.gather(working, staying, return_exceptions=True)

    async def _stay(self, hold: "Hold") -> None:
        """Ends when the job is ours no more, or can't be held."""
        try:
            await self._keep_staying(hold)
        except Exception as error:
            log.exception("a job can't be held")
            hold.fault = error

    async def _keep_staying(self, hold: "Hold") -> None:
        told = 0
        while True:
            await asyncio.sleep(SAY_EVERY_S)
            percent = hold.percent if hold.is_awaited else told
            try:
                async with self._database.transaction() as tx:
                    if percent != told:
                        # Before the job, as whoever stops it or deletes the file.
                        await store.lock_media(tx, hold.media_id)
                    until_us = self._clock() + int(LEASE_S * SECOND_US)
                    if not await jobs_store.stay(tx, hold.media_id, hold.worker, until_us, hold.percent):
                        return
                    if percent != told:
                        await jobs_store.set_progress(tx, hold.media_id, percent)
                    if percent // TELL_EVERY_PERCENT > told // TELL_EVERY_PERCENT:
                        await tx.publish(MediaProgressed(media_id=MediaId(hold.media_id), progress=percent))
            except Unavailable:
                # Perhaps for a moment only; if somebody takes the job over meanwhile, we shall see it.
                continue
            if percent != told and hold.media:
                told = percent
                await self._news.tell(hold.media.owner_id, hold.media.id, "working", percent)

    # Steps

    async def _try(self, hold: "Hold") -> None:
        """Whatever becomes of it, the job is given back."""
        try:
            if hold.job.attempts >= ATTEMPTS_MAX:
                raise ProcessesDied
            with self._maker.site() as site:
                await self._work_through(hold, site)
        except asyncio.CancelledError:
            if hold.fault:
                await asyncio.shield(self._fail(hold, hold.fault))
            else:
                # We are stopped, and that is nobody's fault.
                await asyncio.shield(self._give_back(hold, hold.attempts - 1, 0, ""))
            raise
        except Invalid as error:
            await self._park(hold, error.code, str(error))
        except Unavailable as error:
            await self._give_back(hold, hold.attempts - 1, OUTAGE_S, _shown(error))
        except Exception as error:
            if not isinstance(error, KaifError):
                log.exception("work on a file failed")
            await self._fail(hold, error)

    async def _work_through(self, hold: "Hold", site: Site) -> None:
        await self._say_what_plays(hold)
        while True:
            media = hold.media = await store.find_media(self._database, hold.media_id)
            if media is None:
                return
            step = steps.next_step(media, await self._maker.made(media))
            hold.priority = step.priority if step else hold.priority
            if step is None:
                await self._end(hold)
                return
            if not hold.lane[0] <= step.priority < hold.lane[1] or await self._is_more_urgent(hold, step):
                await self._give_back(hold, 0, 0, "")
                return
            hold.percent = 0
            await self._maker.make(site, media, step, hold.note_progress)
            if step.name in await self._maker.made(media):
                await self._note_step(hold, media, step.name)
            elif await store.find_media(self._database, media.id):
                raise NothingMade

    async def _is_more_urgent(self, hold: "Hold", step: Step) -> bool:
        return bool(await jobs_store.waiting(self._database, self._clock(), hold.lane[0], step.priority, 1))

    async def _say_what_plays(self, hold: "Hold") -> None:
        """Whoever made it may have died, or have been stopped, before they could."""
        media = await store.find_media(self._database, hold.media_id)
        if media and media.state == "working" and steps.state_of(media, await self._maker.made(media)) == "ready":
            await self._note_step(hold, media, steps.playable_name(media))

    async def _note_step(self, hold: "Hold", media: StoredMedia, made: str) -> None:
        hold.has_gone_on = True
        is_playable = made == steps.playable_name(media)
        is_news = is_playable or steps.is_better_to_watch(made)
        async with self._database.transaction() as tx:
            # Before the job, as whoever stops it or deletes the file.
            await store.lock_media(tx, media.id)
            is_news &= await jobs_store.note_step(tx, media.id, hold.worker)
            if is_news and is_playable:
                await jobs_store.set_state(tx, media.id, "ready", "", 100)
            if is_news and (ready := await store.find_media(tx, media.id)):
                await tx.publish(MediaReady(media=await seen(tx, ready)))
        if is_news:
            await self._news.tell(media.owner_id, media.id, "ready", 100)

    async def _end(self, hold: "Hold") -> None:
        async with self._database.transaction() as tx:
            media = await store.lock_media(tx, hold.media_id)
            # Of a film there is more by now than when it could first be played.
            if await jobs_store.end(tx, hold.media_id, hold.worker) and media and media.kind == "video":
                await tx.publish(MediaReady(media=await seen(tx, media)))

    async def _fail(self, hold: "Hold", error: Exception) -> None:
        if hold.attempts >= ATTEMPTS_MAX:
            await self._park(hold, KaifError.code, _shown(error))
        else:
            await self._give_back(hold, hold.attempts, RETRY_S * 2**hold.attempts, _shown(error))

    async def _give_back(self, hold: "Hold", attempts: int, after_s: int, error: str) -> None:
        async with self._database.transaction() as tx:
            await jobs_store.release(
                tx,
                hold.media_id,
                hold.worker,
                priority=hold.priority,
                attempts=attempts,
                due_at_us=self._clock() + after_s * SECOND_US,
                error=error,
            )
        for woken in self._woken.values():
            woken.set()

    async def _park(self, hold: "Hold", problem: str, error: str) -> None:
        now_us = self._clock()
        async with self._database.transaction() as tx:
            media = await store.lock_media(tx, hold.media_id)
            is_parked = await jobs_store.release(
                tx,
                hold.media_id,
                hold.worker,
                priority=hold.priority,
                attempts=hold.attempts,
                due_at_us=now_us,
                error=f"{problem}: {error}"[:ERROR_CHARACTERS_MAX],
                parked_at_us=now_us,
            )
            fails = is_parked and media is not None and await failing.fail(tx, media, problem)
        log.warning("work on %s is parked: %s", hold.media_id, error)
        if media and fails:
            await self._news.tell(media.owner_id, media.id, "failed", 0)


class Hold:
    """A job while this process is at it."""

    def __init__(self, job: StoredJob, worker: str, lane: Lane) -> None:
        self.job, self.worker, self.lane = job, worker, lane
        self.media_id, self.priority = job.media_id, job.priority
        self.media: StoredMedia | None = None
        self.percent = 0
        self.has_gone_on = False
        self.fault: Exception | None = None

    @property
    def attempts(self) -> int:
        """With this one, since a step was last done."""
        return 1 if self.has_gone_on else self.job.attempts + 1

    @property
    def is_awaited(self) -> bool:
        """Once it plays, nobody but an operator waits for what is still made."""
        return self.media is not None and self.media.state == "working"

    def note_progress(self, percent: int) -> None:
        self.percent = percent


def _shown(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:ERROR_CHARACTERS_MAX]
