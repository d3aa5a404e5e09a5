/*
 * Time, as Xen gives it to a PV domain: a time stamp of this CPU's counter with its rate
 * (struct vcpu_time_info, xen/xen.h), and the wall clock of boot.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "layer.h"

static uint64_t began;

static uint64_t scale(uint64_t ticks, uint32_t mul, int8_t shift)
{
    ticks = shift >= 0 ? ticks << shift : ticks >> -shift;
    return (uint64_t)((unsigned __int128)ticks * mul >> 32);
}

static uint64_t xen_time(void)
{
    const volatile struct vcpu_time_info *time = &pv_shared_info->vcpu_info[0].time;
    uint32_t version, low, high;
    uint64_t now;

    do {
        version = time->version;
        pv_barrier();
        __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high));
        now = time->system_time + scale(((uint64_t)high << 32 | low) - time->tsc_timestamp,
                                        time->tsc_to_system_mul, time->tsc_shift);
        pv_barrier();
    } while (version & 1 || version != time->version);
    return now;
}

void pv_clock_init(void)
{
    began = xen_time();
}

uint64_t pv_clock(void)
{
    static uint64_t last;
    uint64_t now = xen_time() - began;

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
    const volatile shared_info_t *info = pv_shared_info;
    uint32_t version;
    uint64_t epoch;

    do {
        version = info->wc_version;
        pv_barrier();
        epoch = ((uint64_t)info->wc_sec_hi << 32 | info->wc_sec) * PV_SECOND + info->wc_nsec;
        pv_barrier();
    } while (version & 1 || version != info->wc_version);
    return epoch + began;
}
