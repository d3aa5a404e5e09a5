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
 * Joins a tap (/dev/net/tun, after TUNSETIFF) to a vif of the domain. A frame that is written leaves by the vif if the
 * BPF program returns other than 0 for it; a frame that arrives there can be read. Only user 0 may do this, once for
 * each tap. The program sees whole frames, including VLAN tags (frame_filter_build() without tag_aside).
 *
 * EAGAIN: the vif is not in xenstore yet; a uevent comes with each new vif. ENODEV: its backend has gone, or has not
 * answered for 5 s. EBUSY: the tap, or the vif, is joined already. EINVAL: frame_filter_build() makes no such program.
 */
struct micro_tap_join {
    uint32_t vif;     /* N of device/vif/N */
    uint32_t count;   /* 1 to FRAME_FILTER_MAX_INSNS */
    uint64_t program; /* address of so many struct frame_filter_insn */
};
#define MICRO_TAP_JOIN _IOW('m', 1, struct micro_tap_join)

#endif
