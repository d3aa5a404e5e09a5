// sources: launcher/xen-layer/disk-ring.c launcher/xen-layer/text.c
/*
 * A block backend that writes anything to its ring at any time, and keeps granted pages mapped as long as it likes.
 * Each input byte is an operation. Every request must end once, and not while the backend has its page, unless the
 * frontend gave up. Nothing may leak.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "input.h"
#include "disk-ring.h"

#include <stdlib.h>
#include <string.h>

#define PAGES 160
#define GRANTS 1500
#define JOBS 48
#define SEGMENTS 300

/* -------- just enough of the Xen layer: frame n is page n -------- */

static struct { void *p; unsigned int users; } pages[PAGES];
static struct { bool used, held, readonly; uint64_t frame; } grants[GRANTS];

static size_t page_number(const void *page)
{
    for (size_t i = 0; i < PAGES; i++)
        if (pages[i].p == page)
            return i;
    __builtin_trap();
}

void *pv_pages_alloc(size_t n, size_t align)
{
    MUST(n == 1 && align == 1);
    for (size_t i = 0; i < PAGES; i++)
        if (!pages[i].users) {
            pages[i].users = 1;
            return pages[i].p = aligned_alloc(PV_PAGE, PV_PAGE);
        }
    return NULL;
}

void pv_pages_get(void *page) { pages[page_number(page)].users++; }

void pv_pages_put(void *page)
{
    size_t i = page_number(page);

    MUST(pages[i].users);
    if (--pages[i].users)
        return;
    free(pages[i].p);
    pages[i].p = NULL;
}

uint64_t pv_frame_of(const void *page) { return page_number(page); }

void *pv_page_of(uint64_t frame)
{
    MUST(frame < PAGES && pages[frame].users);
    return pages[frame].p;
}

void *pv_alloc(size_t size) { return malloc(size); }
void pv_free(void *p) { free(p); }

int pv_grant(uint16_t remote, uint64_t frame, bool readonly, uint32_t *ref)
{
    MUST(remote == 3 && frame < PAGES && pages[frame].users);
    for (uint32_t i = 1; i < GRANTS; i++)
        if (!grants[i].used) {
            grants[i].used = true;
            grants[i].readonly = readonly;
            grants[i].frame = frame;
            *ref = i;
            return 0;
        }
    return -PV_ENOSPC;
}

int pv_grant_end(uint32_t ref)
{
    MUST(ref < GRANTS && grants[ref].used);
    if (grants[ref].held)
        return -PV_EBUSY;
    grants[ref].used = false;
    return 0;
}

/* -------- the frontend's user -------- */

static struct job {
    struct pv_disk_request request;
    struct pv_disk_segment segments[SEGMENTS];
    void *page; /* of all segments */
    struct pv_disk_page *kept; /* the same page, if the ring has persistent grants */
    bool busy;
} jobs[JOBS];

static bool gave_up;

static void finish(struct disk_ring *ring, struct pv_disk_request *finished)
{
    while (finished) {
        struct job *job = finished->data;

        finished = finished->next;
        MUST(job->busy && job->request.pending == 0 && job->request.result <= 0);
        MUST(gave_up || pages[page_number(job->page)].users == 1);
        if (job->kept)
            disk_ring_page_put(ring, job->kept);
        else
            pv_pages_put(job->page);
        job->busy = false;
    }
}

static void begin(struct input *in, struct disk_ring *ring)
{
    struct job *job = jobs;

    while (job->busy)
        if (++job == jobs + JOBS)
            return;
    memset(job, 0, sizeof(*job));
    job->kept = ring->persistent ? disk_ring_page_get(ring) : NULL;
    if (job->kept)
        job->page = job->kept->page;
    else if (!ring->persistent)
        job->page = pv_pages_alloc(1, 1);
    if (!job->page)
        return;
    job->busy = true;
    job->request = (struct pv_disk_request){
        .op = take(in, 1) % 3, .sector = take(in, 2), .segments = job->segments, .data = job,
    };
    if (job->request.op != PV_DISK_FLUSH)
        job->request.count = take(in, 2) % SEGMENTS + 1;
    for (size_t i = 0; i < job->request.count; i++)
        job->segments[i] = (struct pv_disk_segment){
            pv_frame_of(job->page), (uint16_t)(i % 8 * 512), 512, job->kept ? job->kept->ref : 0,
        };
    disk_ring_add(ring, &job->request);
}

