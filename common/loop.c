/*
 * The poll loop (loop.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "loop.h"

#include "util.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

void loop_init(struct loop *loop, int64_t (*now_ms)(void))
{
    memset(loop, 0, sizeof(*loop));
    loop->now_ms = now_ms;
}

int loop_add_fd(struct loop *loop, struct loop_fd *fd)
{
    if (fd->added)
        return 0;
    if (loop->fd_count == LOOP_MAX_FDS)
        return -ENOSPC;
    loop->fds[loop->fd_count++] = fd;
    fd->added = true;
    return 0;
}

/* Leaves a hole, so that indices stay right in the current turn. The next turn closes it. */
void loop_remove_fd(struct loop *loop, struct loop_fd *fd)
{
    if (!fd->added)
        return;
    for (unsigned int i = 0; i < loop->fd_count; i++)
        if (loop->fds[i] == fd)
            loop->fds[i] = NULL;
    fd->added = false;
}

int loop_start_timer(struct loop *loop, struct loop_timer *timer, int64_t delay_ms)
{
    timer->due_ms = loop->now_ms() + delay_ms;
    if (timer->added)
        return 0;
    if (loop->timer_count == LOOP_MAX_TIMERS)
        return -ENOSPC;
    loop->timers[loop->timer_count++] = timer;
    timer->added = true;
    return 0;
}

void loop_stop_timer(struct loop *loop, struct loop_timer *timer)
{
    if (!timer->added)
        return;
    timer->added = false;
    for (unsigned int i = 0; i < loop->timer_count; i++)
        if (loop->timers[i] == timer) {
            loop->timers[i] = loop->timers[--loop->timer_count];
            return;
        }
}

static void close_holes(struct loop *loop)
{
    unsigned int kept = 0;

    for (unsigned int i = 0; i < loop->fd_count; i++)
        if (loop->fds[i])
            loop->fds[kept++] = loop->fds[i];
    loop->fd_count = kept;
}

static int wait_ms(const struct loop *loop, int max_wait_ms)
{
    int64_t now = loop->now_ms(), wait = max_wait_ms < 0 ? INT_MAX : max_wait_ms;

    for (unsigned int i = 0; i < loop->timer_count; i++)
        wait = MIN(wait, loop->timers[i]->due_ms - now);
    if (wait < 0)
        return 0;
    return wait == INT_MAX ? -1 : (int)wait;
}

/* Starts over after each timer, because it may have started others. */
static void run_timers(struct loop *loop)
{
    int64_t now = loop->now_ms();
    struct loop_timer *due;

    do {
        due = NULL;
        for (unsigned int i = 0; i < loop->timer_count; i++)
            if (loop->timers[i]->due_ms <= now && (!due || loop->timers[i]->due_ms < due->due_ms))
                due = loop->timers[i];
        if (due) {
            loop_stop_timer(loop, due);
            due->fired(due->data);
        }
    } while (due && !loop->stopped);
}

int loop_turn(struct loop *loop, int max_wait_ms)
{
    struct pollfd polled[LOOP_MAX_FDS];
    unsigned int count;

    close_holes(loop);
    count = loop->fd_count;
    for (unsigned int i = 0; i < count; i++)
        polled[i] = (struct pollfd){ .fd = loop->fds[i]->fd, .events = loop->fds[i]->events };
    if (poll(polled, count, wait_ms(loop, max_wait_ms)) < 0 && errno != EINTR)
        return -errno;
    run_timers(loop);
    for (unsigned int i = 0; i < count && !loop->stopped; i++) {
        struct loop_fd *fd = loop->fds[i];

        /* Skips a descriptor that an earlier callback has removed or replaced: the event is not for it. */
        if (fd && fd->fd == polled[i].fd && polled[i].revents)
            fd->ready(fd->data, polled[i].revents);
    }
    return 0;
}

int loop_run(struct loop *loop)
{
    int rc = 0;

    loop->stopped = false;
    while (!rc && !loop->stopped)
        rc = loop_turn(loop, -1);
    return rc;
}

void loop_stop(struct loop *loop)
{
    loop->stopped = true;
}
