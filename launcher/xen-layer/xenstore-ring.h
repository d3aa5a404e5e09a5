/*
 * The domain's end of the xenstore ring (xen/io/xs_wire.h): bytes in, bytes out. Our two
 * indices are kept here; those in the page are for xenstored and are never read back.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef PV_XENSTORE_RING_H
#define PV_XENSTORE_RING_H

#include "pv.h"

struct pv_store_ring {
    struct xenstore_domain_interface *page;
    uint32_t req_prod, rsp_cons;
};

void pv_store_ring_init(struct pv_store_ring *ring, void *page);
/*
 * Puts or gets as many bytes as possible, maybe 0: also while xenstored resets the ring. -PV_EPROTO: its index is
 * impossible; -PV_EIO: it says that it has given up.
 */
long pv_store_ring_put(struct pv_store_ring *ring, const void *from, size_t size);
long pv_store_ring_get(struct pv_store_ring *ring, void *to, size_t size);

#endif
