/*
 * The tap that QEMU gets for a NIC, and the firewall's program for it: what linux-nic.c and
 * micro-nic.c have in common.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "linux.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

/*
 * The header for offloads (IFF_VNET_HDR) is for virtio-net. In it the writer says where the kernel must write a
 * checksum, which could be in the middle of an address. Both our kernels write it before the firewall looks at the
 * frame (kernel-config/patches/0007; xen-layer/tap-frame.c).
 */
int linux_tap_open(unsigned int devid)
{
    struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
    cleanup_close int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    snprintf(request.ifr_name, sizeof(request.ifr_name), "tap%u", devid);
    if (ioctl(fd, TUNSETIFF, &request) < 0)
        return -errno;
    return steal_fd(&fd);
}

int linux_tap_pass(struct linux_platform *platform, int *tap, char *backend, size_t size)
{
    int rc = format_text(backend, size, "tap,fd=%d", *tap);

    if (!rc)
        rc = linux_pass_fd(platform, *tap);
    if (!rc)
        steal_fd(tap);
    return rc;
}

int linux_firewall_build(const struct platform *base, const struct frame_filter_rules *rules,
                         bool tag_aside, struct frame_filter *firewall)
{
    if (base->firewall)
        return frame_filter_build(rules, tag_aside, firewall);
    frame_filter_build_open(firewall);
    return 0;
}

const char *linux_firewall_kind(const struct platform *base, const struct frame_filter_rules *rules)
{
    if (!base->firewall)
        return "off";
    return rules->by_address ? "by MAC and addresses" : "by MAC";
}
