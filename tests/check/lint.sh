#!/usr/bin/env bash
# Formatting, static analysis, shell scripts and manual pages. Usage: tests/check/lint.sh [BUILD_FOLDER]
# clang-tidy takes minutes, and needs the folder's compile_commands.json: without a folder, all but that.
set -euo pipefail
build=${1:-}
cd "$(dirname "$0")/../.."
mapfile -t sources < <(git ls-files --cached --others --exclude-standard '*.c' '*.h')
mapfile -t product < <(git ls-files --cached --others --exclude-standard '*.c' | grep -Ev '^tests/')

echo "    clang-format: ${#sources[@]} files"
clang-format --dry-run --Werror "${sources[@]}" ||
    { echo "run: clang-format -i \$(git ls-files '*.c' '*.h')" >&2; exit 1; }

echo "    shellcheck"
mapfile -t shells < <(git ls-files --cached --others --exclude-standard | xargs -d '\n' grep -lE '^#!.*\b(ba)?sh$|shellcheck shell' 2>/dev/null || true)
shellcheck -x "${shells[@]}"

echo "    mandoc"
mandoc -T lint -W warning docs/man/*.[1-8]

echo "    cppcheck: ${#product[@]} sources"
cppcheck --quiet --error-exitcode=1 --std=c11 --inline-suppr --suppressions-list=tests/check/cppcheck.txt \
    --enable=warning,portability --library=posix -I. -D_GNU_SOURCE -j "$(nproc)" "${product[@]}"

[ -z "$build" ] || tests/check/tidy.sh "$build"
