"""People take along all that messaging holds about them; when they leave, nothing of it stays but what must."""

from datetime import timedelta

import msgspec
from tests.services.messaging.bots import a_bot, ask, press_of
from tests.services.messaging.chats import channel, direct, group, say
from tests.services.messaging.dues import Home
from tests.services.messaging.test_history import export
from tests.services.messaging.test_views import counter_of

from kaif.engines.database import Database
from kaif.interfaces.auth import Nothing, Person
from kaif.interfaces.auth.roles import HANDLE_REPORTS
from kaif.interfaces.messaging import RemoveMember
from kaif.interfaces.messaging.actions import DeleteMessages, React
from kaif.interfaces.messaging.administration import OfMember
from kaif.interfaces.messaging.bots import Command, CommandList
from kaif.interfaces.messaging.digests import DigestSettings
from kaif.interfaces.messaging.invitations import Door, MakeLink
from kaif.interfaces.messaging.last_seen import NoteSeen
from kaif.interfaces.messaging.notifications import ChooseNotifications, NotificationSettings
from kaif.interfaces.messaging.order import ArrangeChat, Folder, Folders, KeepDraft
from kaif.interfaces.messaging.own_data import OwnMessagingData
from kaif.interfaces.messaging.polls import SendPoll, Vote
from kaif.interfaces.messaging.posts import ViewPosts
from kaif.interfaces.messaging.privacy import ChangePrivacy, OfPerson
from kaif.interfaces.messaging.reminders import RemindMe
from kaif.interfaces.messaging.reports import FileReport, OfReport
from kaif.interfaces.messaging.topics import ChooseInTopic, MakeTopic, MuteTopic, SwitchTopics
from kaif.interfaces.messaging.webhooks import MakeWebhook
from kaif.interfaces.personal_data import PersonErased
from kaif.kernel.actor import NOBODY, Actor, SessionId
from kaif.kernel.ids import new_id
from kaif.services.messaging.chats import purge_store
from kaif.services.messaging.chats.purge_store import StoredPurge
from kaif.services.messaging.digests.service import DigestsService
from kaif.services.messaging.notifications import store as notifications_store
from kaif.services.messaging.notifications.service import NotificationsService
from kaif.services.messaging.notifications.store import StoredSubscription
from kaif.services.messaging.own_data.service import OwnMessagingDataService
from kaif.services.messaging.reactions import Reactions
from kaif.services.messaging.webhooks import outgoing_store
from kaif.services.messaging.webhooks.outgoing_store import StoredOutgoingWebhook

