"""The commands that change the directory, over one small home."""

import json
from pathlib import Path

import pytest

from domain.actors import Group
from gateway.local.issuer import LocalIssuer
from gateway.workspace import ISSUER_FILE
from tenants.directory.sqlite import DIRECTORY_FILE
from tenants.keys.home import KEYRING_FILE
from tenants.keys.keyring import LocalKeyring
from tests.gateway.cli.command import Done, almoner, made

pytestmark = pytest.mark.usefixtures("cheap_passphrases")
ISSUER = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_AbCdEf123"
PASSPHRASE = "correct horse battery staple"
ANA = ("--subject", "s1", "--email", "ana@harbor.test", "--name", "Ana", "--group", "counselors")

NOBODY = ("--subject", "", "--email", "nope", "--name", "", "--group", "counselors")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return made(tmp_path / "home")


def shown(home: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads(
        almoner(home, "agency", "show", "harbor", "--json").output
    )
    return found


def test_an_update_replaces_what_is_given_and_nothing_else(home: Path) -> None:
    """A pool joins an agency that had none; name, licences and website change one by one."""
    before = shown(home)
    given = ("--issuer", ISSUER, "--client-id", "7abc", "--client-id", "8def")
    done = almoner(home, "agency", "update", "harbor", *given, "--reason", "test")

    assert done.status == 0, done.output
    pooled = before | {"issuers": [ISSUER], "clientIds": ["7abc", "8def"]}
    assert shown(home) == pooled
    almoner(home, "agency", "update", "harbor", "--website", "https://harbor.example/")
    almoner(home, "agency", "update", "harbor", "--name", "Haven", "--state", "oh")
    changed = pooled | {"name": "Haven", "states": ["OH"]}
    assert shown(home) == changed | {"website": "https://harbor.example/"}
    almoner(home, "agency", "update", "harbor", "--website", "")
    assert shown(home) == changed | {"website": None}


def test_an_update_says_what_it_wants() -> None:
    """Its help has an example with a pool."""
    done = almoner(Path("nowhere"), "agency", "update", "--help")

    assert "Example" in done.output
    assert "--issuer https://" in done.output


@pytest.mark.parametrize(
    "arguments",
    [(), ("--issuer", ISSUER), ("--client-id", "7abc")],
    ids=["nothing", "no client", "no issuer"],
)
def test_an_update_of_nothing_is_misuse(home: Path, arguments: tuple[str, ...]) -> None:
    """Without a change, or with half a pool, nothing is written."""
    assert almoner(home, "agency", "update", "harbor", *arguments).status == 2


@pytest.mark.parametrize(
    ("arguments", "faults"),
    [
        (
            ("agency", "add", "summit", "--name", "", "--state", "ZZ", "--website", "javascript:x"),
            ("name", "states.0", "website"),
        ),
        (
            ("agency", "update", "harbor", "--issuer", "http://idp.example", "--client-id", "a"),
            ("pools.0.issuer",),
        ),
        (
            ("staff", "add", "harbor", *NOBODY),
            ("subject", "name", "email"),
        ),
        (("key", "create", "harbor", "--scope", "agency:read", "--name", ""), ("name",)),
    ],
    ids=["agency", "pool", "staff", "key"],
)
def test_bad_input_is_refused_with_every_fault(
    home: Path, arguments: tuple[str, ...], faults: tuple[str, ...]
) -> None:
    """Each command names all that is wrong, and leaves no store of an agency behind."""
    stores = sorted((home / "stores").glob("*.db"))
    done = almoner(home, *arguments)

    assert (done.status, done.faults) == (1, faults)
    assert sorted((home / "stores").glob("*.db")) == stores


def test_an_email_address_is_entered_once(home: Path) -> None:
    """A second person with the address of the first is refused."""
    assert almoner(home, "staff", "add", "harbor", *ANA).status == 0
    again = almoner(home, "staff", "add", "harbor", "--subject", "s2", *ANA[2:])

    assert again.status == 1
    assert "e-mail" in again.output


ENDING = [
    ("agency", "suspend", "harbor"),
    ("agency", "remove", "harbor", "--yes"),
    ("key", "revoke", "harbor", "key_1"),
    ("staff", "deactivate", "harbor", "staff_1"),
    ("token-revoke", "harbor", "--subject", "s1"),
]


@pytest.mark.parametrize("command", ENDING, ids=" ".join)
def test_what_ends_something_wants_a_reason(home: Path, command: tuple[str, ...]) -> None:
    """Without a terminal to ask on, a reason that was left out is misuse and nothing happens."""
    done = almoner(home, *command)

    assert done.status == 2
    assert "--reason" in done.output
    assert shown(home)["status"] == "ACTIVE"


@pytest.mark.parametrize("reason", ["", " \t", "a\x00b", "x" * 501])
@pytest.mark.parametrize("command", [*ENDING, ("staff", "add", "harbor", *ANA)], ids=" ".join)
def test_a_reason_that_says_nothing_is_misuse(
    home: Path, command: tuple[str, ...], reason: str
) -> None:
    """A blank reason, one with control characters or one beyond the limit is refused."""
    assert almoner(home, *command, "--reason", reason).status == 2


def test_a_revocation_says_what_is_refused_from_now_on(home: Path) -> None:
    """An unknown subject is taken, and the answer says that nobody looked it up."""

    def revoked(option: str, value: str) -> Done:
        return almoner(home, "token-revoke", "harbor", option, value, "--reason", "test")

    subject = revoked("--subject", "nobody")
    assert subject.status == 0
    assert "tokens of subject nobody issued until now are refused" in subject.output
    assert "not known here" in subject.output
    assert "tokens of sign-in o1 are refused" in revoked("--origin-jti", "o1").output
    assert "token t1 is refused" in revoked("--jti", "t1").output
    assert revoked("--jti", "t\n1").status == 2


def test_a_token_for_nobody_says_which_name_is_unknown(home: Path) -> None:
    """An unknown agency, a user of another agency and an unknown user are told apart."""
    keyring = LocalKeyring.from_file(home / KEYRING_FILE, create=False)
    issuer = LocalIssuer.open(home / ISSUER_FILE, keyring.derive("issuer"), create=True)
    for number, agency in enumerate(("harbor", "summit")):
        pool = f"us-east-1_Local{number}"
        issuer.ensure_pool(pool, "web", agency=agency)
        issuer.put_user(
            email=f"ana@{agency}.test",
            subject="s1",
            display_name="Ana",
            group=Group.COUNSELORS,
            pool_id=pool,
        )
    issuer.close()

    def said(*arguments: str) -> str:
        done = almoner(home, "token", *arguments)
        assert done.status == 1
        return done.output

    nowhere = said("ana@harbor.test", "--agency", "nope")
    assert "there is no agency nope. There are: harbor, summit" in nowhere
    elsewhere = said("ana@harbor.test", "--agency", "summit")
    assert "ana@harbor.test is not of agency summit" in elsewhere
    assert "there is no user bob@harbor.test" in said("bob@harbor.test")
    assert almoner(home, "token", "ana@harbor.test", "--agency", "harbor").status == 0


def test_a_backup_is_refused_before_anybody_is_asked(home: Path, tmp_path: Path) -> None:
    """A home without a directory, and a file that is there, are told before the passphrase."""
    file = tmp_path / "directory.backup"
    empty = almoner(tmp_path / "empty", "directory", "backup", str(file))
    assert (empty.status, "there is no directory" in empty.output) == (1, True)

    first = almoner(home, "directory", "backup", str(file), text=f"{PASSPHRASE}\n")
    assert first.status == 0, first.output
    content = file.read_bytes()
    again = almoner(home, "directory", "backup", str(file))
    assert (again.status, "already" in again.output) == (1, True)
    assert file.read_bytes() == content

    file_of_the_home = str(home / DIRECTORY_FILE)
    foreign = almoner(home, "directory", "backup", file_of_the_home, "--overwrite")
    assert (foreign.status, "no backup" in foreign.output) == (1, True)
    over = almoner(home, "directory", "backup", str(file), "--overwrite", text=f"{PASSPHRASE}\n")
    assert over.status == 0, over.output
    assert file.read_bytes() != content
