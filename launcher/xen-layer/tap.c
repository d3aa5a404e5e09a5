/*
 * tap.h
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "tap.h"

#define FRAME_PAGES ((PV_FRAME_MAX + FRAME_GROWTH + PV_PAGE - 1) / PV_PAGE)

/*
 * A written frame is copied here before anybody looks at it. One buffer does for all taps, because writing does not
 * sleep. A tap whose frame cannot leave at once keeps the buffer; then the next writer gets a new one.
 */
static uint8_t *spare_frame;
static unsigned int taps;

static uint8_t *frame_take(void)
{
    uint8_t *frame = spare_frame ? spare_frame : pv_pages_alloc(FRAME_PAGES, 1);

    spare_frame = NULL;
    return frame;
}

static void frame_give(uint8_t *frame)
{
    if (!frame)
        return;
    if (spare_frame || !taps)
        pv_pages_put(frame);
    else
        spare_frame = frame;
}

/* ---- from the writer ---- */

/* Sends as many pieces as there is room for. If the NIC has gone, the rest is lost. */
static void send_pieces(struct pv_tap *tap)
{
    const struct tap_pieces *out = &tap->out;

    do {
        int rc = pv_nic_send(tap->nic, &out->info, out->bytes, out->size);

        tap->blocked = rc == -PV_EAGAIN;
        if (tap->blocked)
            return;
    } while (tap_pieces_next_out(&tap->out, pv_nic_offloads(tap->nic)));
    frame_give(tap->out_frame);
    tap->out_frame = NULL;
}

/* Keeps a frame of a writer that does not wait for room. False: there is no room here either, and the frame is lost. */
static bool keep(struct pv_tap *tap, const struct pv_frame_info *info, const uint8_t *frame, size_t size)
{
    if (!tap->kept.memory && tap_queue_init(&tap->kept))
        return false;
    return tap_queue_put(&tap->kept, info, frame, size);
}

static bool writer_waits(const struct pv_tap *tap)
{
    return tap->header_size > sizeof(struct tap_header);
}

static void send_kept(struct pv_tap *tap)
{
    struct tap_frame *first;

    while (!tap->blocked && (first = tap_queue_first(&tap->kept))) {
        tap->blocked = pv_nic_send(tap->nic, &first->info, first->octets, first->size) == -PV_EAGAIN;
        if (!tap->blocked)
            tap_queue_drop_first(&tap->kept);
    }
}

/* Takes the frame over. 0: it was sent, or is lost; -PV_EAGAIN; -PV_EINVAL. */
static int send_whole(struct pv_tap *tap, uint8_t *frame)
{
    const struct tap_pieces *out = &tap->out;
    int rc = pv_nic_send(tap->nic, &out->info, out->bytes, out->size);

    tap->blocked = rc == -PV_EAGAIN;
    if (tap->blocked && !writer_waits(tap))
        keep(tap, &out->info, out->bytes, out->size);
    frame_give(frame);
    return rc == -PV_ENODEV ? 0 : rc;
}

static int send_frame(struct pv_tap *tap, const struct pv_frame_info *info, uint8_t *frame, size_t size)
{
    if (tap_pieces_out(&tap->out, pv_nic_offloads(tap->nic), info, frame, size)) {
        frame_give(frame);
        return -PV_EINVAL;
    }
    if (!tap->out.cutting)
        return send_whole(tap, frame);
    tap->out_frame = frame;
    send_pieces(tap);
    return 0;
}

/* The NIC has room again, or has gone. */
static void room(void *arg)
{
    struct pv_tap *tap = arg;

    tap->blocked = false;
    if (tap->out_frame)
        send_pieces(tap);
    send_kept(tap);
    if (!tap->blocked)
        tap->changed(tap);
}

struct source { pv_tap_get_fn *get; void *arg; };

static int gather(const struct pv_tap *tap, const struct source *from, struct tap_header *header,
                  uint8_t *frame, size_t size)
{
    size_t left = tap->header_size;
    uint8_t rest[PV_TAP_HEADER_MAX];
    int rc = 0;

    *header = (struct tap_header){ 0 };
    if (left)
        rc = from->get(from->arg, header, sizeof(*header));
    if (!rc && left > sizeof(*header))
        rc = from->get(from->arg, rest, left - sizeof(*header));
    return rc ? rc : from->get(from->arg, frame, size);
}

/* 0: it was sent or kept, or the firewall dropped it. */
static int write_frame(struct pv_tap *tap, const struct source *from, size_t size)
{
    struct tap_header header;
    struct pv_frame_info info;
    uint8_t *frame = frame_take();
    bool pass;
    int rc;

    if (!frame)
        return -PV_ENOMEM;
    rc = gather(tap, from, &header, frame, size);
    if (!rc)
        rc = tap_settle(&header, frame, size, &info);
    pass = !rc && frame_program_passes(tap->program, frame, size);
    if (pass && !tap->blocked)
        return send_frame(tap, &info, frame, size);
    /* Only virtio-net leaves work to others, and it waits for room. */
    if (pass && !info.gso && !info.csum_blank)
        keep(tap, &info, frame, size);
    frame_give(frame);
    return rc;
}

