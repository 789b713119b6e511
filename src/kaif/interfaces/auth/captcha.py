"""What auth promises about puzzles: where the operator wants them, whoever floods a server pays with their processor.

Nobody has to tell pictures apart and no third party learns of it: a browser solves the puzzle (ALTCHA, proof of work).
"""

from typing import Any, Protocol

import msgspec

from kaif.interfaces.auth import Nothing
from kaif.kernel.actor import Actor
from kaif.kernel.errors import Forbidden
from kaif.kernel.remote import repeatable


class Puzzle(msgspec.Struct, frozen=True):
    """An ALTCHA challenge of version 2; null where none is wanted."""

    challenge: dict[str, Any] | None


class CaptchaRequired(Forbidden):
    code, detail = "captcha_required", "Solve a puzzle from GET /v1/auth/captcha, and send it along as `captcha`."


class Captchas(Protocol):
    @repeatable
    async def get_captcha(self, actor: Actor, request: Nothing) -> Puzzle:
        """A puzzle that is good for one answer within ten minutes."""
        ...
