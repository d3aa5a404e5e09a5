/*
 * nic-ring.h
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "nic-ring.h"

#include "frame.h"

#define INDEX(i) ((i) & (NIC_SLOTS - 1))

_Static_assert(__CONST_RING_SIZE(netif_tx, PV_PAGE) == NIC_SLOTS &&
                   __CONST_RING_SIZE(netif_rx, PV_PAGE) == NIC_SLOTS,
               "both rings fill one page each");
_Static_assert(sizeof(struct netif_extra_info) == sizeof(struct netif_rx_response) &&
                   sizeof(struct netif_extra_info) <= sizeof(struct netif_tx_request),
               "extra information fits into a slot");

/* What a page to send from has: a frame in either half or in both (a bit each), or one frame in all of it. */
enum { TX_FREE = 0, TX_LOWER = 1, TX_UPPER = 2, TX_WHOLE = 4 };

static void break_off(struct nic_ring *ring, const char *why)
{
    if (!ring->broken)
        ring->broken = why;
}

/* ---- pages ---- */

/* Zeroed, because the backend can read all of it. */
static int page_init(struct nic_page *page, uint16_t remote, bool readonly)
{
    int rc;

    page->page = pv_pages_alloc(1, 1);
    if (!page->page)
        return -PV_ENOMEM;
    pv_zero(page->page, PV_PAGE);
    rc = pv_grant(remote, pv_frame_of(page->page), readonly, &page->ref);
    if (rc) {
        pv_pages_put(page->page);
        page->page = NULL;
    }
    return rc;
}

static unsigned int page_dispose(struct nic_page *page)
{
    bool held = page->page && pv_grant_end(page->ref);

    if (page->page && !held)
        pv_pages_put(page->page);
    page->page = NULL;
    return held;
}

static int tx_grow(struct nic_ring *ring)
{
    int rc;

    if (ring->tx_count == NIC_TX_PAGES)
        return -PV_ENOSPC;
    rc = page_init(&ring->tx_pages[ring->tx_count], ring->remote, true);
    if (!rc)
        ring->tx_count++;
    return rc;
}

static int make_pages(struct nic_ring *ring)
{
    int rc = page_init(&ring->tx_shared, ring->remote, false);

    if (!rc)
        rc = page_init(&ring->rx_shared, ring->remote, false);
    for (unsigned int i = 0; !rc && i < NIC_RX_PAGES; i++)
        rc = page_init(&ring->rx_pages[i], ring->remote, false);
    while (!rc && ring->tx_count < NIC_TX_PAGES_MIN)
        rc = tx_grow(ring);
    return rc;
}

int nic_ring_init(struct nic_ring *ring, uint16_t remote)
{
    int rc;

    ring->remote = remote;
    rc = make_pages(ring);
    if (rc) {
        nic_ring_dispose(ring);
        return rc;
    }
    ring->tx = (struct netif_tx_sring *)ring->tx_shared.page;
    ring->rx = (struct netif_rx_sring *)ring->rx_shared.page;
    ring->tx->req_event = ring->rx->req_event = 1;
    ring->rx->rsp_event = 1;
    ring->tx->rsp_event = NIC_SLOTS + 1;
    nic_ring_refill(ring);
    return 0;
}

unsigned int nic_ring_dispose(struct nic_ring *ring)
{
    unsigned int held = page_dispose(&ring->tx_shared) + page_dispose(&ring->rx_shared);

    for (unsigned int i = 0; i < NIC_RX_PAGES; i++)
        held += page_dispose(&ring->rx_pages[i]);
    for (; ring->tx_count; ring->tx_count--)
        held += page_dispose(&ring->tx_pages[ring->tx_count - 1]);
    break_off(ring, "closed");
    return held;
}

/* ---- sending ---- */

/*
 * Marks the place of a frame that was sent as free. False: no frame was there. The backend chooses the id, and a wrong
 * one must not free a page that is in use.
 */
