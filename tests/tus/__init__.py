"""The stock tus client, run as it is."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from tests.stock import StockProcess
from tests.waiting import until

FOLDER = Path(__file__).parent


class StockUpload(StockProcess):
    """One upload."""

    @property
    def progress(self) -> int:
        """How many bytes the client believes to have sent."""
        sent = self.events("progress")
        return int(sent[-1]["sent"]) if sent else 0

    async def succeeds(self, timeout_s: float = 60) -> str:
        """The id of what became of it."""
        await until(lambda: bool(self.events("success") or self.events("error")), timeout_s)
        assert not self.events("error"), self.events("error")
        return next(str(heard["media"]) for heard in reversed(self.events("response")) if heard.get("media"))


def stock_upload(file: Path, url: str, token: str, **options: Any) -> AbstractAsyncContextManager[StockUpload]:
    settings = {
        "file": str(file),
        "endpoint": f"{url}/v1/media/uploads",
        "token": token,
        "metadata": {"filename": file.name},
        "options": options,
    }
    return StockUpload.running(FOLDER, settings)
