"""Documents are judged by a process of its own, which may end at any time and is never left."""

import asyncio
import os
import pickle
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from graphql import GraphQLError, GraphQLSchema, Source, build_schema
from structlog.testing import capture_logs

from domain.errors import DocumentTooComplex
from gateway.config import Limits
from gateway.engine import judging_apart as apart_module
from gateway.engine.judging import Judge, Strictness, Verdict
from gateway.engine.judging_apart import JudgeApart, NoAnswer, judge_apart
from gateway.engine.validation import Checks
from gateway.errors import DocumentRefused
from schema.build import core_schema, create_schema
from tests.gateway.hostile_documents import hostile_documents
from tests.gateway.served import Served, end_hard, is_alive, make_home, served, wait_until_gone

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="there is such a process on Linux alone"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning"),
]
TEXTS = {
    **hostile_documents(),
    "a field": "{ me { kind } }",
    "two operations": "query A { me { kind } } mutation B { a: __typename }",
    "variables": 'query ($a: Int = 1 $b: [Int!]! = [1]) { node(id: "ü") { id @skip(if: $b) } }',
    "values": 'mutation { saveBudget(input: {a: [1.5, null, X], b: """ü\n"""}) { id } }',
    "half a character": '{ node(id: "\ud800") { id } }',
    "no document": "{ me {",
    "nothing": "",
    "too deep": "{ a { a { a { a { a { a { a { a { a { a { a { a { a } } } } } } } } } } } } } }",
    "types": "type A { b: Int }",
}


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return core_schema(create_schema())


@pytest.fixture
def judge(schema: GraphQLSchema) -> Judge:
    return Judge(schema, Strictness(Limits()))


@pytest.fixture
def apart(judge: Judge) -> Iterator[JudgeApart]:
    made = begun(judge)
    yield made
    made.close()


def begun(judge: Judge) -> JudgeApart:
    """Return a process that judges by a judge of this one."""
    apart = JudgeApart(lambda _: judge)
    apart.begin(Strictness(Limits()))
    return apart


def is_there(apart: JudgeApart) -> bool:
    """Say whether its process exists, be it as a zombie."""
    return Path(f"/proc/{apart.process_id}").exists()


def descriptors(process_id: str | int) -> list[Path]:
    return list(Path(f"/proc/{process_id}/fd").iterdir())


def outcome(verdict: Callable[[str], Verdict], text: str) -> object:
    """Return what is said of a text, whichever way, places of nodes included."""
    try:
        document, entries = verdict(text)
    except DocumentRefused as refused:
        return "refused", refused.entries
    except DocumentTooComplex as error:
        return "too complex", error.message
    return document, list(entries)


@pytest.mark.parametrize("name", TEXTS)
def test_it_says_what_a_judge_says(judge: Judge, apart: JudgeApart, name: str) -> None:
    """The same document with the same places, the same faults, the same refusals."""
    assert outcome(apart.verdict, TEXTS[name]) == outcome(judge.verdict, TEXTS[name])


def test_errors_of_its_documents_have_their_places(apart: JudgeApart) -> None:
    """What came over knows its text: an error of execution says where it is."""
    document, _ = apart.verdict("{\n  me { kind } }")
    error = GraphQLError("", [document.definitions[0].selection_set.selections[0]])  # type: ignore[attr-defined]

    assert [(place.line, place.column) for place in error.locations or ()] == [(2, 3)]
    assert isinstance(error.source, Source)


async def test_where_it_has_ended_documents_are_judged_all_the_same(
    schema: GraphQLSchema, apart: JudgeApart
) -> None:
    """Killed while it is idle it is collected and told of, and the worker judges by itself."""
    checks = Checks(schema, Limits(), apart=apart)
    await checks.check("{ me { kind } }")
    with capture_logs() as lines:
        end_hard(apart.process_id)
        assert await wait_until_gone([apart.process_id], 5)
        await asyncio.to_thread(apart._watch.join)

    assert apart.gone
    assert not is_there(apart), "it is collected"
    assert [line["status"] for line in lines] == [-signal.SIGKILL]
    assert (await checks.check("{ me { subject } }")).definitions
    with pytest.raises(DocumentRefused):
        await checks.check("{ unknown }")
    with pytest.raises(NoAnswer):
        apart.verdict("{ me { kind } }")
    checks.close()


async def test_a_document_that_it_ends_over_is_judged_by_the_worker(
    schema: GraphQLSchema, apart: JudgeApart
) -> None:
    """Whoever sent it gets its verdict, late."""
    checks = Checks(schema, Limits(), apart=apart)
    os.kill(apart.process_id, signal.SIGSTOP)
    waiting = asyncio.create_task(checks.check("{ me { kind } }"))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    end_hard(apart.process_id)

    assert (await waiting).definitions
    checks.close()


