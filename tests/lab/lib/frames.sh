# shellcheck shell=bash disable=SC2034
# Frames that a NIC may send, and frames that it may not.
#
#   spoof IF MAC CLASSES SENDER...   a NIC with that MAC (12 digits of hex), 192.168.77.10 and fd00::a0a sends all
#                                    kinds of frames: SENDER is called with a file that has a frame in each line.
#                                    Fails unless exactly the frames of these classes (below) arrive at IF in dom0
#   guest_frames NIC                 a SENDER: the Linux guest sends them
#   stub_frames                      a SENDER: a stub_hostile sends them
#   netfront_guest NAME [LINE...]    writes $cfg: a guest with dom0's kernel, whose NICs are Xen's
#   netfront_up                      to be called when it is up: loads their driver; $nics are the NICs' names

# The frames: class, name, beginning. Class: a: may pass always; m: may pass if only the MAC is checked; n: never.
# spoof adds a number at the end.
frames() {
    local mac=$1 link6=fe8000000000000002163efffe${1#??????}
    local evil=00163e0000ee all=ffffffffffff own=c0a84d0a other=c0a84d0b none=00000000
    local own6=fd000000000000000000000000000a0a other6=fd000000000000000000000000000b0b
    local nodes6=ff020000000000000000000000000001 arp=0806000108000604 udp4=080045000032000000004011
    cat <<END
a own_IPv4        $all$mac${udp4}0000${own}c0a84d01 000900090000
m others_IPv4     $all$mac${udp4}0000${other}c0a84d01 000900090000
a DHCP            $all$mac${udp4}0000${none}ffffffff 00440043001e0000
m no_IPv4         $all$mac${udp4}0000${none}c0a84d01 000900090000
n others_MAC      $all$evil${udp4}0000${own}c0a84d01 000900090000
m others_fragment $all${mac}080045000032000020014011 0000${other}c0a84d01
a own_ARP         $all$mac${arp}0002$mac$own$all$own
m others_ARP      $all$mac${arp}0002$mac$other$all$other
m MAC_in_ARP      $all$mac${arp}0002$evil$own$all$own
a ARP_probe       $all$mac${arp}0001$mac${none}000000000000$own
a own_IPv6        333300000001${mac}86dd60000000000811ff$own6${nodes6}0009000900080000
m others_IPv6     333300000001${mac}86dd60000000000811ff$other6${nodes6}0009000900080000
a own_ND          333300000001${mac}86dd6000000000203aff$link6${nodes6}8800000020000000${own6}0201$mac
m others_ND       333300000001${mac}86dd6000000000203aff$link6${nodes6}8800000020000000${other6}0201$mac
m MAC_in_ND       333300000001${mac}86dd6000000000203aff$link6${nodes6}8800000020000000${own6}0201$evil
m hidden_ND       333300000001${mac}86dd6000000000283cff$link6${nodes6}3a000104000000008800000020000000${other6}0201$mac
m router          333300000001${mac}86dd6000000000103aff$link6${nodes6}8600000040000708${none}${none}
m VLAN            $all${mac}81000005${udp4}0000${own}c0a84d01
m other_type      $all${mac}88b5
END
}
spoof() {
    local watched=$1 classes=$3 n=0 class name frame pcap=$scratch/pcap watcher
    # The number is appended: it ends up in the padding, or behind the headers.
    while read -r class name frame; do
        n=$((n + 1))
        printf '%s %s %scafe%02xfeed\n' "$class" "$name" "${frame// /}" $n
    done < <(frames "$2") >"$scratch/frames"
    ip link set dev "$watched" promisc on
    tcpdump -q -n -U -i "$watched" -Q in -w "$pcap" >"$scratch/tcpdump" 2>&1 &
    watcher=$!
    wait_until 10 grep -q listening "$scratch/tcpdump"
    cut -d' ' -f3 "$scratch/frames" >"$scratch/to-send"
    "${@:4}" "$scratch/to-send"
    sleep 1
    kill "$watcher"
    wait "$watcher" || true
    ip link set dev "$watched" promisc off
    tcpdump -n -xx -r "$pcap" 2>/dev/null |
        awk '/^\t0x/ { sub(/^[^:]*:/, ""); gsub(/ /, ""); printf "%s", $0; next } { print "" }' >"$scratch/seen"
    while read -r class name frame; do
        if grep -q "${frame: -12}" "$scratch/seen"; then
            [[ $classes == *$class* ]] || fail "$watched got '$name' of $2"
        else
            [[ $classes != *$class* ]] || fail "$watched did not get '$name' of $2"
        fi
    done <"$scratch/frames"
}
guest_frames() {
    local nic=$1 n=0 batch='' frame
    while read -r frame; do
        n=$((n + 1))
        batch+="net-test send $nic 120 $frame;"
        [ $((n % 8)) -ne 0 ] || { guest_run "$batch"; batch=''; }
    done <"$2"
    guest_run "${batch}sleep 1"
}
stub_frames() {
    local frame
    while read -r frame; do
        stub_order send-frame "$frame"
        stub_done 10
    done <"$1"
}

# The lab's own guest kernel has no driver for Xen's NICs; Debian's has.
netfront_guest() {
    local name=$1 file
    shift
    mkdir -p "$scratch/modules"
    file=$(find /usr/lib/modules -name 'xen-netfront.ko*')
    case $file in *.xz) busybox xzcat "$file" ;; *) cat "$file" ;; esac >"$scratch/modules/xen-netfront.ko"
    # A part behind a compressed one must begin at a multiple of four.
    cp "$GUESTS/linux-initrd" "$scratch/netfront.initrd"
    truncate -s %4 "$scratch/netfront.initrd"
    (cd "$scratch/modules" && find . | busybox cpio -o -H newc 2>/dev/null) >>"$scratch/netfront.initrd"
    hvm_config "$name" boot-sector.img 'memory = 256' "kernel = \"$(echo /boot/vmlinuz-*)\"" \
        "ramdisk = \"$scratch/netfront.initrd\"" 'cmdline = "console=ttyS0,115200 quiet"' "$@"
}
netfront_up() {
    guest_run 'insmod /xen-netfront.ko 2>/dev/null; sleep 1; '\
'for n in /sys/class/net/e*; do echo "$(cat $n/address) ${n##*/} $(cat $n/device/modalias)"; done | sort'
    ! grep -v ' xen:vif$' <<<"$guest_output" || fail "not a driver of Xen's: $guest_output"
    mapfile -t nics < <(cut -d' ' -f2 <<<"$guest_output")
    guest_run "for n in ${nics[*]}; do ip link set \$n up; done; sleep 1"
}
