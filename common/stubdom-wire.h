/*
 * Numbers and names that the stub domain and dom0's daemon must agree on. What they send each other in octets is
 * elsewhere: a saved state in state-stream.h, a boot file in boot-file-wire.h. Either side takes what the other one
 * says for hostile: no number here is a promise.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef STUBDOM_WIRE_H
#define STUBDOM_WIRE_H

/* libxl's consoles of a stub domain (STUBDOM_CONSOLE_… in libxl_internal.h); the guest's serial ports follow. */
enum { CONSOLE_LOG, CONSOLE_SAVE, CONSOLE_RESTORE, CONSOLE_SERIAL };

/*
 * The stub domain's vchan servers, for dom0 alone, below /local/domain/<stub>/device-model/<guest>. A server's nodes
 * are there while it waits for a client; for the next client there is a new server.
 */
#define WIRE_QMP "qmp-vchan"   /* QEMU's QMP */
#define WIRE_VNC "vnc-vchan"   /* its VNC: <slot> below it */
#define WIRE_VNC_SLOTS 8
#define WIRE_FILES "files"     /* the guest's boot files: enum dm_file_kind (dm-argv.h) below it */

/* In the stub domain's own folder, hexadecimal: a seed for its random numbers. */
#define WIRE_SEED "stubdom-seed"

/*
 * MiB of a whole stub domain, by flavour: with so many a Linux guest with a disk and a NIC was seen to run, without a
 * viewer (docs/figures.md). Less is refused by xl-stubdom; who gets around that is told by the launcher.
 */
enum { STUBDOM_LEAST_LINUX = 22, STUBDOM_LEAST_MICRO = 16, STUBDOM_LEAST_RUMP = 24 };

#endif
