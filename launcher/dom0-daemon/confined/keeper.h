/*
 * The keeper: the one process that talks to xenstore, for the worker and about
 * this one stub domain.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_KEEPER_H
#define DM_KEEPER_H

#include "log-rotation.h"
#include "store.h"
#include "supervisor.h"

struct keeper_job {
    struct store *store; /* open, no watches set yet */
    const struct store_console *consoles;
    int console_count;
    struct store_served served;
    int worker_fd; /* the socket pair's end */
    int ask_fd;    /* a packet here asks the supervisor to look at the stub domain; one from it says
                      that this has ended, and is kept */
    int signal_fd; /* HUP, INT, TERM are blocked and come here */
    struct log_rotation rotation; /* of our own log */
};

/* Runs, confined, until the stub domain, the worker or a signal ends it. */
enum child_status keeper_run(const struct keeper_job *job);

#endif
