/*
 * flavour: the kinds of stub domain that there are. See flavour.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "flavour.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "stubdom-wire.h"

#define OF_MAKE_INSTALL "`make install` of xen-stubdom, or its package, puts it there"

#define NO_PCI_FRONTEND "its kernel has no PCI frontend"

/*
 * Of Linux: rings, their buffers, and what QEMU has for each; rounded up, and taken for all. For a vCPU QEMU has a
 * thread, and Linux lets a user have one for each 256 KiB.
 */
#define A_DEVICE .nics = 2, .disks = 4, .vcpus = 64, .nic_kib = 1536, .disk_kib = 384, .vcpu_kib = 256

const struct flavour flavours[] = {
    {
        .name = "linux",
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
        .memory = {.without_vnc = 32, .with_vnc = 64, .debug = 128, .least = STUBDOM_LEAST_LINUX, .least_debug = 48,
                   .pci = 4, A_DEVICE},
    },
    {
        .name = "micro",
        .kernel = "qemu-stubdom-micro-kernel",
        .ramdisk = "qemu-stubdom-micro-rootfs",
        .no_debug = "strace and gdbserver need ptrace(), which its kernel has not",
        .no_pci = NO_PCI_FRONTEND,
        .manifest = "qemu-stubdom-micro.manifest",
        .origin = OF_MAKE_INSTALL,
        .unpacker = UNPACKED_BY_NOBODY,
        .arguments = "",
        .memory = {.without_vnc = 32, .with_vnc = 64, .least = STUBDOM_LEAST_MICRO, A_DEVICE},
    },
    {
        .name = "rump",
        .kernel = "qemu-stubdom-rump-kernel",
        .ramdisk = "qemu-stubdom-rump-rootfs",
        .no_debug = "it runs one program, and so no shell",
        .no_pci = NO_PCI_FRONTEND,
        .manifest = "qemu-stubdom-rump.manifest",
        .origin = "`make rump RUMPRUN=DIR` builds it with a rumprun toolchain, and `make install` puts it there",
        .unpacker = UNPACKED_BY_NOBODY,
        .arguments = "",
        .memory = {.without_vnc = 32, .with_vnc = 64, .least = STUBDOM_LEAST_RUMP, A_DEVICE},
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

static bool any(const struct flavour *flavour)
{
    return true;
}

static bool has_pci(const struct flavour *flavour)
{
    return flavour->pci_kernel;
}

static void list(char *text, size_t size, bool (*wanted)(const struct flavour *))
{
    size_t len = 0, left = 0;
    const char *between = "";

    text[0] = '\0';
    for (size_t i = 0; i < flavour_count; i++)
        left += wanted(&flavours[i]);
    for (size_t i = 0; i < flavour_count && len < size; i++) {
        if (!wanted(&flavours[i]))
            continue;
        len += snprintf(text + len, size - len, "%s\"%s\"", between, flavours[i].name);
        between = --left > 1 ? ", " : " or ";
    }
}

void flavour_list(char *text, size_t size)
{
    list(text, size, any);
}

void flavour_list_pci(char *text, size_t size)
{
    list(text, size, has_pci);
}
