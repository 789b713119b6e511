"""The hub: whatever way news comes, every reader gets each entry once and in order."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from tests.harness import Services, wired_services
from tests.services.messaging.chats import channel, direct, group
from tests.waiting import until

from kaif.engines.cache import Interrupted, Listener
from kaif.engines.cache.memory import MemoryCache
from kaif.gateway.frames import CloseCode
from kaif.gateway.hub import Hub
from kaif.gateway.presence import PresenceBoard
from kaif.interfaces.auth import Nothing
from kaif.interfaces.auth.accounts import ChangeDisplayName
from kaif.interfaces.messaging import AddMembers, ChatId, CreateChat, Messaging, RemoveMember, SendMessage, Standings
from kaif.interfaces.messaging.actions import DeleteMessages, OfMessage, React
from kaif.interfaces.messaging.administration import ChangeChat
from kaif.interfaces.messaging.news import ENTRIES, NEWS_LOST, REACH, Delivery, Reach
from kaif.interfaces.messaging.privacy import OfPerson
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import now_us
from kaif.kernel.ids import new_id
from kaif.services.messaging.chats.membership import Membership
from kaif.services.messaging.reports.suspending import Suspension
from kaif.services.messaging.sending.announcing import Announcer


class Device:
    """A reader that keeps what it is given."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self.rooms: set[Any] = set()
        self.watched: set[UserId] = set()
        self.hellos: list[dict[str, Any]] = []
        self.heard: list[dict[str, Any]] = []
        self.closed_with = 0

    def write(self, frame: bytes) -> None:
        length = frame[1]
        start = 2 if length < 126 else 4 if length == 126 else 10
        events = msgspec.json.decode(frame[start:])
        self.heard += events if isinstance(events, list) else [events]

    def greet(self, hello: bytes) -> None:
        self.hellos.append(msgspec.json.decode(hello))

    def expire(self) -> None:
        self.close(4001)

    def close(self, code: int) -> None:
        self.closed_with = code

    def knows(self, person: Actor) -> bool | None:
        """Whether they are here, by what was heard last; None when nothing was."""
        heard = [
            event["online"]
            for event in self.heard
            if event["type"] == "presence" and event["user_id"] == person.user_id
        ]
        greeted = [True] if self.hellos and person.user_id in self.hellos[-1]["online"] else []
        return [*greeted, *heard][-1] if greeted or heard else None

    @property
    def seqs(self) -> list[int]:
        return [event["seq"] for event in self.heard if event["type"] == "entry"]


class News(MemoryCache):
    """Can be told that it was cut off for a while, as Redis can be."""

    def __init__(self) -> None:
        super().__init__()
        self.interruptions: list[Interrupted] = []

    async def subscribe(self, channel: str, listener: Listener, interrupted: Interrupted = lambda: None) -> None:
        self.interruptions.append(interrupted)
        await super().subscribe(channel, listener, interrupted)

    def interrupt(self) -> None:
        for interrupted in self.interruptions:
            interrupted()


class Stage:
    """A chat of two, a hub of its own, and deliveries that the test holds in its hand."""

    def __init__(self, services: Services, hub: Hub, news: News, anna: Actor, boris: Actor, chat_id: ChatId) -> None:
        self.services, self.hub, self.news = services, hub, news
        self.anna, self.boris, self.chat_id = anna, boris, chat_id
        self.held: list[Delivery] = []

    async def enter(self, actor: Actor) -> Device:
        device = Device(actor)
        self.hub.connect(device)
        await until(lambda: bool(device.hellos or device.closed_with))
        return device

    async def say(self) -> None:
        """Durable, and announced to nobody here: the hub hears only what `deliver` gives it."""
        await self.services.messaging.send_message(self.anna, SendMessage(self.chat_id, new_id(), "x"))

    async def reach(self, chat_id: ChatId) -> None:
        await self.news.publish(REACH, msgspec.msgpack.encode(Reach([chat_id])))

    async def deliver(self, *deliveries: Delivery) -> None:
        await self.news.publish(ENTRIES, msgspec.msgpack.encode(list(deliveries)))