# Every column in which somebody's id stands: the field of the export that says it, or ("-") why none does.
EXPORTED = {
    "messaging_people.id": "username",
    "messaging_people_words.user_id": "- the words of the username and the name",
    "messaging_members.user_id": "memberships",
    "messaging_reactions.user_id": "reactions",
    "messaging_hidden.user_id": "hidden",
    "messaging_bans.user_id": "banned_from",
    "messaging_links.made_by": "links",
    "messaging_join_requests.user_id": "asked_to_join",
    "messaging_drafts.user_id": "drafts",
    "messaging_folders.user_id": "folders",
    "messaging_blocks.user_id": "blocked",
    "messaging_privacy.user_id": "privacy",
    "messaging_reports.reporter_id": "reports",
    "messaging_push_subscriptions.user_id": "notified_devices",
    "messaging_push_settings.user_id": "notifications",
    "messaging_votes.user_id": "votes",
    "messaging_due.user_id": "scheduled",
    "messaging_commands.bot_id": "commands",
    "messaging_callbacks.user_id": "pressed",
    "messaging_webhooks.made_by": "webhooks",
    "messaging_topic_members.user_id": "topics",
    "messaging_views.user_id": "viewed",
    "messaging_last_seen.user_id": "last_seen_at",
    "messaging_digests.user_id": "letters",
    "messaging_former_members.user_id": "- the logs: what one wrote where one is no longer",
    "messaging_mentions.user_id": "- the logs: whom a message mentions or answers",
    "messaging_entries.sender_id": "- the logs, which the history gives in parts",
    "messaging_entries.body": "- the logs: whom an entry names",
    "messaging_chats.creator_id": "- the first entry of the chat's log says who made it",
    "messaging_chats.once": "- what makes a creation repeatable: who is in the chat, or who made it",
    "messaging_topics.creator_id": "- an entry of the chat's log says who made it",
    "messaging_topics.once": "- what makes its making repeatable",
    "messaging_bans.banned_by": "- what they did for the chat, whose log has it",
    "messaging_blocks.blocked_id": "- nobody learns of who has blocked them",
    "messaging_reports.user_id": "- nobody learns of who has reported them",
    "messaging_reports.taken_by": "- a deed of office, in the audit log, of which auth gives what they did",
    "messaging_evidence.entry": "- evidence of somebody's report",
    "messaging_callbacks.bot_id": "- presses are the pressers'",
    "messaging_bots.bot_id": "- the number of the newest press",
    "messaging_outgoing_webhooks.bot_id": "- the bot asks for it, and its owner sees it beside the bot",
    "messaging_outgoing_webhook_marks.bot_id": "- how far the bot has been told",
    "messaging_purges.user_id": "- it lasts for moments, and the logs say what was deleted",
    "messaging_purges.asked_by": "- the same; that it has been done stands in the audit log",
}
# What still names somebody who has left, and why.
KEPT = {
    "messaging_people.id": "a nameless person, so that what they wrote is still somebody's",
    "messaging_people_words.user_id": "what the nameless one is called",
    "messaging_members.user_id": "that the nameless one is in the chat, without what they had chosen there",
    "messaging_entries.sender_id": "what they wrote stays with those to whom it was written",
    "messaging_entries.body": "what others wrote of the nameless one",
    "messaging_reactions.user_id": "as what they wrote",
    "messaging_votes.user_id": "in open polls, as reactions",
    "messaging_chats.creator_id": "the chat is its members'",
    "messaging_chats.once": "so that there is one direct chat of two",
    "messaging_topics.creator_id": "the topic is the group's",
    "messaging_topics.once": "so that a request that comes again makes no second topic",
    "messaging_links.made_by": "a way into the chat is the chat's: its admins see and revoke it",
    "messaging_bans.banned_by": "the ban is the chat's",
    "messaging_reports.reporter_id": "a report is answered though its reporter left",
    "messaging_reports.user_id": "whom it is about must not end it by leaving",
    "messaging_reports.taken_by": "who looked at it",
    "messaging_evidence.entry": "evidence",
    "messaging_purges.user_id": "what is being deleted is deleted to the end",
    "messaging_purges.asked_by": "the same",
}
# Tables in which no person's id stands.
WITHOUT_PEOPLE = {
    "messaging_quotes",
    "messaging_versions",
    "messaging_pins",
    "messaging_indexes",
    "messaging_index_marks",
    "messaging_polls",
    "messaging_push_deliveries",
    "messaging_topic_entries",
    "messaging_post_views",
    "messaging_discussions",
    "messaging_threads",
    "messaging_thread_entries",
    "messaging_preview_tasks",
    "messaging_pages",
    "messaging_preview_pictures",
    "messaging_previews_shown",
    # Whose the files are media says, and what shows them.
    "messaging_attachments",
    "messaging_evidence_files",
    "messaging_clock_jumps",
}
# Columns that are named as if they held a person's id, and do not.
OTHER_IDS = {
    "chat_id",
    "channel_id",
    "group_id",
    "link_id",
    "report_id",
    "media_id",
    "topic_id",
    "session_id",
    "subscription_id",
    "pending_id",
    "purge_id",
    "id",
}


async def text_columns(database: Database) -> set[tuple[str, str]]:
    """Every table of messaging's with each of its columns that could hold an id."""
    sql = {
        "sqlite": """
            SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c
            WHERE m.type = 'table' AND m.name LIKE 'messaging_%' AND c.type = 'TEXT'
        """,
        "postgres": """
            SELECT table_name, column_name FROM information_schema.columns
            WHERE table_name LIKE 'messaging_%' AND data_type = 'text' AND table_schema = current_schema()
        """,
    }
    rows: list[tuple[str, str]] = await database.fetch(tuple, sql[database.dialect])
    return set(rows)


