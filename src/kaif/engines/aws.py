"""Credentials for AWS and what speaks like it, found as by its own tools: variables, files, roles of containers and
machines."""

from collections.abc import Callable

from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError
from botocore.session import Session

from kaif.kernel.errors import Unavailable

RETRY_AFTER_MS = 1000


class AwsCredentials:
    """For one service, by the name that people know."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._session = Session()
        self._found: Credentials | None = None

    def sign(self, add_auth: Callable[[Credentials], object]) -> None:
        """Blocks: they may be asked for at an address of the machine. Raises Unavailable."""
        try:
            self._found = self._found or self._session.get_credentials()
            if self._found is None:
                raise Unavailable(f"There are no credentials for {self._service}.", retry_after_ms=RETRY_AFTER_MS)
            add_auth(self._found)
        except BotoCoreError as error:
            problem = f"The credentials for {self._service} can't be used: {error}."
            raise Unavailable(problem, retry_after_ms=RETRY_AFTER_MS) from error
