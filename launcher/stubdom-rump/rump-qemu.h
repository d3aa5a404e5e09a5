/*
 * QEMU as a part of this program (rump-qemu.c).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RUMP_QEMU_H
#define RUMP_QEMU_H

#include <stdbool.h>

/* QEMU's main(), as it is called in the image. */
int stubdom_qemu_main(int argc, char **argv);

/* Called by the thread that ends QEMU. Tells the launcher. No code of QEMU may run after this. */
void rump_qemu_ended(bool signalled, int code);

#endif
