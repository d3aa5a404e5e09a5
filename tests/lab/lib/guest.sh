# shellcheck shell=bash disable=SC2034
# Configs, guests, their disks.
#
#   hvm_config NAME IMAGE [LINE...]  writes $cfg: an HVM guest with a stub domain (of $FLAVOUR), a copy of
#                                    that disk image, and more config lines. For two guests: twice, with a
#                                    `create` after each
#   linux_config [LINE...]           the same for "linux", whose kernel and ramdisk are given
#   reference                        $cfg's guest has QEMU in dom0 from now on
#   create [ARG...]                  $XL create $cfg; must succeed
#   stop GUEST                       xl destroy; until its stub domain is gone, too
#   domid GUEST                      its number, or fails
#   is_running GUEST                 neither paused nor shut down
#   is_again GUEST NUMBER            it runs, and is another domain than the one of that number
#   is_reset GUEST NUMBER            after a soft reset: it has another stub domain than that, and a console
#   no_domain NAME, no_process NAME
#   nothing_of GUEST                 neither domains of that name nor any process of a stub domain's
#   expect_reason CODE GUEST [WORDS] why it has ended, as xl has logged it: crash, reboot, poweroff
#   last_moment                      $cfg gets a NIC whose script holds xl when all is ready but the
#                                    guest does not run yet, for as long as xl lives
#   wait_last_moment GUEST           until xl is there
#   disk_of GUEST                    the file that is its first disk
#   disk_copy IMAGE [NAME]           prints a scratch, writable copy of a disk
#   add_disk SPEC                    one more disk in $cfg
#   disc NAME KIB                    $scratch/NAME.iso of that size, with data of its own
#   is_xen RELEASE                   dom0 has that one
#   has_cd_drives                    this Xen's libxl gives them to a guest with a stub domain
#   has_ahci                         dom0's SeaBIOS does not wait 32 s for them (docs/limits.md)

FLAVOUR=${LAB_FLAVOUR:-linux} GUESTS=/lab/guests BOOT=$XEN_DIR/boot

is_xen() { [ "${XEN_DIR##*/xen-}" = "$1" ]; }
has_cd_drives() { ! is_xen 4.17; }
has_ahci() { ! is_xen 4.17; }
disk_of() { echo "$scratch/$1-hda.img"; }
disk_copy() {
    cp "$GUESTS/$1" "$scratch/${2:-$1}"
    echo "$scratch/${2:-$1}"
}
add_disk() { sed -i "s|^disk = \[ \(.*\) \]\$|disk = [ \1, \"$1\" ]|" "$cfg"; }
disc() { head -c "$2k" /dev/urandom >"$scratch/$1.iso"; }

hvm_config() {
    cfg=$scratch/$1.cfg
    cat >"$cfg" <<END
name = "$1"
type = "hvm"
memory = 64
disk = [ "format=raw, vdev=hda, access=rw, target=$(disk_copy "$2" "$1-hda.img")" ]
serial = "pty"
vga = "stdvga"
vnc = 0
stubdom_flavor = "$FLAVOUR"
END
    # SeaBIOS reads an IDE disk word by word, an AHCI disk by DMA: a boot loader is
    # ten times as fast on the latter.
    [[ $2 != linux*.img ]] || ! has_ahci || echo 'hdtype = "ahci"' >>"$cfg"
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
stop() {
    run xl destroy "$1"
    expect_status 0
    wait_until 20 no_domain "$1-dm"
}

domid() {
    local id
    for id in $(xenstore-list /local/domain); do
        [ "$(xenstore-read "/local/domain/$id/name" 2>/dev/null)" != "$1" ] || { echo "$id"; return; }
    done
    return 1
}
is_running() { [[ $(xl list | awk -v name="$1" '$1 == name { print $5 }') =~ ^[r-][b-]----$ ]]; }
is_again() {
    local id
    id=$(domid "$1") && [ "$id" != "$2" ] && is_running "$1"
}
is_reset() {
    local stub
    stub=$(domid "$1-dm") && [ "$stub" != "$2" ] && xenstore-read "/local/domain/$(domid "$1")/serial/0/tty"
} >/dev/null 2>&1
no_domain() { ! domid "$1" >/dev/null; }
no_process() { ! pidof "$1" >/dev/null; }
nothing_of() {
    no_domain "$1" && no_domain "$1-dm" && no_domain "$1--incoming" && no_domain "$1--incoming-dm" &&
        no_process stubdom-dm && no_process vchan-socket-proxy
}
expect_reason() {
    local code log=/var/log/xen/xl-$2.log
    case $1 in
    poweroff) code=0 ;;
    reboot) code=1 ;;
    crash) code=3 ;;
    esac
    grep -q "reason code $code" "$log" || fail "${3:+$3: }not a $1: $(grep reason "$log")"
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
