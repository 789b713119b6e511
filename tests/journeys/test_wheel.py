"""What we publish: a wheel that needs neither this repository nor Node."""

import re
import signal
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from tests.harness import Person, Server
from tests.servers import die_with_parent
from tests.waiting import until

ROOT = Path(__file__).parents[2]
BUILD_WITHIN_S = 120
INSTALL_WITHIN_S = 240


def run(*command: str | Path, within_s: float, cwd: Path = ROOT) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, encoding="utf-8", timeout=within_s, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def pip(*arguments: str | Path, within_s: float) -> None:
    run(sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments, within_s=within_s)


def built_wheel(folder: Path) -> Path:
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT, within_s=BUILD_WITHIN_S)
    (wheel,) = folder.glob("kaif-*.whl")
    return wheel


def installed(wheel: Path, folder: Path) -> Path:
    """An environment with nothing but the locked requirements and the wheel; returns its programs."""
    venv.create(folder, with_pip=False)
    programs = folder / "bin"
    install = ("--python", programs / "python", "install", "--no-compile")
    pip(*install, "--require-hashes", "-r", ROOT / "requirements.lock", within_s=INSTALL_WITHIN_S)
    pip(*install, "--no-deps", "--no-index", wheel, within_s=INSTALL_WITHIN_S)
    return programs


@contextmanager
def running(programs: Path, server: Server, folder: Path) -> Iterator[Path]:
    """`kaif up` of that environment, on a path without anything else; gives what it prints."""
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [programs / "kaif", "up", "--data", server.data, "--host", server.host, "--port", str(server.port)],
            cwd=folder,
            stdout=out,
            stderr=out,
            env={"PATH": str(programs), "KAIF_SETUP_CODE": server.setup_code, "LANG": "C.UTF-8"},
            preexec_fn=die_with_parent(signal.SIGKILL),
        )
    try:
        yield log
        process.terminate()
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()


async def test_a_wheel_in_an_empty_environment_serves_the_client_and_carries_messages(tmp_path: Path) -> None:
    wheel = built_wheel(tmp_path / "dist")
    assert not unwanted(wheel)
    programs = installed(wheel, tmp_path / "environment")
    server = Server(tmp_path)

    with running(programs, server, tmp_path) as log:
        await until(lambda: "Kaif Ozero is running" in log.read_text(), timeout_s=30)
        await assert_client_is_served(server.url)
        anna, boris = Person(server.url, "anna"), Person(server.url, "boris")
        try:
            await anna.set_up(server.setup_code)
            await boris.register()
            await boris.connect()
            await anna.post_message(await anna.direct_chat(boris), "Из колеса")
            await until(lambda: any(shown[-1].get("text") == "Из колеса" for shown in boris.shown.values()))
        finally:
            await anna.close()
            await boris.close()


def unwanted(wheel: Path) -> list[str]:
    """What has no place in the package."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert "kaif/web/index.html" in names and "kaif/services/messaging/migrations/0001_chats.sql" in names
    return [name for name in names if not name.startswith(("kaif/", "kaif-")) or "node_modules" in name]


async def assert_client_is_served(url: str) -> None:
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
        page = await http.get("/")
        assert page.status_code == 200
        scripts = re.findall(r'src="(/assets/[^"]+\.js)"', page.text)
        assert scripts
        for script in scripts:
            answer = await http.get(script)
            assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/javascript")
