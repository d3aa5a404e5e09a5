/*
 * pci: the devices of dom0's that a guest's config asks for.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_PCI_H
#define XL_STUBDOM_PCI_H

#include <stdbool.h>

#include <libxlutil.h>

#include "fault.h"
#include "flavour.h"

#define PCI_MAX_DEVICES 16 /* more than any machine's QEMU has room for beside the rest */

struct pci_device {
    char address[20]; /* 0000:00:10.0 */
    bool seize;       /* libxl takes it from dom0's driver */
};

struct pci_devices {
    bool wanted; /* there is a list, be it empty: devices may be attached later */
    const char *setting; /* key=value that libxl needs to be told for that; NULL: nothing */
    int count;
    struct pci_device list[PCI_MAX_DEVICES];
};

/*
 * Reads pci=, and refuses what cannot be had: with a flavour that has no PCI, or an option that a stub domain does
 * not honour. Returns 0, or a negative errno with the fault described.
 */
int pci_read(XLU_Config *xlu, const char *source, const struct flavour *flavour, struct pci_devices *devices,
             struct fault *fault);

/*
 * Refuses what this host cannot give to a new guest now: it has no IOMMU, a device is not there, not
 * assignable, or another guest's. Returns 0, or a negative errno with the fault described.
 */
int pci_check_host(const struct pci_devices *devices, const char *source, struct fault *fault);

/*
 * Whether one of them has its pin for interrupts and nothing else, and Xen was not told to keep a guest that leaves it
 * unanswered from stopping dom0. NOTE then says so, of the first one.
 */
bool pci_note_pin(const struct pci_devices *devices, const char *source, struct fault *note);

/* Whether the stub domain STUB has devices, and whether it can have any: its kernel is one with PCI, or not ours. */
bool pci_stub_has_any(unsigned int stub);
bool pci_stub_may_have(unsigned int stub);

#endif
