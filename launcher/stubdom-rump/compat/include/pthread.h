/*
 * NetBSD's, but for a function that glib takes for Linux's of the same name: it finds no answer.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef STUBDOM_PTHREAD_H
#define STUBDOM_PTHREAD_H
#include_next <pthread.h>
#define pthread_getaffinity_np(thread, size, set) 78 /* ENOSYS */
#endif
