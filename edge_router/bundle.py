"""The package for Lambda@Edge: the handler, what it imports of this project, and its table.

What goes in is found by following imports from the handler, so that nothing is forgotten and
nothing comes along: the package has no dependency, and has to stay below 1 MB.
"""

import ast
import importlib.util
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

from domain.errors import FieldFault, InvalidInput
from edge_router.viewer_request import TABLE_FILE

HANDLER = "edge_router.viewer_request"
BUNDLE_BYTES_MAX = 1_000_000
_OURS = ("domain", "edge_router")
_WHEN = (1980, 1, 1, 0, 0, 0)  # the same sources and table make the same package, byte for byte


def write_bundle(path: Path, table: bytes) -> int:
    """Write the package with this table, which the caller has verified; return its size.

    Raises InvalidInput where it would be more than CloudFront takes.
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, source in sorted(bundled_sources().items()):
            _add(archive, name, source)
        _add(archive, TABLE_FILE, table)
    size = packed.getbuffer().nbytes
    if size > BUNDLE_BYTES_MAX:
        message = f"The package has {size} bytes, and CloudFront takes {BUNDLE_BYTES_MAX}."
        raise InvalidInput([FieldFault(path="bundle", code="TOO_LARGE", message=message)])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(packed.getvalue())
    return size


def bundled_sources() -> dict[str, bytes]:
    """Return the sources that the handler needs, by their path in the package."""
    found: dict[str, bytes] = {}
    waiting = [HANDLER]
    while waiting:
        module = waiting.pop()
        spec = importlib.util.find_spec(module)
        assert spec is not None, module
        assert spec.origin is not None, module
        origin = Path(spec.origin)
        name = f"{module.replace('.', '/')}{'/__init__' if origin.stem == '__init__' else ''}.py"
        if name not in found:
            found[name] = origin.read_bytes()
            waiting += [*_imported(found[name]), *_above(module)]
    return found


def _imported(source: bytes) -> Iterator[str]:
    """Return the modules of ours that a source imports; house style names modules, not packages."""
    for node in ast.walk(ast.parse(source)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        yield from (name for name in names if name.split(".")[0] in _OURS)


def _above(module: str) -> list[str]:
    package = module.rpartition(".")[0]
    return [package] if package else []


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, date_time=_WHEN)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16  # Lambda's own user has to read it
    archive.writestr(entry, content)
