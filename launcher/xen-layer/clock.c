/*
 * The clock of a PV domain: Xen's time (xen-time.h), from the domain's start on.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "layer.h"
#include "xen-time.h"

static uint64_t began;

void pv_clock_init(void)
{
    began = xen_time(pv_shared_info);
}

uint64_t pv_clock(void)
{
    static uint64_t last;
    uint64_t now = xen_time(pv_shared_info) - began;

    /* Xen may have moved us to a CPU whose counter is a little behind. */
    if ((int64_t)(now - last) > 0)
        last = now;
    return last;
}

uint64_t pv_clock_to_xen(uint64_t time)
{
    return time + began;
}

uint64_t pv_clock_epoch(void)
{
    return xen_epoch(pv_shared_info) + began;
}
