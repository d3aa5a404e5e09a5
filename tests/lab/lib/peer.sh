# shellcheck shell=bash disable=SC2034
# The second machine (# needs: peer).
#
#   peer COMMAND   the second machine runs it. There xl migrate-receive listens at $PEER port 7002; its /dev/vde is the
#                  same disk as ours
#   at_peer        says that the guest is on the second machine now, to serial_open and life_check

there='' PEER=192.168.77.2

# The second machine's clock stands still while the host runs other things, and ours goes on. So waits are longer.
at_peer() { there=peer limit=300; }
peer() {
    local said
    said=$(socat -t 300 - "TCP:$PEER:7001" <<<"$1"$'\necho "status $?"') || fail "no second machine"
    [ "${said##*$'\n'}" = 'status 0' ] || fail "the second machine: $1: $said"
    [ "$said" = 'status 0' ] || echo "${said%$'\n'status 0}"
}
# peer_console ADDRESS: the second machine serves this address of socat's by TCP; prints the address for it.
peer_console() {
    peer "socat TCP-LISTEN:7003,reuseaddr '$1' </dev/null >/dev/null 2>&1 & sleep 1"
    echo "TCP:$PEER:7003,retry=20"
}
