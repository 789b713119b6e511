"""The rules of polls, places and contacts, free of storage."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import msgspec

from kaif.interfaces.messaging.cards import Card, Contact, Location, NewPoll, Poll, PollOption

_changed = msgspec.structs.replace

ICONS = {Poll: "📊", Location: "📍", Contact: "👤"}


def placed(given: Card | NewPoll, at: datetime) -> Card:
    """As it stands in the log, with nothing of a quiz's answer."""
    if not isinstance(given, NewPoll):
        return given
    return Poll(
        [PollOption(option) for option in given.options],
        anonymous=given.anonymous,
        multiple=given.multiple,
        quiz=given.correct is not None,
        closes_at=at + timedelta(seconds=given.open_s) if given.open_s else None,
    )


def counted(poll: Poll, counts: Sequence[int], voters: int) -> Poll:
    options = [PollOption(option.text, votes) for option, votes in zip(poll.options, counts, strict=True)]
    return _changed(poll, options=options, voters=voters)


def closed(poll: Poll, correct: int | None, explanation: str) -> Poll:
    return _changed(poll, closed=True, correct=correct, explanation=explanation)


def seen_by_voter(poll: Poll, chosen: Collection[int], correct: int | None, explanation: str) -> Poll:
    """With their own choice, and the answer of a quiz."""
    options = [_changed(option, mine=place in chosen) for place, option in enumerate(poll.options)]
    return _changed(poll, options=options, correct=correct, explanation=explanation)


def as_it_stands(poll: Poll) -> Poll:
    """What is forwarded of a poll: its result up to now, without what one person alone may see of it."""
    options = [PollOption(option.text, option.votes) for option in poll.options]
    if poll.closed:
        return _changed(poll, options=options)
    return _changed(poll, options=options, closed=True, closes_at=None, correct=None, explanation="")


def words_of(text: str, card: Card | NewPoll | None) -> str:
    """All that can be read of a message, for whoever looks for words in it."""
    match card:
        case Poll():
            return "\n".join((text, *(option.text for option in card.options), card.explanation))
        case NewPoll():
            return "\n".join((text, *card.options, card.explanation))
        case _:
            return text


def coordinates(location: Location) -> str:
    return f"{location.latitude:.6f}, {location.longitude:.6f}"


def percents(votes: Sequence[int], voters: int) -> list[int]:
    """Rounded each by itself, as whoever sees them side by side expects equal ones to be equal."""
    return [round(100 * count / voters) if voters else 0 for count in votes]
