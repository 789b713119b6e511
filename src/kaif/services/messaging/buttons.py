"""What may stand on a bot's buttons, free of storage."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from kaif.interfaces.messaging.content import Button
from kaif.interfaces.messaging.errors import BadButtons
from kaif.kernel.text import clean_text
from kaif.services.messaging import markup

DATA_BYTES_MAX = 64
# Of all that stands on a message's buttons: it goes wherever the message goes, as often as that changes.
BUTTONS_BYTES_MAX = 8 * 1024


def checked(rows: Sequence[Sequence[Button]]) -> list[list[Button]]:
    """Raises BadButtons."""
    fit = [[_checked(button) for button in row] for row in rows]
    written = (button.text + button.data + button.url for row in fit for button in row)
    if sum(len(text.encode()) for text in written) > BUTTONS_BYTES_MAX:
        raise BadButtons(path="$.buttons")
    return fit


def lead_elsewhere(rows: Sequence[Sequence[Button]]) -> bool:
    return any(button.url for row in rows for button in row)


def has_data(rows: Sequence[Sequence[Button]], data: str) -> bool:
    return any(button.data == data for row in rows for button in row)


def _checked(button: Button) -> Button:
    text = clean_text(button.text)
    is_fit = text is not None and "\n" not in text and bool(button.data) != bool(button.url)
    if not is_fit or (button.data and not _is_data(button.data)) or (button.url and not _is_web(button.url)):
        raise BadButtons(path="$.buttons")
    assert text
    return Button(text, button.data, button.url)


def _is_data(data: str) -> bool:
    """Printable, so that no database and no log chokes on it."""
    return data.isprintable() and len(data.encode("utf-8", "surrogatepass")) <= DATA_BYTES_MAX


def _is_web(url: str) -> bool:
    return markup.is_safe(url) and urlsplit(url).scheme in ("http", "https")
