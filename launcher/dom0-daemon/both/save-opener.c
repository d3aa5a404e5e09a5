/*
 * The file that a state is saved to (see save-opener.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "save-opener.h"

#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

union fd_control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
};

static void answer(int fd, int file, bool last)
{
    int32_t rc = file < 0 ? file : last;
    struct iovec part = { .iov_base = &rc, .iov_len = sizeof(rc) };
    union fd_control control = { .bytes = { 0 } };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

    if (file >= 0) {
        message.msg_control = &control;
        message.msg_controllen = sizeof(control);
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof(file));
        memcpy(CMSG_DATA(&control.header), &file, sizeof(file));
    }
    /* A worker that does not read its answers has itself to blame. */
    (void)!sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* A new file, so that whoever reads the old one is not disturbed. A descriptor or -errno. */
static int make_file(const char *path)
{
    int file;

    if (unlink(path) && errno != ENOENT)
        return -errno;
    file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return file < 0 ? -errno : file;
}

void save_opener_serve(int fd, const char *path, int rc, bool last)
{
    cleanup_close int file = rc ? rc : make_file(path);

    answer(fd, file, last);
}

int save_opener_ask(int fd)
{
    return send(fd, "o", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

int save_opener_answer(int fd, bool *last)
{
    int32_t rc = -EPROTO;
    int file;
    struct iovec part = { .iov_base = &rc, .iov_len = sizeof(rc) };
    union fd_control control;
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control,
                              .msg_controllen = sizeof(control) };

    if (recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0)
        return -errno;
    if (rc < 0)
        return rc;
    if (message.msg_controllen < sizeof(control) || control.header.cmsg_type != SCM_RIGHTS)
        return -EPROTO;
    memcpy(&file, CMSG_DATA(&control.header), sizeof(file));
    *last = rc;
    return file;
}