@pytest.fixture
async def stage(tmp_path: Path, migrated_sqlite_url: str) -> AsyncIterator[Stage]:
    """Messaging announces on its cache; the hub listens to another, which the test plays."""
    async with wired_services(tmp_path, migrated_sqlite_url) as services:
        cache = News()
        hub = Hub(services.messaging, cache, PresenceBoard(cache))
        await hub.start()
        anna, boris = await services.newcomers("anna", "boris")
        chat = await services.messaging.create_chat(anna, CreateChat("direct", [boris.user_id]))
        stage = Stage(services, hub, cache, anna, boris, chat.id)
        decode = msgspec.msgpack.Decoder(list[Delivery]).decode
        await services.cache.subscribe(ENTRIES, lambda payload: stage.held.extend(decode(payload)))
        yield stage
        await hub.close()


async def test_news_in_order_is_passed_on_at_once(stage: Stage) -> None:
    device = await stage.enter(stage.boris)
    for _ in range(5):
        await stage.say()

    await stage.deliver(*stage.held)

    assert device.seqs == [2, 3, 4, 5, 6]


async def test_what_came_too_early_follows_at_once_when_its_turn_comes(stage: Stage) -> None:
    device = await stage.enter(stage.boris)
    for _ in range(3):
        await stage.say()
    first, second, third = stage.held

    for delivery in (third, second, first):
        await stage.deliver(delivery)

    assert device.seqs == [2, 3, 4]


@pytest.mark.parametrize("seed", range(10))
async def test_news_in_any_order_twice_and_with_losses_arrives_once_and_in_order(stage: Stage, seed: int) -> None:
    chance = random.Random(seed)
    devices = [await stage.enter(stage.boris), await stage.enter(stage.anna)]
    for _ in range(60):
        await stage.say()
    # Everything is known by its newest; of the rest some is lost, some comes twice, all in any order.
    news = [*stage.held, *chance.sample(stage.held, 30)]
    lost = chance.sample(range(59), 15)
    news = [delivery for delivery in news if delivery.first_seq - 2 not in lost]
    chance.shuffle(news)

    for delivery in news:
        await stage.deliver(delivery)
    await until(lambda: all(len(device.seqs) == 60 for device in devices))

    for device in devices:
        assert device.seqs == list(range(2, 62))


async def test_a_long_gap_is_closed_page_by_page_and_what_is_held_follows(stage: Stage) -> None:
    device = await stage.enter(stage.boris)
    for _ in range(1500):
        await stage.say()

    for delivery in stage.held[-1200:]:
        await stage.deliver(delivery)
    await until(lambda: len(device.seqs) == 1500)

    assert device.seqs == list(range(2, 1502))


async def test_an_entry_known_to_be_durable_is_fetched_when_its_news_does_not_come(stage: Stage) -> None:
    device = await stage.enter(stage.anna)
    await stage.say()

    stage.hub.expect(stage.chat_id, 2)
    await until(lambda: device.seqs == [2])

    stage.hub.expect(stage.chat_id, 2)
    await stage.deliver(*stage.held)
    assert device.seqs == [2]


async def test_news_without_entries_says_how_far_the_log_has_come(stage: Stage) -> None:
    device = await stage.enter(stage.anna)
    await stage.say()

    await stage.deliver(Delivery(stage.chat_id, "direct", 3, []))
    await until(lambda: device.seqs == [2])


async def test_a_gap_is_filled_with_what_is_for_everyone_whoever_asks_for_it(stage: Stage) -> None:
    """One reader's own marks and hidden messages are no other reader's."""
    await stage.say()
    of = (stage.chat_id, 2)
    await stage.services.actions.add_reaction(stage.anna, React(*of, "👍"))
    await stage.services.actions.delete_messages(stage.boris, DeleteMessages(stage.chat_id, [2], False))
    devices = [await stage.enter(stage.boris), await stage.enter(stage.anna)]
    await stage.services.actions.pin_message(stage.anna, OfMessage(*of))

    stage.hub.expect(stage.chat_id, 4)
    await until(lambda: all(device.seqs == [4] for device in devices))

    for device in devices:
        message = device.heard[-1]["message"]
        assert (message["text"], message["reactions"]) == ("x", [{"emoji": "👍", "count": 1}])


