/*
 * image: whether the files that a stub domain boots from are there and whole.
 *
 * Each check returns 0, or a negative errno with the fault described, naming the file.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_IMAGE_H
#define XL_STUBDOM_IMAGE_H

#include <stdio.h>

#include "fault.h"
#include "flavour.h"

/*
 * A bzImage no shorter than its own header says (boot protocol, x86), an ELF kernel, or
 * something in gzip, which libxl unpacks first.
 */
int image_check_kernel(const char *path, const struct flavour *flavour, struct fault *fault);

/* A cpio archive, or one in a compression that whoever unpacks it knows. */
int image_check_ramdisk(const char *path, const struct flavour *flavour, struct fault *fault);

/* Writes what the manifest beside the kernel says of its sources; nothing when there is none. */
void image_print_origin(const char *kernel, const struct flavour *flavour, FILE *out);

/* The version of SOURCE ("qemu") that it says, as far as SIZE goes; "-" when there is none. */
void image_source_version(const char *kernel, const struct flavour *flavour, const char *source, char *text,
                          size_t size);

#endif
