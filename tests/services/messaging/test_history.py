"""Taking one's history along: all that one may read, in parts that make one whole file, and nothing of others."""

import asyncio
from html.parser import HTMLParser
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from tests.harness import Services
from tests.services.messaging.chats import channel, direct, group, log_of, say

from kaif.interfaces.auth import Nothing
from kaif.interfaces.messaging import AddMembers, RemoveMember, SendMessage
from kaif.interfaces.messaging.actions import DeleteMessages, EditMessage, ForwardedMessage, ForwardMessages, React
from kaif.interfaces.messaging.administration import ChangeChat, OfMember
from kaif.interfaces.messaging.content import TextEntity
from kaif.interfaces.messaging.errors import BadCursor, ChatNotFound
from kaif.interfaces.messaging.history import ExportHistory
from kaif.interfaces.messaging.notifications import UnknownTimeZone
from kaif.interfaces.messaging.topics import MakeTopic, SwitchTopics
from kaif.kernel.actor import Actor
from kaif.services.messaging.history.rich_text import html_of
from kaif.services.messaging.history.service import LOOKED_THROUGH


async def export(services: Services, actor: Actor, **wanted: Any) -> str:
    content, cursor = "", ""
    while True:
        part = await services.history.export_history(actor, ExportHistory(cursor=cursor, **wanted))
        assert len(part.content) < 2_000_000
        content += part.content
        if part.next_cursor is None:
            return content
        cursor = part.next_cursor


async def export_json(services: Services, actor: Actor, **wanted: Any) -> Any:
    return msgspec.json.decode((await export(services, actor, **wanted)).encode())


async def test_a_history_of_several_parts_is_whole_and_in_order(services: Services) -> None:
    anna, boris, vera = await services.newcomers("anna", "boris", "vera")
    chats = [await direct(services, anna, boris), await group(services, anna, boris, vera, title="Поход")]
    for chat_id in chats:
        await asyncio.gather(*(say(services, anna, chat_id, f'строка «{n}» \n\t"\\') for n in range(450)))

    exported = await export_json(services, anna)

    assert exported["person_id"] == anna.user_id
    assert sorted(each["chat"]["id"] for each in exported["chats"]) == sorted(chats)
    for each in exported["chats"]:
        log = await log_of(services, anna, each["chat"]["id"])
        assert [entry["seq"] for entry in each["entries"]] == [entry.seq for entry in log]
        assert [entry.get("text", "") for entry in each["entries"]] == [entry.text for entry in log]
        assert {entry["sender"]["display_name"] for entry in each["entries"]} == {"anna"}


async def test_without_chats_the_file_is_whole_too(services: Services) -> None:
    anna = await services.newcomer("anna")

    assert (await export_json(services, anna))["chats"] == []
    assert (await export(services, anna, format="html")).endswith("</html>\n")


async def test_nobody_takes_what_is_not_theirs(services: Services) -> None:
    anna, boris, eve = await services.newcomers("anna", "boris", "eve")
    chat_id = await direct(services, anna, boris)
    own = await group(services, eve, anna)
    await say(services, anna, chat_id, "секрет")

    assert "секрет" not in await export(services, eve)
    with pytest.raises(ChatNotFound):
        await export(services, eve, chat_id=chat_id)
    # A cursor is only a place: it opens nothing.
    part = await services.history.export_history(eve, ExportHistory(cursor=f"{chat_id}-0"))
    assert "секрет" not in part.content
    with pytest.raises(BadCursor):
        await services.history.export_history(eve, ExportHistory(chat_id=own, cursor=f"{chat_id}-0"))


@pytest.mark.parametrize("cursor", ["x", "-", "a-", "a-²", "-1", "a-99999999999999999"])
async def test_a_cursor_of_ones_own_making_is_refused(embedded: Services, cursor: str) -> None:
    anna = await embedded.newcomer("anna")

    with pytest.raises(BadCursor):
        await embedded.history.export_history(anna, ExportHistory(cursor=cursor))


