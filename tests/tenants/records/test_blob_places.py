"""Places of files: one suite of promises for folders of the home and for a bucket of S3.

The bucket is one of a local stand-in of AWS; where that is not installed its part is skipped.
"""

import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from domain.actors import Group
from domain.documents import Document, DocumentTerms
from domain.errors import StoreUnavailable
from domain.ids import new_ulid
from tenants.aws import AwsSettings, ask, open_client
from tenants.records.blob_places import BlobPlaces, BlobSettings, S3Places, open_places
from tenants.records.blobs import CHUNK_BYTES, Blobs
from tenants.records.s3_blobs import S3Blobs
from tenants.records.sealing import FieldSealer
from tests.domain.media_samples import a_pdf, a_png
from tests.e2e.platform_process import NO_TLS
from tests.local_aws import CREDENTIALS, running_local_aws
from tests.resolvers.documents import ANNOUNCE, COMPLETE
from tests.resolvers.world import World, open_world
from tests.tenants.keys.key_samples import random_agency_keys
from tests.tenants.record_samples import AT
from tests.tenants.stores import AGENCY_ID

BUCKET = "files"
OTHER_AGENCY = new_ulid(AT, randomness=9)
IDS = [new_ulid(AT, randomness=number) for number in (1, 2, 3)]
PDF = "application/pdf"


@pytest.fixture(scope="module")
def local_aws() -> Iterator[AwsSettings]:
    with running_local_aws() as settings:
        yield settings


@pytest.fixture
async def bucket(local_aws: AwsSettings, monkeypatch: pytest.MonkeyPatch) -> BlobSettings:
    """Return an empty prefix of a bucket."""
    return await make_bucket(local_aws, monkeypatch)


