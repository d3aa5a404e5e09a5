#!/bin/bash
# What scenarios are written with. Run in the lab's dom0 as `bash lib.sh SCENARIO`;
# the scenario is sourced, stops at the first command that fails, and can use:
#
#   fail TEXT / skip TEXT / say TEXT     end with that detail / likewise / note it
#   run CMD...                           runs CMD: $status, and its lines in $output
#   expect_status N, expect_line REGEX   about the last `run`
#   wait_until SECONDS CMD...            CMD succeeds within that time, or the scenario fails
#   hvm_config NAME IMAGE [LINE...]      writes $cfg: an HVM guest with a stub domain (of $FLAVOUR),
#                                        a copy of that disk image, and more config lines
#   linux_config [LINE...]               the same for "linux", whose kernel and ramdisk are given
#   reference                            $cfg's guest has QEMU in dom0 from now on
#   create [ARG...]                      $XL create $cfg; must succeed
#   serial_open GUEST [N]                attaches to its serial console as a person would (N:
#                                        another port); again after a restore or a reboot: it
#                                        has a new one
#   serial_wait REGEX [SECONDS]          a line that matches appears on it
#   serial_send TEXT                     sends a line
#   serial_echo TEXT                     the boot sector says it back
#   answers TEXT                         so does tiny's, on a connection of its own
#   guest_run COMMAND [SECONDS]          the Linux guest runs it: $guest_output
#   life_guest NAME [LINE...]            hvm_config of a Linux guest for that, which has vnc=1 and a NIC
#   life_begin GUEST, life_check GUEST   it begins to check its memory, to write to its disk, to ping
#                                        dom0, shows a picture; and says, after whatever happened,
#                                        that all of it is whole and goes on (no-screen after
#                                        GUEST: but for the picture). The writer stops then;
#   life_write                           it begins again, before the next thing happens
#   life_disk                            a guest that is no more has left its file whole on its disk
#   peer COMMAND                         the second machine (# needs: peer) runs it; xl migrate-receive
#                                        listens at $PEER port 7002; its /dev/vde is ours
#   at_peer                              from now on the guest is there, for serial_open and life_check
#   last_moment                          $cfg gets a NIC whose script holds xl when all is ready but the
#                                        guest does not run yet, for as long as xl lives
#   wait_last_moment GUEST               until xl is there
#   no_domain NAME, no_process NAME
#   nothing_of GUEST                     neither domains of that name nor any process of a stub domain's
#   vnc_port GUEST                       the TCP port where its viewers connect
#   domid GUEST                          its number, or fails
#   stub_image FILE                      our image is FILE until the scenario ends (# flavours: linux)
#   stub_hostile                         our image, and beside it a program that obeys dom0; $hostile
#                                        is the config line for it
#   stub_order VERB [ARG...]             tiny's does that (tests/guests/stub-hostile.c)
#   stub_done [SECONDS]                  until it has done it
#   daemon_of GUEST                      pid of its stubdom-dm, the supervisor
#   daemon_parts GUEST                   pids of its four processes: supervisor, stand-by, keeper, worker
#   kill_part PART [GUEST]               SIGKILL for one of those, or proxy; stub: xl destroy; of a stub_hostile:
#                                        qemu, init, crash. Fails when it is not there (yet). GUEST: tiny
#   daemon_well WORDS                    after that, tiny's stubdom-dm are the processes $daemon still, have
#                                        not grown and do not spin, and xl list answers
#   on_exit CMD...                       undone at the end, last first
#   refused N                            the last `run` said one line, ended with N, and
#                                        left neither domain nor log
#   disk_copy IMAGE                      prints a scratch, writable copy of a guest's disk
#   add_disk SPEC                        one more disk in $cfg
#   kib_of KEY FILE                      the KiB of that line of /proc/meminfo or of a status in /proc
#   xen_free                             MiB of memory that Xen has free
#   qemu_processes                       QEMU processes in dom0
#   profile_begin, profile_end NAME      with run --profile: counts what the whole machine
#                                        executes in between, as NAME
# Times are dom0's; on the instruction-counted clock that is virtual time.
set -eEuo pipefail
shopt -s inherit_errexit

OUT=${OUT:?}
XL=${XL:-xl-stubdom}
FLAVOUR=${LAB_FLAVOUR:-linux}
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

