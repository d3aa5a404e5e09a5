# shellcheck shell=bash disable=SC2034
# Devices of the machine that are given to guests (# machine: iommu). Slots 10 and 13 have NVMe disks (MSI-X), 11 has an
# e1000e, 12 an rtl8139 (INTx), 14 an AHCI controller with a disk (MSI) and, as 14.1, an NVMe disk.
#
#   pci_disk SLOT         prints dom0's device node of the disk in 00:SLOT.0; SLOT may be 14.1
#   pci_random SLOT       dom0 writes 16 MiB of random data to that disk: $pci_sum is its sum
#   pci_give SLOT         makes the device assignable to guests, until the scenario ends
#   pci_assignable SLOT   true: xl lists it as assignable
#   pci_take_back SLOT    gives the device back to dom0's driver
#   pci_lan               connects dom0's bridge to the network of these NICs
#   pci_guest [LINE...]   writes $cfg: the guest "linux", with the distribution's kernel and its drivers $pci_drivers
#   pci_up GUEST          opens the serial console of such a guest, and waits until it has loaded its drivers
#   pci_read [DISK NAME]  the guest reads what pci_random wrote, and writes 4 MiB, by DMA (default: nvme0n1 nvme).
#                         $pci_interrupts: the lines with NAME in its /proc/interrupts; $pci_count: how many came
#   pci_written SLOT      dom0 takes the disk back. Fails unless it finds what the guest has written

pci_drivers=(nvme)

pci_address() { case $1 in *.*) echo "00:$1" ;; *) echo "00:$1.0" ;; esac; }
pci_disk() {
    local node device driver
    device=/sys/bus/pci/devices/0000:$(pci_address "$1")/
    for driver in "${pci_drivers[@]}"; do modprobe "$driver"; done
    for _ in $(seq 50); do
        node=$(find "$device" \( -name 'nvme*n1' -o -name 'sd?' \) -printf '/dev/%f\n' -quit 2>/dev/null) || true
        [ -z "$node" ] || [ ! -b "$node" ] || { echo "$node"; return; }
        sleep 0.2
    done
    fail "dom0 has no disk in $(pci_address "$1")"
}
pci_assignable() { xl pci-assignable-list | grep -qF "$(pci_address "$1")"; }
pci_give() {
    modprobe xen-pciback
    run xl pci-assignable-add "$(pci_address "$1")"
    expect_status 0
    on_exit pci_leave "$1"
    pci_assignable "$1" || fail "$(pci_address "$1") is not assignable"
}
# After a failure the guest may still exist, and have the device.
pci_leave() {
    ! domid linux >/dev/null || xl destroy linux
    pci_take_back "$1"
}
# libxl leaves its xenstore folder with the driver's name.
pci_take_back() {
    ! pci_assignable "$1" || xl pci-assignable-remove -r "$(pci_address "$1")"
    [ -n "$(xl pci-assignable-list)" ] || xenstore-rm /libxl/pci
}
pci_lan() {
    modprobe virtio_net
    on_exit modprobe -r virtio_net
    wait_until 5 ip link set eth0 master xenbr0 up
}
# The distribution's kernel has its drivers as modules. They are in an archive behind the guest's own initrd.
pci_initrd() {
    local tree=$scratch/drivers file module
    mkdir -p "$tree/modules"
    for module in "${pci_drivers[@]}"; do modprobe -D "$module"; done >"$scratch/modules"
    for file in $(awk '$1 == "insmod" && !seen[$2]++ { print $2 }' "$scratch/modules"); do
        module=$(basename "${file%.xz}")
        case $file in *.xz) busybox xzcat "$file" ;; *) cat "$file" ;; esac >"$tree/modules/$module"
        echo "insmod /modules/$module" >>"$tree/modules/load"
    done
    cp "$GUESTS/linux-initrd" "$1"
    truncate -s %4 "$1"
    (cd "$tree" && find . | busybox cpio -o -H newc 2>/dev/null) >>"$1"
}
pci_guest() {
    [ -e "$scratch/pci-initrd" ] || pci_initrd "$scratch/pci-initrd"
    hvm_config linux boot-sector.img 'memory = 256' "kernel = \"$(echo /boot/vmlinuz-*)\"" \
        "ramdisk = \"$scratch/pci-initrd\"" 'cmdline = "console=ttyS0,115200 quiet nopv"' "$@"
}
pci_up() {
    up "$1" 200
    guest_run 'sh /modules/load 2>&1; cat /proc/modules' 60
}
pci_random() {
    local disk
    disk=$(pci_disk "$1")
    dd if=/dev/urandom of="$disk" bs=1M count=16 conv=fsync status=none
    pci_sum=$(dd if="$disk" bs=1M count=16 status=none | md5sum)
}
pci_read() {
    local disk=${1:-nvme0n1} name=${2:-nvme}
    guest_run "for i in \$(seq 50); do [ -b /dev/$disk ] && break; sleep 0.2; done; grep $name /proc/interrupts" 60
    pci_interrupts=$guest_output
    guest_run "dd if=/dev/$disk bs=1M count=16 2>/dev/null | md5sum" 120
    [ "${guest_output##*$'\n'}" = "$pci_sum" ] || fail "read by DMA: $guest_output, not $pci_sum"
    guest_run 'dd if=/dev/urandom of=/tmp/written bs=1M count=4'
    guest_run "dd if=/tmp/written of=/dev/$disk bs=1M seek=32 conv=fsync" 120
    guest_run 'md5sum </tmp/written && rm /tmp/written'
    pci_wrote=${guest_output##*$'\n'}
    guest_run "awk \"/$name/ { n += \\\$2 } END { print n }\" /proc/interrupts"
    pci_count=${guest_output##*$'\n'}
    [ "$pci_count" -gt 20 ] || fail "only $pci_count interrupts arrived"
}
pci_written() {
    local disk
    pci_take_back "$1"
    disk=$(pci_disk "$1")
    [ "$(dd if="$disk" bs=1M skip=32 count=4 status=none | md5sum)" = "$pci_wrote" ] ||
        fail "dom0 does not find what the guest wrote"
}
