/*
 * The clock of all loops of stubdom-dm's processes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_CLOCK_H
#define DM_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Milliseconds, monotonic, never 0. */
static inline int64_t clock_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return 1 + now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

#endif
