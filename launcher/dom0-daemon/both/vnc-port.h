/*
 * The TCP port where a guest's VNC is. The daemon listens there; xl-stubdom looks before whether it will be able to.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_VNC_PORT_H
#define DM_VNC_PORT_H

#define VNC_BASE_PORT 5900

struct options_vnc;

/*
 * Listens where VNC says, so many may wait; with `to`, at the first free one of that many ports more. With 0 it is only
 * bound, which another one who listens there later does not notice. The descriptor, or -errno.
 */
int vnc_port_open(const struct options_vnc *vnc, int backlog);

/* "HOST, ports 5900 to 5999", for messages. */
void vnc_port_describe(const struct options_vnc *vnc, char *text, int size);

#endif