static bool tx_release(struct nic_ring *ring, uint16_t id)
{
    unsigned int page = id / 2U;
    uint8_t half = id & 1 ? TX_UPPER : TX_LOWER;

    if (page >= ring->tx_count)
        return false;
    if (half == TX_LOWER && ring->tx_used[page] == TX_WHOLE)
        ring->tx_used[page] = TX_FREE;
    else if (ring->tx_used[page] & half)
        ring->tx_used[page] &= (uint8_t)~half;
    else
        return false;
    return true;
}

/*
 * When the backend is to notify us of frames that it has sent. If nobody waits for room: not at all; the next frame
 * looks.
 */
static void set_tx_event(struct nic_ring *ring)
{
    uint32_t some = (ring->tx_prod - ring->tx_cons) / 4;

    PV_WRITE_ONCE(ring->tx->rsp_event, ring->tx_cons + 1 + (ring->tx_event ? some : NIC_SLOTS));
}

void nic_ring_reap(struct nic_ring *ring)
{
    uint32_t prod;

    if (ring->broken)
        return;
    prod = PV_READ_ONCE(ring->tx->rsp_prod);
    pv_barrier();
    if (prod - ring->tx_cons > ring->tx_prod - ring->tx_cons) {
        break_off(ring, "it has sent more than it got");
        return;
    }
    for (; ring->tx_cons != prod; ring->tx_cons++) {
        struct netif_tx_response rsp = PV_READ_ONCE(ring->tx->ring[INDEX(ring->tx_cons)].rsp);

        /* NETIF_RSP_NULL answers extra information. Other errors are ignored: the frame is lost, as frames may be. */
        if (rsp.status != NETIF_RSP_NULL && !tx_release(ring, rsp.id)) {
            break_off(ring, "it has sent what it did not get");
            return;
        }
    }
    set_tx_event(ring);
}

static unsigned int pages_for(size_t size)
{
    return (unsigned int)((size + PV_PAGE - 1) / PV_PAGE);
}

static bool slots_left(const struct nic_ring *ring, size_t size, bool gso)
{
    return NIC_SLOTS - (ring->tx_prod - ring->tx_cons) >= pages_for(size) + gso;
}

/* Finds half a page, if possible the other half of one that is in use. Its id, or -1. */
static int place_small(struct nic_ring *ring)
{
    int free = -1;

    for (unsigned int i = 0; i < ring->tx_count; i++) {
        if (ring->tx_used[i] == TX_LOWER || ring->tx_used[i] == TX_UPPER)
            return (int)(i * 2 + (ring->tx_used[i] == TX_LOWER));
        if (ring->tx_used[i] == TX_FREE && free < 0)
            free = (int)i * 2;
    }
    if (free < 0 && !tx_grow(ring))
        free = (int)(ring->tx_count - 1) * 2;
    return free;
}

/* Finds `count` whole pages. True: their numbers are in pages. */
static bool place_large(struct nic_ring *ring, unsigned int count, uint8_t *pages)
{
    unsigned int n = 0;

    for (unsigned int i = 0; n < count && (i < ring->tx_count || !tx_grow(ring)); i++)
        if (ring->tx_used[i] == TX_FREE)
            pages[n++] = (uint8_t)i;
    return n == count;
}

static bool fits(struct nic_ring *ring, size_t size, bool gso)
{
    uint8_t pages[NIC_TX_PAGES];

    if (!slots_left(ring, size, gso))
        return false;
    return size <= NIC_SMALL ? place_small(ring) >= 0 : place_large(ring, pages_for(size), pages);
}

bool nic_ring_await_room(struct nic_ring *ring, size_t size, bool gso)
{
    ring->tx_event = true;
    nic_ring_reap(ring);
    /* Answers that came before the backend saw the event index make no event. So look once more. */
    pv_full_barrier();
    nic_ring_reap(ring);
    ring->tx_event = ring->broken || !fits(ring, size, gso);
    return !ring->tx_event;
}

