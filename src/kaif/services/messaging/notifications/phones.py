"""What people do about notifications on phones; each method is one transaction."""

import hashlib
import re
from collections.abc import Collection

from kaif.interfaces.auth import Nothing
from kaif.interfaces.messaging.notifications import PushUnavailable
from kaif.interfaces.messaging.phones import BadPhoneToken, PhoneService, PhoneServices, RegisterPhone
from kaif.kernel.actor import Actor
from kaif.kernel.ids import new_id
from kaif.services.messaging.notifications.listening import Devices

# It stands in the path of a request of ours.
_APPLE_TOKEN = re.compile(r"[0-9A-Fa-f]{16,200}")


class PhoneNotificationsService:
    def __init__(self, devices: Devices | None, services: Collection[PhoneService]) -> None:
        self._devices, self._services = devices, sorted(services)

    async def get_phone_services(self, actor: Actor, request: Nothing) -> PhoneServices:
        return PhoneServices(self._services)

    async def register_phone(self, actor: Actor, request: RegisterPhone) -> Nothing:
        if self._devices is None or request.service not in self._services:
            raise PushUnavailable
        if request.service == "apns" and not _APPLE_TOKEN.fullmatch(request.token):
            raise BadPhoneToken(path="$.token")
        place_hash = hashlib.sha256(f"{request.service}:{request.token}".encode()).hexdigest()
        await self._devices.add(
            actor,
            new_id(),
            place_hash,
            request.token,
            request.language,
            service=request.service,
            previews=request.previews,
        )
        return Nothing()
