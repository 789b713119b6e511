"""Services whose clock a test sets, and what they do when something is due."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.harness import Services, wired_services
from tests.services.messaging.chats import log_of

from kaif.interfaces.media.references import References
from kaif.interfaces.messaging import ChatId, Entry
from kaif.interfaces.messaging.scheduled import ListScheduled, Scheduled, ScheduleMessage
from kaif.kernel.actor import Actor
from kaif.kernel.clock import SECOND_US, as_datetime, now_us
from kaif.kernel.ids import new_id
from kaif.services.messaging.attachments.attaching import Attaching, NoFiles
from kaif.services.messaging.due.model import DueKind
from kaif.services.messaging.due.queue import Deed, DueQueue
from kaif.services.messaging.due.reminding import MessageRemindersService
from kaif.services.messaging.due.scheduling import ScheduledMessagesService
from kaif.services.messaging.due.vanishing import VanishingService
from kaif.services.messaging.previews.picturing import PictureRelease
from kaif.services.messaging.sending.announcing import Announcer

HOUR = 3600 * SECOND_US
LOOKS_MAX = 50


class Home:
    """Services whose clock stands where a test sets it, and their queue at the test's word."""

    def __init__(self, services: Services, moment: list[int]) -> None:
        self.services, self.moment = services, moment

    def at(self, later_us: int) -> Any:
        return as_datetime(self.moment[0] + later_us)

    async def come(self, later_us: int) -> None:
        """The clock goes on, or back, and what is due is done."""
        self.moment[0] += later_us
        await self.do_due()

    async def do_due(self) -> None:
        queue = DueQueue(self.services.database, self.deeds(), lambda: self.moment[0])
        for _ in range(LOOKS_MAX):
            if not await queue.do_due():
                return
        raise AssertionError("what is due stays due")

    def deeds(self) -> dict[DueKind, Deed]:
        scheduled, reminders, vanishing = self.services.scheduled, self.services.reminders, self.services.vanishing
        assert isinstance(scheduled, ScheduledMessagesService)
        assert isinstance(reminders, MessageRemindersService)
        assert isinstance(vanishing, VanishingService)
        return {
            "message": scheduled.send_due,
            "reminder": reminders.remind_due,
            "vanish": vanishing.vanish_due,
            "files": self.attaching().release_due,
            "picture": PictureRelease(
                self.services.database, self.services.media.get(References) or NoFiles(), lambda: self.moment[0]
            ).release_due,
        }

    def attaching(self) -> Attaching:
        media = self.services.media.get(References) or NoFiles()
        return Attaching(self.services.database, media, Announcer(self.services.cache), lambda: self.moment[0])

    async def schedule(
        self, actor: Actor, chat_id: ChatId, text: str = "Позже", later_us: int = HOUR, ref: str = "", **more: Any
    ) -> Scheduled:
        wanted = ScheduleMessage(chat_id, ref or new_id(), text, self.at(later_us), **more)
        return await self.services.scheduled.schedule_message(actor, wanted)

    async def waiting(self, actor: Actor, chat_id: ChatId | None = None) -> list[Scheduled]:
        return (await self.services.scheduled.list_scheduled(actor, ListScheduled(chat_id))).messages

    async def said(self, actor: Actor, chat_id: ChatId) -> list[Entry]:
        return [entry for entry in await log_of(self.services, actor, chat_id) if entry.kind == "message"]


@asynccontextmanager
async def at_home(folder: Path, url: str) -> AsyncIterator[Home]:
    moment = [now_us()]
    async with wired_services(folder, url, clock=lambda: moment[0]) as services:
        yield Home(services, moment)