/* The backend finds the place of the checksum by the frame's headers. So info must agree with the headers. */
static int check_offloads(const struct nic_ring *ring, const struct pv_frame_info *info,
                          const void *frame, size_t size)
{
    struct frame_layout layout;
    unsigned int need;

    if (!info->csum_blank)
        return info->gso ? -PV_EINVAL : 0;
    if (frame_parse(frame, size, false, &layout) || layout.transport != info->csum_start ||
        layout.checksum != info->csum_offset)
        return -PV_EINVAL;
    need = layout.v6 ? PV_OFFLOAD_CSUM6 : PV_OFFLOAD_CSUM4;
    if (info->gso) {
        need |= layout.v6 ? PV_OFFLOAD_GSO6 : PV_OFFLOAD_GSO4;
        if (!frame_tcp_header(frame, size, &layout) || !info->gso_size ||
            info->gso != (layout.v6 ? XEN_NETIF_GSO_TYPE_TCPV6 : XEN_NETIF_GSO_TYPE_TCPV4))
            return -PV_EINVAL;
    }
    return (ring->offloads & need) == need ? 0 : -PV_EINVAL;
}

static int check_frame(const struct nic_ring *ring, const struct pv_frame_info *info,
                       const void *frame, size_t size)
{
    if (size < FRAME_ETH || size > XEN_NETIF_MAX_TX_SIZE || (size > PV_PAGE && !ring->scatter))
        return -PV_EINVAL;
    return check_offloads(ring, info, frame, size);
}

static void put_request(struct nic_ring *ring, unsigned int id, const uint8_t *data, size_t size,
                        size_t total, unsigned int flags)
{
    const struct nic_page *page = &ring->tx_pages[id / 2];
    size_t offset = id & 1 ? NIC_SMALL : 0;

    pv_copy(page->page + offset, data, size);
    ring->tx->ring[INDEX(ring->tx_prod++)].req = (struct netif_tx_request){
        .gref = page->ref,
        .offset = (uint16_t)offset,
        .flags = (uint16_t)flags,
        .id = (uint16_t)id,
        .size = (uint16_t)total,
    };
}

static void put_gso(struct nic_ring *ring, const struct pv_frame_info *info)
{
    const struct netif_extra_info extra = {
        .type = XEN_NETIF_EXTRA_TYPE_GSO,
        .u.gso = { .size = info->gso_size, .type = info->gso },
    };

    pv_copy(&ring->tx->ring[INDEX(ring->tx_prod++)], &extra, sizeof(extra));
}

static unsigned int first_flags(const struct pv_frame_info *info)
{
    unsigned int flags = info->gso ? NETTXF_extra_info : 0;

    if (info->csum_blank)
        return flags | NETTXF_csum_blank | NETTXF_data_validated;
    return info->csum_valid ? flags | NETTXF_data_validated : flags;
}

/* The first request has the size of the whole frame. The extra information follows behind it. */
static void put_first(struct nic_ring *ring, const struct pv_frame_info *info, unsigned int id,
                      const uint8_t *frame, size_t piece, size_t size, unsigned int flags)
{
    put_request(ring, id, frame, piece, size, flags | first_flags(info));
    if (info->gso)
        put_gso(ring, info);
}

static void put_large(struct nic_ring *ring, const struct pv_frame_info *info, const uint8_t *frame,
                      size_t size, const uint8_t *pages)
{
    for (size_t at = 0; at < size; at += PV_PAGE, pages++) {
        size_t piece = size - at < PV_PAGE ? size - at : PV_PAGE;
        unsigned int flags = at + piece < size ? NETTXF_more_data : 0;

        ring->tx_used[*pages] = TX_WHOLE;
        if (at)
            put_request(ring, *pages * 2U, frame + at, piece, piece, flags);
        else
            put_first(ring, info, *pages * 2U, frame, piece, size, flags);
    }
}

