/*
 * Clock and sleep, exact and without the rump kernel, which counts in ticks of 10 ms. poll-calls.c has poll().
 *
 * The linker has nanosleep() wrapped (--wrap).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <sys/types.h>

#include <errno.h>
#include <time.h>

#include "host.h"

int __wrap__sys___nanosleep50(const struct timespec *ts, struct timespec *left);
int __clock_gettime50(clockid_t clock, struct timespec *ts);

static uint64_t duration(const struct timespec *ts)
{
    return (uint64_t)ts->tv_sec * PV_SECOND + (uint64_t)ts->tv_nsec;
}

int __wrap__sys___nanosleep50(const struct timespec *ts, struct timespec *left)
{
    uint64_t until;

    if (ts->tv_sec < 0 || ts->tv_nsec < 0 || ts->tv_nsec >= (long)PV_SECOND) {
        errno = EINVAL;
        return -1;
    }
    until = pv_clock() + duration(ts);
    while (!pv_sleep(until))
        ;
    return 0;
}

/* A call of the rump kernel takes microseconds, and QEMU reads the clock at each access to a port. */
int __clock_gettime50(clockid_t clock, struct timespec *ts)
{
    uint64_t now = pv_clock();

    if (clock == CLOCK_REALTIME)
        now += pv_clock_epoch();
    ts->tv_sec = (time_t)(now / PV_SECOND);
    ts->tv_nsec = (long)(now % PV_SECOND);
    return 0;
}
