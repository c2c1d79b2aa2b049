"""`almoner doctor` says what is wrong with trusted documents and with the budgets' Redis."""

import json
from dataclasses import replace
from pathlib import Path

from gateway.cli.findings import Finding
from gateway.cli.protection_findings import of_protection
from gateway.config import Config
from gateway.trusted_documents import hash_of
from tests.gateway.small_gateway import small_config
from tests.redis_server import running_redis

FITS = "{ me { subject } }"
DOES_NOT = "{ me { unknown } }"


async def findings(config: Config) -> list[Finding]:
    return [item async for item in of_protection(config)]


def trusting(folder: Path) -> Config:
    return small_config(trusted_documents__mode="enforce", trusted_documents__folder=folder)


async def test_what_is_not_configured_is_not_spoken_of() -> None:
    """Neither is on by default."""
    assert await findings(small_config()) == []


async def test_each_file_of_trusted_documents_is_looked_at(tmp_path: Path) -> None:
    """A good file is counted; a bad one says why; documents of another schema are named."""
    (tmp_path / "a-good.json").write_text(json.dumps({hash_of(FITS): FITS}))
    (tmp_path / "b-bad.json").write_text(json.dumps({"0": FITS}))
    (tmp_path / "c-old.json").write_text(
        json.dumps({hash_of(text): text for text in (FITS, DOES_NOT)})
    )

    good, bad, old = await findings(trusting(tmp_path))

    assert (good.state, good.check) == ("ok", "trusted documents of a-good")
    assert good.finding.startswith("1,")
    assert bad.state == "FAIL"
    assert "is not the SHA-256 of its text" in bad.finding
    assert (old.state, hash_of(DOES_NOT)[:12] in old.finding) == ("warn", True)
    assert bad.remedy
    assert old.remedy


async def test_a_folder_that_is_empty_or_not_there_is_told(tmp_path: Path) -> None:
    """Without the folder nothing starts; without a file nobody has trusted documents."""
    (missing,) = await findings(trusting(tmp_path / "none"))
    (empty,) = await findings(trusting(tmp_path))

    assert (missing.state, empty.state) == ("FAIL", "warn")


async def test_the_redis_of_the_budgets_is_asked() -> None:
    """One that answers is well; one that does not is a warning, because the gateway goes on."""
    with running_redis() as server:
        config = small_config()
        url = server.url
        (there,) = await findings(_with_redis(config, url))
        server.stop()
        (gone,) = await findings(_with_redis(config, url))
    (none,) = await findings(_with_redis(config, "http://:secret@127.0.0.1"))

    assert there.state == "ok"
    assert gone.state == "warn"
    assert none.state == "FAIL"
    assert "secret" not in none.finding


def _with_redis(config: Config, url: str) -> Config:
    return replace(config, budgets=replace(config.budgets, redis_url=url))