hvm_config() {
    cfg=$scratch/$1.cfg
    cat >"$cfg" <<END
name = "$1"
type = "hvm"
memory = 64
disk = [ "format=raw, vdev=hda, access=rw, target=$(disk_copy "$2")" ]
serial = "pty"
vga = "stdvga"
vnc = 0
stubdom_flavor = "$FLAVOUR"
END
    # SeaBIOS reads an IDE disk word by word, an AHCI disk by DMA: a boot loader is
    # ten times as fast on the latter.
    [[ $2 != linux*.img ]] || echo 'hdtype = "ahci"' >>"$cfg"
    shift 2
    printf '%s\n' "$@" >>"$cfg"
}

linux_config() {
    hvm_config linux boot-sector.img 'memory = 128' "kernel = \"$GUESTS/linux-vmlinuz\"" \
        "ramdisk = \"$GUESTS/linux-initrd\"" 'cmdline = "console=ttyS0,115200 quiet"' "$@"
}

reference() {
    [ "${LAB_REFERENCE:-1}" = 1 ] || return 1
    sed -i '/^stubdom_flavor/d' "$cfg"
    echo 'device_model_override = "/lab/reference-qemu"' >>"$cfg"
    XL=xl
}

create() {
    run "$XL" create "$cfg" "$@"
    [ "$status" -eq 0 ] || fail "$XL create: status $status: $(tail -n 1 <<<"$output")"
}

domid() {
    local id
    for id in $(xenstore-list /local/domain); do
        [ "$(xenstore-read "/local/domain/$id/name" 2>/dev/null)" != "$1" ] || { echo "$id"; return; }
    done
    return 1
}

# Its clock stands still while the host has no time for it, and ours does not.
there='' PEER=192.168.77.2
at_peer() { there=peer limit=300; }
peer() {
    local said
    said=$(socat -t 300 - "TCP:$PEER:7001" <<<"$1"$'\necho "status $?"') || fail "no second machine"
    [ "${said##*$'\n'}" = 'status 0' ] || fail "the second machine: $1: $said"
    [ "$said" = 'status 0' ] || echo "${said%$'\n'status 0}"
}

