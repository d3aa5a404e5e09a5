/*
 * guest-lock: one xl-stubdom at a time makes a guest of a name. See guest-lock.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "guest-lock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"

#define STEP_MS 100

/* A name may have a slash in it; two that then share a lock wait for each other, no more. */
static char *lock_path(const char *folder, const char *name)
{
    char *path, *file;

    if (asprintf(&path, "%s/%s.lock", folder, name) < 0)
        return NULL;
    for (file = path + strlen(folder) + 1; *file; file++)
        if (*file == '/')
            *file = '_';
    return path;
}

int guest_lock_take(const char *folder, const char *name, struct fault *fault)
{
    cleanup_free char *path = lock_path(folder, name);
    int fd;

    if (!path)
        return fault_set(fault, -ENOMEM, "out of memory");
    if (mkdir(folder, 0700) && errno != EEXIST)
        return fault_set(fault, -errno, "%s: %s", folder, strerror(errno));
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fault_set(fault, -errno, "%s: %s", path, strerror(errno));
    for (int waited = 0; flock(fd, LOCK_EX | LOCK_NB); waited += STEP_MS) {
        if (waited >= GUEST_LOCK_SECONDS * 1000) {
            close(fd);
            return fault_set(fault, -EBUSY, "%s: another xl-stubdom is making it just now", name);
        }
        poll(NULL, 0, STEP_MS);
    }
    return fd;
}
