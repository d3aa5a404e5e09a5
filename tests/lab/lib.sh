#!/bin/bash
# What scenarios are written with. Run in the lab's dom0 as `bash lib.sh SCENARIO`;
# the scenario is sourced, stops at the first command that fails, and can use:
#
#   fail TEXT / skip TEXT / say TEXT     end with that detail / likewise / note it
#   run CMD...                           runs CMD: $status, and its lines in $output
#   expect_status N, expect_line REGEX   about the last `run`
#   wait_until SECONDS CMD...            CMD succeeds within that time, or the scenario fails
#   create CFG [ARG...]                  $XL create; must succeed
#   serial_open GUEST                    attaches to its serial console as a person would
#   serial_wait REGEX [SECONDS]          a line that matches appears on it
#   serial_send TEXT                     sends a line
#   domid GUEST                          its number, or fails
#   disk_copy IMAGE                      prints a scratch, writable copy of a guest's disk
#   qemu_processes                       QEMU processes in dom0
# Times are dom0's; on the instruction-counted clock that is virtual time.
set -eEuo pipefail
shopt -s inherit_errexit

OUT=${OUT:?}
XL=${XL:-xl-stubdom}
GUESTS=/lab/guests
scratch=$(mktemp -d /run/scenario.XXXXXX)

detail() { echo "$*" >>"$OUT/detail"; }
fail() { echo "FAIL: $*"; detail "$*"; trap - ERR; exit 1; }
skip() { detail "$*"; trap - ERR; exit 77; }
say() { echo "-- $*"; detail "$*"; }
uptime_s() { local up; read -r up _ </proc/uptime; echo "$up"; }

run() {
    echo "+ $*"
    status=0
    output=$("$@" 2>&1) || status=$?
    printf '%s\n' "$output"
}
expect_status() {
    [ "$status" -eq "$1" ] || fail "exit status $status, not $1: $(tail -n 1 <<<"$output")"
}
expect_line() { grep -Eq -- "$1" <<<"$output" || fail "no line /$1/ in: $(tail -n 2 <<<"$output" | paste -sd'|')"; }

wait_until() {
    local limit=$1 start=$SECONDS
    shift
    until "$@"; do
        [ $((SECONDS - start)) -lt "$limit" ] || fail "not within $limit s: $*"
        sleep 0.2
    done
}

create() {
    run "$XL" create "$@"
    [ "$status" -eq 0 ] || fail "$XL create: status $status: $(tail -n 1 <<<"$output")"
}

domid() {
    local id
    for id in $(xenstore-list /local/domain); do
        [ "$(xenstore-read "/local/domain/$id/name" 2>/dev/null)" != "$1" ] || { echo "$id"; return; }
    done
    return 1
}

serial_open() {
    serial_log=$OUT/serial.txt
    mkfifo "$scratch/serial.in"
    exec 8<>"$scratch/serial.in"
    # On a terminal of its own: without one xl's console only listens.
    socat - "EXEC:xl console -t serial $1,pty,setsid,ctty,raw,echo=0" <&8 >>"$serial_log" 2>&1 8>&- &
    serial_pid=$!
    serial_from=1
}
# Each wait looks at what came after the last match.
serial_wait() {
    local limit=${2:-60} start=$SECONDS line
    until line=$(tail -n "+$serial_from" "$serial_log" 2>/dev/null | tr -d '\r' | grep -Ean -m 1 -- "$1"); do
        [ $((SECONDS - start)) -lt "$limit" ] ||
            fail "serial: no /$1/ within $limit s; last: $(tr -d '\r' <"$serial_log" | tail -n 1 | cut -c1-100)"
        kill -0 "$serial_pid" 2>/dev/null || fail "serial: the console ended: $(tail -n 1 "$serial_log")"
        sleep 0.2
    done
    serial_from=$((serial_from + ${line%%:*}))
    serial_line=${line#*:}
}
serial_send() { printf '%s\r' "$1" >&8; }

disk_copy() {
    cp "$GUESTS/$1" "$scratch/$1"
    echo "$scratch/$1"
}

qemu_processes() {
    local p exe
    for p in /proc/[0-9]*; do
        exe=$(readlink "$p/exe" 2>/dev/null) || continue
        case $exe in *qemu*) echo "${p#/proc/} $exe" ;; esac
    done
}

finish() {
    [ -z "${serial_pid:-}" ] || kill "$serial_pid" 2>/dev/null || true
    # A guest's disk can only be removed once it is gone; the runner destroys it.
    [ -n "$(ls /sys/block/loop*/loop/backing_file 2>/dev/null)" ] || rm -rf "$scratch"
}
trap finish EXIT
trap 'detail "${BASH_SOURCE[0]##*/}:$LINENO: $BASH_COMMAND"' ERR
# shellcheck disable=SC1090
. "$1"
