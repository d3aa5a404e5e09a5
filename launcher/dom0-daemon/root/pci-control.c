/*
 * The interrupts of the guest's PCI devices (see pci-control.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "pci-control.h"

#include "log.h"
#include "store.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#ifndef PCI_CONTROL_FILE
#define PCI_CONTROL_FILE "/sys/bus/pci/drivers/pciback/allow_interrupt_control"
#endif

static void allow(const char *address)
{
    cleanup_close int fd = open(PCI_CONTROL_FILE, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, address, strlen(address)) < 0)
        log_error("PCI device %s: %s does not take it, so it has no interrupts: %s", address, PCI_CONTROL_FILE,
                  strerror(errno));
    else
        log_info("PCI device %s: the stub domain may control its interrupts", address);
}

void pci_control_allow(int stub)
{
    char addresses[STORE_MAX_PCI][STORE_PCI_ADDRESS];
    struct store store;
    int count = store_open(&store, stub);

    if (!count)
        count = store_list_pci(&store, addresses);
    for (int i = 0; i < count; i++)
        allow(addresses[i]);
    store_close(&store);
}
