"""What every Python server of the bench is started with, and how uvicorn runs all of them alike."""

import sys
from pathlib import Path
from typing import Any

import uvicorn

from bench.synthetic.data import Application, read_applications

KEEP_ALIVE_SECONDS = 75


def port_given() -> int:
    """Return the port, which is the first argument."""
    return int(sys.argv[1])


def applications_given() -> list[Application]:
    """Return the applications out of the file that is the second argument."""
    return read_applications(data_file_given())


def data_file_given() -> Path:
    """Return the file of the data, which is the second argument."""
    return Path(sys.argv[2])


def serve(app: Any) -> None:
    """Serve an ASGI application on one worker, as fast as uvicorn can."""
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port_given(),
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="warning",
        backlog=2048,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
