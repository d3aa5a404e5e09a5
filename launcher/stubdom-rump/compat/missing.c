/*
 * Functions that this C library is too old for (missing.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "missing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void explicit_bzero(void *p, size_t size)
{
    memset(p, 0, size);
    __asm__ volatile("" : : "r"(p) : "memory");
}

void *reallocarray(void *p, size_t count, size_t size)
{
    size_t all;

    if (!__builtin_mul_overflow(count, size, &all))
        return realloc(p, all);
    errno = ENOMEM;
    return NULL;
}

/* There is only one process, and there are no terminals: these fail. */
int shm_open(const char *name, int flags, unsigned int mode)
{
    errno = ENOSYS;
    return -1;
}

int shm_unlink(const char *name)
{
    errno = ENOENT;
    return -1;
}

int openpty(int *master, int *slave, char *name, const void *termios, const void *size)
{
    errno = ENOSYS;
    return -1;
}
