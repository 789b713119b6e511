"""Search: everything said is found within a second, by whoever may read it now and nobody else."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.harness import Services
from tests.services.messaging.chats import channel, direct, group, log_of, say
from tests.services.messaging.searches import finds, found, found_messages, page_of, searching
from tests.waiting import eventually

from kaif.engines.index import Hit, Wanted
from kaif.interfaces.messaging import AddMembers, ChatId, RemoveMember
from kaif.interfaces.messaging.errors import BadCursor, ChatNotFound
from kaif.interfaces.messaging.search import NothingToFind, Piece, Search
from kaif.kernel.actor import UserId
from kaif.kernel.clock import as_us
from kaif.kernel.ids import new_id
from kaif.services.messaging.search.found import hit_of
from kaif.services.messaging.search.service import SearchService


@pytest.fixture
async def search(services: Services, tmp_path: Path) -> AsyncIterator[Search]:
    async with searching(tmp_path, services) as search:
        yield search


async def test_a_message_is_found_within_a_second(services: Services, search: Search) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)

    entry = await say(services, anna, chat_id, "Лодка ждёт у причала")
    await finds(search, boris, "лодка", "Лодка ждёт у причала", timeout_s=1)

    (message,) = await found_messages(search, anna, "лодка")
    assert message.entry == entry
    assert message.fragment == [Piece("Лодка", found=True), Piece(" ждёт у причала")]


async def test_what_is_covered_is_found_and_stays_covered(embedded: Services, tmp_path: Path) -> None:
    anna, boris = await embedded.newcomers("anna", "boris")
    chat_id = await direct(embedded, anna, boris)
    async with searching(tmp_path, embedded) as search:
        await say(embedded, anna, chat_id, "Убил ||🔪 дворецкий|| вчера")
        await finds(search, boris, "дворецкий", "Убил 🔪 дворецкий вчера")

        (message,) = await found_messages(search, boris, "дворецкий")
    assert message.fragment == [Piece("Убил ▒▒"), Piece("▒" * 9, found=True), Piece(" вчера")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Мы катались на лодках", "лодка"),
        ("Ёлка уже стоит", "елка"),
        ("Елка уже стоит", "ЁЛКА"),
        ("We were running late", "run"),
        ("Three Boats on the lake", "BOAT "),
        ("Встретимся у причала", "прич"),
        ("Встретимся в беседке у воды", "у воды в беседках"),
        ("причал в ozero.example, в 18:30", "ozero"),
    ],
)
async def test_words_are_found_in_their_forms_in_both_languages(
    embedded: Services, tmp_path: Path, text: str, words: str
) -> None:
    anna, boris = await embedded.newcomers("anna", "boris")
    chat_id = await direct(embedded, anna, boris)
    async with searching(tmp_path, embedded) as search:
        await say(embedded, anna, chat_id, "Нечто иное, something else")
        await say(embedded, anna, chat_id, text)

        await finds(search, anna, words, text)


async def test_a_space_ends_the_word_that_is_being_typed(embedded: Services, tmp_path: Path) -> None:
    anna, boris = await embedded.newcomers("anna", "boris")
    chat_id = await direct(embedded, anna, boris)
    async with searching(tmp_path, embedded) as search:
        await say(embedded, anna, chat_id, "Причалили к берегу")
        await finds(search, anna, "бер", "Причалили к берегу")

        assert await found(search, anna, "бер ") == []


async def test_all_of_the_words_must_be_there(embedded: Services, tmp_path: Path) -> None:
    anna, boris = await embedded.newcomers("anna", "boris")
    chat_id = await direct(embedded, anna, boris)
    async with searching(tmp_path, embedded) as search:
        for text in ("лодка и весло", "лодка без вёсел", "весло сломано"):
            await say(embedded, anna, chat_id, text)
        await finds(search, anna, "весло", "весло сломано", "лодка и весло")

        assert await found(search, anna, "весло лодка ") == ["лодка и весло"]


async def test_nobody_finds_what_is_said_in_chats_of_others(services: Services, search: Search) -> None:
    anna, boris, eve = await services.newcomers("anna", "boris", "eve")
    chat_id = await direct(services, anna, boris)
    await direct(services, eve, anna)
    await say(services, anna, chat_id, "секрет")
    await finds(search, boris, "секрет", "секрет")

    assert await found(search, eve, "секрет") == []
    assert await found(search, eve, sender_id=anna.user_id) == []
    with pytest.raises(ChatNotFound):
        await page_of(search, eve, "секрет", chat_id=chat_id)
    with pytest.raises(ChatNotFound):
        await page_of(search, eve, "секрет", chat_id=ChatId(new_id()))


async def test_whoever_left_finds_nothing_and_whoever_came_finds_everything(services: Services, search: Search) -> None:
    anna, boris, vera = await services.newcomers("anna", "boris", "vera")
    chat_id = await group(services, anna, boris)
    await say(services, anna, chat_id, "план похода")
    await finds(search, boris, "план", "план похода")

    await services.messaging.remove_member(anna, RemoveMember(chat_id, boris.user_id))
    assert await found(search, boris, "план") == []
    with pytest.raises(ChatNotFound):
        await page_of(search, boris, "план", chat_id=chat_id)

    await services.messaging.add_members(anna, AddMembers(chat_id, [vera.user_id]))
    assert await found(search, vera, "план") == ["план похода"]


async def test_filters_bound_what_is_found(services: Services, search: Search) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    one, other = await direct(services, anna, boris), await group(services, anna, boris)
    first = await say(services, anna, one, "озеро раз")
    second = await say(services, boris, one, "озеро два https://ozero.example/путь")
    third = await say(services, boris, other, "озеро три")
    await finds(search, anna, "озеро", third.text, second.text, first.text)

    assert await found(search, anna, "озеро", chat_id=one) == [second.text, first.text]
    assert await found(search, anna, "озеро", sender_id=anna.user_id) == [first.text]
    assert await found(search, anna, has="link") == [second.text]
    assert await found(search, anna, "озеро", kind="message") == [third.text, second.text, first.text]
    assert await found(search, anna, "озеро", kind="joined") == []
    assert await found(search, anna, "озеро", since=second.at) == [third.text, second.text]
    assert await found(search, anna, "озеро", until=second.at) == [first.text]
    assert await found(search, anna, "озеро", since=first.at, until=third.at + timedelta(microseconds=1)) == [
        third.text, second.text, first.text,
    ]  # fmt: skip
    assert await found(search, anna, "озеро", since=second.at, until=second.at) == []


async def test_nobody_finds_out_for_whom_a_channel_speaks(services: Services, search: Search) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await channel(services, anna, boris)
    await say(services, anna, chat_id, "Причал открыт")
    await finds(search, boris, "причал", "Причал открыт")

    assert await found(search, boris, "причал", sender_id=anna.user_id) == []
    assert await found(search, boris, "причал", sender_id=UserId(chat_id)) == ["Причал открыт"]


async def test_pages_leave_nothing_out_and_repeat_nothing(services: Services, search: Search) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chats = [await direct(services, anna, boris), await group(services, anna, boris)]
    await asyncio.gather(*(say(services, anna, chats[n % 2], f"волна {n}") for n in range(100)))

    async def all_found() -> bool:
        return len(await found(search, anna, "волна", limit=50)) == 100

    await eventually(all_found)
    for limit in (1, 7, 50):
        messages = await found_messages(search, anna, "волна", limit=limit)
        assert len({message.entry.text for message in messages}) == len(messages) == 100
        assert [message.entry.at for message in messages] == sorted((m.entry.at for m in messages), reverse=True)
    assert len(set(await found(search, anna, "волна", limit=30, order="best"))) == 100


async def test_the_best_first_prefers_what_speaks_of_little_else(embedded: Services, tmp_path: Path) -> None:
    anna, boris = await embedded.newcomers("anna", "boris")
    chat_id = await direct(embedded, anna, boris)
    async with searching(tmp_path, embedded) as search:
        await say(embedded, anna, chat_id, "Байдарка")
        await say(embedded, anna, chat_id, "Где-то в длинном письме о погоде, рыбе и грибах упомянута и байдарка")
        await finds(search, anna, "байдарки", *(entry.text for entry in (await log_of(embedded, anna, chat_id))[:0:-1]))

        assert (await found(search, anna, "байдарки", order="best"))[0] == "Байдарка"


async def test_a_long_text_is_shown_where_it_was_found(embedded: Services, tmp_path: Path) -> None:
    anna, boris = await embedded.newcomers("anna", "boris")
    chat_id = await direct(embedded, anna, boris)
    async with searching(tmp_path, embedded) as search:
        await say(embedded, anna, chat_id, "Слова без смысла.\n" * 40 + "Здесь 🛶 клад" + " и ещё слова" * 40)
        await eventually(lambda: _is_found(search, anna, "клад"))

        (message,) = await found_messages(search, anna, "клад")
    pieces = message.fragment
    assert [piece.text for piece in pieces if piece.found] == ["клад"]
    assert pieces[0].text == pieces[-1].text == "…"
    shown = "".join(piece.text for piece in pieces)
    assert len(shown) < 170
    assert "\n" not in shown
    assert "Здесь 🛶 клад" in shown


async def _is_found(search: Search, actor: object, words: str) -> bool:
    return bool(await found(search, actor, words))  # type: ignore[arg-type]


@pytest.mark.parametrize("words", ["", "   ", "...", "🛶", "—"])
async def test_without_a_word_there_must_be_a_filter(embedded: Services, tmp_path: Path, words: str) -> None:
    anna, boris = await embedded.newcomers("anna", "boris")
    chat_id = await direct(embedded, anna, boris)
    async with searching(tmp_path, embedded) as search:
        with pytest.raises(NothingToFind):
            await page_of(search, anna, words, chat_id=chat_id)
        assert await found(search, anna, words, sender_id=anna.user_id) == []


@pytest.mark.parametrize("cursor", ["x", "-", "1", "9" * 20 + "-a-1", "1-", "²-a-1"])
async def test_a_cursor_of_ones_own_making_is_refused_or_harmless(
    embedded: Services, tmp_path: Path, cursor: str
) -> None:
    anna, boris = await embedded.newcomers("anna", "boris")
    await direct(embedded, anna, boris)
    async with searching(tmp_path, embedded) as search:
        with pytest.raises(BadCursor):
            await page_of(search, anna, "слово", cursor=cursor)
    async with searching(tmp_path, embedded) as search:
        with pytest.raises(BadCursor):
            await page_of(search, anna, "слово", cursor=f"x{cursor}", order="best")


@pytest.mark.parametrize("words", ["a:b AND (c", '"unclosed', "* OR NOT", "[1 TO 2]", "слово^9~2", "\\", "a" * 99])
async def test_no_word_is_a_command(embedded: Services, tmp_path: Path, words: str) -> None:
    anna, boris = await embedded.newcomers("anna", "boris")
    chat_id = await direct(embedded, anna, boris)
    async with searching(tmp_path, embedded) as search:
        await say(embedded, anna, chat_id, "обычное сообщение")
        await finds(search, anna, "обычное", "обычное сообщение")

        if any(letter.isalnum() for letter in words):
            assert await found(search, anna, words) == []


class LyingIndex:
    """Proposes everything to everybody, in whatever words."""

    def __init__(self, hits: list[Hit]) -> None:
        self._hits = hits

    async def search(self, wanted: Wanted) -> list[Hit]:
        return self._hits[wanted.offset :][: wanted.limit]

    def has_words(self, text: str) -> bool:
        return True

    def marked(self, words: str, text: str) -> list[tuple[int, int]] | None:
        return []


class Lying:
    is_complete = True

    def __init__(self, hits: list[Hit]) -> None:
        self.index = LyingIndex(hits)


async def test_whatever_an_index_proposes_nobody_reads_what_is_not_theirs(services: Services) -> None:
    anna, boris, eve = await services.newcomers("anna", "boris", "eve")
    secret, own = await direct(services, anna, boris), await direct(services, eve, anna)
    moments = [as_us((await say(services, anna, chat_id, "видно не всем")).at) for chat_id in (secret, own)]
    # Each place with either moment: those of messages are among them.
    places = [(chat_id, seq) for chat_id in (secret, own, ChatId(new_id())) for seq in range(1, 4)]
    hits = [hit_of(chat_id, seq, at_us) for chat_id, seq in places for at_us in moments]
    search = SearchService(services.database, Lying(hits))  # type: ignore[arg-type]

    page = await page_of(search, eve, "видно", order="best")

    assert [message.entry.chat_id for message in page.messages] == [own]
