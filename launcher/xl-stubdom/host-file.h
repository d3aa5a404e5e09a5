/*
 * host-file: a file of dom0's that a guest's config names, and that libxl would miss when the guest is half made.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_HOST_FILE_H
#define XL_STUBDOM_HOST_FILE_H

#include "fault.h"

enum host_file_use {
    HOST_FILE_EXISTS,
    HOST_FILE_RUNS,  /* a plain file, executable */
    HOST_FILE_LOADS, /* a plain file, readable and not empty */
    HOST_FILE_BOOTS, /* likewise, and an ELF program, as hvmloader is; it may be compressed (gzip) */
};

/*
 * Looks whether dom0 has it. One without a leading slash is in `folder`, or, if that is NULL, where xl runs.
 * 0; -ENOMEM; or -EINVAL, and the fault is "WHAT: why": WHAT is the format, and the whole path is between them if
 * `folder` counted.
 */
int host_file_check(const char *folder, const char *name, enum host_file_use use, struct fault *fault,
                    const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif
