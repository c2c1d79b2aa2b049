"""Adapter and simulator end to end: real HTTPS on loopback, both sides' certificates checked."""

import asyncio
import contextlib
import gc
import socket
import ssl
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from domain.credit import CreditSubject, FileHit, PullKind
from domain.errors import Upstream, UpstreamInvalid, UpstreamTimeout, UpstreamUnavailable
from integrations.exchange import exchange
from integrations.tls import mutual_tls_context
from integrations.transunion.adapter import open_transunion
from integrations.transunion.certificates import CertificateFiles, ensure_certificates
from integrations.transunion.settings import RequestForm, TransUnionSettings
from integrations.transunion.wire import read_answer
from integrations.upstream import Attempt, AttemptFailed
from integrations.verdicts import Trouble

if TYPE_CHECKING:
    from tests.integrations.transunion.conftest import Running

MakeSubject = Callable[..., CreditSubject]
# A handshake that is cut off leaves its socket to the collector (asyncio's, below httpcore): it is
# collected within the test that made it, or the warning would fail whichever test comes later.
LEAVES_A_HANDSHAKE = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


@pytest.mark.parametrize("form", RequestForm)
async def test_the_personas_file_over_mutual_tls(
    running: "Running", persona: CreditSubject, sample: bytes, form: RequestForm
) -> None:
    """The sample's persona has the sample's file, in either form, and is counted once."""
    settings = replace(running.settings, request_form=form)
    async with open_transunion("agency_1", settings) as bureau:
        file = (await bureau.pull(persona, PullKind.SOFT, reference="rep_1")).file
    expected = read_answer(sample, PullKind.SOFT, settings, reference="rep_1", vendor="transunion")
    assert file == expected
    (inquiry,) = running.simulator.inquiries
    assert (inquiry.reference, inquiry.kind) == ("rep_1", "SOFT")


@pytest.mark.parametrize(("family", "value"), [("Uphold", 667), ("Whitfield", None)])
async def test_a_model_report_over_mutual_tls(
    running: "Running", make_subject: MakeSubject, family: str, value: int | None
) -> None:
    """Product 08000 comes back with a score and without lines; the persona's score is known."""
    settings = replace(running.settings, product_code="08000")
    subject = make_subject(family, ssn="666484418")
    async with open_transunion("agency_1", settings) as bureau:
        file = (await bureau.pull(subject, PullKind.SOFT, reference="rep_1")).file
    assert file.hit is FileHit.HIT
    assert file.score is not None
    assert value in (None, file.score.value)
    assert (file.summary, file.tradelines, file.inquiries) == (None, (), ())


async def test_hard_leaves_a_mark_and_soft_does_not(
    running: "Running", make_subject: MakeSubject
) -> None:
    """The member code decides: a hard pull lists our inquiry, and neither pull counts it."""
    async with open_transunion("agency_1", running.settings) as bureau:
        soft = (await bureau.pull(make_subject(), PullKind.SOFT, reference="rep_1")).file
        hard = (await bureau.pull(make_subject(), PullKind.HARD, reference="rep_2")).file
    assert len(hard.inquiries) == len(soft.inquiries) + 1
    assert hard.tradelines == soft.tradelines
    assert hard.summary == soft.summary
    assert [inquiry.kind for inquiry in running.simulator.inquiries] == ["SOFT", "HARD"]


@pytest.mark.parametrize(
    ("family", "error", "may_have_acted"),
    [
        ("Timeout", UpstreamTimeout, True),
        ("GARBAGE", UpstreamInvalid, True),
        ("servererror", UpstreamUnavailable, True),
    ],
)
async def test_scripted_faults(
    running: "Running",
    make_subject: MakeSubject,
    family: str,
    error: type[Upstream],
    may_have_acted: bool,
) -> None:
    """Each fault by last name is its typed error, after exactly one inquiry."""
    settings = replace(running.settings, deadline_seconds=0.4)
    async with open_transunion("agency_1", settings) as bureau:
        with pytest.raises(error) as caught:
            await bureau.pull(make_subject(family), PullKind.HARD, reference="rep_1")
    assert caught.value.may_have_acted is may_have_acted
    assert len(running.simulator.inquiries) == 1


@pytest.mark.parametrize(
    ("family", "hit"),
    [("Nohit", FileHit.NO_HIT), ("frozen", FileHit.FROZEN), ("SLOW", FileHit.HIT)],
)
async def test_scripted_answers(
    running: "Running", make_subject: MakeSubject, family: str, hit: FileHit
) -> None:
    """No hit, frozen and slow are answers."""
    async with open_transunion("agency_1", running.settings) as bureau:
        file = (await bureau.pull(make_subject(family), PullKind.SOFT, reference="rep_1")).file
    assert file.hit is hit
    assert (file.summary is None) is (hit is not FileHit.HIT)


