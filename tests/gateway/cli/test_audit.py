"""`almoner audit`: what each command prints, and that what it writes can be checked elsewhere."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from domain.agencies import Agency
from gateway.workspace import open_workspace
from tenants.backend import Put, Unit
from tenants.ledger.records import Bundle, bundle_key, read
from tests.gateway.cli.command import almoner, made
from tests.tenants.ledger.ledger_samples import CONSUMER, a_line
from tests.tenants.stores import AT

WHY = ("--reason", "looking")
ROOT = Path(__file__).parents[3]
OTHER = "con_01KF0RDQG00000000000000002"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home whose agency's ledger holds lines about two consumers."""
    place = made(tmp_path / "home")

    async def work() -> None:
        async with open_workspace(place) as workspace:
            agency = await harbor(workspace.directory)
            async with workspace.registry.lease(agency) as store:
                await store.record_audit(
                    *(a_line(number, (CONSUMER,)) for number in range(70)),
                    *(a_line(number, (OTHER, CONSUMER)[: number % 2 + 1]) for number in (70, 71)),
                )
                store.record_reads(a_line(72))

    asyncio.run(work())
    return place


async def harbor(directory: object) -> Agency:
    found: Agency = (await directory.agencies())[0]  # type: ignore[attr-defined]  # a directory
    return found


def tamper(home: Path) -> None:
    """Change one line behind the ledger's back, as somebody with the file's key can."""

    async def work() -> None:
        async with open_workspace(home) as workspace:
            agency = await harbor(workspace.directory)
            async with workspace.registry.lease(agency) as store:
                backend = store._backend
                row = await backend.get(bundle_key(0))
                assert row is not None
                lines = list(read(Bundle, row).lines)
                lines[3] = lines[3].replace("applications", "application")
                body = msgspec.json.encode(Bundle(lines=tuple(lines)))
                put = Put(key=row.key, expected=row.version, body=body)
                await backend.commit(Unit(operations=(put,)), at=AT)

    asyncio.run(work())


def checked(proof: Path, *key: str) -> subprocess.CompletedProcess[str]:
    """Run the verifier that stands alone, outside of the project's folder."""
    return subprocess.run(
        [sys.executable, "-I", str(ROOT / "examples" / "verify_audit.py"), str(proof), *key],
        cwd=proof.parent,
        capture_output=True,
        text=True,
        check=False,
    )


def test_commands_are_themselves_in_the_ledger(home: Path) -> None:
    """Every line that was committed is there, and the command's own line is the last."""
    done = almoner(home, "audit", "tail", "harbor", "-n", "100", "--json", "--reason", "looking")
    lines = [json.loads(line) for line in done.output.splitlines()]
    read = [line for line in lines if line["action"] == "applications"]
    assert [line["requestId"] for line in read] == [f"req-{number}" for number in range(73)]
    assert lines[-1]["action"] == "cli:audit tail"
    assert lines[-1]["purpose"] == "looking"
    text = almoner(home, "audit", "tail", "harbor", "-n", "2", *WHY).output.splitlines()
    assert len(text) == 2
    assert any("cli:audit tail" in line for line in text)  # beside the keys' own line


