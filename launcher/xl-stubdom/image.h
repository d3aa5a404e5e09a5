/*
 * image: whether the files that a stub domain boots from are there and whole.
 *
 * Each check returns 0, or a negative errno with the fault described, naming the file.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_IMAGE_H
#define XL_STUBDOM_IMAGE_H

#include "fault.h"

/* Beside the images: a line "SIZE SHA256 NAME" for each, written when they were installed. */
#define IMAGE_MANIFEST "qemu-stubdom-linux.manifest"

/* A bzImage no shorter than its own header says (boot protocol, x86), or an ELF kernel. */
int image_check_kernel(const char *path, struct fault *fault);

/* A cpio archive, or one in a compression that Linux can unpack. */
int image_check_ramdisk(const char *path, struct fault *fault);

#endif
