"""Files and viruses: what is infected leaves nothing, and without the scanner nothing is taken."""

from pathlib import Path

import pytest
from tests.servers import ClamdServer
from tests.services.media.home import ANNA, at_home

from kaif.engines.scanner import ScannerUnavailable
from kaif.interfaces.auth import Nothing
from kaif.interfaces.media import Infected, TooLargeToCheck
from kaif.interfaces.media.health import Health
from kaif.interfaces.media.uploads import OfUpload, UploadNotFound
from kaif.kernel.actor import NOBODY
from kaif.kernel.clock import DAY_US

MIB = 1 << 20


@pytest.mark.asvs("5.4.3")
async def test_what_is_infected_is_refused_and_nothing_is_left(
    migrated_sqlite_url: str, tmp_path: Path, clamd: ClamdServer
) -> None:
    async with at_home(tmp_path, migrated_sqlite_url, KAIF_CLAMD=clamd.urls[1]) as home:
        good = await home.put(b"good")
        content = b"x" * MIB + clamd.VIRUS
        upload = await home.write(await home.create(len(content)), content)

        with pytest.raises(Infected) as refused:
            await home.finish(upload)

        assert refused.value.details == {"found": "Kaif.Test.UNOFFICIAL"}
        with pytest.raises(UploadNotFound):
            await home.uploads.get_upload(ANNA, OfUpload(upload.id))
        assert (await home.library.get_usage(ANNA, Nothing())).used == 4
        assert await home.listed() == [good.id]
        await home.come(DAY_US)
        assert len(await home.stored()) == 1


@pytest.mark.parametrize("larger", ["refuse", "accept"])
async def test_what_is_too_large_to_be_checked_is_taken_only_where_the_operator_says_so(
    migrated_sqlite_url: str, tmp_path: Path, clamd: ClamdServer, larger: str
) -> None:
    async with at_home(tmp_path, migrated_sqlite_url, KAIF_CLAMD=clamd.urls[1], KAIF_CLAMD_LARGER=larger) as home:
        content = b"x" * (clamd.STREAM_BYTES_MAX + 1)
        if larger == "accept":
            assert (await home.put(content)).size == len(content)
        else:
            with pytest.raises(TooLargeToCheck):
                await home.put(content)
            assert (await home.library.get_usage(ANNA, Nothing())).used == 0


@pytest.mark.asvs("5.4.3")
async def test_without_the_scanner_an_upload_waits_until_it_is_back(migrated_sqlite_url: str, tmp_path: Path) -> None:
    server = ClamdServer()
    try:
        async with at_home(tmp_path, migrated_sqlite_url, KAIF_CLAMD=server.urls[0]) as home:
            health: Health = home.services[Health]
            server.kill()
            upload = await home.write(await home.create(4), b"good")
            for _ in range(2):
                with pytest.raises(ScannerUnavailable):
                    await home.finish(upload)
            with pytest.raises(ScannerUnavailable):
                await health.check_media(NOBODY, Nothing())
            assert await home.listed() == []

            server.start()

            assert await home.read(await home.finish(upload)) == b"good"
    finally:
        server.remove()
