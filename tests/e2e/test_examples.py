"""The examples are run as their READMEs say, with the stock packages, on a running platform."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.platform_process import Running
from tests.node.packages import NODE_MODULES, node_or_skip

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
NAMES = sorted(folder.name for folder in EXAMPLES.iterdir() if (folder / "README.md").is_file())
TOLD = re.compile(r"^(read|changed to version|told) (.*)$", re.MULTILINE)


def typed(dev: Running, name: str, checkout: Path) -> str:
    """Return what an example prints when its README is followed, in a folder like a checkout.

    The packages are not installed once more: `npm install` gets those that the tests have.
    """
    shutil.copytree(EXAMPLES / name, checkout / "examples" / name)
    (checkout / ".almoner").symlink_to(dev.environment["ALMONER_HOME"])
    readme = (EXAMPLES / name / "README.md").read_text("utf-8")
    (block,) = re.findall(r"^```sh\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    if "npm" in block:
        node_or_skip()
    path = f"{Path(sys.executable).parent}{os.pathsep}{dev.environment['PATH']}"
    done = subprocess.run(
        ["sh", "-eu", "-c", block.replace("npm install", f"ln -s '{NODE_MODULES}' node_modules")],
        cwd=checkout,
        env=dev.environment | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_told_of_its_change(name: str, dev: Running, tmp_path: Path) -> None:
    """Signed in by SRP it reads, subscribes, changes, prints the event of that change, and ends."""
    said = TOLD.findall(typed(dev, name, tmp_path))

    (application,) = [text.split()[0] for word, text in said if word == "read"]
    changes = [int(text) for word, text in said if word.startswith("changed")]
    (event,) = [json.loads(text) for word, text in said if word == "told"]
    assert event["id"] == application
    assert event["version"] in changes
    assert event["hardshipReason"].startswith("Fewer hours since ")


@pytest.mark.parametrize(
    "name", [name for name in NAMES if (EXAMPLES / name / "package.json").is_file()]
)
def test_an_example_asks_for_what_the_tests_have(name: str) -> None:
    """Its packages are pinned to the versions that it is run with."""
    wanted = json.loads((EXAMPLES / name / "package.json").read_text("utf-8"))
    installed = json.loads((EXAMPLES.parent / "tests/node/package.json").read_text("utf-8"))
    packages = wanted["dependencies"] | wanted.get("devDependencies", {})
    assert packages.items() <= installed["dependencies"].items()


def test_the_journey_goes_all_the_way(dev: Running, tmp_path: Path) -> None:
    """From the edge's redirect to a signed plan, over public APIs alone; the text is as hashed."""
    done = subprocess.run(
        [sys.executable, EXAMPLES / "journey.py"],
        cwd=tmp_path,
        env=dev.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    steps = [line.split(maxsplit=1) for line in done.stdout.splitlines() if line[:1].strip()]
    said = {step[0]: step[-1] for step in steps}
    assert list(dict.fromkeys(step[0] for step in steps)) == [
        *("edge", "sign-up", "application", "consent", "bank", "credit", "proposal"),
        *("document", "submitted", "counselor", "analysis", "plan", "agreement", "signed"),
    ]
    assert said["analysis"] == "PLAN_STANDARD"
    assert said["plan"] == "205.67 a month for 46 months"
    assert said["signed"] == "the plan is ACCEPTED, ENROLLED"
    agreement = (tmp_path / "agreement.html").read_text("utf-8")
    assert "Jordan Ames" in agreement
    assert "$205.67" in agreement


def test_every_client_has_its_example() -> None:
    """What `almoner amplify` writes for a client is what an example runs with."""
    assert NAMES == ["amplify", "apollo", "gql", "relay", "urql"]
