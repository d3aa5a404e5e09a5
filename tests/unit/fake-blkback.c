/*
 * fake-blkback.h
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "fake-blkback.h"

#include "unit.h"

#define BACKEND "/local/domain/3/backend/vbd/7"
#define REMOTE 3

uint8_t blkback_image[BLKBACK_SECTORS * 512];
struct blkback_features blkback_features;
struct blkback_request blkback_requests[1024];
size_t blkback_count;
bool blkback_no_thread;

static unsigned int device;
static struct blkif_sring *ring;
static uint32_t port, taken, said;
static bool keeps;
static uint32_t kept[1024];
static size_t kept_count;

/* ---- nodes ---- */

static const char *node(const char *folder, const char *name)
{
    static char path[256];

    snprintf(path, sizeof(path), "%s/%u/%s", folder, device, name);
    return path;
}

static const char *front(const char *name) { return node("device/vbd", name); }
static const char *back(const char *name) { return node(BACKEND, name); }

void blkback_reset(void)
{
    for (size_t i = 0; i < sizeof(blkback_image); i++)
        blkback_image[i] = (uint8_t)(i / 512 * 7 + i);
    blkback_features = (struct blkback_features){
        .sectors = BLKBACK_SECTORS, .sector_size = 512, .indirect = 256, .flush = true, .barrier = true,
    };
    blkback_count = 0;
    blkback_no_thread = false;
    ring = NULL;
    keeps = false;
}

/* Maps a page: if it is kept, only once; else for this request. */
static void map(uint32_t ref)
{
    for (size_t i = 0; i < kept_count; i++)
        if (kept[i] == ref)
            return;
    if (!keeps)
        return;
    assert_true(kept_count < ARRAY_LEN(kept));
    kept[kept_count++] = ref;
    fake_grant_hold(ref, true);
}

size_t blkback_kept(void) { return kept_count; }

void blkback_let_go(void)
{
    while (kept_count)
        fake_grant_hold(kept[--kept_count], false);
}

void blkback_add(unsigned int devid)
{
    device = devid;
    fake_store_set(back("state"), "%d", XenbusStateInitWait);
    fake_store_set(front("backend-id"), "%d", REMOTE);
    fake_store_set(front("state"), "%d", XenbusStateInitialising);
    fake_store_set(front("backend"), BACKEND "/%u", devid);
}

void blkback_remove(void)
{
    char path[64];

    snprintf(path, sizeof(path), "device/vbd/%u", device);
    fake_store_remove(path);
    snprintf(path, sizeof(path), BACKEND "/%u", device);
    fake_store_remove(path);
    ring = NULL;
    keeps = false;
    blkback_let_go();
}

void blkback_set_state(unsigned int state)
{
    fake_store_set(back("state"), "%u", state);
}

static unsigned int front_number(const char *name)
{
    const char *value = fake_store_get(front(name));

    return value ? (unsigned int)strtoul(value, NULL, 10) : 0;
}

unsigned int blkback_frontend_state(void) { return front_number("state"); }

static void feature(const char *name, bool has)
{
    if (has)
        fake_store_set(back(name), "1");
}

void blkback_connect(void)
{
    uint32_t ref = front_number("ring-ref");

    assert_int_equal(blkback_frontend_state(), XenbusStateInitialised);
    assert_string_equal(fake_store_get(front("protocol")), "x86_64-abi");
    assert_int_equal(fake_grant_remote(ref), REMOTE);
    assert_false(fake_grant_readonly(ref));
    ring = fake_grant_page(ref);
    assert_non_null(ring);
    assert_int_equal(ring->req_prod, 0);
    assert_int_equal(ring->rsp_prod, 0);
    port = front_number("event-channel");
    assert_true(fake_event_open(port));
    taken = said = 0;
    keeps = blkback_features.persistent && front_number("feature-persistent") == 1;
    feature("feature-persistent", blkback_features.persistent);
    fake_store_set(back("sectors"), "%lu", blkback_features.sectors);
    fake_store_set(back("sector-size"), "%u", blkback_features.sector_size);
    fake_store_set(back("info"), "%u", blkback_features.info);
    feature("feature-flush-cache", blkback_features.flush);
    feature("feature-barrier", blkback_features.barrier);
    if (blkback_features.indirect)
        fake_store_set(back("feature-max-indirect-segments"), "%u", blkback_features.indirect);
    blkback_set_state(XenbusStateConnected);
}

/* ---- requests ---- */

struct blkif_sring *blkback_ring(void) { return ring; }

static void take_indirect(struct blkback_request *to, const blkif_request_indirect_t *from)
{
    assert_true(blkback_features.indirect > 0);
    to->op = from->indirect_op;
    to->count = from->nr_segments;
    assert_in_range(to->count, 1, blkback_features.indirect);
    to->page_ref = from->indirect_grefs[0];
    assert_int_equal(fake_grant_readonly(to->page_ref), !keeps);
    assert_non_null(fake_grant_page(to->page_ref));
    map(to->page_ref);
    memcpy(to->segments, fake_grant_page(to->page_ref), to->count * sizeof(to->segments[0]));
}

static void take_direct(struct blkback_request *to, const blkif_request_t *from)
{
    to->op = from->operation;
    to->count = from->nr_segments;
    assert_in_range(to->count, 0, BLKIF_MAX_SEGMENTS_PER_REQUEST);
    memcpy(to->segments, from->seg, to->count * sizeof(to->segments[0]));
}