def test_one_that_does_not_answer_is_ended(judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not waited for without end, nor asked again."""
    monkeypatch.setattr(apart_module, "ANSWER_SECONDS_MAX", 0.05)
    apart = begun(judge)
    os.kill(apart.process_id, signal.SIGSTOP)
    with pytest.raises(NoAnswer):
        apart.verdict("{ me { kind } }")

    assert apart.gone
    assert not is_there(apart)
    apart.close()


def test_what_it_has_no_words_for_is_for_the_worker_to_judge() -> None:
    """A judge that fails ends nothing, and time is counted; nested documents are packed."""

    class Failing(Judge):
        def verdict(self, text: str) -> Verdict:
            if text == "fails":
                raise ZeroDivisionError
            return super().verdict(text)

    strictness = Strictness(Limits(depth=75))
    apart = begun(Failing(build_schema("type Query { a: Query }"), strictness))
    with pytest.raises(NoAnswer):
        apart.verdict("fails")
    used = apart.seconds
    nested = "{ " + "... on Query { " * 190 + "__typename" + " }" * 191
    assert apart.verdict(nested)[1] == []
    assert apart.seconds > used > 0
    assert apart.verdict("{ a { __typename } }")[1] == []
    apart.close()


def test_closing_it_leaves_nothing(judge: Judge) -> None:
    """No process, no zombie, no descriptor, no line in the log; and once more is no fault."""
    before = set(descriptors("self"))
    with capture_logs() as lines:
        apart = begun(judge)
        apart.close()
        apart.close()

    assert apart.gone
    assert not is_there(apart)
    assert set(descriptors("self")) == before
    assert not lines


def test_it_holds_nothing_of_the_workers(judge: Judge) -> None:
    """Ports, files and the supervisor's pipes are closed in it, and it is of lesser priority."""
    with socket.create_server(("127.0.0.1", 0)) as port:
        apart = begun(judge)
        apart.verdict("{ me { kind } }")
        targets = [str(one.readlink()) for one in descriptors(apart.process_id)]
        niceness = os.getpriority(os.PRIO_PROCESS, apart.process_id)
        apart.close()
        assert f"socket:[{os.fstat(port.fileno()).st_ino}]" not in targets

    assert len(targets) == 4
    assert targets.count(os.devnull) == 1
    assert niceness == min(19, os.nice(0) + apart_module.NICER_BY)


def test_it_rests_for_what_the_process_took(schema: GraphQLSchema, apart: JudgeApart) -> None:
    """Time spent elsewhere counts against the share of a processor, refused documents too."""
    checks = Checks(schema, Limits(), apart=apart)
    for text in (TEXTS["a field"], TEXTS["fields nobody knows"], TEXTS["no document"]):
        before, rested_at = apart.seconds, time.monotonic()
        with_faults = outcome(checks._in_turn, text)
        assert with_faults
        taken = apart.seconds - before
        assert taken > 0
        assert checks._rested_at >= rested_at + 4 * taken
    checks.close()


def test_nothing_but_documents_is_read() -> None:
    """What is unpacked names nodes of documents alone: nothing that would be called is found."""
    for harmful in (os.system, pickle.loads, print, Source, apart_module.judge_apart):
        with pytest.raises(pickle.UnpicklingError):
            apart_module._unpacked(pickle.dumps((harmful, [], None)), "")


async def test_a_process_of_several_threads_is_not_copied(judge: Judge) -> None:
    """What other threads hold would be held in the copy for good."""
    await asyncio.to_thread(lambda: None)
    assert judge_apart(lambda _: judge) is None


@pytest.mark.slow
def test_a_worker_and_its_judge_come_and_go_together(tmp_path: Path) -> None:
    """Each worker has one; without it documents are answered; killed or drained, none is left."""
    key = asyncio.run(make_home(tmp_path / "home"))
    with served(tmp_path / "home", tmp_path / "log") as running:
        worker, judge = _worker_and_judge(running)
        assert _answers(running, key, "a")
        end_hard(judge)
        assert asyncio.run(wait_until_gone([judge], 5))
        assert _is_collected(judge), "its worker leaves no zombie"
        assert _answers(running, key, "b")
        assert "documents are judged in the worker" in running.log.read_text()

        end_hard(worker)
        assert asyncio.run(wait_until_gone([worker], 5))
        worker, judge = _restarted(running, key)
        end_hard(worker)
        assert asyncio.run(wait_until_gone([worker, judge], 5)), "it ends with its worker"

        pair = _restarted(running, key)
        running.process.terminate()
        assert running.process.wait(timeout=20) == 0
        assert not any(is_alive(one) for one in pair)


def _restarted(running: Served, key: str) -> tuple[int, int]:
    """Return both once they are there anew and a request has been answered."""
    ends = time.monotonic() + 30
    while True:
        try:
            assert _answers(running, key, "c")
            return _worker_and_judge(running)
        except httpx.TransportError:
            assert time.monotonic() < ends
            time.sleep(0.1)


def _is_collected(process_id: int) -> bool:
    """Say whether nothing is left of a process, not even its status, within five seconds."""
    ends = time.monotonic() + 5
    while (left := Path(f"/proc/{process_id}").exists()) and time.monotonic() < ends:
        time.sleep(0.02)
    return not left


def _worker_and_judge(running: Served) -> tuple[int, int]:
    (worker,) = running.workers()
    (judge,) = Path(f"/proc/{worker}/task/{worker}/children").read_text().split()
    return worker, int(judge)


def _answers(running: Served, key: str, alias: str) -> bool:
    query = f"{{ {alias}: agency {{ slug }} }}"
    answer = httpx.post(f"{running.url}/graphql", json={"query": query}, headers={"x-api-key": key})
    return bool(answer.json() == {"data": {alias: {"slug": "harbor"}}})
