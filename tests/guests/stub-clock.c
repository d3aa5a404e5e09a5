/*
 * Tests the vDSO of the stub domain's Linux, which reads Xen's clock without system calls (kernel-config/patches/0008).
 *
 * The vDSO reads a copy of the vCPU's time that Xen keeps up to date. Xen changes the copy once a second, when it
 * calibrates its clock. If Xen could not write to the copy while a program runs, the copy would only change at the next
 * entry into the kernel. In this test that is the kernel's tick, which changes the kernel's own time data as well. So
 * the test counts how often Xen's copy changes without the kernel's data.
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

/* In Linux 6.12 four pages of data precede the vDSO. The first has the kernel's own time data, the second Xen's. */
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

/* Returns how many nanoseconds a read takes. */
static int64_t cost(int64_t (*read)(void))
{
    int64_t start = by_system_call();

    for (int i = 0; i < READS; i++)
        read();
    return (by_system_call() - start) / READS;
}

/* Reads the clock in both ways in turn. Returns how often a time was before the previous one. */
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
    /* A vDSO that is no faster does not use Xen's page. */
    if (vdso * 2 < call)
        printf("clock: %d of %d changes came without the kernel's\n", count_alone(), CHANGES);
    printf("clock: end\n");
    fflush(stdout);
}
