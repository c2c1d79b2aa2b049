"""Judges documents in a process of its own, so that the event loop shares no interpreter with it.

A thread that judges holds the interpreter for a switch interval whenever the loop lets go of it,
and for as long as the system lets it wait where it is interrupted meanwhile: milliseconds on a busy
machine. A process of lesser priority does neither. It is a copy of the worker, made before there
are threads, connections or open stores. It ends with its worker, and where it ends before,
documents are judged in the worker's thread.
"""

import gc
import io
import os
import pickle  # nosec B403 -- see _Unpickler
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

import structlog
from graphql import DocumentNode, Location, Source
from graphql.language import ast

from domain.errors import DocumentTooComplex
from gateway.engine.judging import Judge, LinedSource, Strictness, Verdict, collected_young
from gateway.errors import DocumentRefused, Entry
from gateway.parents import die_with_parent

NICER_BY = 10
ANSWER_SECONDS_MAX = 5.0
FRAMES_MAX = 5_000  # of packing a document as nested as any that can be judged
_LENGTH = struct.Struct("!I")
_USED = struct.Struct("!d")

MakeJudge = Callable[[Strictness], Judge]
"""Makes a judge, in the process that it judges in."""
_Answer = tuple[DocumentNode | None, list[Entry], str | None]
"""A document and its faults, or why it is too complex."""


class NoAnswer(Exception):
    """The process has not judged the document: it is gone, or had no words for it."""


class JudgeApart:
    """A process that judges documents for one thread of this one. Build with `judge_apart`."""

    def __init__(self, make: MakeJudge) -> None:
        ours, theirs = socket.socketpair()
        parent = os.getpid()
        self.process_id = os.fork()
        if self.process_id == 0:
            _serve(make, theirs, parent)
        theirs.close()
        ours.settimeout(ANSWER_SECONDS_MAX)
        self._connection = ours
        self._lock = threading.Lock()
        self._gone = self._closed = False
        self.seconds = 0.0  # of a processor that it has used so far
        self._watch = threading.Thread(target=self._wait, name="judge watch", daemon=True)
        self._watch.start()

    def begin(self, strictness: Strictness) -> None:
        """Tell it what to go by, before anything else."""
        with suppress(OSError):  # where it is gone already, that is found when it is asked
            _send(self._connection, pickle.dumps(strictness))

    @property
    def gone(self) -> bool:
        """Say whether there is no process any more."""
        return self._gone

    def verdict(self, text: str) -> Verdict:
        """Return the document and its faults.

        Raises what a judge raises, and NoAnswer.
        """
        try:
            _send(self._connection, text.encode("utf-8", "surrogatepass"))
            told = _receive(self._connection)
        except OSError as error:  # one that does not answer is of no more use
            self._end()
            raise NoAnswer from error
        if told is None:
            raise NoAnswer
        (self.seconds,) = _USED.unpack_from(told)
        if len(told) == _USED.size:
            raise NoAnswer
        document, entries, too_complex = _unpacked(told[_USED.size :], text)
        if too_complex is not None:
            raise DocumentTooComplex(too_complex)
        if document is None:
            raise DocumentRefused(entries)
        return document, entries

    def close(self) -> None:
        """End the process and wait until it has ended."""
        self._closed = True
        self._end()
        self._connection.close()

    def _end(self) -> None:
        with self._lock:
            if not self._gone:
                os.kill(self.process_id, signal.SIGKILL)
        self._watch.join()

    def _wait(self) -> None:
        """Collect the process when it ends, whoever ended it."""
        # Its number is not given to another process before it is collected.
        os.waitid(os.P_PID, self.process_id, os.WEXITED | os.WNOWAIT)
        with self._lock:
            _, status = os.waitpid(self.process_id, 0)
            self._gone = True
            if not self._closed:
                structlog.get_logger("almoner").error(
                    "documents are judged in the worker",
                    reason="the process that judged them has ended",
                    status=os.waitstatus_to_exitcode(status),
                )


