"""Polls: every vote counts once, everybody hears how they stand, and nobody hears what is not theirs to know."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.harness import Services, wired_services
from tests.services.messaging.chats import channel, direct, group, log_of, message_of, say
from tests.services.messaging.replicas import Replica
from tests.services.messaging.searches import finds, found, searching
from tests.waiting import eventually, until

from kaif.interfaces.auth import Person
from kaif.interfaces.messaging import ChatId, Entry, ListEntries
from kaif.interfaces.messaging.actions import (
    DeleteMessages,
    EditMessage,
    ForwardedMessage,
    ForwardMessages,
    MessageNotFound,
    NotEditable,
    NotYourMessage,
    OfMessage,
)
from kaif.interfaces.messaging.administration import ChangeChat
from kaif.interfaces.messaging.cards import Poll, PollOption
from kaif.interfaces.messaging.errors import ChatNotFound, LinksNotAllowed, MayNotSend, PersonNotReachable
from kaif.interfaces.messaging.history import ExportHistory
from kaif.interfaces.messaging.news import ENTRIES, Delivery
from kaif.interfaces.messaging.polls import (
    AnswerStays,
    BadPoll,
    BadVote,
    ListVoters,
    NotAPoll,
    PollClosed,
    PollMustBeAnonymous,
    SendPoll,
    Vote,
    VotersHidden,
)
from kaif.interfaces.messaging.privacy import OfPerson
from kaif.interfaces.personal_data import PersonErased
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import SECOND_US, now_us
from kaif.kernel.ids import new_id
from kaif.services.messaging import entry_rules, entry_store
from kaif.services.messaging.reactions import Reactions

DAYS = ["в субботу", "в воскресенье", "никогда"]


async def ask(services: Services, actor: Actor, chat_id: ChatId, **how: Any) -> Entry:
    wanted = {"question": "Когда едем на озеро?", "options": DAYS, **how}
    return await services.polls.send_poll(actor, SendPoll(chat_id, new_id(), **wanted))


async def vote(services: Services, actor: Actor, poll: Entry, *options: int) -> Poll:
    return card_of(await services.polls.vote(actor, Vote(poll.chat_id, poll.seq, list(options))))


async def close(services: Services, actor: Actor, poll: Entry) -> Poll:
    return card_of(await services.polls.close_poll(actor, OfMessage(poll.chat_id, poll.seq)))


async def voters(services: Services, actor: Actor, poll: Entry, option: int, cursor: str = "") -> list[str]:
    """Names, a page of one after another."""
    wanted = ListVoters(poll.chat_id, poll.seq, option, limit=2, cursor=cursor)
    page = await services.polls.list_voters(actor, wanted)
    names = [one.person.username for one in page.voters]
    return names + (await voters(services, actor, poll, option, page.next_cursor) if page.next_cursor else [])


async def seen(services: Services, actor: Actor, poll: Entry) -> Poll:
    return card_of(await message_of(services, actor, poll))


def card_of(entry: Entry | None) -> Poll:
    assert entry and isinstance(entry.card, Poll)
    return entry.card


def counts(poll: Poll) -> list[int]:
    return [option.votes for option in poll.options]


def mine(poll: Poll) -> list[int]:
    return [place for place, option in enumerate(poll.options) if option.mine]


async def refused(kind: type[Exception], *calls: Any) -> None:
    for call in calls:
        with pytest.raises(kind):
            await call


async def news_of(services: Services) -> list[bytes]:
    """All that gateways are given for everybody, as it comes."""
    heard: list[bytes] = []

    def hear(payload: bytes) -> None:
        for delivery in msgspec.msgpack.decode(payload, type=list[Delivery]):
            heard.extend(delivery.entries)

    await services.cache.subscribe(ENTRIES, hear)
    return heard


async def told(services: Services, actor: Actor, poll: Entry, voters: int) -> Entry:
    """The entry by which the chat was told so: what is read meanwhile may be ahead of it."""

    async def so() -> bool:
        row = await entry_store.find_entry(services.database, poll.chat_id, poll.seq)
        card = entry_rules.body_of(row).card if row else None
        return isinstance(card, Poll) and card.voters == voters

    await eventually(so, timeout_s=5)
    return [entry for entry in await log_of(services, actor, poll.chat_id) if entry.target == poll.seq][-1]


@pytest.fixture
async def at_will(tmp_path: Path, database_url: str) -> AsyncIterator[tuple[Services, list[int]]]:
    """Services whose clock stands still, but for what the test adds to it."""
    start_us, ahead_s = now_us(), [0]
    async with wired_services(tmp_path, database_url, clock=lambda: start_us + ahead_s[0] * SECOND_US) as services:
        yield services, ahead_s


# Voting


async def test_everybody_sees_how_a_poll_stands_and_each_their_own_choice(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    poll = await ask(services, anna, await group(services, anna, boris))
    assert (poll.text, card_of(poll)) == (
        "Когда едем на озеро?", Poll([PollOption(day) for day in DAYS], anonymous=True)
    )  # fmt: skip

    answer = await vote(services, boris, poll, 1)

    assert (counts(answer), mine(answer), answer.voters) == ([0, 1, 0], [1], 1)
    others = await seen(services, anna, poll)
    assert (counts(others), mine(others)) == ([0, 1, 0], [])
    entry = await told(services, anna, poll, voters=1)
    assert (entry.kind, entry.sender_id, entry.target) == ("voted", UserId(poll.chat_id), poll.seq)
    assert entry.message and entry.message.version == entry.seq
    # What it says of oneself it says to oneself alone.
    own = next(one for one in await log_of(services, boris, poll.chat_id) if one.seq == entry.seq)
    assert (mine(card_of(entry.message)), mine(card_of(own.message))) == ([], [1])


async def test_of_fifty_who_vote_at_once_each_counts_once(services: Services) -> None:
    people = await services.newcomers(*[f"person{number}" for number in range(50)])
    chat_id = await group(services, *people)
    poll = await ask(services, people[0], chat_id)

    await asyncio.gather(
        *[vote(services, person, poll, place % 3) for place, person in enumerate(people) for _ in range(2)],
        *[say(services, person, chat_id) for person in people[:10]],
    )

    now = await seen(services, people[0], poll)
    assert (counts(now), now.voters) == ([17, 17, 16], 50)
    assert counts(card_of((await told(services, people[0], poll, voters=50)).message)) == [17, 17, 16]
    log = await log_of(services, people[0], chat_id)
    assert [entry.seq for entry in log] == list(range(1, len(log) + 1))


async def test_a_vote_is_changed_and_taken_back(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    poll = await ask(services, anna, await group(services, anna, boris), multiple=True)

    for chosen, expected in (([0, 2], [1, 0, 1]), ([2, 1], [0, 1, 1]), ([], [0, 0, 0]), ([], [0, 0, 0])):
        answer = await vote(services, boris, poll, *chosen)
        assert (counts(answer), mine(answer), answer.voters) == (expected, sorted(chosen), int(bool(chosen)))
    await vote(services, boris, poll, 1)
    await vote(services, anna, poll, 1, 2)
    assert (counts(now := await seen(services, anna, poll)), now.voters) == ([0, 2, 1], 2)


async def test_what_a_poll_does_not_offer_is_no_vote(services: Services) -> None:
    anna, boris, eve = await services.newcomers("anna", "boris", "eve")
    chat_id = await group(services, anna, boris)
    single, several = await ask(services, anna, chat_id), await ask(services, anna, chat_id, multiple=True)
    words = await say(services, anna, chat_id)

    await refused(
        BadVote,
        vote(services, boris, single, 0, 1),
        vote(services, boris, single, 3),
        vote(services, boris, several, 1, 1),
    )
    await refused(ChatNotFound, vote(services, eve, single, 0), close(services, eve, single))
    await refused(NotAPoll, vote(services, boris, words, 0), close(services, boris, words))
    await refused(MessageNotFound, services.polls.vote(boris, Vote(chat_id, 99, [0])))
    assert counts(await seen(services, anna, single)) == [0, 0, 0]


async def test_a_chat_is_told_at_most_so_often(at_will: tuple[Services, list[int]]) -> None:
    services, ahead_s = at_will
    people = await services.newcomers(*[f"person{number}" for number in range(12)])
    poll = await ask(services, people[0], await group(services, *people))

    async def tellings() -> int:
        return [entry.kind for entry in await log_of(services, people[0], poll.chat_id)].count("voted")

    await vote(services, people[0], poll, 0)
    await told(services, people[0], poll, voters=1)
    await asyncio.gather(*[vote(services, person, poll, 1) for person in people[1:11]])
    assert await tellings() == 1
    ahead_s[0] += 1
    await vote(services, people[11], poll, 1)
    await told(services, people[0], poll, voters=12)
    assert await tellings() == 2


async def test_what_nobody_was_told_before_a_crash_is_told_after_it(tmp_path: Path, database_url: str) -> None:
    start_us = now_us()
    async with wired_services(tmp_path, database_url, clock=lambda: start_us) as services:
        anna, boris = await services.newcomers("anna", "boris")
        poll = await ask(services, anna, await group(services, anna, boris), open_s=60)
        await vote(services, anna, poll, 0)
        await told(services, anna, poll, voters=1)
        await vote(services, boris, poll, 0)

    async with wired_services(tmp_path, database_url, clock=lambda: start_us + SECOND_US) as services:
        assert (await told(services, anna, poll, voters=2)).kind == "voted"
    async with wired_services(tmp_path, database_url, clock=lambda: start_us + 60 * SECOND_US) as services:
        await refused(PollClosed, vote(services, boris, poll, 1))
        await eventually(lambda: _is_closed(services, anna, poll), timeout_s=5)


async def _is_closed(services: Services, actor: Actor, poll: Entry) -> bool:
    return (await seen(services, actor, poll)).closed


async def test_live_and_returning_clients_end_with_the_same_counts(at_will: tuple[Services, list[int]]) -> None:
    services, ahead_s = at_will
    people = await services.newcomers(*[f"person{number}" for number in range(8)])
    poll = await ask(services, people[0], await group(services, *people))
    heard, chance = await news_of(services), random.Random(7)
    pages: list[list[Entry]] = []

    for number in range(30):
        await vote(services, chance.choice(people), poll, *chance.choice([[0], [1], [2], []]))
        ahead_s[0] += chance.randint(0, 1)
        if number % 5 == 0:
            pages.append((await services.messaging.list_log(people[0], ListEntries(poll.chat_id, 0))).entries)
    ahead_s[0] += 2
    for person in people:
        await vote(services, person, poll, 2)
    ahead_s[0] += 2
    await vote(services, people[0], poll, 0)
    await told(services, people[0], poll, voters=8)

    async def quiet() -> bool:
        due: list[tuple[int]] = await services.database.fetch(tuple, "SELECT due_at_us FROM messaging_polls")
        return due == [(0,)]

    await eventually(quiet, timeout_s=5)
    await until(lambda: card_of(msgspec.json.decode(heard[-1], type=Entry).message).voters == 8)
    pieces = [[msgspec.json.decode(entry, type=Entry)] for entry in heard] + pages
    now = (await services.messaging.list_log(people[0], ListEntries(poll.chat_id, 0))).entries[1]
    for _ in range(5):
        chance.shuffle(pieces)
        replica = Replica()
        for piece in pieces:
            replica.take(piece)
        assert replica.messages[poll.seq] == now


# Quizzes


async def test_the_answer_of_a_quiz_is_told_to_those_who_have_answered_and_to_nobody_else(services: Services) -> None:
    anna, boris, clara = await services.newcomers("anna", "boris", "clara")
    heard = await news_of(services)
    quiz = await ask(services, anna, await group(services, anna, boris, clara), correct=2, explanation="Озеро замерзло")

    answer = await vote(services, boris, quiz, 0)
    await told(services, anna, quiz, voters=1)

    assert (answer.quiz, answer.correct, answer.explanation) == (True, 2, "Озеро замерзло")
    for person in (anna, clara):
        other = await seen(services, person, quiz)
        assert (other.quiz, other.correct, other.explanation) == (True, None, "")
    assert not [entry for entry in heard if "замерзло".encode() in entry or b"correct" in entry]
    assert [one.card for one in await log_of(services, boris, quiz.chat_id) if one.card] == [answer]
    await refused(AnswerStays, vote(services, boris, quiz, 2), vote(services, boris, quiz))
    assert await vote(services, boris, quiz, 0) == answer

    closed = await close(services, anna, quiz)

    assert (closed.closed, closed.correct, closed.explanation) == (True, 2, "Озеро замерзло")
    assert "замерзло".encode() in heard[-1]


# Closing


async def test_a_poll_is_closed_by_its_author_or_by_whoever_may_delete_here(services: Services) -> None:
    anna, boris, clara = await services.newcomers("anna", "boris", "clara")
    chat_id = await group(services, anna, boris, clara)
    one, other = await ask(services, boris, chat_id), await ask(services, boris, chat_id)
    await vote(services, clara, one, 0)

    await refused(NotYourMessage, close(services, clara, one))
    for _ in range(2):
        assert (await close(services, boris, one)).closed
    assert (await close(services, anna, other)).closed

    await refused(PollClosed, vote(services, anna, one, 0), vote(services, clara, one), vote(services, anna, other, 0))
    log = await log_of(services, anna, chat_id)
    assert [(entry.sender_id, entry.target) for entry in log if entry.kind == "closed"] == [
        (boris.user_id, one.seq), (anna.user_id, other.seq),
    ]  # fmt: skip
    now = await seen(services, clara, one)
    assert (counts(now), mine(now), now.voters) == ([1, 0, 0], [0], 1)


async def test_a_poll_closes_when_its_time_is_over(at_will: tuple[Services, list[int]]) -> None:
    services, ahead_s = at_will
    anna, boris = await services.newcomers("anna", "boris")
    quiz = await ask(services, anna, await group(services, anna, boris), correct=1, open_s=60)
    ahead_s[0] = 59
    await vote(services, boris, quiz, 1)
    ahead_s[0] = 60

    await refused(PollClosed, vote(services, anna, quiz, 1))

    await eventually(lambda: _is_closed(services, anna, quiz), timeout_s=5)
    entry = (await log_of(services, anna, quiz.chat_id))[-1]
    assert (entry.kind, entry.sender_id) == ("closed", UserId(quiz.chat_id))
    assert (counts(card := card_of(entry.message)), card.correct) == ([0, 1, 0], 1)


# Who voted


async def test_who_voted_is_told_of_open_polls_alone(services: Services) -> None:
    anna, boris, clara, eve = await services.newcomers("anna", "boris", "clara", "eve")
    chat_id = await group(services, anna, boris, clara)
    open_one, secret = await ask(services, anna, chat_id, anonymous=False), await ask(services, anna, chat_id)
    for poll in (open_one, secret):
        for person in (anna, boris, clara):
            await vote(services, person, poll, 1)

    assert await voters(services, boris, open_one, 1) == ["clara", "boris", "anna"]
    assert await voters(services, boris, open_one, 0) == []
    await refused(BadVote, voters(services, boris, open_one, 3))
    await refused(ChatNotFound, voters(services, eve, open_one, 1))
    for person in (anna, boris):
        await refused(VotersHidden, voters(services, person, secret, 1))


async def test_nothing_that_anybody_gets_names_the_voters_of_an_anonymous_poll(services: Services) -> None:
    anna, boris, clara = await services.newcomers("anna", "boris", "clara")
    chat_id = await channel(services, anna, boris, clara)
    heard = await news_of(services)
    poll = await ask(services, anna, chat_id)

    await vote(services, boris, poll, 1)
    await told(services, anna, poll, voters=1)
    await close(services, anna, poll)

    got = [*heard, msgspec.json.encode(await log_of(services, anna, chat_id))]
    for format in ("json", "html"):
        history = await services.history.export_history(anna, ExportHistory(format))
        got.append(history.content.encode())
    assert len(got) == 6
    assert not [one for one in got if boris.user_id.encode() in one]
    log: list[tuple[str]] = await services.database.fetch(tuple, "SELECT sender_id FROM messaging_entries")
    assert (boris.user_id,) not in log
    # Who reads a channel is nobody's business.
    await refused(PollMustBeAnonymous, ask(services, anna, chat_id, anonymous=False))
    await refused(MayNotSend, ask(services, boris, chat_id))


async def test_whoever_is_erased_leaves_their_vote_and_not_who_it_was(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)
    open_one, secret = await ask(services, anna, chat_id, anonymous=False), await ask(services, anna, chat_id)
    for poll in (open_one, secret):
        await vote(services, boris, poll, 1)

    for _ in range(2):
        remains = Person(boris.user_id, "", "")
        await Reactions(services.database).forget_person(PersonErased(erasure_id="e", remains=remains))

    assert await voters(services, anna, open_one, 1) == [""]
    assert counts(await seen(services, anna, secret)) == [0, 1, 0]
    assert await services.database.fetch(tuple, "SELECT seq FROM messaging_votes") == [(open_one.seq,)]


# Beside other deeds


async def test_of_a_deleted_poll_nothing_is_left(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    poll = await ask(services, anna, await group(services, anna, boris), correct=0, explanation="тайна")
    await vote(services, boris, poll, 0)

    await services.actions.delete_messages(anna, DeleteMessages(poll.chat_id, [poll.seq], True))

    await refused(MessageNotFound, vote(services, boris, poll, 0), close(services, anna, poll))
    assert (await message_of(services, boris, poll)).card is None
    for table in ("polls", "votes"):
        assert await services.database.fetch(tuple, f"SELECT * FROM messaging_{table}") == []
    entries = repr(await services.database.fetch(tuple, "SELECT body FROM messaging_entries"))
    assert "субботу" not in entries and "тайна" not in entries


async def test_a_poll_is_forwarded_as_it_stands_and_without_what_the_forwarder_alone_knows(services: Services) -> None:
    anna, boris, clara = await services.newcomers("anna", "boris", "clara")
    quiz = await ask(services, anna, await group(services, anna, boris), correct=1, explanation="тайна")
    await vote(services, boris, quiz, 1)
    there = await direct(services, boris, clara)

    wanted = ForwardMessages(there, quiz.chat_id, [ForwardedMessage(quiz.seq, "f")])
    (entry,) = (await services.actions.forward_messages(boris, wanted)).entries

    result = await seen(services, clara, entry)
    assert (counts(result), mine(result), result.closed) == ([0, 1, 0], [], True)
    assert (result.correct, result.explanation) == (None, "")
    assert entry.forward and entry.forward.sender_id == anna.user_id
    await refused(PollClosed, vote(services, clara, entry, 1))
    await vote(services, anna, quiz, 0)
    assert await seen(services, clara, entry) == result


async def test_a_poll_is_not_edited(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    poll = await ask(services, anna, await group(services, anna, boris))

    await refused(NotEditable, services.actions.edit_message(anna, EditMessage(poll.chat_id, poll.seq, "Иначе?")))


async def test_between_those_whom_a_block_parts_nobody_votes(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    poll = await ask(services, anna, await direct(services, anna, boris))
    await services.privacy.block_person(anna, OfPerson(boris.user_id))

    await refused(PersonNotReachable, vote(services, boris, poll, 0))


async def test_a_poll_is_found_by_its_options_and_taken_along(services: Services, tmp_path: Path) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)
    async with searching(tmp_path, services) as search:
        await say(services, anna, chat_id, "поплывём в субботу")
        poll = await ask(services, anna, chat_id)
        await vote(services, boris, poll, 1)

        await finds(search, boris, "воскресенье", poll.text)
        assert await found(search, boris, has="poll") == [poll.text]
    page = (await services.history.export_history(boris, ExportHistory("html", "ru"))).content
    assert "<li>в воскресенье: 1 (100 %, ваш ответ)</li>" in page


@pytest.mark.parametrize(
    "wrong",
    [
        {"question": " \u2028 "},
        {"options": ["да", " ДА "]},
        {"options": ["да", "  "]},
        {"correct": 3},
        {"correct": 1, "multiple": True},
        {"explanation": "потому что"},
        {"open_s": 4},
    ],
)
async def test_what_is_no_poll_is_not_asked(embedded: Services, wrong: dict[str, Any]) -> None:
    anna = await embedded.newcomer("anna")
    chat_id = await group(embedded, anna)

    await refused(BadPoll, ask(embedded, anna, chat_id, **wrong))


async def test_what_one_may_not_write_one_may_not_ask(embedded: Services) -> None:
    anna, boris = await embedded.newcomers("anna", "boris")
    chat_id = await group(embedded, anna, boris)
    await embedded.administration.change_chat(anna, ChangeChat(chat_id, default_rights=["send"]))

    await refused(LinksNotAllowed, ask(embedded, boris, chat_id, options=["да", "https://shop.example"]))
    await embedded.administration.change_chat(anna, ChangeChat(chat_id, default_rights=[]))
    await refused(MayNotSend, ask(embedded, boris, chat_id))


async def test_asking_again_under_the_same_reference_asks_once(embedded: Services) -> None:
    anna = await embedded.newcomer("anna")
    request = SendPoll(await group(embedded, anna), "r", "Когда?", DAYS)

    asked = await asyncio.gather(*[embedded.polls.send_poll(anna, request) for _ in range(10)])

    assert {entry.seq for entry in asked} == {2}