# libxl makes the guest's own NIC when the device model has said `running`, the stub domain's before.
last_moment() {
    cat >"$scratch/vif-script" <<END
#!/bin/bash
id=\${vif#vif} id=\${id%%.*}
name=\$(xenstore-read "/local/domain/\$id/name")
if [ "\$1" = online ] && [ "\${name%-dm}" = "\$name" ]; then
    touch "$scratch/held"
    while [ -e "/proc/\$PPID" ]; do sleep 0.1; done
    exit 1
fi
exec /etc/xen/scripts/vif-bridge "\$@"
END
    chmod +x "$scratch/vif-script"
    echo "vif = [ 'mac=00:16:3e:00:00:0a, bridge=xenbr0, script=$scratch/vif-script' ]" >>"$cfg"
}
wait_last_moment() {
    wait_until 30 test -e "$scratch/held"
    [ "$(xenstore-read "/local/domain/$(domid "$1-dm")/device-model/$(domid "$1")/state")" = running ] ||
        fail "the device model is not ready: this proves nothing"
    xl list | grep -Eq "^$1 .* --p--- +0\.0$" || fail "$1 is not there, paused: $(xl list | paste -sd'|')"
}

no_domain() { ! domid "$1" >/dev/null; }
no_process() { ! pidof "$1" >/dev/null; }
nothing_of() {
    no_domain "$1" && no_domain "$1-dm" && no_domain "$1--incoming" && no_domain "$1--incoming-dm" &&
        no_process stubdom-dm && no_process vchan-socket-proxy
}

serial_open() {
    serial_log=$OUT/serial.txt
    [ -z "${serial_pid:-}" ] || { kill "$serial_pid" && wait "$serial_pid"; } 2>/dev/null || true
    [ -p "$scratch/serial.in" ] || mkfifo "$scratch/serial.in"
    exec 8<>"$scratch/serial.in"
    # On a terminal of its own: without one xl's console only listens.
    local address="EXEC:xl console -t serial -n ${2:-0} $1,pty,setsid,ctty,raw,echo=0"
    [ -z "$there" ] || {
        peer "socat TCP-LISTEN:7003,reuseaddr '$address' </dev/null >/dev/null 2>&1 & sleep 1"
        address=TCP:$PEER:7003,retry=20
    }
    # What an earlier guest had begun to say is no line of this one's.
    touch "$serial_log"
    [ -z "$(tail -c 1 "$serial_log")" ] || echo >>"$serial_log"
    serial_from=$(($(wc -l <"$serial_log") + 1))
    socat - "$address" <&8 >>"$serial_log" 2>>"$OUT/serial-errors.txt" 8>&- &
    serial_pid=$!
}
# Each wait looks at what came after the last match.
limit=60
serial_wait() {
    local limit=${2:-$limit} start=$SECONDS line
    until line=$(tail -n "+$serial_from" "$serial_log" 2>/dev/null | tr -d '\r' | grep -Ean -m 1 -- "$1"); do
        [ $((SECONDS - start)) -lt "$limit" ] ||
            fail "serial: no /$1/ within $limit s; last: $(tr -d '\r' <"$serial_log" | tail -n 1 | cut -c1-100)"
        kill -0 "$serial_pid" 2>/dev/null || fail "serial: the console ended: $(tail -n 1 "$OUT/serial-errors.txt")"
        sleep 0.2
    done
    serial_from=$((serial_from + ${line%%:*}))
    serial_line=${line#*:}
}
serial_send() { printf '%s\r' "$1" >&8; }

serial_echo() {
    serial_send "$1"
    serial_wait "you said: $1" 15
}
answers() {
    serial_open tiny
    serial_echo "$1"
}

# guest_run COMMAND [SECONDS]: the Linux guest runs it; its lines are in $guest_output.
guest_runs=0
guest_run() {
    guest_runs=$((guest_runs + 1))
    local from=$serial_from
    serial_send "run $guest_runs $1"
    serial_wait "^done $guest_runs [0-9]+" "${2:-$limit}"
    guest_output=$(tail -n "+$from" "$serial_log" | tr -d '\r' | sed "/^done $guest_runs /,\$d")
    [ "${serial_line##* }" = 0 ] || fail "guest: $1: status ${serial_line##* }: $(tail -n 1 <<<"$guest_output")"
}

# Of a screen that is all black vncsnapshot makes no picture: it waits for another one.
screen_of() {
    local port viewed=127.0.0.1 find="xenstore-read /local/domain/\$(xl domid $1)/console/vnc-port"
    [ -z "$there" ] || viewed=$PEER
    port=$(${there:-bash -c} "$find")
    timeout "$limit" vncsnapshot -quiet -quality 100 "$viewed:$((port - 5900))" "$2" >/dev/null 2>&1 ||
        fail "no picture of $1"
}

# Booted without GRUB, which takes longer than its kernel. "cmdline" has what LIFE_CMDLINE says.
life_guest() {
    local name=$1
    shift
    hvm_config "$name" linux.img 'vnc = 1' 'vif = [ "mac=00:16:3e:00:00:0a, bridge=xenbr0, model=e1000" ]' \
        "kernel = \"$GUESTS/linux-vmlinuz\"" "ramdisk = \"$GUESTS/linux-initrd\"" \
        "cmdline = \"console=tty0 console=ttyS0,115200 quiet ${LIFE_CMDLINE-nopv}\"" "$@"
}
life_begin() {
    guest_run 'memory-pattern 12 /tmp/pattern'
    guest_run 'mount -t ext2 /dev/sda1 /mnt && head -c 800k /dev/urandom >/tmp/blob && cp /tmp/blob /mnt/before'
    guest_run 'md5sum </tmp/blob'
    life_sum=${guest_output##*$'\n'}
    life_write
    guest_run 'ip link set eth0 up && ip addr add 192.168.77.10/24 dev eth0 && (ping 192.168.77.1 >/tmp/ping 2>&1 </dev/null &)'
    guest_run 'printf "\\033[?25l\\033[2J\\033[H a picture that must stay \\n" >/dev/tty0; seq 1 15 >/dev/tty0'
    life_screen=$scratch/screen.jpg
    screen_of "$1" "$life_screen"
    life_round=0
}
# Pass after pass of other octets, each by many writes and read back from the disk, until life_check.
life_write() {
    guest_run 'rm -f /tmp/passes; (n=0; until [ -e /tmp/stop ]; do n=$((n + 1)); { tail -c +$((n % 800 * 1000 + 1)) /tmp/blob; head -c $((n % 800 * 1000)) /tmp/blob; } >/tmp/source; i=0; while [ $i -lt 25 ]; do dd if=/tmp/source of=/mnt/across bs=32k skip=$i seek=$i count=1 conv=notrunc,fsync status=none || break 2; i=$((i + 1)); done; echo 3 >/proc/sys/vm/drop_caches; cmp /tmp/source /mnt/across || break; echo $n >>/tmp/passes; sleep 0.5; done; rm -f /tmp/stop) </dev/null >/tmp/writer 2>&1 &'
}
life_check() {
    for _ in 1 2; do
        sleep 0.5
        guest_run 'cat /tmp/pattern'
        # The kernel may have something to say before it.
        [[ ${guest_output##*$'\n'} =~ ^round\ ([0-9]+),\ errors\ 0$ ]] || fail "memory: $guest_output"
        [ "${BASH_REMATCH[1]}" -gt "$life_round" ] || fail "memory is not checked any more: $guest_output"
        life_round=${BASH_REMATCH[1]}
    done
    # The same ping goes on, and gets answers within 10 s.
    guest_run 'n=$(grep -c seq= /tmp/ping); for i in $(seq 50); do sleep 0.2; [ $(grep -c seq= /tmp/ping) -gt $((n + 1)) ] && break; done; [ $i -lt 50 ]'
    # A pass ends after the event, within 40 s; then the writer stops, and what it wrote last is there.
    guest_run 'n=$(wc -l </tmp/passes); for i in $(seq 200); do [ $(wc -l </tmp/passes) -gt $n ] && break; sleep 0.2; done; [ $i -lt 200 ] && touch /tmp/stop && while [ -e /tmp/stop ]; do sleep 0.2; done && echo 3 >/proc/sys/vm/drop_caches && cmp /tmp/blob /mnt/before && cmp /tmp/source /mnt/across && echo same || tail -n 1 /tmp/writer'
    [ "${guest_output##*$'\n'}" = same ] || fail "disk: no pass was written whole after it: $guest_output"
    [ "${2:-}" != no-screen ] || return 0
    screen_of "$1" "$OUT/screen-after.jpg"
    cmp "$life_screen" "$OUT/screen-after.jpg" || fail "the screen has changed"
}

life_disk() {
    local loop
    loop=$(losetup -fP --show "$scratch/linux.img")
    mkdir -p "$scratch/disk"
    mount -o ro "${loop}p1" "$scratch/disk"
    [ "$(md5sum <"$scratch/disk/before")" = "$life_sum" ] || fail "disk: not the file that the guest wrote"
    umount "$scratch/disk"
    losetup -d "$loop"
}

disk_copy() {
    cp "$GUESTS/$1" "$scratch/$1"
    echo "$scratch/$1"
}

add_disk() { sed -i "s|^disk = \[ \(.*\) \]\$|disk = [ \1, \"$1\" ]|" "$cfg"; }
vnc_port() { xenstore-read "/local/domain/$(domid "$1")/console/vnc-port"; }
kib_of() { awk -v key="$1:" '$1 == key { print $2 }' "$2"; }
xen_free() { xl info | awk '$1 == "free_memory" { print $3 }'; }
qemu_processes() {
    local p exe
    for p in /proc/[0-9]*; do
        exe=$(readlink "$p/exe" 2>/dev/null) || continue
        case $exe in *qemu*) echo "${p#/proc/} $exe" ;; esac
    done
}

# To the runner's events. Its names of addresses are dom0's alone.
profile_mark() { [ -z "${LAB_PROFILE:-}" ] || (. /lab/plan && echo "$NONCE profile $1" >&3); }
profile_begin() {
    [ -z "${LAB_PROFILE:-}" ] || [ -e "$OUT/kallsyms" ] || cat /proc/kallsyms >"$OUT/kallsyms"
    profile_mark before
}
profile_end() { profile_mark "$1"; }

undo=()
on_exit() { undo=("$(printf '%q ' "$@")" "${undo[@]}"); }

BOOT=/usr/lib/xen-4.20/boot
stub_image() {
    # The manifest records sizes: ours must not be held against another image.
    mount --bind "$1" "$BOOT/qemu-stubdom-linux-rootfs"
    on_exit umount "$BOOT/qemu-stubdom-linux-rootfs"
    mount --bind /dev/null "$BOOT/qemu-stubdom-linux.manifest"
    on_exit umount "$BOOT/qemu-stubdom-linux.manifest"
}

# shellcheck disable=SC2034 # for scenarios
stub_orders=0 stub_of=tiny hostile='stubdom_cmdline = "rdinit=/stub-test stub_test=beside"'
stub_hostile() {
    cat "$BOOT/qemu-stubdom-linux-rootfs" "$GUESTS/stub-beside.cpio" >"$scratch/hostile.initrd"
    stub_image "$scratch/hostile.initrd"
}
stub_order() {
    stub_orders=$((stub_orders + 1))
    stub_folder=/local/domain/$(domid "$stub_of-dm")/data
    xenstore-write "$stub_folder/order" "$stub_orders $*"
}
stub_has_done() { [ "$(xenstore-read "$stub_folder/did" 2>/dev/null)" = "$stub_orders" ]; }
stub_done() {
    wait_until "${1:-30}" stub_has_done
    ! xenstore-read "$stub_folder/trouble" 2>/dev/null || fail "the stub domain cannot: $(xenstore-read "$stub_folder/trouble")"
}

daemon_of() { xenstore-read "/local/domain/$(domid "$1-dm")/image/device-model-pid"; }
# Told apart by who is whose child, and by user.
daemon_parts() {
    local daemon pid
    daemon=$(daemon_of "$1") || return
    echo "$daemon"
    pgrep -P "$daemon" -x -u root stubdom-dm | tail -n 1
    for pid in $(pgrep -P "$daemon" -x stubdom-dm); do
        awk -v pid="$pid" '/^Uid:/ && $2 { print pid }' "/proc/$pid/status" 2>/dev/null || true
    done
}

kill_part() {
    local guest=${2:-tiny} stub_of=${2:-tiny} pid
    case $1 in
    supervisor) pid=$(daemon_parts "$guest" | sed -n 1p) ;;
    heir) pid=$(daemon_parts "$guest" | sed -n 2p) ;;
    keeper) pid=$(daemon_parts "$guest" | sed -n 3p) ;;
    worker) pid=$(daemon_parts "$guest" | sed -n 4p) ;;
    proxy) pid=$(xenstore-read "/local/domain/$(domid "$guest-dm")/image/qmp-proxy-pid") ;;
    stub) xl destroy "$guest-dm"; return ;;
    qemu | init | crash)
        xenstore-ls "/local/domain/$(domid "$guest-dm")/data" >/dev/null || return
        if [ "$1" = crash ]; then stub_order shut-down crash; else stub_order "kill-$1"; fi
        return ;;
    esac
    [ -n "$pid" ] && kill -KILL "$pid"
} 2>/dev/null