async def naming(database: Database, user_id: str) -> set[str]:
    """The columns in which the id stands, by itself or within something."""
    found = set()
    for table, column in await text_columns(database):
        if await database.fetch(tuple, f"SELECT 1 FROM {table} WHERE {column} LIKE :id LIMIT 1", id=f"%{user_id}%"):
            found.add(f"{table}.{column}")
    return found


class Life:
    """A person who has used everything there is, and a bot."""

    def __init__(self, home: Home) -> None:
        self.home, self.services = home, home.services
        self.anna = self.bot = self.boris = Actor()

    async def live(self) -> "Life":
        services = self.services
        self.anna, self.boris, eve = await services.newcomers("anna", "boris", "eve")
        self.bot = await a_bot(services)
        self.group = await group(services, self.anna, self.boris, self.bot, title="Дача")
        self.direct = await direct(services, self.boris, self.anna)
        await self._talk()
        await self._choose(eve)
        await self._look_after(eve)
        await say(services, self.boris, self.group, "@anna, мы едем?")
        former = await group(services, self.boris, self.anna, title="Прошлое лето")
        await say(services, self.anna, former, "До свидания")
        await services.messaging.remove_member(self.anna, RemoveMember(former, self.anna.user_id))
        return self

    async def _talk(self) -> None:
        services, anna, boris = self.services, self.anna, self.boris
        self.said = await say(services, boris, self.direct, "@anna, посмотри")
        await services.actions.add_reaction(anna, React(self.direct, self.said.seq, "👍"))
        gone = await say(services, boris, self.direct, "лишнее")
        await services.actions.delete_messages(anna, DeleteMessages(self.direct, [gone.seq], for_everyone=False))
        poll = SendPoll(self.group, new_id(), "Когда едем?", ["Суббота", "Воскресенье"], anonymous=False)
        self.poll = await services.polls.send_poll(boris, poll)
        await services.polls.vote(anna, Vote(self.group, self.poll.seq, [1]))
        await self.home.schedule(anna, self.direct, "С праздником!")
        await services.reminders.remind_me(anna, RemindMe(self.direct, self.said.seq, "r", self.home.at(3600_000_000)))
        await services.order.keep_draft(anna, KeepDraft(self.direct, "Недописанное", self.home.at(0)))
        report = FileReport("r", "spam", self.direct, [self.said.seq], text="Реклама")
        filed = await services.reports.file_report(anna, report)
        operator = msgspec.structs.replace(anna, permissions=frozenset({HANDLE_REPORTS}))
        await services.reports.take_report(operator, OfReport(filed.id))
        mine = await say(services, anna, self.direct, "И тебе")
        await services.reports.file_report(boris, FileReport("b", "abuse", self.direct, [mine.seq]))

    async def _choose(self, eve: Actor) -> None:
        services, anna = self.services, self.anna
        await services.order.arrange_folders(anna, Folders([Folder("Семья", chats=[self.direct])]))
        await services.order.arrange_chat(anna, ArrangeChat(self.group, archived=True, pinned=True, marked_unread=True))
        await services.privacy.change_privacy(anna, ChangePrivacy(online="nobody"))
        await services.privacy.block_person(anna, OfPerson(eve.user_id))
        await services.privacy.block_person(eve, OfPerson(anna.user_id))
        notifications = NotificationsService(services.database, None, "", private_too=True)
        await notifications.keep_settings(anna, NotificationSettings(preview=False, quiet_from=60, quiet_until=120))
        await notifications.choose_notifications(anna, ChooseNotifications(self.group, "mentions"))
        digests = DigestsService(services.database, lambda: self.home.moment[0])
        await digests.choose_digest(anna, DigestSettings("day", time_zone="Europe/Moscow"))
        async with services.database.transaction() as tx:
            device = StoredSubscription("s", anna.user_id, SessionId("s"), "hash", "sealed", "ru", self.home.moment[0])
            await notifications_store.add_subscription(tx, device)

    async def _look_after(self, eve: Actor) -> None:
        services, anna, bot = self.services, self.anna, self.bot
        await services.topics.switch_topics(anna, SwitchTopics(self.group, on=True))
        topic = await services.topics.make_topic(anna, MakeTopic(self.group, "Покупки", "t"))
        until = self.home.at(0) + timedelta(days=1)
        await services.topics.mute_topic(anna, MuteTopic(self.group, topic.id, until))
        await services.topics.choose_in_topic(anna, ChooseInTopic(self.group, topic.id, self.boris.user_id, True))
        await services.webhooks.make_webhook(anna, MakeWebhook(self.group, "Сборка"))
        await services.invitations.make_link(anna, MakeLink(self.group, note="для соседей"))
        await services.administration.ban_person(anna, OfMember(self.group, eve.user_id))
        elsewhere = await group(services, eve, self.boris, title="Чужая")
        await services.administration.ban_person(eve, OfMember(elsewhere, anna.user_id))
        club = await channel(services, eve, self.boris, title="Клуб")
        link = await services.invitations.make_link(eve, MakeLink(club, approval=True))
        await services.invitations.join_chat(anna, Door(secret=link.secret))
        await services.commands.set_commands(bot, CommandList([Command("help", "Помощь", "Help")]))
        await services.callbacks.press_button(anna, press_of(await ask(services, bot, self.group)))
        async with services.database.transaction() as tx:
            address = StoredOutgoingWebhook(bot.user_id, new_id(), "https://bot.example", "sealed", 1, 0)
            await outgoing_store.add(tx, address)
            await purge_store.begin(tx, StoredPurge(self.group, anna.user_id, new_id(), anna.user_id, "", 1))
        await self._be_seen()

    async def _be_seen(self) -> None:
        services, anna, boris = self.services, self.anna, self.boris
        news = await channel(services, boris, anna, title="Новости")
        post = await say(services, boris, news, "Открылись")
        await services.posts.view_posts(anna, ViewPosts(news, [post.seq]))
        await counter_of(services).write()
        await services.last_seen.note_seen(NOBODY, NoteSeen([anna.user_id]))

    async def export(self, actor: Actor) -> OwnMessagingData:
        return await self.services.own_data.export_own_messaging_data(actor, Nothing())

    async def erase(self, actor: Actor) -> None:
        remains = Person(actor.user_id, f"deleted-{new_id()}", "")
        await Reactions(self.services.database).forget_person(PersonErased(erasure_id=new_id(), remains=remains))


