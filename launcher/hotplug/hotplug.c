/*
 * hotplug: what our hotplug scripts have in common. See hotplug.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hotplug.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "xs-read.h"

#define DOMID_MAX 0x7fef /* Xen's DOMID_FIRST_RESERVED less one */
#define DEVID_MAX 0x7fffffff

void hotplug_open_log(void)
{
    int fd = open(HOTPLUG_LOG, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);

    if (fd >= 0) {
        dup2(fd, STDERR_FILENO);
        close(fd);
    }
}

int hotplug_parse_path(struct hotplug *hotplug, const char *kind)
{
    char start[32], domid[16];
    const char *p = getenv("XENBUS_PATH"), *slash;

    hotplug->path = p;
    if (!p || format_text(start, sizeof(start), "backend/%s/", kind) || strncmp(p, start, strlen(start)))
        return -EINVAL;
    p += strlen(start);
    slash = strchr(p, '/');
    if (!slash || format_text(domid, sizeof(domid), "%.*s", (int)(slash - p), p) ||
        parse_uint(domid, DOMID_MAX, &hotplug->domid) || parse_uint(slash + 1, DEVID_MAX, &hotplug->devid))
        return -EINVAL;
    return 0;
}

int hotplug_write(const struct hotplug *hotplug, const char *node, const char *value)
{
    char path[XENSTORE_PATH_MAX];
    int rc = format_text(path, sizeof(path), "%s/%s", hotplug->path, node);

    if (!rc)
        rc = xenstore_write(hotplug->xs, path, value);
    if (rc)
        fprintf(stderr, "%s: %s: cannot write %s: %s\n", hotplug->program, hotplug->device, node, strerror(-rc));
    return rc;
}

int hotplug_read_path(struct xs_handle *xs, char **value, const char *format, ...)
{
    char path[XENSTORE_PATH_MAX];
    va_list args;
    int len, rc;

    *value = NULL;
    va_start(args, format);
    len = vsnprintf(path, sizeof(path), format, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof(path))
        return -ENAMETOOLONG;
    rc = xenstore_read(xs, path, value);
    return rc == -ENOENT ? 0 : rc;
}

int hotplug_read(const struct hotplug *hotplug, const char *node, char **value)
{
    return hotplug_read_path(hotplug->xs, value, "%s/%s", hotplug->path, node);
}

int hotplug_fail(const struct hotplug *hotplug, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    fprintf(stderr, "%s: %s: %s\n", hotplug->program, hotplug->device, text);
    if (hotplug->xs) {
        hotplug_write(hotplug, "hotplug-error", text);
        hotplug_write(hotplug, "hotplug-status", "error");
    }
    return EXIT_FAILURE;
}

int hotplug_run(const struct hotplug *hotplug, const char *script)
{
    const char *slash = strrchr(script, '/');
    char path[512];

    if (!strcmp(slash ? slash + 1 : script, hotplug->program))
        return hotplug_fail(hotplug, "script %s is this program itself", script);
    if (format_text(path, sizeof(path), "%s", script))
        return hotplug_fail(hotplug, "script %s has too long a name", script);
    setenv("script", path, 1);
    hotplug->argv[0] = path;
    execv(path, hotplug->argv);
    return hotplug_fail(hotplug, "cannot run %s: %s", path, strerror(errno));
}
