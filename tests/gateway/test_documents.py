"""Documents over HTTP: a link is good once, for one file, one principal and some minutes."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import Message

from domain.access import Principal, Scope
from domain.actors import Group
from domain.agencies import Agency, AgencyStatus
from domain.applications import Application, ApplicationStatus
from domain.documents import DOCUMENTS_PER_APPLICATION_MAX, Document, DocumentStatus
from domain.errors import StoreUnavailable
from domain.media import EXTENSIONS
from gateway.app import create_app
from gateway.config import Config, load_config
from gateway.cors import CorsPolicy
from gateway.documents import DocumentEndpoint
from gateway.metrics import new_metrics
from gateway.parts import Parts, serve_schema
from resolvers.documents import receive
from tenants.directory.port import Revocation
from tenants.store import AgencyStore
from tests.domain.media_samples import FILES, a_pdf, a_png
from tests.gateway.small_gateway import WithoutVendors
from tests.resolvers.documents import ANNOUNCE, NODE
from tests.resolvers.world import SCHEMA, World, line, open_world

PDF, PNG = "application/pdf", "image/png"
ORIGIN = "https://app.example"
CONFIG = load_config({}, {"documents.upload_seconds": 1, "documents.at_once": 2}, command="dev")
SHOWN = """query ($id: ID!) { node(id: $id) { ... on Document {
  status bytes sha256 downloadUrl uploadedAt rejection fileName } } }"""
LISTED = "query ($id: ID!) { application(id: $id) { documents { id fileName downloadUrl } } }"


@dataclass(slots=True)
class Stores:
    """Leases the store of the world's one agency."""

    world: World

    @asynccontextmanager
    async def lease(self, agency: Agency) -> AsyncIterator[AgencyStore]:
        """Lease it."""
        assert agency.id == self.world.agency.id
        yield self.world.store


def client_of(world: World, config: Config = CONFIG) -> httpx.AsyncClient:
    """Return a client of the endpoint over an agency's real store and directory."""
    served = serve_schema(config, SCHEMA, new_metrics())
    parts = Parts(
        authenticator=cast("Any", None),
        directory=world.directory,
        stores=Stores(world),
        vendors=WithoutVendors(),
    )
    endpoint = DocumentEndpoint(
        config, served, lambda: parts, CorsPolicy(origins=(ORIGIN,)), clock=lambda: world.now
    )
    app = Starlette(routes=[Route("/documents/{token}", endpoint)])
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1")


@dataclass(slots=True)
class Desk:
    """A consumer with an application, and a client of the endpoint."""

    world: World
    http: httpx.AsyncClient
    owner: Principal
    application: Application

    async def announce(
        self, content: bytes, media_type: str = PDF, who: Principal | None = None, **other: Any
    ) -> dict[str, Any]:
        """Announce a document; return what is answered."""
        said = {
            "applicationId": self.application.id,
            "kind": "PAY_STUB",
            "fileName": "May.pdf",
            "mediaType": media_type,
            "bytes": len(content),
        }
        answer = await self.world.ask(who or self.owner, ANNOUNCE, {"input": said | other})
        made: dict[str, Any] = answer["createDocumentUpload"]
        return made

    async def send(self, made: dict[str, Any], content: Any, **headers: str) -> httpx.Response:
        """Send a file to where it was announced."""
        told: dict[str, str] = json.loads(made["headers"])
        return await self.http.put(made["url"], content=content, headers=told | headers)

    async def put(self, content: bytes, media_type: str = PDF, **other: Any) -> str:
        """Announce and upload a document; return its id."""
        made = await self.announce(content, media_type, **other)
        sent = await self.send(made, content)
        assert sent.status_code == 200, sent.text
        identifier: str = made["document"]["id"]
        return identifier

    async def shown(self, identifier: str, who: Principal | None = None) -> Any:
        """Return a document as somebody sees it."""
        return (await self.world.ask(who or self.owner, SHOWN, {"id": identifier}))["node"]


