/*
 * remains: what libxl has left of domains that are gone, in xenstore and of sockets.
 *
 * An xl that creates a guest does not notice that another xl destroys it: it goes on to write devices' nodes and to
 * start the QMP proxy, after the other one has removed such things. Xen gives a number to a domain before libxl writes
 * the first node of it, and libxl removes the nodes before the domain is gone: so nodes of a domain that Xen does not
 * know are nobody's.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_REMAINS_H
#define XL_STUBDOM_REMAINS_H

struct xs_handle;
struct xc_interface_core;

/* Removes it, as far as it can. */
void remains_remove(struct xs_handle *xs, struct xc_interface_core *xc);

#endif
