#!/bin/bash
# Tools to look inside a stub domain, on top of the plain image: busybox with a
# shell, strace and gdbserver with the libraries that they need.

check() {
    return 255
}

depends() {
    echo xen-stubdom
}

install() {
    local applet
    inst_simple /usr/bin/busybox /usr/bin/busybox
    for applet in sh $(busybox --list); do
        [ -e "$initdir/usr/bin/$applet" ] || ln -s busybox "$initdir/usr/bin/$applet"
    done
    inst_multiple strace gdbserver
}
