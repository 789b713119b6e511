"""A chat against a plain model of it: whatever several people do in whatever order, both agree."""

import asyncio
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.harness import wired_services
from tests.services.messaging.chats import chat_of, log_of

from kaif.interfaces.messaging import (
    AddMembers,
    ChatId,
    CreateChat,
    MarkRead,
    Outgoing,
    RemoveMember,
    SendBatch,
    SendMessage,
)
from kaif.interfaces.messaging.errors import ChatNotFound, RightMissing
from kaif.kernel.actor import NOBODY, Actor, UserId
from kaif.kernel.errors import Invalid, KaifError

people = st.integers(0, 3)
# So few that they are often repeated.
refs = st.sampled_from(["r1", "r2", "r3"])


class Line(NamedTuple):
    kind: str
    sender: UserId
    ref: str


class Model:
    """A log, who is in, who owns it, and how far each has read."""

    def __init__(self, owner: UserId) -> None:
        self.log = [Line("created", owner, "")]
        self.owner = owner
        self.read: dict[UserId, int] = {owner: 0}

    def append(self, kind: str, sender: UserId, ref: str = "") -> int:
        self.log.append(Line(kind, sender, ref))
        return len(self.log)

    def send(self, sender: UserId, ref: str) -> int | type[KaifError]:
        """The seq of the message, wherever it stands already."""
        if sender not in self.read:
            return ChatNotFound
        line = Line("message", sender, ref)
        if line in self.log:
            return self.log.index(line) + 1
        self.read[sender] = len(self.log) + 1
        return self.append(*line)

    def unread(self, person: UserId) -> int:
        return sum(line.kind == "message" for line in self.log[self.read[person] :])

    def leave(self, person: UserId) -> None:
        del self.read[person]
        if person == self.owner and self.read:
            self.owner = min(self.read)


class ChatMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.open = AsyncExitStack()
        self.folder = tempfile.TemporaryDirectory()

    @initialize(owner=people)
    def begin(self, owner: int) -> None:
        self.runner.run(self._begin(owner))

    async def _begin(self, owner: int) -> None:
        folder = Path(self.folder.name)
        self.services = await self.open.enter_async_context(wired_services(folder, f"sqlite:{folder / 'kaif.db'}"))
        self.people = await self.services.newcomers("anna", "boris", "clara", "dina")
        maker = self.people[owner]
        chat = await self.services.messaging.create_chat(maker, CreateChat("group", [maker.user_id], "A"))
        self.chat_id: ChatId = chat.id
        self.model = Model(maker.user_id)

    def teardown(self) -> None:
        self.runner.run(self.open.aclose())
        self.runner.close()
        self.folder.cleanup()

    @rule(who=people, ref=refs)
    def send(self, who: int, ref: str) -> None:
        sender = self.people[who]
        expected = self.model.send(sender.user_id, ref)
        done = self._done(self.services.messaging.send_message(sender, SendMessage(self.chat_id, ref, "x")))
        assert getattr(done, "seq", done) == expected

    @rule(sends=st.lists(st.tuples(people, refs), min_size=2, max_size=8))
    def send_together(self, sends: list[tuple[int, str]]) -> None:
        batch = [Outgoing(self.people[who].user_id, self.chat_id, ref, "x") for who, ref in sends]
        expected = [self.model.send(message.sender_id, message.ref) for message in batch]
        outcomes = self.runner.run(self.services.messaging.send_batch(NOBODY, SendBatch(batch))).outcomes
        assert [outcome.seq or ChatNotFound for outcome in outcomes] == expected

    @rule(who=people, seq=st.integers(1, 12))
    def read(self, who: int, seq: int) -> None:
        reader = self.people[who]
        done = self._done(self.services.messaging.mark_read(reader, MarkRead(self.chat_id, seq)))
        if reader.user_id not in self.model.read:
            assert done is ChatNotFound
        elif seq > len(self.model.log):
            assert done is Invalid
        else:
            self.model.read[reader.user_id] = max(self.model.read[reader.user_id], seq)

    @rule(by=people, whom=people)
    def add(self, by: int, whom: int) -> None:
        actor, other = self.people[by].user_id, self.people[whom].user_id
        done = self._done(self.services.messaging.add_members(self.people[by], AddMembers(self.chat_id, [other])))
        if actor not in self.model.read:
            assert done is ChatNotFound
        elif other not in self.model.read:
            self.model.read[other] = len(self.model.log)
            self.model.append("joined", actor)

    @rule(by=people, whom=people)
    def remove(self, by: int, whom: int) -> None:
        actor, other = self.people[by].user_id, self.people[whom].user_id
        done = self._done(self.services.messaging.remove_member(self.people[by], RemoveMember(self.chat_id, other)))
        if actor not in self.model.read:
            assert done is ChatNotFound
        elif actor not in (other, self.model.owner):
            assert done is RightMissing
        elif other in self.model.read:
            self.model.leave(other)
            self.model.append("left", actor)

    @invariant()
    def everyone_in_it_sees_what_the_model_says(self) -> None:
        if hasattr(self, "model"):
            self.runner.run(self._compare())

    async def _compare(self) -> None:
        for person in self.people:
            if person.user_id in self.model.read:
                await self._compare_for(person)

    async def _compare_for(self, person: Actor) -> None:
        chat = await chat_of(self.services, person, self.chat_id)
        others = [seq for user_id, seq in self.model.read.items() if user_id != person.user_id]
        assert chat.seq == len(self.model.log)
        assert chat.members_count == len(self.model.read)
        assert chat.read_seq == self.model.read[person.user_id]
        assert chat.unread == self.model.unread(person.user_id)
        assert chat.others_read_seq == max(others, default=0)
        log = await log_of(self.services, person, self.chat_id)
        assert [entry.seq for entry in log] == list(range(1, len(log) + 1))
        assert [Line(entry.kind, entry.sender_id, entry.ref) for entry in log] == self.model.log

    def _done(self, call: object) -> object:
        """What came back, or the kind of error."""
        try:
            return self.runner.run(call)  # type: ignore[arg-type]
        except KaifError as error:
            return type(error)


ChatMachine.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestAChatAgainstItsModel = ChatMachine.TestCase
