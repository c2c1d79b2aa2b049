"""The help pages: every command has one with an example, and the list costs no imports."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from gateway.cli import COMMANDS, root

ALMONER = str(Path(sys.executable).with_name("almoner"))


def paths(group: click.Group, *above: str) -> Iterator[tuple[str, ...]]:
    """Give what is typed for every command, those of groups too."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield (*above, name)
        if isinstance(command, click.Group):
            yield from paths(command, *above, name)


def test_every_command_has_help_with_an_example() -> None:
    """`--help` of every command exits 0 and shows an example."""
    typed = list(paths(root))
    silent = []
    for path in typed:
        done = CliRunner().invoke(root, [*path, "--help"])
        if done.exit_code != 0 or "Example" not in done.output:
            silent.append(" ".join(path))
    assert silent == []
    assert {("audit", "verify"), ("agency", "remove"), ("dev",)} <= set(typed)
    assert len(typed) > 40


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_they_say(name: str) -> None:
    """What stands in the list, without importing the command, is its own page's first sentence."""
    command = root.get_command(click.Context(root), name)
    assert command is not None
    assert command.name == name
    assert COMMANDS[name].does == command.get_short_help_str(limit=200)


def printed(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
def test_the_list_is_there_at_once() -> None:
    """In processes as users start them: the list names every command and imports none of them."""
    listed = printed(ALMONER, "--help")
    assert all(f"\n  {name} " in listed for name in COMMANDS)
    assert "Example" in printed(ALMONER, "audit", "tail", "--help")

    program = "import sys, gateway.cli\ntry: gateway.cli.main()\nfinally: print(*sys.modules)"
    modules = printed(sys.executable, "-c", program, "--help").split()
    assert "gateway.cli" in modules
    assert not {"gateway.cli.dev", "gateway.workspace", "tenants.store"} & set(modules)
