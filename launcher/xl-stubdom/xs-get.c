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

static char *read_path(struct xs_handle *xs, const char *path)
{
    unsigned int len;

    return xs_read(xs, XBT_NULL, path, &len);
}

/* False: it does not fit, and is nothing that Xen has. */
static bool make_path(char path[PATH_SIZE], const char *format, va_list args)
{
    int n = vsnprintf(path, PATH_SIZE, format, args);

    return n >= 0 && n < PATH_SIZE;
}

char *xs_get(struct xs_handle *xs, const char *format, ...)
{
    char path[PATH_SIZE];
    va_list args;
    bool fits;

    va_start(args, format);
    fits = make_path(path, format, args);
    va_end(args);
    return fits ? read_path(xs, path) : NULL;
}

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

char *xs_get_own(struct xs_handle *xs, const char *format, ...)
{
    char path[PATH_SIZE];
    va_list args;
    bool fits;

    va_start(args, format);
    fits = make_path(path, format, args);
    va_end(args);
    return fits && is_own(xs, path) ? read_path(xs, path) : NULL;
}
