/*
 * What the device model reads from xenstore, with every count and length capped.
 * All calls block for one answer of xenstored, and none of them logs.
 *
 * Keys and who writes them: docs/stub-domain.md; the source is Xen's
 * docs/misc/stubdom.txt, "Toolstack to Linux ioemu stubdomain protocol".
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XS_READ_H
#define XS_READ_H

#include "str-list.h"

#include <stdbool.h>

struct xs_handle;

#define XENSTORE_VALUE_MAX 4096 /* XENSTORE_PAYLOAD_MAX of xs_wire.h */
#define XENSTORE_PATH_MAX 256

/* dm-argv: what libxl writes is 40 to 80 arguments, the longest some 200 bytes. */
#define DM_ARGV_MAX_COUNT 512
#define DM_ARGV_MAX_BYTES 65536

/*
 * Reads a value into *value (to be freed). 0, -ENOENT, -EINVAL when it contains a
 * NUL, -E2BIG when it is longer than XENSTORE_VALUE_MAX, or another -errno.
 */
int xenstore_read(struct xs_handle *xs, const char *path, char **value);

/* Reads a decimal number of at most max. */
int xenstore_read_uint(struct xs_handle *xs, const char *path, unsigned int max,
                       unsigned int *value);

int xenstore_write(struct xs_handle *xs, const char *path, const char *value);

/*
 * Reads the arguments that libxl wrote for the guest's device model into argv
 * (initialised, empty), in the order of their numbers. They must be numbered from
 * 1 without a gap: a gap means that some of them are lost. 0, -ENOENT, -EBADMSG
 * for keys that are not such numbers, -E2BIG over the caps, or another -errno.
 */
int xenstore_read_dm_argv(struct xs_handle *xs, unsigned int guest, struct str_list *argv);

#endif
