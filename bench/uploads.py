"""What an upload costs beside copying the same file: in one request, and by tus.

Copying is `cp` and an fsync onto the disk of the server; an upload is done when its last answer is there, and then is
sealed, hashed, synced and looked at. Both read a file that the kernel has forgotten. They take turns, so that whatever
else the machine does meets both. The server has all cores, as `cp` has, and shares them with whoever sends.
"""

import json
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from statistics import median

from bench.contenders import Server
from bench.processes import BenchError, cpu_seconds, family, resident_bytes

GB = 1_000_000_000
TURNS = 2
_AT_ONCE = 1 << 20
_TUS = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}


def compared(server: Server, directory: Path, size: int) -> dict[str, float]:
    file = directory / f"upload-{size}.bin"
    if not file.exists():
        with file.open("wb") as made:
            for _ in range(size // _AT_ONCE):
                made.write(secrets.token_bytes(_AT_ONCE))
            made.write(secrets.token_bytes(size % _AT_ONCE))
            os.fsync(made.fileno())
    _unpin(server.process.pid)
    token, before = server.accounts[0].token, resident_bytes(server.process.pid)
    turns, grown = list[tuple[float, float, float]](), 0
    cpu = cpu_seconds(server.process.pid)
    for _ in range(TURNS):
        copied = _timed(file, lambda: _copy(file, directory / "copy.bin"))
        put = _timed(file, lambda: _put(server.port, token, file))
        grown = max(grown, resident_bytes(server.process.pid) - before)
        patched = _timed(file, lambda: _patch(server.port, token, file))
        grown = max(grown, resident_bytes(server.process.pid) - before)
        turns.append((copied, put, patched))
    used = cpu_seconds(server.process.pid) - cpu
    return {
        "share": median(copied / max(put, patched) for copied, put, patched in turns),
        "put_mb_per_s": size / 1e6 / median(put for _, put, _ in turns),
        "tus_mb_per_s": size / 1e6 / median(patched for *_, patched in turns),
        "copy_mb_per_s": size / 1e6 / median(copied for copied, *_ in turns),
        "server_s_per_gb": used / (2 * TURNS * size / GB),
        "grown_mb": grown / 1e6,
        "server_cpu": 0.0,
        "load_cpu": 0.0,
    }


def _unpin(pid: int) -> None:
    for member in family(pid):
        for task in Path(f"/proc/{member}/task").iterdir():
            os.sched_setaffinity(int(task.name), os.sched_getaffinity(0))


def _timed(file: Path, act: Callable[[], None]) -> float:
    # What the one before wrote is no burden of the next.
    os.sync()
    with file.open("rb") as opened:
        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def _copy(file: Path, target: Path) -> None:
    subprocess.run(["cp", "--reflink=never", file, target], check=True)
    subprocess.run(["sync", target], check=True)
    target.unlink()


def _put(port: int, token: str, file: Path) -> None:
    answer = _sent(port, token, "POST", "/v1/media/files", {"Content-Disposition": 'filename="film.bin"'}, file)
    _forget(port, token, json.loads(answer.read())["id"])


def _patch(port: int, token: str, file: Path) -> None:
    length = {"Upload-Length": str(file.stat().st_size)}
    place = _sent(port, token, "POST", "/v1/media/uploads", {"Tus-Resumable": "1.0.0", **length}).headers["Location"]
    answer = _sent(port, token, "PATCH", place, {**_TUS, "Upload-Offset": "0"}, file)
    _forget(port, token, answer.headers["Kaif-Media-Id"])


def _forget(port: int, token: str, media_id: str) -> None:
    """Or there would be no room for the next."""
    _sent(port, token, "DELETE", f"/v1/media/files/{media_id}", {})


def _sent(
    port: int, token: str, method: str, path: str, headers: dict[str, str], file: Path | None = None
) -> HTTPResponse:
    connection = HTTPConnection("127.0.0.1", port, timeout=600)
    connection.putrequest(method, path)
    size = file.stat().st_size if file else 0
    for name, value in {"Authorization": f"Bearer {token}", "Content-Length": str(size), **headers}.items():
        connection.putheader(name, value)
    connection.endheaders()
    if file:
        assert isinstance(connection.sock, socket.socket)
        with file.open("rb") as opened:
            connection.sock.sendfile(opened)
    answer = connection.getresponse()
    if answer.status >= 300:
        raise BenchError(f"{method} {path}: {answer.status} {answer.read(500).decode(errors='replace')}")
    return answer
