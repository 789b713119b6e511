"""The rules of what was heard and what is missing, against every order in which entries can come."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from kaif.client.inbox import Gap, Inbox
from kaif.client.values import Entry, entry_of

NOW = datetime(2026, 11, 26, tzinfo=UTC)


def entry(seq: int, chat_id: str = "a", kind: str = "message", user_ids: list[str] | None = None) -> Entry:
    return Entry(chat_id, seq, kind, "someone", NOW, user_ids=user_ids or [])


def taken(inbox: Inbox, log: int, page: int = 3) -> list[tuple[str, int]]:
    """All that can be had, from a server whose chats each have `log` entries."""
    given_out: list[tuple[str, int]] = []
    while (found := inbox.next()) is not None:
        if isinstance(found, Gap):
            inbox.fill(found, [entry(seq, found.chat_id) for seq in range(found.after + 1, log + 1)][:page])
        else:
            given_out.append((found.chat_id, found.seq))
    return given_out


def test_entries_follow_on_what_an_earlier_client_had() -> None:
    inbox = Inbox({"a": 3})

    inbox.hear_hello("me", {"a": 5, "b": 2})

    assert sorted(taken(inbox, 5)) == [("a", 4), ("a", 5), ("b", 1), ("b", 2), ("b", 3)]


def test_without_anything_from_earlier_they_begin_now_but_later_chats_at_their_beginning() -> None:
    inbox = Inbox()

    inbox.hear_hello("me", {"a": 5})
    inbox.hear_hello("me", {"a": 5, "b": 2})

    assert taken(inbox, 2) == [("b", 1), ("b", 2)]


def test_who_is_let_in_while_connected_hears_what_follows() -> None:
    inbox = Inbox({})

    inbox.hear_hello("me", {})
    inbox.hear(entry(8, kind="joined", user_ids=["me"]))
    inbox.hear(entry(9))

    assert taken(inbox, 9) == [("a", 8), ("a", 9)]


def test_what_a_newer_server_says_comes_whole_and_in_its_place() -> None:
    event = {"chat_id": "a", "seq": 2, "kind": "sealed", "sender_id": "anna", "at": NOW, "sealed": "q8"}
    inbox = Inbox({"a": 0})
    inbox.hear_hello("me", {"a": 0})
    for each in (entry(1), entry_of(event), entry(3)):
        inbox.hear(each)

    given_out = [inbox.next() for _ in range(3)]

    assert [each.seq for each in given_out if isinstance(each, Entry)] == [1, 2, 3]
    assert isinstance(given_out[1], Entry) and given_out[1].data == event


def test_a_busy_chat_does_not_silence_the_others() -> None:
    inbox = Inbox({})
    inbox.hear_hello("me", {})
    for seq in range(1, 100):
        inbox.hear(entry(seq))
    inbox.hear(entry(1, "b"))

    assert ("b", 1) in taken(inbox, 99)[:3]


def test_a_chat_that_can_not_be_seen_any_more_is_given_up_and_may_come_back() -> None:
    inbox = Inbox({"a": 1})
    inbox.hear_hello("me", {"a": 3})
    gap = inbox.next()
    assert isinstance(gap, Gap)

    inbox.give_up(gap)

    assert inbox.next() is None
    inbox.hear_hello("me", {"a": 4})
    assert taken(inbox, 4) == [("a", 2), ("a", 3), ("a", 4)]


def test_who_came_back_while_a_question_was_under_way_asks_again() -> None:
    inbox = Inbox({"a": 1})
    inbox.hear_hello("me", {"a": 3})
    gap = inbox.next()
    assert isinstance(gap, Gap)

    inbox.hear(entry(7, kind="joined", user_ids=["me"]))
    inbox.give_up(gap)

    assert taken(inbox, 7, page=10) == [("a", seq) for seq in range(2, 8)]


@given(
    heard=st.lists(st.integers(1, 40), max_size=120),
    have=st.integers(0, 10),
    newest=st.integers(10, 40),
    room=st.integers(1, 8),
    take_after=st.integers(1, 20),
)
def test_whatever_comes_in_whatever_order_is_given_out_once_and_in_order(
    heard: list[int], have: int, newest: int, room: int, take_after: int
) -> None:
    inbox = Inbox({"a": have}, entries_max=room)
    given_out: list[tuple[str, int]] = []
    inbox.hear_hello("me", {"a": newest})
    for number, seq in enumerate(heard):
        inbox.hear(entry(seq))
        assert inbox.held <= room + 3
        if number % take_after == 0:
            found = inbox.next()
            if isinstance(found, Entry):
                given_out.append((found.chat_id, found.seq))
            elif isinstance(found, Gap):
                inbox.fill(found, [entry(seq) for seq in range(found.after + 1, 41)][:3])

    given_out += taken(inbox, 40)

    assert [seq for _, seq in given_out] == list(range(have + 1, have + 1 + len(given_out)))
    assert given_out[-1:] >= [("a", max([newest, *heard]))] or newest <= have
    assert inbox.have["a"] == have + len(given_out)
