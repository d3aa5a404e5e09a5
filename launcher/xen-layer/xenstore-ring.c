/*
 * The domain's end of the xenstore ring (xenstore-ring.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xenstore-ring.h"

#define SIZE ((size_t)XENSTORE_RING_SIZE)

void pv_store_ring_init(struct pv_store_ring *ring, void *page)
{
    ring->page = page;
    ring->req_prod = PV_READ_ONCE(ring->page->req_prod);
    ring->rsp_cons = PV_READ_ONCE(ring->page->rsp_cons);
}

/* 0: the ring may be used; 1: not now; or an error. */
static int ring_state(const struct pv_store_ring *ring)
{
    /* The field means something only if xenstored announces it. */
    if (PV_READ_ONCE(ring->page->server_features) & XENSTORE_SERVER_FEATURE_ERROR &&
        PV_READ_ONCE(ring->page->error) != XENSTORE_ERROR_NONE)
        return -PV_EIO;
    return PV_READ_ONCE(ring->page->connection) == XENSTORE_RECONNECT;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

long pv_store_ring_put(struct pv_store_ring *ring, const void *from, size_t size)
{
    uint32_t used = ring->req_prod - PV_READ_ONCE(ring->page->req_cons);
    size_t at = MASK_XENSTORE_IDX(ring->req_prod), n, first;
    int state = ring_state(ring);

    if (state)
        return state < 0 ? state : 0;
    if (used > SIZE)
        return -PV_EPROTO;
    n = least(size, SIZE - used);
    first = least(n, SIZE - at);
    pv_barrier(); /* xenstored is done with the bytes before they are overwritten */
    pv_copy(ring->page->req + at, from, first);
    pv_copy(ring->page->req, (const char *)from + first, n - first);
    ring->req_prod += (uint32_t)n;
    pv_barrier();
    PV_WRITE_ONCE(ring->page->req_prod, ring->req_prod);
    return (long)n;
}

long pv_store_ring_get(struct pv_store_ring *ring, void *to, size_t size)
{
    uint32_t have = PV_READ_ONCE(ring->page->rsp_prod) - ring->rsp_cons;
    size_t at = MASK_XENSTORE_IDX(ring->rsp_cons), n, first;
    int state = ring_state(ring);

    if (state)
        return state < 0 ? state : 0;
    if (have > SIZE)
        return -PV_EPROTO;
    n = least(size, have);
    first = least(n, SIZE - at);
    pv_barrier(); /* the bytes are read after the index that announces them */
    pv_copy(to, ring->page->rsp + at, first);
    pv_copy((char *)to + first, ring->page->rsp, n - first);
    ring->rsp_cons += (uint32_t)n;
    pv_barrier(); /* and before xenstored may overwrite them */
    PV_WRITE_ONCE(ring->page->rsp_cons, ring->rsp_cons);
    return (long)n;
}
