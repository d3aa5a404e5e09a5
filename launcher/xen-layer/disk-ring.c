/*
 * The ring between a block frontend and its backend (disk-ring.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "disk-ring.h"

#define DIRECT_MAX ((size_t)BLKIF_MAX_SEGMENTS_PER_REQUEST)
#define ID_SLOT 0xffU /* these bits of an id are the slot's number; the others differ each time that the slot is used */

_Static_assert(__CONST_RING_SIZE(blkif, PV_PAGE) == DISK_RING_SLOTS, "slots of a ring of one page");
_Static_assert(sizeof(struct disk_indirect) == PV_PAGE, "segments and frames fill a page");

void disk_ring_init(struct disk_ring *ring, void *shared, uint16_t remote, uint16_t handle)
{
    pv_zero(ring, sizeof(*ring));
    pv_zero(shared, PV_PAGE);
    ring->shared = shared;
    ring->shared->req_event = ring->shared->rsp_event = 1;
    ring->remote = remote;
    ring->handle = handle;
    ring->last = &ring->first;
}

/* ---- requests: the queue, and the end ---- */

void disk_ring_add(struct disk_ring *ring, struct pv_disk_request *request)
{
    request->next = NULL;
    request->issued = request->pending = 0;
    request->result = 0;
    *ring->last = request;
    ring->last = &request->next;
}

static void queue_drop_first(struct disk_ring *ring)
{
    struct pv_disk_request *request = ring->first;

    ring->first = request->next;
    ring->first_sectors = 0;
    if (!ring->first)
        ring->last = &ring->first;
}

static void finish_if_done(struct pv_disk_request *request, struct pv_disk_request **finished)
{
    if (request->pending || request->issued != request->count)
        return;
    request->next = *finished;
    *finished = request;
}

/* The first request of the queue fails. No further piece of it goes onto the ring. */
static void queue_fail_first(struct disk_ring *ring, int result, struct pv_disk_request **finished)
{
    struct pv_disk_request *request = ring->first;

    queue_drop_first(ring);
    if (!request->result)
        request->result = result;
    request->issued = request->count;
    finish_if_done(request, finished);
}

static void slot_done(struct disk_ring *ring, struct disk_slot *slot, int result,
                      struct pv_disk_request **finished)
{
    struct pv_disk_request *request = slot->request;

    if (!request)
        return;
    slot->request = NULL;
    request->pending--;
    if (!request->result)
        request->result = result;
    if (request->result && request == ring->first)
        queue_fail_first(ring, request->result, finished);
    else
        finish_if_done(request, finished);
}

void disk_ring_stop(struct disk_ring *ring, struct pv_disk_request **finished)
{
    ring->stopped = true;
    while (ring->first)
        queue_fail_first(ring, -PV_EIO, finished);
}

/* ---- pages that the backend keeps ---- */

static void page_free(struct pv_disk_page *page)
{
    pv_pages_put(page->page);
    pv_free(page);
}

struct pv_disk_page *disk_ring_page_get(struct disk_ring *ring)
{
    struct pv_disk_page *page = ring->spare;

    if (page) {
        ring->spare = page->next;
        return page;
    }
    page = pv_alloc(sizeof(*page));
    if (!page)
        return NULL;
    *page = (struct pv_disk_page){ .page = pv_pages_alloc(1, 1) };
    if (!page->page) {
        pv_free(page);
        return NULL;
    }
    if (!ring->persistent)
        return page;
    pv_zero(page->page, PV_PAGE);
    /* Not read-only: the backend maps each page once, for reads and for writes. */
    if (pv_grant(ring->remote, pv_frame_of(page->page), false, &page->ref)) {
        page_free(page);
        return NULL;
    }
    ring->kept++;
    return page;
}

void disk_ring_page_put(struct disk_ring *ring, struct pv_disk_page *page)
{
    if (!page->ref) {
        page_free(page);
        return;
    }
    page->next = ring->spare;
    ring->spare = page;
}

/* Frees the spare pages that the backend has unmapped. True: no page is granted any more. */
static bool pages_release(struct disk_ring *ring)
{
    while (ring->spare) {
        struct pv_disk_page *page = ring->spare;

        if (pv_grant_end(page->ref))
            return false;
        ring->spare = page->next;
        ring->kept--;
        page_free(page);
    }
    return !ring->kept;
}

/* ---- grants ---- */

static uint32_t slot_ref(const struct disk_slot *slot, size_t i)
{
    return slot->indirect ? slot->indirect->segments[i].gref : slot->refs[i];
}

static uint64_t slot_frame(const struct disk_slot *slot, size_t i)
{
    return slot->indirect ? slot->indirect->frames[i] : slot->frames[i];
}

