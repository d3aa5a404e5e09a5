/*
 * cleanup: frees and closes locals at the end of their scope, as common/util.h does, streams too; and hands one over
 * to a caller.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_CLEANUP_H
#define XL_STUBDOM_CLEANUP_H

#include <stdio.h>

#include "util.h"

static inline void cleanup_fclosep(FILE **f)
{
    if (*f)
        fclose(*f);
}

#define cleanup_fclose __attribute__((cleanup(cleanup_fclosep)))

/* Hands a pointer over: the variable no longer owns it. */
#define steal(p)                  \
    ({                            \
        __typeof__(p) stolen = p; \
        p = NULL;                 \
        stolen;                   \
    })

#endif
