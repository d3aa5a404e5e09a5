/*
 * uuid: a new name for a guest. See uuid.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "uuid.h"

#include <errno.h>
#include <fcntl.h>

#include "cleanup.h"

int uuid_make(char text[UUID_SIZE])
{
    cleanup_close int fd = open("/proc/sys/kernel/random/uuid", O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, text, UUID_SIZE - 1);

    if (len != UUID_SIZE - 1)
        return -EIO;
    text[len] = '\0';
    return 0;
}
