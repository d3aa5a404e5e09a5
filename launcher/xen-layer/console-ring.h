/*
 * The frontend's end of a console ring (xen/io/console.h): bytes in, bytes out. Our two
 * indices are kept here; those in the page are for the backend and are never read back.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef PV_CONSOLE_RING_H
#define PV_CONSOLE_RING_H

#include "pv.h"

#include <xen/io/console.h>

struct pv_console_ring {
    struct xencons_interface *page;
    uint32_t out_prod, in_cons;
};

/* Begins with the indices that are in the page. */
void pv_console_ring_init(struct pv_console_ring *ring, void *page);
/* As many bytes as there are, or as there is room for; -PV_EPROTO: the backend's index is impossible. */
long pv_console_ring_read(struct pv_console_ring *ring, void *to, size_t size);
long pv_console_ring_write(struct pv_console_ring *ring, const void *from, size_t size);
/* Bytes that can be read; bytes written that the backend has not taken yet. */
long pv_console_ring_readable(const struct pv_console_ring *ring);
long pv_console_ring_unsent(const struct pv_console_ring *ring);

#endif
