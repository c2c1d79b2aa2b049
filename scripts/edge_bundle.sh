#!/bin/sh
# make edge: compiles the directory in ALMONER_HOME into a signed table, and packs it with the edge
# router into build/edge.zip. Arguments go to `almoner edge compile`, --allow-shrink for one.
set -eu
cd "$(dirname "$0")/.."
almoner=.venv/bin/almoner
if [ -z "${ALMONER_HOME:-}" ] && [ ! -f .almoner/directory.db ]; then
    echo "almoner: no ALMONER_HOME and no demo yet: the package is of a sample agency" >&2
    export ALMONER_HOME="$PWD/build/edge-sample"
    [ -f "$ALMONER_HOME/directory.db" ] || "$almoner" agency add harbor \
        --name "Harbor Credit Counseling" --state MI --state OH --state IN \
        --website http://harbor.localhost:8000 --reason "make edge" > /dev/null
fi
"$almoner" edge compile --out build/edge.json --reason "make edge" "$@"
"$almoner" edge bundle build/edge.json --out build/edge.zip --reason "make edge"
