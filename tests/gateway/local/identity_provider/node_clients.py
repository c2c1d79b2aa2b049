"""Runs the stock Node clients of Cognito in a process of their own, one call at a time."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.node.packages import NODE_MODULES, node_or_skip

SCRIPTS = Path(__file__).parent / "node"


class Refused(Exception):
    """What the client was told, or told by itself. `name` is the error's, as clients see it."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name


@dataclass(slots=True)
class NodeClient:
    """A running client."""

    process: "subprocess.Popen[str]"

    def __call__(self, name: str, *args: Any) -> Any:
        """Return what one of the client's functions resolves to; raises Refused."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"name": name, "args": args}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise Refused(answer["error"]["name"], answer["error"]["message"])
        return answer["result"]


@contextmanager
def node_client(script: str, *arguments: str) -> Iterator[NodeClient]:
    """Run a script under `node/`; skips where there is no Node, or its packages are not."""
    node = node_or_skip()
    process = subprocess.Popen(
        [node, str(SCRIPTS / script), *arguments],
        env=os.environ | {"NODE_PATH": str(NODE_MODULES)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield NodeClient(process)
    finally:
        process.kill()
        process.communicate()
