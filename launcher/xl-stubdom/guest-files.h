/*
 * guest-files: the files of a direct kernel boot (kernel=, ramdisk=), which dom0's side of the
 * stub domain brings into it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_GUEST_FILES_H
#define XL_STUBDOM_GUEST_FILES_H

#include "config.h"
#include "fault.h"

/*
 * Whether they can be read, and what they take of the stub domain's memory while QEMU starts, in
 * MiB: 0 without such files. 0 or a negative errno with the fault described.
 */
int guest_files_measure(const struct config *config, long *mib, struct fault *fault);

#endif
