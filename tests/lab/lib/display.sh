# shellcheck shell=bash
# What a viewer sees.
#
#   vnc_port GUEST         prints the TCP port for its viewers
#   screen_of GUEST FILE   saves a picture of its screen. Waits while the screen is all black, since vncsnapshot
#                          makes no picture of that

vnc_port() { xenstore-read "/local/domain/$(domid "$1")/console/vnc-port"; }
screen_of() {
    local port viewed=127.0.0.1 find="xenstore-read /local/domain/\$(xl domid $1)/console/vnc-port"
    [ -z "$there" ] || viewed=$PEER
    port=$(${there:-bash -c} "$find")
    timeout "$limit" vncsnapshot -quiet -quality 100 "$viewed:$((port - 5900))" "$2" >/dev/null 2>&1 ||
        fail "no picture of $1"
}
