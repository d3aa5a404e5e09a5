/*
 * flavour: the kinds of stub domain that there are. See flavour.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "flavour.h"

#include <stdio.h>
#include <string.h>

#define OF_MAKE_INSTALL "`make install` of xen-stubdom, or its package, puts it there"

/* Of Linux: rings, their buffers, and what QEMU has for each; rounded up, and taken for all. */
#define A_DEVICE .nics = 2, .disks = 4, .nic_kib = 1536, .disk_kib = 384

const struct flavour flavours[] = {
    {
        .name = "linux",
        /* libxl's own defaults have these names, too. */
        .kernel = "qemu-stubdom-linux-kernel",
        .ramdisk = "qemu-stubdom-linux-rootfs",
        .debug_ramdisk = "qemu-stubdom-linux-rootfs-debug",
        .pci_kernel = "qemu-stubdom-linux-pci-kernel",
        .manifest = "qemu-stubdom-linux.manifest",
        .origin = OF_MAKE_INSTALL,
        .unpacker = UNPACKED_BY_LINUX,
        /*
         * console: the log goes to the first PV console, which libxl connects to the guest's
         * qemu-dm log. unrestricted: since 2026 Linux limits privcmd in a domU, and QEMU could
         * make no hypercall; the launcher narrows it again.
         */
        .arguments = "console=hvc0 xen_privcmd.unrestricted=1",
        /* A viewer: QEMU has the screen up to three times then. The debug image holds much more. */
        .memory = {.without_vnc = 32, .with_vnc = 64, .debug = 128, .least = 26, .pci = 4, A_DEVICE},
    },
    {
        .name = "micro",
        .kernel = "qemu-stubdom-micro-kernel",
        .ramdisk = "qemu-stubdom-micro-rootfs",
        .manifest = "qemu-stubdom-micro.manifest",
        .origin = OF_MAKE_INSTALL,
        .unpacker = UNPACKED_BY_NOBODY,
        .arguments = "",
        .memory = {.without_vnc = 32, .with_vnc = 64, .least = 20, A_DEVICE},
    },
    {
        .name = "rump",
        .kernel = "qemu-stubdom-rump-kernel",
        .ramdisk = "qemu-stubdom-rump-rootfs",
        .manifest = "qemu-stubdom-rump.manifest",
        .origin = "`make rump RUMPRUN=DIR` builds it with a rumprun toolchain, and `make install` puts it there",
        .unpacker = UNPACKED_BY_NOBODY,
        .arguments = "",
        .memory = {.without_vnc = 32, .with_vnc = 64, .least = 24, A_DEVICE},
    },
};

const size_t flavour_count = sizeof(flavours) / sizeof(flavours[0]);

const struct flavour *flavour_find(const char *name)
{
    for (size_t i = 0; i < flavour_count; i++)
        if (!strcmp(flavours[i].name, name))
            return &flavours[i];
    return NULL;
}

const struct flavour *flavour_of_kernel(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

    for (size_t i = 0; i < flavour_count; i++)
        if (!strcmp(flavours[i].kernel, name) || (flavours[i].pci_kernel && !strcmp(flavours[i].pci_kernel, name)))
            return &flavours[i];
    return NULL;
}

void flavour_list(char *text, size_t size)
{
    size_t len = 0;

    text[0] = '\0';
    for (size_t i = 0; i < flavour_count && len < size; i++)
        len += snprintf(text + len, size - len, "%s\"%s\"",
                        !i ? "" : i + 1 < flavour_count ? ", " : " or ", flavours[i].name);
}
