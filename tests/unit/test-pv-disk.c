// sources: launcher/xen-layer/disk.c launcher/xen-layer/disk-ring.c launcher/xen-layer/text.c tests/unit/fake-pv.c
// sources: tests/unit/fake-pv-store.c tests/unit/fake-blkback.c
/*
 * The block frontend with a backend that the test controls: all kinds of requests, answers in any order, wrong answers,
 * disks that come, go or never come, and failures of allocations and of xenstore.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "fake-blkback.h"
#include "disk-ring.h"
#include "unit.h"

#define XVDA 51712U
#define SEGMENTS_MAX 700

/* ---- a request, with its pages ---- */

struct job {
    struct pv_disk_request request;
    struct pv_disk_segment segments[SEGMENTS_MAX];
    uint8_t *pages[SEGMENTS_MAX];
    unsigned int dones;
    int result;
    struct pv_disk *then; /* its done() drops a user of this disk */
};

static bool in_submit;
static unsigned int changes;
static bool present[PV_DISKS];
static bool want_kept;

static void job_done(struct pv_disk_request *request, int result)
{
    struct job *job = request->data;

    assert_false(in_submit);
    job->dones++;
    job->result = result;
    if (job->then)
        pv_disk_put(job->then);
}

static struct job *job_new(enum pv_disk_op op, uint64_t sector)
{
    struct job *job = calloc(1, sizeof(*job));

    job->request = (struct pv_disk_request){
        .op = op, .sector = sector, .segments = job->segments, .done = job_done, .data = job,
    };
    return job;
}

/* Adds a piece of a page, with a pattern of its own. */
static void job_add(struct job *job, unsigned int offset, unsigned int size)
{
    size_t i = job->request.count++;

    assert_true(i < SEGMENTS_MAX);
    job->pages[i] = pv_pages_alloc(1, 1);
    memset(job->pages[i], (int)(0x30 + i), PV_PAGE);
    job->segments[i] = (struct pv_disk_segment){
        .frame = pv_frame_of(job->pages[i]), .offset = (uint16_t)offset, .size = (uint16_t)size,
    };
}

static struct job *job_full(enum pv_disk_op op, uint64_t sector, size_t pages)
{
    struct job *job = job_new(op, sector);

    for (size_t i = 0; i < pages; i++)
        job_add(job, 0, PV_PAGE);
    return job;
}

static void job_submit(struct job *job, struct pv_disk *disk)
{
    in_submit = true;
    pv_disk_submit(disk, &job->request);
    in_submit = false;
}

static size_t job_size(const struct job *job)
{
    size_t size = 0;

    for (size_t i = 0; i < job->request.count; i++)
        size += job->segments[i].size;
    return size;
}

/* Checks that its pages and the image have the same bytes, and that nothing beside them has changed. */
static void job_check(const struct job *job)
{
    const uint8_t *at = blkback_image + job->request.sector * 512;

    for (size_t i = 0; i < job->request.count; i++) {
        const struct pv_disk_segment *segment = &job->segments[i];

        assert_memory_equal(job->pages[i] + segment->offset, at, segment->size);
        for (size_t byte = 0; byte < PV_PAGE; byte++)
            if (byte < segment->offset || byte >= (size_t)segment->offset + segment->size)
                assert_int_equal(job->pages[i][byte], (uint8_t)(0x30 + i));
        at += segment->size;
    }
}

static void job_free(struct job *job)
{
    for (size_t i = 0; i < job->request.count; i++)
        pv_pages_put(job->pages[i]);
    free(job);
}

static void expect(const struct job *job, unsigned int dones, int result)
{
    assert_int_equal(job->dones, dones);
    if (dones)
        assert_int_equal(job->result, result);
}

/* ---- around each test ---- */

static void on_change(void *arg, unsigned int n)
{
    struct pv_disk *disk = pv_disk_get(n);

    assert_ptr_equal(arg, &changes);
    assert_int_not_equal(present[n], disk != NULL);
    present[n] = disk;
    changes++;
    if (disk)
        pv_disk_put(disk);
}

static int setup(void **state)
{
    fake_pv_reset();
    blkback_reset();
    changes = 0;
    memset(present, 0, sizeof(present));
    assert_int_equal(pv_disks_init(on_change, &changes, want_kept), 0);
    blkback_run_thread();
    return 0;
}

static int teardown(void **state)
{
    blkback_detach();
    assert_int_equal(fake_grants_used(), 0);
    assert_int_equal(fake_store_watches(), 1);
    fake_store_drop();
    fake_pv_reset();
    return 0;
}

static struct pv_disk *attach(void)
{
    struct pv_disk *disk;

    blkback_attach(XVDA);
    disk = pv_disk_get(0);
    assert_non_null(disk);
    return disk;
}

/* ---- coming ---- */

static void test_numbers(void **state)
{
    static const struct { unsigned int devid; int n; } cases[] = {
        { 768, 0 }, { 832, 1 }, { 5632, 2 }, { 5696, 3 }, { 2048, 0 }, { 2288, 15 }, { 51712, 0 },
        { 51728, 1 }, { 51952, 15 }, { 1U << 28 | 16 << 8, 16 }, { 1U << 28 | 25 << 8, 25 },
        { 1U << 28 | 26 << 8, -1 }, { 0, -1 }, { 4096, -1 }, { UINT32_MAX, -1 },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        changes = 0;
        blkback_add(cases[i].devid);
        blkback_run_thread();
        if (cases[i].n < 0) {
            assert_int_equal(blkback_frontend_state(), XenbusStateInitialising);
        } else {
            blkback_connect();
            blkback_run_thread();
            assert_int_equal(changes, 1);
            assert_true(present[cases[i].n]);
        }
        blkback_detach();
    }
    fake_store_set("device/vbd/xvda/state", "1");
    fake_store_set("device/vbd/4294967296/state", "1");
    blkback_run_thread();
    assert_null(pv_disk_get(0));
    assert_null(pv_disk_get(PV_DISKS));
    fake_store_remove("device/vbd");
}

