#!/bin/bash
# Runs one scenario in the lab's dom0: bash lib/scenario.sh FILE. The scenario is sourced and stops at
# the first command that fails. The words that it can use are in these files, each with a list at its head:
#   scenario.sh  how it ends, what it runs and waits for    serial.sh  to speak with a guest
#   guest.sh     configs, guests, their disks               life.sh    a Linux guest at work
#   daemon.sh    what serves a guest in dom0, and kills     stub.sh    another image in the stub domain
#   display.sh   what a viewer sees                         peer.sh    the second machine
#   measure.sh   figures                                    frames.sh  what a hostile guest sends
#   pci.sh       devices for guests
#
#   fail TEXT / skip TEXT / say TEXT     end with that detail / likewise / note it
#   run CMD...                           runs CMD: $status, and its lines in $output
#   expect_status N, expect_line REGEX   about the last `run`
#   refused N                            the last `run` said one line, ended with N, and
#                                        left neither domain nor log
#   wait_until SECONDS CMD...            CMD succeeds within that time, or the scenario fails
#   as_soon_as CMD...                    until CMD succeeds, without a pause between two looks: for a moment of
#                                        a guest's start, which is another second with each libxl
#   on_exit CMD...                       undone at the end, last first
#   is_short, rest_is_long               with run --short (make check): whether it is; it ends here, and all is well
#   uptime_s                             seconds since dom0 has booted
# Inputs: OUT, a folder for what is kept; $scratch is one for the rest.
# Times are dom0's; on the instruction-counted clock that is virtual time.
set -eEuo pipefail
shopt -s inherit_errexit

OUT=${OUT:?}
XL=${XL:-xl-stubdom}
scratch=$(mktemp -d /run/scenario.XXXXXX)

detail() { echo "$*" >>"$OUT/detail"; }
fail() { echo "FAIL: $*"; detail "$*"; trap - ERR; exit 1; }
skip() { detail "$*"; trap - ERR; exit 77; }
say() { echo "-- $*"; detail "$*"; }
uptime_s() { local up; read -r up _ </proc/uptime; echo "$up"; }

run() {
    echo "+ $*"
    : >"$scratch/began"
    status=0
    output=$("$@" 2>&1) || status=$?
    printf '%s\n' "$output"
}
expect_status() {
    [ "$status" -eq "$1" ] || fail "exit status $status, not $1: $(tail -n 1 <<<"$output")"
}
expect_line() { grep -Eq -- "$1" <<<"$output" || fail "no line /$1/ in: $(tail -n 2 <<<"$output" | paste -sd'|')"; }
refused() {
    expect_status "$1"
    [ "$(grep -c . <<<"$output")" -eq 1 ] || fail "more than one line: $(paste -sd'|' <<<"$output")"
    grep -q '^xl-stubdom: ' <<<"$output" || fail "not a line of xl-stubdom's: $output"
    [ "$(xenstore-list /local/domain | wc -l)" -eq 1 ] || fail "a domain was made"
    [ -z "$(find /var/log/xen -newer "$scratch/began" \( -name '*-dm*' -o -name 'xl-*' \))" ] || fail "a log was made"
    say "$output"
}

is_short() { [ -n "${LAB_SHORT:-}" ]; }
rest_is_long() {
    ! is_short || { say "and no more in a short run"; trap - ERR; exit 0; }
}

wait_until() {
    local limit=$1 start=$SECONDS
    shift
    until "$@"; do
        [ $((SECONDS - start)) -lt "$limit" ] || fail "not within $limit s: $*"
        sleep 0.2
    done
}

as_soon_as() { until "$@" >/dev/null; do :; done; }

undo=()
on_exit() { undo=("$(printf '%q ' "$@")" "${undo[@]}"); }
finish() {
    local cmd
    for cmd in "${undo[@]}"; do eval "$cmd" || true; done
    serial_close_all
    # A guest's disk can only be removed once it is gone; the runner destroys it.
    [ -n "$(ls /sys/block/loop*/loop/backing_file 2>/dev/null)" ] || rm -rf "$scratch"
}

for words in "$(dirname "$0")"/*.sh; do
    # shellcheck disable=SC1090
    [ "$words" -ef "$0" ] || . "$words"
done
trap finish EXIT
trap 'detail "${BASH_SOURCE[0]##*/}:$LINENO: $BASH_COMMAND"' ERR
# shellcheck disable=SC1090
. "$1"
