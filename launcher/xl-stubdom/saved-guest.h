/*
 * saved-guest: what the file that a guest is restored from says about it. xl puts the guest's
 * config, as JSON, in front of what libxl saves.
 *
 * Source: struct save_file_header of tools/xl/xl.h; libxl_types.idl. Xen 4.20.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_SAVED_GUEST_H
#define XL_STUBDOM_SAVED_GUEST_H

#include <stdbool.h>

struct saved_guest {
    char *name, *uuid; /* uuid: NULL when it is not known */
    char *kernel, *ramdisk; /* of its stub domain; NULL: libxl's default */
    bool hvm;
    bool stub_domain; /* with upstream QEMU in it, of whichever flavour */
};

/*
 * 0; or a negative errno for what is not such a file or has no config in it, which xl describes
 * better. Dispose afterwards in either case.
 */
int saved_guest_read(struct saved_guest *guest, const char *path);
void saved_guest_dispose(struct saved_guest *guest);

#endif
