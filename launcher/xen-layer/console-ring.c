/*
 * The frontend's end of a console ring (console-ring.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "console-ring.h"

#define IN_SIZE sizeof(((struct xencons_interface *)0)->in)
#define OUT_SIZE sizeof(((struct xencons_interface *)0)->out)

void pv_console_ring_init(struct pv_console_ring *ring, void *page)
{
    ring->page = page;
    ring->out_prod = PV_READ_ONCE(ring->page->out_prod);
    ring->in_cons = PV_READ_ONCE(ring->page->in_cons);
}

long pv_console_ring_readable(const struct pv_console_ring *ring)
{
    uint32_t n = PV_READ_ONCE(ring->page->in_prod) - ring->in_cons;

    return n > IN_SIZE ? -PV_EPROTO : (long)n;
}

long pv_console_ring_unsent(const struct pv_console_ring *ring)
{
    uint32_t n = ring->out_prod - PV_READ_ONCE(ring->page->out_cons);

    return n > OUT_SIZE ? -PV_EPROTO : (long)n;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

long pv_console_ring_read(struct pv_console_ring *ring, void *to, size_t size)
{
    long readable = pv_console_ring_readable(ring);
    size_t at = ring->in_cons % IN_SIZE, n, first;

    if (readable <= 0)
        return readable;
    n = least(size, (size_t)readable);
    first = least(n, IN_SIZE - at);
    pv_barrier(); /* the bytes are read after the index that announces them */
    pv_copy(to, ring->page->in + at, first);
    pv_copy((char *)to + first, ring->page->in, n - first);
    ring->in_cons += (uint32_t)n;
    pv_barrier(); /* and before the backend may overwrite them */
    PV_WRITE_ONCE(ring->page->in_cons, ring->in_cons);
    return (long)n;
}

long pv_console_ring_write(struct pv_console_ring *ring, const void *from, size_t size)
{
    long unsent = pv_console_ring_unsent(ring);
    size_t at = ring->out_prod % OUT_SIZE, n, first;

    if (unsent < 0)
        return unsent;
    n = least(size, OUT_SIZE - (size_t)unsent);
    first = least(n, OUT_SIZE - at);
    pv_barrier(); /* the backend is done with the bytes before they are overwritten */
    pv_copy(ring->page->out + at, from, first);
    pv_copy(ring->page->out, (const char *)from + first, n - first);
    ring->out_prod += (uint32_t)n;
    pv_barrier();
    PV_WRITE_ONCE(ring->page->out_prod, ring->out_prod);
    return (long)n;
}
