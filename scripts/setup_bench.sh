#!/bin/sh
# Installs what Almoner is measured beside: Python servers into .venv/bench, Node servers into
# .venv/bench/node, by the hashes of their locks. What cannot be had is said, and its rows of the
# table say it too.
set -eu
cd "$(dirname "$0")/.."
python="${PYTHON:-python3}"
bench=.venv/bench
# Up to date is whatever was installed after the last change of a lock.
newer() { [ -f "$1" ] && [ -z "$(find "$2" -newer "$1")" ]; }

if ! newer "$bench/.python" requirements/bench.txt; then
    echo "almoner: installing what requirements/bench.txt locks into $bench" >&2
    [ -x "$bench/bin/python" ] || "$python" -m venv "$bench" >/dev/null 2>&1 || true
    if "$bench/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes \
        --no-deps --requirement requirements/bench.txt; then
        touch "$bench/.python"
    else
        rm -rf "$bench"
        echo "almoner: the Python peers cannot be had: their rows will say so" >&2
    fi
fi
if ! command -v node >/dev/null 2>&1 || ! command -v npm >/dev/null 2>&1; then
    echo "almoner: no node or no npm here: the rows of the Node peers will say so" >&2
elif ! newer "$bench/node/.installed" bench/node/package-lock.json; then
    echo "almoner: installing what bench/node/package-lock.json locks into $bench/node" >&2
    mkdir -p "$bench/node"
    cp bench/node/.npmrc bench/node/package.json bench/node/package-lock.json "$bench/node/"
    # Scripts of packages stay unrun: none of these needs its own.
    if npm ci --prefix "$bench/node" --ignore-scripts --no-audit --no-fund --loglevel=error >&2; then
        touch "$bench/node/.installed"
    else
        rm -rf "$bench/node"
        echo "almoner: the Node peers cannot be had: their rows will say so" >&2
    fi
fi
