"""What is held about a person as people read it: a part of the page with their history (`history.html_pages`)."""

from collections.abc import Iterable
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from kaif.interfaces.messaging import ChatId
from kaif.interfaces.messaging.order import Draft
from kaif.interfaces.messaging.own_data import OwnMessagingData
from kaif.interfaces.messaging.scheduled import Scheduled
from kaif.services.messaging.history.rich_text import time_of
from kaif.services.messaging.history.words import Language

_WORDS: dict[Language, dict[str, str]] = {
    "ru": {
        "title": "Что ещё хранится о вас",
        "chat": "чат",
        "message": "сообщение",
        "yes": "да",
        "no": "нет",
        "never": "никогда",
        "notifications": "Уведомления",
        "preview": "Показывать, что написано",
        "mentions_only": "Только упоминания и ответы",
        "quiet": "Тихие часы",
        "devices": "Устройств, которые их получают",
        "letters": "Письма о пропущенном",
        "hour": "через час",
        "day": "раз в день",
        "privacy": "Приватность",
        "write_first": "Кто может написать первым",
        "add_to_groups": "Кто может добавить в группу",
        "online": "Кто видит, что вы в сети",
        "read_receipts": "Видно, что вы прочитали",
        "named_in_forwards": "Имя в пересланных сообщениях",
        "everybody": "все",
        "acquaintances": "знакомые",
        "nobody": "никто",
        "blocked": "Кого вы заблокировали",
        "folders": "Папки",
        "drafts": "Черновики",
        "muted": "Темы без звука",
        "scheduled": "Отложенные сообщения",
        "reminders": "Напоминания",
        "votes": "Ваши голоса в опросах",
        "option": "вариант",
        "reactions": "Ваши реакции",
        "hidden": "Удалённое только у вас",
        "reports": "Ваши жалобы",
        "waiting": "ещё не рассмотрена",
        "acted": "меры приняты",
        "dismissed": "нарушения не нашли",
        "links": "Ваши ссылки-приглашения",
        "asked_to_join": "Ждут ответа: просьбы о вступлении",
        "banned_from": "Где вам закрыт вход",
        "webhooks": "Ваши вебхуки",
        "pressed": "Кнопки ботов, которые вы нажали",
        "viewed": "Записи каналов, которые вам показали",
        "last_seen": "Когда вы были здесь в последний раз",
        "commands": "Команды бота",
        "cut": "Здесь не всё: полный список — в файле с данными из настроек.",
    },
    "en": {
        "title": "What else is kept about you",
        "chat": "chat",
        "message": "message",
        "yes": "yes",
        "no": "no",
        "never": "never",
        "notifications": "Notifications",
        "preview": "Show what was written",
        "mentions_only": "Mentions and replies only",
        "quiet": "Quiet hours",
        "devices": "Devices that get them",
        "letters": "Letters about missed messages",
        "hour": "after an hour",
        "day": "once a day",
        "privacy": "Privacy",
        "write_first": "Who may write first",
        "add_to_groups": "Who may add you to groups",
        "online": "Who sees that you are online",
        "read_receipts": "Others see what you have read",
        "named_in_forwards": "Named in forwarded messages",
        "everybody": "everybody",
        "acquaintances": "acquaintances",
        "nobody": "nobody",
        "blocked": "Whom you have blocked",
        "folders": "Folders",
        "drafts": "Drafts",
        "muted": "Muted topics",
        "scheduled": "Scheduled messages",
        "reminders": "Reminders",
        "votes": "Your votes in polls",
        "option": "option",
        "reactions": "Your reactions",
        "hidden": "Deleted for you alone",
        "reports": "Your reports",
        "waiting": "not decided yet",
        "acted": "something was done",
        "dismissed": "nothing wrong was found",
        "links": "Your invitation links",
        "asked_to_join": "Requests to join that wait",
        "banned_from": "Where you are kept out",
        "webhooks": "Your webhooks",
        "pressed": "Bots' buttons that you have pressed",
        "viewed": "Posts of channels that were shown to you",
        "last_seen": "When you were last here",
        "commands": "The bot's commands",
        "cut": "Not all of it: the whole list is in the file of your data, in the settings.",
    },
}


def own_section(data: OwnMessagingData, language: Language, zone: ZoneInfo) -> str:
    return OwnSection(data, language, zone).written()


