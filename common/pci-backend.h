/*
 * The PCI devices of dom0's that a domain has, as libxl lists them in xenstore: /local/domain/0/backend/pci/DOMID/0 has
 * num_devs and, for each, dev-N (its address), key-N, opts-N, state-N. When one is detached, those behind it move up.
 * Only dom0 can write these nodes. Every call waits for xenstored; none logs. The source is libxl_pci.c.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef PCI_BACKEND_H
#define PCI_BACKEND_H

#include <xenstore.h>

#define PCI_BACKEND "/local/domain/0/backend/pci"
#define PCI_BACKEND_MAX 32

/* How long the list is: 0 when there is none, -EINVAL beyond PCI_BACKEND_MAX, or -errno. */
int pci_backend_count(struct xs_handle *xs, xs_transaction_t t, unsigned int domid);

/* The node LEAF-N, to be freed; NULL: there is none, or it cannot be read. */
char *pci_backend_read(struct xs_handle *xs, xs_transaction_t t, unsigned int domid, const char *leaf, int n);

/* The index of that device in the list, -ENOENT, or an error of pci_backend_count(). */
int pci_backend_find(struct xs_handle *xs, xs_transaction_t t, unsigned int domid, const char *address);

#endif
