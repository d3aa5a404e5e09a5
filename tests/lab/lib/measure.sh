# shellcheck shell=bash
# Figures.
#
#   kib_of KEY FILE                  the KiB of that line of /proc/meminfo or of a status in /proc
#   xen_free                         MiB of memory that Xen has free
#   profile_begin, profile_end NAME  with run --profile: counts what the whole machine executes in
#                                    between, as NAME

kib_of() { awk -v key="$1:" '$1 == key { print $2 }' "$2"; }
xen_free() { xl info | awk '$1 == "free_memory" { print $3 }'; }

# To the runner's events. Its names of addresses are dom0's alone.
profile_mark() { [ -z "${LAB_PROFILE:-}" ] || (. /lab/plan && echo "$NONCE profile $1" >&3); }
profile_begin() {
    [ -z "${LAB_PROFILE:-}" ] || [ -e "$OUT/kallsyms" ] || cat /proc/kallsyms >"$OUT/kallsyms"
    profile_mark before
}
profile_end() { profile_mark "$1"; }
