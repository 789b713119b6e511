"""A person with a program, and what they do: they talk, change what they said, read, go and come back."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.simulation.loop import Process
from tests.simulation.network import SimulatedWire

from kaif.client import Client, ClientError, Entry, Refused, Unreachable
from kaif.interfaces.messaging import ChatId
from kaif.kernel.actor import Actor, SessionId, UserId
from kaif.kernel.ids import new_id

if TYPE_CHECKING:
    from tests.simulation.world import World

# So few that clients often have to let entries go and fetch them again.
INBOX_ENTRIES_MAX = 5
EMOJIS = ("👍", "🔥")


class State(NamedTuple):
    """What a message is, as far as everybody sees the same."""

    version: int
    text: str
    deleted: bool
    reactions: tuple[tuple[str, int], ...]


def state_of(message: dict[str, Any]) -> State:
    reactions = tuple((one["emoji"], one["count"]) for one in message.get("reactions", ()))
    return State(message.get("version", 0), message.get("text", ""), message.get("deleted", False), reactions)


class Talker:
    """What the program has made of the entries outlives it, as a file would."""

    def __init__(self, world: "World", name: str) -> None:
        self._world, self.name = world, name
        self.actor = Actor(UserId(new_id()), SessionId(new_id()))
        # Kept together, as docs/clients.md says.
        self.received: dict[str, list[tuple[int, str, str]]] = {}
        self.states: dict[tuple[str, int], State] = {}
        self.have: dict[str, int] = {}
        self.sent: dict[str, tuple[ChatId, str]] = {}
        self.acknowledged: dict[str, Entry] = {}
        # What the server would not have, of somebody who is out.
        self.refused: set[str] = set()
        # What is said to have been read, to have been deleted, and to be said instead.
        self.read: dict[ChatId, int] = {}
        self.deleted: set[tuple[ChatId, int]] = set()
        self.edits: dict[tuple[ChatId, int], list[str]] = {}
        self.chat_ids: list[ChatId] = []
        self.is_done = False
        self.client: Client | None = None
        self._lives = self._refs = self._texts = 0
        self._chance = random.Random(f"{world.seed}-{name}")
        self.wire: SimulatedWire | None = None

    async def start(self) -> None:
        world = self._world
        self._lives += 1
        self.client = None
        self.process = Process(world.loop, self.name)
        chance = random.Random(f"{world.seed}-{self.name}-{self._lives}")
        self.wire = SimulatedWire(world, self.process, self.actor, chance)
        inbox = world.parts.inbox(self.have, INBOX_ENTRIES_MAX)
        self.process.spawn(self._live(Client.over(self.wire, inbox, chance)))

    async def _live(self, client: Client) -> None:
        try:
            async with client:
                self.client = client
                # What the last life did not hear of is said again, with its reference.
                saying = [asyncio.create_task(self._say(client, ref)) for ref in self._unsure()]
                speaking = asyncio.create_task(self._speak(client))
                listening = asyncio.create_task(self._listen(client))
                await asyncio.gather(speaking, *saying)
                self.is_done = True
                await listening
        except ClientError as error:
            self._world.complaints.append(f"{self.name} ended: {error}")
        except AssertionError as error:
            self._world.complaints.append(f"{self.name}: {error}")

    def _unsure(self) -> list[str]:
        return [ref for ref in self.sent if ref not in self.acknowledged and ref not in self.refused]

    async def _listen(self, client: Client) -> None:
        async for entry in client.entries():
            self.received.setdefault(entry.chat_id, []).append((entry.seq, entry.sender_id, entry.ref))
            self._keep(entry)
            self.have = client.have
            self._world.note("received", self.name, entry.seq)
            if self._world.slow_readers and self._chance.random() < 0.2:
                await asyncio.sleep(self._chance.uniform(0, 0.5))

    def _keep(self, entry: Entry) -> None:
        """Of all that is heard about a message, the highest version is the message."""
        message = entry.data.get("message") or (entry.data if entry.kind == "message" else None)
        if message:
            place, state = (entry.chat_id, message["seq"]), state_of(message)
            self.states[place] = max(self.states.get(place, state), state, key=lambda one: one.version)

    async def _speak(self, client: Client) -> None:
        while self._world.is_talkative and not self._world.weather.calm:
            await asyncio.sleep(self._chance.expovariate(4))
            if self._world.weather.calm or not self.chat_ids:
                continue
            if self._chance.random() < self._world.changes:
                await self.do(self._chance.choice(DEEDS))
            else:
                await self.say(self._chance.choice([1, 1, 1, 5]))
        # A last word in every chat, at the same time as the others'.
        await self._world.calm.wait()
        await asyncio.gather(*[self._say(client, self._new(chat_id)) for chat_id in self.chat_ids])

    # What one says

    async def say(self, count: int = 1) -> None:
        if self.client and self.chat_ids:
            refs = [self._new(self._chance.choice(self.chat_ids)) for _ in range(count)]
            await asyncio.gather(*[self._say(self.client, ref) for ref in refs])

    def say_once_more(self) -> None:
        async def say(client: Client) -> None:
            for chat_id in self.chat_ids:
                await self._say(client, self._new(chat_id))
            self.is_done = True

        assert self.client
        self.is_done = False
        self.process.spawn(say(self.client))

    def _new(self, chat_id: ChatId) -> str:
        self._refs += 1
        ref = f"{self.name}-{self._refs}"
        self.sent[ref] = (chat_id, f"said {ref}")
        return ref

    async def _say(self, client: Client, ref: str) -> None:
        chat_id, text = self.sent[ref]
        try:
            entry = await client.send(chat_id, text, ref=ref)
        except Refused as refused:
            if refused.code != "chat_not_found":
                raise
            self.refused.add(ref)
            self._world.note("refused", self.name)
            return
        self.acknowledged[ref] = entry
        self._world.note("acknowledged", self.name, entry.seq)

    # What one does besides

    async def do(self, deed: "Deed") -> None:
        """Perhaps in vain: nobody answers, or it may not be done any more."""
        if self.client is None or not self.chat_ids:
            return
        chat_id = self._chance.choice(self.chat_ids)
        try:
            await deed(self, self.client, chat_id)
        except (Refused, Unreachable):
            self._world.note("in vain", self.name)
        else:
            self._world.note(deed.__name__, self.name)

    def _own(self, chat_id: ChatId) -> int:
        """One of one's own messages."""
        own = [entry.seq for entry in self.acknowledged.values() if entry.chat_id == chat_id]
        return self._chance.choice(own) if own else 0

    def _known(self, chat_id: ChatId) -> int:
        known = [seq for chat, seq in self.states if chat == chat_id]
        return self._chance.choice(known) if known else 0

    async def edit(self, client: Client, chat_id: ChatId) -> None:
        if seq := self._own(chat_id):
            self._texts += 1
            text = f"{self.name} corrected {self._texts}"
            self.edits.setdefault((chat_id, seq), []).append(text)
            await client.edit(chat_id, seq, text)

    async def delete(self, client: Client, chat_id: ChatId) -> None:
        if seq := self._own(chat_id):
            await client._ask("POST", f"{_CHATS}/{chat_id}/messages/delete", {}, {"seqs": [seq], "for_everyone": True})
            self.deleted.add((chat_id, seq))

    async def react(self, client: Client, chat_id: ChatId) -> None:
        if seq := self._known(chat_id):
            await client._ask("POST", _reactions(chat_id, seq), {}, {"emoji": self._chance.choice(EMOJIS)})

    async def unreact(self, client: Client, chat_id: ChatId) -> None:
        if seq := self._known(chat_id):
            await client._ask("DELETE", _reactions(chat_id, seq), {"emoji": self._chance.choice(EMOJIS)})

    async def mark(self, client: Client, chat_id: ChatId) -> None:
        if seq := self.have.get(chat_id, 0):
            await client.read(chat_id, seq)
            self.read[chat_id] = max(seq, self.read.get(chat_id, 0))

    async def leave(self, client: Client, chat_id: ChatId) -> None:
        """Whoever owns the chats stays."""
        if self is not self._world.owner:
            await client._ask("DELETE", f"{_CHATS}/{chat_id}/members/{self.actor.user_id}", {})

    async def ban(self, client: Client, chat_id: ChatId) -> None:
        other = self._chance.choice(self._world.talkers)
        if self is self._world.owner and other is not self:
            await client._ask("POST", f"{_CHATS}/{chat_id}/bans", {}, {"user_id": other.actor.user_id})

    async def bring_back(self, client: Client, chat_id: ChatId) -> None:
        other = self._chance.choice(self._world.talkers)
        if self is self._world.owner and other is not self:
            await self.forgive(client, chat_id, other)

    async def forgive(self, client: Client, chat_id: ChatId, other: "Talker") -> None:
        user_id = other.actor.user_id
        await client._ask("DELETE", f"{_CHATS}/{chat_id}/bans/{user_id}", {})
        await client._ask("POST", f"{_CHATS}/{chat_id}/members", {}, {"user_ids": [user_id]})
        if chat_id not in other.chat_ids:
            other.chat_ids.append(chat_id)

    async def come_back(self, client: Client, chat_id: ChatId) -> None:
        """By oneself, which nobody can who was banned."""
        body = {"secret": self._world.secrets[chat_id]}
        await client._ask("POST", "/v1/messaging/invitations/join", {}, body)

    def kill(self) -> None:
        self.process.kill()
        self.client = None
        # The machine of a dead program closes its connections.
        if self.wire and self.wire.pipe:
            self.wire.pipe.cut()


Deed = Callable[[Talker, Client, ChatId], Awaitable[None]]
CHANGES = (Talker.edit, Talker.delete, Talker.react, Talker.unreact, Talker.mark)
MOVES = (Talker.leave, Talker.come_back, Talker.ban, Talker.bring_back)
DEEDS: tuple[Any, ...] = (*CHANGES, Talker.edit, Talker.react, Talker.mark, *MOVES, Talker.come_back, Talker.bring_back)

_CHATS = "/v1/messaging/chats"


def _reactions(chat_id: ChatId, seq: int) -> str:
    return f"{_CHATS}/{chat_id}/messages/{seq}/reactions"
