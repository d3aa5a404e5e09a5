# shellcheck shell=bash
# What a viewer sees.
#
#   vnc_port GUEST         the TCP port where its viewers connect
#   screen_of GUEST FILE   a picture of its screen, which must not be all black: of that
#                          vncsnapshot makes none, it waits for another one

vnc_port() { xenstore-read "/local/domain/$(domid "$1")/console/vnc-port"; }
screen_of() {
    local port viewed=127.0.0.1 find="xenstore-read /local/domain/\$(xl domid $1)/console/vnc-port"
    [ -z "$there" ] || viewed=$PEER
    port=$(${there:-bash -c} "$find")
    timeout "$limit" vncsnapshot -quiet -quality 100 "$viewed:$((port - 5900))" "$2" >/dev/null 2>&1 ||
        fail "no picture of $1"
}
