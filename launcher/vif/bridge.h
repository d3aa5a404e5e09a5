/*
 * bridge: what vif-bridge does to a vif and its bridge, by ioctl instead of by ip and brctl.
 *
 * Source: /etc/xen/scripts/{vif-bridge,vif-common.sh,xen-network-common.sh} of Xen 4.20.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef BRIDGE_H
#define BRIDGE_H

#include <stdbool.h>

/* A Linux bridge of that name is there (Open vSwitch's are none). */
bool bridge_is_one(const char *name);

/* An interface's index; 0: there is none of that name. */
int bridge_index(const char *interface);

/* The interface gets another name. 0, -EEXIST: there is one of that name, or another -errno. */
int bridge_rename(const char *interface, const char *name);

/* The MTU of an interface, or -errno. */
int bridge_mtu(const char *interface);

/*
 * Makes an interface a port of the bridge and sets it up: with a MAC that no bridge takes for its own, and
 * that MTU (0: as it is), which the kernel may refuse. 0 or -errno.
 */
int bridge_join(const char *bridge, const char *interface, unsigned int mtu);

/* The reverse. That interface, port or bridge are gone already is no error. */
void bridge_leave(const char *bridge, const char *interface);

#endif
