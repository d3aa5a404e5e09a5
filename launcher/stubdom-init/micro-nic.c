/*
 * Joins a vif of the stub domain to QEMU on the micro kernel, by one ioctl: a frame that QEMU writes to a tap passes
 * the firewall's program and leaves by the vif; a frame that arrives there can be read from the tap. The kernel finds
 * the vif by the device number.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "linux.h"
#include "log.h"
#include "micro-abi.h"
#include "util.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

static int join(int tap, unsigned int devid, const struct frame_filter *firewall)
{
    const struct micro_tap_join request = {
        .vif = devid,
        .count = firewall->count,
        .program = (uintptr_t)firewall->insns,
    };

    return ioctl(tap, MICRO_TAP_JOIN, &request) < 0 ? -errno : 0;
}

static int attach(struct linux_platform *platform, unsigned int devid,
                  const struct frame_filter_rules *rules, char *backend, size_t size)
{
    struct frame_filter firewall;
    cleanup_close int tap = linux_tap_open(devid);
    int rc;

    if (tap < 0)
        return tap;
    rc = linux_firewall_build(&platform->base, rules, false, &firewall);
    if (!rc)
        rc = join(tap, devid, &firewall);
    return rc ? rc : linux_tap_pass(platform, &tap, backend, size);
}

int linux_nic_attach(struct platform *base, unsigned int devid,
                     const struct frame_filter_rules *rules, char *backend, size_t size)
{
    int rc = attach((struct linux_platform *)base, devid, rules, backend, size);

    if (!rc)
        log_info("NIC %u: vif joined to a tap, firewall %s", devid,
                 linux_firewall_kind(base, rules));
    else if (rc != -EAGAIN)
        log_error("NIC %u: cannot join its vif and a tap: %s", devid, strerror(-rc));
    return rc;
}
