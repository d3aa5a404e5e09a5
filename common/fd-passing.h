/*
 * A descriptor that goes through a local socket with a few octets (SCM_RIGHTS). The sender keeps its own copy.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef FD_PASSING_H
#define FD_PASSING_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Sends LEN octets, at least one, with FD (-1: without). FLAGS as for sendmsg(). 0, or -errno. -EMSGSIZE: only a part
 * was sent, and the receiver has the descriptor.
 */
int fd_send(int socket, const void *data, size_t len, int fd, int flags);

/*
 * Receives at most LEN octets, and *FD: -1 when none came. FLAGS as for recvmsg(). How many, 0 at the end, or -errno.
 * -EPROTO when there is more than that (octets of a packet, descriptors, other control data); all that came is closed.
 */
ssize_t fd_receive(int socket, void *data, size_t len, int *fd, int flags);

#endif
