/*
 * xen-lock: the lock of Xen's hotplug scripts. See xen-lock.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen-lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util.h"

#define PATH_LONGEST 128

static bool is_still(int fd, const char *path)
{
    struct stat opened, named;

    return !fstat(fd, &opened) && !stat(path, &named) && opened.st_dev == named.st_dev &&
           opened.st_ino == named.st_ino;
}

int xen_lock_take(const char *folder, const char *name)
{
    char path[PATH_LONGEST];
    int rc = format_text(path, sizeof(path), "%s/%s", folder, name);

    if (rc)
        return rc;
    if (mkdir(folder, 0755) && errno != EEXIST)
        return -errno;
    for (;;) {
        cleanup_close int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

        if (fd < 0)
            return -errno;
        while (flock(fd, LOCK_EX))
            if (errno != EINTR)
                return -errno;
        if (is_still(fd, path))
            return steal_fd(&fd);
    }
}

void xen_lock_release(const char *folder, const char *name, int fd)
{
    char path[PATH_LONGEST];

    if (!format_text(path, sizeof(path), "%s/%s", folder, name))
        unlink(path);
    close(fd);
}
