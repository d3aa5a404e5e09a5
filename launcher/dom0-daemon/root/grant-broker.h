/*
 * Maps what one domain has granted to dom0, for the worker: the stub domain, or, with a broker of its own, a guest
 * that has channels. Linux's gntdev maps any domain's grant for whoever may ask it, and there is no way to limit that.
 * So root asks it, always for that domain. The worker has the same open file; it may not ask (confine.c), and can only
 * mmap() what root has put into that file's list. (Linux 5.5 or later: before, only the process that had opened the
 * file could.) Nor is there a way to limit which of dom0's event channels gntdev notifies when a mapping ends. So root
 * also asks for that, and looks whether the channel leads to that domain, and whether the mapping is there (Linux would
 * fault in one that becomes read-only later).
 *
 * The file is new for each worker. That root and worker share it does no harm: no call of root's on it waits.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_GRANT_BROKER_H
#define DM_GRANT_BROKER_H

#include "budget.h"
#include "loop.h"

#include <stddef.h>
#include <stdint.h>

/* The stub domain's twelve consoles, and for eight viewers, two boot files and QMP a page and two rings. */
#define GRANT_MAX_MAPS 48

struct grant_broker {
    struct loop *loop;
    int domid;
    int gntdev, worker_fd; /* the worker's: they are closed in all others */
    struct loop_fd io;     /* root's end */
    struct loop_timer rest;
    struct tokens requests;
    struct { uint64_t index; uint32_t count; } maps[GRANT_MAX_MAPS]; /* count 0: none */
};

/* Nothing is open, and nothing to be closed. */
void grant_broker_init(struct grant_broker *broker, struct loop *loop, int domid);

/* Before the worker is forked: 0 or -errno after logging a line. */
int grant_broker_open(struct grant_broker *broker);
void grant_broker_leave(struct grant_broker *broker); /* in the worker: root's end is closed */
void grant_broker_run(struct grant_broker *broker);   /* in root: the worker's end is */
void grant_broker_close(struct grant_broker *broker); /* idempotent */

#endif
