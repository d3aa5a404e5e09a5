/*
 * What the kernel and the object that it maps into programs (vdso.c) must agree on.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef VDSO_H
#define VDSO_H

#include <stdint.h>

#include <xen/xen.h>

/* Three pages of every program: vdso.c's image, struct vdso_data, Xen's shared info. */
#define VDSO_AT 0x7fc0000000UL
enum { VDSO_IMAGE, VDSO_DATA, VDSO_SHARED_INFO, VDSO_PAGES };

struct vdso_data { uint64_t began; /* Xen's time at 0 of the monotonic clock, ns */ };

#endif
