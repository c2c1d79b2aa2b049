"""`almoner doctor`: what is wrong is found, and the remedy is the one for it."""

import json
import shutil
import socket
from pathlib import Path

import pytest

from domain.errors import StoreUnavailable
from gateway.cli.agency_findings import remedy_for
from gateway.local.issuer import LocalIssuer
from gateway.local.serve_file import SERVE_FILE
from gateway.workspace import CERTIFICATES_FOLDER, ISSUER_FILE
from integrations.transunion.certificates import ensure_certificates
from tenants.directory.sqlite import DIRECTORY_FILE
from tenants.keys.home import KEYRING_FILE
from tenants.keys.keyring import LocalKeyring
from tests.gateway.cli.command import almoner, made
from tests.gateway.served import free_port

Findings = dict[str, dict[str, str]]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return made(tmp_path / "home")


@pytest.fixture
def demo(home: Path) -> Path:
    """Return a home with what `almoner dev` leaves in one."""
    keyring = LocalKeyring.from_file(home / KEYRING_FILE, create=False)
    LocalIssuer.open(home / ISSUER_FILE, keyring.derive("issuer"), create=True).close()
    (home / SERVE_FILE).touch(mode=0o600)
    ensure_certificates(home / CERTIFICATES_FOLDER)
    return home


def doctor(home: Path, **settings: str) -> Findings:
    """Return the findings by check; the exit status says whether one of them is a failure."""
    ports = dict.fromkeys(
        ("port", "operations_port", "issuer_port", "transunion_port", "plaid_port", "tls_port"),
        "0",
    )
    environment = {f"ALMONER_{key.upper()}": value for key, value in (ports | settings).items()}
    done = almoner(home, "doctor", "--json", environment=environment)
    findings: Findings = {item["check"]: item for item in json.loads(done.output)}
    failed = any(item["state"] == "FAIL" for item in findings.values())
    assert done.status == (1 if failed else 0)
    return findings


def failures(findings: Findings) -> set[str]:
    return {check for check, item in findings.items() if item["state"] == "FAIL"}


@pytest.mark.parametrize("kind", ["home", "demo"])
def test_a_sound_home_has_no_failure(kind: str, request: pytest.FixtureRequest) -> None:
    """Neither a real home nor a demo's has anything to mend."""
    found = doctor(request.getfixturevalue(kind))

    assert failures(found) == set()
    assert ("token issuer" in found) is (kind == "demo")


def test_an_agency_without_a_pool_is_told_the_command_that_adds_one(home: Path) -> None:
    """The remedy is a command that there is."""
    remedy = doctor(home)["harbor: pool"]["remedy"]

    assert remedy.startswith("almoner agency update harbor --issuer URL --client-id ID")


@pytest.mark.parametrize(
    ("host", "sound"),
    [("::1", True), ("127.0.0.1", True), ("nonsense.invalid", False), ("a" * 70, False)],
)
def test_a_host_is_tried_as_it_would_be_bound(home: Path, host: str, *, sound: bool) -> None:
    """IPv6 is an address as any other, and what is none is a finding."""
    if host == "::1" and not _has_ipv6():
        pytest.skip("this machine has no IPv6")
    port = str(free_port())
    found = doctor(home, host=host, port=port)[f"port {port}"]

    assert found["state"] == ("ok" if sound else "FAIL")
    assert sound or "ALMONER_HOST" in found["remedy"]


def test_a_port_that_is_taken_may_be_the_gateway_s(home: Path) -> None:
    """Something that answers is no failure."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        found = doctor(home, port=port)[f"port {port}"]

    assert found["state"] == "ok"
    assert "listens" in found["finding"]


def test_the_ports_of_a_demo_are_looked_at_in_a_demo_alone(home: Path) -> None:
    """The issuer's and the simulators' ports are nothing to a real home."""
    ports = {name: str(free_port()) for name in ("issuer_port", "transunion_port", "plaid_port")}
    checks = {f"port {port}" for port in ports.values()}
    assert not checks & set(doctor(home, **ports))
    keyring = LocalKeyring.from_file(home / KEYRING_FILE, create=False)
    LocalIssuer.open(home / ISSUER_FILE, keyring.derive("issuer"), create=True).close()

    assert checks <= set(doctor(home, **ports))


@pytest.mark.parametrize(
    ("name", "mode"), [(DIRECTORY_FILE, 0o644), ("stores", 0o755), ("stores/*.db", 0o640)]
)
def test_what_others_can_read_is_a_failure(home: Path, name: str, mode: int) -> None:
    """Every file and folder of the home is its owner's alone, and chmod is the remedy."""
    (path,) = home.glob(name)
    path.chmod(mode)
    found = doctor(home)["files"]

    assert found["state"] == "FAIL"
    assert path.relative_to(home).as_posix() in found["finding"]
    assert found["remedy"] == f"chmod -R go= {home}"


def test_a_home_that_others_can_look_into_is_a_failure(home: Path) -> None:
    """The folder itself counts too."""
    home.chmod(0o755)

    assert doctor(home)["home"]["remedy"] == f"chmod 700 {home}"


def test_a_lost_a_foreign_and_an_open_keyring_have_their_own_remedies(home: Path) -> None:
    """Only where the keyring is gone or wrong is it to be brought back."""
    keyring = home / KEYRING_FILE
    keyring.chmod(0o644)
    assert doctor(home)["keyring"]["remedy"] == f"chmod 600 {keyring}"
    keyring.rename(home / "away.json")
    (home / "away.json").chmod(0o600)
    assert "almoner directory restore FILE --overwrite" in doctor(home)["keyring"]["remedy"]
    LocalKeyring.from_file(keyring, create=True)
    found = doctor(home)

    assert failures(found) == {"directory"}
    assert "almoner directory restore FILE --overwrite" in found["directory"]["remedy"]