async def test_each_place_that_names_a_person_is_exported_or_named_with_its_reason(home: Home) -> None:
    life = await Life(home).live()
    database = home.services.database

    named = await naming(database, life.anna.user_id) | await naming(database, life.bot.user_id)
    data, bots = await life.export(life.anna), await life.export(life.bot)

    assert named == EXPORTED.keys()
    for field in EXPORTED.values():
        if not field.startswith("-"):
            assert getattr(bots if field == "commands" else data, field), field


async def test_a_new_table_or_column_about_people_is_noticed(home: Home) -> None:
    columns = await text_columns(home.services.database)

    about_people = {place.partition(".")[0] for place in EXPORTED}
    assert {table for table, _ in columns} | WITHOUT_PEOPLE == about_people | WITHOUT_PEOPLE
    named_so = {f"{table}.{column}" for table, column in columns if column.endswith(("_id", "_by")) or column == "id"}
    others = {place for place in named_so if place.partition(".")[2] in OTHER_IDS} - {"messaging_people.id"}
    assert named_so - others <= EXPORTED.keys()


async def test_the_export_says_what_somebody_has_chosen_done_and_left_waiting(home: Home) -> None:
    life = await Life(home).live()

    data = await life.export(life.anna)

    (member,) = [one for one in data.memberships if one.chat.id == life.group]
    assert (member.role, member.notify, member.chat.archived) == ("owner", "mentions", True)
    assert (data.notifications.preview, data.notifications.quiet_until) == (False, 120)
    assert (data.letters.every, data.letters.time_zone) == ("day", "Europe/Moscow")
    assert data.privacy.online == "nobody"
    assert [one.person.username for one in data.blocked] == ["eve"]
    assert [(one.name, one.chats) for one in data.folders] == [("Семья", [life.direct])]
    assert [(one.chat_id, one.text) for one in data.drafts] == [(life.direct, "Недописанное")]
    assert [bool(one.muted_until) for one in data.topics if one.topic_id] == [True]
    assert [(one.seq, one.option) for one in data.votes] == [(life.poll.seq, 1)]
    assert [(one.seq, one.emoji) for one in data.reactions] == [(life.said.seq, "👍")]
    assert [(one.reason, one.text, one.seqs, one.state) for one in data.reports] == [
        ("spam", "Реклама", [life.said.seq], "waiting")
    ]
    assert [one.link.note for one in data.links] == ["для соседей"]
    assert [one.text for one in data.scheduled] == ["С праздником!"]
    assert (len(data.hidden), len(data.banned_from), len(data.asked_to_join), len(data.pressed)) == (1, 1, 1, 1)
    assert data.cut == []
    theirs = msgspec.json.encode(data).decode()
    assert "sealed" not in theirs and "hash" not in theirs


