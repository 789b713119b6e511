"""Notifications on phones: told as browsers are, by services that read what they bring and get no more than wished."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.engines.vendors import DEVICE, TOKEN, ApnsVendor, FcmVendor
from tests.harness import Services
from tests.services.messaging.chats import direct, group, say
from tests.services.messaging.notified import AT_ONCE, KEY, have_session
from tests.waiting import eventually, until

from kaif.app.notifying import notifications, phones_of
from kaif.app.settings import Misconfigured, read_settings
from kaif.interfaces.auth import Nothing
from kaif.interfaces.auth.sessions import EndSession
from kaif.interfaces.messaging.actions import DeleteMessages
from kaif.interfaces.messaging.notifications import Notifications, NotificationSettings, PushUnavailable
from kaif.interfaces.messaging.phones import BadPhoneToken, PhoneNotifications, RegisterPhone
from kaif.kernel.actor import Actor, SessionId
from kaif.kernel.ids import new_id


class Place(NamedTuple):
    services: Services
    notified: Notifications
    phones: PhoneNotifications
    google: FcmVendor
    apple: ApnsVendor

    async def register(self, actor: Actor, service: Any = "fcm", **more: Any) -> None:
        await have_session(self.services, actor)
        token = TOKEN if service == "fcm" else DEVICE
        await self.phones.register_phone(actor, RegisterPhone(service, token, **more))

    async def shown_by_google(self, count: int = 1) -> list[Any]:
        await until(lambda: len(self.google.messages) >= count)
        return [json.loads(message["data"]["message"]) for message in self.google.messages]


@asynccontextmanager
async def with_phones(folder: Path, services: Services) -> AsyncIterator[Place]:
    google, apple = FcmVendor(), ApnsVendor()
    await google.start()
    await apple.start()
    settings = read_settings(folder, "127.0.0.1", 0, {"KAIF_PUSH_KEY": KEY, "KAIF_PUSH_ADDRESSES": "any"})
    pushes = {"fcm": google.push(), "apns": apple.push()}
    async with notifications(
        settings,
        services.database,
        services.cache,
        services.auth,
        timing=AT_ONCE,
        phones=pushes,  # type: ignore[arg-type]
    ) as wired:
        yield Place(services, wired[Notifications], wired[PhoneNotifications], google, apple)
    await google.close()
    await apple.close()


@pytest.fixture
async def place(embedded: Services, tmp_path: Path) -> AsyncIterator[Place]:
    async with with_phones(tmp_path, embedded) as place:
        yield place


@pytest.fixture
async def place_of_both(services: Services, tmp_path: Path) -> AsyncIterator[Place]:
    """On both databases, for what they have a part in."""
    async with with_phones(tmp_path, services) as place:
        yield place


async def devices(services: Services) -> int:
    rows: list[tuple[int]] = await services.database.fetch(tuple, "SELECT COUNT(*) FROM messaging_push_subscriptions")
    return rows[0][0]


async def test_without_previews_nobody_on_the_way_learns_what_was_written_nor_by_whom(place_of_both: Place) -> None:
    place = place_of_both
    anna, boris = await place.services.newcomers("anna", "boris")
    chat_id = await direct(place.services, anna, boris)
    await place.register(boris)
    iphone = Actor(boris.user_id, SessionId(new_id()))
    await place.register(iphone, "apns", language="en")

    entry = await say(place.services, anna, chat_id, "Секрет")

    (shown,) = await place.shown_by_google()
    assert (shown["chat_id"], shown["seq"], shown["badge"]) == (chat_id, entry.seq, 1)
    assert (shown["title"], shown["author"], shown["text"]) == ("", "", "")
    await until(lambda: bool(place.apple.payloads))
    (payload,) = place.apple.payloads
    assert payload["aps"]["alert"] == {"body": "New message"}
    assert "Секрет" not in str(place.apple.payloads) and "anna" not in str(payload)


async def test_with_previews_it_is_shown_who_wrote_what_where(place: Place) -> None:
    anna, boris, vera = await place.services.newcomers("anna", "boris", "vera")
    chat_id = await group(place.services, anna, boris, vera, title="Поход")
    await place.register(boris, "apns", previews=True)
    await place.register(vera, previews=True)
    await place.notified.keep_settings(vera, NotificationSettings(preview=False))

    await say(place.services, anna, chat_id, "Едем?")

    await until(lambda: bool(place.apple.payloads))
    assert place.apple.payloads[0]["aps"]["alert"] == {"title": "Поход", "body": "anna: Едем?"}
    assert place.apple.headers[0]["apns-collapse-id"]
    # Whoever wants no previews at all has none on a phone either.
    (shown,) = await place.shown_by_google()
    assert shown["text"] == shown["title"] == ""


async def test_what_was_deleted_is_replaced_where_it_is_shown(place: Place) -> None:
    anna, boris = await place.services.newcomers("anna", "boris")
    chat_id = await direct(place.services, anna, boris)
    await place.register(boris, "apns", previews=True)
    entry = await say(place.services, anna, chat_id, "Зря я это")
    await until(lambda: bool(place.apple.payloads))

    await place.services.actions.delete_messages(anna, DeleteMessages(chat_id, [entry.seq], for_everyone=True))

    await until(lambda: len(place.apple.payloads) == 2)
    first, second = place.apple.headers
    assert first["apns-collapse-id"] == second["apns-collapse-id"]
    assert place.apple.payloads[1]["aps"]["alert"] == {"body": "Сообщение удалено"}
    assert place.apple.payloads[1]["kaif"]["deleted"] and "sound" not in place.apple.payloads[1]["aps"]


async def test_a_phone_that_is_gone_is_forgotten_and_a_busy_service_asked_again(place: Place) -> None:
    anna, boris = await place.services.newcomers("anna", "boris")
    chat_id = await direct(place.services, anna, boris)
    await place.register(boris)
    place.google.fail("down")
    await say(place.services, anna, chat_id)
    await until(lambda: bool(place.google.tokens))
    assert await devices(place.services) == 1
    place.google.fail("gone")

    async def forgotten() -> bool:
        return await devices(place.services) == 0

    await eventually(forgotten)


async def test_a_phone_is_told_no_more_when_its_session_ends_or_it_wishes_so(place_of_both: Place) -> None:
    place = place_of_both
    (boris,) = await place.services.newcomers("boris")
    phone = Actor(boris.user_id, SessionId(new_id()))
    await place.register(boris, "apns")
    await place.register(phone)
    assert await devices(place.services) == 2

    await place.notified.unsubscribe(boris, Nothing())
    assert await devices(place.services) == 1
    await place.services.sessions.end_session(boris, EndSession(phone.session_id))

    async def forgotten() -> bool:
        return await devices(place.services) == 0

    await eventually(forgotten)


async def test_a_device_is_told_for_whoever_had_it_last_and_its_token_stands_nowhere_in_the_open(
    place_of_both: Place,
) -> None:
    place = place_of_both
    anna, boris = await place.services.newcomers("anna", "boris")
    await place.register(anna)

    await place.register(boris, previews=True)

    rows = await place.services.database.fetch(
        tuple, "SELECT user_id, service, previews, sealed, endpoint_hash FROM messaging_push_subscriptions"
    )
    assert [row[:3] for row in rows] == [(boris.user_id, "fcm", 1)]
    assert TOKEN not in str(rows)


async def test_what_is_no_token_and_what_is_not_set_up_is_refused(
    place: Place, embedded: Services, tmp_path: Path
) -> None:
    (anna,) = await place.services.newcomers("anna")
    assert (await place.phones.get_phone_services(anna, Nothing())).services == ["apns", "fcm"]
    with pytest.raises(BadPhoneToken):
        await place.phones.register_phone(anna, RegisterPhone("apns", "not-hexadecimal-digits"))

    settings = read_settings(tmp_path, "127.0.0.1", 0, {"KAIF_PUSH_KEY": KEY})
    async with notifications(settings, embedded.database, embedded.cache, embedded.auth) as wired:
        phones: PhoneNotifications = wired[PhoneNotifications]
        assert (await phones.get_phone_services(anna, Nothing())).services == []
        with pytest.raises(PushUnavailable):
            await phones.register_phone(anna, RegisterPhone("fcm", TOKEN))


def test_accounts_are_read_from_the_settings_and_a_wrong_one_is_said_without_a_word_of_it(tmp_path: Path) -> None:
    def phones(**environment: str) -> list[str]:
        return sorted(phones_of(read_settings(tmp_path, "127.0.0.1", 0, environment)))

    apple = {"KAIF_APNS_KEY_ID": "ABC123DEFG", "KAIF_APNS_TEAM_ID": "DEF123GHIJ", "KAIF_APNS_TOPIC": "example.kaif"}
    key = ApnsVendor().account().key

    assert phones() == []
    assert phones(KAIF_APNS_KEY=key, **apple) == ["apns"]
    for wrong in ({"KAIF_APNS_KEY": key}, {"KAIF_APNS_KEY": "secret", **apple}, {"KAIF_FCM_ACCOUNT": "secret"}):
        with pytest.raises(Misconfigured) as refused:
            phones(**wrong)
        assert "secret" not in str(refused.value)
