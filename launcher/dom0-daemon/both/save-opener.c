/*
 * The file that a state is saved to (see save-opener.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "save-opener.h"

#include "fd-passing.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

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

    int32_t answer = file < 0 ? file : last;

    /* It does not wait: a worker that does not read its answers loses them. */
    (void)!fd_send(fd, &answer, sizeof(answer), file, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int save_opener_ask(int fd)
{
    return send(fd, "o", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

int save_opener_answer(int fd, bool *last)
{
    int32_t answer;
    int file;
    ssize_t n = fd_receive(fd, &answer, sizeof(answer), &file, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    if (n < 0)
        return n;
    if (n == sizeof(answer) && answer >= 0 && file >= 0) {
        *last = answer;
        return file;
    }
    cleanup_closep(&file);
    return n == sizeof(answer) && answer < 0 ? answer : -EPROTO;
}
