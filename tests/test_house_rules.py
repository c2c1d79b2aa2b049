"""The rules of this house that a linter does not know, held for every file of the tree."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = (
    "conformance",
    "domain",
    "edge_router",
    "gateway",
    "integrations",
    "resolvers",
    "schema",
    "tenants",
)
MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
BANNED_MODULES = {"utils", "util", "common", "core", "helpers", "services", "misc", "managers"}
BANNED_WORDS = re.compile(
    r"\b(tenant_id|org_id|counsellor|counselling|current_user)\b", re.IGNORECASE
)
MINIMUM_VERSIONS = {
    "pyjwt": (2, 15, 1),  # accepts what it should refuse below: see docs/security.md
    "starlette": (1, 0, 1),  # CVE-2026-48710
    "strawberry-graphql": (0, 315, 7),  # CVE-2026-35523, -45739, -47706, -47707
    "cryptography": (46, 0, 0),
    "h11": (0, 16, 0),  # CVE-2025-43859
    # What the extra `aws` and the tools bring:
    "aiohttp": (3, 13, 3),  # CVE-2025-69223 to -69230: bodies that take memory or time without end
    "h2": (4, 3, 0),  # CVE-2025-57804
    "pyyaml": (5, 4, 0),  # CVE-2020-14343
    "requests": (2, 32, 4),  # CVE-2024-47081
    "urllib3": (2, 6, 3),  # CVE-2025-66418, -66471, CVE-2026-21441: compressed answers
}

SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def functions_of(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def tracked_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout: which files are the project's is not known")
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_modules_are_small_and_say_what_they_are_for(path: Path) -> None:
    """A module has at most 400 lines, functions of at most 60, and begins with a docstring."""
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), "begins with no docstring"
    assert text.count("\n") <= MODULE_LINES_MAX
    long = {
        node.name: (node.end_lineno or 0) - node.lineno + 1
        for node in functions_of(path)
        if (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_LINES_MAX
    }
    assert not long


def test_no_module_is_a_drawer() -> None:
    """No module or package is called utils, common, core, helpers or services."""
    drawers = [
        relative(path)
        for path in SOURCES
        if path.stem in BANNED_MODULES or path.parent.name in BANNED_MODULES
    ]
    assert not drawers


def test_the_environment_is_read_in_one_place() -> None:
    """Only gateway/config.py reads the process's environment."""
    reading = re.compile(r"os\.environ|os\.getenv|\bgetenv\(|from os import .*environ")
    readers = [relative(path) for path in SOURCES if reading.search(path.read_text("utf-8"))]
    assert readers == ["gateway/config.py"]


def test_words_are_those_of_the_glossary() -> None:
    """One word per thing, in US spelling."""
    found = {
        relative(path): match.group()
        for path in [*SOURCES, *TESTS]
        if path != Path(__file__) and (match := BANNED_WORDS.search(path.read_text("utf-8")))
    }
    assert not found


def test_nothing_is_left_for_later() -> None:
    """No marker of unfinished work stands in the sources."""
    marker = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    left = [
        relative(p)
        for p in [*SOURCES, *TESTS]
        if p != Path(__file__)
        if marker.search(p.read_text("utf-8"))
    ]
    assert not left


def test_errors_are_never_bare() -> None:
    """Nothing raises Exception itself, and no test patches what it is about."""
    bare = re.compile(r"raise (Base)?Exception\b")
    patching = re.compile(r"mock\.patch|unittest\.mock|from unittest import mock|mocker")
    assert not [relative(path) for path in SOURCES if bare.search(path.read_text("utf-8"))]
    assert not [
        relative(path)
        for path in TESTS
        if path != Path(__file__) and patching.search(path.read_text("utf-8"))
    ]


def test_every_test_states_its_promise() -> None:
    """A test's docstring is the sentence that it proves."""
    silent = [
        f"{relative(path)}::{node.name}"
        for path in TESTS
        for node in functions_of(path)
        if node.name.startswith("test_") and not ast.get_docstring(node)
    ]
    assert not silent


def test_importing_opens_nothing() -> None:
    """Importing the gateway opens no socket, no database and no file for writing."""
    program = """
import sys
def watch(event, arguments):
    if event in {"socket.connect", "socket.bind", "sqlite3.connect", "subprocess.Popen"}:
        raise SystemExit(f"{event} at import")
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        raise SystemExit(f"opens {arguments[0]} at import")
sys.dont_write_bytecode = True
sys.addaudithook(watch)
import gateway.app, gateway.cli, gateway.serve, schema.build
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def locked_versions(lock: str) -> dict[str, tuple[int, ...]]:
    text = (ROOT / "requirements" / f"{lock}.txt").read_text("utf-8")
    return {
        name: tuple(int(part) for part in re.findall(r"\d+", version)[:3])
        for name, version in re.findall(r"^([a-z0-9-]+)==([0-9.]+)", text, re.MULTILINE)
    }


@pytest.mark.parametrize("lock", ["run", "dev", "ministack", "bench", "valkey"])
def test_locks_are_hashed_and_name_no_index(lock: str) -> None:
    """Every locked package has hashes, and no address of an index is in the lock."""
    text = (ROOT / "requirements" / f"{lock}.txt").read_text("utf-8")
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links", text)
    packages = re.split(r"^(?=[a-z0-9-]+==)", text, flags=re.MULTILINE)[1:]
    assert packages
    assert all("--hash=sha256:" in package for package in packages)


@pytest.mark.parametrize("lock", ["run", "dev", "ministack", "bench", "valkey"])
def test_locked_packages_are_past_their_known_holes(lock: str) -> None:
    """No locked version is one with a hole that matters here."""
    locked = locked_versions(lock)
    assert not {
        name: locked[name]
        for name, minimum in MINIMUM_VERSIONS.items()
        if name in locked and locked[name] < minimum
    }


def test_the_schema_package_is_ours() -> None:
    """`import schema` gives the project's package, and no distribution brings another."""
    import schema

    assert Path(schema.__file__ or "").parent == ROOT / "schema"
    assert "schema" not in locked_versions("dev")
    owners = metadata.packages_distributions().get("schema", [])
    assert set(owners) <= {"almoner"}


def test_no_machine_or_registry_is_named() -> None:
    """No tracked file names a registry's host or a path of somebody's machine."""
    named = re.compile(rb"pypi\.org|pythonhosted|registry\.npmjs|/root/|/home/[a-z]+/|/work/")
    here = Path(__file__)
    found = [
        relative(path)
        for path in tracked_files()
        if path != here and named.search(path.read_bytes())
    ]
    assert not found


def test_the_wheel_holds_every_package() -> None:
    """The packages that the wheel is built of are those of the tree."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert tuple(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) == PACKAGES
