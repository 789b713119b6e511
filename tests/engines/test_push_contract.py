"""What every way to a device promises, each against a service that checks the protocol; and what is one's own."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from tests.engines.vendors import DEVICE, TOKEN, ApnsVendor, FcmVendor, Vendor, WebVendor, pem_of

from kaif.engines.push import MESSAGE_BYTES_MAX, Alert, Gone, Push, Refused
from kaif.engines.push.apns import ApnsAccount, ApnsPush
from kaif.engines.push.fcm import read_account
from kaif.engines.web import Unreachable

ALERT = Alert('{"seq":7,"text":"Едем?"}'.encode(), "Анна", "Едем?", badge=3, thread="chat")


@pytest.fixture(params=[WebVendor, FcmVendor, ApnsVendor], ids=["web", "fcm", "apns"])
async def vendor(request: pytest.FixtureRequest) -> AsyncIterator[Vendor]:
    make: Callable[[], Vendor] = request.param
    vendor = make()
    await vendor.start()
    yield vendor
    await vendor.close()


@pytest.fixture
async def push(vendor: Vendor) -> AsyncIterator[Push[Any]]:
    push = vendor.push()
    yield push
    await push.close()


@pytest.fixture
async def google() -> AsyncIterator[tuple[FcmVendor, Push[str]]]:
    vendor = FcmVendor()
    await vendor.start()
    push = vendor.push()
    yield vendor, push
    await push.close()
    await vendor.close()


@pytest.fixture
async def apple() -> AsyncIterator[tuple[ApnsVendor, Push[str]]]:
    vendor = ApnsVendor()
    await vendor.start()
    push = vendor.push()
    yield vendor, push
    await push.close()
    await vendor.close()


# All of them


async def test_what_is_sent_arrives_with_its_time_its_urgency_and_its_topic(vendor: Vendor, push: Push[Any]) -> None:
    await push.send(vendor.address(), ALERT, ttl_s=60, urgency="high", topic="chat-1")

    (brought,) = vendor.brought
    assert (brought.content, brought.urgent, brought.topic) == (ALERT.content, True, "chat-1")
    assert 58 <= brought.ttl_s <= 60


async def test_what_is_not_urgent_and_has_no_topic_says_so(vendor: Vendor, push: Push[Any]) -> None:
    await push.send(vendor.address(), ALERT, ttl_s=0, urgency="low")

    (brought,) = vendor.brought
    assert (brought.urgent, brought.topic, brought.ttl_s) == (False, "", 0)


async def test_a_device_that_is_gone_is_gone(vendor: Vendor, push: Push[Any]) -> None:
    vendor.fail("gone")

    with pytest.raises(Gone):
        await push.send(vendor.address(), ALERT, ttl_s=60)


@pytest.mark.parametrize(("how", "again", "after_s"), [("bad", False, 0), ("busy", True, 7), ("down", True, 0)])
async def test_a_refusal_says_whether_and_when_to_come_again(
    vendor: Vendor, push: Push[Any], how: str, again: bool, after_s: int
) -> None:
    vendor.fail(how)

    with pytest.raises(Refused) as refused:
        await push.send(vendor.address(), ALERT, ttl_s=60)

    assert (refused.value.again, refused.value.retry_after_s) == (again, after_s)
    assert TOKEN not in str(refused.value) and DEVICE not in str(refused.value)


async def test_a_service_that_is_not_there_is_unreachable(vendor: Vendor, push: Push[Any]) -> None:
    address = vendor.address()
    await vendor.close()

    with pytest.raises(Unreachable):
        await push.send(address, ALERT, ttl_s=60)


async def test_ten_at_once_all_arrive(vendor: Vendor, push: Push[Any]) -> None:
    address = vendor.address()

    await asyncio.gather(*(push.send(address, Alert(b'{"n":%d}' % n, "t"), ttl_s=60) for n in range(10)))

    assert {brought.content for brought in vendor.brought} == {b'{"n":%d}' % n for n in range(10)}


async def test_the_longest_message_that_there_is_still_fits(vendor: Vendor, push: Push[Any]) -> None:
    # 200 characters of text, a name and a title, each in the widest letters.
    text = "щ" * 200
    content = f'{{"title":"{"щ" * 128}","author":"{"щ" * 64}","text":"{text}"}}'.encode()
    assert len(content) <= MESSAGE_BYTES_MAX

    await push.send(vendor.address(), Alert(content, "щ" * 128, text), ttl_s=60)

    assert vendor.brought[0].content == content


# Google


async def test_one_access_token_does_for_many_messages_and_is_renewed_before_it_runs_out(
    google: tuple[FcmVendor, Push[str]],
) -> None:
    vendor, push = google
    await asyncio.gather(*(push.send(TOKEN, ALERT, ttl_s=60) for _ in range(10)))
    assert len(vendor.tokens) == 1
    vendor.take_tokens_back()
    vendor.lifetime_s = 60

    await push.send(TOKEN, ALERT, ttl_s=60)
    await push.send(TOKEN, ALERT, ttl_s=60)

    # The second was taken back: another was asked for, once. It lasts so shortly that it does for one message.
    assert len(vendor.tokens) == 3 and len(vendor.brought) == 12


async def test_an_account_that_google_refuses_costs_no_device(google: tuple[FcmVendor, Push[str]]) -> None:
    vendor, push = google
    vendor.refusing_assertions = True

    with pytest.raises(Refused) as refused:
        await push.send(TOKEN, ALERT, ttl_s=60)

    assert refused.value.again and vendor.brought == []


async def test_a_device_of_another_application_is_gone_for_google(google: tuple[FcmVendor, Push[str]]) -> None:
    vendor, push = google
    vendor.fail("elsewhere")

    with pytest.raises(Gone):
        await push.send(TOKEN, ALERT, ttl_s=60)


async def test_a_project_that_google_does_not_know_costs_no_device(google: tuple[FcmVendor, Push[str]]) -> None:
    vendor, push = google
    vendor.fail("nowhere")

    with pytest.raises(Refused):
        await push.send(TOKEN, ALERT, ttl_s=60)


async def test_what_google_gets_beside_the_message_says_nothing_of_it(google: tuple[FcmVendor, Push[str]]) -> None:
    vendor, push = google

    await push.send(TOKEN, ALERT, ttl_s=60)

    assert vendor.messages[0]["data"].keys() == {"message"} and "notification" not in vendor.messages[0]


@pytest.mark.parametrize("content", [b"", b"{}", b'{"project_id": "x"}', b"no json"])
def test_a_file_that_is_no_account_is_refused_without_a_word_of_it(content: bytes) -> None:
    with pytest.raises(ValueError, match="no key of a service account"):
        read_account(content)


# Apple


async def test_one_connection_and_one_provider_token_carry_many(apple: tuple[ApnsVendor, Push[str]]) -> None:
    vendor, push = apple

    for _ in range(3):
        await push.send(DEVICE, ALERT, ttl_s=60)

    assert vendor.connections == 1 and len(set(vendor.provider_tokens)) == 1


async def test_a_provider_token_that_is_too_old_is_made_anew_once(apple: tuple[ApnsVendor, Push[str]]) -> None:
    vendor, push = apple
    await push.send(DEVICE, ALERT, ttl_s=60)
    vendor.stale |= set(vendor.provider_tokens)

    await push.send(DEVICE, ALERT, ttl_s=60)

    assert len(vendor.brought) == 2 and len(vendor.provider_tokens) == 3


@pytest.mark.parametrize(("how", "expected"), [("unknown", Gone), ("forbidden", Refused)])
async def test_a_token_of_another_application_is_gone_and_a_wrong_key_costs_no_device(
    apple: tuple[ApnsVendor, Push[str]], how: str, expected: type[Exception]
) -> None:
    vendor, push = apple
    vendor.fail(how)

    with pytest.raises(expected) as raised:
        await push.send(DEVICE, ALERT, ttl_s=60)

    assert not isinstance(raised.value, Refused) or raised.value.again


async def test_a_phone_shows_the_words_the_count_and_the_chat_and_is_quiet_when_asked(
    apple: tuple[ApnsVendor, Push[str]],
) -> None:
    vendor, push = apple

    await push.send(DEVICE, ALERT, ttl_s=60)
    await push.send(DEVICE, Alert(b"{}", badge=1, silent=True), ttl_s=60)

    loud, quiet = (payload["aps"] for payload in vendor.payloads)
    assert loud["alert"] == {"title": "Анна", "body": "Едем?"}
    assert (loud["badge"], loud["sound"], loud["thread-id"], loud["mutable-content"]) == (3, "default", "chat", 1)
    assert "sound" not in quiet and "alert" not in quiet


def test_keys_that_are_none_are_refused_without_a_word_of_them() -> None:
    others = (ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(public_exponent=65537, key_size=2048))
    for pem in ("secret", *(pem_of(key) for key in others)):
        with pytest.raises(ValueError, match="no key of Apple") as refused:
            ApnsPush(ApnsAccount(pem, "k", "t", "a"))
        assert pem not in str(refused.value)
    assert "PRIVATE" not in repr(ApnsAccount(pem_of(others[0]), "k", "t", "a"))
