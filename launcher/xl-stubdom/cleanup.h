/*
 * cleanup: attributes that release a local variable when it goes out of scope.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_CLEANUP_H
#define XL_STUBDOM_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_freep(void *p)
{
    free(*(void **)p);
}

static inline void cleanup_fclosep(FILE **f)
{
    if (*f)
        fclose(*f);
}

static inline void cleanup_closep(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

#define cleanup_free __attribute__((cleanup(cleanup_freep)))
#define cleanup_fclose __attribute__((cleanup(cleanup_fclosep)))
#define cleanup_close __attribute__((cleanup(cleanup_closep)))

/* Hands a pointer over: the variable no longer owns it. */
#define steal(p)                  \
    ({                            \
        __typeof__(p) stolen = p; \
        p = NULL;                 \
        stolen;                   \
    })

#endif
