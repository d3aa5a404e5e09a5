/*
 * Number parsing and checked formatting (util.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "util.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

int parse_uint(const char *text, unsigned int max, unsigned int *value)
{
    unsigned long long sum = 0;

    if (!*text)
        return -EINVAL;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return -EINVAL;
        sum = sum * 10 + (unsigned int)(*text - '0');
        if (sum > max)
            return -ERANGE;
    }
    *value = sum;
    return 0;
}

int format_text(char *buf, size_t size, const char *fmt, ...)
{
    va_list args;
    int len;

    va_start(args, fmt);
    len = vsnprintf(buf, size, fmt, args);
    va_end(args);
    return len >= 0 && (size_t)len < size ? 0 : -ENAMETOOLONG;
}
