/*
 * Threads of the launcher that use the rump kernel (start.c).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RUMP_THREADS_H
#define RUMP_THREADS_H

#include <stdbool.h>
#include <stddef.h>

/* Starts a detached thread with a small stack. 0 or an errno. */
int rump_thread_start(void *(*run)(void *arg), void *arg);

/* rump-platform.c. Writes to a blocking descriptor. False: not everything was written. */
bool rump_write_all(int fd, const char *bytes, size_t size);

#endif
