/*
 * The backend's half of a PV console ring (xen/include/public/io/console.h).
 *
 * One shared page: in[1024] (we produce), out[2048] (we consume), and four free
 * running 32-bit indices in_cons, in_prod, out_cons, out_prod; a byte's place is
 * index modulo ring size. The frontend can write anything to the whole page at
 * any time, so: each of its two indices is read once into a local, checked, and
 * only the local is used; our two indices are kept here and only ever copied out.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_CONSOLE_RING_H
#define DM_CONSOLE_RING_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <xen/io/console.h>

#define CONSOLE_RING_IN sizeof(((struct xencons_interface *)0)->in)
#define CONSOLE_RING_OUT sizeof(((struct xencons_interface *)0)->out)

struct console_ring {
    struct xencons_interface *page; /* mapped by the caller; NULL: not connected */
    uint32_t out_cons, in_prod;
};

/*
 * Starts on PAGE. The two indices that become ours are taken over from the page
 * as they are: a frontend may have written before we came.
 */
void console_ring_init(struct console_ring *ring, struct xencons_interface *page);

/*
 * Copies at most LEN bytes of the frontend's output to BUF without consuming them.
 * Returns the number, 0 when there are none, or -EPROTO when the frontend's index
 * is impossible (the ring is then of no more use).
 */
ssize_t console_ring_peek(const struct console_ring *ring, void *buf, size_t len);

/* Consumes LEN bytes, no more than the last peek returned. The caller notifies. */
void console_ring_consume(struct console_ring *ring, size_t len);

/* Room for input: 0 to CONSOLE_RING_IN bytes, or -EPROTO. */
ssize_t console_ring_room(const struct console_ring *ring);

/*
 * Gives the frontend at most LEN bytes of input. Returns how many (less than LEN
 * when the ring is full), or -EPROTO. The caller notifies when it is not 0.
 */
ssize_t console_ring_produce(struct console_ring *ring, const void *buf, size_t len);

#endif
