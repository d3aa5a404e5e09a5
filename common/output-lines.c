/*
 * A program's output as log lines, within a budget (output-lines.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "output-lines.h"

#include "log.h"

#include <string.h>

void output_lines_init(struct output_lines *lines, const char *prefix, int64_t now_ms)
{
    memset(lines, 0, sizeof(*lines));
    lines->prefix = prefix;
    lines->budget = OUTPUT_BURST;
    lines->refilled_ms = now_ms;
}

static void refill(struct output_lines *lines, int64_t now_ms)
{
    int64_t earned = (now_ms - lines->refilled_ms) * OUTPUT_RATE / 1000;

    if (earned <= 0)
        return;
    lines->budget = MIN(lines->budget + earned, OUTPUT_BURST);
    lines->refilled_ms = now_ms;
}

static void end_line(struct output_lines *lines, int64_t now_ms)
{
    lines->line[lines->length] = '\0';
    lines->length = 0;
    if (!lines->line[0])
        return;
    strcpy(lines->last, lines->line);
    lines->last_ms = now_ms;
    refill(lines, now_ms);
    if (!lines->budget) {
        lines->suppressed++;
        return;
    }
    if (lines->suppressed)
        log_warning("%s: %u lines left out, they came too fast", lines->prefix,
                    lines->suppressed);
    lines->suppressed = 0;
    lines->budget--;
    log_info("%s: %s", lines->prefix, lines->line);
}

void output_lines_add(struct output_lines *lines, const char *bytes, size_t size, int64_t now_ms)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == '\n' || lines->length == OUTPUT_LINE_MAX)
            end_line(lines, now_ms);
        if (bytes[i] != '\n' && bytes[i] != '\r')
            lines->line[lines->length++] = bytes[i];
    }
}

void output_lines_flush(struct output_lines *lines, int64_t now_ms)
{
    end_line(lines, now_ms);
    if (lines->suppressed)
        log_warning("%s: %u lines left out, they came too fast", lines->prefix,
                    lines->suppressed);
    lines->suppressed = 0;
}