daemon_ticks() { # processor time of all of $daemon
    local pid sum=0 user system
    for pid in $daemon; do
        read -r _ _ _ _ _ _ _ _ _ _ _ _ _ user system _ <"/proc/$pid/stat"
        sum=$((sum + user + system))
    done
    echo $sum
}
daemon_well() {
    local before kib pid
    [ "$(pidof stubdom-dm)" = "$daemon" ] || fail "$1: stubdom-dm: $(tail -n 1 /var/log/xen/qemu-dm-tiny-dm.log)"
    for pid in $daemon; do
        kib=$(kib_of VmHWM "/proc/$pid/status") # its peak
        [ "$kib" -lt 8192 ] || fail "$1: stubdom-dm $pid has grown to $kib KiB"
    done
    before=$(daemon_ticks)
    timeout 2 xl list >/dev/null || fail "$1: xl list: status $?"
    sleep 1
    [ $(($(daemon_ticks) - before)) -lt 50 ] || fail "$1: stubdom-dm spins: $(($(daemon_ticks) - before)) ticks"
}

refused() {
    expect_status "$1"
    [ "$(grep -c . <<<"$output")" -eq 1 ] || fail "more than one line: $(paste -sd'|' <<<"$output")"
    grep -q '^xl-stubdom: ' <<<"$output" || fail "not a line of xl-stubdom's: $output"
    [ "$(xenstore-list /local/domain | wc -l)" -eq 1 ] || fail "a domain was made"
    [ -z "$(find /var/log/xen -name '*-dm*' -o -name 'xl-*')" ] || fail "a log was made"
    say "$output"
}

finish() {
    local cmd
    for cmd in "${undo[@]}"; do eval "$cmd" || true; done
    [ -z "${serial_pid:-}" ] || kill "$serial_pid" 2>/dev/null || true
    # A guest's disk can only be removed once it is gone; the runner destroys it.
    [ -n "$(ls /sys/block/loop*/loop/backing_file 2>/dev/null)" ] || rm -rf "$scratch"
}
trap finish EXIT
trap 'detail "${BASH_SOURCE[0]##*/}:$LINENO: $BASH_COMMAND"' ERR
# shellcheck disable=SC1090
. "$1"