async def test_whoever_is_taken_out_in_the_middle_gets_no_more_of_that_chat(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)
    await asyncio.gather(*(say(services, anna, chat_id, f"строка {n}") for n in range(250)))
    first = await services.history.export_history(boris, ExportHistory(chat_id=chat_id))
    assert first.next_cursor

    await services.messaging.remove_member(anna, RemoveMember(chat_id, boris.user_id))
    rest = await services.history.export_history(boris, ExportHistory(chat_id=chat_id, cursor=first.next_cursor))

    assert msgspec.json.decode((first.content + rest.content).encode())
    assert "строка" not in rest.content


async def test_what_was_deleted_or_said_otherwise_before_is_not_in_it(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    edited = await say(services, anna, chat_id, "первая мысль")
    deleted = await say(services, anna, chat_id, "лишнее")
    hidden = await say(services, anna, chat_id, "не для меня")
    await services.actions.edit_message(anna, EditMessage(chat_id, edited.seq, "вторая мысль"))
    await services.actions.delete_messages(anna, DeleteMessages(chat_id, [deleted.seq], for_everyone=True))
    await services.actions.delete_messages(boris, DeleteMessages(chat_id, [hidden.seq], for_everyone=False))

    for format in ("json", "html"):
        his, hers = await export(services, boris, format=format), await export(services, anna, format=format)
        assert "вторая мысль" in his
        assert "первая мысль" not in his + hers
        assert "лишнее" not in his + hers
        assert "не для меня" in hers
        assert "не для меня" not in his


class Seen(HTMLParser):
    """What a browser makes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


async def test_the_page_shows_texts_as_they_are_and_loads_nothing(services: Services) -> None:
    nasty = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&amp; https://ozero.example"
    anna = await services.newcomer("anna", display_name="<b>Анна</b>")
    boris = await services.newcomer("boris", display_name="Борис")
    chat_id = await group(services, anna, boris, title="<i>Поход</i>")
    first = await say(services, anna, chat_id, nasty)
    await say(services, boris, chat_id, "Ответ", reply_to=first.seq)

    seen = Seen()
    seen.feed(await export(services, boris, format="html", language="ru", chat_id=chat_id))

    assert {tag for tag, _ in seen.tags} == {
        "html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "time", "section", "ol", "li", "b",
        "blockquote", "a", "div", "br",
    }  # fmt: skip
    for expected in (nasty, "<b>Анна</b>", "<i>Поход</i>"):
        assert expected in seen.text
    assert all(not name.startswith("on") for _, attributes in seen.tags for name in attributes)
    hrefs = [attributes["href"] for tag, attributes in seen.tags if tag == "a"]
    assert hrefs == ["https://ozero.example", f"#{chat_id}-{first.seq}"]
    policy = next(a["content"] for t, a in seen.tags if a.get("http-equiv") == "content-security-policy")
    assert policy and policy.startswith("default-src 'none'; style-src 'sha256-")


async def test_the_page_says_all_that_a_message_is(embedded: Services) -> None:
    anna, boris, vera = await embedded.newcomers("anna", "boris", "vera")
    elsewhere, chat_id = await direct(embedded, vera, anna), await group(embedded, anna, boris)
    said = '😀 **жирно** [карта](https://ozero.example/?a=1&b="2") ||тайна||\n> цитата\nдальше `x<y`'
    first = await say(embedded, anna, chat_id, said)
    await say(embedded, boris, chat_id, "Ответ", reply_to=first.seq, quote="жирно")
    await say(embedded, boris, chat_id, "Ещё", reply_to=first.seq)
    theirs = await say(embedded, vera, elsewhere, "издалека")
    await embedded.actions.forward_messages(
        anna, ForwardMessages(chat_id, elsewhere, [ForwardedMessage(theirs.seq, "f")])
    )
    await embedded.actions.add_reaction(boris, React(chat_id, first.seq, "👍"))
    await embedded.administration.change_chat(anna, ChangeChat(chat_id, title="Новое <имя>"))
    await embedded.messaging.add_members(anna, AddMembers(chat_id, [vera.user_id]))
    await embedded.messaging.remove_member(vera, RemoveMember(chat_id, vera.user_id))

    page = await export(embedded, boris, format="html", chat_id=chat_id)

    for expected in (
        '<div class="text">😀 <b>жирно</b> <a href="https://ozero.example/?a=1&amp;b=&quot;2&quot;"'
        ' rel="noopener noreferrer nofollow">карта</a> <span class="spoiler" tabindex="0">тайна</span>'
        "<blockquote>цитата</blockquote>дальше <code>x&lt;y</code></div><p><small>👍 1</small></p>",
        "</a><br><b>anna</b><br>жирно</blockquote>",
        "</a><br><b>anna</b><br>😀 жирно карта ▒▒▒▒▒\nцитата\nдальше x&lt;y</blockquote>",
        "Forwarded from: vera, ",
        "changes the name: Новое &lt;имя&gt;",
        "anna adds: vera <time",
        "vera leaves the chat <time",
    ):
        assert expected in page


async def test_what_is_answered_is_not_told_once_it_is_deleted_or_hidden(embedded: Services) -> None:
    anna, boris = await embedded.newcomers("anna", "boris")
    chat_id = await direct(embedded, anna, boris)
    deleted, hidden = await say(embedded, anna, chat_id, "лишнее"), await say(embedded, anna, chat_id, "не для меня")
    # So far that they are in another part than what answers them.
    await asyncio.gather(*(say(embedded, anna, chat_id, str(n)) for n in range(200)))
    for answered in (deleted, hidden):
        await say(embedded, anna, chat_id, "ответ", reply_to=answered.seq)
    await embedded.actions.delete_messages(anna, DeleteMessages(chat_id, [deleted.seq], for_everyone=True))
    await embedded.actions.delete_messages(boris, DeleteMessages(chat_id, [hidden.seq], for_everyone=False))

    his, hers = await export(embedded, boris, format="html"), await export(embedded, anna, format="html")

    assert "лишнее" not in his + hers
    assert (hers.count("не для меня"), his.count("не для меня")) == (2, 0)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "//ozero.example", "https:", "http://["])
def test_a_link_leads_nowhere_but_to_the_web(url: str) -> None:
    assert html_of("сюда", [TextEntity("link", 0, 4, url)]) == "сюда"


async def test_a_channel_says_its_name_to_those_who_may_know_it(embedded: Services) -> None:
    anna, boris = await embedded.newcomers("anna", "boris")
    channel_id, chat_id = await channel(embedded, anna, title="Вести озера"), await direct(embedded, anna, boris)
    post = await say(embedded, anna, channel_id, "лёд сошёл")
    await embedded.actions.forward_messages(
        anna, ForwardMessages(chat_id, channel_id, [ForwardedMessage(post.seq, "f")])
    )

    his, hers = await export(embedded, boris, format="html"), await export(embedded, anna, format="html")

    assert "<b>Вести озера</b> <time" in hers and "Forwarded from: Вести озера, " in hers
    assert "Forwarded from: Member, " in his and "Вести озера" not in his


async def test_topics_are_named_at_their_messages(embedded: Services) -> None:
    anna, boris = await embedded.newcomers("anna", "boris")
    chat_id = await group(embedded, anna, boris)
    await embedded.topics.switch_topics(anna, SwitchTopics(chat_id, True))
    topic = await embedded.topics.make_topic(anna, MakeTopic(chat_id, "Лодки & сети", ref="t"))
    await embedded.messaging.send_message(anna, SendMessage(chat_id, "m", "вёсла", topic_id=topic.id))

    page = await export(embedded, boris, format="html", chat_id=chat_id)

    assert f'<span class="topic">Topic: <a href="#{chat_id}-{topic.id}">Лодки &amp; сети</a></span>' in page


async def test_own_data_names_every_chat_and_what_one_is_there(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chats = {await direct(services, anna, boris): "member", await group(services, boris, anna): "member"}
    own = await group(services, anna, boris)

    data = await services.own_data.export_own_messaging_data(anna, Nothing())

    assert {each.chat.id: each.role for each in data.memberships if each.chat.id == own} == {own: "owner"}
    assert {each.chat.id for each in data.memberships} == {*chats, own}
    assert (data.username, data.display_name) == ("anna", "anna")


async def test_of_chats_that_one_has_left_one_takes_along_ones_own_words_and_nobody_elses(services: Services) -> None:
    """Whether they went or were sent away; who has come back has it all, and who was erased nothing."""
    anna, boris, vera = await services.newcomers("anna", "boris", "vera")
    left, banned, back = [await group(services, anna, boris, vera, title=title) for title in ("Поход", "Клуб", "Дом")]
    for chat_id in (left, banned, back):
        asked = await say(services, anna, chat_id, "чужие слова")
        await say(services, boris, chat_id, f"моё в {chat_id}", reply_to=asked.seq)
    gone = await say(services, boris, left, "лишнее")
    await services.actions.delete_messages(boris, DeleteMessages(left, [gone.seq], for_everyone=True))
    for chat_id in (left, back):
        await services.messaging.remove_member(boris, RemoveMember(chat_id, boris.user_id))
    await services.messaging.add_members(anna, AddMembers(back, [boris.user_id]))
    await services.administration.ban_person(anna, OfMember(banned, boris.user_id))
    await services.administration.change_chat(anna, ChangeChat(left, title="Секретный поход"))
    await say(services, anna, left, "без него")
    await services.messaging.remove_member(vera, RemoveMember(left, vera.user_id))

    exported = {each["chat"]["id"]: each for each in (await export_json(services, boris))["chats"]}

    assert {chat_id for chat_id, each in exported.items() if each.get("left")} == {left, banned}
    assert (exported[left]["chat"]["title"], exported[left]["chat"]["kind"]) == ("Поход", "group")
    for chat_id in (left, banned):
        said = [(entry.get("text", ""), entry["sender_id"]) for entry in exported[chat_id]["entries"]]
        assert said[0] == (f"моё в {chat_id}", boris.user_id) and {by for _, by in said} == {boris.user_id}
    assert len(exported[back]["entries"]) > 2
    page = await export(services, boris, format="html")
    assert f"моё в {left}" in page and "Секретный" not in page and "без него" not in page
    assert page.count("чужие слова") == 2, "where they are again, and in their answer to it there"
    assert "Поход" not in await export(services, vera), "who wrote nothing there has nothing to take"
    (part,) = [await services.history.export_history(vera, ExportHistory(cursor=f"~{banned}-0"))]
    assert "моё" not in part.content


async def test_a_long_log_of_a_chat_that_one_has_left_is_gone_through_in_stretches(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)
    for number in range(3):
        await say(services, boris, chat_id, f"строка {number}")
    await services.messaging.remove_member(boris, RemoveMember(chat_id, boris.user_id))
    # As if others had said so much between.
    async with services.database.transaction() as tx:
        for table in ("messaging_entries", "messaging_former_members"):
            await tx.execute(f"UPDATE {table} SET seq = seq * :apart", apart=LOOKED_THROUGH * 2)

    (only,) = (await export_json(services, boris))["chats"]
    assert [entry["text"] for entry in only["entries"]] == ["строка 0", "строка 1", "строка 2"]


async def test_a_page_shows_times_as_clocks_do_where_its_reader_is(services: Services) -> None:
    anna = await services.newcomer("anna")
    chat_id = await group(services, anna)
    said = await say(services, anna, chat_id)
    page = await export(services, anna, format="html", time_zone="Asia/Vladivostok")
    there = said.at.astimezone(ZoneInfo("Asia/Vladivostok"))

    assert f'<time datetime="{said.at.isoformat()}">{there:%Y-%m-%d %H:%M}</time>' in page
    assert "Times are those of the time zone Asia/Vladivostok" in page and "UTC" not in page
    with pytest.raises(UnknownTimeZone):
        await export(services, anna, format="html", time_zone="Asia/Atlantis")
