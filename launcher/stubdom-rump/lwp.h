/*
 * LWPs: what start.c and libpthread call (lwp.c). Needs NetBSD's headers.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RUMP_LWP_H
#define RUMP_LWP_H

#include <sys/types.h>

/* The calling thread becomes the first LWP of the rump kernel's process. */
void lwp_init(void);

/*
 * The hook that rumprun's toolchain puts into libpthread: a new LWP that runs start(arg) on this
 * stack. 0, or an error, which is in errno as well.
 */
int rumprun_makelwp(void (*start)(void *), void *arg, void *tls, void *stack, size_t size,
                    unsigned long flags, lwpid_t *id);

#endif
