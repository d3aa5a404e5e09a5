/*
 * The keeper: the process that libxl started and whose pid it knows. It alone
 * talks to xenstore, for the worker and about this one stub domain, and cleans up.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_KEEPER_H
#define DM_KEEPER_H

#include "store.h"

#include <sys/types.h>

#define KEEPER_MAX_FILES 16

struct keeper_job {
    struct store *store; /* open, no watches set yet */
    const struct store_console *consoles;
    int console_count;
    bool vnc;          /* watch the VNC slots */
    int worker_fd;     /* the socket pair's end */
    pid_t worker;
    int signal_fd;     /* HUP, INT, TERM are blocked and come here */
    const char *files[KEEPER_MAX_FILES]; /* sockets to remove at the end; NULL-terminated */
};

/* Runs until the stub domain, the worker or libxl ends it. Returns an exit status. */
int keeper_run(const struct keeper_job *job);

#endif