def test_tail_follows(home: Path) -> None:
    """With -f the lines that other processes write are printed as they come."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from gateway.cli import main; main()",
            "audit",
            "tail",
            "harbor",
            "-f",
            *WHY,
        ],
        env={**os.environ, "ALMONER_HOME": str(home)},
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        while "cli:audit tail" not in process.stdout.readline():
            assert process.poll() is None
        almoner(home, "audit", "checkpoint", "harbor")
        while "cli:audit checkpoint" not in process.stdout.readline():
            assert process.poll() is None
    finally:
        process.kill()
        process.communicate()


def test_verify_says_what_was_compared_and_what_was_found(home: Path, tmp_path: Path) -> None:
    """An honest ledger passes with status 0; a changed line is named with status 1."""
    kept = tmp_path / "harbor.checkpoint"
    assert almoner(home, "audit", "checkpoint", "harbor", "--out", str(kept)).status == 0
    done = almoner(home, "audit", "verify", "harbor", "--checkpoint", str(kept), "--json")
    verdict = json.loads(done.output)
    assert (done.status, verdict["ok"], verdict["waiting"]) == (0, True, 0)
    assert verdict["comparedCheckpoints"] >= 2
    assert "none removed" in almoner(home, "audit", "verify", "harbor").output

    tamper(home)
    done = almoner(home, "audit", "verify", "harbor", "--json")
    finding = json.loads(done.output)["finding"]
    assert done.status == 1
    assert (finding["fault"], finding["index"]) == ("CHANGED", 3)
    done = almoner(home, "audit", "verify", "harbor")
    assert done.status == 1
    assert done.output.startswith("CHANGED: Line 3 was changed.")
    assert finding["lineId"] in done.output


def test_a_row_that_cannot_be_read_is_a_finding_and_stops_no_command(
    home: Path, tmp_path: Path
) -> None:
    """`verify` names it with status 1; the other commands, and `doctor`, work as before."""

    async def leave() -> None:
        async with open_workspace(home) as workspace:
            agency = await harbor(workspace.directory)
            async with workspace.registry.lease(agency) as store:
                bad = ("01ZZZ", b"\xff\xfe\x80")
                await store._backend.commit(Unit(audit=bad), at=AT)

    asyncio.run(leave())
    done = almoner(home, "audit", "verify", "harbor", "--json")
    verdict = json.loads(done.output)
    assert (done.status, verdict["ok"]) == (1, False)
    assert (verdict["finding"]["fault"], verdict["finding"]["lineId"]) == ("SET_ASIDE", "01ZZZ")
    assert len(verdict["setAside"]) == 1
    assert almoner(home, "audit", "verify", "harbor").output.startswith("SET_ASIDE: ")
    assert "cli:audit tail" in almoner(home, "audit", "tail", "harbor", *WHY).output
    proof = tmp_path / "proof.json"
    done = almoner(home, "audit", "prove", "harbor", CONSUMER, "--out", str(proof), *WHY)
    assert done.status == 0
    assert "harbor: store" in almoner(home, "doctor").output


def test_a_proof_of_a_forged_line_is_not_written(home: Path, tmp_path: Path) -> None:
    """A line that does not lead to the signed checkpoint is never handed to anybody as proved."""
    tamper(home)
    proof = tmp_path / "proof.json"
    done = almoner(home, "audit", "prove", "harbor", CONSUMER, "--out", str(proof), *WHY)
    assert done.status == 1
    assert "not as it was last signed" in done.output
    assert not proof.exists()


def test_a_proof_is_checked_without_us(home: Path, tmp_path: Path) -> None:
    """A consumer's file holds every line about them and checks; any change to it shows."""
    proof = tmp_path / "proof.json"
    done = almoner(home, "audit", "prove", "harbor", CONSUMER, "--out", str(proof), "--json", *WHY)
    assert json.loads(done.output)["lines"] == 72  # 71 reads, and this command
    assert proof.stat().st_mode & 0o077 == 0
    key = almoner(home, "audit", "checkpoint", "harbor", "--key").output.strip()
    for arguments in ((), (key,)):
        result = checked(proof, *arguments)
        assert result.returncode == 0, result.stderr
        assert "72 lines are in the log" in result.stdout

    content = json.loads(proof.read_text("utf-8"))
    first = content["lines"][0]
    spoiled = [
        {**content, "lines": [{**first, "text": first["text"].replace("Cora", "Dora")}]},
        {**content, "lines": [{**first, "index": first["index"] + 1}]},
        {**content, "lines": [{**first, "proof": first["proof"][:-1]}]},
        {**content, "consumer": OTHER},
        {**content, "consumer": CONSUMER[:-1]},
        {**content, "consumer": "203.0.113.7"},
        {**content, "lines": [first, first]},
        {**content, "lines": content["lines"][1::-1]},
        {**content, "lines": [{**first, "index": first["index"] - content["lines"][-1]["index"]}]},
        {**content, "checkpoint": content["checkpoint"].replace("\n7", "\n8", 1)},
    ]
    for number, one in enumerate(spoiled):
        path = tmp_path / f"spoiled-{number}.json"
        path.write_text(json.dumps(one), encoding="utf-8")
        result = checked(path)
        assert result.returncode == 1
        assert "NOT GENUINE" in result.stderr
    assert "NOT GENUINE" in checked(proof, key[:-4] + "AAA=").stderr


def test_the_stand_alone_verifier_is_short_and_knows_nothing_of_us() -> None:
    """It is read in one sitting: 60 lines, and nothing of the project is imported."""
    text = (ROOT / "examples" / "verify_audit.py").read_text("utf-8")
    assert text.count("\n") <= 60
    for package in ("domain", "tenants", "gateway"):
        assert f"from {package}" not in text
        assert f"import {package}" not in text


def test_an_export_can_be_recomputed(home: Path, tmp_path: Path) -> None:
    """The exported texts hash to the root that the exported checkpoint signs."""
    from domain.merkle import CompactRange, leaf_hash
    from tenants.ledger.signed_notes import VerifierKey, open_checkpoint

    out = tmp_path / "export.jsonl"
    assert almoner(home, "audit", "export", "harbor", "--out", str(out), *WHY).status == 0
    first, *lines = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    tree = CompactRange(first["pruned"], first["prunedHashes"])
    for line in lines:
        assert line["index"] == tree.size
        tree.append(leaf_hash(line["text"].encode()))
    key = VerifierKey.parse(first["key"])
    checkpoint = open_checkpoint(first["checkpoint"], key, origin=key.name)
    assert (checkpoint.size, checkpoint.root) == (tree.size, tree.root())
    assert out.stat().st_mode & 0o077 == 0


def test_a_consumer_is_named_by_their_id(home: Path, tmp_path: Path) -> None:
    """What is no consumer's id is refused before anything is written."""
    out = tmp_path / "proof.json"
    done = almoner(home, "audit", "prove", "harbor", "Jane", "--out", str(out))
    assert done.status == 2
    assert not out.exists()