/* -------- the backend -------- */

static uint32_t said;

static void say(struct input *in, struct disk_ring *ring)
{
    struct blkif_sring *shared = ring->shared;
    blkif_request_t *request = &shared->ring[take(in, 1) % DISK_RING_SLOTS].req;
    uint8_t changes = (uint8_t)take(in, 1);
    blkif_response_t response = {
        .id = request->id,
        .operation = request->operation == BLKIF_OP_INDIRECT ? request->nr_segments : request->operation,
        .status = changes & 1 ? (int16_t)take(in, 2) : 0,
    };

    if (changes & 2)
        response.id ^= 1ULL << take(in, 1) % 64;
    if (changes & 4)
        response.operation = (uint8_t)take(in, 1);
    shared->ring[said++ % DISK_RING_SLOTS].rsp = response;
    shared->rsp_prod = said;
}

/*
 * Answers from the frontend's own record of a slot. The answer is right most of the time: in the ring, an earlier
 * answer may have overwritten the request.
 */
static void answer_slot(struct input *in, struct disk_ring *ring)
{
    struct disk_slot *slot = &ring->slots[take(in, 1) % DISK_RING_SLOTS];

    ring->shared->ring[said++ % DISK_RING_SLOTS].rsp =
        (blkif_response_t){ .id = slot->id, .operation = slot->op, .status = (int16_t)-(take(in, 1) % 3) };
    ring->shared->rsp_prod = said;
}

static void scribble(struct input *in, uint8_t *page)
{
    uint32_t at = take(in, 2) % (PV_PAGE - 4), value = take(in, 4);

    memcpy(page + at, &value, 4);
}

static void hold(struct input *in)
{
    uint32_t ref = take(in, 2) % 64;

    grants[ref].held = take(in, 1) & 1;
}

static void operate(struct input *in, struct disk_ring *ring)
{
    struct pv_disk_request *finished = NULL;

    switch (take(in, 1) % 12) {
    case 0: case 1: begin(in, ring); break;
    case 2: case 3: disk_ring_issue(ring, &finished); break;
    case 4: case 5: disk_ring_take(ring, &finished); break;
    case 6: case 7: answer_slot(in, ring); break;
    case 8: say(in, ring); break;
    case 9: scribble(in, (uint8_t *)ring->shared); break;
    case 10: hold(in); break;
    default:
        switch (take(in, 1) % 8) {
        case 0: disk_ring_stop(ring, &finished); break;
        case 1: disk_ring_bury(ring, false, &finished); break;
        case 2: ring->shared->rsp_prod += (uint32_t)(int8_t)take(in, 1); break;
        default: break;
        }
    }
    MUST(ring->produced - ring->consumed <= DISK_RING_SLOTS);
    finish(ring, finished);
}

static void end(struct disk_ring *ring, bool give_up)
{
    struct pv_disk_request *finished = NULL;
    bool clean = disk_ring_bury(ring, give_up, &finished);

    gave_up = give_up;
    finish(ring, finished);
    if (!give_up)
        return;
    for (size_t i = 0; i < JOBS; i++)
        MUST(!jobs[i].busy);
    for (size_t i = 0; i < GRANTS; i++)
        grants[i].held = false;
    finished = NULL;
    MUST(disk_ring_bury(ring, true, &finished) && !finished);
    MUST(!clean || !ring->busy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = { data, size };
    struct disk_ring *ring = malloc(sizeof(*ring));
    void *shared = pv_pages_alloc(1, 1);

    memset(grants, 0, sizeof(grants));
    gave_up = false;
    said = 0;
    disk_ring_init(ring, shared, 3, 1);
    ring->persistent = take(&in, 1) & 1;
    ring->max_indirect = take(&in, 1) & 1 ? take(&in, 2) % (DISK_INDIRECT_MAX + 1) : 0;
    ring->flush_op = BLKIF_OP_FLUSH_DISKCACHE;
    ring->produced = ring->consumed = said = ((struct blkif_sring *)shared)->rsp_prod = take(&in, 4);
    while (in.size)
        operate(&in, ring);
    end(ring, false);
    end(ring, true);
    for (size_t i = 0; i < GRANTS; i++)
        MUST(!grants[i].used);
    pv_pages_put(shared);
    for (size_t i = 0; i < PAGES; i++)
        MUST(!pages[i].users);
    free(ring);
    return 0;
}
