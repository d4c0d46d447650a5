#!/usr/bin/env bash
# clang-tidy on every source of the product. Usage: tests/check/tidy.sh BUILD_FOLDER (with compile_commands.json)
set -euo pipefail
build=${1:?usage: tests/check/tidy.sh BUILD_FOLDER}
cd "$(dirname "$0")/../.."
mapfile -t product < <(git ls-files --cached --others --exclude-standard '*.c' | grep -Ev '^tests/')

echo "    clang-tidy: ${#product[@]} sources"
printf '%s\n' "${product[@]}" | xargs -d '\n' -n 1 -P "$(nproc)" clang-tidy --quiet -p "$build" --extra-arg=-Wno-unknown-warning-option --warnings-as-errors='*' 2>&1 |
    grep -vE '^[0-9]+ warnings? generated|^Suppressed|^Use -header-filter' || test "${PIPESTATUS[1]}" -eq 0
