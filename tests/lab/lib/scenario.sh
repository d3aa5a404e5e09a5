#!/bin/bash
# Runs one scenario in the lab's dom0: bash lib/scenario.sh FILE. The scenario is sourced, and stops at the first
# command that fails. Its words are in these files, each with a list at its head:
#   scenario.sh  how it ends, what it runs and waits for    serial.sh  speaking with a guest
#   guest.sh     configs, guests, their disks               life.sh    a Linux guest at work
#   daemon.sh    processes of a guest in dom0, killing      stub.sh    another image in the stub domain
#   display.sh   what a viewer sees                         peer.sh    the second machine
#   measure.sh   figures                                    frames.sh  frames of a hostile guest
#   pci.sh       devices of the machine
#
#   fail TEXT, skip TEXT                 ends the scenario, with TEXT as the result's detail
#   say TEXT                             adds TEXT to the result's detail
#   run CMD...                           runs CMD: $status, and its output in $output
#   expect_status N, expect_line REGEX   fails unless the last `run` had this status, or such a line
#   refused N                            fails unless the last `run` printed one line, ended with status N, and made
#                                        neither a domain nor a log
#   wait_until SECONDS CMD...            repeats CMD until it succeeds; fails after that time
#   as_soon_as CMD...                    repeats CMD until it succeeds, without a pause: to catch a moment of a guest's
#                                        start, which comes earlier or later with another libxl
#   on_exit CMD...                       runs CMD when the scenario ends; the last one first
#   is_short                             true with run --short (make check)
#   rest_is_long                         with run --short the scenario ends here, and has passed
#   uptime_s                             prints the seconds since dom0 has booted
# Inputs: OUT, a folder for files that are kept; $scratch is one for the others.
# Times are dom0's: with the instruction-counted clock, virtual time.
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
    # While a guest exists its disks are in use. The runner destroys the guest.
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