static void test_describe(void **state)
{
    static const struct {
        struct blkback_features features;
        struct pv_disk_info info;
    } cases[] = {
        { { 8192, 512, 0, 0, true, false, false }, { 8192, 512, false, false, true } },
        { { 8192, 4096, VDISK_READONLY, 0, false, true, false }, { 8192, 4096, true, false, true } },
        { { 8, 2048, VDISK_CDROM | VDISK_READONLY, 0, false, false, false }, { 8, 2048, true, true, false } },
        { { 1, 512, VDISK_REMOVABLE, 0, false, false, false }, { 1, 512, false, true, false } },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct pv_disk_info *want = &cases[i].info;
        struct pv_disk_info info;
        struct pv_disk *disk;

        blkback_features = cases[i].features;
        disk = attach();
        pv_disk_describe(disk, &info);
        assert_int_equal(info.sectors, want->sectors);
        assert_int_equal(info.sector_size, want->sector_size);
        assert_int_equal(info.readonly, want->readonly);
        assert_int_equal(info.removable, want->removable);
        assert_int_equal(info.flush, want->flush);
        pv_disk_put(disk);
        blkback_detach();
    }
}

static void test_bad_backends(void **state)
{
    static const struct { const char *name, *value; } cases[] = {
        { "sectors", "" }, { "sectors", "-1" }, { "sectors", "99999999999999999999" },
        { "sectors", "18014398509481984" }, { "sector-size", "0" }, { "sector-size", "256" },
        { "sector-size", "8192" }, { "sector-size", "1536" },
    };
    char path[64];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        blkback_add(XVDA);
        blkback_run_thread();
        blkback_connect();
        snprintf(path, sizeof(path), "/local/domain/3/backend/vbd/7/%u/%s", XVDA, cases[i].name);
        fake_store_set(path, "%s", cases[i].value);
        blkback_run_thread();
        assert_null(pv_disk_get(0));
        assert_int_equal(blkback_frontend_state(), XenbusStateClosed);
        blkback_detach();
    }
    assert_int_equal(changes, 0);
    assert_non_null(strstr(fake_log, "not usable"));
}

/* A disk whose size is no multiple of the backend's sectors cannot be used. */
static void test_size_and_sectors(void **state)
{
    blkback_features.sector_size = 4096;
    blkback_features.sectors = 8191;
    blkback_add(XVDA);
    blkback_run_thread();
    blkback_connect();
    blkback_run_thread();
    assert_null(pv_disk_get(0));
}

/* An empty CD drive: the backend is ready, but never connected; the frontend closes when the backend does. */
static void test_no_medium(void **state)
{
    struct pv_disk_info info;
    struct pv_disk *disk;

    blkback_add(XVDA);
    blkback_run_thread();
    assert_int_equal(blkback_frontend_state(), XenbusStateInitialised);
    blkback_run_thread();
    assert_null(pv_disk_get(0));
    blkback_set_state(XenbusStateClosing);
    blkback_run_thread();
    assert_int_equal(blkback_frontend_state(), XenbusStateClosed);
    assert_int_equal(changes, 0);

    blkback_detach();
    blkback_add(XVDA);
    blkback_set_state(XenbusStateInitialising);
    blkback_run_thread();
    assert_int_equal(blkback_frontend_state(), XenbusStateInitialising);
    blkback_set_state(XenbusStateClosing);
    blkback_run_thread();
    assert_int_equal(blkback_frontend_state(), XenbusStateClosed);

    blkback_detach();
    blkback_features.sectors = 0;
    blkback_add(XVDA);
    blkback_run_thread();
    blkback_connect();
    blkback_run_thread();
    assert_true(present[0]);
    assert_int_equal(blkback_frontend_state(), XenbusStateConnected);
    disk = pv_disk_get(0);
    pv_disk_describe(disk, &info);
    assert_int_equal(info.sectors, 0);
    pv_disk_put(disk);
}

/* The backend's nodes appear after the frontend's, one after another. */
static void test_slow_toolstack(void **state)
{
    fake_store_set("device/vbd/51712/state", "1");
    blkback_run_thread();
    fake_store_set("device/vbd/51712/backend-id", "99999");
    blkback_run_thread();
    fake_store_set("device/vbd/51712/backend-id", "3");
    fake_store_set("device/vbd/51712/backend", "%s", "");
    blkback_run_thread();
    assert_int_equal(fake_store_watches(), 1);
    pv_disk_put(attach());
    assert_int_equal(changes, 1);
    assert_int_equal(fake_store_watches(), 2);
}

/* hda and xvda are both disk 0: the first one is used. */
static void test_two_of_one_letter(void **state)
{
    pv_disk_put(attach());
    fake_store_set("device/vbd/768/state", "1");
    fake_store_set("device/vbd/768/backend-id", "3");
    fake_store_set("device/vbd/768/backend", "/local/domain/3/backend/vbd/7/768");
    fake_store_set("/local/domain/3/backend/vbd/7/768/state", "2");
    blkback_run_thread();
    assert_string_equal(fake_store_get("device/vbd/768/state"), "1");
    assert_true(present[0]);
    assert_int_equal(changes, 1);
    fake_store_remove("device/vbd/768");
}

/* ---- requests ---- */

static void round_trip(struct pv_disk *disk, size_t count, unsigned int offset, unsigned int size, unsigned int last)
{
    struct job *jobs[2] = { job_new(PV_DISK_READ, 8), job_new(PV_DISK_WRITE, 2000) };

    for (size_t j = 0; j < 2; j++) {
        for (size_t i = 0; i + 1 < count; i++)
            job_add(jobs[j], offset, size);
        job_add(jobs[j], 0, last);
        job_submit(jobs[j], disk);
        expect(jobs[j], 0, 0);
        while (!jobs[j]->dones)
            assert_int_not_equal(blkback_serve(), 0);
        expect(jobs[j], 1, 0);
        job_check(jobs[j]);
        job_free(jobs[j]);
    }
    blkback_count = 0;
}

