/*
 * The hypercalls for a guest's devices. Xen lets a device model make them, but QEMU's restricted handles do not.
 * Only Xen checks the arguments, nothing is checked here.
 *
 * They are domctls, whose interface has a version that must be the hypervisor's. Those used here have had one
 * layout since Xen 4.17, so the version is found by trying, once.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef PCI_XEN_H
#define PCI_XEN_H

#include "pci-wire.h"

#include <stdbool.h>

struct pci_xen {
    struct xencall_handle *call; /* NULL: not open */
    uint32_t version;
};

/*
 * 0 or -errno; -ENOTSUP: this Xen's interface version is not known. guest: for the call that finds the version. Dispose
 * even after an error.
 */
int pci_xen_init(struct pci_xen *xen, unsigned int guest);
void pci_xen_dispose(struct pci_xen *xen); /* idempotent */

/* 0 or -errno. A mapping that fails on its way is taken back. */
int pci_xen_map_frames(struct pci_xen *xen, unsigned int guest, uint64_t gfn, uint64_t mfn, uint64_t count, bool add);
int pci_xen_map_ports(struct pci_xen *xen, unsigned int guest, uint32_t gport, uint32_t mport, uint32_t count,
                      bool add);
/* *pirq: what the guest wants or -1; becomes the one that it got. */
int pci_xen_map_intx(struct pci_xen *xen, unsigned int guest, unsigned int irq, int *pirq);
int pci_xen_map_msi(struct pci_xen *xen, unsigned int guest, const struct pci_address *address, int entry,
                    uint64_t table, int *pirq);
int pci_xen_unmap(struct pci_xen *xen, unsigned int guest, int pirq);
int pci_xen_bind_intx(struct pci_xen *xen, unsigned int guest, int pirq, const uint64_t where[3], bool bind);
int pci_xen_bind_msi(struct pci_xen *xen, unsigned int guest, int pirq, const uint64_t message[3], bool bind);

#endif
