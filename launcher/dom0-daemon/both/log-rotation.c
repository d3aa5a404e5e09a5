/*
 * Logs that are opened anew (see log-rotation.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "log-rotation.h"

#include "fd-passing.h"
#include "util.h"

#include <errno.h>
#include <sys/socket.h>

int log_rotation_open(struct log_rotation *rotation)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
        return -errno;
    *rotation = (struct log_rotation){ ends[0], ends[1] };
    return 0;
}

void log_rotation_close_root(struct log_rotation *rotation)
{
    fd_close(&rotation->root);
}

void log_rotation_close_child(struct log_rotation *rotation)
{
    fd_close(&rotation->child);
}

void log_rotation_close(struct log_rotation *rotation)
{
    log_rotation_close_root(rotation);
    log_rotation_close_child(rotation);
}

void log_rotation_pass(const struct log_rotation *rotation, uint32_t what, int fd)
{
    if (rotation->root >= 0)
        (void)!fd_send(rotation->root, &what, sizeof(what), fd, MSG_DONTWAIT | MSG_NOSIGNAL);
}

int log_rotation_take(const struct log_rotation *rotation, uint32_t *what)
{
    int fd;
    ssize_t n = fd_receive(rotation->child, what, sizeof(*what), &fd, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    if (n == sizeof(*what) && fd >= 0)
        return fd;
    cleanup_closep(&fd);
    return n < 0 ? n : n ? -EPROTO : -EPIPE;
}