static void test_sizes(void **state)
{
    static const unsigned int limits[] = { 0, 5, 11, 12, 32, 256, 512 };
    static const size_t counts[] = { 1, 2, 10, 11, 12, 13, 22, 23, 32, 33, 255, 256, 257, 400 };

    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        struct pv_disk *disk;

        blkback_features.indirect = limits[i];
        disk = attach();
        for (size_t c = 0; c < ARRAY_LEN(counts); c++) {
            round_trip(disk, counts[c], 0, 4096, 4096);
            round_trip(disk, counts[c], 512, 512, 512);
            round_trip(disk, counts[c], 1024, 3072, 1536);
        }
        assert_int_equal(fake_grants_used(), 1);
        pv_disk_put(disk);
        blkback_detach();
    }
}

static void test_indirect_pays(void **state)
{
    static const struct { unsigned int limit; size_t pages, want; bool indirect; } cases[] = {
        { 256, 11, 1, false }, { 256, 12, 1, true }, { 256, 64, 1, true }, { 256, 257, 2, true },
        { 4096, 512, 2, true }, { 0, 64, 6, false }, { 11, 64, 6, false },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct job *job = job_full(PV_DISK_WRITE, 0, cases[i].pages);
        struct pv_disk *disk;

        blkback_features.indirect = cases[i].limit;
        disk = attach();
        job_submit(job, disk);
        assert_int_equal(blkback_take(), cases[i].want);
        assert_int_equal(blkback_requests[0].indirect, cases[i].indirect);
        blkback_serve();
        expect(job, 1, 0);
        job_check(job);
        job_free(job);
        blkback_count = 0;
        pv_disk_put(disk);
        blkback_detach();
    }
}

/* Linux answers with the operation in the request, other backends with INDIRECT. */
static void test_indirect_answer(void **state)
{
    struct pv_disk *disk = attach();
    struct job *job = job_full(PV_DISK_WRITE, 0, 20);

    job_submit(job, disk);
    blkback_take();
    blkback_requests[0].answered = true;
    blkback_say(blkback_requests[0].id, BLKIF_OP_INDIRECT, BLKIF_RSP_OKAY);
    blkback_fire();
    expect(job, 1, 0);
    job_free(job);
    pv_disk_put(disk);
}

/* More requests than the ring can hold: the others follow, in order. */
static void test_queue(void **state)
{
    struct job *jobs[50], *large;
    struct pv_disk *disk;

    blkback_features.indirect = 0;
    disk = attach();
    for (size_t i = 0; i < 50; i++) {
        jobs[i] = job_full(PV_DISK_WRITE, i * 8, 1);
        job_submit(jobs[i], disk);
    }
    large = job_full(PV_DISK_WRITE, 1000, 600);
    job_submit(large, disk);
    assert_int_equal(blkback_take(), 32);
    blkback_serve();
    for (size_t i = 0; i < 50; i++)
        expect(jobs[i], i < 32, 0);
    assert_int_equal(blkback_take(), 64);
    while (blkback_serve())
        ;
    for (size_t i = 0; i < 50; i++) {
        expect(jobs[i], 1, 0);
        assert_int_equal(blkback_requests[i].sector, i * 8);
        job_check(jobs[i]);
        job_free(jobs[i]);
    }
    expect(large, 1, 0);
    job_check(large);
    job_free(large);
    pv_disk_put(disk);
}

static void test_any_order(void **state)
{
    static const size_t order[] = { 3, 0, 5, 1, 4, 2 };
    struct pv_disk *disk = attach();
    struct job *jobs[6];

    for (size_t i = 0; i < 6; i++) {
        jobs[i] = job_full(i % 2 ? PV_DISK_READ : PV_DISK_WRITE, i * 400, i * 8 + 1);
        job_submit(jobs[i], disk);
    }
    assert_int_equal(blkback_take(), 6);
    for (size_t i = 0; i < 6; i++) {
        size_t j = order[i];

        blkback_answer(j, BLKIF_RSP_OKAY);
        blkback_fire();
        expect(jobs[j], 1, 0);
        job_check(jobs[j]);
    }
    for (size_t i = 0; i < 6; i++) {
        expect(jobs[i], 1, 0);
        job_free(jobs[i]);
    }
    pv_disk_put(disk);
}

/* The backend is notified once, and not again while it reads the ring. */
static void test_notify(void **state)
{
    struct pv_disk *disk = attach();
    struct job *jobs[3];

    fake_event_notified(fake_event_last);
    for (size_t i = 0; i < 3; i++) {
        jobs[i] = job_full(PV_DISK_READ, 0, 1);
        job_submit(jobs[i], disk);
    }
    assert_int_equal(fake_event_notified(fake_event_last), 1);
    blkback_serve();
    for (size_t i = 0; i < 3; i++)
        job_free(jobs[i]);
    jobs[0] = job_full(PV_DISK_READ, 0, 1);
    job_submit(jobs[0], disk);
    assert_int_equal(fake_event_notified(fake_event_last), 1);
    blkback_serve();
    job_free(jobs[0]);
    pv_disk_put(disk);
}

static void test_flush(void **state)
{
    static const struct { bool flush, barrier; int op; } cases[] = {
        { true, true, BLKIF_OP_FLUSH_DISKCACHE }, { true, false, BLKIF_OP_FLUSH_DISKCACHE },
        { false, true, BLKIF_OP_WRITE_BARRIER }, { false, false, -1 },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct job *write = job_full(PV_DISK_WRITE, 0, 1), *flush = job_new(PV_DISK_FLUSH, 0);
        struct pv_disk *disk;

        blkback_features.flush = cases[i].flush;
        blkback_features.barrier = cases[i].barrier;
        disk = attach();
        job_submit(write, disk);
        blkback_serve();
        expect(write, 1, 0);
        job_submit(flush, disk);
        expect(flush, 0, 0);
        if (cases[i].op < 0) {
            blkback_run_thread();
            expect(flush, 1, -PV_EOPNOTSUPP);
        } else {
            assert_int_equal(blkback_take(), 2);
            assert_int_equal(blkback_requests[1].op, cases[i].op);
            expect(flush, 0, 0);
            blkback_serve();
            expect(flush, 1, 0);
        }
        job_free(write);
        job_free(flush);
        blkback_count = 0;
        pv_disk_put(disk);
        blkback_detach();
    }
}