async def make_bucket(aws: AwsSettings, monkeypatch: pytest.MonkeyPatch) -> BlobSettings:
    """Make an empty prefix of a bucket."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    async with open_client("s3", aws) as client:
        await ask(client, "create_bucket", Bucket=BUCKET)
    return BlobSettings(place=f"s3:{BUCKET}/{new_ulid()}", aws=aws)


@pytest.fixture(params=["file", "s3"])
async def places(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[BlobPlaces]:
    """Give each kind of place."""
    kind = request.param
    settings = BlobSettings()
    if kind == "s3":
        settings = await make_bucket(request.getfixturevalue("local_aws"), monkeypatch)
    async with open_places(settings, tmp_path) as opened:
        yield opened


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES + 1, 3_000_000])
async def test_a_file_comes_back_as_it_was(places: BlobPlaces, size: int) -> None:
    """Every byte, of any size; what is kept is sealed."""
    backend = places.of(AGENCY_ID)
    blobs = Blobs(AGENCY_ID, backend, FieldSealer(AGENCY_ID, random_agency_keys()))
    plain = (b"almoner " * (size // 8 + 1))[:size]
    await blobs.put(IDS[0], plain)
    assert await blobs.get(IDS[0]) == plain
    kept = await backend.get(IDS[0])
    assert kept is not None
    assert b"almoner almoner" not in kept


async def test_files_are_listed_replaced_and_removed(places: BlobPlaces) -> None:
    """Oldest first; a second put replaces; what is gone may go again; what never was is None."""
    backend = places.of(AGENCY_ID)
    assert await backend.ids() == []
    assert await backend.get(IDS[0]) is None
    for one in reversed(IDS):
        await backend.put(one, b"first")
    await backend.put(IDS[0], b"second")
    assert await backend.ids() == IDS
    assert await backend.get(IDS[0]) == b"second"
    for _ in range(2):
        await backend.delete(IDS[1])
    assert await backend.ids() == [IDS[0], IDS[2]]


async def test_agencies_have_places_of_their_own(places: BlobPlaces) -> None:
    """The same id names another file in each; one agency's end leaves the other's."""
    for agency in (AGENCY_ID, OTHER_AGENCY):
        await places.of(agency).put(IDS[0], agency.encode())
    assert await places.of(OTHER_AGENCY).get(IDS[0]) == OTHER_AGENCY.encode()
    assert not await places.is_gone(AGENCY_ID)
    for _ in range(2):
        await places.destroy(AGENCY_ID)
    assert await places.is_gone(AGENCY_ID)
    assert await places.of(AGENCY_ID).get(IDS[0]) is None
    assert await places.of(OTHER_AGENCY).get(IDS[0]) == OTHER_AGENCY.encode()


@pytest.mark.parametrize("place", ["", "s3:", "s3:/x", "ftp:x", "S3:x"])
async def test_a_place_that_is_none_is_said(place: str, tmp_path: Path) -> None:
    """What the setting may say is told by its name."""
    with pytest.raises(StoreUnavailable, match="ALMONER_DOCUMENTS_PLACE"):
        async with open_places(BlobSettings(place=place), tmp_path):
            pass


async def test_a_bucket_that_is_not_there_is_said(bucket: BlobSettings, tmp_path: Path) -> None:
    """Neither reading nor writing pretends; the error is a typed one."""
    missing = replace(bucket, place="s3:nowhere-to-be-found")
    async with open_places(missing, tmp_path) as opened:
        for move in (opened.of(AGENCY_ID).put(IDS[0], b"x"), opened.of(AGENCY_ID).ids()):
            with pytest.raises(StoreUnavailable, match="S3"):
                await move


async def test_s3_that_does_not_answer_is_said(bucket: BlobSettings, tmp_path: Path) -> None:
    """A client is asked to repeat."""
    nobody = AwsSettings(endpoint_url="http://127.0.0.1:9", region="us-east-1")
    async with open_places(replace(bucket, aws=nobody), tmp_path) as opened:
        with pytest.raises(StoreUnavailable, match="does not answer"):
            await opened.of(AGENCY_ID).get(IDS[0])


async def sent(url: str, headers: dict[str, str], content: bytes) -> int:
    """Send a file as a client does, with nothing but what was answered."""
    async with httpx.AsyncClient(trust_env=False, verify=NO_TLS) as client:
        return (await client.put(url, content=content, headers=headers)).status_code


async def test_a_presigned_address_takes_one_file_of_its_type_and_size(
    bucket: BlobSettings, tmp_path: Path
) -> None:
    """Whatever else is sent is refused by the signature; the file is read back within its bound."""
    async with open_places(bucket, tmp_path) as opened:
        assert isinstance(opened, S3Places)
        place: S3Blobs = opened.of(AGENCY_ID)
        content = a_pdf()
        url, headers = await place.upload_address(
            "doc", media_type=PDF, size=len(content), seconds=60
        )
        signed = httpx.URL(url).params["X-Amz-SignedHeaders"].split(";")
        assert {"content-length", "content-type", "if-none-match"} <= set(signed)
        assert "x-amz-server-side-encryption" in signed
        assert await place.take_incoming("doc", bytes_max=len(content)) is None
        other = {**headers, "content-type": "text/html"}
        assert await sent(url, other, content) == 403
        assert await sent(url.replace("/doc?", "/other?"), headers, content) == 403
        assert await sent(url, headers, content) == 200
        assert await place.take_incoming("doc", bytes_max=len(content)) == content
        assert await place.take_incoming("doc", bytes_max=3) == content[:4]
        assert await place.ids() == [], "what was not looked at is no file of the agency's"
        assert not await place.is_empty()
        await place.drop_incoming("doc")
        assert await place.is_empty()


async def test_a_document_goes_by_way_of_s3(bucket: BlobSettings, tmp_path: Path) -> None:
    """Announced, sent to S3, completed: judged, sealed, and gone from where it came in."""
    async with (
        open_places(bucket, tmp_path) as opened,
        open_world(tmp_path, blobs=opened) as world,
    ):
        world.now = datetime.now(UTC)  # S3 goes by its own clock
        world.documents = DocumentTerms(presigned=True)
        owner = world.person(Group.CONSUMERS, subject="owner")
        application = await world.add_application(await world.add_consumer("owner"))
        good, bad = a_pdf(b"/Note (Canary)"), a_png()
        for content, status in ((good, "AVAILABLE"), (bad, "REJECTED")):
            said = {
                "applicationId": application.id,
                "kind": "OTHER",
                "fileName": "x.pdf",
                "mediaType": PDF,
                "bytes": len(content),
            }
            made = (await world.ask(owner, ANNOUNCE, {"input": said}))["createDocumentUpload"]
            identifier = {"id": made["document"]["id"]}
            early = await world.ask(owner, COMPLETE, identifier)
            assert early.code == "INVALID_TRANSITION"
            assert await upload(made, content) == 200
            done = (await world.ask(owner, COMPLETE, identifier))["completeDocumentUpload"]
            assert done["status"] == status
            again = (await world.ask(owner, COMPLETE, identifier))["completeDocumentUpload"]
            assert again == done
            await _check_kept(world, made["document"]["id"], content, status)


async def upload(made: dict[str, str], content: bytes) -> int:
    """Send a file to where it was announced."""
    return await sent(made["url"], json.loads(made["headers"]), content)


async def _check_kept(world: World, identifier: str, content: bytes, status: str) -> None:
    document = await world.store.get(Document, identifier)
    assert document is not None
    incoming = world.store.blobs.incoming
    assert incoming is not None
    assert await incoming.take_incoming(identifier, bytes_max=1) is None
    if status == "REJECTED":
        assert document.file is None
        return
    assert document.file is not None
    assert document.file.sha256 == hashlib.sha256(content).hexdigest()
    assert await world.store.blobs.get(document.file.id) == content
