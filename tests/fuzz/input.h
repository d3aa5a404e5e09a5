/*
 * What fuzz targets have in common: the fuzzer's bytes, taken as big-endian numbers (at the end of
 * them, shorter ones), a check, a clock and a log that nobody reads.
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

static int64_t clock_ms; /* a target's to turn */

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
