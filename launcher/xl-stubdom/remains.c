/*
 * remains: what libxl has left of domains that are gone. See remains.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "remains.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <xenstore.h>

#include "cleanup.h"
#include "util.h"
#include "xen-control.h"

#define BACKENDS "/local/domain/0/backend"
/* libxl's, with the sockets by which QEMU's monitor is reached. */
#ifndef XEN_RUN_DIR
#define XEN_RUN_DIR "/run/xen"
#endif

static bool is_gone(xc_interface *xc, const char *domain)
{
    xc_domaininfo_t info;
    unsigned int domid;

    return !parse_uint(domain, DOMID_FIRST_RESERVED - 1, &domid) && xc_domain_getinfo_single(xc, domid, &info) &&
           errno == ESRCH;
}

/* FOLDER has one for each domain. */
static void remove_gone(struct xs_handle *xs, xc_interface *xc, const char *folder)
{
    unsigned int count = 0;
    cleanup_free char **domains = xs_directory(xs, XBT_NULL, folder, &count);
    char path[200];

    for (unsigned int i = 0; domains && i < count; i++)
        if (is_gone(xc, domains[i]) && !format_text(path, sizeof(path), "%s/%s", folder, domains[i]))
            xs_rm(xs, XBT_NULL, path);
}

static void remove_sockets(xc_interface *xc)
{
    static const char prefix[] = "qmp-libxl-";
    DIR *dir = opendir(XEN_RUN_DIR);
    struct dirent *entry;

    while (dir && (entry = readdir(dir)))
        if (!strncmp(entry->d_name, prefix, strlen(prefix)) && is_gone(xc, entry->d_name + strlen(prefix)))
            unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir)
        closedir(dir);
}

void remains_remove(struct xs_handle *xs, struct xc_interface_core *xc)
{
    static const char *const folders[] = { "/local/domain/0/device-model", "/libxl", "/local/domain" };
    unsigned int count = 0;
    cleanup_free char **kinds = xs && xc ? xs_directory(xs, XBT_NULL, BACKENDS, &count) : NULL;
    char path[200];

    if (!xs || !xc)
        return;
    /* Devices first: they are found by their domain. */
    for (unsigned int i = 0; kinds && i < count; i++)
        if (!format_text(path, sizeof(path), BACKENDS "/%s", kinds[i]))
            remove_gone(xs, xc, path);
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
        remove_gone(xs, xc, folders[i]);
    remove_sockets(xc);
}
