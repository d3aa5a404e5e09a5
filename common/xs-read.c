/*
 * Capped reading from xenstore (xs-read.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xs-read.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <xenstore.h>

int xenstore_read(struct xs_handle *xs, const char *path, char **value)
{
    unsigned int len = 0;
    cleanup_free char *read = xs_read(xs, XBT_NULL, path, &len);

    if (!read)
        return -errno;
    if (len > XENSTORE_VALUE_MAX)
        return -E2BIG;
    /* libxenstore adds a NUL after len bytes. The value may contain another one. */
    if (memchr(read, '\0', len))
        return -EINVAL;
    *value = steal_pointer(&read);
    return 0;
}

int xenstore_read_uint(struct xs_handle *xs, const char *path, unsigned int max,
                       unsigned int *value)
{
    cleanup_free char *text = NULL;
    int rc = xenstore_read(xs, path, &text);

    return rc ? rc : parse_uint(text, max, value);
}

int xenstore_write(struct xs_handle *xs, const char *path, const char *value)
{
    return xs_write(xs, XBT_NULL, path, value, strlen(value)) ? 0 : -errno;
}

/* Sorts the keys of a dm-argv folder. order[n] becomes the key of argument n + 1. */
static int order_keys(char **keys, unsigned int count, char **order)
{
    memset(order, 0, count * sizeof(*order));
    for (unsigned int i = 0; i < count; i++) {
        unsigned int number;

        /* Without gaps no number is above the count. */
        if (parse_uint(keys[i], count, &number) || number == 0 || order[number - 1])
            return -EBADMSG;
        order[number - 1] = keys[i];
    }
    return 0;
}

static int read_ordered(struct xs_handle *xs, const char *folder, char **order,
                        unsigned int count, struct str_list *argv)
{
    size_t bytes = 0;

    for (unsigned int i = 0; i < count; i++) {
        char path[XENSTORE_PATH_MAX];
        cleanup_free char *value = NULL;
        int rc = format_text(path, sizeof(path), "%s/%s", folder, order[i]);

        if (!rc)
            rc = xenstore_read(xs, path, &value);
        if (rc)
            return rc;
        bytes += strlen(value) + 1;
        if (bytes > DM_ARGV_MAX_BYTES)
            return -E2BIG;
        rc = str_list_add(argv, value);
        if (rc)
            return rc;
    }
    return 0;
}

int xenstore_read_dm_argv(struct xs_handle *xs, unsigned int guest, struct str_list *argv)
{
    char path[XENSTORE_PATH_MAX];
    cleanup_free char *vm = NULL;
    char *order[DM_ARGV_MAX_COUNT];
    unsigned int count = 0;
    int rc;

    snprintf(path, sizeof(path), "/local/domain/%u/vm", guest);
    rc = xenstore_read(xs, path, &vm);
    if (!rc)
        rc = format_text(path, sizeof(path), "%s/image/dm-argv", vm);
    if (rc)
        return rc;

    cleanup_free char **keys = xs_directory(xs, XBT_NULL, path, &count);

    if (!keys)
        return -errno;
    if (count == 0)
        return -ENOENT;
    if (count > DM_ARGV_MAX_COUNT)
        return -E2BIG;
    rc = order_keys(keys, count, order);
    return rc ? rc : read_ordered(xs, path, order, count, argv);
}
