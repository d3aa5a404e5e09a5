/*
 * The time without a system call: a small shared object that the kernel maps into each program, as
 * Linux does. The C library finds it by AT_SYSINFO_EHDR. It reads Xen's time record in the
 * shared info page, which Xen keeps right by itself, whichever CPU we run on.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "vdso.h"
#include "xen-time.h"

#include <stdbool.h>
#include <stddef.h>

#include <linux/time.h>
#include <asm/unistd.h>

/* Placed by vdso.lds, behind this image. */
extern const volatile struct vdso_data vdso_data __attribute__((visibility("hidden")));
extern const volatile shared_info_t vdso_shared_info __attribute__((visibility("hidden")));

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
        now = xen_time(&vdso_shared_info) - vdso_data.began;
    else if (clock == CLOCK_REALTIME)
        now = xen_time(&vdso_shared_info) + xen_epoch(&vdso_shared_info);
    else
        return (int)call_kernel(__NR_clock_gettime, clock, (long)to);
    to->tv_sec = (int64_t)(now / 1000000000UL);
    to->tv_nsec = (int64_t)(now % 1000000000UL);
    return 0;
}
