/*
 * Xen's time, read from the shared info page, which Xen keeps up to date: for the Xen layer's clock (clock.c), and for
 * the micro kernel's vDSO, which runs in user mode. Both have one vCPU.
 *
 * Xen makes a version odd while it writes what belongs to it, and changes the version with each write.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XEN_TIME_H
#define XEN_TIME_H

#include <stdint.h>

#include <xen/xen.h>

#define XEN_TIME_BARRIER() __asm__ volatile("" ::: "memory")

/* Ticks of the CPU's counter in nanoseconds. */
static inline uint64_t xen_time_scale(uint64_t ticks, uint32_t mul, int8_t shift)
{
    ticks = shift >= 0 ? ticks << shift : ticks >> -shift;
    return (uint64_t)((unsigned __int128)ticks * mul >> 32);
}

/* Nanoseconds since Xen has started: the CPU's counter with its rate and Xen's last time stamp of it. */
static inline uint64_t xen_time(const volatile shared_info_t *shared)
{
    const volatile struct vcpu_time_info *time = &shared->vcpu_info[0].time;
    uint32_t version, low, high;
    uint64_t now;

    do {
        version = time->version;
        __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) :: "memory");
        now = time->system_time + xen_time_scale(((uint64_t)high << 32 | low) - time->tsc_timestamp,
                                                 time->tsc_to_system_mul, time->tsc_shift);
        XEN_TIME_BARRIER();
    } while (version & 1 || version != time->version);
    return now;
}

/* The wall clock when xen_time() was 0, in nanoseconds since 1970. */
static inline uint64_t xen_epoch(const volatile shared_info_t *shared)
{
    uint32_t version;
    uint64_t epoch;

    do {
        version = shared->wc_version;
        XEN_TIME_BARRIER();
        epoch = ((uint64_t)shared->wc_sec_hi << 32 | shared->wc_sec) * 1000000000UL + shared->wc_nsec;
        XEN_TIME_BARRIER();
    } while (version & 1 || version != shared->wc_version);
    return epoch;
}

#endif
