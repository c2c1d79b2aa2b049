"""The scan for secrets finds what it is there for, as fast as `make check` wants it."""

import base64
import random
import string
from pathlib import Path

import pytest
from detect_secrets.core.scan import scan_file
from detect_secrets.settings import transient_settings

from scripts import secret_scan

LETTERS = string.ascii_letters + string.digits


def text(alphabet: str, length: int) -> str:
    return "".join(random.Random(length).choices(alphabet, k=length))


def token() -> str:
    """Return a JWT, which is none of anybody's."""
    parts = ('{"alg":"RS256","typ":"JWT"}', '{"sub":"nobody"}')
    head, body = (base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)
    return f"{head}.{body}.{text(LETTERS, 43)}"


# Put together here, so that this file itself holds nothing that looks like a secret.
SEEDS = {
    "ArtifactoryDetector": "AKC" + text(LETTERS, 20),
    "AWSKeyDetector": "AKIA" + text(string.ascii_uppercase, 16),
    "AzureStorageKeyDetector": "AccountKey=" + text(LETTERS, 88),
    "CloudantDetector": "cloudant_password = " + text("0123456789abcdef", 64),
    "DiscordBotTokenDetector": f"M{text(LETTERS, 23)}.{text(LETTERS, 6)}.{text(LETTERS, 27)}",
    "GitHubTokenDetector": "ghp_" + text(LETTERS, 36),
    "GitLabTokenDetector": "glpat-" + text(LETTERS, 20),
    "IbmCosHmacDetector": "cos_hmac_secret_access_key = " + text("0123456789abcdef", 48),
    "JwtTokenDetector": token(),
    "MailchimpDetector": text("0123456789abcdef", 32) + "-us12",
    "NpmDetector": "//registry." + "npmjs.org/:_authToken=" + "npm_" + text(LETTERS, 36),
    "OpenAIDetector": f"sk-{text(LETTERS, 20)}T3BlbkFJ{text(LETTERS, 20)}",
    "PrivateKeyDetector": "-----BEGIN " + "RSA PRIVATE KEY-----",
    "PypiTokenDetector": "pypi-AgEIcHlwaS5vcmc" + text(LETTERS, 80),
    "SendGridDetector": f"SG.{text(LETTERS, 22)}.{text(LETTERS, 43)}",
    "SlackDetector": "xoxb-" + text(string.digits, 12) + "-" + text(LETTERS, 24),
    "SoftlayerDetector": "softlayer_api_key = " + text("0123456789abcdef", 64),
    "SquareOAuthDetector": "sq0csp-" + text(LETTERS, 43),
    "StripeDetector": "sk_live_" + text(LETTERS, 24),
    "TelegramBotTokenDetector": text("123456789", 10) + ":" + text(LETTERS, 35),
    "TwilioKeyDetector": "SK" + text("0123456789abcdef", 32),
    "Base64HighEntropyString": f'"{text(LETTERS, 64)}"',
    "HexHighEntropyString": f'"{text("0123456789abcdef", 48)}"',
    "KeywordDetector": 'password = "' + text(LETTERS, 17) + '"',
    "BasicAuthDetector": "https://nobody:" + text(LETTERS, 12) + "@localhost/",
}
# How a secret may stand in a file: alone, at a line's end with blanks after it, between others.
PLACES = {
    "alone": "{}",
    "ends a line": 'first = 1\nvalue = {}   \nlast = "2"\n',
    "a comment": "# see {} for this\n",
    "a settings file": "[section]\nkey = {}\nother = 1\n",
}


def line_by_line(folder: Path, names: list[str]) -> set[tuple[str, str, int]]:
    """Return what detect-secrets itself finds, asked for every line of every file."""
    detectors = secret_scan.detectors_for(names[0])
    with transient_settings({"plugins_used": [{"name": name} for name in detectors]}):
        return {
            (name, secret.type, secret.line_number)
            for name in names
            for secret in scan_file(str(folder / name))
        }


def test_every_detector_has_a_seed() -> None:
    """What is meant to be found is tried here, each kind of it."""
    meant = (*secret_scan.KNOWN_FORMS, *secret_scan.RANDOM, *secret_scan.BY_NAME)
    assert set(SEEDS) == set(meant)


@pytest.mark.parametrize("suffix", ["py", "md", "toml", "yaml", "json", "sh", "ini"])
def test_nothing_is_lost_by_searching_a_file_as_a_whole(tmp_path: Path, suffix: str) -> None:
    """The scan finds what detect-secrets finds line by line, each secret in each place."""
    for detector, seed in SEEDS.items():
        for place, template in PLACES.items():
            (tmp_path / f"{detector} {place}.{suffix}").write_text(template.format(seed))
    names = sorted(path.name for path in tmp_path.iterdir())

    found = set(secret_scan.find(tmp_path, names))

    assert found == line_by_line(tmp_path, names)
    by_name = set(secret_scan.BY_NAME) if suffix == "py" else set()
    assert {name.split(" ")[0] for name, _, _ in found} >= set(SEEDS) - by_name


def test_tests_are_searched_for_known_forms_and_locks_are_not(tmp_path: Path) -> None:
    """A token in a test is found, a random text there is not; a lock is left out."""
    for folder in ("tests", "requirements"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "token.py").write_text(SEEDS["GitHubTokenDetector"])
        (tmp_path / folder / "random.py").write_text(SEEDS["Base64HighEntropyString"])
    names = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.py")]

    assert list(secret_scan.find(tmp_path, names)) == [("tests/token.py", "GitHub Token", 1)]


def test_what_is_no_text_is_passed_over(tmp_path: Path) -> None:
    """A binary file is neither searched nor a trouble."""
    (tmp_path / "picture.png").write_bytes(bytes(range(256)))
    assert list(secret_scan.find(tmp_path, ["picture.png", "not-there.py"])) == []