static bool put(struct nic_ring *ring, const struct pv_frame_info *info, const uint8_t *frame,
                size_t size)
{
    uint8_t pages[NIC_TX_PAGES];
    int id;

    if (!slots_left(ring, size, info->gso))
        return false;
    if (size > NIC_SMALL) {
        if (!place_large(ring, pages_for(size), pages))
            return false;
        put_large(ring, info, frame, size, pages);
        return true;
    }
    id = place_small(ring);
    if (id < 0)
        return false;
    ring->tx_used[id / 2] |= id & 1 ? TX_UPPER : TX_LOWER;
    put_first(ring, info, (unsigned int)id, frame, size, size, 0);
    return true;
}

int nic_ring_send(struct nic_ring *ring, const struct pv_frame_info *info, const void *frame,
                  size_t size, bool *notify)
{
    uint32_t before = ring->tx_prod;
    int rc;

    nic_ring_reap(ring);
    if (ring->broken)
        return -PV_EPROTO;
    rc = check_frame(ring, info, frame, size);
    if (rc)
        return rc;
    if (!put(ring, info, frame, size))
        return -PV_EAGAIN;
    pv_barrier();
    PV_WRITE_ONCE(ring->tx->req_prod, ring->tx_prod);
    pv_full_barrier();
    *notify = ring->tx_prod - PV_READ_ONCE(ring->tx->req_event) < ring->tx_prod - before;
    return 0;
}

/* ---- receiving ---- */

bool nic_ring_refill(struct nic_ring *ring)
{
    uint32_t before = ring->rx_prod;

    for (; ring->rx_prod - ring->rx_cons < NIC_RX_PAGES; ring->rx_prod++)
        ring->rx->ring[INDEX(ring->rx_prod)].req = (struct netif_rx_request){
            .id = (uint16_t)INDEX(ring->rx_prod),
            .gref = ring->rx_pages[ring->rx_prod % NIC_RX_PAGES].ref,
        };
    if (ring->rx_prod == before)
        return false;
    pv_barrier();
    PV_WRITE_ONCE(ring->rx->req_prod, ring->rx_prod);
    pv_full_barrier();
    return ring->rx_prod - PV_READ_ONCE(ring->rx->req_event) < ring->rx_prod - before;
}

bool nic_ring_rest(struct nic_ring *ring)
{
    PV_WRITE_ONCE(ring->rx->rsp_event, ring->rx_seen + 1);
    pv_full_barrier();
    return PV_READ_ONCE(ring->rx->rsp_prod) == ring->rx_seen;
}

/* A frame that is being put together from its slots. */
struct arrival {
    uint32_t at;              /* the next slot */
    uint8_t *to;
    size_t size;
    unsigned int flags;       /* of the first slot */
    uint8_t gso;
    uint16_t gso_size;
    bool unfit;               /* it is taken off the ring, but not passed on */
};

/* 1: the frame's next slot has been answered; 0: not yet; -PV_EPROTO. */
static int next_slot(struct nic_ring *ring, const struct arrival *frame)
{
    if (frame->at != ring->rx_seen)
        return 1;
    if (ring->rx_seen - ring->rx_cons < NIC_RX_PAGES)
        return 0;
    break_off(ring, "a frame fills the ring and does not end");
    return -PV_EPROTO;
}

static int take_extra(struct nic_ring *ring, struct arrival *frame)
{
    struct netif_rx_response slot;
    struct netif_extra_info extra;
    int rc;

    do {
        rc = next_slot(ring, frame);
        if (rc <= 0)
            return rc;
        slot = PV_READ_ONCE(ring->rx->ring[INDEX(frame->at++)].rsp);
        pv_copy(&extra, &slot, sizeof(extra));
        if (extra.type == XEN_NETIF_EXTRA_TYPE_GSO) {
            frame->gso = extra.u.gso.type;
            frame->gso_size = extra.u.gso.size;
            frame->unfit |= !frame->gso || !frame->gso_size;
        } else {
            frame->unfit = true; /* we have asked for no other type */
        }
    } while (extra.flags & XEN_NETIF_EXTRA_FLAG_MORE);
    return 1;
}

