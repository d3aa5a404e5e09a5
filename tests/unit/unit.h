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

/* The setup of tests that need root, for namespaces for example: skips them without it. */
static inline int root_only(void **state)
{
    if (geteuid() != 0)
        skip();
    return 0;
}

#endif
