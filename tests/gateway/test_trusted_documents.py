"""Trusted documents: by hash or by text, run and counted or refused, renewed while running."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
import structlog

from gateway.config import ConfigFault, Limits
from gateway.http import Asked
from gateway.metrics import new_metrics
from gateway.settings import CannotStart
from gateway.settings_blocks import TrustedDocumentsConfig
from gateway.trusted_documents import BadManifest, TrustedDocuments, hash_of, read_manifest
from tests.gateway.small_gateway import (
    COUNSELOR,
    OPERATOR,
    World,
    client_of,
    small_app,
    small_config,
)

HELLO = "query Hello($name: String!) { hello(name: $name) }"
NODE = "{ node { name } }"
STRANGE = "{ node { name child { name } } }"


def manifest(*texts: str) -> str:
    return json.dumps({hash_of(text): text for text in texts})


def write(folder: Path, content: str, slug: str = "harbor") -> None:
    (folder / f"{slug}.json").write_text(content, encoding="utf-8")


@asynccontextmanager
async def gateway(
    folder: Path, mode: str, token: str = COUNSELOR, **parts: Any
) -> AsyncIterator[httpx.AsyncClient]:
    config = small_config(trusted_documents__mode=mode, trusted_documents__folder=folder)
    async with client_of(small_app(World(), config, **parts), token) as client:
        yield client


async def ask(client: httpx.AsyncClient, **members: object) -> httpx.Response:
    return await client.post("/graphql", json=members)


def by_apollo(text: str) -> Mapping[str, object]:
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": hash_of(text)}}}


def code(answer: httpx.Response) -> str:
    """Return the code of the first error, which stands in all places that clients look at."""
    error = answer.json()["errors"][0]
    assert error["errorInfo"]["code"] == error["extensions"]["code"]
    return str(error["extensions"]["code"])


@pytest.mark.parametrize("mode", ["log", "enforce"])
async def test_a_hash_stands_for_its_text(tmp_path: Path, mode: str) -> None:
    """Clients send the hash alone: as Apollo's do, or as `documentId` with a prefix or without."""
    write(tmp_path, manifest(HELLO, NODE))
    name = {"variables": {"name": "Ann"}}
    async with gateway(tmp_path, mode) as client:
        answers = [
            await ask(client, **by_apollo(HELLO), **name),
            await ask(client, documentId=hash_of(HELLO), **name),
            await ask(client, documentId=f"sha256:{hash_of(HELLO).upper()}", **name),
            await ask(client, query="", operationName="Hello", documentId=hash_of(HELLO), **name),
            await ask(client, query=HELLO, **by_apollo(HELLO), **name),
            await client.get(
                "/graphql?"
                + urlencode(
                    {
                        "extensions": json.dumps(by_apollo(HELLO)["extensions"]),
                        "variables": json.dumps(name["variables"]),
                    }
                )
            ),
            await client.get(
                "/graphql?"
                + urlencode(
                    {"documentId": hash_of(HELLO), "variables": json.dumps(name["variables"])}
                )
            ),
        ]

    assert [answer.json() for answer in answers] == [{"data": {"hello": "hello Ann"}}] * 7


async def test_only_trusted_texts_run_where_that_is_enforced(tmp_path: Path) -> None:
    """Any other text is refused with 400, unparsed, and counted; a blank more makes another."""
    write(tmp_path, manifest(NODE))
    metrics = new_metrics()
    async with gateway(tmp_path, "enforce", metrics=metrics) as client:
        trusted = await ask(client, query=NODE)
        others = [
            await ask(client, query=text)
            for text in (STRANGE, NODE + " ", "{ __schema { types { name } } }", "{")
        ]

    assert trusted.json() == {"data": {"node": {"name": "node"}}}
    assert {(answer.status_code, code(answer)) for answer in others} == {
        (400, "QUERY_NOT_IN_SAFELIST")
    }
    assert others[0].headers["x-amzn-errortype"] == "BadRequestException"
    assert metrics.protection.untrusted.labels("refused", "harbor")._value.get() == 4