async def test_what_an_entry_says_is_passed_on_unread(stage: Stage) -> None:
    device = await stage.enter(stage.boris)
    sealed = {"type": "entry", "chat_id": stage.chat_id, "seq": 2, "kind": "sealed", "sealed": "q83vEjRW", "for": ["d"]}

    await stage.deliver(Delivery(stage.chat_id, "direct", 2, [msgspec.json.encode(sealed)]))

    assert device.heard == [sealed]


async def test_hello_counts_what_came_before_it(stage: Stage) -> None:
    for _ in range(3):
        await stage.say()

    device = await stage.enter(stage.boris)

    assert device.hellos[0]["chats"] == {stage.chat_id: 4}
    await stage.deliver(*stage.held)
    assert device.seqs == []


async def test_who_leaves_while_coming_in_is_not_let_in(stage: Stage) -> None:
    group = await stage.services.messaging.create_chat(stage.anna, CreateChat("group", [stage.boris.user_id], "A"))
    device = Device(stage.boris)
    stage.hub.connect(device)
    await stage.services.messaging.remove_member(stage.boris, RemoveMember(group.id, stage.boris.user_id))
    await stage.deliver(*stage.held)
    await until(lambda: bool(device.hellos))

    await stage.services.messaging.send_message(stage.anna, SendMessage(group.id, new_id(), "без него"))
    await stage.deliver(stage.held[-1])

    assert not any(event.get("text") == "без него" for event in device.heard)


async def test_who_is_let_in_while_coming_in_stays_in(stage: Stage) -> None:
    """What messaging said of the reader's chats is older than the news that overtook it."""

    class Slow:
        """Says what it knew when it was asked."""

        async def get_standings(self, actor: Actor, request: Nothing) -> Standings:
            standings = await stage.services.messaging.get_standings(actor, request)
            await asked.wait()
            return standings

    asked = asyncio.Event()
    group = await stage.services.messaging.create_chat(stage.anna, CreateChat("group", [stage.anna.user_id], "A"))
    stage.hub._messaging = cast(Messaging, Slow())
    device = Device(stage.boris)
    stage.hub.connect(device)
    await asyncio.sleep(0)
    await stage.services.messaging.add_members(stage.anna, AddMembers(group.id, [stage.boris.user_id]))
    await stage.deliver(stage.held[-1])
    asked.set()
    await until(lambda: bool(device.hellos))

    assert device.hellos[0]["chats"][group.id] == 2
    await stage.services.messaging.send_message(stage.anna, SendMessage(group.id, new_id(), "Слышно?"))
    await stage.deliver(stage.held[-1])
    assert device.heard[-1]["text"] == "Слышно?"


async def test_late_news_lets_nobody_back_in_but_a_return_does(stage: Stage) -> None:
    group = await stage.services.messaging.create_chat(stage.anna, CreateChat("group", [], "Причал"))
    device = await stage.enter(stage.boris)
    await stage.services.messaging.add_members(stage.anna, AddMembers(group.id, [stage.boris.user_id]))
    await stage.services.messaging.remove_member(stage.anna, RemoveMember(group.id, stage.boris.user_id))
    await until(lambda: len(stage.held) >= 2)
    let_in = next(one for one in stage.held if stage.boris.user_id in one.joined)
    let_out = next(one for one in stage.held if stage.boris.user_id in one.left)

    await stage.deliver(let_out, let_in)
    await until(lambda: len(device.hellos) == 2)
    assert group.id not in {room.chat_id for room in device.rooms}

    stage.held.clear()
    await stage.services.messaging.add_members(stage.anna, AddMembers(group.id, [stage.boris.user_id]))
    await until(lambda: any(stage.boris.user_id in one.joined for one in stage.held))
    await stage.deliver(*stage.held)
    await until(lambda: group.id in {room.chat_id for room in device.rooms})


