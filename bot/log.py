"""One log for us and for every library: lines for people, or JSON for machines."""

import logging
import sys
from types import TracebackType
from typing import Any

import structlog
from stamina.instrumentation import RetryDetails, set_on_retry_hooks

from bot.redact import redact_event

# What these say below a warning is noise, or nothing but what was written or stored: aiosqlite
# prints the arguments of each statement, SQLAlchemy each row, aiogram's scenes a dialogue's data.
QUIET = (
    "aiogram.event",
    "aiogram.scene",
    "aiohttp.access",
    "aiosqlite",
    "alembic",
    "httpcore",
    "httpx",
    "sqlalchemy",
)


class _Handler(logging.StreamHandler[Any]):
    """Says where a line came from that could not be made; logging would print its arguments."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  the name is logging's
        self.stream.write(f"a line of {record.name} ({record.pathname}:{record.lineno}) is lost\n")


def configure(level: str, style: str, secrets: tuple[str, ...] = ()) -> None:
    """Send everything through structlog, warnings too and what ends the process.

    `secrets` never appear in a line.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler = _Handler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                redact_event(secrets),
                _renderer(style),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level)))

    logging.captureWarnings(capture=True)  # aiogram's quote an update that it does not know
    sys.excepthook = _uncaught
    set_on_retry_hooks([_retried])


def _uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        structlog.get_logger("bot.log").critical("ended_by_error", exc_info=(kind, error, trace))


def _retried(details: RetryDetails) -> None:
    """Say that a call is made again, without its arguments: they may name people."""
    structlog.get_logger("bot.log").warning(
        "called_again",
        call=details.name,
        error=type(details.caused_by).__name__,
        wait=round(details.wait_for, 1),
    )


def _renderer(style: str) -> Any:
    if style == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
