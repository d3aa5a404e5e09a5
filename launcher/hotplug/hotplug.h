/*
 * hotplug: what a program of ours does that libxl runs as a device's hotplug script in dom0.
 *
 * What is said goes to the log of Xen's own scripts; what goes wrong, also to the device's folder in xenstore,
 * from where libxl takes it to show it to the user.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HOTPLUG_H
#define HOTPLUG_H

#include "util.h"

#ifndef HOTPLUG_LOG
#define HOTPLUG_LOG "/var/log/xen/xen-hotplug.log"
#endif

struct xs_handle;

struct hotplug {
    const char *program, *device; /* ours; the device, as it is named in the log */
    const char *path;             /* XENBUS_PATH: backend/KIND/DOMID/DEVID */
    unsigned int domid, devid;
    struct xs_handle *xs; /* NULL: not open yet */
    char **argv;
};

void hotplug_open_log(void);

/* Reads XENBUS_PATH, which must name a device of this kind. 0, or -EINVAL: it is not libxl's. */
int hotplug_parse_path(struct hotplug *hotplug, const char *kind);

/* Writes a node of the device's folder. 0, or -errno, and a line in the log. */
int hotplug_write(const struct hotplug *hotplug, const char *node, const char *value);

/* Reads a node by its whole path: 0 as well when there is none, with *value NULL. Else -errno. */
int hotplug_read_path(struct xs_handle *xs, char **value, const char *format, ...) PRINTF_LIKE(3, 4);

/* The same for a node of the device's folder. */
int hotplug_read(const struct hotplug *hotplug, const char *node, char **value);

/* Says why the device cannot be had; EXIT_FAILURE. */
int hotplug_fail(const struct hotplug *hotplug, const char *format, ...) PRINTF_LIKE(2, 3);

/* Runs a script in our place; only returns on failure, with EXIT_FAILURE. */
int hotplug_run(const struct hotplug *hotplug, const char *script);

#endif
