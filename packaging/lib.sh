# shellcheck shell=bash
# Functions shared by this project's build and test scripts. Sourced, never run.
#
# Inputs (environment): XEN_STUBDOM_CACHE, where everything slow is kept between
# builds and clones (default: $XDG_CACHE_HOME/xen-stubdom or ~/.cache/xen-stubdom). XEN, the release of
# Xen that dom0 has: it decides against which Debian's libraries dom0's programs are built, and where
# the files in Xen's boot directory go. XENFIRMWAREDIR, that directory, where it is not Debian's.
# BUILD_ROOT=/: this system is the build root, there is no network, and what is fetched elsewhere is in
# archive/ (debian/rules of the source package sets it).

set -euo pipefail
umask 022 # whoever calls: modes are a part of images and packages

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${XEN_STUBDOM_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/xen-stubdom}
BUILD=${BUILD:-$REPO/build}
LOGS=${LOGS:-$BUILD/log}
XEN=${XEN:-4.20}
XENFIRMWAREDIR=${XENFIRMWAREDIR:-/usr/lib/xen-$XEN/boot}
# Of files that are another one for each Xen: none for Debian 13's.
XEN_SUFFIX=-$XEN
[ "$XEN" != 4.20 ] || XEN_SUFFIX=
BUILD_ROOT=${BUILD_ROOT:-}
# What the build root calls the two folders, for scripts that run something in it.
IN_REPO=/repo IN_CACHE=/cache
[ "$BUILD_ROOT" != / ] || IN_REPO=$REPO IN_CACHE=$CACHE
export REPO CACHE BUILD LOGS XEN XEN_SUFFIX XENFIRMWAREDIR BUILD_ROOT IN_REPO IN_CACHE
mkdir -p "$CACHE" "$LOGS"

# die MESSAGE: one clear line and exit 1.
die() { echo "${0##*/}: $*" >&2; exit 1; }

# dom0_suite: the Debian release that has Xen $XEN.
dom0_suite() {
    case $XEN in
    4.20) echo trixie ;;
    4.17) echo bookworm ;;
    *) die "XEN=$XEN: only 4.20 (Debian 13) and 4.17 (Debian 12) are known" ;;
    esac
}

# tree_version: this repository's commit; a source package, which may lie in somebody's repository, says it itself.
tree_version() {
    cat "$REPO/.version" 2>/dev/null ||
        git -c safe.directory='*' -C "$REPO" describe --always --dirty --tags 2>/dev/null || echo unknown
}

# need_root: re-executes the calling script by sudo when it is not root. A build root has to be entered as root;
# whoever is in it need not be.
need_root() {
    [ "$(id -u)" -ne 0 ] && [ "$BUILD_ROOT" != / ] || return 0
    command -v sudo >/dev/null || die "must run as root (sudo is not installed)"
    local keep=XEN,XENFIRMWAREDIR,XEN_STUBDOM_CACHE,XDG_CACHE_HOME,HOME,BUILD,LOGS,VERBOSE,VERSION
    exec sudo --preserve-env="$keep,OLD_SOURCES,SOURCE_DATE_EPOCH,RUMP,ROUNDS,LAB_GUESTS" "$0" "$@"
}

# hash_of FILE|DIR|=TEXT...: a short content hash of all arguments, in order.
# Of a folder, the name, mode and content of every file below it count.
hash_of() {
    local a
    for a in "$@"; do
        case $a in
        =*) printf '%s\n' "$a" ;;
        *)  if [ -d "$a" ]; then
                (cd "$a" && find . -type f -printf '%P %m\n' | LC_ALL=C sort &&
                    find . -type f -print0 | LC_ALL=C sort -z | xargs -0r sha256sum)
            else
                sha256sum <"$a"
            fi ;;
        esac
    done | sha256sum | cut -c1-16
}

# step NAME DESCRIPTION COMMAND...: runs COMMAND with its output in
# $LOGS/NAME.log, says what is done, shows a sign of life every 15 s and how long
# it took. On failure shows the end of the log and returns the command's status.
step() {
    local text=$2 log=$LOGS/$1.log start=$SECONDS pid rc=0
    shift 2
    mkdir -p "$(dirname "$log")"
    echo "==> $text"
    if [ -n "${VERBOSE:-}" ]; then
        "$@" 2>&1 | tee "$log" || rc=$?
    else
        "$@" >"$log" 2>&1 &
        pid=$!
        local beat=$SECONDS
        while kill -0 "$pid" 2>/dev/null; do
            sleep 0.2
            if [ $((SECONDS - beat)) -ge 15 ]; then
                beat=$SECONDS
                printf '    %4d s  %s\n' $((SECONDS - start)) \
                    "$(tail -n 1 "$log" | tr -d '\r\033' | cut -c1-100)"
            fi
        done
        wait "$pid" || rc=$?
    fi
    if [ $rc -ne 0 ]; then
        echo "    FAILED after $((SECONDS - start)) s (status $rc); the end of $log:" >&2
        tail -n 25 "$log" | sed 's/^/    | /' >&2
        return $rc
    fi
    echo "    $text: $((SECONDS - start)) s"
}

# cases SUITE: a suite of tests begins. case_ended NAME ok|skip|FAIL SECONDS [DETAIL]: one of its tests has ended.
# The lines are for tests/check, in build/cases/SUITE.tsv.
cases() {
    CASES=$BUILD/cases/$1.tsv
    mkdir -p "$BUILD/cases"
    : >"$CASES"
}
case_ended() {
    local text=${4:-}
    printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "${text//[$'\t\n']/ }" >>"$CASES"
}

# locked NAME COMMAND...: runs COMMAND while holding the cache lock NAME, so that
# two builds that share the cache do not do the same work on top of each other.
# Call it on its own, not in `if` or before `||`: there bash would not stop a COMMAND
# that is a function at its first error.
locked() { hold_lock --exclusive "$@"; }

# shared NAME COMMAND...: likewise, for those who only read what `locked NAME` changes: together.
shared() { hold_lock --shared "$@"; }

# kept FOLDER COMMAND...: runs COMMAND, a program that goes on with what it left in FOLDER the last time. Where that one
# was killed, the folder is removed first: a file in it may be half-written, and newer than what it is made of.
# A program that ends with an error has tidied up. Under a lock, as FOLDER is everybody's.
kept() {
    local folder=$1 rc=0
    shift
    [ ! -e "$folder.busy" ] || rm -rf "$folder"
    mkdir -p "$folder"
    : >"$folder.busy"
    "$@" || rc=$?
    [ $rc -gt 128 ] || rm "$folder.busy"
    return $rc
}

# if_free NAME COMMAND...: like locked, but does nothing while anybody has the lock.
if_free() {
    local fd
    exec {fd}>>"$CACHE/lock.$1"
    if flock --exclusive --nonblock "$fd"; then ("${@:2}" {fd}>&-); fi
    exec {fd}>&-
}

hold_lock() {
    local how=$1 lock=$CACHE/lock.$2 fd rc
    shift 2
    exec {fd}>>"$lock"
    flock "$how" "$fd"
    # The lock goes with the subshell; a plain `||` would turn `set -e` off inside.
    ("$@" {fd}>&-)
    rc=$? # of a failure only where `set -e` is off already
    exec {fd}>&-
    return $rc
}