async def test_nobody_gets_what_is_somebody_elses_nor_learns_who_acted_against_them(home: Home) -> None:
    life = await Life(home).live()

    data = await life.export(life.boris)

    assert not (data.blocked or data.drafts or data.folders or data.scheduled or data.votes or data.links)
    assert [one.chosen for one in data.topics if one.topic_id] == [True]
    assert [one.reason for one in data.reports] == ["abuse"]
    assert "Реклама" not in msgspec.json.encode(data).decode()


async def test_of_somebody_who_left_nothing_stays_but_what_must(home: Home) -> None:
    life = await Life(home).live()
    database = home.services.database
    others = await life.export(life.boris)

    await life.erase(life.anna)
    await life.erase(life.bot)

    assert await naming(database, life.anna.user_id) | await naming(database, life.bot.user_id) == KEPT.keys()
    after = await life.export(life.anna)
    (member,) = [one for one in after.memberships if one.chat.id == life.group]
    assert (member.notify, member.chat.archived, member.chat.pinned_at, member.chat.marked_unread) == (
        "all", False, None, False,
    )  # fmt: skip
    assert (await life.export(life.boris)).reports == others.reports


async def test_long_lists_are_cut_and_say_so(small_home: Home) -> None:
    anna, boris = await small_home.services.newcomers("anna", "boris")
    chat_id = await direct(small_home.services, anna, boris)
    entry = await say(small_home.services, anna, chat_id)
    for emoji in ("👍", "🔥", "🎉"):
        await small_home.services.actions.add_reaction(anna, React(chat_id, entry.seq, emoji))

    own_data = small_home.services.own_data
    assert isinstance(own_data, OwnMessagingDataService)
    cut = await own_data.held_about(anna, 2, [])
    whole = await own_data.held_about(anna, 3, [])

    assert (len(cut.reactions), cut.cut) == (2, ["reactions"])
    assert (len(whole.reactions), whole.cut) == (3, [])


async def test_the_page_with_ones_history_says_it_in_words_and_shows_texts_as_they_are(small_home: Home) -> None:
    life = await Life(small_home).live()
    await life.services.order.arrange_folders(life.anna, Folders([Folder("<b>Семья</b>")]))

    page = await export(life.services, life.anna, format="html", language="ru")
    of_chat = await export(life.services, life.anna, format="html", language="ru", chat_id=life.direct)

    for words in ("Что ещё хранится о вас", "&lt;b&gt;Семья&lt;/b&gt;", "Недописанное", "С праздником!", "Реклама"):
        assert words in page
    assert "<b>Семья" not in page and "Что ещё" not in of_chat
    assert f'href="#{life.direct}-{life.said.seq}"' in page and f'id="{life.direct}-{life.said.seq}"' in page
