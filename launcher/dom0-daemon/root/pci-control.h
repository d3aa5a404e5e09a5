/*
 * What dom0 must be told of the PCI devices that the stub domain has for its guest, and libxl does not say.
 *
 * To pciback: the stub domain may enable and disable their interrupts. A frontend may write few registers, and those
 * bits only for a device that is named in a file of the driver. pciback forgets it when the device leaves.
 *
 * To libxl itself: the guest has them. When there is a stub domain, libxl notes a device for the stub domain alone,
 * and believes that the guest has none: xl pci-list shows nothing, pci-detach refuses, and after a reboot the guest
 * has lost the device.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_PCI_CONTROL_H
#define DM_PCI_CONTROL_H

#include "store.h"

struct pci_control {
    int count; /* those that the stub domain had when we looked last */
    char known[STORE_MAX_PCI][STORE_PCI_ADDRESS];
};

/* Does both for the devices that the stub domain has now. A failure is logged, with what it means. */
void pci_control_follow(struct pci_control *control, int stub);

#endif
