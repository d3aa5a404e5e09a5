# shellcheck shell=bash
# Figures.
#
#   kib_of KEY FILE                  the KiB of that line of /proc/meminfo or of a status in /proc
#   xen_free                         MiB of memory that Xen has free
#   rounds MAX                       how often to measure: LAB_REPEAT times, MAX at most
#   compare NAME [ARG...]            xl-stubdom compare of $cfg's guest, LAB_REPEAT times on $FLAVOUR and, where
#                                    the reference is wanted, with QEMU in dom0: $OUT/NAME.json
#   compared FILE NAME[=FIGURE]...   those measures in such a file go to $OUT/figures, dom0's as FIGURE_dom0
#   disk_load FIGURE DEVICE read|write sequential|random SIZE COUNT
#                                    the Linux guest's disk, past its page cache: MB/s of up to three rounds to
#                                    $OUT/figures
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

# There is one CPU. The second before a round is for the serial port, and nobody in dom0 looks for the end: either would
# take as long as hundreds of requests.
disk_load() {
    local n
    n=$(rounds 3)
    guest_run "(for i in \$(seq $n); do sleep 1; disk-load $2 $3 $4 $5 $6; done >/tmp/load 2>&1 &)"
    sleep $((1 + 2 * n))
    guest_run "until [ \"\$(wc -l </tmp/load)\" = $n ]; do sleep 1; done; cat /tmp/load" 60
    awk -v name="$1" -v bytes="$(($5 * $6))" '/ us/ { printf "%s %.3f\n", name, bytes / $(NF - 1) }' \
        <<<"$guest_output" >>"$OUT/figures"
}

# To the runner's events. Its names of addresses are dom0's alone.
profile_mark() { [ -z "${LAB_PROFILE:-}" ] || (. /lab/plan && echo "$NONCE profile $1" >&3); }
profile_begin() {
    [ -z "${LAB_PROFILE:-}" ] || [ -e "$OUT/kallsyms" ] || cat /proc/kallsyms >"$OUT/kallsyms"
    profile_mark before
}
profile_end() { profile_mark "$1"; }
