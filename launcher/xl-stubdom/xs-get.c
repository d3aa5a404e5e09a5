/*
 * xs-get: one value of xenstore. See xs-get.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xs-get.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include "cleanup.h"

#define PATH_SIZE 200

static bool is_own(struct xs_handle *xs, const char *path)
{
    unsigned int count = 0;
    cleanup_free struct xs_permissions *perms = xs_get_permissions(xs, XBT_NULL, path, &count);

    if (!perms || !count || perms[0].id)
        return false;
    for (unsigned int i = 0; i < count; i++)
        if (perms[i].perms & XS_PERM_WRITE)
            return false;
    return true;
}

static char *get(struct xs_handle *xs, bool own, const char *format, va_list args)
{
    char path[PATH_SIZE];
    int n = vsnprintf(path, sizeof(path), format, args);
    unsigned int len;

    /* What does not fit is nothing that Xen has. */
    if (n < 0 || n >= PATH_SIZE || (own && !is_own(xs, path)))
        return NULL;
    return xs_read(xs, XBT_NULL, path, &len);
}

char *xs_get(struct xs_handle *xs, const char *format, ...)
{
    va_list args;
    char *value;

    va_start(args, format);
    value = get(xs, false, format, args);
    va_end(args);
    return value;
}

char *xs_get_own(struct xs_handle *xs, const char *format, ...)
{
    va_list args;
    char *value;

    va_start(args, format);
    value = get(xs, true, format, args);
    va_end(args);
    return value;
}