/* Ends the grants of a slot that the backend does not use any more. True: all of them. */
static bool slot_release(struct disk_ring *ring, struct disk_slot *slot)
{
    if (slot->kept)
        disk_ring_page_put(ring, slot->kept);
    if (ring->persistent) {
        slot->grants = 0;
        slot->indirect = NULL;
        slot->kept = NULL;
        return true;
    }
    for (; slot->grants; slot->grants--) {
        if (pv_grant_end(slot_ref(slot, slot->grants - 1U)))
            return false;
        pv_pages_put(pv_page_of(slot_frame(slot, slot->grants - 1U)));
    }
    if (slot->indirect) {
        if (pv_grant_end(slot->indirect_ref))
            return false;
        pv_pages_put(slot->indirect);
        slot->indirect = NULL;
    }
    return true;
}

static void slot_set_segment(struct disk_slot *slot, blkif_request_t *entry, uint32_t ref,
                             const struct pv_disk_segment *from)
{
    struct blkif_request_segment segment = {
        .gref = ref,
        .first_sect = (uint8_t)(from->offset / 512),
        .last_sect = (uint8_t)((from->offset + from->size) / 512 - 1),
    };

    if (slot->indirect) {
        slot->indirect->segments[slot->grants] = segment;
        slot->indirect->frames[slot->grants] = from->frame;
    } else {
        entry->seg[slot->grants] = segment;
        slot->refs[slot->grants] = ref;
        slot->frames[slot->grants] = from->frame;
    }
    slot->grants++;
}

/* Grants the next segments of a request. 0 if at least one segment could be granted, else the error. */
static int slot_grant_segments(struct disk_ring *ring, struct disk_slot *slot, blkif_request_t *entry)
{
    const struct pv_disk_request *request = slot->request;
    size_t max = slot->indirect ? ring->max_indirect : DIRECT_MAX;
    size_t left = request->count - request->issued;

    if (max > left)
        max = left;
    while (slot->grants < max) {
        const struct pv_disk_segment *segment = &request->segments[request->issued + slot->grants];
        uint32_t ref = segment->ref;
        int rc = ring->persistent ? 0 : pv_grant(ring->remote, segment->frame, request->op == PV_DISK_WRITE, &ref);

        if (rc)
            return slot->grants ? 0 : rc;
        if (!ring->persistent)
            pv_pages_get(pv_page_of(segment->frame));
        slot_set_segment(slot, entry, ref, segment);
    }
    return 0;
}

/*
 * A page that lists the segments of an indirect request. False: no memory, or no grant. Then direct requests must do.
 */
static bool slot_make_indirect(struct disk_ring *ring, struct disk_slot *slot)
{
    struct disk_indirect *page;

    if (ring->persistent) {
        slot->kept = disk_ring_page_get(ring);
        if (!slot->kept)
            return false;
        slot->indirect = slot->kept->page;
        slot->indirect_ref = slot->kept->ref;
        return true;
    }
    page = pv_pages_alloc(1, 1);
    if (!page)
        return false;
    pv_zero(page, PV_PAGE);
    if (pv_grant(ring->remote, pv_frame_of(page), true, &slot->indirect_ref)) {
        pv_pages_put(page);
        return false;
    }
    slot->indirect = page;
    return true;
}

/*
 * Grants the next segments: as an indirect request if they are many, the backend knows these, and there are grants
 * enough.
 */
static int slot_grant(struct disk_ring *ring, struct disk_slot *slot, blkif_request_t *entry)
{
    size_t left = slot->request->count - slot->request->issued;
    int rc;

    if (left > DIRECT_MAX && ring->max_indirect > DIRECT_MAX && slot_make_indirect(ring, slot)) {
        rc = slot_grant_segments(ring, slot, entry);
        if (!rc || !slot_release(ring, slot))
            return rc;
    }
    return slot_grant_segments(ring, slot, entry);
}

/* ---- onto the ring ---- */

static uint64_t sectors_of(const struct pv_disk_segment *segments, size_t count)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < count; i++)
        bytes += segments[i].size;
    return bytes / 512;
}

static void entry_set_indirect(blkif_request_t *entry, const struct disk_ring *ring,
                               const struct disk_slot *slot, uint64_t sector)
{
    blkif_request_indirect_t *indirect = (blkif_request_indirect_t *)entry;

    *indirect = (blkif_request_indirect_t){
        .operation = BLKIF_OP_INDIRECT, .indirect_op = slot->op, .nr_segments = slot->grants,
        .id = slot->id, .sector_number = sector, .handle = ring->handle,
        .indirect_grefs = { slot->indirect_ref },
    };
}

static void entry_set_direct(blkif_request_t *entry, const struct disk_ring *ring,
                             const struct disk_slot *slot, uint64_t sector)
{
    entry->operation = slot->op;
    entry->nr_segments = (uint8_t)slot->grants;
    entry->handle = ring->handle;
    entry->id = slot->id;
    entry->sector_number = sector;
}

/* A slot that got no request after all. The backend may have mapped its pages already: then the slot stays busy. */
static void slot_give_back(struct disk_ring *ring, struct disk_slot *slot, unsigned int i)
{
    slot->request = NULL;
    if (slot_release(ring, slot))
        return;
    ring->busy |= 1U << i;
    ring->broken = true;
}

