/*
 * Functions that the C library of this toolchain lacks; the compiler wrapper includes this file first.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef STUBDOM_MISSING_H
#define STUBDOM_MISSING_H
#ifndef __ASSEMBLER__

#include <stddef.h>

void explicit_bzero(void *p, size_t size);
void *reallocarray(void *p, size_t count, size_t size);
int shm_unlink(const char *name);

#endif
#endif