/* A flush goes behind a queue of writes, and is done only when the backend answers it. */
static void test_flush_in_queue(void **state)
{
    struct pv_disk *disk = attach();
    struct job *jobs[40], *flush = job_new(PV_DISK_FLUSH, 0);

    for (size_t i = 0; i < 40; i++) {
        jobs[i] = job_full(PV_DISK_WRITE, i * 8, 1);
        job_submit(jobs[i], disk);
    }
    job_submit(flush, disk);
    blkback_serve();
    expect(flush, 0, 0);
    assert_int_equal(blkback_take(), 41);
    assert_int_equal(blkback_requests[40].op, BLKIF_OP_FLUSH_DISKCACHE);
    blkback_serve();
    expect(flush, 1, 0);
    for (size_t i = 0; i < 40; i++)
        job_free(jobs[i]);
    job_free(flush);
    pv_disk_put(disk);
}

static void test_errors(void **state)
{
    static const struct { int16_t status; int result; } cases[] = {
        { BLKIF_RSP_ERROR, -PV_EIO }, { BLKIF_RSP_EOPNOTSUPP, -PV_EOPNOTSUPP }, { 1, -PV_EIO },
        { INT16_MIN, -PV_EIO },
    };
    struct pv_disk *disk = attach();

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct job *bad = job_full(PV_DISK_READ, 0, 2), *good = job_full(PV_DISK_READ, 64, 2);

        blkback_count = 0;
        job_submit(bad, disk);
        job_submit(good, disk);
        blkback_take();
        blkback_answer(0, cases[i].status);
        blkback_serve();
        expect(bad, 1, cases[i].result);
        expect(good, 1, 0);
        job_check(good);
        job_free(bad);
        job_free(good);
    }
    assert_int_equal(fake_grants_used(), 1);
    pv_disk_put(disk);
}

/* A piece of a request fails: further pieces are not sent, those under way are waited for. */
static void test_error_in_pieces(void **state)
{
    struct job *large = job_full(PV_DISK_WRITE, 0, 500), *next = job_full(PV_DISK_WRITE, 6000, 1);
    struct pv_disk *disk;

    blkback_features.indirect = 0;
    disk = attach();
    job_submit(large, disk);
    job_submit(next, disk);
    assert_int_equal(blkback_take(), 32);
    blkback_answer(7, BLKIF_RSP_ERROR);
    blkback_fire();
    expect(large, 0, 0);
    assert_int_equal(blkback_take(), 33);
    assert_int_equal(blkback_requests[32].sector, 6000);
    blkback_serve();
    expect(large, 1, -PV_EIO);
    expect(next, 1, 0);
    assert_int_equal(blkback_serve(), 0);
    job_free(large);
    job_free(next);
    pv_disk_put(disk);
}

static void refuse(struct pv_disk *disk, struct job *job, int result)
{
    job_submit(job, disk);
    expect(job, 0, 0);
    blkback_run_thread();
    expect(job, 1, result);
    assert_int_equal(blkback_take(), 0);
    job_free(job);
}

static void test_nonsense_refused(void **state)
{
    static const struct { uint64_t sector; unsigned int offset, size; } cases[] = {
        { 0, 0, 0 }, { 0, 0, 256 }, { 0, 100, 512 }, { 0, 3584, 1024 }, { 0, 512, 4096 }, { 0, 61440, 512 },
        { 0, 0, 65024 }, { 8192, 0, 512 }, { 8191, 0, 1024 }, { UINT64_MAX, 0, 512 }, { 1ULL << 55, 0, 512 },
    };
    struct pv_disk *disk = attach();
    struct job *job;
    uint8_t *two = pv_pages_alloc(2, 1);

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        job = job_new(PV_DISK_READ, cases[i].sector);
        job_add(job, cases[i].offset, cases[i].size);
        refuse(disk, job, -PV_EINVAL);
    }
    /* A page in the middle of a run: the ring cannot be a user of it. */
    job = job_full(PV_DISK_READ, 0, 1);
    job->segments[0].frame = pv_frame_of(two + PV_PAGE);
    refuse(disk, job, -PV_EINVAL);
    pv_pages_put(two);
    refuse(disk, job_new(PV_DISK_READ, 0), 0);
    pv_disk_put(disk);
    blkback_detach();

    blkback_features.sector_size = 4096;
    blkback_features.info = VDISK_READONLY;
    disk = attach();
    refuse(disk, job_full(PV_DISK_WRITE, 0, 1), -PV_EROFS);
    refuse(disk, job_full(PV_DISK_READ, 4, 1), -PV_EINVAL);
    job = job_new(PV_DISK_READ, 0);
    job_add(job, 0, 2048);
    refuse(disk, job, -PV_EINVAL);
    pv_disk_put(disk);
}

/* ---- pages that the backend keeps mapped ---- */

/* As setup(), with a frontend that asks for persistent grants. */
static int setup_kept(void **state)
{
    want_kept = true;
    setup(state);
    want_kept = false;
    blkback_features.persistent = true;
    return 0;
}

/* Makes a request with so many of the disk's pages, and checks its data. */
static void transfer_kept(struct pv_disk *disk, enum pv_disk_op op, uint64_t sector, size_t count)
{
    struct job *job = job_new(op, sector);
    struct pv_disk_page *pages[SEGMENTS_MAX];

    for (size_t i = 0; i < count; i++) {
        pages[i] = pv_disk_page_get(disk, false);
        assert_non_null(pages[i]);
        job->pages[i] = pages[i]->page;
        memset(pages[i]->page, (int)(0x50 + i), PV_PAGE);
        job->segments[i] = (struct pv_disk_segment){ pv_frame_of(pages[i]->page), 0, PV_PAGE, pages[i]->ref };
    }
    job->request.count = count;
    job_submit(job, disk);
    while (blkback_serve())
        ;
    expect(job, 1, 0);
    job_check(job);
    for (size_t i = 0; i < count; i++)
        pv_disk_page_put(disk, pages[i]);
    free(job);
}

