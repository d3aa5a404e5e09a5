/*
 * Giving up what a process does not need any more. What remains possible
 * afterwards is written down in docs/dom0-daemon.md.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_CONFINE_H
#define DM_CONFINE_H

#include <stdint.h>

/* The worker cuts no file to less, octets: the daemon's own log is not much longer. */
#define CONFINE_SHORTEST (256u << 10)

/* For confine(): no file may become larger than SIZE, or than 64 MiB when that is more. */
void confine_limit_files(uint64_t size);

/*
 * For confine(): the stub domain that is served; 0, none, without it. Where the host has a range of users, each
 * stub domain's processes have one of their own, and those that serve none another one.
 */
void confine_for_domain(unsigned int domid);

enum confine_role {
    CONFINE_PROBE,  /* libxl's probe run */
    CONFINE_WORKER,
    CONFINE_KEEPER,
    CONFINE_VIEWER, /* stubdom-screenshot */
    CONFINE_ROLES
};

/*
 * The part of confine() that cannot be done any more when there are threads: the file system. Who starts some calls it
 * before that, and then confine(). What will be needed of files must be open. 0 or -errno after logging a line.
 */
int confine_files(void);

/*
 * An unprivileged user, an empty root folder, no network, resource limits, and a system call
 * filter for the role; all but the probe end with their parent. Everything that will
 * be needed must be open, and threads started, after confine_files(). 0 or -errno after logging a line: the
 * process must then not go on.
 */
int confine(enum confine_role role);

/*
 * The supervisor stays root, with the capabilities alone that it takes to end and to
 * confine its children, and without a network; its children inherit that. 0 or -errno after logging a line.
 */
int confine_supervisor(void);

#endif
