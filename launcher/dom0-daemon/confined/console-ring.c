/*
 * The backend's half of a PV console ring (see console-ring.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "console-ring.h"

#include "util.h"

#include <errno.h>
#include <string.h>

/* The one read of an index that the frontend owns; what follows it is not moved before it. */
static uint32_t console_ring_load(const XENCONS_RING_IDX *index)
{
    return __atomic_load_n(index, __ATOMIC_ACQUIRE);
}

/* Publishes an index of ours, after the bytes that it stands for. */
static void console_ring_store(XENCONS_RING_IDX *index, uint32_t value)
{
    __atomic_store_n(index, value, __ATOMIC_SEQ_CST);
}

void console_ring_init(struct console_ring *ring, struct xencons_interface *page)
{
    ring->page = page;
    ring->out_cons = console_ring_load(&page->out_cons);
    ring->in_prod = console_ring_load(&page->in_prod);
}

ssize_t console_ring_peek(const struct console_ring *ring, void *buf, size_t len)
{
    uint32_t avail = console_ring_load(&ring->page->out_prod) - ring->out_cons;
    size_t at = ring->out_cons % CONSOLE_RING_OUT, first;

    if (avail > CONSOLE_RING_OUT)
        return -EPROTO;
    len = MIN(len, (size_t)avail);
    first = MIN(len, CONSOLE_RING_OUT - at);
    memcpy(buf, ring->page->out + at, first);
    memcpy((char *)buf + first, ring->page->out, len - first);
    return len;
}

void console_ring_consume(struct console_ring *ring, size_t len)
{
    ring->out_cons += len;
    console_ring_store(&ring->page->out_cons, ring->out_cons);
}

ssize_t console_ring_room(const struct console_ring *ring)
{
    uint32_t used = ring->in_prod - console_ring_load(&ring->page->in_cons);

    return used > CONSOLE_RING_IN ? -EPROTO : (ssize_t)(CONSOLE_RING_IN - used);
}

ssize_t console_ring_produce(struct console_ring *ring, const void *buf, size_t len)
{
    size_t at = ring->in_prod % CONSOLE_RING_IN, first;
    ssize_t room = console_ring_room(ring);

    if (room < 0)
        return room;
    len = MIN(len, (size_t)room);
    first = MIN(len, CONSOLE_RING_IN - at);
    memcpy(ring->page->in + at, buf, first);
    memcpy(ring->page->in, (const char *)buf + first, len - first);
    ring->in_prod += len;
    console_ring_store(&ring->page->in_prod, ring->in_prod);
    return len;
}
