/*
 * stock: is a script of Xen's the one that we know? See stock.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "stock.h"

#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "util.h"

/* No such script is as long. */
#define LONGEST 65536

char *stock_path(const char *folder, const char *script)
{
    char *path;

    if (*script == '/')
        return strdup(script);
    return asprintf(&path, "%s/%s", folder, script) < 0 ? NULL : path;
}

/* 0: it cannot be read. */
static uint64_t sum_of(const char *folder, const char *name)
{
    static char text[LONGEST];
    char path[256];
    uint64_t sum = 0xcbf29ce484222325;
    cleanup_close int fd = -1;
    ssize_t len;

    if (format_text(path, sizeof(path), "%s/%s", folder, name))
        return 0;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    len = fd < 0 ? -1 : read(fd, text, sizeof(text));
    if (len < 0 || len == sizeof(text))
        return 0;
    for (ssize_t i = 0; i < len; i++)
        sum = (sum ^ (unsigned char)text[i]) * 0x100000001b3;
    return sum;
}

static bool has_hooks(const char *folder, const char *hooks)
{
    char pattern[256];
    glob_t found = {0};
    int rc;

    if (!hooks)
        return false;
    if (format_text(pattern, sizeof(pattern), "%s/%s", folder, hooks))
        return true;
    rc = glob(pattern, GLOB_NOSORT, NULL, &found);
    globfree(&found);
    return rc != GLOB_NOMATCH;
}

bool stock_is_known(const char *folder, const struct stock_file *files, size_t count, const char *hooks)
{
    if (has_hooks(folder, hooks))
        return false;
    for (size_t i = 0; i < count; i++)
        if (sum_of(folder, files[i].name) != files[i].sum)
            return false;
    return true;
}
