#!/bin/sh
# Installs Amplify's simulator of AppSync beside the virtual environment, once, and runs it on loopback:
# sh scripts/appsync_simulator.sh PORT KEY
set -eu
from=tests/conformance/simulator
to=.venv/appsync_simulator
[ $# -eq 2 ] || { echo "almoner: sh scripts/appsync_simulator.sh PORT KEY" >&2; exit 2; }
command -v node >/dev/null 2>&1 || { echo "almoner: the simulator needs Node.js and npm" >&2; exit 1; }
if ! cmp -s "$from/package-lock.json" "$to/package-lock.json" || [ ! -f "$to/.installed" ]; then
    echo "almoner: installing Amplify's simulator into $to (300 MB, a minute)" >&2
    mkdir -p "$to"
    cp "$from/.npmrc" "$from/package.json" "$from/package-lock.json" "$to/"
    npm ci --prefix "$to" --ignore-scripts --no-audit --no-fund --loglevel=error >&2
    touch "$to/.installed"
fi
NODE_PATH="$(cd "$to" && pwd)/node_modules" exec node "$from/simulator.mjs" "$1" "$2"
