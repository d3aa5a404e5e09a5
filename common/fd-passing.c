/*
 * Descriptors that go through a socket (see fd-passing.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "fd-passing.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
    struct cmsghdr header;
    char octets[CMSG_SPACE(sizeof(int))];
};

int fd_send(int socket, const void *data, size_t len, int fd, int flags)
{
    struct iovec part = { .iov_base = (void *)data, .iov_len = len };
    union control control = { .octets = { 0 } };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    ssize_t n;

    if (fd >= 0) {
        message.msg_control = &control;
        message.msg_controllen = sizeof(control);
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof(fd));
        memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
    }
    n = sendmsg(socket, &message, flags);
    if (n < 0)
        return -errno;
    return (size_t)n == len ? 0 : -EMSGSIZE;
}

/*
 * Takes the descriptors of HEADER: the first one goes to *FD, unless that has one; others are closed. True: it took
 * all.
 */
static bool take_fds(struct cmsghdr *header, int *fd)
{
    size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    bool all = true;
    int came;

    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
        return false;
    for (size_t i = 0; i < count; i++) {
        memcpy(&came, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
        if (*fd < 0) {
            *fd = came;
        } else {
            close(came);
            all = false;
        }
    }
    return all;
}

ssize_t fd_receive(int socket, void *data, size_t len, int *fd, int flags)
{
    struct iovec part = { .iov_base = data, .iov_len = len };
    union control control; /* with its padding it has room for a second one */
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control,
                              .msg_controllen = sizeof(control) };
    ssize_t n = recvmsg(socket, &message, flags);
    bool ok;

    *fd = -1;
    if (n < 0)
        return -errno;
    ok = !(message.msg_flags & (MSG_TRUNC | MSG_CTRUNC));
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header))
        ok &= take_fds(header, fd);
    if (ok)
        return n;
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    return -EPROTO;
}
