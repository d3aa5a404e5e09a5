/*
 * Time to the nanosecond. The rump kernel counts in ticks of 10 ms, but what sleeps in it
 * sleeps in rumpuser_cv_timedwait(), and that ends at the thread's deadline. So the calls that
 * take a time note it there first; and those that need no kernel do without.
 *
 * The linker has these calls wrapped (--wrap): __real_X is the rump kernel's.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <sys/types.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <time.h>

#include "host.h"

int __real__sys_poll(struct pollfd *fds, nfds_t count, int ms);
int __wrap__sys_poll(struct pollfd *fds, nfds_t count, int ms);
int __real__sys___pollts50(struct pollfd *fds, nfds_t count, const struct timespec *ts, const sigset_t *mask);
int __wrap__sys___pollts50(struct pollfd *fds, nfds_t count, const struct timespec *ts, const sigset_t *mask);
int __wrap__sys___nanosleep50(const struct timespec *ts, struct timespec *left);
int __clock_gettime50(clockid_t clock, struct timespec *ts);
int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *ts, const sigset_t *mask);

static uint64_t duration(const struct timespec *ts)
{
    return (uint64_t)ts->tv_sec * PV_SECOND + (uint64_t)ts->tv_nsec;
}

int __wrap__sys_poll(struct pollfd *fds, nfds_t count, int ms)
{
    struct host_thread *self = host_thread_self();
    int result;

    if (ms > 0)
        self->deadline = pv_clock() + (uint64_t)ms * PV_MS;
    result = __real__sys_poll(fds, count, ms);
    self->deadline = 0;
    return result;
}

/* There are no signals to let through meanwhile. */
int __wrap__sys___pollts50(struct pollfd *fds, nfds_t count, const struct timespec *ts, const sigset_t *mask)
{
    struct host_thread *self = host_thread_self();
    int result;

    if (ts && duration(ts))
        self->deadline = pv_clock() + duration(ts);
    result = __real__sys___pollts50(fds, count, ts, NULL);
    self->deadline = 0;
    return result;
}

int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *ts, const sigset_t *mask)
{
    return __wrap__sys___pollts50(fds, count, ts, mask);
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

/* A trip through the rump kernel costs microseconds, and QEMU asks at each access to a port. */
int __clock_gettime50(clockid_t clock, struct timespec *ts)
{
    uint64_t now = pv_clock();

    if (clock == CLOCK_REALTIME)
        now += pv_clock_epoch();
    ts->tv_sec = (time_t)(now / PV_SECOND);
    ts->tv_nsec = (long)(now % PV_SECOND);
    return 0;
}