static void test_pages_are_mapped_once(void **state)
{
    struct pv_disk *disk = attach();
    size_t kept;

    transfer_kept(disk, PV_DISK_WRITE, 64, 3);
    assert_int_equal(blkback_kept(), 3);
    transfer_kept(disk, PV_DISK_READ, 0, 3);
    transfer_kept(disk, PV_DISK_READ, 8, 1);
    assert_int_equal(blkback_kept(), 3);
    transfer_kept(disk, PV_DISK_READ, 0, 40); /* and the page that lists them */
    kept = blkback_kept();
    assert_in_range(kept, 41, 43);
    transfer_kept(disk, PV_DISK_WRITE, 0, 40);
    assert_int_equal(blkback_kept(), kept);
    assert_int_equal(fake_grants_used(), kept + 1);
    pv_disk_put(disk);
}

/* A backend without persistent grants: each request grants its pages, and no grant stays. */
static void test_pages_are_not_kept(void **state)
{
    struct pv_disk *disk;

    blkback_features.persistent = false;
    disk = attach();
    transfer_kept(disk, PV_DISK_WRITE, 64, 3);
    transfer_kept(disk, PV_DISK_READ, 0, 40);
    assert_int_equal(fake_grants_used(), 1);
    assert_int_equal(fake_pages_used, 1);
    pv_disk_put(disk);
}

/* With persistent grants only the disk's pages are accepted: the backend would keep any other page mapped, too. */
static void test_only_kept_pages(void **state)
{
    struct job *job = job_full(PV_DISK_READ, 0, 1);
    struct pv_disk *disk = attach();

    job_submit(job, disk);
    blkback_run_thread();
    expect(job, 1, -PV_EINVAL);
    assert_int_equal(blkback_serve(), 0);
    job_free(job);
    pv_disk_put(disk);
}

static struct pv_disk_page *page_to_put;
static struct pv_disk *page_disk;

static bool put_page(void)
{
    pv_disk_page_put(page_disk, page_to_put);
    page_to_put = NULL;
    return true;
}

static void test_pages_are_waited_for(void **state)
{
    struct pv_disk_page *pages[256], *page;
    struct pv_disk *disk = attach();
    size_t count = 0;

    while ((page = pv_disk_page_get(disk, false)) && count < ARRAY_LEN(pages))
        pages[count++] = page;
    assert_in_range(count, 16, ARRAY_LEN(pages) - 1);
    page_disk = disk;
    page_to_put = pages[0];
    fake_on_sleep = put_page;
    assert_ptr_equal(pv_disk_page_get(disk, true), pages[0]);
    assert_null(page_to_put);
    fake_on_sleep = NULL;
    /* The disk goes while its pages are in use: their grants end when the pages are given back. */
    blkback_detach();
    assert_int_equal(fake_grants_used(), count + 1);
    while (count)
        pv_disk_page_put(disk, pages[--count]);
    blkback_run_thread();
    assert_int_equal(fake_grants_used(), 0);
    assert_int_equal(fake_pages_used, 0);
    pv_disk_put(disk);
}

/* The backend closes and unmaps nothing: the pages stay, and are not used again. */
static void test_backend_lets_go_late(void **state)
{
    struct pv_disk *disk = attach();
    size_t kept;

    transfer_kept(disk, PV_DISK_READ, 0, 20);
    kept = blkback_kept();
    blkback_set_state(XenbusStateClosed);
    blkback_run_thread();
    assert_null(pv_disk_get(0));
    fake_now += 20 * PV_SECOND;
    blkback_run_thread();
    assert_int_equal(fake_grants_used(), kept + 1);
    assert_in_range(fake_pages_used, kept + 1, kept + 1);
    blkback_let_go();
    fake_now += 2 * PV_SECOND;
    blkback_run_thread();
    assert_int_equal(fake_grants_used(), 0);
    assert_int_equal(fake_pages_used, 0);
    pv_disk_put(disk);
}

static void test_no_memory_for_pages(void **state)
{
    struct pv_disk *disk = attach();

    for (long n = 0; n < 2; n++) {
        fake_alloc_fails = n;
        assert_null(pv_disk_page_get(disk, true));
        fake_alloc_fails = -1;
        assert_int_equal(fake_grants_used(), 1);
    }
    pv_disk_put(disk);
}

/* ---- memory and grants that run out ---- */

static void test_no_page_for_indirect(void **state)
{
    struct pv_disk *disk = attach();
    struct job *job = job_full(PV_DISK_READ, 0, 64);

    fake_alloc_fails = 0;
    job_submit(job, disk);
    assert_int_equal(blkback_take(), 2); /* 11 segments directly, and an indirect one when there is memory again */
    assert_false(blkback_requests[0].indirect);
    assert_true(blkback_requests[1].indirect);
    blkback_serve();
    expect(job, 1, 0);
    job_check(job);
    job_free(job);
    pv_disk_put(disk);
}

/* Uses up all grants but so many. There are never more than 4096. */
static size_t use_up_grants(uint32_t *refs, size_t leave)
{
    size_t n = 0;

    while (!pv_grant(1, 1, true, &refs[n]))
        n++;
    while (leave--)
        assert_int_equal(pv_grant_end(refs[--n]), 0);
    return n;
}

static void test_no_grants(void **state)
{
    static uint32_t refs[4096];

    for (size_t left = 0; left < 20; left++) {
        struct job *job = job_full(PV_DISK_READ, 0, 30);
        struct pv_disk *disk = attach();
        size_t n = use_up_grants(refs, left);

        blkback_count = 0;
        job_submit(job, disk);
        blkback_run_thread();
        if (!left) {
            expect(job, 1, -PV_ENOSPC);
        } else {
            while (blkback_serve())
                ;
            expect(job, 1, 0);
            job_check(job);
        }
        assert_int_equal(fake_grants_used(), n + 1);
        while (n)
            pv_grant_end(refs[--n]);
        job_free(job);
        pv_disk_put(disk);
        blkback_detach();
    }
}

