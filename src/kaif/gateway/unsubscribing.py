"""Where a letter's `List-Unsubscribe` leads: a mail program's one request ends letters of its kind (RFC 8058).

It comes without cookies and without a form of ours, so it is no route. The token stands in the address, since the
program sends nothing else that is ours; neither the log nor the metrics write addresses down.
"""

from urllib.parse import parse_qs

import msgspec

from kaif.gateway.answers import INERT, NO_STORE, Answer, lines
from kaif.gateway.application import Page
from kaif.gateway.requests import Request
from kaif.interfaces.auth.digest_letters import DeclineDigests, DigestLetters, UnknownToken
from kaif.kernel.actor import NOBODY
from kaif.kernel.http.problems import MethodNotAllowed

PATH = "/letters/unsubscribe"


def pages(letters: DigestLetters) -> dict[str, Page]:
    async def page(request: Request) -> Answer:
        token = _token_of(request.query)
        if request.method in ("GET", "HEAD"):
            # Whoever opens it is a person, or a machine that looks at every link: nothing ends without a press.
            location = b"/unsubscribe#" + token.encode()
            return Answer(303, NO_STORE + INERT + lines((b"location", location)), b"")
        if request.method != "POST":
            raise MethodNotAllowed(allow="GET, HEAD, POST")
        await letters.decline_digests(NOBODY, DeclineDigests(token))
        return Answer(200, NO_STORE + INERT, b"")

    return {PATH: page}


def _token_of(query: bytes) -> str:
    """Raises UnknownToken."""
    try:
        (token,) = parse_qs(query.decode("ascii"), strict_parsing=True, max_num_fields=2)["token"]
        return msgspec.convert({"token": token}, DeclineDigests).token
    except (ValueError, KeyError):
        raise UnknownToken from None
