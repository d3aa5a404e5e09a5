/*
 * The stub domain may enable and disable the interrupts of its guest's PCI devices. dom0's pciback lets a frontend
 * write few registers, and those bits only for a device that is named in a file of its driver; libxl never
 * names one. pciback forgets it when the device leaves the domain.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_PCI_CONTROL_H
#define DM_PCI_CONTROL_H

/* For the devices that the stub domain has now. A failure is logged: such a device has no interrupts then. */
void pci_control_allow(int stub);

#endif
