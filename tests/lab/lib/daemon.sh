# shellcheck shell=bash disable=SC2034
# What serves a guest in dom0, and what is killed of it or of its stub domain.
#
#   daemon_of GUEST         pid of its stubdom-dm, the supervisor
#   daemon_parts GUEST      pids of its four processes: supervisor, stand-by, keeper, worker
#   daemon_whole GUEST      all four are there, and no other guest's
#   kill_part PART [GUEST]  SIGKILL for one of those; stub: xl destroy; of a stub_hostile:
#                           qemu, init, crash (on rump: its code is overwritten, needs poke). Fails when it is not
#                           there (yet). GUEST: tiny
#   daemon_well WORDS       after that, tiny's stubdom-dm are the processes $daemon still, have
#                           not grown and do not spin, and xl list answers
#   qmp_works GUEST         xl reaches its QEMU
#   qemu_processes          QEMU processes in dom0

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
            # An instruction that is none, where QEMU's loop begins.
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