async def test_untrusted_texts_run_and_are_counted_where_that_is_only_logged(
    tmp_path: Path,
) -> None:
    """Each such text is logged once, by its hash and never by itself."""
    write(tmp_path, manifest(NODE))
    metrics = new_metrics()
    with structlog.testing.capture_logs() as logged:
        async with gateway(tmp_path, "log", metrics=metrics) as client:
            answers = [await ask(client, query=text) for text in (STRANGE, STRANGE, NODE)]

    told = [line for line in logged if line["event"] == "document not trusted"]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert metrics.protection.untrusted.labels("run", "harbor")._value.get() == 2
    assert [(line["agency"], line["sha256"]) for line in told] == [("harbor", hash_of(STRANGE))]
    assert "child" not in str(logged)


async def test_an_unknown_hash_is_told_as_apollo_names_it(tmp_path: Path) -> None:
    """200 with PersistedQueryNotFound: Apollo's client then sends the text, which is judged."""
    write(tmp_path, manifest(NODE))
    async with gateway(tmp_path, "enforce") as client:
        unknown = await ask(client, **by_apollo(STRANGE))
        repeated = await ask(client, query=STRANGE, **by_apollo(STRANGE))

    assert unknown.status_code == 200
    assert unknown.json()["data"] is None
    assert unknown.json()["errors"][0]["message"] == "PersistedQueryNotFound"
    assert code(unknown) == "PERSISTED_QUERY_NOT_FOUND"
    assert (repeated.status_code, code(repeated)) == (400, "QUERY_NOT_IN_SAFELIST")


async def test_hashes_are_not_supported_where_there_are_no_trusted_documents() -> None:
    """Apollo's client is told so by name, and sends texts from then on, hash beside them or not."""
    async with client_of(small_app(World())) as client:
        alone = await ask(client, **by_apollo(NODE))
        both = await ask(client, query=NODE, **by_apollo(NODE))

    assert alone.status_code == 200
    assert alone.json()["errors"][0]["message"] == "PersistedQueryNotSupported"
    assert code(alone) == "PERSISTED_QUERY_NOT_SUPPORTED"
    assert both.json() == {"data": {"node": {"name": "node"}}}


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"documentId": ""},
        {"documentId": 7},
        {"documentId": "a" * 257},
        {"extensions": {"persistedQuery": "x"}},
        {"extensions": {"persistedQuery": {"sha256Hash": None}}},
        {"query": 7, "documentId": "a"},
    ],
)
async def test_what_names_no_document_is_malformed(
    tmp_path: Path, members: dict[str, object]
) -> None:
    """Neither a text nor a hash that could be one: 400."""
    write(tmp_path, manifest(NODE))
    async with gateway(tmp_path, "enforce") as client:
        answer = await ask(client, **members)

    assert (answer.status_code, code(answer)) == (400, "MALFORMED_REQUEST")


async def test_each_agency_trusts_its_own(tmp_path: Path) -> None:
    """Another's file opens nothing; without a file nothing is trusted; operators send texts."""
    write(tmp_path, manifest(NODE), slug="broken")
    async with gateway(tmp_path, "enforce") as client:
        text, name = await ask(client, query=NODE), await ask(client, **by_apollo(NODE))
    async with gateway(tmp_path, "enforce", OPERATOR) as client:
        operator = await ask(client, query=NODE)

    assert code(text) == "QUERY_NOT_IN_SAFELIST"
    assert code(name) == "PERSISTED_QUERY_NOT_FOUND"
    assert operator.status_code == 200


