/*
 * PCI passthrough on the micro kernel: there is none.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "linux.h"

int linux_pci_init(struct linux_platform *platform)
{
    return 0;
}
