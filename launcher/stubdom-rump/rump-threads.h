/*
 * Threads of the launcher's own that serve something and use the rump kernel for it (start.c).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RUMP_THREADS_H
#define RUMP_THREADS_H

/* A detached thread with a small stack. 0 or an errno. */
int rump_thread_start(void *(*run)(void *arg), void *arg);

#endif
