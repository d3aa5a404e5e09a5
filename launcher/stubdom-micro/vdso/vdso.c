/*
 * The time without a system call: a small shared object that the kernel maps into each program, as
 * Linux does. The C library finds it by AT_SYSINFO_EHDR. It reads Xen's time record in the
 * shared info page, which Xen keeps right by itself, whichever CPU we run on.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "vdso.h"

#include <stdbool.h>
#include <stddef.h>

#include <linux/time.h>
#include <asm/unistd.h>

/* Placed by vdso.lds, behind this image. */
extern const volatile struct vdso_data vdso_data __attribute__((visibility("hidden")));
extern const volatile shared_info_t vdso_shared_info __attribute__((visibility("hidden")));

static uint64_t scale(uint64_t ticks, uint32_t mul, int8_t shift)
{
    ticks = shift >= 0 ? ticks << shift : ticks >> -shift;
    return (uint64_t)((unsigned __int128)ticks * mul >> 32);
}

static uint64_t xen_time(void)
{
    const volatile struct vcpu_time_info *time = &vdso_shared_info.vcpu_info[0].time;
    uint32_t version, low, high;
    uint64_t now;

    do {
        version = time->version;
        __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) :: "memory");
        now = time->system_time + scale(((uint64_t)high << 32 | low) - time->tsc_timestamp,
                                        time->tsc_to_system_mul, time->tsc_shift);
        __asm__ volatile("" ::: "memory");
    } while (version & 1 || version != time->version);
    return now;
}

static uint64_t wall_clock_at_zero(void)
{
    uint32_t version;
    uint64_t epoch;

    do {
        version = vdso_shared_info.wc_version;
        __asm__ volatile("" ::: "memory");
        epoch = ((uint64_t)vdso_shared_info.wc_sec_hi << 32 | vdso_shared_info.wc_sec) * 1000000000UL +
                vdso_shared_info.wc_nsec;
        __asm__ volatile("" ::: "memory");
    } while (version & 1 || version != vdso_shared_info.wc_version);
    return epoch;
}

static long call_kernel(long number, long a, long b)
{
    long rc;

    __asm__ volatile("syscall" : "=a"(rc) : "0"(number), "D"(a), "S"(b) : "rcx", "r11", "memory");
    return rc;
}

int __vdso_clock_gettime(int clock, struct __kernel_timespec *to);

int __vdso_clock_gettime(int clock, struct __kernel_timespec *to)
{
    uint64_t now;

    if (clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_RAW || clock == CLOCK_BOOTTIME)
        now = xen_time() - vdso_data.began;
    else if (clock == CLOCK_REALTIME)
        now = xen_time() + wall_clock_at_zero();
    else
        return (int)call_kernel(__NR_clock_gettime, clock, (long)to);
    to->tv_sec = (int64_t)(now / 1000000000UL);
    to->tv_nsec = (int64_t)(now % 1000000000UL);
    return 0;
}
