/*
 * The fuzzer's bytes, taken as big-endian numbers; at the end of them, shorter ones.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>

struct input {
    const uint8_t *data;
    size_t size;
};

static inline uint32_t take(struct input *in, size_t bytes)
{
    uint32_t value = 0;

    while (bytes-- && in->size) {
        value = value << 8 | *in->data++;
        in->size--;
    }
    return value;
}

#endif