async def test_a_name_of_markup_and_letters_arrives(
    running: "Running", make_subject: MakeSubject
) -> None:
    """A name with &, <, ' and letters beyond ASCII comes through both codecs."""
    subject = make_subject("O'Brien & <Muñoz>", given="李")
    async with open_transunion("agency_1", running.settings) as bureau:
        file = (await bureau.pull(subject, PullKind.SOFT, reference="a&b<c>'é")).file
    assert file.hit is FileHit.HIT
    assert running.simulator.inquiries[0].reference == "a&b<c>'é"


@pytest.mark.parametrize(
    "change",
    [
        {"system_password": "wrong"},
        {"password": "wrong"},
        {"member_code_soft": "F9999999"},
        {"product_code": "07955"},
    ],
)
async def test_a_wrong_subscription_is_refused_without_an_inquiry(
    running: "Running", make_subject: MakeSubject, change: dict[str, str]
) -> None:
    """Credentials and codes that do not hold are refused, and nothing was done."""
    settings = replace(running.settings, **change)  # type: ignore[arg-type]  # text settings all
    async with open_transunion("agency_1", settings) as bureau:
        with pytest.raises(Upstream) as caught:
            await bureau.pull(make_subject(), PullKind.SOFT, reference="rep_1")
    assert not caught.value.may_have_acted
    assert not caught.value.retryable
    assert running.simulator.inquiries == []


async def test_a_foreign_client_certificate_is_refused(
    running: "Running", make_subject: MakeSubject, folder: Path
) -> None:
    """A client certificate of another authority gets no inquiry made."""
    foreign = ensure_certificates(folder)
    settings = replace(
        running.settings,
        certificate_file=foreign.client_certificate,
        key_file=foreign.client_key,
    )
    async with open_transunion("agency_1", settings) as bureau:
        with pytest.raises(UpstreamUnavailable):
            await bureau.pull(make_subject(), PullKind.SOFT, reference="rep_1")
    assert running.simulator.inquiries == []


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_no_client_certificate_is_refused(
    running: "Running", certificates: CertificateFiles, version: ssl.TLSVersion
) -> None:
    """Without a client certificate nothing is answered, under either version of TLS."""
    context = ssl.create_default_context(cafile=str(certificates.ca_certificate))
    context.minimum_version = context.maximum_version = version
    async with httpx.AsyncClient(verify=context, trust_env=False) as client:
        with pytest.raises(AttemptFailed) as caught:
            await exchange(
                client,
                Attempt(number=1, seconds=5.0),
                method="POST",
                url=running.url,
                content=b"<x/>",
                headers={},
                connect_seconds=5.0,
                answer_bytes_max=1000,
            )
    # This server breaks off without a word: before anything was sent, or after.
    assert caught.value.trouble in {
        Trouble.CERTIFICATE_REFUSED,
        Trouble.CONNECT_FAILED if version is ssl.TLSVersion.TLSv1_2 else Trouble.CONNECTION_LOST,
    }
    assert running.simulator.inquiries == []


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_vendor_that_says_why_is_understood(
    settings: TransUnionSettings,
    certificates: CertificateFiles,
    make_subject: MakeSubject,
    folder: Path,
    version: ssl.TLSVersion,
) -> None:
    """A TLS alert about our certificate is a fault of set-up: asked once, nothing was done."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = version
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(certificates.ca_certificate)
    context.load_cert_chain(certificates.server_certificate, certificates.server_key)
    foreign = ensure_certificates(folder)
    handshakes = []

    def refuse(listener: socket.socket) -> None:
        """Shake hands once, and read on after refusing: else a reset overtakes the alert."""
        connection, _ = listener.accept()
        with connection:
            wrapped = context.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
            try:
                wrapped.do_handshake()
            except ssl.SSLError as error:
                handshakes.append(error.reason)
            with socket.socket(fileno=wrapped.detach()) as plain:
                plain.shutdown(socket.SHUT_WR)
                while plain.recv(4096):
                    pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)
        refusing = asyncio.create_task(asyncio.to_thread(refuse, listener))
        settings = replace(
            settings,
            url=f"https://localhost:{listener.getsockname()[1]}",
            certificate_file=foreign.client_certificate,
            key_file=foreign.client_key,
        )
        async with open_transunion("agency_1", settings) as bureau:
            with pytest.raises(UpstreamUnavailable, match="not set up rightly") as caught:
                await bureau.pull(make_subject(), PullKind.SOFT, reference="rep_1")
        await refusing
    assert handshakes == ["CERTIFICATE_VERIFY_FAILED"]
    assert not caught.value.may_have_acted
    assert not caught.value.retryable


async def test_a_server_of_a_foreign_authority_is_refused(
    running: "Running", make_subject: MakeSubject, folder: Path
) -> None:
    """A server that our authority does not vouch for is sent nothing, and asked only once."""
    foreign = ensure_certificates(folder)
    settings = replace(running.settings, ca_file=foreign.ca_certificate)
    async with open_transunion("agency_1", settings) as bureau:
        with pytest.raises(UpstreamUnavailable, match="not set up rightly") as caught:
            await bureau.pull(make_subject(), PullKind.SOFT, reference="rep_1")
    assert not caught.value.may_have_acted
    assert "CERTIFICATE_VERIFY_FAILED" in str(caught.value.__cause__)
    assert running.simulator.inquiries == []


async def test_a_server_under_another_name_is_refused(
    running: "Running", make_subject: MakeSubject
) -> None:
    """A right certificate for another host is no certificate."""
    # 127.0.0.2 is loopback too, and no name of the certificate's.
    listener = socket.create_server(("127.0.0.2", 0))
    port = listener.getsockname()[1]
    target = int(running.url.rpartition(":")[2])

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", target)

        async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(4096):
                sink.write(data)
            sink.close()
            await sink.wait_closed()

        await asyncio.gather(copy(reader, back), copy(there, writer), return_exceptions=True)

    server = await asyncio.start_server(forward, sock=listener)
    settings = replace(running.settings, url=f"https://127.0.0.2:{port}")
    async with open_transunion("agency_1", settings) as bureau:
        with pytest.raises(UpstreamUnavailable, match="not set up rightly") as caught:
            await bureau.pull(make_subject(), PullKind.SOFT, reference="rep_1")
    server.close()
    assert not caught.value.may_have_acted
    assert running.simulator.inquiries == []


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_the_server_answers_to_its_own_names(
    running: "Running", make_subject: MakeSubject, host: str
) -> None:
    """The server's certificate holds for the host name and for the address."""
    settings = replace(running.settings, url=running.url.replace("localhost", host))
    async with open_transunion("agency_1", settings) as bureau:
        file = (await bureau.pull(make_subject(), PullKind.SOFT, reference="rep_1")).file
    assert file.hit is FileHit.HIT