async def test_who_was_removed_unheard_learns_nothing_from_the_gap(stage: Stage) -> None:
    group = await stage.services.messaging.create_chat(stage.anna, CreateChat("group", [stage.boris.user_id], "A"))
    device = await stage.enter(stage.boris)
    await stage.services.messaging.remove_member(stage.anna, RemoveMember(group.id, stage.boris.user_id))
    await stage.services.messaging.send_message(stage.anna, SendMessage(group.id, new_id(), "без него"))

    # The news of the removal was lost; the next entry comes too early, and the gap is asked for.
    await stage.deliver(stage.held[-1])
    await until(lambda: all(room.chat_id != group.id for room in device.rooms))

    assert device.heard == []


@pytest.mark.parametrize("order", [(0, 2, 1), (2, 0, 1), (2,)])
async def test_who_was_taken_out_hears_nothing_of_what_came_after_and_is_told_where_they_stand(
    stage: Stage, order: tuple[int, ...]
) -> None:
    group = await stage.services.messaging.create_chat(stage.anna, CreateChat("group", [stage.boris.user_id], "A"))
    gone, stays = await stage.enter(stage.boris), await stage.enter(stage.anna)
    stage.held.clear()
    said = SendMessage(group.id, "before", "при нём")
    await stage.services.messaging.send_message(stage.anna, said)
    await stage.services.messaging.remove_member(stage.anna, RemoveMember(group.id, stage.boris.user_id))
    await stage.services.messaging.send_message(stage.anna, SendMessage(group.id, "after", "без него"))
    await until(lambda: len(stage.held) == 3)

    # The last case: all but one was lost, and the gap is asked for by somebody who is still there.
    for place in order:
        await stage.deliver(stage.held[place])
    await until(lambda: len(stays.seqs) == 3)

    assert [event.get("ref") for event in gone.heard if event.get("text")] in ([], ["before"])
    # What became of what they wrote before they ask at the hello.
    await until(lambda: len(gone.hellos) == 2)
    assert group.id not in gone.hellos[-1]["chats"]


async def test_who_has_come_back_stays_in_when_news_of_their_going_is_late(stage: Stage) -> None:
    group = await stage.services.messaging.create_chat(stage.anna, CreateChat("group", [stage.boris.user_id], "A"))
    device = await stage.enter(stage.boris)
    stage.held.clear()
    await stage.services.messaging.remove_member(stage.anna, RemoveMember(group.id, stage.boris.user_id))
    await stage.services.messaging.add_members(stage.anna, AddMembers(group.id, [stage.boris.user_id]))
    await until(lambda: len(stage.held) == 2)
    left, joined = stage.held

    await stage.deliver(joined)
    await stage.deliver(left)

    await until(lambda: len(device.hellos) == 2)
    assert device.hellos[-1]["chats"][group.id] == 3
    assert group.id in {room.chat_id for room in device.rooms}


async def test_the_end_of_a_session_closes_its_devices_alone(stage: Stage) -> None:
    one, other = await stage.enter(stage.anna), await stage.enter(stage.boris)

    stage.hub.end_session(stage.anna.session_id)

    assert (one.closed_with, other.closed_with) == (CloseCode.UNAUTHENTICATED, 0)


async def test_who_has_gone_hears_nothing_and_leaves_nothing_behind(stage: Stage) -> None:
    device = await stage.enter(stage.boris)
    await stage.say()

    stage.hub.disconnect(device)
    stage.hub.disconnect(device)
    await stage.deliver(*stage.held)

    assert (device.heard, device.rooms, stage.hub.readers_count) == ([], set(), 0)


async def test_news_that_was_interrupted_greets_everyone_anew(stage: Stage) -> None:
    device = await stage.enter(stage.boris)
    await stage.say()

    stage.news.interrupt()
    await until(lambda: len(device.hellos) == 2)

    await until(lambda: device.seqs == [2])


async def test_news_that_the_publisher_lost_greets_everyone_anew(stage: Stage) -> None:
    device = await stage.enter(stage.boris)
    await stage.say()

    await stage.deliver(*NEWS_LOST)
    await until(lambda: len(device.hellos) == 2)

    await until(lambda: device.seqs == [2])


