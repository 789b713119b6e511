"""How a letter about missed messages is worded: names, counts and lines, as plain text and as HTML."""

import html
import re
from string import Template
from urllib.parse import urlsplit

from kaif.engines.mail import Letter
from kaif.interfaces.auth.digest_letters import DigestChat, DigestLine, SendDigest
from kaif.services.auth.letters.writing import Digests, Letters, button
from kaif.services.auth.model import Account

_HEAD = (
    '<a href="$link" style="color:#0a7a74;font-weight:600;text-decoration:none">$title</a>'
    ' <span style="color:#456068">$count</span>'
)
_LINE = '<br><b style="font-weight:600">$author:</b> $text'
_DECLINE = '<p style="margin:0;font-size:13px;line-height:18px;color:#456068">$why <a href="$link">$decline</a></p>'
# What a mail program would make a link of, though its writer is not ours to vouch for: a dot that joins no words.
_JOINED = re.compile(r"(?<=\w)\.(?=\w)|:(?=//)")


def write(letters: Letters, public_url: str, request: SendDigest, account: Account, token: str) -> Letter:
    """`token` declines further ones."""
    words = letters.words_in(request.language)
    digest, host = words.digest, urlsplit(public_url).netloc
    before = [
        Template(words.greeting).substitute(name=account.display_name),
        Template(digest.before).substitute(host=host),
    ]
    decline = f"{public_url}/unsubscribe#{token}"
    more = [Template(digest.more_chats).substitute(count=request.more_chats)] if request.more_chats else []
    text = [
        *before,
        *(_chat_as_text(digest, chat, public_url) for chat in request.chats),
        *more,
        f"{digest.why} {digest.decline}: {decline}",
        "--\n" + Template(words.footer).substitute(host=host),
    ]
    parts = [
        *map(_paragraph, before),
        *(_chat_as_html(digest, chat, public_url) for chat in request.chats),
        *map(_paragraph, more),
        button(digest.button, f"{public_url}/"),
        _filled(_DECLINE, why=digest.why, link=decline, decline=digest.decline),
    ]
    return Letter(
        account.email,
        digest.subject,
        "\n\n".join(text) + "\n",
        letters.framed(request.language, digest.subject, parts),
        id=request.digest_id,
        unsubscribe=f"{public_url}/letters/unsubscribe?token={token}",
    )


def _chat_as_text(digest: Digests, chat: DigestChat, public_url: str) -> str:
    head = f"{chat.title or digest.stranger} {_count(digest, chat)}"
    lines = [f"{_unlinked(_who(line))}: {_unlinked(line.text)}" for line in chat.lines]
    return "\n".join([_unlinked(head), *lines, f"{public_url}/chat/{chat.chat_id}"])


def _chat_as_html(digest: Digests, chat: DigestChat, public_url: str) -> str:
    lines = [_filled(_LINE, author=_unlinked(_who(line)), text=_unlinked(line.text)) for line in chat.lines]
    head = _filled(
        _HEAD,
        link=f"{public_url}/chat/{chat.chat_id}",
        title=_unlinked(chat.title or digest.stranger),
        count=_count(digest, chat),
    )
    return f'<p style="margin:0 0 16px">{head}{"".join(lines)}</p>'


def _who(line: DigestLine) -> str:
    """And where it was said."""
    return f"{line.author} · {line.topic}" if line.topic else line.author


def _count(digest: Digests, chat: DigestChat) -> str:
    return Template(digest.count).substitute(count=chat.count)


def _unlinked(text: str) -> str:
    """What others wrote reads the same, but can't be pressed."""
    return _JOINED.sub(lambda found: found[0] + "\N{WORD JOINER}", text)


def _paragraph(line: str) -> str:
    return _filled('<p style="margin:0 0 16px">$text</p>', text=line)


def _filled(frame: str, **values: str) -> str:
    return Template(frame).substitute({name: html.escape(value) for name, value in values.items()})
