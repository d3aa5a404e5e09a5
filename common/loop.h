/*
 * One poll loop: file descriptors and timers with callbacks. No signals, no
 * threads, no eventfd: it must run where there is only poll().
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef LOOP_H
#define LOOP_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#define LOOP_MAX_FDS 96
#define LOOP_MAX_TIMERS 96

/* The owner fills in events, ready and data, and keeps it in place while added. */
struct loop_fd {
    int fd;
    short events; /* may change at any time; 0 means hang-ups and errors only */
    void (*ready)(void *data, short revents);
    void *data;
    bool added;
};

/* Fires once. The owner fills in fired and data. */
struct loop_timer {
    void (*fired)(void *data);
    void *data;
    int64_t due_ms;
    bool added;
};

struct loop {
    struct loop_fd *fds[LOOP_MAX_FDS];
    struct loop_timer *timers[LOOP_MAX_TIMERS];
    unsigned int fd_count, timer_count;
    int64_t (*now_ms)(void); /* monotonic */
    bool stopped;
};

void loop_init(struct loop *loop, int64_t (*now_ms)(void));

/* 0, or -ENOSPC. */
int loop_add_fd(struct loop *loop, struct loop_fd *fd);
/* Does nothing if fd was not added. Callbacks may remove any descriptor, including their own. */
void loop_remove_fd(struct loop *loop, struct loop_fd *fd);

/* (Re)starts a timer: it fires after delay_ms. 0, or -ENOSPC. */
int loop_start_timer(struct loop *loop, struct loop_timer *timer, int64_t delay_ms);
void loop_stop_timer(struct loop *loop, struct loop_timer *timer);

/*
 * Waits once for at most max_wait_ms (-1: for ever) and runs what is due.
 * 0, or -errno of poll().
 */
int loop_turn(struct loop *loop, int max_wait_ms);

/* Turns until loop_stop(). 0, or the first error. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

#endif
