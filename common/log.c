/*
 * Formats log lines and makes them safe to show on a terminal (log.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>

static log_sink *sink;
static void *sink_data;

void log_set_sink(log_sink *new_sink, void *data)
{
    sink = new_sink;
    sink_data = data;
}

static void escape(char *out, size_t size, const char *in)
{
    static const char hex[] = "0123456789abcdef";
    size_t n = 0;

    for (; *in && n + 5 <= size; in++) {
        unsigned char c = *in;

        if (c >= 0x20 && c < 0x7f) {
            out[n++] = c;
        } else {
            out[n++] = '\\';
            out[n++] = 'x';
            out[n++] = hex[c >> 4];
            out[n++] = hex[c & 15];
        }
    }
    out[n] = '\0';
}

void log_line(enum log_level level, const char *fmt, ...)
{
    char raw[LOG_LINE_MAX + 1], line[LOG_LINE_MAX + 1];
    va_list args;

    if (!sink)
        return;
    va_start(args, fmt);
    vsnprintf(raw, sizeof(raw), fmt, args); /* a line that is too long is cut */
    va_end(args);
    escape(line, sizeof(line), raw);
    sink(sink_data, level, line);
}
