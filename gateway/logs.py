"""Log lines: JSON for machines, text for people, and nothing personal in either.

Ours and the libraries' go through the same processors. An exception is written as its type and the
lines it passed through; its message may hold a value, so it is left out.
"""

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from gateway.errors import stack_of

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
# These say more than a log may hold, addresses of requests for one, or a line for each bad request.
_QUIET = ("httpx", "httpcore", "uvicorn", "uvicorn.error", "uvicorn.access", "asyncio")


def configure_logs(level: str, form: str, stream: TextIO | None = None) -> None:
    """Make the process's log lines of that level (`info`) and form (`json` or `text`)."""
    target = stream or sys.stderr
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        without_values,
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=target.isatty())
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=target),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(LEVELS[level], logging.WARNING))
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.ERROR)


def without_values(
    _logger: WrappedLogger, _method: str, event: MutableMapping[str, object]
) -> EventDict:
    """Replace an exception by its types and places."""
    given = event.pop("exc_info", None)
    error: BaseException | None = None
    if isinstance(given, BaseException):
        error = given
    elif isinstance(given, tuple):
        error = given[1]
    elif given:
        error = sys.exc_info()[1]
    if error is not None:
        event["raised"] = stack_of(error)
    event.pop("exc_text", None)
    return event


def request_line(level: str, facts: Mapping[str, object]) -> None:
    """Write the one line of a refused, failed or slow request; facts that are None are left out."""
    logger = structlog.get_logger("almoner")
    known = {name: fact for name, fact in facts.items() if fact is not None}
    getattr(logger, level)("request", **known)
