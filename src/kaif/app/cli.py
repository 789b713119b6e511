"""The command line."""

import os
import signal
import sys
from pathlib import Path

import click

import kaif
from kaif.app import archive, run
from kaif.app.folder import DataFolder, running
from kaif.app.settings import Misconfigured, Settings, read_settings
from kaif.engines.database.migrations import MigrationRefused
from kaif.kernel.errors import KaifError
from kaif.services.auth.audit.chain import Broken


class Sentences(click.Group):
    """What an operator can mend is a sentence on standard error and exit code 1, never a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (Misconfigured, MigrationRefused, Broken, KaifError, OSError) as error:
            click.echo(f"kaif: {_sentence(error)}", err=True)
            sys.exit(1)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which an operator meets them."""
        return list(self.commands)


def _sentence(error: Exception) -> str:
    match error:
        case KaifError():
            return f"{error} ({error.code})"
        case OSError():
            where = f" ({error.filename})" if error.filename else ""
            return f"The system refuses: {error.strerror or error}{where}."
        case _:
            return str(error)


data_option = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("data"),
    envvar="KAIF_DATA",
    show_default=True,
    help="Folder that holds all of the server's state.",
)


@click.group(cls=Sentences, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(kaif.__version__, prog_name="kaif")
def main() -> None:
    """Kaif Ozero: people talk, pay, trade and share media on a server of their own.

    `kaif up` runs all of it on this machine. Settings that are not options are KAIF_* variables of
    the environment: see docs/operating.md.
    """
    run.log_to_stderr()


@main.command()
@data_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 takes a free one."
)
def up(data: Path, host: str, port: int) -> None:
    """Run everything in one process, with all state in the data folder."""
    run.up(read_settings(data, host, port), click.echo)


@main.command()
@click.argument("service", type=click.Choice(["gateway", "auth", "messaging", "media", "search"]))
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", required=True, type=click.IntRange(1, 65535), help="Port to listen on.")
@data_option
def serve(service: str, host: str, port: int, data: Path) -> None:
    """Run one service as a process of its own, on PostgreSQL and Redis."""
    run.serve(service, _for_many_processes(read_settings(data, host, port)), click.echo)


def _for_many_processes(settings: Settings) -> Settings:
    if settings.database_url.startswith("sqlite:"):
        raise Misconfigured("Separate services need KAIF_DATABASE_URL=postgresql://…")
    if settings.cache_url.startswith("memory:"):
        raise Misconfigured("Separate services need KAIF_CACHE_URL=redis://…")
    return settings


@main.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@data_option
def backup(file: Path, data: Path) -> None:
    """Save the data folder to FILE; the server may be running.

    The file holds secrets: keep it safe. What belongs to it and lies elsewhere is named.
    """
    made = archive.backup(read_settings(data, "127.0.0.1", 8080), file)
    everything = "everything but what follows" if made.left_out else "everything"
    click.echo(f"{file} holds {everything} up to this moment ({made.size / 1e6:.1f} MB).")
    for sentence in made.left_out:
        click.echo(sentence)


@main.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@data_option
def restore(file: Path, data: Path) -> None:
    """Replace all data by the backup in FILE.

    What was there before is kept in the data folder. A running server starts again with the restored data.
    """
    archive.stage(data, file)
    if holder := running(data):
        os.kill(holder.pid, signal.SIGHUP)
        click.echo("The running server starts again with the restored data.")
        return
    folder = DataFolder(data)
    kept = archive.swap_in_pending(data)
    folder.release()
    click.echo(f"Restored. What was there before is in {kept}.")


@main.command()
@data_option
def demo(data: Path) -> None:
    """Fill a fresh data folder with two weeks in the life of thirty people.

    Before the server's first start: it makes the operator's account too.
    """
    from kaif.app.demo.run import run as tell

    tell(read_settings(data, "127.0.0.1", 8080), click.echo)


@main.command()
@data_option
def doctor(data: Path) -> None:
    """Check the installation, and say what is wrong and how to mend it."""
    from kaif.app.doctor import report

    if not report(read_settings(data, "127.0.0.1", 8080), click.echo):
        sys.exit(1)


@main.group()
def audit() -> None:
    """Read and check the audit log: what happened to accounts, sessions and roles."""


@audit.command("verify")
@data_option
def verify_audit(data: Path) -> None:
    """Check that no entry was changed, added or removed; the server may be running."""
    from kaif.app import auditing

    count = auditing.verify(read_settings(data, "127.0.0.1", 8080))
    click.echo(f"The audit log is sound: {count} entries.")


@audit.command("export")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=False))
@data_option
def export_audit(file: Path, data: Path) -> None:
    """Write all of it to FILE as lines of JSON, the oldest entry first."""
    from kaif.app import auditing

    count = auditing.export(read_settings(data, "127.0.0.1", 8080), file)
    click.echo(f"{file} holds {count} entries.")


@main.command("password-link")
@click.argument("username")
@data_option
def password_link(username: str, data: Path) -> None:
    """Print a link by which USERNAME sets a new password, once, within half an hour.

    For whoever lost it and gets no letter. Their second step stays. The server may be running.
    """
    from kaif.app import readmitting

    click.echo(readmitting.link_for(read_settings(data, "127.0.0.1", 8080), username))


@main.group()
def index() -> None:
    """The index by which messages are found; it holds nothing that the logs do not."""


@index.command("rebuild")
@data_option
def rebuild_index(data: Path) -> None:
    """Have the index of messages made anew, from the logs.

    The old one answers until the new one is complete. A server that is not running does it at its next start.
    """
    from kaif.app import indexing

    asked = indexing.ask_for_rebuild(read_settings(data, "127.0.0.1", 8080))
    click.echo("The index is being made anew." if asked else "The index is being made anew already.")


@main.group()
def media() -> None:
    """What people upload, and the keys it is stored under."""


@media.command("rotate-keys")
@data_option
def rotate_media_keys(data: Path) -> None:
    """Make a new master key, and wrap the keys of all content by it; the server may be running.

    Keys in the environment are not made here: add one there first. The older ones stay, for backups.
    """
    from kaif.app import rotating

    version, count = rotating.rotate(read_settings(data, "127.0.0.1", 8080))
    click.echo(f"Master key {version} is in use: {count} keys were wrapped anew.")


@media.command("move")
@click.argument("target")
@data_option
def move_media(target: str, data: Path) -> None:
    """Copy the content of all files to TARGET, as KAIF_BLOBS_URL would name it; the server must be stopped.

    Each part is read back and compared. A move that broke off goes on when it is begun again. What is
    there now stays.
    """
    from kaif.app import moving

    moved = moving.move(read_settings(data, "127.0.0.1", 8080), target, click.echo)
    where = moving.named(target)
    click.echo(f"{moved.written} parts were written to {where} and {moved.there} lay there already: all were compared.")
    if moved.missing:
        click.echo(
            f"kaif: {moved.missing} parts are missing where content lies now: their files can't be read.", err=True
        )
        sys.exit(1)
    click.echo("Set KAIF_BLOBS_URL to it and start the server.")


@main.command()
def keys() -> None:
    """Print a new key that signs access tokens.

    For KAIF_SIGNING_KEY, which `kaif serve` needs; `kaif up` makes its own.
    """
    from kaif.services.auth.tokens import new_signing_key

    click.echo(new_signing_key())


@main.command()
def openapi() -> None:
    """Print the OpenAPI 3.1 document of the public HTTP interface."""
    import msgspec

    from kaif.app.surface import document

    click.echo(msgspec.json.format(msgspec.json.encode(document()), indent=1).decode())


if __name__ == "__main__":
    main()
