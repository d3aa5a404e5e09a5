/*
 * What programs of the stub domain's Linux get of Xen's clock, without system calls (kernel-config/patches/0008).
 *
 * The vDSO calculates with a copy of the vCPU's time that Xen keeps up to date. Xen changes it once a second, when it
 * compares its own clocks. Where Xen cannot reach the copy while a program runs, it is changed at the next entry into
 * the kernel, which here is its tick: the kernel has changed its own time then, too. So it is counted how often
 * the copy alone changes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "stub-clock.h"

#include <stdint.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Of Linux 6.12: four pages before the vDSO, the kernel's own time and Xen's in the first two. */
#define PAGE 4096
#define DATA_PAGES 4
#define KERNELS_SEQUENCE 128

#define CHANGES 8
#define READS 100000

static int64_t nanoseconds(const struct timespec *t)
{
    return t->tv_sec * INT64_C(1000000000) + t->tv_nsec;
}

static int64_t by_vdso(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return nanoseconds(&t);
}

static int64_t by_system_call(void)
{
    struct timespec t;

    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
    return nanoseconds(&t);
}

/* Nanoseconds that a read takes. */
static int64_t cost(int64_t (*read)(void))
{
    int64_t start = by_system_call();

    for (int i = 0; i < READS; i++)
        read();
    return (by_system_call() - start) / READS;
}

/* How often a time was before one that was read earlier, in the other way. */
static int count_wrong(void)
{
    int64_t last = 0;
    int wrong = 0;

    for (int i = 0; i < READS; i++) {
        int64_t now = i % 2 ? by_vdso() : by_system_call();

        wrong += now < last;
        last = now;
    }
    return wrong;
}

static int count_alone(void)
{
    const char *data = (const char *)getauxval(AT_SYSINFO_EHDR) - DATA_PAGES * PAGE;
    const volatile uint32_t *kernels = (const volatile uint32_t *)(data + KERNELS_SEQUENCE);
    const volatile uint32_t *xens = (const volatile uint32_t *)(data + PAGE);
    uint32_t kernels_last = *kernels, xens_last = *xens;
    int changes = 0, alone = 0;

    while (changes < CHANGES) {
        uint32_t xens_now = *xens, kernels_now = *kernels;

        if (xens_now != xens_last) {
            changes++;
            alone += kernels_now == kernels_last;
        }
        xens_last = xens_now;
        kernels_last = kernels_now;
    }
    return alone;
}

void stub_clock(void)
{
    int64_t vdso = cost(by_vdso), call = cost(by_system_call);

    printf("clock: a read takes %d ns, a system call %d ns\n", (int)vdso, (int)call);
    printf("clock: %d of %d reads were wrong\n", count_wrong(), READS);
    fflush(stdout);
    /* Without Xen's time there is no page to look at. */
    if (vdso * 2 < call)
        printf("clock: %d of %d changes came without the kernel's\n", count_alone(), CHANGES);
    printf("clock: end\n");
    fflush(stdout);
}
