# shellcheck shell=bash
# Figures.
#
#   kib_of KEY FILE                  prints the KiB in the line KEY of /proc/meminfo, or of a status file in /proc
#   xen_free                         prints how many MiB of memory Xen has free
#   rounds MAX                       prints how often to measure: LAB_REPEAT times, but at most MAX
#   compare NAME [ARG...]            xl-stubdom compare of $cfg's guest, LAB_REPEAT times on $FLAVOUR and, if the
#                                    reference is wanted, with QEMU in dom0. The figures are in $OUT/NAME.json
#   compared FILE NAME[=FIGURE]...   appends these measures of such a file to $OUT/figures, as FIGURE (default NAME),
#                                    and dom0's as FIGURE_dom0
#   guest_rate FIGURE AMOUNT COMMAND [SECS]
#                                    the Linux guest runs COMMAND up to three times. COMMAND prints how long it took,
#                                    as the last word of a line. Appends AMOUNT divided by that to $OUT/figures. Fails
#                                    if all rounds together take more than SECS
#   disk_load FIGURE DEVICE read|write sequential|random SIZE COUNT
#                                    the same for the Linux guest's disk, past its page cache, in MB/s
#   profile_begin, profile_end NAME  with run --profile: counts what the whole machine executes between the two, and
#                                    calls the counts NAME

kib_of() { awk -v key="$1:" '$1 == key { print $2 }' "$2"; }
xen_free() { xl info | awk '$1 == "free_memory" { print $3 }'; }

rounds() { echo $((${LAB_REPEAT:-5} < $1 ? ${LAB_REPEAT:-5} : $1)); }

compare() {
    local name=$1 of=$FLAVOUR
    shift
    [ "${LAB_REFERENCE:-1}" != 1 ] || of+=,dom0
    run xl-stubdom compare --of="$of" --dom0-qemu=/lab/reference-qemu --runs="${LAB_REPEAT:-5}" --yes \
        --output="$OUT/$name" "$@" "$cfg"
    expect_status 0
}
compared() {
    perl -MJSON::PP -e '
        my $file = shift;
        open my $in, "<", $file or die "$file: $!\n";
        my %figure = map { /^(.*)=(.*)$/ ? ($1, $2) : ($_, $_) } @ARGV;
        for my $measure (@{decode_json(join "", <$in>)->{measures}}) {
            my $figure = $figure{$measure->{name}} or next;
            for my $result (@{$measure->{results}}) {
                my $suffix = $result->{of} eq "dom0" ? "_dom0" : "";
                print "$figure$suffix $_\n" for @{$result->{values}};
            }
        }' "$@" >>"$OUT/figures"
}

# There is one CPU: to echo a command, or to look whether it has ended, takes as long as hundreds of requests. So each
# round begins after a second, when the serial port is quiet, and dom0 sleeps until all rounds are over (tail waits by
# inotify).
guest_rate() {
    local each
    each="for i in \$(seq $(rounds 3)); do sleep 1; $3 || echo \"status \$?\"; done"
    guest_run "($each >/tmp/rounds 2>&1; echo rounds: over >/dev/ttyS0) &"
    timeout "${4:-60}" tail -n "+${serial_from[$serial_name]}" -f "$serial_log" | grep -q '^rounds: over' || true
    serial_wait '^rounds: over' 1
    guest_run 'cat /tmp/rounds; ! grep -q "^status " /tmp/rounds'
    awk -v name="$1" -v amount="$2" '{ sub(/ us$/, ""); printf "%s %.3f\n", name, amount / $NF }' \
        <<<"$guest_output" >>"$OUT/figures"
}
disk_load() { guest_rate "$1" $(($5 * $6)) "disk-load $2 $3 $4 $5 $6"; }

# Writes an event for the runner. /lab/plan is sourced in a subshell, so that its variables do not become the
# scenario's.
profile_mark() { [ -z "${LAB_PROFILE:-}" ] || (. /lab/plan && echo "$NONCE profile $1" >&3); }
profile_begin() {
    [ -z "${LAB_PROFILE:-}" ] || [ -e "$OUT/kallsyms" ] || cat /proc/kallsyms >"$OUT/kallsyms"
    profile_mark before
}
profile_end() { profile_mark "$1"; }
