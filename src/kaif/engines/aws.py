"""Credentials for AWS and what speaks like it, found as by its own tools: variables, files, roles of containers and
machines."""

import logging
from collections.abc import Callable

from botocore.credentials import Credentials
from botocore.session import Session

from kaif.kernel.errors import Unavailable

log = logging.getLogger("kaif.aws")

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
            found = self._found = self._found or self._session.get_credentials()
            if found is not None:
                add_auth(found)
        except Exception as error:
            # Of botocore, of STS, of a file or a program that gives them. Its words are for the operator alone.
            log.warning("the credentials for %s can't be used: %s: %s", self._service, type(error).__name__, error)
            problem = f"The credentials for {self._service} can't be used."
            raise Unavailable(problem, retry_after_ms=RETRY_AFTER_MS) from error
        if found is None:
            raise Unavailable(f"There are no credentials for {self._service}.", retry_after_ms=RETRY_AFTER_MS)
