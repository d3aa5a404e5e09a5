/*
 * settings: what libxl must be told so that a guest's QEMU runs in our stub domain.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_SETTINGS_H
#define XL_STUBDOM_SETTINGS_H

#include "config.h"
#include "fault.h"

/* And a vCPU, no keyboard of Xen's, the lists of disks and NICs, what pci= needs. */
#define SETTINGS_MAX (KEY_COUNT + 5)

/* Where the parts of a stub domain are on this host. */
struct places {
    const char *firmware; /* Xen's boot directory: kernels and images */
    const char *daemon;   /* dom0's side of a stub domain */
};

struct settings {
    char *kernel;  /* files that must be in order before a domain is made */
    char *ramdisk;
    char *line[SETTINGS_MAX]; /* key=value, as in a guest's config: the first `count` of them */
    size_t count;
    long memory; /* MiB that the stub domain will have */
};

/*
 * Works out the settings for a config that has a flavour. Reads no file. Returns 0, or a negative
 * errno with the fault described: the config contradicts itself, or asks for memory that cannot be
 * had. Dispose afterwards in either case.
 */
int settings_init(struct settings *settings, const struct config *config,
                  const struct places *places, struct fault *fault);
void settings_dispose(struct settings *settings);

/* The files alone, from the config's flavour and image. 0 or -ENOMEM. Dispose afterwards. */
int settings_find_files(struct settings *settings, const struct config *config,
                        const struct places *places);

#endif