static void test_allocations_fail_at_attach(void **state)
{
    unsigned int failed = 0;

    for (long n = 0; n < 8; n++) {
        fake_event_error = n == 7 ? -PV_ENOSPC : 0;
        blkback_add(XVDA);
        fake_alloc_fails = n;
        blkback_run_thread();
        if (blkback_frontend_state() == XenbusStateInitialised) {
            fake_alloc_fails = -1;
            blkback_connect();
            blkback_run_thread();
            assert_true(present[0]);
        } else {
            failed++;
            assert_int_equal(blkback_frontend_state(), XenbusStateClosed);
        }
        fake_alloc_fails = -1;
        blkback_detach();
        assert_int_equal(fake_pages_used, 0);
        assert_int_equal(fake_heap_used, 0);
    }
    assert_int_equal(failed, 3);
}

static void test_xenstore_fails(void **state)
{
    static const int errors[] = { -PV_EIO, -PV_ENOMEM, -PV_EACCES };
    unsigned int connected = 0;

    for (size_t e = 0; e < ARRAY_LEN(errors); e++)
        for (long n = 0; n < 60; n++) {
            blkback_add(XVDA);
            fake_store_error = errors[e];
            fake_store_fails = n;
            blkback_run_thread();
            if (blkback_frontend_state() == XenbusStateInitialised) {
                blkback_connect();
                blkback_run_thread();
            }
            connected += present[0];
            fake_store_fails = -1;
            blkback_detach();
            assert_false(present[0]);
            assert_int_equal(fake_pages_used, 0);
            assert_int_equal(fake_heap_used, 0);
            assert_int_equal(fake_grants_used(), 0);
            assert_int_equal(fake_store_watches(), 1);
        }
    assert_in_range(connected, 60, 170);
}

static void test_init_fails(void **state)
{
    fake_store_drop();
    fake_store_fails = 0;
    assert_int_equal(pv_disks_init(on_change, &changes, want_kept), -PV_EIO);
    assert_int_equal(fake_store_watches(), 0);
    blkback_no_thread = true;
    assert_int_equal(pv_disks_init(on_change, &changes, want_kept), -PV_ENOMEM);
    assert_int_equal(fake_store_watches(), 0);
    blkback_no_thread = false;
    assert_int_equal(pv_disks_init(on_change, &changes, want_kept), 0);
}

/* ---- a hostile backend: the disk dies, nothing else ---- */

/* What it does while four requests are under way, the first of them indirect. */
static void say_bad_id(void) { blkback_say(blkback_requests[1].id ^ 0x100, BLKIF_OP_READ, 0); }
static void say_bad_slot(void) { blkback_say(blkback_requests[1].id | 0xff, BLKIF_OP_READ, 0); }
static void say_idle_slot(void) { blkback_say(blkback_requests[1].id + 4, BLKIF_OP_READ, 0); }
static void say_bad_op(void) { blkback_say(blkback_requests[1].id, BLKIF_OP_WRITE, 0); }
static void say_bad_indirect(void) { blkback_say(blkback_requests[1].id, BLKIF_OP_INDIRECT, 0); }
static void say_far_index(void) { blkback_ring()->rsp_prod += 5; }
/* Good answers, but more than there were requests: none of them counts. */
static void say_too_much(void)
{
    for (size_t i = 0; i < 4; i++)
        blkback_say(blkback_requests[i].id, BLKIF_OP_READ, 0);
    blkback_ring()->rsp_prod++;
}

static void say_back_index(void) { blkback_ring()->rsp_prod -= 1; }

static void say_twice(void)
{
    blkback_say(blkback_requests[1].id, BLKIF_OP_READ, 0);
    blkback_say(blkback_requests[1].id, BLKIF_OP_READ, 0);
}

static void say_and_keep(void)
{
    fake_grant_hold(blkback_requests[1].segments[0].gref, true);
    blkback_say(blkback_requests[1].id, BLKIF_OP_READ, 0);
}

static void say_and_keep_list(void)
{
    fake_grant_hold(blkback_requests[0].page_ref, true);
    blkback_say(blkback_requests[0].id, BLKIF_OP_READ, 0);
}

static void test_hostile(void **state)
{
    static void (*const tricks[])(void) = {
        say_bad_id, say_bad_slot, say_idle_slot, say_bad_op, say_bad_indirect, say_far_index, say_back_index,
        say_too_much, say_twice, say_and_keep, say_and_keep_list,
    };

    for (size_t i = 0; i < ARRAY_LEN(tricks); i++) {
        struct pv_disk *disk = attach();
        struct job *jobs[4], *late = job_full(PV_DISK_READ, 0, 1);

        blkback_count = 0;
        changes = 0;
        for (size_t j = 0; j < 4; j++) {
            jobs[j] = job_full(PV_DISK_READ, j * 200, j ? 1 : 20);
            job_submit(jobs[j], disk);
        }
        assert_int_equal(blkback_take(), 4);
        tricks[i]();
        blkback_fire();
        job_submit(late, disk);
        blkback_run_thread();
        assert_int_equal(changes, 1);
        assert_null(pv_disk_get(0));
        assert_int_equal(blkback_frontend_state(), XenbusStateClosed);
        assert_non_null(strstr(fake_log, "broke the rules"));
        expect(late, 1, -PV_EIO);
        for (size_t j = 0; j < 1024; j++)
            if (fake_grant_page((uint32_t)j))
                fake_grant_hold((uint32_t)j, false);
        fake_now += PV_SECOND;
        blkback_run_thread();
        for (size_t j = 0; j < 4; j++) {
            expect(jobs[j], 1, tricks[i] == say_twice && j == 1 ? 0 : -PV_EIO);
            job_free(jobs[j]);
        }
        job_free(late);
        assert_int_equal(fake_grants_used(), 0);
        pv_disk_put(disk);
        blkback_detach();
        assert_int_equal(fake_pages_used, 0);
    }
}

