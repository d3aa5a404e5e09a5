/*
 * Logs that were renamed (logrotate), and are opened anew: by root, when it is told to or starts a pair. What the two
 * children write to is passed to them through a socket pair for each. Nothing ever comes back through it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_LOG_ROTATION_H
#define DM_LOG_ROTATION_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#define LOG_ROTATION_OWN UINT32_MAX /* the daemon's own log; else a console's number */

struct log_rotation {
    int root, child; /* -1: closed */
};

/* Whether PATH leads elsewhere than FD, or nowhere. Without capabilities, root cannot look into every folder: no. */
static inline bool log_is_renamed(const char *path, int fd)
{
    struct stat open, there;

    if (stat(path, &there))
        return errno == ENOENT;
    return fstat(fd, &open) == 0 && (open.st_dev != there.st_dev || open.st_ino != there.st_ino);
}

/* 0 or -errno. Each close is idempotent. */
int log_rotation_open(struct log_rotation *rotation);
void log_rotation_close_root(struct log_rotation *rotation);
void log_rotation_close_child(struct log_rotation *rotation);
void log_rotation_close(struct log_rotation *rotation);

/* Root's: WHAT is FD from now on. Nothing when the child does not listen. */
void log_rotation_pass(const struct log_rotation *rotation, uint32_t what, int fd);

/* The child's: *WHAT and its descriptor, or -errno: -EPIPE when root is gone, or ends us. */
int log_rotation_take(const struct log_rotation *rotation, uint32_t *what);

#endif
