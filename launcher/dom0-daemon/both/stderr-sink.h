/*
 * Where the daemon's own log lines go: stderr, which libxl has pointed at
 * /var/log/xen/qemu-dm-<stub domain's name>.log.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_STDERR_SINK_H
#define DM_STDERR_SINK_H

#include <stdbool.h>

#define STDERR_SINK_MAX (256u << 10) /* bytes; then one last line says so, and errors alone follow */
#define STDERR_SINK_ERRORS (64u << 10) /* bytes of these */
#define STDERR_SINK_BURST 20u /* warnings, which peers can cause, at once; then one a second */
#define STDERR_SINK_ERROR_BURST 100u /* errors, likewise: some peer may know how */

/* Lines begin with "stubdom-dm[ ROLE][ dDOMID]: "; ROLE may be NULL, DOMID -1. */
void stderr_sink_init(const char *role, int domid);

/*
 * In a child of the one that libxl started: 0 to 2 become its own. Whoever has a descriptor in common
 * with root can clear its O_APPEND, or make its writes block. 0 or -errno.
 */
int stderr_sink_open_anew(void);

/*
 * The log has another name by now (logrotate), or none: root opens it anew by the name that it had at
 * stderr_sink_init(NULL, …). Whether it did.
 */
bool stderr_sink_follow(void);
/* For a child: a descriptor of its own for the same file, or -errno. */
int stderr_sink_open_for_child(void);
/* In a child, which cannot make it descriptor 2: lines go to FD from now on. */
void stderr_sink_take(int fd);

#endif