def test_a_file_that_changes_is_taken_and_a_bad_one_is_not(tmp_path: Path) -> None:
    """New documents hold at the next look; a bad file is logged once and leaves the old ones."""
    config = TrustedDocumentsConfig(mode="enforce", folder=tmp_path)
    documents = TrustedDocuments(config, Limits())
    by_hash = Asked(document=None, document_id=hash_of(NODE))

    def known() -> bool:
        try:
            return documents.text_of(by_hash, "harbor") == NODE
        except Exception:  # noqa: BLE001 - refused by whatever name
            return False

    with structlog.testing.capture_logs() as logged:
        documents.refresh()
        before = known()
        write(tmp_path, manifest(NODE))
        documents.refresh()
        taken = known()
        write(tmp_path, manifest(NODE).replace("name", "child { name }"))
        documents.refresh()
        documents.refresh()
        kept = known()
        write(tmp_path, manifest(HELLO))
        documents.refresh()
        renewed = not known()
        (tmp_path / "harbor.json").unlink()
        documents.refresh()

    bad = [line for line in logged if line["event"] == "trusted documents not taken"]
    assert (before, taken, kept, renewed) == (False, True, True, True)
    assert len(bad) == 1
    assert (bad[0]["log_level"], bad[0]["agency"]) == ("error", "harbor")
    assert "is not the SHA-256 of its text" in bad[0]["why"]
    assert logged[-1]["event"] == "trusted documents are gone"


async def test_files_are_looked_at_while_the_gateway_runs(tmp_path: Path) -> None:
    """A document that is added to the file is trusted within seconds, without a restart."""
    write(tmp_path, manifest(HELLO))
    async with gateway(tmp_path, "enforce") as client:
        first = await ask(client, query=NODE)
        write(tmp_path, manifest(HELLO, NODE))
        answers = [first]
        while answers[-1].status_code != 200 and len(answers) < 200:
            await asyncio.sleep(0.05)
            answers.append(await ask(client, query=NODE))

    assert first.status_code == 400
    assert answers[-1].status_code == 200


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "not a JSON object"),
        ("[]", "not a JSON object"),
        ('{"a": 1}', "not a JSON object"),
        ('{"a": "{ b }"}', "a is not the SHA-256 of its text"),
        (manifest("x" * 40_000), "longer than 32768 characters"),
        (json.dumps({str(n): "" for n in range(10_001)}), "more than 10000 documents"),
        ("[" * 100_000, "not a JSON object"),
        ("\ud800", "not a JSON object"),
    ],
)
def test_a_bad_file_is_refused_with_what_is_wrong(tmp_path: Path, content: str, why: str) -> None:
    """The reason names the entry, and no more of it than its first characters."""
    file = tmp_path / "harbor.json"
    file.write_bytes(content.encode("utf-8", "surrogatepass"))

    with pytest.raises(BadManifest, match=why) as refused:
        read_manifest(file, Limits())

    assert len(str(refused.value)) < 300


def test_a_file_that_is_too_large_or_not_there_is_refused(tmp_path: Path) -> None:
    """It is read up to a bound; a missing one is said to be missing."""
    large = tmp_path / "large.json"
    with large.open("wb") as file:
        file.truncate(17 * 1024 * 1024)

    with pytest.raises(BadManifest, match="larger than"):
        read_manifest(large, Limits())
    with pytest.raises(BadManifest, match="cannot be read"):
        read_manifest(tmp_path / "none.json", Limits())


def test_a_folder_that_is_not_there_keeps_the_gateway_from_starting(tmp_path: Path) -> None:
    """A wrong path is told at the start; so is a mode without a path."""
    config = TrustedDocumentsConfig(mode="log", folder=tmp_path / "none")
    with pytest.raises(CannotStart, match="ALMONER_TRUSTED_DOCUMENTS_FOLDER"):
        TrustedDocuments(config, Limits()).refresh()
    with pytest.raises(ConfigFault, match="ALMONER_TRUSTED_DOCUMENTS_FOLDER"):
        small_config(trusted_documents__mode="enforce")
