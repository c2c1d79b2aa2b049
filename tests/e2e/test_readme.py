"""What the README says to type works when it is typed."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.platform_process import Running
from tests.e2e.test_journey import consented_application, new_consent

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def environment_of(dev: Running) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{dev.environment['PATH']}"
    return dev.environment | {"PATH": path}


def blocks() -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def typed(dev: Running, block: str) -> str:
    """Return what a block prints when it is typed into a shell, on the running platform's port."""
    here = block.replace("127.0.0.1:8000", f"127.0.0.1:{dev.environment['ALMONER_PORT']}")
    done = subprocess.run(
        ["sh", "-eu", "-c", here],
        cwd=ROOT,
        env=environment_of(dev),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_curl_lines_answer_what_the_readme_says(dev: Running) -> None:
    """The page has ids, the other agency's counselor gets null, the key reads the counts."""
    page, other, key, _ = [block for block in blocks() if "curl" in block or "first_pull" in block]

    first = typed(dev, page)
    identifier = re.search(r'"(app_[0-9A-Z]{26})"', first)
    assert identifier is not None, first
    theirs = typed(dev, other.replace("app_…", identifier.group(1)))
    assert theirs.strip() == '{"data":{"application":null}}'
    assert '"status":"SUBMITTED"' in typed(dev, key)


def test_the_example_prints_the_sample_s_figures(dev: Running) -> None:
    """examples/first_pull.py prints the persona's summary."""
    application, _, _ = consented_application(dev, "Uphold")
    new_consent(dev, application, dev.token("consumer2@harbor.test"))

    done = subprocess.run(
        [sys.executable, "examples/first_pull.py"],
        cwd=ROOT,
        env=environment_of(dev),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [line.split()[-1] for line in done.stdout.splitlines()[1:]] == [
        "32",
        "6840.00",
        "62200.00",
        "122422.00",
    ]
    assert "667" in done.stdout


def test_every_document_that_is_linked_is_there() -> None:
    """No link of the README or of the documentation leads nowhere."""
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    dead = [
        f"{page.name} → {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
        if not (page.parent / target).exists()
    ]
    assert dead == []


def test_misuse_is_exit_2_and_failure_exit_1(dev: Running) -> None:
    """A wrong option is misuse; an agency that is not there is a failure naming those that are."""
    assert dev.run("agency", "show", "--nonsense").returncode == 2
    assert dev.run("key", "create", "harbor", "--scope", "everything").returncode == 2
    missing = dev.run("agency", "show", "nowhere")
    assert missing.returncode == 1
    assert "harbor" in missing.stderr
    assert missing.stderr.count("\n") == 1


def test_doctor_finds_nothing_wrong(dev: Running) -> None:
    """On a running demo every check passes."""
    done = dev.run("doctor")
    assert done.returncode == 0, done.stdout
    assert "FAIL" not in done.stdout


def test_config_says_where_each_value_came_from(dev: Running) -> None:
    """The port came from the environment; no secret is printed."""
    printed = dev.command_output("config")
    (port,) = [line for line in printed.splitlines() if line.startswith("port ")]
    assert "environment" in port


def test_an_agency_s_whole_life_on_the_command_line(dev: Running) -> None:
    """Added, shown, suspended, resumed, removed; afterwards nothing of it can be opened."""
    added = dev.run(
        "agency", "add", "lakeside", "--name", "Lakeside", "--state", "MI", "--reason", "test"
    )
    assert added.returncode == 0, added.stderr
    assert "lakeside" in dev.command_output("agency", "list")
    key = dev.command_output(
        "key", "create", "lakeside", "--scope", "agency:read", "--reason", "test"
    )
    assert dev.ask("{ agency { slug } }", key=key) == {"data": {"agency": {"slug": "lakeside"}}}
    store = re.search(r"stores/\S+\.db", dev.command_output("agency", "show", "lakeside"))
    assert store is not None
    home = Path(dev.environment["ALMONER_HOME"])
    assert (home / store.group()).is_file()

    assert dev.run("agency", "remove", "lakeside", "--reason", "test").returncode == 2
    dev.command_output("agency", "remove", "lakeside", "--yes", "--reason", "test")

    assert not (home / store.group()).exists()
    assert dev.run("agency", "show", "lakeside").returncode == 1
    assert dev.post("{ agency { slug } }", key=key).status_code == 401


def test_a_password_in_a_url_is_refused_on_the_command_line(dev: Running) -> None:
    """It would be seen by everybody on the machine."""
    done = dev.run(
        "agency",
        "add",
        "lakeside",
        "--name",
        "x",
        "--state",
        "MI",
        "--store",
        "postgresql://user:secret@host/db",
    )
    assert done.returncode == 2
    assert "secret@" not in done.stderr


def test_the_directory_comes_back_from_its_backup(dev: Running, tmp_path: Path) -> None:
    """Backed up, restored into an empty home: every key opens what it opened before."""
    file = tmp_path / "directory.backup"
    passphrase = "correct horse battery staple"
    done = dev.run("directory", "backup", str(file), "--reason", "test", text=passphrase + "\n")
    assert done.returncode == 0, done.stderr
    home = Path(dev.environment["ALMONER_HOME"])
    there = tmp_path / "restored"
    there.mkdir(mode=0o700)
    shutil.copytree(home / "stores", there / "stores")
    elsewhere = Running(["dev"], dev.environment | {"ALMONER_HOME": str(there)}, tmp_path / "log")

    wrong = elsewhere.run("directory", "restore", str(file), text="a wrong passphrase\n")
    right = elsewhere.run("directory", "restore", str(file), text=passphrase + "\n")
    again = elsewhere.run("directory", "restore", str(file), text=passphrase + "\n")

    assert wrong.returncode == 1
    assert wrong.stderr.count("\n") == 1
    assert right.returncode == 0, right.stderr
    assert again.returncode == 1
    checked = elsewhere.run("doctor")
    assert checked.returncode == 0, checked.stdout
    assert "harbor: store: opens; 200" in checked.stdout
