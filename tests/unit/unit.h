/*
 * Included by every unit test: cmocka, and the headers that must come before it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef UNIT_H
#define UNIT_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* In a function that returns a child process's exit status: the failed line modulo 127, plus 1, which is never 0. */
#define EXPECT(condition) do { if (!(condition)) return __LINE__ % 127 + 1; } while (0)

/* The setup of tests that need root, for namespaces for example: skips them without it. */
static inline int root_only(void **state)
{
    if (geteuid() != 0)
        skip();
    return 0;
}

#endif
