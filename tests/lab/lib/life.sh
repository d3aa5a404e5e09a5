# shellcheck shell=bash disable=SC2034
# A Linux guest at work, whose memory, disk, network and screen are checked. tests/guests/life is its side of this.
#
#   life_guest NAME [LINE...]      writes $cfg: a Linux guest for the words below, with VNC and a NIC. LIFE_CMDLINE is
#                                  put into its kernel's command line (default nopv). LIFE_HOST is the last number of
#                                  its addresses (default 10): of two guests one needs another
#   life_begin GUEST               the guest begins to check its memory, to write to its disk and to ping dom0, and
#                                  shows a picture: ${life_screen[GUEST]}
#   life_check GUEST [no-screen]   fails unless all of it goes on and is whole, and (except with no-screen) the picture
#                                  is the same. Ends the writing to the disk
#   life_write [GUEST]             the guest begins to write again, for the next check
#   life_disk GUEST                after the guest's end: fails unless the file that it wrote first is whole on its
#                                  disk. ${life_sum[GUEST]} is the file's sum, /mnt/before its name in the guest
#   life_rename GUEST NEW          xl renames the guest; from now on NEW is its name for these words, too

declare -A life_sum=() life_screen=() life_round=() life_host=()

# Booted directly, because GRUB takes longer than the kernel.
life_guest() {
    local name=$1 mac
    shift
    life_host[$name]=${LIFE_HOST:-10}
    mac=00:16:3e:00:00:$(printf %02x "${life_host[$name]}")
    hvm_config "$name" linux.img 'vnc = 1' "vif = [ \"mac=$mac, bridge=xenbr0, model=e1000\" ]" \
        "kernel = \"$GUESTS/linux-vmlinuz\"" "ramdisk = \"$GUESTS/linux-initrd\"" \
        "cmdline = \"console=tty0 console=ttyS0,115200 quiet ${LIFE_CMDLINE-nopv}\"" "$@"
}
life_begin() {
    serial_use "$1"
    guest_run "life begin 192.168.77.${life_host[$1]}"
    life_sum[$1]=${guest_output##*$'\n'} life_round[$1]=0 life_screen[$1]=$scratch/screen-$1.jpg
    screen_of "$1" "${life_screen[$1]}"
}
life_write() {
    [ -z "${1:-}" ] || serial_use "$1"
    guest_run 'life write'
}
life_check() {
    serial_use "$1"
    for _ in 1 2; do
        sleep 0.5
        guest_run 'cat /tmp/pattern'
        # Messages of the kernel may stand before it.
        [[ ${guest_output##*$'\n'} =~ ^round\ ([0-9]+),\ errors\ 0$ ]] || fail "memory: $guest_output"
        [ "${BASH_REMATCH[1]}" -gt "${life_round[$1]}" ] || fail "memory is not checked any more: $guest_output"
        life_round[$1]=${BASH_REMATCH[1]}
    done
    guest_run 'life pings'
    guest_run 'life has-written'
    [ "${guest_output##*$'\n'}" = same ] || fail "disk: no pass was written whole after it: $guest_output"
    [ "${2:-}" != no-screen ] || return 0
    screen_of "$1" "$OUT/screen-after-$1.jpg"
    cmp "${life_screen[$1]}" "$OUT/screen-after-$1.jpg" || fail "the screen has changed"
}
life_rename() {
    local of
    xl rename "$1" "$2"
    ln "$(disk_of "$1")" "$(disk_of "$2")"
    for of in serial_{pid,fd,from,logs} life_{sum,screen,round,host}; do
        local -n value=$of
        value[$2]=${value[$1]}
        unset "value[$1]"
        unset -n value
    done
}
life_disk() {
    local loop
    loop=$(losetup -fP --show "$(disk_of "$1")")
    mkdir -p "$scratch/disk"
    mount -o ro "${loop}p1" "$scratch/disk"
    [ "$(md5sum <"$scratch/disk/before")" = "${life_sum[$1]}" ] || fail "disk: not the file that the guest wrote"
    umount "$scratch/disk"
    losetup -d "$loop"
}
