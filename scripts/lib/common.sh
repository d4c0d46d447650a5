# Shared by the commands in scripts/: progress, failure with the next step, packages. To be sourced.
# shellcheck shell=bash disable=SC2034 # what is set here is used by those who source it
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
started=$SECONDS
current_step="start"

step() {
    current_step="$*"
    printf '\n==> [%4ds] %s\n' "$((SECONDS - started))" "$*"
}

# Runs beside the steps that follow, behind everything else: for what computes while they wait. What it prints comes out at join_beside.
beside() {
    beside_name=$1
    shift
    beside_log=$(mktemp)
    # a process group to stop it by, but not a session: the kernel shares out by session first, and nice would count for nothing
    set -m
    nice -n 19 "$@" </dev/null >"$beside_log" 2>&1 &
    beside_pid=$!
    set +m
}

join_beside() {
    local status=0
    step "$beside_name (ran beside the steps above)"
    wait "$beside_pid" || status=$?
    beside_pid=""
    cat "$beside_log"
    rm -f "$beside_log"
    return "$status"
}

stop_beside() {
    if [ -n "${beside_pid:-}" ]; then
        kill -- "-$beside_pid" 2>/dev/null || true
        rm -f "$beside_log"
    fi
}

say() {
    printf '    %s\n' "$*"
}

die() {
    printf '\nerror: %s\n' "$1" >&2
    shift
    for line in "$@"; do
        printf '       %s\n' "$line" >&2
    done
    exit 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        die "this step needs root: $*" "run the command as root, or install sudo"
    fi
}

# The packages that are here, and what they provide: a nodejs from elsewhere brings its own npm, and Debian's would not go beside it.
packages_here() {
    dpkg-query -W -f='${db:Status-Status} ${Package}, ${Provides}\n' | sed -n 's/^installed //p' | tr ',' '\n' | sed 's/^ *//; s/ .*//'
}

# Installs the packages that are missing; quiet and quick when none is.
install_packages() {
    local missing=() package here
    here=$(packages_here 2>/dev/null || true)
    for package in "$@"; do
        if ! grep -Fqx "$package" <<<"$here"; then
            missing+=("$package")
        fi
    done
    if [ "${#missing[@]}" -eq 0 ]; then
        say "all packages are there"
        return
    fi
    command -v apt-get >/dev/null 2>&1 ||
        die "apt-get is not here" "hsmgate is built on Debian 12; see docs/operations.md for the list of libraries"
    say "installing: ${missing[*]}"
    local log
    log=$(mktemp)
    if ! { as_root env DEBIAN_FRONTEND=noninteractive apt-get update &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        die "apt-get could not install: ${missing[*]}" "its last lines stand above; the whole output is in $log"
    fi
    rm -f "$log"
}

# One program out of a package that would start a service of its own when installed; into build/tools/.
fetch_promtool() {
    local tools="$root/build/tools" work
    if command -v promtool >/dev/null 2>&1 || [ -x "$tools/promtool" ]; then
        say "promtool is there"
        return
    fi
    say "fetching promtool (package prometheus, not installed)"
    work=$(mktemp -d)
    if ! { cd "$work" && { apt-get download prometheus || { as_root apt-get update && apt-get download prometheus; }; } &&
        dpkg -x prometheus_*.deb . && mkdir -p "$tools" && install -m 755 usr/bin/promtool "$tools/promtool"; } >"$work/log" 2>&1; then
        tail -n 20 "$work/log" >&2
        die "apt-get could not fetch the package prometheus" "the tests of the alert rules need promtool; its last lines stand above"
    fi
    cd "$root"
    rm -rf "$work"
}

# The npm packages that tests drive, each set as its lock file pins it: tests/clients/NAME into build/clients/NAME.
install_npm_clients() {
    local lock name into log
    for lock in "$root"/tests/clients/*/package-lock.json; do
        name=$(basename "$(dirname "$lock")")
        into="$root/build/clients/$name"
        if cmp -s "$lock" "$into/installed.json"; then
            say "$name is there"
            continue
        fi
        say "installing: npm packages for $name"
        mkdir -p "$into"
        rm -f "$into/installed.json"
        cp "$(dirname "$lock")/package.json" "$lock" "$into/"
        log=$(mktemp)
        if ! (cd "$into" && npm ci --ignore-scripts --no-audit --no-fund) >"$log" 2>&1; then
            tail -n 20 "$log" >&2
            die "npm could not install what tests/clients/$name/package-lock.json names" "its last lines stand above; the whole output is in $log"
        fi
        rm -f "$log"
        cp "$lock" "$into/installed.json"
    done
}

build_packages=(
    build-essential cmake ninja-build pkg-config ca-certificates
    libssl-dev libcjson-dev libcyaml-dev libyaml-dev libp11-kit-dev libsqlite3-dev
    libmicrohttpd-dev libgnutls28-dev libcurl4-openssl-dev libjose-dev libsystemd-dev
)
run_packages=(softhsm2 openssl curl python3 python3-jwcrypto python3-cryptography)
test_packages=(
    libcmocka-dev mold clang clang-tidy clang-format cppcheck shellcheck mandoc libclang-rt-14-dev
    python3-pytest python3-jwt wrk python3-requests python3-yaml jose opensc sqlite3 faketime
    libnss3 openssh-client python3-boto3 python3-hvac awscli nodejs npm
)
# What the kinds of tests/lib/tokens.py need that no test of CI does.
opencryptoki_packages=(opencryptoki libopencryptoki0)
tpm2_packages=(swtpm tpm2-tools tpm2-abrmd libtss2-tcti-tabrmd0 libtss2-tcti-swtpm0 libtpm2-pkcs11-1 libtpm2-pkcs11-tools dbus-daemon)
