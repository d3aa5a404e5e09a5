/*
 * xs-get: one value of xenstore. See xs-get.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xs-get.h"

#include <stdarg.h>
#include <stdio.h>

char *xs_get(struct xs_handle *xs, const char *format, ...)
{
    char path[200];
    unsigned int len;
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(path, sizeof(path), format, args);
    va_end(args);
    return n < 0 || (size_t)n >= sizeof(path) ? NULL : xs_read(xs, XBT_NULL, path, &len);
}
