#!/bin/sh
# Fetches the official AMP validator for offline use: DIR (default tests/amp/.cache, or
# $EVERMAIL_AMP_VALIDATOR) then holds validator_wasm.js and the npm package amphtml-validator.
#
# The package alone downloads its rules from a CDN at run time. The same rules are shipped, compiled,
# inside the npm package `next`: that one file is taken out of its archive and nothing else of it is kept.
set -eu

NEXT_VERSION=15.5.29
VALIDATOR_VERSION=1.0.38
dir=${1:-${EVERMAIL_AMP_VALIDATOR:-$(dirname "$0")/.cache}}
rules=package/dist/compiled/amphtml-validator/validator_wasm.js

command -v npm >/dev/null || { echo "npm is not installed: the AMP validator runs on Node 18 or later" >&2; exit 1; }
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
if [ -s "$dir/validator_wasm.js" ] && [ -d "$dir/node_modules/amphtml-validator" ]; then
    echo "AMP validator is in $dir"
    exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
echo "Fetching the rules of the AMP validator (next@$NEXT_VERSION, 31 MB, kept: 4 MB)"
(cd "$work" && npm pack --silent "next@$NEXT_VERSION" >/dev/null && tar -xzf "next-$NEXT_VERSION.tgz" "$rules")
npm install --silent --no-audit --no-fund --no-save --prefix "$dir" "amphtml-validator@$VALIDATOR_VERSION"
mv "$work/$rules" "$dir/validator_wasm.js"  # last: its presence says that the rest is complete
echo "AMP validator is in $dir"
