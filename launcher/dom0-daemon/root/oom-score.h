/*
 * Who is killed when dom0 runs out of memory. The supervisor comes last: it has 2 MiB, and its end would end the
 * guest. Keeper and worker, which it starts anew and which a stub domain may have made to grow, are killed like
 * anybody else.
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
