/*
 * Cuts a program's output into log lines, within a budget: what the guest can make
 * QEMU say must neither fill dom0's log nor stall QEMU.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef OUTPUT_LINES_H
#define OUTPUT_LINES_H

#include "util.h"

#include <stdbool.h>
#include <stdint.h>

#define OUTPUT_LINE_MAX 256

/* At most so many lines at once, then so many a second. */
#define OUTPUT_BURST 100
#define OUTPUT_RATE 10

struct output_lines {
    const char *prefix; /* e.g. "qemu" */
    char line[OUTPUT_LINE_MAX + 1];
    char last[OUTPUT_LINE_MAX + 1]; /* the last whole line, empty if there was none */
    size_t length;
    unsigned int budget, suppressed;
    int64_t refilled_ms, last_ms; /* last_ms: when the last line ended */
};

void output_lines_init(struct output_lines *lines, const char *prefix, int64_t now_ms);

/* Logs each line that these bytes complete. */
void output_lines_add(struct output_lines *lines, const char *bytes, size_t size, int64_t now_ms);

/* Logs what is left at the end. */
void output_lines_flush(struct output_lines *lines, int64_t now_ms);

#endif