/* It maps a grant before the request is on the ring; then the request cannot be made. */
static void test_hostile_grabs_early(void **state)
{
    static uint32_t refs[4096];
    struct pv_disk *disk = attach();
    struct job *job = job_full(PV_DISK_READ, 0, 20);
    size_t n = use_up_grants(refs, 1);
    uint32_t next = refs[n];

    /* The page with the indirect request's segments gets the last grant; the segments get none. */
    fake_grants_held = true;
    job_submit(job, disk);
    fake_grants_held = false;
    blkback_run_thread();
    assert_int_equal(blkback_take(), 0);
    while (n)
        pv_grant_end(refs[--n]);
    fake_grant_hold(next, false);
    blkback_run_thread();
    expect(job, 1, -PV_EIO);
    assert_false(present[0]);
    job_free(job);
    pv_disk_put(disk);
}

static void test_answers_before_connected(void **state)
{
    blkback_add(XVDA);
    blkback_run_thread();
    blkback_connect();
    blkback_say(0, BLKIF_OP_READ, 0);
    blkback_fire();
    blkback_run_thread();
    assert_null(pv_disk_get(0));
    assert_int_equal(blkback_frontend_state(), XenbusStateClosed);
}

/* ---- going ---- */

/* xl block-detach: requests under way finish, those that wait are not begun. */
static void test_closing(void **state)
{
    struct pv_disk *disk;
    struct job *jobs[40], *late = job_full(PV_DISK_READ, 0, 1);

    blkback_features.indirect = 0;
    disk = attach();
    for (size_t i = 0; i < 40; i++) {
        jobs[i] = job_full(PV_DISK_WRITE, i * 8, 1);
        job_submit(jobs[i], disk);
    }
    blkback_take();
    blkback_set_state(XenbusStateClosing);
    blkback_run_thread();
    assert_int_equal(changes, 2);
    assert_null(pv_disk_get(0));
    assert_int_equal(blkback_frontend_state(), XenbusStateConnected);
    for (size_t i = 0; i < 40; i++)
        expect(jobs[i], i >= 32, -PV_EIO);
    job_submit(late, disk);
    blkback_run_thread();
    expect(late, 1, -PV_EIO);
    assert_int_equal(blkback_serve(), 32);
    for (size_t i = 0; i < 32; i++) {
        expect(jobs[i], 1, 0);
        job_check(jobs[i]);
    }
    blkback_run_thread();
    assert_int_equal(blkback_frontend_state(), XenbusStateClosed);
    assert_int_equal(changes, 2);
    assert_int_equal(fake_grants_used(), 0);
    for (size_t i = 0; i < 40; i++)
        job_free(jobs[i]);
    job_free(late);
    pv_disk_put(disk);
}

static void test_closing_in_time(void **state)
{
    struct pv_disk *disk = attach();
    struct job *job = job_full(PV_DISK_WRITE, 0, 1);

    job_submit(job, disk);
    blkback_take();
    blkback_set_state(XenbusStateClosing);
    blkback_run_thread();
    fake_now += 4 * PV_SECOND;
    blkback_run_thread();
    assert_int_equal(blkback_frontend_state(), XenbusStateConnected);
    expect(job, 0, 0);
    fake_now += 2 * PV_SECOND;
    blkback_run_thread();
    assert_int_equal(blkback_frontend_state(), XenbusStateClosed);
    expect(job, 1, -PV_EIO);
    job_free(job);
    pv_disk_put(disk);
}

/* The node, the backend or its connection goes: the disk is gone at once. */
static void test_gone(void **state)
{
    for (unsigned int how = 0; how < 4; how++) {
        struct pv_disk *disk = attach();
        struct job *large = job_full(PV_DISK_WRITE, 0, 600), *flush = job_new(PV_DISK_FLUSH, 0);
        uint32_t port = fake_event_last;

        job_submit(large, disk);
        job_submit(flush, disk);
        blkback_take();
        if (how == 0)
            blkback_remove();
        else if (how == 1)
            fake_store_remove("/local/domain/3/backend/vbd/7/51712");
        else
            blkback_set_state(how == 2 ? XenbusStateClosed : XenbusStateInitWait);
        blkback_run_thread();
        expect(large, 1, -PV_EIO);
        expect(flush, 1, -PV_EIO);
        assert_false(present[0]);
        assert_false(fake_event_open(port));
        assert_int_equal(fake_grants_used(), 0);
        assert_int_equal(blkback_frontend_state(), how ? XenbusStateClosed : 0);
        job_free(large);
        job_free(flush);
        pv_disk_put(disk);
        blkback_count = 0;
        blkback_detach();
    }
}

/* Pages that the backend still has mapped are waited for, and are never used for anything else. */
static void test_pages_kept(void **state)
{
    struct pv_disk *disk = attach();
    struct job *job = job_full(PV_DISK_READ, 0, 20), *other = job_full(PV_DISK_READ, 0, 1);
    uint32_t ref;
    void *page;

    job_submit(job, disk);
    job_submit(other, disk);
    blkback_take();
    ref = blkback_requests[0].segments[7].gref;
    page = fake_grant_page(ref);
    fake_grant_hold(ref, true);
    blkback_remove();
    blkback_run_thread();
    expect(other, 1, -PV_EIO);
    expect(job, 0, 0);
    fake_now += 9 * PV_SECOND;
    blkback_run_thread();
    expect(job, 0, 0);
    fake_now += 2 * PV_SECOND;
    blkback_run_thread();
    expect(job, 1, -PV_EIO);
    assert_non_null(strstr(fake_log, "keeps pages of ours"));
    job_free(job);
    job_free(other);
    pv_disk_put(disk);
    /* The caller has freed all pages. This one is still in use. */
    assert_int_equal(pv_pages_in_run(page), 1);

    /* The disk comes back meanwhile. */
    blkback_count = 0;
    round_trip(disk = attach(), 3, 0, 4096, 4096);
    pv_disk_put(disk);
    assert_int_equal(pv_pages_in_run(page), 1);
    fake_grant_hold(ref, false);
    blkback_run_thread();
    assert_int_equal(pv_pages_in_run(page), 0);
    blkback_detach();
    assert_int_equal(fake_pages_used, 0);
}

