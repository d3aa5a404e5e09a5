/*
 * linux-tc: Linux's traffic control by rtnetlink, for programs of frame-filter.h. Used in the stub
 * domain (between a tap and a vif) and in dom0 (on a vif). Blocks for the kernel's answers; logs nothing.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef LINUX_TC_H
#define LINUX_TC_H

#include "frame-filter.h"

/*
 * Frames that arrive at the interface `from` and pass the program leave by `to`; all others are dropped. Both are
 * indices. `from` must have no such rule yet. 0, or the kernel's -errno.
 */
int linux_tc_connect(int from, const struct frame_filter *filter, int to);

/*
 * Frames that arrive at the interface and pass the program go on as usual; all others are dropped there. The kernel
 * removes the rules together with the interface. Others may have installed filters there, but not with our priorities,
 * 1 and 2. 0, or the kernel's -errno: then the caller must not set the interface up.
 */
int linux_tc_guard(int interface, const struct frame_filter *filter);

#endif
