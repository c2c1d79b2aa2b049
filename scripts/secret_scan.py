"""Looks for secrets in every file of the project, with detect-secrets; `make check` runs it.

Secrets of a known form (keys of AWS, private keys, tokens of vendors) are looked for everywhere.
Passwords by their name and texts that look random are looked for outside the tests, which are full
of made-up ones; in Python the names are ruff's and bandit's to judge (S105 to S107).

detect-secrets takes every line to every detector by way of its filters, which is slow. So each file
is first searched as a whole for what a detector's own patterns match, and shown to those detectors
alone that may find something: `tests/scripts` holds that nothing is lost by it.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, cast

from detect_secrets.core.scan import scan_file
from detect_secrets.plugins.base import RegexBasedDetector
from detect_secrets.plugins.high_entropy_strings import HighEntropyStringsPlugin
from detect_secrets.plugins.keyword import KeywordDetector
from detect_secrets.settings import get_plugins, transient_settings
from detect_secrets.transformers import get_transformed_file
from detect_secrets.types import NamedIO

ROOT = Path(__file__).parent.parent
RANDOM = ("Base64HighEntropyString", "HexHighEntropyString")
BY_NAME = ("KeywordDetector", "BasicAuthDetector")
KNOWN_FORMS = (
    "ArtifactoryDetector",
    "AWSKeyDetector",
    "AzureStorageKeyDetector",
    "CloudantDetector",
    "DiscordBotTokenDetector",
    "GitHubTokenDetector",
    "GitLabTokenDetector",
    "IbmCosHmacDetector",
    "JwtTokenDetector",
    "MailchimpDetector",
    "NpmDetector",
    "OpenAIDetector",
    "PrivateKeyDetector",
    "PypiTokenDetector",
    "SendGridDetector",
    "SlackDetector",
    "SoftlayerDetector",
    "SquareOAuthDetector",
    "StripeDetector",
    "TelegramBotTokenDetector",
    "TwilioKeyDetector",
)
# What is found and is no secret: file, kind, why.
ALLOWED = {
    ("README.md", "Secret Keyword"): "the demo world's published password",
    ("docs/identity_provider.md", "Secret Keyword"): "the demo world's published password",
    ("docs/operations.md", "Secret Keyword"): "an example's made-up password",
    ("domain/ids.py", "Base64 High Entropy String"): "the alphabet of ULIDs",
    ("examples/amplify/main.mjs", "Secret Keyword"): "the demo world's published password",
    ("examples/apollo/main.mjs", "Secret Keyword"): "the demo world's published password",
    ("examples/relay/main.mjs", "Secret Keyword"): "the demo world's published password",
    ("examples/urql/main.mjs", "Secret Keyword"): "the demo world's published password",
    (
        "gateway/local/identity_provider/srp.py",
        "Hex High Entropy String",
    ): "a published prime",
    ("tenants/directory/api_keys.py", "Base64 High Entropy String"): "the alphabet of API keys",
    ("tenants/masking/pseudonyms.py", "Base64 High Entropy String"): "the letters of pseudonyms",
}


def main() -> int:
    """Print what looks like a secret; return 1 where anything does."""
    names = _listed()
    cores = os.cpu_count() or 1
    with ProcessPoolExecutor(cores) as pool:
        parts = pool.map(_find_here, (names[core::cores] for core in range(cores)))
        found = sorted(item for part in parts for item in part if item[:2] not in ALLOWED)
    for path, kind, line in found:
        print(f"{path}:{line}: looks like a secret ({kind})")
    return 1 if found else 0


def find(root: Path, names: Iterable[str]) -> Iterator[tuple[str, str, int]]:
    """Give file, kind and line of all that looks like a secret in these files of a folder."""
    by_detectors: dict[tuple[str, ...], list[str]] = {}
    for name in names:
        if (root / name).is_file() and not name.startswith("requirements/"):  # hashes alone
            suspected = tuple(_suspected(root / name, detectors_for(name)))
            by_detectors.setdefault(suspected, []).append(name)
    by_detectors.pop((), None)
    for detectors, suspects in by_detectors.items():
        with transient_settings(_settings(detectors)):
            for name in suspects:
                for secret in scan_file(str(root / name)):
                    yield name, secret.type, secret.line_number


def detectors_for(name: str) -> tuple[str, ...]:
    """Return the detectors that a file is meant for."""
    if name.startswith("tests/"):
        return KNOWN_FORMS
    if name.endswith(".py"):
        return (*KNOWN_FORMS, *RANDOM)
    return (*KNOWN_FORMS, *RANDOM, *BY_NAME)


def _find_here(names: list[str]) -> list[tuple[str, str, int]]:
    return list(find(ROOT, names))


def _listed() -> list[str]:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.rstrip("\0").split("\0")


def _settings(detectors: Iterable[str]) -> dict[str, list[dict[str, str]]]:
    return {"plugins_used": [{"name": detector} for detector in detectors]}


def _suspected(path: Path, detectors: tuple[str, ...]) -> Iterator[str]:
    """Give the detectors that may find something in a file; none where it is not text."""
    try:
        text = _all_spellings(path)
    except UnicodeDecodeError:
        return
    for detector in detectors:
        if _may_find(_detector(detector), text, path.name):
            yield detector


def _all_spellings(path: Path) -> str:
    """Return a file's lines as they are, and as detect-secrets rewrites those of settings files."""
    with path.open(encoding="utf-8") as file:
        lines = file.readlines()
        file.seek(0)
        for eager in (False, True):
            lines += get_transformed_file(cast(NamedIO, file), use_eager_transformers=eager) or []
    return "\n".join(line.rstrip() for line in lines)


@cache
def _detector(name: str) -> Any:
    with transient_settings(_settings([name])):
        (detector,) = get_plugins()
    return detector


def _may_find(detector: Any, text: str, name: str) -> bool:
    """Say whether a detector's patterns match anywhere: more than it would find line by line."""
    if isinstance(detector, KeywordDetector):  # what it looks for depends on the kind of file
        return any(detector.analyze_line(name, line) for line in text.split("\n"))
    if isinstance(detector, HighEntropyStringsPlugin):
        # Its pattern spans no line's end, so that all texts of all lines are found at once.
        return any(
            detector.calculate_shannon_entropy(quoted) > detector.entropy_limit
            for quoted in set(detector.analyze_string(text))
        )
    if isinstance(detector, RegexBasedDetector):
        return any(
            re.search(pattern.pattern, text, pattern.flags | re.MULTILINE)
            for pattern in detector.denylist
        )
    return True  # not one of the two known ways to look: let it look for itself


if __name__ == "__main__":
    sys.exit(main())
