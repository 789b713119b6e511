"""What notifications on phones promise: as in browsers (`notifications`), by the services that phones' makers run.

Those services read what they bring: what was written, and who wrote it, goes that way only where the device asked for
it.
"""

from typing import Annotated, Literal, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import Language, Nothing
from kaif.kernel.actor import Actor
from kaif.kernel.errors import Invalid
from kaif.kernel.remote import repeatable

PhoneService = Literal["fcm", "apns"]


class PhoneServices(msgspec.Struct, frozen=True):
    """Those that the operator has set up."""

    services: list[PhoneService]


class RegisterPhone(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`token` is what the device got from the service, of Apple's the hexadecimal digits. With `previews` it is shown
    what was written, as far as the person wants previews at all."""

    service: PhoneService
    token: Annotated[str, Meta(min_length=16, max_length=1024, pattern=r"^[A-Za-z0-9_:-]+$(?!\n)")]
    language: Language = "ru"
    previews: bool = False


class BadPhoneToken(Invalid):
    code, detail = "bad_phone_token", "This is no token of that service."


class PhoneNotifications(Protocol):
    @repeatable
    async def get_phone_services(self, actor: Actor, request: Nothing) -> PhoneServices:
        """By which services phones can be told."""
        ...

    @repeatable
    async def register_phone(self, actor: Actor, request: RegisterPhone) -> Nothing:
        """Tell this device from now on, as long as the actor's session lasts, or until `unsubscribe`; what the session
        had before, and whoever had this device before, end.

        Raises BadPhoneToken; PushUnavailable (in `notifications`) for a service that the operator has not set up.
        """
        ...
