# shellcheck shell=bash disable=SC2034
# Another image in the stub domain (on linux and micro, where a ramdisk takes the place of what is in the kernel).
#
#   stub_image FILE           our image is FILE until the scenario ends
#   stub_hostile              our image, and beside it a program that obeys dom0 (tests/guests/stub-hostile.c);
#                             $hostile is the config line for it. On rump, which is one program, our image alone
#   stub_obeys                is there such a program?
#   stub_parts WORD...        these, where there is
#   stub_order VERB [ARG...]  tiny's does that; another guest's when $stub_of says so
#   stub_done [SECONDS]       until it has done it
#   address_in_image NAME     of a function in the image of micro's kernel, or of rump, for `poke` (tests/guests/poke.c)

stub_image() {
    # The manifest records sizes: ours must not be held against another image.
    mount --bind "$1" "$BOOT/qemu-stubdom-$FLAVOUR-rootfs"
    on_exit umount "$BOOT/qemu-stubdom-$FLAVOUR-rootfs"
    mount --bind /dev/null "$BOOT/qemu-stubdom-$FLAVOUR.manifest"
    on_exit umount "$BOOT/qemu-stubdom-$FLAVOUR.manifest"
}

address_in_image() { awk -v name="$1" '$3 == name { print $1; exit }' /lab/symbols; }

stub_orders=0 stub_of=tiny hostile='stubdom_cmdline = "rdinit=/stub-test stub_test=beside"'
stub_obeys() { [ "$FLAVOUR" != rump ]; }
stub_parts() { ! stub_obeys || echo "$@"; }
stub_hostile() {
    if ! stub_obeys; then
        hostile=
        return
    fi
    local ours=$BOOT/qemu-stubdom-linux-rootfs
    [ "$FLAVOUR" != micro ] || ours=/lab/micro.cpio
    cat "$ours" "$GUESTS/stub-beside.cpio" >"$scratch/hostile.initrd"
    stub_image "$scratch/hostile.initrd"
}
stub_order() {
    stub_orders=$((stub_orders + 1))
    stub_folder=/local/domain/$(domid "$stub_of-dm")/data
    xenstore-write "$stub_folder/order" "$stub_orders $*"
}
stub_has_done() { [ "$(xenstore-read "$stub_folder/did" 2>/dev/null)" = "$stub_orders" ]; }
stub_done() {
    local trouble
    wait_until "${1:-30}" stub_has_done
    ! trouble=$(xenstore-read "$stub_folder/trouble" 2>/dev/null) || fail "the stub domain cannot: $trouble"
}
