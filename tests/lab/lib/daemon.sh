# shellcheck shell=bash disable=SC2034
# The processes that serve a guest in dom0, and how to kill them or parts of the stub domain.
#
#   daemon_of GUEST         prints the pid of its stubdom-dm, the supervisor
#   daemon_parts GUEST      prints the pids of its four processes: supervisor, stand-by, keeper, worker
#   daemon_whole GUEST      true: all four exist, and there are no other guest's
#   kill_part PART [GUEST]  kills a part of GUEST (default tiny): supervisor, heir (the stand-by), keeper or worker by
#                           SIGKILL; stub by xl destroy; of a stub_hostile qemu, init, or crash: its kernel (on rump
#                           all three: its code is overwritten; needs poke). Fails if there is no such part (yet)
#   daemon_well WORDS       fails, saying WORDS, unless tiny's stubdom-dm is well: its processes are still $daemon,
#                           have not grown and do not spin, and xl list answers
#   qmp_works GUEST         true: xl reaches the guest's QEMU
#   qemu_processes          prints the QEMU processes in dom0

daemon_of() { xenstore-read "/local/domain/$(domid "$1-dm")/image/device-model-pid"; }
# They are told apart by their parents and users.
daemon_parts() {
    local daemon pid
    daemon=$(daemon_of "$1") || return
    echo "$daemon"
    pgrep -P "$daemon" -x -u root stubdom-dm | tail -n 1
    for pid in $(pgrep -P "$daemon" -x stubdom-dm); do
        awk -v pid="$pid" '/^Uid:/ && $2 { print pid }' "/proc/$pid/status" 2>/dev/null || true
    done
}
daemon_whole() { [ "$(pidof stubdom-dm | wc -w)" = 4 ] && [ "$(daemon_parts "$1" | wc -l)" = 4 ]; }

kill_part() {
    local guest=${2:-tiny} stub_of=${2:-tiny} pid
    case $1 in
    supervisor) pid=$(daemon_parts "$guest" | sed -n 1p) ;;
    heir) pid=$(daemon_parts "$guest" | sed -n 2p) ;;
    keeper) pid=$(daemon_parts "$guest" | sed -n 3p) ;;
    worker) pid=$(daemon_parts "$guest" | sed -n 4p) ;;
    stub) xl destroy "$guest-dm"; return ;;
    qemu | init | crash)
        if [ "$FLAVOUR" = rump ]; then
            # An invalid instruction at the start of QEMU's loop.
            "$GUESTS/poke" "$(domid "$guest-dm")" "$(address_in_image main_loop_wait)" 0f0b
            return
        fi
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

qmp_works() { xl qemu-monitor-command "$1" 'info version' 2>/dev/null | grep -q '^10\.'; }
qemu_processes() {
    local p exe
    for p in /proc/[0-9]*; do
        exe=$(readlink "$p/exe" 2>/dev/null) || continue
        case $exe in *qemu*) echo "${p#/proc/} $exe" ;; esac
    done
}
