# shellcheck shell=bash disable=SC2034
# Another image in the stub domain (on linux and micro; on micro a ramdisk replaces the archive in the kernel).
#
#   stub_image FILE           installs FILE as our image until the scenario ends
#   stub_hostile              installs our image with a program that obeys dom0 (tests/guests/stub-hostile.c); $hostile
#                             is the config line for it. rump's image is a single program: there it stays as it is
#   stub_obeys                true: this flavour can have such a program
#   stub_parts WORD...        prints the words if this flavour can have such a program
#   stub_order VERB [ARG...]  orders the program in tiny's stub domain (or in that of the guest $stub_of)
#   stub_done [SECONDS]       waits until it has carried out the order
#   address_in_image NAME     prints the address of a function of micro's kernel, or of rump, for tests/guests/poke.c

stub_image() {
    # The manifest has our image's sizes, so it is hidden.
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
