/*
 * Numbers and names that the stub domain and dom0's daemon must agree on. The formats of what they send each other are
 * elsewhere: a saved state in state-stream.h, a boot file in boot-file-wire.h. Neither side trusts the other to keep to
 * these numbers.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef STUBDOM_WIRE_H
#define STUBDOM_WIRE_H

/* libxl's consoles of a stub domain (STUBDOM_CONSOLE_… in libxl_internal.h); the guest's serial ports follow. */
enum { CONSOLE_LOG, CONSOLE_SAVE, CONSOLE_RESTORE, CONSOLE_SERIAL };

/*
 * The stub domain's vchan servers, below /local/domain/<stub>/device-model/<guest>. Only dom0 may connect. A server's
 * nodes exist while it waits for a client; the next client gets a new server.
 */
#define WIRE_QMP "qmp-vchan"   /* QEMU's QMP */
#define WIRE_VNC "vnc-vchan"   /* its VNC: <slot> below it */
#define WIRE_VNC_SLOTS 8
#define WIRE_FILES "files"     /* the guest's boot files: enum dm_file_kind (dm-argv.h) below it */

/* In the stub domain's own folder: a seed for its random numbers, in hexadecimal. */
#define WIRE_SEED "stubdom-seed"

/*
 * The least MiB of a whole stub domain, by flavour: with so many a Linux guest with a disk and a NIC was seen to run,
 * without a viewer (docs/figures.md). xl-stubdom refuses less; if it is bypassed, the launcher logs it.
 */
enum { STUBDOM_LEAST_LINUX = 22, STUBDOM_LEAST_MICRO = 16, STUBDOM_LEAST_RUMP = 24 };

#endif
