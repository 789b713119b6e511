"""Events that are ready together share frames, none of which is too long for a client."""

import json

from kaif.gateway import frames


def entry(number: int, letters: int) -> bytes:
    return frames.encode({"type": "entry", "seq": number, "text": "ж" * letters})


def test_few_events_are_one_array_and_a_single_one_stands_alone() -> None:
    assert list(frames.joined([b"1", b"2", b"3"])) == [b"[1,2,3]"]
    assert list(frames.joined([b"1"])) == [b"1"]


def test_more_events_than_a_frame_holds_are_spread_over_several_in_order() -> None:
    events = [entry(number, letters=4000) for number in range(500)]

    texts = list(frames.joined(events))

    assert len(texts) > 1
    assert max(map(len, texts)) <= frames.JOINED_BYTES_MAX + len(texts[0]) // 10
    assert [event["seq"] for text in texts for event in json.loads(text)] == list(range(500))


def test_an_event_that_alone_is_longer_is_not_lost() -> None:
    events = [entry(1, 10), entry(2, frames.JOINED_BYTES_MAX), entry(3, 10)]

    texts = list(frames.joined(events))

    assert [json.loads(text)["seq"] for text in texts] == [1, 2, 3]
