"""Runs a command in this process, over a home folder of its own."""

from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner

from domain.errors import GatewayError, InvalidInput
from gateway.cli import root


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a command left behind: its exit status, what it printed, and the paths of faults."""

    status: int
    output: str
    faults: tuple[str, ...] = ()


def almoner(
    home: Path, *arguments: str, text: str = "", environment: dict[str, str] | None = None
) -> Done:
    """Return what a command does with that home, without a terminal."""
    runner = CliRunner(env={"ALMONER_HOME": str(home), **(environment or {})})
    result = runner.invoke(root, list(arguments), input=text)
    error = result.exception
    if isinstance(error, GatewayError):
        faults = error.fields if isinstance(error, InvalidInput) else ()
        return Done(
            status=1,
            output=result.output + str(error),
            faults=tuple(fault.path for fault in faults),
        )
    if error is not None and not isinstance(error, SystemExit):
        raise error
    return Done(status=result.exit_code, output=result.output)


def made(home: Path) -> Path:
    """Return the home, with an agency `harbor` in it."""
    done = almoner(home, "agency", "add", "harbor", "--name", "Harbor", "--state", "mi")
    assert done.status == 0, done.output
    return home
