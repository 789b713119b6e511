"""The promise, checked when all is calm: against the file itself, which is what is durable."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING

import msgspec
from tests.simulation.talker import State, Talker, state_of

from kaif.interfaces.messaging import ChatId, Entry, ListEntries, Messaging

if TYPE_CHECKING:
    from tests.simulation.world import World

PAGE = 200


class Broken(AssertionError):
    """The promise was not kept."""


class Line(msgspec.Struct, frozen=True):
    """Of a log, as it is stored."""

    seq: int
    kind: str
    sender_id: str
    ref: str
    target: int
    emoji: str

    @property
    def heard(self) -> tuple[int, str, str]:
        return self.seq, self.sender_id, self.ref


class Promise:
    def __init__(self, world: "World") -> None:
        self._world = world

    def _look(self) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{self._world.path}?mode=ro", uri=True)

    def missing(self) -> dict[str, tuple[int, int]]:
        """Whose newest entry is not the log's, of those who are in the chat."""
        with closing(self._look()) as connection:
            newest = dict(connection.execute("SELECT chat_id, MAX(seq) FROM messaging_entries GROUP BY chat_id"))
            members = set(connection.execute("SELECT chat_id, user_id FROM messaging_members"))
        return {
            talker.name: (talker.have.get(chat_id, 0), newest[chat_id])
            for talker in self._world.talkers
            for chat_id in self._world.owner.chat_ids
            if (chat_id, talker.actor.user_id) in members and talker.have.get(chat_id, 0) < newest[chat_id]
        }

    def was_taken_out(self, chat_id: str, user_id: str) -> bool:
        return self._names(chat_id, user_id, 0, "('left', 'banned')")

    def was_let_in(self, chat_id: str, user_id: str, since: int) -> bool:
        return self._names(chat_id, user_id, since, "('joined')")

    def _names(self, chat_id: str, user_id: str, since: int, kinds: str) -> bool:
        with closing(self._look()) as connection:
            found = connection.execute(
                f"SELECT 1 FROM messaging_entries WHERE chat_id = ? AND seq > ? AND kind IN {kinds} AND instr(body, ?)",
                (chat_id, since, user_id),
            )
            return found.fetchone() is not None

    async def check(self) -> None:
        """Raises Broken."""
        for chat_id in self._world.owner.chat_ids:
            lines, truth = await self._log(chat_id)
            self._check_log(chat_id, lines)
            for talker in self._world.talkers:
                self._check_received(talker, chat_id, lines)
                self._check_done(talker, chat_id, lines, truth)
                self._check_seen(talker, chat_id, truth)

    async def _log(self, chat_id: ChatId) -> tuple[list[Line], dict[int, State]]:
        """What stands there, and what a reader who asks now is told of each message."""
        with closing(self._look()) as connection:
            rows: list[tuple[int, str, str, str]] = connection.execute(
                "SELECT seq, kind, sender_id, COALESCE(ref, '') FROM messaging_entries WHERE chat_id = ? ORDER BY seq",
                (chat_id,),
            ).fetchall()
        host = self._world.messagings[0]
        told: list[Entry] = []
        while len(told) < len(rows):
            wanted = ListEntries(chat_id, after=told[-1].seq if told else 0, limit=PAGE)
            page = await host.process.spawn(host.services[Messaging].list_log(self._world.owner.actor, wanted))
            _must(bool(page.entries), "a log ends before its end")
            told += page.entries
        truth = {entry.seq: state_of(msgspec.to_builtins(entry)) for entry in told if entry.kind == "message"}
        return [
            Line(*row, target=entry.target, emoji=entry.emoji) for row, entry in zip(rows, told, strict=True)
        ], truth

    def _check_log(self, chat_id: ChatId, lines: Sequence[Line]) -> None:
        _must([line.seq for line in lines] == list(range(1, len(lines) + 1)), "a log has gaps")
        references = [(line.sender_id, line.ref) for line in lines if line.ref]
        _must(len(references) == len(set(references)), "a message stands twice in the log")
        standing: set[tuple[int, str, str]] = set()
        gone: set[int] = set()
        for line in lines:
            reaction = line.target, line.sender_id, line.emoji
            if line.kind in ("reacted", "unreacted"):
                _must((reaction in standing) == (line.kind == "unreacted"), f"{line.kind} was done twice")
                standing ^= {reaction}
            if line.target:
                _must(line.target < line.seq and line.target not in gone, f"{line.kind} of what is not there")
            if line.kind == "deleted":
                gone.add(line.target)

    def _check_received(self, talker: Talker, chat_id: ChatId, lines: Sequence[Line]) -> None:
        received = talker.received.get(chat_id, [])
        if not received and not self._is_in(talker, chat_id):
            return
        first = received[0][0] if received else 0
        _must(first >= 1, f"{talker.name} received nothing")
        log = [line.heard for line in lines[first - 1 :]]
        if not self._is_in(talker, chat_id):
            log = log[: len(received)]
        _must(received == log, f"{talker.name} did not receive the log as it is")
        _must(first == 1 or talker is not self._world.owner, f"{talker.name} missed the beginning")

    def _is_in(self, talker: Talker, chat_id: ChatId) -> bool:
        return self._read_seq(talker, chat_id) is not None

    def _read_seq(self, talker: Talker, chat_id: ChatId) -> int | None:
        with closing(self._look()) as connection:
            found = connection.execute(
                "SELECT read_seq FROM messaging_members WHERE chat_id = ? AND user_id = ?",
                (chat_id, talker.actor.user_id),
            ).fetchone()
        return found[0] if found else None

    def _check_done(self, talker: Talker, chat_id: ChatId, lines: Sequence[Line], truth: dict[int, State]) -> None:
        """What one was told to be done is done, and nothing else was done in one's name."""
        by_ref = {line.ref: line.seq for line in lines if line.ref}
        mine = {ref: entry.seq for ref, entry in talker.acknowledged.items() if entry.chat_id == chat_id}
        _must(mine.items() <= by_ref.items(), f"{talker.name} was acknowledged what is not in the log")
        deleted = [seq for chat, seq in talker.deleted if chat == chat_id]
        _must(all(truth[seq].deleted for seq in deleted), f"{talker.name} was told of a deletion that is none")
        for ref, seq in mine.items():
            said = [talker.sent[ref][1], *talker.edits.get((chat_id, seq), ())]
            _must(truth[seq].deleted or truth[seq].text in said, f"{talker.name} never said what stands there")
        read_seq = self._read_seq(talker, chat_id)
        _must(read_seq is None or read_seq >= talker.read.get(chat_id, 0), f"{talker.name} has to read again")

    def _check_seen(self, talker: Talker, chat_id: ChatId, truth: dict[int, State]) -> None:
        """All who have heard everything see the same, whenever and however each of them heard of it."""
        if self._is_in(talker, chat_id):
            for (chat, seq), state in talker.states.items():
                if chat == chat_id:
                    _must(state == truth[seq], f"{talker.name} sees {state}, which is {truth[seq]}")


def _must(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Broken(otherwise)