@pytest.fixture
async def desk(world: World) -> AsyncIterator[Desk]:
    """Give a consumer at their desk."""
    owner = world.person(Group.CONSUMERS, subject="owner")
    application = await world.add_application(await world.add_consumer("owner"))
    async with client_of(world) as http:
        yield Desk(world, http, owner, application)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """One agency."""
    async with open_world(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize("media_type", EXTENSIONS)
async def test_a_file_comes_back_as_it_was_sent(desk: Desk, media_type: str) -> None:
    """Announced, sent by one PUT, hashed, sealed; fetched by a link as the same bytes."""
    content = FILES[media_type]
    identifier = await desk.put(content, media_type)
    shown = await desk.shown(identifier)
    assert (shown["status"], shown["bytes"]) == ("AVAILABLE", len(content))
    assert shown["sha256"] == hashlib.sha256(content).hexdigest()
    assert shown["fileName"] == f"May.pdf.{EXTENSIONS[media_type][0]}".replace(".pdf.pdf", ".pdf")
    fetched = await desk.http.get(shown["downloadUrl"])
    assert (fetched.status_code, fetched.content) == (200, content)
    assert fetched.headers["content-type"] == media_type


async def test_a_file_is_given_out_harmless(desk: Desk) -> None:
    """It is an attachment that no browser sniffs at, runs, frames or keeps."""
    identifier = await desk.put(a_pdf(), fileName="C:\\x\\Lohn \u00e4 (1).PDF")
    shown = await desk.shown(identifier)
    fetched = await desk.http.get(shown["downloadUrl"])
    headers = fetched.headers
    assert headers["content-disposition"] == (
        "attachment; filename*=UTF-8''Lohn%20%C3%A4%20%281%29.PDF"
    )
    assert headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"


async def test_nothing_of_a_file_lies_open(desk: Desk, tmp_path: Path) -> None:
    """Neither content nor name stand in any file on the disk."""
    marked = a_pdf(b"/Note (Canary of a document)")
    await desk.put(marked, fileName="Canary name.pdf")
    await asyncio.to_thread(_search, tmp_path)


def _search(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            assert b"Canary" not in path.read_bytes(), path


async def test_a_link_to_upload_is_good_once(desk: Desk) -> None:
    """The second file by the same link is refused, and the first stays; also of two at once."""
    content, other = a_pdf(), a_pdf(stream=b"BT XX")
    made = await desk.announce(content)
    sent = await asyncio.gather(desk.send(made, content), desk.send(made, other))
    assert sorted(one.status_code for one in sent) == [200, 409]
    assert (await desk.send(made, content)).status_code == 409
    assert len(await desk.world.store.blobs.ids()) == 1


@pytest.mark.parametrize(
    ("content", "rejection"),
    [
        (a_pdf(b"/OpenAction << /S /JavaScript >>"), "ACTIVE_CONTENT"),
        (a_png(), "TYPE_DIFFERS"),
        (b"<html><script>alert(1)</script></html>", "TYPE_DIFFERS"),
        (a_pdf() + b"more", "DAMAGED"),
    ],
)
async def test_what_is_not_as_announced_is_rejected(
    desk: Desk, content: bytes, rejection: str
) -> None:
    """Whatever its name says: the reason is told and kept, the file is not."""
    made = await desk.announce(content)
    sent = await desk.send(made, content)
    assert sent.status_code == 422
    assert rejection in sent.text
    shown = await desk.shown(made["document"]["id"])
    assert (shown["status"], shown["rejection"]) == ("REJECTED", rejection)
    assert (shown["bytes"], shown["downloadUrl"]) == (None, None)
    assert await desk.world.store.blobs.ids() == []
    assert (await desk.send(made, a_pdf())).status_code == 409


async def test_size_and_type_are_bound_to_the_link(desk: Desk) -> None:
    """Other headers are refused before the body is read; the link is still good then."""
    content = a_pdf()
    made = await desk.announce(content)
    for sent, status in (
        (desk.send(made, content + b"x"), 413),
        (desk.send(made, content[:-1]), 400),
        (desk.send(made, content, **{"content-type": "text/html"}), 415),
        (desk.send(made, content, **{"content-encoding": "gzip"}), 415),
    ):
        assert (await sent).status_code == status
    assert (await desk.shown(made["document"]["id"]))["status"] == "AWAITING_UPLOAD"
    assert (await desk.send(made, content)).status_code == 200


async def test_a_body_without_a_length_is_read_no_further_than_announced(desk: Desk) -> None:
    """In chunks too, the first byte too many ends it."""
    content = a_pdf()
    made = await desk.announce(content)

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield content

    assert (await desk.send(made, chunks())).status_code == 413
    assert (await desk.shown(made["document"]["id"]))["status"] == "AWAITING_UPLOAD"


async def test_a_file_that_does_not_arrive_in_time_is_given_up(desk: Desk) -> None:
    """Whoever sends a byte a day holds nothing for long."""
    made = await desk.announce(a_pdf())

    async def never() -> AsyncIterator[bytes]:
        yield b"%PDF"
        await asyncio.sleep(60)

    assert (await desk.send(made, never())).status_code == 408


@pytest.mark.parametrize("use", ["upload", "download"])
async def test_a_link_ends(desk: Desk, use: str) -> None:
    """A second after its end it is as if it had never been."""
    content = a_pdf()
    made = await desk.announce(content)
    url = made["url"]
    if use == "download":
        url = (await desk.shown(await desk.put(content)))["downloadUrl"]
    method = "PUT" if use == "upload" else "GET"
    desk.world.later(seconds=desk.world.context(desk.owner).request.documents.link_seconds)
    answer = await desk.http.request(method, url, headers={"content-type": PDF}, content=content)
    assert answer.status_code == 404


async def test_whatever_is_no_link_is_answered_alike(desk: Desk) -> None:
    """Changed, cut, of the other use, of another agency or of none: nothing tells which."""
    content = a_pdf()
    made = await desk.announce(content)
    url = made["url"]
    head, _, sealed = url.rpartition(".")
    changed = [
        f"{head}.{sealed[:-2]}AA",
        f"{head}.",
        f"{head}.{sealed}A",
        head,
        f"{head[:-26]}01ARZ3NDEKTSV4RRFFQ69G5FAV.{sealed}",
        "http://127.0.0.1/documents/x",
    ]
    bodies = set()
    for address in changed:
        answer = await desk.http.put(address, content=content, headers={"content-type": PDF})
        assert answer.status_code == 404, address
        bodies.add(answer.text)
    bodies.add((await desk.http.get(url)).text)
    assert len(bodies) == 1
    assert (await desk.send(made, content)).status_code == 200


async def test_a_link_gives_no_reach(desk: Desk) -> None:
    """Whose grant was revoked since, or who was, is refused at once, whatever the link says."""
    world = desk.world
    identifier = await desk.put(a_pdf())
    counselor = world.person(Group.COUNSELORS)
    await world.assign(desk.application, counselor)
    url = (await desk.shown(identifier, counselor))["downloadUrl"]
    assert (await desk.http.get(url)).status_code == 200
    (grant,) = (await world.ask(counselor, "{ me { grants { id } } }"))["me"]["grants"]
    revoke = "mutation ($id: ID!) { revokeAccess(id: $id) { id } }"
    assert not (await world.ask(world.person(Group.ADMINS), revoke, {"id": grant["id"]})).errors
    assert (await desk.http.get(url)).status_code == 404
    own = (await desk.shown(identifier))["downloadUrl"]
    world.later(seconds=1)
    revocation = Revocation(
        kind="sub",
        value="owner",
        at=world.now,
        expires_at=world.now + timedelta(days=1),
    )
    await world.directory.revoke(world.agency.id, revocation, line(world.now))
    assert (await desk.http.get(own)).status_code == 404


async def test_a_suspended_agency_gives_nothing_out(desk: Desk) -> None:
    """Links end with the agency."""
    world = desk.world
    url = (await desk.shown(await desk.put(a_pdf())))["downloadUrl"]
    suspended = replace(world.agency, status=AgencyStatus.SUSPENDED)
    await world.directory.update_agency(suspended, line(world.now))
    assert (await desk.http.get(url)).status_code == 404


async def test_who_sees_documents(desk: Desk) -> None:
    """The consumer, counselors with a grant, and keys for it; a key that writes announces alone."""
    world = desk.world
    identifier = await desk.put(a_pdf())
    counselor, stranger = world.person(Group.COUNSELORS), world.person(Group.CONSUMERS)
    await world.assign(desk.application, counselor)
    reader, writer = world.key(Scope.DOCUMENTS_READ), world.key(Scope.APPLICATIONS_WRITE)
    both = world.key(Scope.APPLICATIONS_READ, Scope.DOCUMENTS_READ)
    for who in (desk.owner, counselor, both):
        (found,) = (await world.ask(who, LISTED, {"id": desk.application.id}))["application"][
            "documents"
        ]
        assert found["id"] == identifier
        assert (await desk.http.get(found["downloadUrl"])).status_code == 200
    assert (await desk.shown(identifier, reader))["status"] == "AVAILABLE"
    for group in (Group.ADMINS, Group.ANALYSTS):
        assert (await world.ask(world.person(group), NODE, {"id": identifier}))["node"] is None
    assert (await world.ask(stranger, NODE, {"id": identifier}))["node"] is None
    answer = await world.ask(
        world.key(Scope.APPLICATIONS_READ), LISTED, {"id": desk.application.id}
    )
    assert answer.code == "FORBIDDEN"
    announce = """mutation ($input: CreateDocumentUploadInput!) {
      createDocumentUpload(input: $input) { document { id status } url headers } }"""
    said = {"applicationId": desk.application.id, "kind": "OTHER", "fileName": "x.pdf"}
    variables = {"input": {**said, "mediaType": PDF, "bytes": len(a_pdf())}}
    made = (await world.ask(writer, announce, variables))["createDocumentUpload"]
    assert (await desk.send(made, a_pdf())).status_code == 200


async def test_every_move_leaves_its_event_and_line(desk: Desk) -> None:
    """Announced, uploaded, shown with a link, and downloaded: each line says who and whose."""
    identifier = await desk.put(a_pdf(), fileName="Canary.pdf")
    url = (await desk.shown(identifier))["downloadUrl"]
    await desk.http.get(url)
    about = [one for one in await desk.world.audit() if one.subject == identifier]
    lines = {one.action: one for one in about}
    for action in ("createDocumentUpload", "uploadDocument", "downloadDocument"):
        assert lines[action].consumers == (desk.application.consumer_id,)
        assert lines[action].actor.id == "owner"
    assert any("Document.downloadUrl" in one.fields for one in await desk.world.audit())
    names = [event.name for event in await desk.world.store.outbox.pending(10)]
    assert names == ["DocumentAnnounced", "DocumentUploaded"]
    assert "Canary" not in repr(await desk.world.audit())


async def test_no_log_line_names_a_link_or_a_file(
    desk: Desk, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """A refused request is logged with what was refused, and neither path nor name."""
    made = await desk.announce(a_png(), fileName="Canary.pdf")
    await desk.send(made, a_png())
    await desk.http.get(made["url"])
    captured = capsys.readouterr()
    text = caplog.text + captured.out + captured.err
    assert made["url"].rpartition(".")[2] not in text
    assert "Canary" not in text


async def test_an_ended_application_takes_no_documents(desk: Desk) -> None:
    """Neither is one announced, nor does one that was announced before come in."""
    content = a_pdf()
    made = await desk.announce(content)
    ended = replace(desk.application, status=ApplicationStatus.CLOSED)
    await desk.world.put(ended)
    said = {"applicationId": ended.id, "kind": "OTHER", "fileName": "x.pdf"}
    variables = {"input": {**said, "mediaType": PDF, "bytes": 10}}
    answer = await desk.world.ask(desk.owner, ANNOUNCE, variables)
    assert answer.code == "INVALID_TRANSITION"
    assert (await desk.send(made, content)).status_code == 409


async def test_all_faults_of_an_announcement_are_told(desk: Desk) -> None:
    """Type, size and name have bounds; a name says something and hides nothing."""
    for name in (" ", "../..", "\u202egnp.exe", "x" * 121):
        said = {"applicationId": desk.application.id, "kind": "OTHER", "fileName": name}
        variables = {"input": {**said, "mediaType": "text/html", "bytes": 0}}
        answer = await desk.world.ask(desk.owner, ANNOUNCE, variables)
        faults = answer.faults
        assert faults.pop("input.fileName") in {"REQUIRED", "INVALID", "TOO_LONG"}
        assert faults == {"input.mediaType": "INVALID", "input.bytes": "TOO_SMALL"}
    beyond = {**said, "fileName": "x.exe", "mediaType": PDF, "bytes": 15 * 1024 * 1024 + 1}
    answer = await desk.world.ask(desk.owner, ANNOUNCE, {"input": beyond})
    assert answer.faults == {"input.bytes": "TOO_LARGE"}
    made = await desk.announce(a_pdf(), fileName="statement.pdf.exe")
    assert made["document"]["fileName"] == "statement.pdf.exe.pdf"


async def test_only_so_many_documents_lie_under_an_application(desk: Desk) -> None:
    """What was announced and never sent counts for a day."""
    for _ in range(DOCUMENTS_PER_APPLICATION_MAX):
        await desk.announce(a_pdf())
    said = {"applicationId": desk.application.id, "kind": "OTHER", "fileName": "x.pdf"}
    variables = {"input": {**said, "mediaType": PDF, "bytes": 10}}
    assert (await desk.world.ask(desk.owner, ANNOUNCE, variables)).code == "TOO_LARGE"
    desk.world.later(days=1, seconds=1)
    owner = desk.world.person(Group.CONSUMERS, subject="owner")
    assert (await desk.world.ask(owner, ANNOUNCE, variables)).code is None


async def test_a_store_that_fails_acknowledges_nothing(desk: Desk) -> None:
    """Where the record cannot be written the client is told so, and the link is still good."""
    content = a_pdf()
    made = await desk.announce(content)
    desk.world.backend.failing.append(StoreUnavailable())
    assert (await desk.send(made, content)).status_code == 503
    assert (await desk.shown(made["document"]["id"]))["status"] == "AWAITING_UPLOAD"
    assert (await desk.send(made, content)).status_code == 200


async def test_a_file_that_was_changed_on_the_disk_is_not_given_out(
    desk: Desk, tmp_path: Path
) -> None:
    """What is kept is compared with what was recorded."""
    url = (await desk.shown(await desk.put(a_pdf())))["downloadUrl"]
    await asyncio.to_thread(_damage, tmp_path / "blobs" / "harbor")
    assert (await desk.http.get(url)).status_code == 503


def _damage(folder: Path) -> None:
    (blob,) = folder.iterdir()
    content = blob.read_bytes()
    blob.write_bytes(content[:-1] + bytes((content[-1] ^ 1,)))


async def test_pages_of_allowed_origins_may_move_files(desk: Desk) -> None:
    """A preflight for PUT is allowed to them, and to nobody else."""
    made = await desk.announce(a_pdf())
    for origin, allowed in ((ORIGIN, ORIGIN), ("https://evil.example", None)):
        headers = {"origin": origin, "access-control-request-method": "PUT"}
        answer = await desk.http.options(made["url"], headers=headers)
        assert answer.status_code == 204
        assert answer.headers.get("access-control-allow-origin") == allowed
    assert (await desk.http.delete(made["url"])).status_code == 405


async def test_only_so_many_files_are_moved_at_once(desk: Desk) -> None:
    """Beyond what memory has room for, a client is asked to wait."""
    made = [await desk.announce(a_pdf()) for _ in range(3)]
    go, begun = asyncio.Event(), asyncio.Semaphore(0)

    async def slowly() -> AsyncIterator[bytes]:
        begun.release()
        await go.wait()
        yield a_pdf()

    waiting = [asyncio.create_task(desk.send(one, slowly())) for one in made[:2]]
    for _ in waiting:
        await begun.acquire()
    answer = await desk.send(made[2], a_pdf())
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")
    go.set()
    assert [one.status_code for one in await asyncio.gather(*waiting)] == [200, 200]
    assert (await desk.send(made[2], a_pdf())).status_code == 200


async def test_one_principal_holds_not_all_of_the_places(world: World) -> None:
    """Whoever sends slowly is asked to wait with a third file; others go on."""
    config = load_config({}, {"documents.at_once": 8}, command="dev")
    go, begun = asyncio.Event(), asyncio.Semaphore(0)

    async def slowly() -> AsyncIterator[bytes]:
        begun.release()
        await go.wait()
        yield a_pdf()

    async with client_of(world, config) as http:
        desks = []
        for subject in ("owner", "other"):
            application = await world.add_application(await world.add_consumer(subject))
            owner = world.person(Group.CONSUMERS, subject=subject)
            desks.append(Desk(world, http, owner, application))
        slow, other = desks
        made = [await slow.announce(a_pdf()) for _ in range(3)]
        waiting = [asyncio.create_task(slow.send(one, slowly())) for one in made[:2]]
        for _ in waiting:
            await begun.acquire()
        assert (await slow.send(made[2], a_pdf())).status_code == 429
        assert (await other.send(await other.announce(a_pdf()), a_pdf())).status_code == 200
        go.set()
        assert [one.status_code for one in await asyncio.gather(*waiting)] == [200, 200]
        assert (await slow.send(made[2], a_pdf())).status_code == 200


async def test_a_file_that_is_fetched_slowly_holds_its_place_and_not_for_long(desk: Desk) -> None:
    """Files in memory are counted until they are taken; who never takes one is left alone."""
    url = (await desk.shown(await desk.put(a_pdf())))["downloadUrl"]
    app = cast("Any", desk.http)._transport.app
    stuck = asyncio.Semaphore(0)

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def never(_: Message) -> None:
        stuck.release()
        await asyncio.Event().wait()

    path = httpx.URL(url).path
    scope = {"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b""}
    slow = [asyncio.create_task(app(dict(scope), receive, never)) for _ in range(2)]
    for _ in slow:
        await stuck.acquire()
    assert (await desk.http.get(url)).status_code == 429
    await asyncio.gather(*slow)
    assert (await desk.http.get(url)).status_code == 200


async def test_the_gateway_serves_links_behind_its_front(desk: Desk) -> None:
    """The route is the gateway's own: with a request id, and nothing at a path without a link."""
    app = create_app(CONFIG, schema=SCHEMA)
    app.state.parts = Parts(
        authenticator=cast("Any", None),
        directory=desk.world.directory,
        stores=Stores(desk.world),
        vendors=WithoutVendors(),
    )
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        for path in ("/documents/x", f"/documents/{desk.world.agency.id}.x"):
            answer = await http.put(path, content=b"x")
            assert answer.status_code == 404
            assert answer.headers["x-amzn-requestid"]
            assert "does not hold" in answer.text
        assert "nothing at this address" in (await http.get("/documents")).text


async def test_a_document_disposed_of_meanwhile_stays_gone(desk: Desk) -> None:
    """A file whose record was removed while it arrived brings nothing back."""
    made = await desk.announce(a_pdf())
    document = await desk.world.store.get(Document, made["document"]["id"])
    assert document is not None
    assert document.status is DocumentStatus.AWAITING_UPLOAD
    context = desk.world.context(desk.owner)
    stale = replace(document, version=7)
    with pytest.raises(Exception, match="used"):
        await receive(context, stale, a_pdf())
    assert await desk.world.store.blobs.ids() == []