static uint8_t op_of(const struct disk_ring *ring, const struct pv_disk_request *request)
{
    if (request->op == PV_DISK_FLUSH)
        return ring->flush_op;
    return request->op == PV_DISK_WRITE ? BLKIF_OP_WRITE : BLKIF_OP_READ;
}

/* Puts a piece of the queue's first request onto the ring. 0, or the error if there are no grants for it. */
static int issue_piece(struct disk_ring *ring)
{
    struct pv_disk_request *request = ring->first;
    unsigned int i = (unsigned int)__builtin_ctz(~ring->busy);
    struct disk_slot *slot = &ring->slots[i];
    blkif_request_t *entry = &ring->shared->ring[ring->produced % DISK_RING_SLOTS].req;
    uint64_t sector = request->sector + ring->first_sectors;
    int rc;

    *slot = (struct disk_slot){
        .request = request, .id = (uint64_t)ring->serial << 8 | i, .op = op_of(ring, request),
    };
    rc = slot_grant(ring, slot, entry);
    if (rc) {
        slot_give_back(ring, slot, i);
        return rc;
    }
    if (slot->indirect)
        entry_set_indirect(entry, ring, slot, sector);
    else
        entry_set_direct(entry, ring, slot, sector);
    ring->busy |= 1U << i;
    ring->serial++;
    ring->produced++;
    ring->first_sectors += sectors_of(request->segments + request->issued, slot->grants);
    request->issued += slot->grants;
    request->pending++;
    if (request->issued == request->count)
        queue_drop_first(ring);
    return 0;
}

/* Shows the new entries to the backend. Returns whether it asked to be notified. */
static bool push(struct disk_ring *ring, uint32_t old)
{
    pv_barrier();
    PV_WRITE_ONCE(ring->shared->req_prod, ring->produced);
    pv_full_barrier();
    return ring->produced - PV_READ_ONCE(ring->shared->req_event) < ring->produced - old;
}

bool disk_ring_issue(struct disk_ring *ring, struct pv_disk_request **finished)
{
    uint32_t old = ring->produced;

    while (ring->first && !ring->broken && ring->busy != UINT32_MAX) {
        int rc = issue_piece(ring);

        if (rc && ring->busy) /* requests under way will give grants back */
            break;
        if (rc)
            queue_fail_first(ring, rc, finished);
    }
    return ring->produced != old && push(ring, old);
}

/* ---- from the ring ---- */

static int result_of(int16_t status)
{
    switch (status) {
    case BLKIF_RSP_OKAY: return 0;
    case BLKIF_RSP_EOPNOTSUPP: return -PV_EOPNOTSUPP;
    default: return -PV_EIO;
    }
}

/* False: it answers no request, or the backend still has a page of that request mapped. */
static bool answer(struct disk_ring *ring, const blkif_response_t *response,
                   struct pv_disk_request **finished)
{
    unsigned int i = response->id & ID_SLOT;
    struct disk_slot *slot = &ring->slots[i % DISK_RING_SLOTS];
    bool is_op;

    if (i >= DISK_RING_SLOTS || !(ring->busy & 1U << i) || slot->id != response->id)
        return false;
    /* Linux answers an indirect request with the operation that is in it, others repeat INDIRECT. */
    is_op = response->operation == slot->op ||
            (slot->indirect && response->operation == BLKIF_OP_INDIRECT);
    if (!is_op || !slot_release(ring, slot))
        return false;
    ring->busy &= ~(1U << i);
    slot_done(ring, slot, result_of(response->status), finished);
    return true;
}

void disk_ring_take(struct disk_ring *ring, struct pv_disk_request **finished)
{
    uint32_t produced;

    while (!ring->broken && (produced = PV_READ_ONCE(ring->shared->rsp_prod)) != ring->consumed) {
        pv_barrier();
        if (produced - ring->consumed > ring->produced - ring->consumed)
            ring->broken = true;
        while (!ring->broken && ring->consumed != produced) {
            blkif_response_t response;

            pv_copy(&response, &ring->shared->ring[ring->consumed % DISK_RING_SLOTS].rsp, sizeof(response));
            ring->consumed++;
            ring->broken = !answer(ring, &response, finished);
        }
        PV_WRITE_ONCE(ring->shared->rsp_event, ring->consumed + 1);
        pv_full_barrier(); /* an answer that comes after this notifies us: look once more for one that came before */
    }
}

bool disk_ring_bury(struct disk_ring *ring, bool give_up, struct pv_disk_request **finished)
{
    ring->broken = true;
    disk_ring_stop(ring, finished);
    for (uint32_t left = ring->busy; left; left &= left - 1) {
        unsigned int i = (unsigned int)__builtin_ctz(left);
        bool released = slot_release(ring, &ring->slots[i]);

        if (released)
            ring->busy &= ~(1U << i);
        if (released || give_up)
            slot_done(ring, &ring->slots[i], -PV_EIO, finished);
    }
    return !ring->busy && pages_release(ring);
}
