/*
 * QEMU as a part of this program (rump-qemu.c).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RUMP_QEMU_H
#define RUMP_QEMU_H

#include <stdbool.h>

/* QEMU's main(), under the name that the image knows it by. */
int stubdom_qemu_main(int argc, char **argv);

/* Said by the thread that ends it: the launcher will know. Nothing of QEMU is to run after. */
void rump_qemu_ended(bool signalled, int code);

#endif