async def test_a_reader_that_leaves_while_it_is_written_to_takes_nothing_from_the_others(stage: Stage) -> None:
    class TooSlow(Device):
        def write(self, frame: bytes) -> None:
            stage.hub.disconnect(self)

    others = [await stage.enter(stage.boris) for _ in range(3)]
    for _ in range(3):
        stage.hub.connect(TooSlow(stage.boris))
    others += [await stage.enter(stage.anna) for _ in range(3)]

    await stage.say()
    await stage.deliver(*stage.held)

    await until(lambda: all(2 in device.seqs for device in others), timeout_s=2)


async def test_who_is_blocked_sees_nobody_come_go_or_type(stage: Stage) -> None:
    anna, boris = await stage.enter(stage.anna), await stage.enter(stage.boris)
    await until(lambda: bool(boris.knows(stage.anna) and anna.knows(stage.boris)))

    await stage.services.privacy.block_person(stage.anna, OfPerson(stage.boris.user_id))
    await stage.reach(stage.chat_id)
    await until(lambda: boris.knows(stage.anna) is False and anna.knows(stage.boris) is False)
    stage.hub.say_typing(anna, stage.chat_id)
    stage.hub.say_typing(boris, stage.chat_id)
    stage.hub.disconnect(anna)
    await stage.enter(stage.anna)
    await asyncio.sleep(0.05)

    assert boris.knows(stage.anna) is False
    assert not [event for event in anna.heard + boris.heard if event["type"] == "typing"]

    await stage.services.privacy.unblock_person(stage.anna, OfPerson(stage.boris.user_id))
    await stage.reach(stage.chat_id)
    await until(lambda: bool(boris.knows(stage.anna)))
    stage.hub.say_typing(boris, stage.chat_id)
    await until(lambda: any(event["type"] == "typing" for event in boris.heard))


async def test_nobody_hears_others_type_where_moderators_have_closed_the_chat(stage: Stage) -> None:
    chat_id = await group(stage.services, stage.anna, stage.boris)
    services = stage.services
    suspension = Suspension(services.database, Membership(services.auth, now_us), Announcer(services.cache))
    anna, boris = await stage.enter(stage.anna), await stage.enter(stage.boris)

    def typed() -> int:
        return len([event for event in boris.heard if event["type"] == "typing"])

    await suspension.suspend(chat_id, "spam")
    await stage.deliver(*stage.held)
    stage.hub.say_typing(anna, chat_id)
    # Whoever comes only now is not heard either.
    stage.hub.say_typing(await stage.enter(stage.anna), chat_id)
    await asyncio.sleep(0.05)
    assert typed() == 0

    await suspension.restore(chat_id, stage.anna.user_id, new_id())
    await stage.deliver(stage.held[-1])
    stage.hub.say_typing(anna, chat_id)
    await until(lambda: typed() == 1)


async def test_nor_where_they_closed_it_before_anybody_came(stage: Stage) -> None:
    chat_id, services = await group(stage.services, stage.anna, stage.boris), stage.services
    suspension = Suspension(services.database, Membership(services.auth, now_us), Announcer(services.cache))
    await suspension.suspend(chat_id, "spam")
    anna, boris = await stage.enter(stage.anna), await stage.enter(stage.boris)

    stage.hub.say_typing(anna, chat_id)
    stage.hub.say_typing(anna, stage.chat_id)

    def typed() -> list[str]:
        return [event["chat_id"] for event in boris.heard if event["type"] == "typing"]

    await until(lambda: stage.chat_id in typed())
    assert typed() == [stage.chat_id]


async def test_who_is_blocked_while_coming_in_looks_anew(stage: Stage) -> None:
    """What messaging said of who sees whom is older than the block."""

    class Slow:
        async def get_standings(self, actor: Actor, request: Nothing) -> Standings:
            standings = await messaging.get_standings(actor, request)
            await asked.wait()
            return standings

    asked, messaging = asyncio.Event(), stage.services.messaging
    await stage.enter(stage.anna)
    stage.hub._messaging = cast(Messaging, Slow())
    boris = Device(stage.boris)
    stage.hub.connect(boris)
    await asyncio.sleep(0)
    await stage.services.privacy.block_person(stage.anna, OfPerson(stage.boris.user_id))
    await stage.reach(stage.chat_id)
    asked.set()

    await until(lambda: boris.knows(stage.anna) is False)
    assert boris.watched == set()


