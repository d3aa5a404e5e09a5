/*
 * Giving up what a process does not need any more. What remains possible
 * afterwards is written down in docs/dom0-daemon.md.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_CONFINE_H
#define DM_CONFINE_H

#include <stdbool.h>

/*
 * The worker, and libxl's probe run: an unprivileged user, an empty root folder,
 * resource limits and a system call filter. Everything that it will need must be
 * open; it must have one thread. DIE_WITH_PARENT is for the worker: the probe's
 * parent is a process of libxl's that ends early. 0 or -errno after logging a
 * line: the process must then not go on.
 */
int confine_worker(bool die_with_parent);

/* The keeper: no capability but the one to kill the worker, and a filter of its own. */
int confine_keeper(void);

#endif
