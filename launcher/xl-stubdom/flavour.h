/*
 * flavour: the kinds of stub domain that there are, and all in which they differ for dom0. A row
 * of one table for each; nothing else here knows their names.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_FLAVOUR_H
#define XL_STUBDOM_FLAVOUR_H

#include <stddef.h>

/* Who unpacks the ramdisk, and so in which compressions it may be. */
enum unpacker {
    UNPACKED_BY_LINUX, /* any that Linux's own initramfs knows */
    UNPACKED_BY_NOBODY, /* the kernel has all in it; this is only what libxl wants to be there */
};

struct flavour {
    const char *name; /* what stubdom_flavor says */
    /* Files in Xen's boot directory. */
    const char *kernel, *ramdisk;
    const char *debug_ramdisk; /* with stubdom_image = "debug"; NULL: it has no such image, and no_debug says why */
    const char *pci_kernel; /* for a guest with pci=; NULL: it has none, and no_pci says why */
    const char *no_debug, *no_pci;
    const char *manifest; /* beside them: a line "SIZE SHA256 NAME" for each, as installed */
    const char *origin;   /* how one that is missing gets there */
    enum unpacker unpacker;
    const char *arguments; /* what its kernel is always told; may be "" */
    /* MiB of the whole stub domain. */
    struct {
        long without_vnc, with_vnc, debug; /* defaults */
        long least; /* stubdom-wire.h */
        long least_debug; /* the same with the debug image */
        /*
         * The defaults are for so many NICs, disks and vCPUs, least is for one NIC and disk and half the vCPUs; one
         * more takes so many KiB.
         */
        int nics, disks, vcpus;
        long nic_kib, disk_kib, vcpu_kib;
        long pci; /* more with pci= */
    } memory;
};

/* The first one's files have the names of libxl's own defaults. */
extern const struct flavour flavours[];
extern const size_t flavour_count;

/* The row of that name, or NULL. */
const struct flavour *flavour_find(const char *name);

/* The row that this kernel file is named by, in whatever folder it is, or NULL. */
const struct flavour *flavour_of_kernel(const char *path);

/* `"linux", "micro" or "rump"`, for messages. */
void flavour_list(char *text, size_t size);
/* Likewise those with PCI passthrough. */
void flavour_list_pci(char *text, size_t size);

#endif
