#!/bin/sh
# Runs ministack, a local stand-in of AWS, on loopback until it is stopped. $1: port (4566).
# For tests and trying out alone: whatever it is given is forgotten, and nothing in it is protected.
set -eu
cd "$(dirname "$0")/.."
[ -x .venv/ministack/bin/python ] || {
    echo "almoner: ministack is not installed here; \`make test\` installs it outside of CI" >&2
    exit 1
}
export BIND_HOST=127.0.0.1 GATEWAY_PORT="${1:-4566}" PERSIST_STATE=0 LOG_LEVEL=WARNING
exec .venv/ministack/bin/python -m ministack
