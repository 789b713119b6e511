"""What a client's calls raise.

ClientError
├── Unreachable   nobody answered, for as long as the call was willing to wait
├── Closed        the client was closed while the call waited
└── Refused       the server answered no, and asking again will not change that
"""


class ClientError(Exception):
    pass


class Unreachable(ClientError):
    pass


class Closed(ClientError):
    pass


class Refused(ClientError):
    """`code` is stable, `detail` is for people (docs/realtime.md, the HTTP interface); `status` is 0 on the socket."""

    def __init__(self, code: str, detail: str, status: int = 0, retry_after_s: float = 0.0) -> None:
        super().__init__(f"{code}: {detail}")
        self.code, self.detail, self.status, self.retry_after_s = code, detail, status, retry_after_s

    @property
    def is_passing(self) -> bool:
        """Whether the same may be answered otherwise later."""
        return self.status == 429 or self.status >= 500