async def test_a_new_name_is_heard_once_by_each_device_of_those_who_see_that_the_person_is_there(
    tmp_path: Path, migrated_sqlite_url: str
) -> None:
    async with wired_services(tmp_path, migrated_sqlite_url) as services:
        hub = Hub(services.messaging, services.cache, PresenceBoard(services.cache))
        await hub.start()
        names = ("anna", "boris", "blocked", "reader", "hidden", "stranger")
        people = dict(zip(names, await services.newcomers(*names), strict=True))
        anna = people["anna"]
        await direct(services, anna, people["boris"])
        await direct(services, anna, people["blocked"])
        await group(services, people["boris"], anna)
        await channel(services, anna, people["reader"])
        hiding = await group(services, anna, people["hidden"])
        await services.administration.change_chat(anna, ChangeChat(hiding, members_hidden=True))
        await services.privacy.block_person(anna, OfPerson(people["blocked"].user_id))
        devices = {name: Device(person) for name, person in people.items()}
        second = Device(people["boris"])
        for device in (*devices.values(), second):
            hub.connect(device)
        await until(lambda: all(device.hellos for device in (*devices.values(), second)))

        await services.accounts.change_display_name(anna, ChangeDisplayName("Аня"))
        await until(lambda: bool(of_people(devices["boris"]) and of_people(second)))
        # Nothing has changed by this.
        await services.accounts.change_display_name(anna, ChangeDisplayName("Аня"))
        await services.accounts.change_display_name(anna, ChangeDisplayName("Анна"))
        await until(lambda: len(of_people(devices["boris"])) > 1)

        told = [event["person"] for event in of_people(devices["boris"])]
        assert [person["display_name"] for person in told] == ["Аня", "Анна"]
        assert {person["id"] for person in told} == {anna.user_id} and of_people(second) == of_people(devices["boris"])
        # One's own devices, too.
        heard = {name: len(of_people(device)) for name, device in devices.items()}
        assert heard == {"anna": 2, "boris": 2, "blocked": 0, "reader": 0, "hidden": 0, "stranger": 0}
        await hub.close()


def of_people(device: Device) -> list[dict[str, Any]]:
    return [event for event in device.heard if event["type"] == "person"]


async def test_in_a_group_that_hides_its_members_news_name_those_who_come_to_themselves_and_to_admins(
    stage: Stage,
) -> None:
    """Whether they come by themselves or fill a gap; and those who go are let out."""
    messaging, (vera, gleb) = stage.services.messaging, await stage.services.newcomers("vera", "gleb")
    owner, member = stage.anna, stage.boris
    chat_id = (await messaging.create_chat(owner, CreateChat("group", [member.user_id], "Пристань"))).id
    await stage.services.administration.change_chat(owner, ChangeChat(chat_id, members_hidden=True))
    devices = {actor.user_id: await stage.enter(actor) for actor in (owner, member, vera, gleb)}
    stage.held.clear()
    await messaging.add_members(owner, AddMembers(chat_id, [vera.user_id, gleb.user_id]))
    await messaging.remove_member(gleb, RemoveMember(chat_id, gleb.user_id))
    joined, left = stage.held

    await stage.deliver(joined)
    stage.hub.expect(chat_id, 4)
    await until(lambda: all(device.seqs[-1:] == [4] for device in devices.values()))

    def told(who: Actor) -> list[tuple[str, list[str], int]]:
        heard = [event for event in devices[who.user_id].heard if event["type"] == "entry"]
        return [(one["sender_id"], one.get("user_ids", []), one.get("people_count", 0)) for one in heard]

    both = [vera.user_id, gleb.user_id]
    assert told(owner) == [(owner.user_id, both, 0), (gleb.user_id, both[1:], 0)]
    assert told(member) == [(chat_id, [], 2), (chat_id, [], 1)]
    assert told(vera) == [(chat_id, both[:1], 2), (chat_id, [], 1)]
    assert told(gleb) == [(chat_id, both[1:], 2), (gleb.user_id, both[1:], 0)]
    await until(lambda: not devices[gleb.user_id].rooms)
    assert left.left == [gleb.user_id]
