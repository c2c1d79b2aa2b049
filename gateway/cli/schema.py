"""`almoner schema`: the served schema as text."""

import re

import click

from schema.build import create_schema, schema_sdl


@click.command()
@click.option("--appsync", is_flag=True, help="As AppSync would accept it: no scalars of our own.")
def schema(*, appsync: bool) -> None:
    """Print the SDL, access directives included.

    \b
    Example:
      almoner schema --appsync > schema.graphql
    """
    text = schema_sdl(create_schema())
    click.echo(_as_appsync(text) if appsync else text.rstrip("\n"))


def _as_appsync(text: str) -> str:
    """Return the SDL with Money and Percent as String, and without AppSync's own definitions."""
    without = re.sub(
        r'(?:^"""(?:(?!""").)*"""\n|^"[^\n]*"\n)?^(?:scalar|directive @aws_)[^\n]*\n+',
        "",
        text,
        flags=re.MULTILINE | re.DOTALL,
    )
    return re.sub(r"\b(Money|Percent)\b(?=[!\]\s=)]|$)", "String", without).rstrip("\n")
