/*
 * Joins a vif of the stub domain to QEMU: what QEMU writes to a tap leaves by the vif's
 * ethN if the firewall passes it, what arrives at ethN goes to the tap. Nothing else
 * connects the two, so that without the firewall's program there is no way out. No
 * address, no script.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "linux.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

_Static_assert(sizeof(struct frame_filter_insn) == sizeof(struct sock_filter) &&
                   offsetof(struct frame_filter_insn, k) == offsetof(struct sock_filter, k) &&
                   FRAME_FILTER_MAX_INSNS <= BPF_MAXINSNS,
               "a program of frame-filter.h is one of Linux's");

static void set_name(struct ifreq *request, const char *prefix, unsigned int n)
{
    memset(request, 0, sizeof(*request));
    snprintf(request->ifr_name, sizeof(request->ifr_name), "%s%u", prefix, n);
}

static int set_up(int sock, const char *prefix, unsigned int n)
{
    struct ifreq request;

    set_name(&request, prefix, n);
    if (ioctl(sock, SIOCGIFFLAGS, &request) < 0)
        return -errno;
    request.ifr_flags |= IFF_UP;
    return ioctl(sock, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
}

static int find_index(int sock, const char *prefix, unsigned int n, int *index)
{
    struct ifreq request;

    set_name(&request, prefix, n);
    if (ioctl(sock, SIOCGIFINDEX, &request) < 0)
        return -errno;
    *index = request.ifr_ifindex;
    return 0;
}

/*
 * Which ethN has this address? Names follow the order of probing, which is not that
 * of the device numbers. Two vifs with one address get one ethN each.
 */
static int find_vif(struct linux_platform *platform, int sock, const uint8_t *mac, unsigned int *vif)
{
    for (unsigned int n = 0; n < DM_MAX_NICS; n++) {
        struct ifreq request;

        set_name(&request, "eth", n);
        if (platform->taken_vifs[n] || ioctl(sock, SIOCGIFHWADDR, &request) < 0)
            continue;
        if (!memcmp(request.ifr_hwaddr.sa_data, mac, FRAME_FILTER_MAC)) {
            *vif = n;
            return 0;
        }
    }
    return -EAGAIN;
}

/*
 * The header for offloads (IFF_VNET_HDR) is for virtio-net. Its writer says where the kernel
 * shall write a checksum: our kernel does that before the firewall looks
 * (kernel-config/patches/0007), else it could be in an address.
 */
static int open_tap(unsigned int devid)
{
    struct ifreq request;
    cleanup_close int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    set_name(&request, "tap", devid);
    request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    if (ioctl(fd, TUNSETIFF, &request) < 0)
        return -errno;
    return steal_fd(&fd);
}

static int join(int sock, unsigned int devid, unsigned int vif, const struct frame_filter *firewall)
{
    struct frame_filter all;
    int tap_index = 0, vif_index = 0;
    int rc = find_index(sock, "tap", devid, &tap_index);

    if (!rc)
        rc = find_index(sock, "eth", vif, &vif_index);
    if (!rc)
        rc = linux_tc_connect(tap_index, firewall, vif_index);
    frame_filter_build_open(&all);
    if (!rc)
        rc = linux_tc_connect(vif_index, &all, tap_index);
    if (!rc)
        rc = set_up(sock, "tap", devid);
    return rc ? rc : set_up(sock, "eth", vif);
}

static int build_firewall(const struct platform *base, const struct frame_filter_rules *rules,
                          struct frame_filter *firewall)
{
    if (base->firewall)
        return frame_filter_build(rules, true, firewall);
    frame_filter_build_open(firewall);
    return 0;
}

static int attach(struct linux_platform *platform, int sock, unsigned int devid, unsigned int vif,
                  const struct frame_filter_rules *rules, char *backend, size_t size)
{
    struct frame_filter firewall;
    cleanup_close int tap = open_tap(devid);
    int rc;

    if (tap < 0)
        return tap;
    rc = build_firewall(&platform->base, rules, &firewall);
    if (!rc)
        rc = join(sock, devid, vif, &firewall);
    if (!rc)
        rc = format_text(backend, size, "tap,fd=%d", tap);
    if (!rc)
        rc = linux_pass_fd(platform, tap);
    if (!rc)
        steal_fd(&tap);
    return rc;
}

int linux_nic_attach(struct platform *base, unsigned int devid,
                     const struct frame_filter_rules *rules, char *backend, size_t size)
{
    struct linux_platform *platform = (struct linux_platform *)base;
    cleanup_close int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    unsigned int vif = 0;
    int rc;

    if (sock < 0)
        return -errno;
    rc = find_vif(platform, sock, rules->mac, &vif);
    if (rc)
        return rc;
    rc = attach(platform, sock, devid, vif, rules, backend, size);
    if (rc) {
        log_error("NIC %u: cannot join eth%u and a tap: %s", devid, vif, strerror(-rc));
        return rc;
    }
    platform->taken_vifs[vif] = true;
    log_info("NIC %u: eth%u joined to tap%u, firewall %s", devid, vif, devid,
             !base->firewall ? "off" : rules->by_address ? "by MAC and addresses" : "by MAC");
    return 0;
}
