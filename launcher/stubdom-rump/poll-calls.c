/*
 * poll() with an exact timeout, and with handles (handle.h). The rump kernel counts in ticks of 10 ms. But a thread
 * that sleeps in it wakes at its own deadline (rumpuser_cv_timedwait()), which is set here: the end of poll()'s
 * timeout, or "at once" when a handle becomes ready.
 *
 * The linker has these calls wrapped (--wrap): __real_X is the rump kernel's. Nobody calls select().
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "handle.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

int __real__sys___pollts50(struct pollfd *fds, nfds_t count, const struct timespec *ts, const sigset_t *mask);
int __wrap__sys___pollts50(struct pollfd *fds, nfds_t count, const struct timespec *ts, const sigset_t *mask);
int __wrap__sys_poll(struct pollfd *fds, nfds_t count, int ms);
ssize_t __real_read(int fd, void *to, size_t size);
ssize_t __wrap_read(int fd, void *to, size_t size);
ssize_t __real_writev(int fd, const struct iovec *iov, int count);
ssize_t __wrap_writev(int fd, const struct iovec *iov, int count);
int __real_close(int fd);
int __wrap_close(int fd);

/*
 * The rump kernel's poll() has no deadline if it has no timeout. So an endless poll() gets a long one, and is repeated.
 */
#define LONG (3600 * PV_SECOND)

/* How many handles are ready. set: writes their revents. */
static int count_ready(struct pollfd *fds, nfds_t count, bool set)
{
    int sum = 0;

    for (nfds_t i = 0; i < count; i++) {
        struct host_handle *handle = host_handle_find(fds[i].fd);
        short ready = handle ? handle->ops->ready(handle) & fds[i].events : 0;

        if (ready && set)
            fds[i].revents = ready;
        sum += !!ready;
    }
    return sum;
}

static bool any_handle(const struct pollfd *fds, nfds_t count)
{
    for (nfds_t i = 0; i < count; i++)
        if (host_handle_find(fds[i].fd))
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
    struct host_poll poll = { .thread = host_thread_self(), .fds = fds, .count = count };
    int result;

    if (handles)
        host_poll_begin(&poll);
    if (handles && count_ready(fds, count, false))
        time = 0;
    else if (time)
        poll.thread->deadline = pv_clock() + time;
    result = poll_kernel(fds, count, time);
    poll.thread->deadline = 0;
    if (handles)
        host_poll_end(&poll);
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

/* mask is ignored: signals interrupt nothing here. */
int __wrap__sys___pollts50(struct pollfd *fds, nfds_t count, const struct timespec *ts, const sigset_t *mask)
{
    return poll_for(fds, count, ts ? (uint64_t)ts->tv_sec * PV_SECOND + (uint64_t)ts->tv_nsec : PV_FOREVER);
}

static ssize_t finish(long result)
{
    if (result >= 0)
        return result;
    errno = host_errno(result);
    return -1;
}

ssize_t __wrap_read(int fd, void *to, size_t size)
{
    struct host_handle *handle = host_handle_find(fd);
    struct pollfd poll = { .fd = fd, .events = POLLIN };
    long n;

    if (!handle)
        return __real_read(fd, to, size);
    while ((n = handle->ops->read(handle, to, size)) == -PV_EAGAIN && handle->ops->waits &&
           !(fcntl(fd, F_GETFL) & O_NONBLOCK))
        if (__wrap__sys_poll(&poll, 1, -1) < 0)
            return -1;
    return finish(n);
}

ssize_t __wrap_writev(int fd, const struct iovec *iov, int count)
{
    struct host_handle *handle = host_handle_find(fd);

    if (!handle || !handle->ops->write)
        return __real_writev(fd, iov, count);
    return finish(handle->ops->write(handle, iov, count));
}

int __wrap_close(int fd)
{
    struct host_handle *handle = host_handle_find(fd);

    if (!handle || !handle->ops->closed)
        return __real_close(fd);
    host_handle_close(handle);
    handle->ops->closed(handle);
    return 0;
}
