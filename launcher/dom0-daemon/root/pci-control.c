/*
 * The guest's PCI devices, as dom0 is to know them (see pci-control.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "pci-control.h"

#include "log.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#ifndef PCI_CONTROL_FILE
#define PCI_CONTROL_FILE "/sys/bus/pci/drivers/pciback/allow_interrupt_control"
#endif

static bool is_new(const struct pci_control *control, const char *address)
{
    for (int i = 0; i < control->count; i++)
        if (!strcmp(control->known[i], address))
            return false;
    return true;
}

static void allow(const char *address, bool new)
{
    cleanup_close int fd = open(PCI_CONTROL_FILE, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, address, strlen(address)) < 0)
        log_error("PCI device %s: %s does not take it, so it has no interrupts: %s", address, PCI_CONTROL_FILE,
                  strerror(errno));
    else if (new)
        log_info("PCI device %s: the stub domain may control its interrupts", address);
}

/* Once: libxl takes it from the guest before it is gone from the stub domain in any case. */
static void note(struct store *store, const char *address)
{
    int rc = store_note_pci(store, address);

    if (rc)
        log_error("PCI device %s: xl will not know that the guest has it: %s", address, strerror(-rc));
}

void pci_control_follow(struct pci_control *control, int stub)
{
    char addresses[STORE_MAX_PCI][STORE_PCI_ADDRESS];
    struct store store;
    int rc = store_open(&store, stub), count = rc ? rc : store_list_pci(&store, addresses);

    for (int i = 0; i < count; i++) {
        bool new = is_new(control, addresses[i]);

        allow(addresses[i], new);
        if (new)
            note(&store, addresses[i]);
    }
    if (count >= 0) {
        control->count = count;
        memcpy(control->known, addresses, count * sizeof(addresses[0]));
    }
    store_close(&store);
}