/* The backend keeps the ring's page mapped. */
static void test_ring_kept(void **state)
{
    uint32_t ref;

    pv_disk_put(attach());
    ref = (uint32_t)strtoul(fake_store_get("device/vbd/51712/ring-ref"), NULL, 10);
    fake_grant_hold(ref, true);
    blkback_detach();
    assert_int_equal(fake_pages_used, 1);
    fake_now += 20 * PV_SECOND;
    blkback_run_thread();
    blkback_run_thread();
    assert_int_equal(fake_pages_used, 1);
    fake_grant_hold(ref, false);
    blkback_run_thread();
    assert_int_equal(fake_pages_used, 0);
    assert_ptr_equal(strstr(strstr(fake_log, "keeps pages") + 1, "keeps pages"), NULL);
}

static void test_reattach(void **state)
{
    struct pv_disk *old = attach(), *new;
    struct job *job = job_full(PV_DISK_READ, 0, 1);

    blkback_detach();
    new = attach();
    assert_ptr_not_equal(old, new);
    assert_int_equal(changes, 3);
    refuse(old, job, -PV_EIO);
    round_trip(new, 20, 0, 4096, 4096);
    pv_disk_put(old);
    pv_disk_put(new);
}

/* The node is replaced so fast that it never seemed to be missing. Its state shows that it is new. */
static void test_replaced(void **state)
{
    struct pv_disk *old = attach(), *new;

    blkback_remove();
    new = attach();
    assert_ptr_not_equal(old, new);
    assert_int_equal(changes, 3);
    assert_int_equal(fake_store_watches(), 2);
    pv_disk_put(old);
    pv_disk_put(new);
}

/* After a close that the backend has asked for, the toolstack can connect the disk again. */
static void test_again_after_close(void **state)
{
    pv_disk_put(attach());
    blkback_set_state(XenbusStateClosing);
    blkback_run_thread();
    blkback_run_thread();
    assert_int_equal(blkback_frontend_state(), XenbusStateClosed);
    blkback_set_state(XenbusStateInitWait);
    blkback_run_thread();
    assert_int_equal(blkback_frontend_state(), XenbusStateClosed);
    pv_disk_put(attach());
    assert_true(present[0]);
}

/* The last user drops the disk within done(), when the disk has gone already. */
static void test_put_in_done(void **state)
{
    struct job *job = job_full(PV_DISK_READ, 0, 1);

    job->then = attach();
    job_submit(job, job->then);
    blkback_detach();
    expect(job, 1, -PV_EIO);
    assert_int_equal(fake_heap_used, 0);
    job_free(job);
}

/* ---- the ring alone ---- */

static void test_index_wrap(void **state)
{
    struct disk_ring *ring = calloc(1, sizeof(*ring));
    struct blkif_sring *shared = pv_pages_alloc(1, 1);
    struct job *job = job_full(PV_DISK_READ, 0, 1);

    disk_ring_init(ring, shared, 3, 1);
    ring->produced = ring->consumed = shared->req_prod = shared->rsp_prod = UINT32_MAX - 40;
    shared->req_event = shared->rsp_event = UINT32_MAX - 39;
    ring->serial = UINT32_MAX - 20;
    for (unsigned int i = 0; i < 100; i++) {
        struct pv_disk_request *finished = NULL;
        blkif_response_t *response = &shared->ring[ring->produced % 32].rsp;
        uint64_t id;

        disk_ring_add(ring, &job->request);
        assert_true(disk_ring_issue(ring, &finished));
        assert_null(finished);
        id = shared->ring[(ring->produced - 1) % 32].req.id;
        disk_ring_take(ring, &finished);
        assert_null(finished);
        *response = (blkif_response_t){ .id = id, .operation = BLKIF_OP_READ };
        shared->rsp_prod++;
        shared->req_event = ring->produced + 1;
        disk_ring_take(ring, &finished);
        assert_ptr_equal(finished, &job->request);
        assert_int_equal(job->request.result, 0);
        assert_int_equal(shared->rsp_event, ring->consumed + 1);
    }
    assert_false(ring->broken);
    assert_int_equal(fake_grants_used(), 0);
    job_free(job);
    pv_pages_put(shared);
    free(ring);
}

/* The frontend does not rely on anything in the page that the backend can write. */
static void test_scribbled_ring(void **state)
{
    struct pv_disk *disk = attach();
    struct job *job = job_full(PV_DISK_READ, 0, 5);
    struct blkif_sring *shared = blkback_ring();

    job_submit(job, disk);
    blkback_take();
    memset(shared->ring, 0xff, 32 * sizeof(shared->ring[0]));
    shared->req_prod = 77;
    blkback_fire();
    expect(job, 0, 0);
    shared->req_prod = 1;
    blkback_serve();
    expect(job, 1, 0);
    job_check(job);
    assert_int_equal(job_size(job), 5 * PV_PAGE);
    job_free(job);
    pv_disk_put(disk);
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
#define K(name) cmocka_unit_test_setup_teardown(test_##name, setup_kept, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(numbers), T(describe), T(bad_backends), T(size_and_sectors), T(no_medium), T(slow_toolstack),
        T(two_of_one_letter), T(sizes), T(indirect_pays), T(indirect_answer), T(queue), T(any_order), T(notify),
        T(flush), T(flush_in_queue), T(errors), T(error_in_pieces), T(nonsense_refused), T(no_page_for_indirect),
        T(no_grants), T(allocations_fail_at_attach), T(xenstore_fails), T(init_fails), T(hostile),
        T(hostile_grabs_early), T(answers_before_connected), T(closing), T(closing_in_time), T(gone),
        T(pages_kept), T(ring_kept), T(reattach), T(replaced), T(again_after_close), T(put_in_done),
        T(index_wrap), T(scribbled_ring), K(pages_are_mapped_once), K(pages_are_not_kept), K(only_kept_pages),
        K(pages_are_waited_for), K(backend_lets_go_late), K(no_memory_for_pages),
    };

    return cmocka_run_group_tests_name("pv-disk", tests, NULL, NULL);
}