def test_the_remedy_is_that_of_the_cause() -> None:
    """Ownership, a busy file and a full disk are no case for a backup."""

    def remedy(cause: BaseException, code: int | None = None) -> str:
        if code is not None:
            cause.sqlite_errorcode = code  # type: ignore[attr-defined]  # as the driver sets it
        error = StoreUnavailable()
        error.__cause__ = StoreUnavailable()
        error.__cause__.__cause__ = cause
        return remedy_for(error, Path("/srv/home"), "restore")

    assert "chown" in remedy(PermissionError())
    assert "chown" in remedy(ValueError(), 8)
    assert "repeat" in remedy(ValueError(), 5)
    assert "room" in remedy(ValueError(), 13)
    assert remedy(ValueError(), 26) == "restore"
    assert remedy(FileNotFoundError()) == "restore"


def test_a_bureau_that_serve_would_refuse_is_a_failure(home: Path) -> None:
    """An address without a certificate, and a certificate that is none, do not pass."""
    url = "https://bureau.example/"
    missing = doctor(home, transunion_url=url)["transunion"]
    assert missing["state"] == "FAIL"
    assert "ALMONER_TRANSUNION_CERTIFICATE_FILE" in missing["finding"]
    garbage = home / "client.pem"
    garbage.write_text("garbage")
    garbage.chmod(0o600)
    found = doctor(
        home,
        transunion_url=url,
        transunion_certificate_file=str(garbage),
        transunion_key_file=str(garbage),
    )

    assert failures(found) == {"transunion"}


def test_bank_data_that_serve_would_refuse_are_a_failure(home: Path) -> None:
    """An address without credentials does not pass; without webhooks it passes with a warning."""
    none = doctor(home)["plaid"]
    url = "https://sandbox.plaid.com"
    bare = doctor(home, plaid_url=url)["plaid"]
    deaf = doctor(home, plaid_url=url, plaid_client_id="a1", plaid_secret="s1")["plaid"]
    there = {"plaid_client_id": "a1", "plaid_secret": "s1", "plaid_webhook_url": "https://a.test"}

    assert (none["state"], bare["state"], deaf["state"]) == ("warn", "FAIL", "warn")
    assert "client_id" in bare["finding"]
    assert "ALMONER_PLAID_WEBHOOK_URL" in deaf["remedy"]
    assert doctor(home, plaid_url=url, **there)["plaid"]["state"] == "ok"


@pytest.mark.parametrize("content", [None, "garbage"])
def test_the_certificate_of_a_demo_is_looked_at(demo: Path, content: str | None) -> None:
    """That `almoner dev` ran here once does not make its certificate a sound one."""
    certificate = demo / CERTIFICATES_FOLDER / "client.pem"
    certificate.unlink()
    if content is not None:
        certificate.touch(mode=0o600)
        certificate.write_text(content)
    found = doctor(demo)

    assert failures(found) == {"transunion"}
    assert "almoner dev" in found["transunion"]["remedy"]


def test_a_demo_without_its_issuer_is_a_failure(demo: Path) -> None:
    """A missing and a damaged issuer.db are found, and the way to a new demo is named."""
    (demo / ISSUER_FILE).write_bytes(b"garbage" * 1000)
    damaged = doctor(demo)
    for file in demo.glob(f"{ISSUER_FILE}*"):
        file.unlink()
    missing = doctor(demo)

    assert failures(damaged) == failures(missing) == {"token issuer"}
    assert "almoner dev" in missing["token issuer"]["remedy"]


def test_an_issuer_of_an_earlier_release_is_looked_at_and_left_alone(demo: Path) -> None:
    """It is said to be of an older format, and has it still: only starting brings it forward."""
    keyring = LocalKeyring.from_file(demo / KEYRING_FILE, create=False)
    issuer = LocalIssuer.open(demo / ISSUER_FILE, keyring.derive("issuer"), create=False)
    with issuer.file.unit() as connection:
        connection.execute("PRAGMA user_version = 0")
    issuer.close()
    for _ in range(2):
        found = doctor(demo)["token issuer"]
        assert found["state"] == "warn"
        assert "almoner dev" in found["remedy"]


def test_a_pool_on_this_machine_that_nothing_answers_for_is_a_failure(home: Path) -> None:
    """Without issuer.db no `almoner dev` will ever answer; with it, one may be started."""
    issuer = f"http://127.0.0.1:{free_port()}/pool"
    given = ("--issuer", issuer, "--client-id", "web")
    assert almoner(home, "agency", "update", "harbor", *given).status == 0
    found = doctor(home)["harbor: pool"]

    assert found["state"] == "FAIL"
    assert ISSUER_FILE in found["finding"]
    keyring = LocalKeyring.from_file(home / KEYRING_FILE, create=False)
    LocalIssuer.open(home / ISSUER_FILE, keyring.derive("issuer"), create=True).close()
    assert doctor(home)["harbor: pool"]["state"] == "warn"


def test_a_lost_store_is_its_agency_s_failure_alone(home: Path) -> None:
    """The directory is sound, the store is named."""
    shutil.rmtree(home / "stores")
    found = doctor(home)

    assert failures(found) == {"harbor: store"}
    assert "backup" in found["harbor: store"]["remedy"]


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True
