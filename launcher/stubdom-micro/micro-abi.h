/*
 * What the micro kernel has beyond Linux's interfaces, for the launcher (stubdom-init/micro-*.c).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MICRO_ABI_H
#define MICRO_ABI_H

#include "../../common/frame-filter.h"

#include <linux/ioctl.h>

/*
 * Joins a tap (/dev/net/tun, after TUNSETIFF) to the domain's vif: what is written to it leaves
 * by the vif if the program returns other than 0 for it, what arrives there can be read.
 * For user 0, once for each tap. The program sees whole frames, VLAN tags included
 * (frame_filter_build() without tag_aside).
 *
 * EAGAIN: that vif is not there yet; a uevent comes when one is. ENODEV: its backend has gone,
 * or does not answer (waits up to 5 s). EBUSY: the tap, or the vif, is joined already. EINVAL:
 * not a program that frame_filter_build() makes.
 */
struct micro_tap_join {
    uint32_t vif;     /* N of device/vif/N */
    uint32_t count;   /* 1 to FRAME_FILTER_MAX_INSNS */
    uint64_t program; /* address of so many struct frame_filter_insn */
};
#define MICRO_TAP_JOIN _IOW('m', 1, struct micro_tap_join)

#endif
