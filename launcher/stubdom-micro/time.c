/*
 * Clocks and sleeping. Programs mostly read the time without a system call (vdso.c).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "task.h"

#include <linux/time.h>

uint64_t time_from_user(uintptr_t timespec, int *rc)
{
    int64_t time[2];

    *rc = 0;
    if (!timespec)
        return PV_FOREVER;
    if (user_read(time, timespec, sizeof(time)))
        *rc = -PV_EFAULT;
    else if (time[0] < 0 || time[1] < 0 || time[1] >= (int64_t)PV_SECOND)
        *rc = -PV_EINVAL;
    if (*rc)
        return 0;
    if ((uint64_t)time[0] > PV_FOREVER / PV_SECOND / 2)
        return PV_FOREVER;
    return pv_clock() + (uint64_t)time[0] * PV_SECOND + (uint64_t)time[1];
}

static int write_time(uintptr_t to, uint64_t time)
{
    int64_t out[2] = { (int64_t)(time / PV_SECOND), (int64_t)(time % PV_SECOND) };

    return user_write(to, out, sizeof(out));
}

/*
 * The clocks that exist. Those of CPU time show the time since boot: with one CPU the two are close, and no program
 * here relies on them.
 */
static bool is_known(unsigned long clock)
{
    return clock <= CLOCK_BOOTTIME;
}

static uint64_t read_clock(unsigned long clock)
{
    bool realtime = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;

    return pv_clock() + (realtime ? pv_clock_epoch() : 0);
}

long sys_clock_gettime(const unsigned long a[6])
{
    return is_known(a[0]) ? write_time(a[1], read_clock(a[0])) : -PV_EINVAL;
}

long sys_clock_getres(const unsigned long a[6])
{
    if (!is_known(a[0]))
        return -PV_EINVAL;
    return a[1] ? write_time(a[1], 1) : 0;
}

long sys_gettimeofday(const unsigned long a[6])
{
    uint64_t now = read_clock(CLOCK_REALTIME);
    int64_t out[2] = { (int64_t)(now / PV_SECOND), (int64_t)(now % PV_SECOND / 1000) };

    return a[0] ? user_write(a[0], out, sizeof(out)) : 0;
}

static long sleep_until(uint64_t until, uintptr_t rest)
{
    struct pv_queue nobody = { NULL };
    int rc = 0;

    while (!rc && pv_clock() < until)
        rc = task_wait(&nobody, until);
    if (rc != -PV_EINTR)
        return 0;
    if (rest && write_time(rest, until > pv_clock() ? until - pv_clock() : 0))
        return -PV_EFAULT;
    return -PV_EINTR;
}

long sys_nanosleep(const unsigned long a[6])
{
    int rc;
    uint64_t until = time_from_user(a[0], &rc);

    if (!a[0])
        return -PV_EFAULT;
    return rc ? rc : sleep_until(until, a[1]);
}

long sys_clock_nanosleep(const unsigned long a[6])
{
    int rc;
    uint64_t until, now;
    int64_t at[2];

    if (!is_known(a[0]))
        return -PV_EINVAL;
    if (!(a[1] & TIMER_ABSTIME)) {
        until = time_from_user(a[2], &rc);
        return !a[2] ? -PV_EFAULT : rc ? rc : sleep_until(until, a[3]);
    }
    if (user_read(at, a[2], sizeof(at)))
        return -PV_EFAULT;
    if (at[0] < 0 || at[1] < 0 || at[1] >= (int64_t)PV_SECOND)
        return -PV_EINVAL;
    if ((uint64_t)at[0] > PV_FOREVER / PV_SECOND / 2)
        return sleep_until(PV_FOREVER, 0);
    until = (uint64_t)at[0] * PV_SECOND + (uint64_t)at[1];
    now = read_clock(a[0]);
    return sleep_until(until > now ? pv_clock() + (until - now) : 0, 0);
}
