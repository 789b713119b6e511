"""News that reached nobody: gateways are told that there was some, whoever's connection it was that broke."""

import msgspec
from tests.harness import Services
from tests.services.messaging.chats import group
from tests.waiting import until

from kaif.engines.cache.memory import MemoryCache
from kaif.interfaces.messaging import ChatId, Entry, Outgoing, SendBatch
from kaif.interfaces.messaging.news import ENTRIES, Delivery
from kaif.kernel.actor import NOBODY, UserId
from kaif.kernel.clock import as_datetime
from kaif.kernel.errors import Unavailable
from kaif.services.messaging.entry_rules import Place
from kaif.services.messaging.sending.announcing import Announcer

CHAT = ChatId("chat")


class CutOff(MemoryCache):
    """A publisher that is cut off while listeners hear well."""

    def __init__(self) -> None:
        super().__init__()
        self.is_down = False
        self.heard: list[list[Delivery]] = []

    async def publish(self, channel: str, payload: bytes) -> None:
        if self.is_down:
            raise Unavailable
        await super().publish(channel, payload)


async def heard_by(cache: CutOff) -> list[list[Delivery]]:
    decode = msgspec.msgpack.Decoder(list[Delivery]).decode
    await cache.subscribe(ENTRIES, lambda payload: cache.heard.append(decode(payload)))
    return cache.heard


async def say(announcer: Announcer) -> None:
    entry = Entry(CHAT, 1, "message", UserId("anna"), as_datetime(0), "m-1", "Привет")
    await announcer.announce([entry], {CHAT: Place(CHAT, "group", 1)})


async def test_a_process_that_starts_says_that_the_one_before_it_may_have_died_before_its_news() -> None:
    cache = CutOff()
    heard = await heard_by(cache)
    announcer = Announcer(cache)

    announcer.start()
    await until(lambda: bool(heard))

    assert heard == [[]]
    await announcer.close()


async def test_what_was_lost_is_told_of_once_the_way_is_open() -> None:
    cache = CutOff()
    heard = await heard_by(cache)
    announcer = Announcer(cache)
    cache.is_down = True
    for _ in range(5):
        await say(announcer)
    assert heard == []

    cache.is_down = False
    await until(lambda: bool(heard))
    await say(announcer)

    assert [len(deliveries) for deliveries in heard] == [0, 1]
    await announcer.close()


async def test_a_batch_is_published_once_for_however_many_chats_and_messages(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chats = [await group(services, anna, boris) for _ in range(5)]
    published: list[list[Delivery]] = []
    decode = msgspec.msgpack.Decoder(list[Delivery]).decode
    await services.cache.subscribe(ENTRIES, lambda payload: published.append(decode(payload)))

    for number in range(3):
        batch = [Outgoing(anna.user_id, chat, f"{number}-{n}", "Привет") for n in range(20) for chat in chats]
        await services.messaging.send_batch(NOBODY, SendBatch(batch))
    await until(lambda: sum(len(one.entries) for news in published for one in news) == 300)

    assert [len(news) for news in published] == [5, 5, 5]
    assert all({one.chat_id for one in news} == set(chats) for news in published)
    assert all(len(one.entries) == 20 for news in published for one in news)