async def test_nobody_listening_is_repeated_and_did_not_act(
    settings: TransUnionSettings, make_subject: MakeSubject
) -> None:
    """A refused connection is tried again with waits, then told as safe to repeat."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    settings = replace(settings, url=f"https://127.0.0.1:{port}", attempts_max=3)
    async with open_transunion("agency_1", settings) as bureau:
        with pytest.raises(UpstreamUnavailable, match="could not be reached") as caught:
            await bureau.pull(make_subject(), PullKind.SOFT, reference="rep_1")
    assert caught.value.retryable
    assert not caught.value.may_have_acted


@LEAVES_A_HANDSHAKE
async def test_a_server_that_does_not_shake_hands_did_not_act(
    settings: TransUnionSettings, make_subject: MakeSubject
) -> None:
    """A deadline that passes before the TLS handshake is done has not reached the vendor."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        settings = replace(settings, url=url, deadline_seconds=0.3)
        async with open_transunion("agency_1", settings) as bureau:
            with pytest.raises(UpstreamTimeout) as caught:
                await bureau.pull(make_subject(), PullKind.SOFT, reference="rep_1")
    assert not caught.value.may_have_acted
    assert caught.value.retryable
    gc.collect()


@LEAVES_A_HANDSHAKE
async def test_an_attempt_knows_whether_it_is_still_connecting(running: "Running") -> None:
    """Until the first byte of the request is sent an attempt is connecting, afterwards not."""
    context = mutual_tls_context(
        certificate_file=running.settings.certificate_file,
        key_file=running.settings.key_file,
        ca_file=running.settings.ca_file,
    )

    async def connecting_after(url: str) -> bool:
        attempt = Attempt(number=1, seconds=5.0)
        async with httpx.AsyncClient(verify=context, trust_env=False) as client:
            with pytest.raises(AttemptFailed):
                await exchange(
                    client,
                    attempt,
                    method="POST",
                    url=url,
                    content=b"<x/>",
                    headers={},
                    connect_seconds=0.1,
                    answer_bytes_max=1000,
                )
        return attempt.connecting

    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert await connecting_after(f"https://127.0.0.1:{listener.getsockname()[1]}")
    gc.collect()
    assert not await connecting_after(running.url)


@pytest.mark.parametrize("reply", [b"", b"SMTP ready\r\n", b"HTTP/1.1 200 OK\r\nContent-Le"])
async def test_a_connection_lost_after_sending_is_not_repeated(
    settings: TransUnionSettings,
    certificates: CertificateFiles,
    make_subject: MakeSubject,
    reply: bytes,
) -> None:
    """A server that takes the request and hangs up may have acted: one attempt, no more."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server_certificate, certificates.server_key)
    taken = 0

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal taken
        taken += 1
        await reader.readuntil(b"</xmlrequest>")
        writer.write(reply)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    settings = replace(settings, url=f"https://localhost:{port}")
    async with open_transunion("agency_1", settings) as bureau:
        with pytest.raises(UpstreamUnavailable) as caught:
            await bureau.pull(make_subject(), PullKind.SOFT, reference="rep_1")
    server.close()
    assert taken == 1
    assert caught.value.may_have_acted
    assert not caught.value.retryable
