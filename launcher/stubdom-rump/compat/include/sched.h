/*
 * NetBSD's sched.h, with the type that glib uses to ask for a thread's affinity (pthread.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef STUBDOM_SCHED_H
#define STUBDOM_SCHED_H
#include_next <sched.h>
typedef struct { unsigned long bits; } cpu_set_t;
#define CPU_SETSIZE 64
#define CPU_ZERO(set) ((void)((set)->bits = 0))
#define CPU_COUNT(set) ((int)__builtin_popcountl((set)->bits))
#endif
