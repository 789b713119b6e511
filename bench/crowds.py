"""A huge group beside a small one, what a message costs or how long joining takes:
`python -m bench.crowds message|join PEOPLE SECONDS`.

In both a thousand are here, each with one device: what they hear goes through the real hub, and no further. The small
group has nobody else. They take turns, so that whatever else the machine does meets both. Printed are processor time of
a message (medians), or the milliseconds from the moment in which somebody who has a link asks to join until they are
in, durably, and those who are here have been told.
"""

import asyncio
import json
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from kaif.app import compose
from kaif.app.auth import auth_services
from kaif.app.messaging import messaging_services
from kaif.app.settings import read_settings
from kaif.app.surface import Services
from kaif.engines.cache import Cache
from kaif.engines.database import Database
from kaif.gateway.hub import Hub
from kaif.gateway.presence import PresenceBoard
from kaif.interfaces.auth import Auth, Person
from kaif.interfaces.auth.sessions import Sessions
from kaif.interfaces.auth.staff import Staff
from kaif.interfaces.messaging import ChatId, Messaging, Outgoing, SendBatch
from kaif.interfaces.messaging.invitations import ChatInvitations, Door, MakeLink
from kaif.kernel.actor import NOBODY, Actor, UserId
from kaif.kernel.clock import now_us
from kaif.kernel.ids import new_id
from kaif.services.auth.tokens import new_signing_key
from kaif.services.messaging import chat_store, member_store, people_store
from kaif.services.messaging.entry_rules import Place

HERE = 1000
AT_ONCE = 20_000
BATCH = 10
BATCHES = 10
JOINING = 200
LIMITS_SCALE = 1e6
TEXT = "The quick brown fox jumps over the lazy dog; see you at seven, all right?"


class Device:
    """A reader that counts what it hears."""

    def __init__(self, user_id: UserId) -> None:
        self.actor = Actor(user_id)
        self.rooms: set[Any] = set()
        self.watched: set[UserId] = set()
        self.frames = 0
        self.greeted = asyncio.Event()

    def write(self, frame: bytes) -> None:
        self.frames += 1

    def greet(self, hello: bytes) -> None:
        self.greeted.set()

    def expire(self) -> None: ...

    def close(self, code: int) -> None:
        raise AssertionError(f"a device was asked to leave: {code}")


@dataclass
class Group:
    chat_id: ChatId
    members: list[UserId]
    devices: list[Device] = field(default_factory=list)
    message_us: list[float] = field(default_factory=list)
    join_ms: list[float] = field(default_factory=list)

    @property
    def owner(self) -> Actor:
        return Actor(self.members[0])


async def remember(database: Database, count: int) -> list[UserId]:
    people = [Person(UserId(new_id()), new_id(), "Somebody") for _ in range(count)]
    for start in range(0, count, AT_ONCE):
        async with database.transaction() as tx:
            await people_store.remember_people(tx, people[start : start + AT_ONCE])
    return [person.id for person in people]


async def make(database: Database, members: list[UserId]) -> Group:
    """As the store itself does it."""
    chat_id = ChatId(new_id())
    place = Place(chat_id, "group")
    async with database.transaction() as tx:
        await chat_store.add_chat(tx, place, "Crowd", members[0], chat_id, now_us())
        await member_store.add_members(tx, place, members[:1], "owner")
    for start in range(1, len(members), AT_ONCE):
        async with database.transaction() as tx:
            await member_store.add_members(tx, place, members[start : start + AT_ONCE])
    return Group(chat_id, members)


async def enter(hub: Hub, group: Group) -> None:
    for user_id in group.members[:HERE]:
        device = Device(user_id)
        hub.connect(device)
        await device.greeted.wait()
        group.devices.append(device)


async def speak(messaging: Messaging, group: Group) -> None:
    """A few batches, each heard by everybody before the next."""
    started_s = time.process_time()
    for _ in range(BATCHES):
        before = group.devices[-1].frames
        said = [Outgoing(user_id, group.chat_id, new_id(), TEXT) for user_id in group.members[:BATCH]]
        await messaging.send_batch(NOBODY, SendBatch(said))
        assert group.devices[-1].frames > before, "whoever is here has heard it"
    group.message_us.append((time.process_time() - started_s) / BATCHES / BATCH * 1e6)


async def join(invitations: ChatInvitations, group: Group, door: Door, newcomer: UserId) -> None:
    before = group.devices[-1].frames
    started_s = time.perf_counter()
    await invitations.join_chat(Actor(newcomer), door)
    group.join_ms.append((time.perf_counter() - started_s) * 1000)
    assert group.devices[-1].frames > before, "whoever is here has heard it"


async def compare_messages(messaging: Messaging, large: Group, small: Group, seconds: float) -> dict[str, float]:
    for group in (large, small):
        await speak(messaging, group)
        group.message_us.clear()
    ends_s = time.perf_counter() + seconds
    while time.perf_counter() < ends_s:
        for group in (large, small):
            await speak(messaging, group)
    large_us, small_us = median(large.message_us), median(small.message_us)
    return {"cost_times": large_us / small_us, "large_us": large_us, "small_us": small_us}


async def compare_joining(
    invitations: ChatInvitations, large: Group, small: Group, newcomers: list[UserId]
) -> dict[str, float]:
    doors = {
        group.chat_id: Door((await invitations.make_link(group.owner, MakeLink(group.chat_id))).secret)
        for group in (large, small)
    }
    for newcomer in newcomers:
        for group in (large, small):
            await join(invitations, group, doors[group.chat_id], newcomer)
    return {
        "large_join_p95_ms": p95(large.join_ms),
        "large_join_ms": median(large.join_ms),
        "small_join_ms": median(small.join_ms),
    }


def p95(times: list[float]) -> float:
    """By the nearest rank."""
    return sorted(times)[-(-95 * len(times) // 100) - 1]


async def compare(
    what: str, database: Database, cache: Cache, services: Services, people: int, seconds: float
) -> dict[str, float]:
    messaging: Messaging = services[Messaging]
    known = await remember(database, people)
    # The newcomers still fit in.
    large, small = await make(database, known[:-JOINING]), await make(database, known[:HERE])
    hub = Hub(messaging, cache, PresenceBoard(cache))
    await hub.start()
    for group in (large, small):
        await enter(hub, group)
    if what == "join":
        figures = await compare_joining(services[ChatInvitations], large, small, known[-JOINING:])
    else:
        figures = await compare_messages(messaging, large, small, seconds)
    await hub.close()
    return figures


async def measure(what: str, directory: Path, people: int, seconds: float) -> dict[str, float]:
    settings = read_settings(directory, "127.0.0.1", 0, {"KAIF_SIGNING_KEY": new_signing_key()})
    async with (
        compose.database_of(settings) as database,
        compose.cache_of(settings) as cache,
        auth_services(settings, database, cache) as auths,
        messaging_services(
            database, cache, auths[Auth], auths[Sessions], auths[Staff], limits_scale=LIMITS_SCALE
        ) as messagings,
    ):
        return await compare(what, database, cache, messagings, people, seconds)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        print(json.dumps(asyncio.run(measure(sys.argv[1], Path(name), int(sys.argv[2]), float(sys.argv[3])))))
