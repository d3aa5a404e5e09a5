/*
 * Joins a vif of the stub domain to QEMU: a frame that QEMU writes to a tap leaves by the vif's ethN if the firewall
 * passes it, and a frame that arrives at ethN goes to the tap. Only the rules with the firewall's program connect the
 * two, so no frame can pass without it. Neither interface has an address.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "linux.h"
#include "linux-tc.h"
#include "log.h"

#include <errno.h>
#include <linux/filter.h>
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
 * Which ethN has this address? The N follows the order of probing, not the vif's device number. Two vifs may have the
 * same address; each gets an ethN of its own.
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

static int attach(struct linux_platform *platform, int sock, unsigned int devid, unsigned int vif,
                  const struct frame_filter_rules *rules, char *backend, size_t size)
{
    struct frame_filter firewall;
    cleanup_close int tap = linux_tap_open(devid);
    int rc;

    if (tap < 0)
        return tap;
    rc = linux_firewall_build(&platform->base, rules, true, &firewall);
    if (!rc)
        rc = join(sock, devid, vif, &firewall);
    return rc ? rc : linux_tap_pass(platform, &tap, backend, size);
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
    log_info("NIC %u: eth%u joined to tap%u, firewall %s", devid, vif, devid, linux_firewall_kind(base, rules));
    return 0;
}