class OwnSection:
    def __init__(self, data: OwnMessagingData, language: Language, zone: ZoneInfo) -> None:
        self._data, self._words, self._zone = data, _WORDS[language], zone

    def written(self) -> str:
        return f"<section>\n<h2>{self._words['title']}</h2>\n{self._choices()}{self._lists()}</section>\n"

    def _choices(self) -> str:
        word, data = self._words, self._data
        heard, privacy = data.notifications, data.privacy
        is_quiet = heard.quiet_from != heard.quiet_until
        return self._list(
            "notifications",
            [
                f"{word['preview']}: {self._yes(heard.preview)}",
                f"{word['mentions_only']}: {self._yes(heard.mentions_only)}",
                f"{word['quiet']}: {_hours(heard.quiet_from, heard.quiet_until) if is_quiet else word['no']}",
                f"{word['devices']}: {len(data.notified_devices)}",
                f"{word['letters']}: {word[data.letters.every]}",
            ],
        ) + self._list(
            "privacy",
            [
                f"{word['write_first']}: {word[privacy.write_first]}",
                f"{word['add_to_groups']}: {word[privacy.add_to_groups]}",
                f"{word['online']}: {word[privacy.online]}",
                f"{word['read_receipts']}: {self._yes(privacy.read_receipts)}",
                f"{word['named_in_forwards']}: {self._yes(privacy.named_in_forwards)}",
            ],
        )

    def _lists(self) -> str:
        data, word, place = self._data, self._words, self._place
        muted = [one for one in data.topics if one.muted_until and one.muted_until > data.exported_at]
        lists: list[tuple[str, Iterable[str]]] = [
            ("blocked", (f"{escape(one.person.display_name)} {self._at(one.at)}" for one in data.blocked)),
            ("folders", (escape(one.name) for one in data.folders)),
            ("drafts", (f"{place(one.chat_id)}: {_written(one)} {self._at(one.written_at)}" for one in data.drafts)),
            ("muted", (place(one.chat_id, one.topic_id) for one in muted)),
            ("scheduled", (f"{self._at(one.send_at)} {place(one.chat_id)}: {_written(one)}" for one in data.scheduled)),
            ("reminders", (f"{self._at(one.remind_at)} {place(one.chat_id, one.seq)}" for one in data.reminders)),
            (
                "votes",
                (
                    f"{place(one.chat_id, one.seq)}: {word['option']} {one.option + 1} {self._at(one.at)}"
                    for one in data.votes
                ),
            ),
            (
                "reactions",
                (f"{escape(one.emoji)} {place(one.chat_id, one.seq)} {self._at(one.at)}" for one in data.reactions),
            ),
            ("hidden", (place(one.chat_id, one.seq) for one in data.hidden)),
            ("reports", (f"{self._at(one.at)} {escape(one.text)} ({word[one.state]})" for one in data.reports)),
            (
                "links",
                (f"{place(one.chat_id)} {escape(one.link.note)} {self._at(one.link.made_at)}" for one in data.links),
            ),
            ("asked_to_join", (f"{word['chat']} {self._at(one.at)}" for one in data.asked_to_join)),
            ("banned_from", (f"{word['chat']} {self._at(one.at)}" for one in data.banned_from)),
            ("webhooks", (f"{escape(one.name)} {self._at(one.made_at)}" for one in data.webhooks)),
            ("pressed", (f"{place(one.chat_id, one.seq)} {self._at(one.at)}" for one in data.pressed)),
            ("viewed", (f"{place(one.chat_id)}: {len(one.seqs)}" for one in data.viewed)),
            ("last_seen", [self._at(data.last_seen_at)] if data.last_seen_at else []),
            ("commands", (f"/{escape(one.name)}" for one in data.commands)),
        ]
        return "".join(self._list(name, lines) for name, lines in lists)

    def _list(self, name: str, lines: Iterable[str]) -> str:
        """Nothing where there is nothing."""
        items = "".join(f"<li>{line}</li>\n" for line in lines)
        if not items:
            return ""
        cut = f"<p>{self._words['cut']}</p>\n" if name in self._data.cut else ""
        return f"<h3>{self._words[name]}</h3>\n<ol>\n{items}</ol>\n{cut}"

    def _place(self, chat_id: ChatId, seq: int = 0) -> str:
        """Where it stands on this page."""
        if seq:
            return f'<a href="#{escape(chat_id)}-{seq}">{self._words["message"]} {seq}</a>'
        return f'<a href="#{escape(chat_id)}">{self._words["chat"]}</a>'

    def _at(self, moment: datetime) -> str:
        return time_of(moment, self._zone)

    def _yes(self, so: bool) -> str:
        return self._words["yes" if so else "no"]


def _written(one: Scheduled | Draft) -> str:
    return escape(" ".join(part for part in (one.text, *(file.name for file in one.attachments)) if part))


def _hours(begin: int, end: int) -> str:
    return f"{begin // 60:02}:{begin % 60:02}–{end // 60:02}:{end % 60:02}"
