# shellcheck shell=bash
# Figures.
#
#   kib_of KEY FILE                  the KiB of that line of /proc/meminfo or of a status in /proc
#   xen_free                         MiB of memory that Xen has free
#   rounds MAX                       how often to measure: LAB_REPEAT times, MAX at most
#   compare NAME [ARG...]            xl-stubdom compare of $cfg's guest, LAB_REPEAT times on $FLAVOUR and, where
#                                    the reference is wanted, with QEMU in dom0: $OUT/NAME.json
#   compared FILE NAME[=FIGURE]...   those measures in such a file go to $OUT/figures, dom0's as FIGURE_dom0
#   guest_rate FIGURE AMOUNT COMMAND [SECS]
#                                    the Linux guest runs COMMAND up to three times; its line ends with how long it
#                                    took. AMOUNT divided by that goes to $OUT/figures. All rounds end within SECS
#   disk_load FIGURE DEVICE read|write sequential|random SIZE COUNT
#                                    the Linux guest's disk, past its page cache: MB/s
#   profile_begin, profile_end NAME  with run --profile: counts what the whole machine executes in
#                                    between, as NAME

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

# There is one CPU. The second before a round is for the serial port, and dom0 sleeps until all rounds are over (tail
# waits for inotify): the echo of a command, or a look for its end, takes as long as hundreds of requests.
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

# To the runner's events. Its names of addresses are dom0's alone.
profile_mark() { [ -z "${LAB_PROFILE:-}" ] || (. /lab/plan && echo "$NONCE profile $1" >&3); }
profile_begin() {
    [ -z "${LAB_PROFILE:-}" ] || [ -e "$OUT/kallsyms" ] || cat /proc/kallsyms >"$OUT/kallsyms"
    profile_mark before
}
profile_end() { profile_mark "$1"; }
