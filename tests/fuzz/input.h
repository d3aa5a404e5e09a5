/*
 * What fuzz targets have in common: big-endian numbers taken from the fuzzer's bytes (shorter ones at the end of the
 * input), a check, a clock, and a log that is thrown away.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include "log.h"

#include <stddef.h>
#include <stdint.h>

#define MUST(condition) do { if (!(condition)) __builtin_trap(); } while (0)

struct input {
    const uint8_t *data;
    size_t size;
};

static int64_t clock_ms; /* a target sets it */

static inline uint32_t take(struct input *in, size_t bytes)
{
    uint32_t value = 0;

    while (bytes-- && in->size) {
        value = value << 8 | *in->data++;
        in->size--;
    }
    return value;
}

static inline int64_t now_ms(void) { return clock_ms; }
static inline void no_log(void *data, enum log_level level, const char *line) { }

#endif
