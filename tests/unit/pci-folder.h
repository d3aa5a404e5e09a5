/*
 * Makes the files that Linux has for a PCI device below /sys/bus/pci/devices, in PCI_FOLDER: for the unit test and the
 * fuzz target of the broker of PCI passthrough.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef PCI_FOLDER_H
#define PCI_FOLDER_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>

static inline bool pci_file_put(const char *device, const char *name, const char *text)
{
    char path[200];
    FILE *f;

    snprintf(path, sizeof(path), PCI_FOLDER "/%s", device);
    mkdir(PCI_FOLDER, 0700);
    mkdir(path, 0700);
    snprintf(path, sizeof(path), PCI_FOLDER "/%s/%s", device, name);
    f = fopen(path, "w");
    return f && fputs(text, f) >= 0 && !fclose(f);
}

/* RESOURCES: the text of the file "resource". False: it could not be written. */
static inline bool pci_device_put(const char *name, const char *resources)
{
    const char *const files[][2] = {
        { "vendor", "0x1b36\n" }, { "device", "0x0010\n" }, { "class", "0x010802\n" }, { "irq", "16\n" },
        { "resource", resources }, { "config", "the configuration space" }, { "resource0", "memory" },
    };

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        if (!pci_file_put(name, files[i][0], files[i][1]))
            return false;
    return true;
}

#endif