def judge_apart(make: MakeJudge) -> JudgeApart | None:
    """Return a process that judges, once it is told to begin; None where none can be had.

    Call it while this process has one thread: what others hold would be held in the copy for good.
    """
    if sys.platform != "linux" or threading.active_count() > 1:
        return None
    try:
        return JudgeApart(make)
    except OSError:
        return None


def _serve(make: MakeJudge, connection: socket.socket, parent: int) -> NoReturn:
    """Judge until the worker is gone; whatever happens, never return to what the worker does."""
    try:
        # The worker ends it, by the socket, and the kernel where that is not read any more.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        die_with_parent(signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(0)
        _let_go(connection.fileno())
        os.nice(NICER_BY)
        sys.setrecursionlimit(FRAMES_MAX)
        gc.freeze()  # what it is a copy of is never garbage, and its pages stay the worker's own
        _judge_on(make, connection)
    finally:
        os._exit(0)


def _judge_on(make: MakeJudge, connection: socket.socket) -> None:
    told = _receive(connection)
    if told is None:
        return
    judge = make(pickle.loads(told))  # noqa: S301 # nosec B301 -- our own worker's
    while (text := _receive(connection)) is not None:
        with collected_young():
            answer = _judged(judge, text.decode("utf-8", "surrogatepass"))
            _send(connection, _USED.pack(time.process_time()) + answer)


def _let_go(kept: int) -> None:
    """Close all that is the worker's: its port, its supervisor's pipes."""
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.closerange(3, kept)
    os.closerange(kept + 1, os.sysconf("SC_OPEN_MAX"))


def _judged(judge: Judge, text: str) -> bytes:
    """Return the answer as it is sent; nothing where the worker has to see for itself."""
    answer: _Answer
    try:
        document, faults = judge.verdict(text)
        answer = document, list(faults), None
    except DocumentRefused as refused:
        answer = None, list(refused.entries), None
    except DocumentTooComplex as error:
        answer = None, [], error.message
    except Exception:  # noqa: BLE001 - the worker will meet it, mask it and log it
        return b""
    packed = io.BytesIO()
    try:
        _Pickler(packed, protocol=pickle.HIGHEST_PROTOCOL).dump(answer)
    except RecursionError:
        return b""
    return packed.getvalue()


class _Pickler(pickle.Pickler):
    """Leaves out of a document its text, which the other side has, and the lexer's tokens."""

    def reducer_override(self, value: object) -> Any:
        if type(value) is Location:
            return _located, (value.start, value.end, value.source)
        if type(value) is LinedSource:
            return _this_source, ()
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    """Reads what a copy of this process has packed, and makes nothing but nodes of documents."""

    def __init__(self, packed: bytes, text: str) -> None:
        super().__init__(io.BytesIO(packed))
        source = LinedSource(text)
        self._known: dict[str, Callable[..., object]] = {
            _this_source.__name__: lambda: source,
            _located.__name__: _located,
        }

    def find_class(self, module: str, name: str) -> Any:
        if module == __name__ and name in self._known:
            return self._known[name]
        found = getattr(ast, name, None)
        if module == ast.__name__ and isinstance(found, type):
            return found
        raise pickle.UnpicklingError(f"{module}.{name}")


def _located(start: int, end: int, source: Source) -> Location:
    location = Location.__new__(Location)
    location.start, location.end, location.source = start, end, source
    return location


def _this_source() -> Source:
    raise NotImplementedError  # the text stays where it is: this stands for it


def _unpacked(packed: bytes, text: str) -> _Answer:
    answer: _Answer = _Unpickler(packed, text).load()
    return answer


def _send(connection: socket.socket, message: bytes) -> None:
    connection.sendall(_LENGTH.pack(len(message)) + message)


def _receive(connection: socket.socket) -> bytes | None:
    """Return one message, None where the other side is gone."""
    head = _exactly(connection, _LENGTH.size)
    return None if head is None else _exactly(connection, _LENGTH.unpack(head)[0])


def _exactly(connection: socket.socket, count: int) -> bytes | None:
    received = bytearray()
    while len(received) < count:
        part = connection.recv(count - len(received))
        if not part:
            return None
        received += part
    return bytes(received)
