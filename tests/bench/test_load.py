"""The load generators, against servers of a few lines that speak plain sockets."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from bench import load, open_loop
from bench.wire import AnswerDiffers, ask_once, is_whole, request_bytes

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
WHOLE = HEAD + b"content-length: 11\r\n\r\n" + b'{"data": 1}'
OTHER = HEAD + b"content-length: 11\r\n\r\n" + b'{"data": 2}'
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b'6\r\n{"data\r\n5\r\n": 1}\r\n0\r\n\r\n'

Answers = Callable[[int], bytes | None]


@contextmanager
def served(answers: Answers) -> Iterator[int]:
    """Run a server on a port that gives the n-th answer of a connection; None: closes it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, answers), daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, answers: Answers) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_answer, args=(connection, answers), daemon=True).start()


def _answer(connection: socket.socket, answers: Answers) -> None:
    with connection:
        for number in range(1_000_000):
            answer = answers(number) if connection.recv(65_536) else None
            if answer is None:
                return
            connection.sendall(answer)


def request(port: int) -> bytes:
    return request_bytes(port, "/graphql", {}, b"{}")


@pytest.mark.parametrize("answer", [WHOLE, CHUNKED], ids=["by length", "in chunks"])
def test_an_answer_is_read_to_its_end(answer: bytes) -> None:
    """The body is the same however the server frames it."""
    with served(lambda _: answer) as port:
        found = ask_once(port, request(port))

    assert (found.status, found.body) == (200, b'{"data": 1}')
    assert answer.endswith(found.tail)


def test_an_answer_in_pieces_is_whole_with_the_last_one() -> None:
    """Half an answer is not taken for one, and another one is not taken for it."""
    tail = b'{"data": 1}'

    assert not is_whole(WHOLE[:-1], tail)
    assert is_whole(WHOLE, tail)
    with pytest.raises(AnswerDiffers):
        is_whole(b"HTTP/1.1 500 Internal Server Error\r\n\r\n", tail)
    with pytest.raises(AnswerDiffers):
        is_whole(HEAD + b"x" * 20_000, tail)
    with pytest.raises(ConnectionError):
        is_whole(b"", tail)


def closed_loop(port: int) -> load.Job:
    return load.Job(
        port=port,
        request=load.packed(request(port)),
        pids=[],
        connections=4,
        warm_up_seconds=0.02,
        seconds=0.1,
    )


def flow(port: int) -> open_loop.Job:
    return open_loop.Job(
        port=port,
        request=load.packed(request(port)),
        pids=[],
        connections=20,
        rate=400,
        warm_up_seconds=0.05,
        seconds=0.25,
    )


def test_a_closed_loop_asks_again_once_answered() -> None:
    """Every answer is counted, with how long it took."""
    with served(lambda _: WHOLE) as port:
        window = load.run(closed_loop(port))

    assert window.per_second > 100
    assert 0 < window.p50_ms <= window.p99_ms


def test_a_closed_loop_ends_where_the_server_fails() -> None:
    """A server that refuses, or goes away, is not measured on."""
    with (
        served(lambda number: WHOLE if number < 3 else b"HTTP/1.1 503 Busy\r\n\r\n") as port,
        pytest.raises(AnswerDiffers),
    ):
        load.run(closed_loop(port))
    with (
        served(lambda number: WHOLE if number < 3 else None) as port,
        pytest.raises(ConnectionError),
    ):
        load.run(closed_loop(port))


def test_an_open_loop_asks_at_its_own_rate() -> None:
    """About as many requests are sent as the rate says, and all are answered."""
    with served(lambda _: WHOLE) as port:
        came = open_loop.run(flow(port))

    assert 60 <= came.asked <= 140
    assert came.failed == 0
    assert 0 < came.p50_ms <= came.p99_ms <= came.max_ms


def test_an_open_loop_counts_what_is_lost() -> None:
    """Connections that the server closes are failures, and so is what was never answered."""
    with served(lambda number: WHOLE if number < 2 else None) as port:
        came = open_loop.run(flow(port))

    assert came.failed >= 20
