"""Does what the stories say, by use cases alone; each verb of a story is a method here."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeVar

from kaif.app.demo import drawing, people, portraits
from kaif.app.demo.calendar import Calendar
from kaif.app.demo.script import Cast, Line, Script
from kaif.app.demo.uploading import Uploader
from kaif.app.surface import Services
from kaif.interfaces.auth.avatars import Avatars, SetAvatar
from kaif.interfaces.auth.bots import Bots, MakeBot
from kaif.interfaces.media import Library, Media
from kaif.interfaces.media.uploads import Uploads
from kaif.interfaces.messaging import AddMembers, ChatId, CreateChat, MarkRead, Messaging, SendMessage
from kaif.interfaces.messaging.actions import (
    DeleteMessages,
    EditMessage,
    ForwardedMessage,
    ForwardMessages,
    MessageActions,
    OfMessage,
    React,
)
from kaif.interfaces.messaging.administration import Administration, Appoint, ChangeChat, Restrict
from kaif.interfaces.messaging.attached import GivenAttachment
from kaif.interfaces.messaging.bots import Callbacks, Command, CommandList, Commands, Press
from kaif.interfaces.messaging.content import Button
from kaif.interfaces.messaging.discussions import Discussions, LinkDiscussion, WriteComment
from kaif.interfaces.messaging.invitations import AnswerRequest, ChatInvitations, Door, MakeLink
from kaif.interfaces.messaging.last_seen import LastSeen, NoteSeen
from kaif.interfaces.messaging.moving import MoveMessages, Moving
from kaif.interfaces.messaging.notifications import ChooseNotifications, Notifications
from kaif.interfaces.messaging.order import ArrangeChat, Folder, Folders, KeepDraft, OwnOrder
from kaif.interfaces.messaging.pictures import ChatPictures, SetChatPicture
from kaif.interfaces.messaging.polls import Polls, SendPoll, Vote
from kaif.interfaces.messaging.privacy import OfPerson, Privacy
from kaif.interfaces.messaging.reminders import MessageReminders, RemindMe
from kaif.interfaces.messaging.reports import FileReport, Reason, Reports
from kaif.interfaces.messaging.scheduled import ScheduledMessages, ScheduleMessage
from kaif.interfaces.messaging.sharing import SendContact, SendLocation, Sharing
from kaif.interfaces.messaging.topics import GroupTopics, MakeTopic, MuteTopic, SwitchTopics
from kaif.interfaces.messaging.vanishing import SetTimer, Vanishing
from kaif.interfaces.messaging.webhooks import MakeWebhook, PostByWebhook, Webhooks
from kaif.kernel.actor import NOBODY, Actor
from kaif.kernel.clock import DAY_US, SECOND_US, as_datetime

# Between two lines that name no moment of their own.
PAUSE_S = (15, 170)
# Of those who only listen, so many have read everything.
DILIGENT = 0.75

_Service = TypeVar("_Service")


class Timed(NamedTuple):
    at_us: int
    line: Line


class Stage:
    """A chat of a story, and what has been said in it."""

    def __init__(self, cast: Cast, chat_id: ChatId) -> None:
        self.cast, self.id = cast, chat_id
        # The places of its messages.
        self.said: list[int] = []
        self.topics: dict[str, int] = {"": 0}
        self.webhook = ""
        # The name of the group where its posts are.
        self.discussed_in = ""
        # The secret of the last link to join by.
        self.link = ""

    def seq(self, back: int) -> int:
        return self.said[-back]


class Moment:
    """The clock of everything that a story does; it never goes back."""

    def __init__(self, at_us: int) -> None:
        self.at_us = at_us

    def __call__(self) -> int:
        return self.at_us

    def reach(self, at_us: int) -> None:
        self.at_us = max(self.at_us, at_us)


def in_time(script: Script, calendar: Calendar, now_us: int, chance: random.Random) -> list[Timed]:
    """All lines of all chats in the order in which they happen, none of them later than now."""
    timed, at_us = [], 0
    for line in script.lines:
        pause_us = round(chance.uniform(*PAUSE_S) * SECOND_US)
        at_us = calendar.moment_us(line.when) if line.when else min(at_us + pause_us, now_us)
        timed.append(Timed(at_us, line))
    # Lines of one moment stay in the order in which they are written.
    return sorted(timed, key=lambda each: each.at_us)


class Teller:
    def __init__(
        self,
        services: Services,
        people: dict[str, Actor],
        sign_in: Callable[[str], Awaitable[Actor]],
        moment: Moment,
        chance: random.Random,
    ) -> None:
        self._services, self._people, self._sign_in = services, people, sign_in
        self._moment, self._chance = moment, chance
        self._uploader = Uploader(self._use(Uploads), self._use(Library))
        self._stages: dict[str, Stage] = {}
        self._refs = 0

    async def tell(self, script: Script, timed: Sequence[Timed], advance: Callable[[], None]) -> None:
        """Each chat is opened a little before its first line."""
        casts = {cast.name: cast for cast in script.casts}
        for at_us, line in timed:
            self._moment.reach(at_us)
            if line.chat not in self._stages:
                self._stages[line.chat] = await self._open(casts[line.chat])
            await self._verb(line.verb)(self._stages[line.chat], line)
            if person := self._people.get(line.who):
                await self._use(LastSeen).note_seen(NOBODY, NoteSeen([person.user_id]))
            advance()

    async def show_people(self) -> None:
        """Those who have chosen a picture are seen by it."""
        for name, actor in self._people.items():
            if name not in people.WITHOUT_PICTURE:
                long_haired = name in people.LONG_HAIRED
                drawn = await asyncio.to_thread(portraits.portrait, name, long_haired=long_haired)
                media = await self._uploader.upload(actor, drawn, "me.jpg", "image/jpeg")
                await self._use(Avatars).set_avatar(actor, SetAvatar(media.id))

    async def read_up(self, now_us: int, but: str) -> None:
        """Most of those who only listen have read what there is; one person's reading is told in their story."""
        self._moment.reach(now_us)
        for stage in self._stages.values():
            for who in (stage.cast.maker, *stage.cast.others):
                if stage.said and who != but and self._chance.random() < DILIGENT:
                    await self._read(stage, who)

    @property
    def counts(self) -> tuple[int, int]:
        """Of chats, and of messages in them."""
        return len(self._stages), sum(len(stage.said) for stage in self._stages.values())

    def _verb(self, name: str) -> Callable[[Stage, Line], Awaitable[None]]:
        verb: Callable[[Stage, Line], Awaitable[None]] = getattr(self, f"_do_{name}")
        return verb

    def _use(self, interface: type[_Service]) -> _Service:
        service: _Service = self._services[interface]
        return service

    def _ref(self) -> str:
        self._refs += 1
        return f"demo-{self._refs}"

    def _at(self, hours: float) -> datetime:
        return as_datetime(self._moment()) + timedelta(hours=hours)

    async def _open(self, cast: Cast) -> Stage:
        members = [self._people[name].user_id for name in cast.others]
        wanted: dict[str, Any] = {"title": cast.title, "ref": self._ref()} if cast.title else {}
        chat = await self._use(Messaging).create_chat(
            self._people[cast.maker],
            CreateChat(cast.kind, members, **wanted),  # type: ignore[arg-type]
        )
        return Stage(cast, chat.id)

    async def _read(self, stage: Stage, who: str) -> None:
        newest = stage.said[-1]
        await self._use(Messaging).mark_read(self._people[who], MarkRead(stage.id, newest))

    # Messages

    async def _do_say(self, stage: Stage, line: Line) -> None:
        await self._send(stage, line, line.text)

    async def _do_silent(self, stage: Stage, line: Line) -> None:
        await self._send(stage, line, line.text, silent=True)

    async def _do_buttons(self, stage: Stage, line: Line) -> None:
        """`text | Label=data | …`: one row."""
        text, *buttons = _parts(line.text)
        row = [Button(label, data=data) for label, _, data in (each.partition("=") for each in buttons)]
        await self._send(stage, line, text, buttons=[row])

    async def _send(self, stage: Stage, line: Line, text: str, **more: Any) -> None:
        if stage.said:
            await self._read(stage, line.who)
        # "say" alone answers: of deeds `back` means something else.
        reply_to = stage.seq(line.back) if line.verb == "say" and line.back else None
        wanted = SendMessage(stage.id, self._ref(), text, reply_to, topic_id=stage.topics[line.topic], **more)
        stage.said.append((await self._use(Messaging).send_message(self._people[line.who], wanted)).seq)

    async def _do_poll(self, stage: Stage, line: Line) -> None:
        """`question | option | …`; what begins with `open ` says who chose what."""
        question, *options = _parts(line.text.removeprefix("open "))
        wanted = SendPoll(
            stage.id,
            self._ref(),
            question,
            options,
            anonymous=not line.text.startswith("open "),
            topic_id=stage.topics[line.topic],
        )
        stage.said.append((await self._use(Polls).send_poll(self._people[line.who], wanted)).seq)

    async def _do_vote(self, stage: Stage, line: Line) -> None:
        """`names: option`: they vote at once, and count options from 1."""
        option = int(line.text.partition(" ")[2])
        for who in line.text.partition(" ")[0].split(","):
            vote = Vote(stage.id, stage.seq(line.back), [option - 1])
            await self._use(Polls).vote(self._people[who], vote)

    async def _do_close(self, stage: Stage, line: Line) -> None:
        await self._use(Polls).close_poll(self._people[line.who], self._place(stage, line))

    async def _do_place(self, stage: Stage, line: Line) -> None:
        latitude, longitude, title = line.text.split(" ", 2)
        wanted = SendLocation(
            stage.id,
            self._ref(),
            float(latitude),
            float(longitude),
            title,
            topic_id=stage.topics[line.topic],
        )
        stage.said.append((await self._use(Sharing).send_location(self._people[line.who], wanted)).seq)

    async def _do_contact(self, stage: Stage, line: Line) -> None:
        wanted = SendContact(stage.id, self._ref(), self._people[line.text].user_id)
        stage.said.append((await self._use(Sharing).send_contact(self._people[line.who], wanted)).seq)

    async def _do_forward(self, stage: Stage, line: Line) -> None:
        """Out of another chat."""
        there = self._stages[line.text]
        message = ForwardedMessage(there.seq(line.back), self._ref())
        wanted = ForwardMessages(stage.id, there.id, [message])
        forwarded = await self._use(MessageActions).forward_messages(self._people[line.who], wanted)
        stage.said += [entry.seq for entry in forwarded.entries]

    # Messages with files

    async def _do_photos(self, stage: Stage, line: Line) -> None:
        """`light:WxH light:WxH! … | caption`; what ends in ! is a spoiler."""
        shots, _, caption = line.text.partition("|")
        given = []
        for number, shot in enumerate(shots.split(), 1):
            light, _, sides = shot.rstrip("!").partition(":")
            width, _, height = sides.partition("x")
            drawn = await asyncio.to_thread(drawing.photograph, self._ref(), light, int(width), int(height))
            media = await self._upload(line, drawn, f"IMG_{self._refs:04}_{number}.jpg", "image/jpeg")
            given.append(GivenAttachment(media.id, spoiler=shot.endswith("!")))
        await self._send(stage, line, caption.strip(), attachments=given)

    async def _do_film(self, stage: Stage, line: Line) -> None:
        """`light seconds | caption`."""
        how, _, caption = line.text.partition("|")
        light, seconds = how.split()
        drawn = await asyncio.to_thread(drawing.film, self._ref(), light, float(seconds))
        media = await self._upload(line, drawn, f"VID_{self._refs:04}.mp4", "video/mp4")
        await self._send(stage, line, caption.strip(), attachments=[GivenAttachment(media.id)])

    async def _do_voice(self, stage: Stage, line: Line) -> None:
        """`seconds`."""
        drawn = await asyncio.to_thread(drawing.voice, self._ref(), float(line.text))
        media = await self._upload(line, drawn, "voice.ogg", "audio/ogg", voice=True)
        await self._send(stage, line, "", attachments=[GivenAttachment(media.id, "voice")])

    async def _do_paper(self, stage: Stage, line: Line) -> None:
        """`file name | title | caption`: a page of PDF."""
        name, title, caption = _parts(line.text)
        media = await self._upload(line, drawing.paper(title, 18), name)
        await self._send(stage, line, caption, attachments=[GivenAttachment(media.id, "file")])

    async def _upload(self, line: Line, content: bytes, name: str, kind: str = "", *, voice: bool = False) -> Media:
        return await self._uploader.upload(self._people[line.who], content, name, kind, voice=voice)

    # What is done with messages

    def _place(self, stage: Stage, line: Line) -> OfMessage:
        return OfMessage(stage.id, stage.seq(line.back))

    async def _do_react(self, stage: Stage, line: Line) -> None:
        wanted = React(stage.id, stage.seq(line.back), line.text)
        await self._use(MessageActions).add_reaction(self._people[line.who], wanted)

    async def _do_edit(self, stage: Stage, line: Line) -> None:
        wanted = EditMessage(stage.id, stage.seq(line.back), line.text)
        await self._use(MessageActions).edit_message(self._people[line.who], wanted)

    async def _do_delete(self, stage: Stage, line: Line) -> None:
        wanted = DeleteMessages(stage.id, [stage.seq(line.back)], for_everyone=True)
        await self._use(MessageActions).delete_messages(self._people[line.who], wanted)

    async def _do_pin(self, stage: Stage, line: Line) -> None:
        await self._use(MessageActions).pin_message(self._people[line.who], self._place(stage, line))

    async def _do_move(self, stage: Stage, line: Line) -> None:
        """`title`: into that topic."""
        wanted = MoveMessages(stage.id, [stage.seq(line.back)], stage.topics[line.text])
        await self._use(Moving).move_messages(self._people[line.who], wanted)

    async def _do_comment(self, stage: Stage, line: Line) -> None:
        """On a post, in the group where the channel is discussed."""
        wanted = WriteComment(stage.id, stage.seq(line.back), self._ref(), line.text)
        entry = await self._use(Discussions).write_comment(self._people[line.who], wanted)
        self._stages[stage.discussed_in].said.append(entry.seq)

    async def _do_press(self, stage: Stage, line: Line) -> None:
        wanted = Press(stage.id, stage.seq(line.back), line.text, self._ref())
        await self._use(Callbacks).press_button(self._people[line.who], wanted)

    async def _do_report(self, stage: Stage, line: Line) -> None:
        reason, _, text = line.text.partition(" ")
        known: Reason = reason  # type: ignore[assignment]
        wanted = FileReport(self._ref(), known, stage.id, [stage.seq(line.back)], text=text)
        await self._use(Reports).file_report(self._people[line.who], wanted)

    async def _do_block(self, stage: Stage, line: Line) -> None:
        await self._use(Privacy).block_person(self._people[line.who], OfPerson(self._people[line.text].user_id))

    # The chat

    async def _do_describe(self, stage: Stage, line: Line) -> None:
        await self._use(Administration).change_chat(self._people[line.who], ChangeChat(stage.id, description=line.text))

    async def _do_picture(self, stage: Stage, line: Line) -> None:
        """`light`."""
        drawn = await asyncio.to_thread(drawing.emblem, stage.cast.name, line.text)
        media = await self._upload(line, drawn, "picture.jpg", "image/jpeg")
        wanted = SetChatPicture(stage.id, media.id)
        await self._use(ChatPictures).set_chat_picture(self._people[line.who], wanted)

    async def _do_add(self, stage: Stage, line: Line) -> None:
        wanted = AddMembers(stage.id, [self._people[line.text].user_id])
        await self._use(Messaging).add_members(self._people[line.who], wanted)

    async def _do_admin(self, stage: Stage, line: Line) -> None:
        wanted = Appoint(stage.id, self._people[line.text].user_id, ["send", "media", "links", "pin", "delete", "ban"])
        await self._use(Administration).appoint_admin(self._people[line.who], wanted)

    async def _do_restrict(self, stage: Stage, line: Line) -> None:
        """`name right,right days`."""
        who, taken, days = line.text.split()
        rights: list[Any] = taken.split(",")
        wanted = Restrict(stage.id, self._people[who].user_id, rights, self._at(24 * int(days)))
        await self._use(Administration).restrict_member(self._people[line.who], wanted)

    async def _do_vanish(self, stage: Stage, line: Line) -> None:
        """`days`: so long after it was written each message is gone."""
        after_s: Any = int(line.text) * DAY_US // SECOND_US
        await self._use(Vanishing).set_timer(self._people[line.who], SetTimer(stage.id, after_s))

    async def _do_discuss(self, stage: Stage, line: Line) -> None:
        """`chat`: posts are discussed there."""
        stage.discussed_in = line.text
        wanted = LinkDiscussion(stage.id, self._stages[line.text].id)
        await self._use(Discussions).link_discussion(self._people[line.who], wanted)

    async def _do_link(self, stage: Stage, line: Line) -> None:
        """`note`: a link to join by; what begins with `ask ` makes people ask."""
        note = line.text.removeprefix("ask ")
        wanted = MakeLink(stage.id, note, approval=note != line.text)
        stage.link = (await self._use(ChatInvitations).make_link(self._people[line.who], wanted)).secret

    async def _do_knock(self, stage: Stage, line: Line) -> None:
        """By the last link: whoever does it comes in, or asks to."""
        await self._use(ChatInvitations).join_chat(self._people[line.who], Door(secret=stage.link))

    async def _do_admit(self, stage: Stage, line: Line) -> None:
        wanted = AnswerRequest(stage.id, self._people[line.text].user_id, let_in=True)
        await self._use(ChatInvitations).answer_request(self._people[line.who], wanted)

    async def _do_topic(self, stage: Stage, line: Line) -> None:
        """`icon title`; the first one makes the group one of topics."""
        if len(stage.topics) == 1:
            await self._use(GroupTopics).switch_topics(self._people[line.who], SwitchTopics(stage.id, on=True))
        icon, _, title = line.text.partition(" ")
        wanted = MakeTopic(stage.id, title, self._ref(), icon, colour=len(stage.topics) % 8)
        stage.topics[title] = (await self._use(GroupTopics).make_topic(self._people[line.who], wanted)).id

    async def _do_webhook(self, stage: Stage, line: Line) -> None:
        made = await self._use(Webhooks).make_webhook(self._people[line.who], MakeWebhook(stage.id, line.text))
        stage.webhook = made.path.rpartition("/")[2]

    async def _do_hook(self, stage: Stage, line: Line) -> None:
        """What the webhook's program posts; whoever does it is its maker."""
        posted = await self._use(Webhooks).post_by_webhook(NOBODY, PostByWebhook(stage.webhook, line.text))
        stage.said.append(posted.seq)

    async def _do_bot(self, stage: Stage, line: Line) -> None:
        """`username name`: a bot, brought into the chat; from now on it speaks by its username."""
        username, _, name = line.text.partition(" ")
        owner = await self._sign_in(line.who)
        made = await self._use(Bots).make_bot(owner, MakeBot(username, name))
        self._people[username] = Actor(made.bot.person.id)
        await self._use(Messaging).add_members(owner, AddMembers(stage.id, [made.bot.person.id]))

    async def _do_commands(self, stage: Stage, line: Line) -> None:
        """`name=по-русски=in English | …`."""
        commands = [Command(*(each.strip() for each in part.split("="))) for part in _parts(line.text)]
        await self._use(Commands).set_commands(self._people[line.who], CommandList(commands))

    # One's own

    async def _do_read(self, stage: Stage, line: Line) -> None:
        await self._read(stage, line.who)

    async def _do_draft(self, stage: Stage, line: Line) -> None:
        await self._use(OwnOrder).keep_draft(self._people[line.who], KeepDraft(stage.id, line.text, self._at(0)))

    async def _do_mute(self, stage: Stage, line: Line) -> None:
        until = self._at(365 * 24)
        if line.topic:
            mute = MuteTopic(stage.id, stage.topics[line.topic], until)
            await self._use(GroupTopics).mute_topic(self._people[line.who], mute)
        else:
            await self._arrange(stage, line, muted_until=until)

    async def _do_archive(self, stage: Stage, line: Line) -> None:
        await self._arrange(stage, line, archived=True)

    async def _do_keep(self, stage: Stage, line: Line) -> None:
        await self._arrange(stage, line, pinned=True)

    async def _do_unread(self, stage: Stage, line: Line) -> None:
        await self._arrange(stage, line, marked_unread=True)

    async def _arrange(self, stage: Stage, line: Line, **how: Any) -> None:
        await self._use(OwnOrder).arrange_chat(self._people[line.who], ArrangeChat(stage.id, **how))

    async def _do_notify(self, stage: Stage, line: Line) -> None:
        chosen = ChooseNotifications(stage.id, line.text)  # type: ignore[arg-type]
        await self._use(Notifications).choose_notifications(self._people[line.who], chosen)

    async def _do_folders(self, stage: Stage, line: Line) -> None:
        """`name=chat,chat | …`."""
        folders = []
        for part in _parts(line.text):
            name, _, chats = part.partition("=")
            folders.append(Folder(name.strip(), [self._stages[each].id for each in chats.split(",")]))
        await self._use(OwnOrder).arrange_folders(self._people[line.who], Folders(folders))

    async def _do_schedule(self, stage: Stage, line: Line) -> None:
        """`hours text`."""
        hours, _, text = line.text.partition(" ")
        wanted = ScheduleMessage(stage.id, self._ref(), text, self._at(float(hours)))
        await self._use(ScheduledMessages).schedule_message(self._people[line.who], wanted)

    async def _do_remind(self, stage: Stage, line: Line) -> None:
        """`hours`."""
        wanted = RemindMe(stage.id, stage.seq(line.back), self._ref(), self._at(float(line.text)))
        await self._use(MessageReminders).remind_me(self._people[line.who], wanted)


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split("|")]
