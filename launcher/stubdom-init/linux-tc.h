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
 * What arrives at the interface `from`, and passes the program, leaves by `to`; everything else is dropped.
 * Both by their index; `from` must not have been given one before. 0, or the kernel's -errno.
 */
int linux_tc_connect(int from, const struct frame_filter *filter, int to);

/*
 * What arrives at the interface, and passes the program, goes its way; everything else is dropped there.
 * The kernel takes the rules away with the interface. Somebody else's filters may hang there already, but
 * not with our priorities, 1 and 2. 0, or the kernel's -errno: then the caller must not set the interface up.
 */
int linux_tc_guard(int interface, const struct frame_filter *filter);

#endif
