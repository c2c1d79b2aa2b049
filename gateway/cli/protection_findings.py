"""What `almoner doctor` finds out about trusted documents and about the Redis of the budgets."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from domain.errors import GatewayError
from gateway.budgets.redis_buckets import REDIS_URL
from gateway.cli.findings import Finding, fine
from gateway.cli.redis_findings import of_redis
from gateway.config import Config
from gateway.engine.validation import Checks
from gateway.errors import DocumentRefused
from gateway.trusted_documents import BadManifest, Manifest, read_manifest
from schema.build import core_schema, create_schema

_NAMED_MAX = 3
_PAGE = "docs/operations.md, Trusted documents"


async def of_protection(config: Config) -> AsyncIterator[Finding]:
    """Check what is configured of both; nothing is said of what is not."""
    if config.trusted_documents.mode != "off":
        for item in _trusted_documents(config):
            yield item
    if config.budgets.redis_url is not None and config.budgets.mode != "off":
        yield await of_redis(
            config,
            REDIS_URL,
            check="redis of the budgets",
            meanwhile="each process spends its own part",
        )


def _trusted_documents(config: Config) -> Iterator[Finding]:
    folder = config.trusted_documents.folder
    assert folder is not None, "the configuration demands it"
    if not folder.is_dir():
        yield Finding(
            check="trusted documents",
            state="FAIL",
            finding=f"{folder} is no folder: `almoner serve` does not start",
            remedy="make it, or change ALMONER_TRUSTED_DOCUMENTS_FOLDER",
        )
        return
    files = sorted(folder.glob("*.json"))
    if not files:
        yield Finding(
            check="trusted documents",
            state="warn",
            finding=f"there is no file in {folder}: no agency has any",
            remedy=_PAGE,
        )
    checks = Checks(core_schema(create_schema()), config.limits)
    try:
        for file in files:
            yield _manifest(file, config, checks)
    finally:
        checks.close()


def _manifest(file: Path, config: Config, checks: Checks) -> Finding:
    check = f"trusted documents of {file.stem}"
    try:
        manifest = read_manifest(file, config.limits)
    except BadManifest as error:
        return Finding(
            check=check,
            state="FAIL",
            finding=f"{file}: {error}; a running gateway keeps those before",
            remedy=_PAGE,
        )
    refused = list(_refused(manifest, checks))
    if refused:
        named = ", ".join(name[:12] for name in refused[:_NAMED_MAX])
        return Finding(
            check=check,
            state="warn",
            finding=f"{len(refused)} of {len(manifest.texts)} do not fit schema or limits: {named}",
            remedy="build the client anew against `almoner schema`, and its manifest with it",
        )
    return fine(check, f"{len(manifest.texts)}, all of which fit the schema")


def _refused(manifest: Manifest, checks: Checks) -> Iterator[str]:
    for name, text in manifest.texts.items():
        try:
            checks.judge(text)
        except (DocumentRefused, GatewayError):
            yield name
