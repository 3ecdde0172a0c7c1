"""Commands: `python -m bot run` sells, `check` tries, `reconcile` compares, `backup` copies."""

import asyncio
import signal
import sys
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from bot import settings as settings_file
from bot.offers import OffersError
from bot.settings import Settings, SettingsError

OPEN_FILES = 65_536  # where the system names no limit; not every system takes "unlimited"

cli = typer.Typer(
    help="A Telegram checkout for UzCard and Humo through ATMOS.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@cli.command()
def run() -> None:
    """Take updates from Telegram and sell, until SIGTERM or Ctrl-C."""
    settings = _settings()
    _open_what_may_be_opened()
    wrong = asyncio.run(_run(settings))
    if wrong:
        _stop(wrong)


@cli.command()
def check() -> None:
    """Try the settings, the database, the bot, the admin group and ATMOS; exit 1 if any fails."""
    settings = _settings(quiet=True)
    typer.echo("✓ settings: complete")
    if not asyncio.run(_check(settings)):
        raise typer.Exit(1)


@cli.command()
def reconcile(
    since: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="in Tashkent")],
    *,
    fix: Annotated[bool, typer.Option("--fix", help="record what ATMOS shows, and tell")] = False,
) -> None:
    """Compare every payment since a day with ATMOS; changes no payment without --fix.

    Exits with 1 while a difference is left or something is not known.
    """
    settings = _settings(quiet=True)
    if not asyncio.run(_compare(settings, since, fix=fix)):
        raise typer.Exit(1)


@cli.command()
def backup(file: Annotated[Path, typer.Argument(help="a file that is not there yet")]) -> None:
    """Copy the SQLite database, while the bot runs or not, for this account alone to read."""
    from bot import db  # noqa: PLC0415  SQLAlchemy is not needed to say what is wrong

    settings = _settings(quiet=True)
    try:
        db.back_up(settings.database_url.get_secret_value(), file)
    except db.NoBackup as error:
        _stop(str(error))
    typer.echo(f"✓ {file}: for this account alone; keep it on another machine too")


def _settings(*, quiet: bool = False) -> Settings:
    from bot import log  # noqa: PLC0415  structlog is not needed to say what is wrong

    try:
        settings = settings_file.load()
    except SettingsError as error:
        _stop(str(error))
    level = "ERROR" if quiet else settings.log_level  # a report is not mixed with log lines
    log.configure(level, settings.log_format, settings.secrets())
    return settings


def _open_what_may_be_opened() -> None:
    """Raise the limit of open files, of which each connection is one, as far as it goes."""
    try:
        import resource  # noqa: PLC0415  not every system has it
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft in (hard, resource.RLIM_INFINITY):
        return
    most = max(soft, OPEN_FILES) if hard == resource.RLIM_INFINITY else hard
    with suppress(ValueError, OSError):  # then it stays as it was
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _stop(said: str) -> NoReturn:
    typer.echo(said, err=True)
    raise typer.Exit(1)


async def _run(settings: Settings) -> str | None:
    """Sell, and give what stopped it where the merchant can mend that."""
    from bot import app, telegram  # noqa: PLC0415  aiogram takes seconds to import
    from bot import check as checks  # noqa: PLC0415  the same

    stop, hurry = asyncio.Event(), asyncio.Event()

    def signalled() -> None:
        (hurry if stop.is_set() else stop).set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, signalled)
    try:
        await checks.startable(settings)
        await app.run(settings, stop, hurry)
    except (OffersError, checks.Wrong) as error:
        return str(error)
    except ExceptionGroup as group:
        if group.subgroup(telegram.AnotherCopyRuns) is None:
            raise
        return "BOT_TOKEN: another copy of the bot runs with this token; stop it first"
    return None


async def _check(settings: Settings) -> bool:
    from bot import check as checks  # noqa: PLC0415  aiogram takes seconds to import

    good = True
    async for finding in checks.findings(settings):
        typer.echo(f"{finding.mark} {finding.what}: {finding.said}")
        good = good and finding.mark != "✗"
    return good


async def _compare(settings: Settings, since: datetime, *, fix: bool) -> bool:
    """Print every difference, and give whether none is left."""
    from bot import app  # noqa: PLC0415  aiogram takes seconds to import
    from bot import check as checks  # noqa: PLC0415  the same
    from bot.daily import Report  # noqa: PLC0415  the same
    from bot.offers import TASHKENT  # noqa: PLC0415  the same

    report = Report()
    try:
        await checks.database(settings)
        async with app.assembled(settings) as made:
            intents = await made.daily.opened_since(since.replace(tzinfo=TASHKENT))
            bar = typer.progressbar(length=len(intents), label="asking ATMOS", file=sys.stderr)
            with bar:
                async for intent, found in made.daily.compared(intents, fix=fix):
                    report.add(intent, found)
                    bar.update(1)
    except (OffersError, checks.Wrong) as error:
        _stop(str(error))
    for line in report.lines():
        typer.echo(line)
    for intent, why in report.undecided:
        typer.echo(f"{intent.id}: {intent.status} → not known yet ({why})")
    differ, undecided = len(report.differences), len(report.undecided)
    typer.echo(f"{report.agreed} agree, {differ} differ, {undecided} not known yet")
    if report.unanswered:
        typer.echo(
            f"ATMOS did not answer {report.unanswered} of {len(intents)} questions: "
            "mend what `python -m bot check` names, then compare again"
        )
    return report.is_clean(fixed=fix)


if __name__ == "__main__":
    cli()
