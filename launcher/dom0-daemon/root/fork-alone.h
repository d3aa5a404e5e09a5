/*
 * A process in a namespace of processes of its own: it sees no other process, and has a number for none.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_FORK_ALONE_H
#define DM_FORK_ALONE_H

#include <sys/types.h>

/*
 * As fork(), but the child is process 1 of its namespace, whose parent has the number 0; the caller stays where it is,
 * and so do the children that it forks afterwards. It takes CAP_SYS_ADMIN. -errno without a child.
 */
pid_t fork_alone(void);

#endif