long pv_tap_write(struct pv_tap *tap, size_t total, pv_tap_get_fn *get, void *arg)
{
    const struct source from = { get, arg };
    int rc;

    if (!tap->nic)
        return -PV_EIO; /* Linux's answer for an interface that is down */
    if (total < tap->header_size + FRAME_ETH || total - tap->header_size > PV_FRAME_MAX)
        return -PV_EINVAL;
    if (tap->blocked && writer_waits(tap))
        return -PV_EAGAIN;
    rc = write_frame(tap, &from, total - tap->header_size);
    if (rc == -PV_EAGAIN && !writer_waits(tap))
        rc = 0;
    return rc ? rc : (long)total;
}

bool pv_tap_writable(const struct pv_tap *tap)
{
    return tap->nic && !tap->blocked;
}

/* ---- to the reader ---- */

static void got(void *arg, const struct pv_frame_info *info, const void *frame, size_t size)
{
    struct pv_tap *tap = arg;
    bool was_empty = !tap_queue_first(&tap->queue);

    if (tap_queue_put(&tap->queue, info, frame, size) && was_empty)
        tap->changed(tap);
    if (!tap_queue_has_room(&tap->queue))
        pv_nic_accept(tap->nic, false);
}

static void drop_first(struct pv_tap *tap)
{
    tap->cutting = false;
    tap_queue_drop_first(&tap->queue);
}

/*
 * Makes what the next read gets the current piece. False: there is nothing. A frame that was begun in pieces is read to
 * its end in pieces, even if the reader takes more offloads by then.
 */
static bool next_piece(struct pv_tap *tap)
{
    struct tap_frame *first;

    while ((first = tap_queue_first(&tap->queue))) {
        if (tap->cutting ? tap_pieces_next_in(&tap->in, tap->offloads) :
                           !tap_pieces_in(&tap->in, tap->offloads, &first->info, first->octets, first->size))
            return true;
        drop_first(tap);
    }
    return false;
}

/* The piece has been read, or is lost. From here on its memory may be used for new frames. */
static void piece_done(struct pv_tap *tap)
{
    tap->cutting = !tap_pieces_at_end(&tap->in);
    if (!tap->cutting)
        drop_first(tap);
    if (tap_queue_has_room(&tap->queue))
        pv_nic_accept(tap->nic, true);
}

/* How many octets were put, or an error. */
static long put_piece(const struct pv_tap *tap, size_t space, pv_tap_put_fn *put, void *arg)
{
    union { struct tap_header header; uint8_t octets[PV_TAP_HEADER_MAX]; } head = { .octets = { 0 } };
    size_t size = tap->in.size;
    int rc = 0;

    if (space < tap->header_size)
        return -PV_EINVAL;
    if (size > space - tap->header_size)
        size = space - tap->header_size;
    tap_describe(&tap->in.info, &head.header);
    if (tap->header_size)
        rc = put(arg, &head, tap->header_size);
    if (!rc)
        rc = put(arg, tap->in.bytes, size);
    return rc ? rc : (long)(tap->header_size + size);
}

long pv_tap_read(struct pv_tap *tap, size_t space, pv_tap_put_fn *put, void *arg)
{
    long rc;

    if (!tap->nic || !next_piece(tap))
        return -PV_EAGAIN;
    rc = put_piece(tap, space, put, arg);
    piece_done(tap);
    return rc;
}

bool pv_tap_readable(const struct pv_tap *tap)
{
    return tap->nic && tap_queue_first(&tap->queue);
}

/* ---- opening ---- */

/* Allocates spare_frame for the first tap. Without it no frame could be written. */
static int reserve_frame(void)
{
    frame_give(frame_take());
    return spare_frame ? 0 : -PV_ENOMEM;
}

int pv_tap_open(struct pv_tap *tap, unsigned int vif)
{
    struct pv_nic *nic;
    int rc;

    taps++;
    tap->counted = true;
    rc = reserve_frame();
    if (!rc)
        rc = tap_queue_init(&tap->queue);
    if (!rc)
        rc = pv_nic_open(vif, got, room, tap, &nic);
    if (rc)
        return rc;
    tap->nic = nic;
    pv_nic_accept(nic, true);
    return 0;
}

void pv_tap_close(struct pv_tap *tap)
{
    if (tap->nic)
        pv_nic_close(tap->nic);
    tap->nic = NULL;
    tap_queue_dispose(&tap->queue);
    tap_queue_dispose(&tap->kept);
    if (tap->counted)
        taps--;
    tap->counted = false;
    frame_give(tap->out_frame);
    tap->out_frame = NULL;
    if (!taps && spare_frame) {
        pv_pages_put(spare_frame);
        spare_frame = NULL;
    }
}
