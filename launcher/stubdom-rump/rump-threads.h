/*
 * Threads of the launcher's own that serve something and use the rump kernel for it (start.c).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RUMP_THREADS_H
#define RUMP_THREADS_H

#include <stdbool.h>
#include <stddef.h>

/* A detached thread with a small stack. 0 or an errno. */
int rump_thread_start(void *(*run)(void *arg), void *arg);

/* rump-platform.c. On a descriptor that blocks: false, not everything was written. */
bool rump_write_all(int fd, const char *bytes, size_t size);

#endif
