/*
 * NetBSD's pthread.h, without one function: glib takes it for Linux's of the same name. Here it fails.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef STUBDOM_PTHREAD_H
#define STUBDOM_PTHREAD_H
#include_next <pthread.h>
#define pthread_getaffinity_np(thread, size, set) 78 /* ENOSYS */
#endif
