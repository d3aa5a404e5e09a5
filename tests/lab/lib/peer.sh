# shellcheck shell=bash disable=SC2034
# The second machine (# needs: peer).
#
#   peer COMMAND   it runs that; xl migrate-receive listens at $PEER port 7002; its /dev/vde is ours
#   at_peer        from now on the guest is there, for serial_open and life_check

there='' PEER=192.168.77.2

# Its clock stands still while the host has no time for it, and ours does not.
at_peer() { there=peer limit=300; }
peer() {
    local said
    said=$(socat -t 300 - "TCP:$PEER:7001" <<<"$1"$'\necho "status $?"') || fail "no second machine"
    [ "${said##*$'\n'}" = 'status 0' ] || fail "the second machine: $1: $said"
    [ "$said" = 'status 0' ] || echo "${said%$'\n'status 0}"
}
# peer_console ADDRESS: socat's address, there, is served at the one that is printed.
peer_console() {
    peer "socat TCP-LISTEN:7003,reuseaddr '$1' </dev/null >/dev/null 2>&1 & sleep 1"
    echo "TCP:$PEER:7003,retry=20"
}
