/*
 * Who goes when dom0 runs out of memory: the supervisor, 2 MiB that end a guest when they go, last; what it
 * starts anew, and what a stub domain may have made to grow, like anybody else.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_OOM_SCORE_H
#define DM_OOM_SCORE_H

#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define OOM_SCORE_SUPERVISOR "-900"
#define OOM_SCORE_CHILD "0"

/* 0 or -errno. */
static inline int oom_score_set(const char *score)
{
    cleanup_close int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    return fd < 0 || write(fd, score, strlen(score)) < 0 ? -errno : 0;
}

#endif
