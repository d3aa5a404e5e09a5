/*
 * libxl's list of a domain's PCI devices (see pci-backend.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "pci-backend.h"

#include "util.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PATH_MAX_HERE 80 /* room for each path here */

int pci_backend_count(struct xs_handle *xs, xs_transaction_t t, unsigned int domid)
{
    char path[PATH_MAX_HERE];
    unsigned int len, count = 0;
    cleanup_free char *text = NULL;

    snprintf(path, sizeof(path), PCI_BACKEND "/%u/0/num_devs", domid);
    text = xs_read(xs, t, path, &len);
    if (!text)
        return errno == ENOENT ? 0 : -errno;
    return strlen(text) != len || parse_uint(text, PCI_BACKEND_MAX, &count) ? -EINVAL : (int)count;
}

char *pci_backend_read(struct xs_handle *xs, xs_transaction_t t, unsigned int domid, const char *leaf, int n)
{
    char path[PATH_MAX_HERE];
    unsigned int len;

    snprintf(path, sizeof(path), PCI_BACKEND "/%u/0/%s-%d", domid, leaf, n);
    return xs_read(xs, t, path, &len);
}

int pci_backend_find(struct xs_handle *xs, xs_transaction_t t, unsigned int domid, const char *address)
{
    int count = pci_backend_count(xs, t, domid);

    for (int i = 0; i < count; i++) {
        cleanup_free char *device = pci_backend_read(xs, t, domid, "dev", i);

        if (device && !strcmp(device, address))
            return i;
    }
    return count < 0 ? count : -ENOENT;
}