static int take_data(struct nic_ring *ring, struct arrival *frame,
                     const struct netif_rx_response *rsp)
{
    size_t size = rsp->status < 0 ? 0 : (size_t)rsp->status;

    if (rsp->id != INDEX(frame->at)) {
        break_off(ring, "an answer is not where its request was");
        return -PV_EPROTO;
    }
    if (rsp->offset > PV_PAGE || size > PV_PAGE - rsp->offset) {
        break_off(ring, "a frame is not within its page");
        return -PV_EPROTO;
    }
    /* Negative: the backend could not copy it. */
    frame->unfit |= rsp->status < 0 || size > PV_FRAME_MAX - frame->size;
    if (!frame->unfit) {
        pv_copy(frame->to + frame->size,
                ring->rx_pages[frame->at % NIC_RX_PAGES].page + rsp->offset, size);
        frame->size += size;
    }
    frame->at++;
    return 1;
}

static int take_slots(struct nic_ring *ring, struct arrival *frame)
{
    struct netif_rx_response rsp;
    bool first = true;
    int rc;

    do {
        rc = next_slot(ring, frame);
        if (rc <= 0)
            return rc;
        rsp = PV_READ_ONCE(ring->rx->ring[INDEX(frame->at)].rsp);
        rc = take_data(ring, frame, &rsp);
        if (rc > 0 && first) {
            frame->flags = rsp.flags;
            rc = rsp.flags & NETRXF_extra_info ? take_extra(ring, frame) : rc;
        }
        first = false;
    } while (rc > 0 && rsp.flags & NETRXF_more_data);
    return rc;
}

/* Fills in info. Its receiver relies on it, so what the backend says is checked against the frame's headers. */
static int describe(const struct arrival *frame, struct pv_frame_info *info)
{
    struct frame_layout layout;

    *info = (struct pv_frame_info){ 0 };
    if (frame->unfit || frame->size < FRAME_ETH)
        return -PV_EINVAL;
    if (!(frame->flags & NETRXF_csum_blank)) {
        info->csum_valid = frame->flags & NETRXF_data_validated;
        return frame->gso ? -PV_EINVAL : 1;
    }
    if (frame_parse(frame->to, frame->size, false, &layout))
        return -PV_EINVAL;
    info->csum_blank = true;
    info->csum_start = layout.transport;
    info->csum_offset = layout.checksum;
    if (!frame->gso)
        return 1;
    info->gso = frame->gso;
    info->gso_size = frame->gso_size;
    info->header_size = (uint16_t)frame_tcp_header(frame->to, frame->size, &layout);
    if (!info->header_size ||
        frame->gso != (layout.v6 ? XEN_NETIF_GSO_TYPE_TCPV6 : XEN_NETIF_GSO_TYPE_TCPV4))
        return -PV_EINVAL;
    return 1;
}

int nic_ring_take(struct nic_ring *ring, uint8_t *to, struct pv_frame_info *info, size_t *size)
{
    struct arrival frame = { .at = ring->rx_cons, .to = to };
    int rc;

    if (ring->broken)
        return -PV_EPROTO;
    ring->rx_seen = PV_READ_ONCE(ring->rx->rsp_prod);
    pv_barrier();
    if (ring->rx_seen - ring->rx_cons > ring->rx_prod - ring->rx_cons) {
        break_off(ring, "it answers more than it was asked");
        return -PV_EPROTO;
    }
    if (ring->rx_seen == ring->rx_cons)
        return 0;
    rc = take_slots(ring, &frame);
    if (rc <= 0)
        return rc;
    ring->rx_cons = frame.at;
    *size = frame.size;
    return describe(&frame, info);
}
