# shellcheck shell=bash disable=SC2034
# Configs, guests, their disks.
#
#   hvm_config NAME IMAGE [LINE...]  writes $cfg: an HVM guest with a stub domain (of $FLAVOUR), a copy of that disk
#                                    image, and more config lines. For two guests call it twice, with a `create`
#                                    after each
#   linux_config [LINE...]           the same for the Linux guest "linux", with kernel and ramdisk from dom0
#   reference                        from now on $cfg's guest has its QEMU in dom0
#   create [ARG...]                  $XL create $cfg; fails unless that succeeds
#   stop GUEST                       xl destroy; waits until its stub domain is gone, too
#   domid GUEST                      prints its number; false: there is no such domain
#   is_running GUEST                 true: it is neither paused nor shut down
#   is_again GUEST NUMBER            true: it runs, with another number than this
#   is_reset GUEST NUMBER            true, after a soft reset: its stub domain has another number than this, and it has
#                                    a console
#   no_domain NAME                   true: no domain has this name
#   no_process NAME                  true: no process has this name
#   nothing_of GUEST                 true: no domain of it is left, and no process of any stub domain
#   expect_reason CODE GUEST [WORDS] fails, saying WORDS, unless xl's log says that the guest ended with this code:
#                                    crash, reboot, poweroff
#   last_moment                      adds a NIC to $cfg whose script holds xl for ever, when all is ready but the guest
#                                    does not run yet
#   wait_last_moment GUEST           waits until xl is held there
#   disk_of GUEST                    prints the file of its first disk
#   disk_copy IMAGE [NAME]           makes a writable copy of a disk image, prints its name
#   add_disk SPEC                    adds a disk to $cfg
#   find_disk NAME                   $dev is the Linux guest's name of the disk that has the size of $scratch/NAME
#   loop_device FILE [OPTION...]     $loop is a loop device of FILE (options of losetup), until the scenario ends
#   mapped NAME <TABLE               a device /dev/mapper/NAME with that table, until the scenario ends
#   disc NAME KIB                    makes $scratch/NAME.iso of that size, with random data
#   is_xen RELEASE                   true: dom0 has this release of Xen
#   has_cd_drives                    true: this Xen's libxl can give a guest with a stub domain CD drives
#   has_ahci                         true: dom0's SeaBIOS does not wait 32 s for each AHCI disk (docs/limits.md)

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
find_disk() {
    guest_run "grep -lx $(($(stat -c %s "$scratch/$1") / 512)) /sys/block/s*/size"
    dev=$(cut -d/ -f4 <<<"$guest_output")
    [[ $dev =~ ^s[dr][a-z0-9]*$ ]] || fail "the guest has no disk $1: $guest_output"
}
loop_device() {
    loop=$(losetup -f --show "${@:2}" "$1")
    on_exit losetup -d "$loop"
}
mapped() {
    dmsetup create --noudevsync "$1"
    on_exit dmsetup remove --deferred --noudevsync "$1"
    dmsetup mknodes "$1" # dom0 has no udev that would do so
}
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

# libxl makes the stub domain's NIC first, and the guest's own one when the device model has said `running`.
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
