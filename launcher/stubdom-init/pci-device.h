/*
 * A device that the toolstack has given to this domain for its guest: it is found by its address on the machine;
 * Linux's sysfs has the rest.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef PCI_DEVICE_H
#define PCI_DEVICE_H

#include "pci-wire.h"

#include <stdbool.h>
#include <stddef.h>

struct xs_handle;

struct pci_device {
    char folder[64]; /* in sysfs */
    struct pci_reply facts; /* as QEMU gets them */
};

/* The address on the machine, as xl writes it. */
void pci_address_format(const struct pci_address *address, char text[PCI_ADDRESS_MAX]);

/*
 * 0; -ENOENT when it is not given to this domain, -EAGAIN when the kernel has not found it yet; or another
 * -errno.
 */
int pci_device_find(struct pci_device *device, struct xs_handle *xs, const struct pci_address *address);

/* Descriptors, or -errno. A BAR can only be read. */
int pci_device_open_config(const struct pci_device *device);
int pci_device_open_bar(const struct pci_device *device, unsigned int bar);

/* Are all these frames (ports) within one of its resources? A resource takes whole pages. */
bool pci_device_has_frames(const struct pci_device *device, uint64_t first, uint64_t count);
bool pci_device_has_ports(const struct pci_device *device, uint64_t first, uint64_t count);
/* Does one of its memory BARs begin there? */
bool pci_device_has_bar_at(const struct pci_device *device, uint64_t start);

#endif