static void check_segments(const struct blkback_request *request)
{
    unsigned int mask = blkback_features.sector_size / 512 - 1;
    uint64_t sectors = 0;

    for (unsigned int i = 0; i < request->count; i++) {
        const struct blkif_request_segment *segment = &request->segments[i];

        assert_in_range(segment->last_sect, segment->first_sect, 7);
        assert_int_equal((segment->first_sect | (segment->last_sect + 1)) & mask, 0);
        assert_non_null(fake_grant_page(segment->gref));
        assert_int_equal(fake_grant_remote(segment->gref), REMOTE);
        assert_int_equal(fake_grant_readonly(segment->gref), request->op == BLKIF_OP_WRITE && !keeps);
        map(segment->gref);
        sectors += segment->last_sect - segment->first_sect + 1u;
    }
    assert_int_equal(request->sector & mask, 0);
    assert_true(request->sector + sectors <= blkback_features.sectors);
}

static void check_request(const struct blkback_request *request)
{
    switch (request->op) {
    case BLKIF_OP_READ:
    case BLKIF_OP_WRITE:
        assert_true(request->count > 0);
        check_segments(request);
        break;
    case BLKIF_OP_FLUSH_DISKCACHE:
        assert_true(blkback_features.flush && !request->count);
        break;
    case BLKIF_OP_WRITE_BARRIER:
        assert_true(blkback_features.barrier && !request->count);
        break;
    default:
        fail_msg("operation %u", request->op);
    }
}

size_t blkback_take(void)
{
    uint32_t produced = ring->req_prod;

    assert_true(produced - said <= 32);
    for (; taken != produced; taken++) {
        blkif_request_t entry = ring->ring[taken % 32].req;
        struct blkback_request *request = &blkback_requests[blkback_count++];

        assert_true(blkback_count < ARRAY_LEN(blkback_requests));
        *request = (struct blkback_request){
            .id = entry.id, .sector = entry.sector_number, .indirect = entry.operation == BLKIF_OP_INDIRECT,
        };
        if (request->indirect)
            take_indirect(request, (void *)&entry);
        else
            take_direct(request, &entry);
        check_request(request);
    }
    ring->req_event = taken + 1;
    return blkback_count;
}

static void move(const struct blkback_request *request)
{
    uint8_t *at = blkback_image + request->sector * 512;

    for (unsigned int i = 0; i < request->count; i++) {
        const struct blkif_request_segment *segment = &request->segments[i];
        uint8_t *page = fake_grant_page(segment->gref);
        size_t size = (segment->last_sect - segment->first_sect + 1u) * 512;

        assert_non_null(page);
        page += segment->first_sect * 512;
        if (request->op == BLKIF_OP_WRITE)
            memcpy(at, page, size);
        else
            memcpy(page, at, size);
        at += size;
    }
}

void blkback_say(uint64_t id, uint8_t op, int16_t status)
{
    blkif_response_t *response = &ring->ring[said % 32].rsp;

    response->id = id;
    response->operation = op;
    response->status = status;
    ring->rsp_prod = ++said;
}

void blkback_answer(size_t i, int16_t status)
{
    struct blkback_request *request = &blkback_requests[i];

    assert_true(i < blkback_count && !request->answered);
    request->answered = true;
    if (!status)
        move(request);
    blkback_say(request->id, request->op, status);
}

void blkback_fire(void) { fake_event_fire(port); }

size_t blkback_serve(void)
{
    size_t n = 0;

    if (!ring)
        return 0;
    blkback_take();
    for (size_t i = 0; i < blkback_count; i++)
        if (!blkback_requests[i].answered) {
            blkback_answer(i, BLKIF_RSP_OKAY);
            n++;
        }
    if (n)
        blkback_fire();
    return n;
}

/* ---- the thread: its function is left by a jump where it waits, and called again ---- */

static pv_thread_fn *thread_fn;
static void *thread_arg;
static jmp_buf thread_left;
static bool thread_runs, thread_waited;

struct pv_thread *pv_thread_create(const char *name, pv_thread_fn *fn, void *arg, size_t stack_pages)
{
    assert_true(stack_pages > 0 && strlen(name) < 16);
    thread_fn = fn;
    thread_arg = arg;
    return blkback_no_thread ? NULL : pv_thread_self();
}

static bool thread_waits(void)
{
    if (thread_waited)
        longjmp(thread_left, 1);
    thread_waited = true;
    return true;
}

void blkback_run_thread(void)
{
    bool (*on_sleep)(void) = fake_on_sleep;

    assert_false(thread_runs);
    fake_store_fire();
    thread_runs = true;
    thread_waited = false;
    fake_on_sleep = thread_waits;
    if (!setjmp(thread_left))
        thread_fn(thread_arg);
    fake_on_sleep = on_sleep;
    thread_runs = false;
}

void blkback_attach(unsigned int devid)
{
    blkback_add(devid);
    blkback_run_thread();
    blkback_connect();
    blkback_run_thread();
    assert_int_equal(blkback_frontend_state(), XenbusStateConnected);
}

void blkback_detach(void)
{
    blkback_remove();
    blkback_run_thread();
}

bool blkback_on_sleep(void)
{
    if (!blkback_serve())
        blkback_run_thread();
    return true;
}
