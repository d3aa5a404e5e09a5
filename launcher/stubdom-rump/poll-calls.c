/*
 * poll() to the nanosecond, and event channels, which are no business of the rump kernel's. It counts in ticks
 * of 10 ms, but a thread that sleeps in it wakes at its own deadline (rumpuser_cv_timedwait()): at the time that
 * poll() was given, or at once, when an event channel has an event.
 *
 * The linker has these calls wrapped (--wrap): __real_X is the rump kernel's. Nobody calls select().
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen-evtchn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int __real__sys___pollts50(struct pollfd *fds, nfds_t count, const struct timespec *ts, const sigset_t *mask);
int __wrap__sys___pollts50(struct pollfd *fds, nfds_t count, const struct timespec *ts, const sigset_t *mask);
int __wrap__sys_poll(struct pollfd *fds, nfds_t count, int ms);
ssize_t __real_read(int fd, void *to, size_t size);
ssize_t __wrap_read(int fd, void *to, size_t size);

/* A sleep without an end has no deadline: such a poll() is repeated, once an hour. */
#define LONG (3600 * PV_SECOND)

/* Handles with an event; set: say so in revents. */
static int count_ready(struct pollfd *fds, nfds_t count, bool set)
{
    int ready = 0;

    for (nfds_t i = 0; i < count; i++)
        if (fds[i].events & (POLLIN | POLLRDNORM) && xen_evtchn_ready(fds[i].fd)) {
            if (set)
                fds[i].revents = fds[i].events & (POLLIN | POLLRDNORM);
            ready++;
        }
    return ready;
}

static bool any_handle(const struct pollfd *fds, nfds_t count)
{
    for (nfds_t i = 0; i < count; i++)
        if (xen_evtchn_is(fds[i].fd))
            return true;
    return false;
}

/* The rump kernel's poll(), until a time of pv_clock() or, sooner, the thread's deadline. */
static int poll_kernel(struct pollfd *fds, nfds_t count, uint64_t time)
{
    struct timespec ts = { .tv_sec = (time_t)(time / PV_SECOND), .tv_nsec = (long)(time % PV_SECOND) };

    return __real__sys___pollts50(fds, count, &ts, NULL);
}

static int poll_once(struct pollfd *fds, nfds_t count, uint64_t time, bool handles)
{
    struct xen_evtchn_poll poll = { .thread = host_thread_self(), .fds = fds, .count = count };
    int result;

    if (handles)
        xen_evtchn_poll_begin(&poll);
    if (handles && count_ready(fds, count, false))
        time = 0;
    else if (time)
        poll.thread->deadline = pv_clock() + time;
    result = poll_kernel(fds, count, time);
    poll.thread->deadline = 0;
    if (handles)
        xen_evtchn_poll_end(&poll);
    if (result >= 0 && handles)
        result += count_ready(fds, count, true);
    return result;
}

static int poll_for(struct pollfd *fds, nfds_t count, uint64_t time)
{
    bool handles = any_handle(fds, count);
    int result;

    do
        result = poll_once(fds, count, time < LONG ? time : LONG, handles);
    while (!result && time == PV_FOREVER);
    return result;
}

int __wrap__sys_poll(struct pollfd *fds, nfds_t count, int ms)
{
    return poll_for(fds, count, ms < 0 ? PV_FOREVER : (uint64_t)ms * PV_MS);
}

/* There are no signals to let through meanwhile. */
int __wrap__sys___pollts50(struct pollfd *fds, nfds_t count, const struct timespec *ts, const sigset_t *mask)
{
    return poll_for(fds, count, ts ? (uint64_t)ts->tv_sec * PV_SECOND + (uint64_t)ts->tv_nsec : PV_FOREVER);
}

/* The library reads a port at a time; it waits where the descriptor blocks. */
static ssize_t read_port(int fd, void *to, size_t size)
{
    struct pollfd poll = { .fd = fd, .events = POLLIN };
    uint32_t port;
    long next;

    if (size < sizeof(port)) {
        errno = EINVAL;
        return -1;
    }
    while ((next = xen_evtchn_next(fd)) < 0)
        if (fcntl(fd, F_GETFL) & O_NONBLOCK) {
            errno = EAGAIN;
            return -1;
        } else if (__wrap__sys_poll(&poll, 1, -1) < 0) {
            return -1;
        }
    port = (uint32_t)next;
    memcpy(to, &port, sizeof(port));
    return sizeof(port);
}

ssize_t __wrap_read(int fd, void *to, size_t size)
{
    return xen_evtchn_is(fd) ? read_port(fd, to, size) : __real_read(fd, to, size);
}
