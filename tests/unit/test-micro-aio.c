// sources: launcher/stubdom-micro/aio.c launcher/stubdom-micro/dev-disk.c launcher/stubdom-micro/disk-io.c
// sources: launcher/stubdom-micro/file.c launcher/stubdom-micro/eventfd.c launcher/xen-layer/disk.c
// sources: launcher/xen-layer/disk-ring.c launcher/xen-layer/text.c tests/unit/fake-pv.c tests/unit/fake-pv-store.c
// sources: tests/unit/fake-blkback.c tests/unit/fake-micro.c
/*
 * Asynchronous I/O as QEMU and libaio use it: the ring of events in the program's memory, many requests at a time to a
 * disk whose backend the test controls, programs that pass nonsense, or end.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "fake-micro.h"

#include "aio.h"
#include "dev-disk.h"
#include "fake-blkback.h"
#include "files.h"
#include "unit.h"

#include <linux/aio_abi.h>
#include <linux/fs.h>

#define XVDA 51712U
#define PAGES 64

long sys_io_setup(const unsigned long a[6]);
long sys_io_submit(const unsigned long a[6]);
long sys_io_getevents(const unsigned long a[6]);
long sys_io_destroy(const unsigned long a[6]);
long sys_io_cancel(const unsigned long a[6]);
long sys_eventfd2(const unsigned long a[6]);
long sys_read(const unsigned long a[6]);

/* As block/linux-aio.c of QEMU has it. */
struct ring {
    uint32_t id, nr, head, tail, magic, compat, incompat, header_length;
    struct io_event events[];
};

/* ---- functions that file.c needs for files with a name; here are none ---- */

void node_put(struct node *node) { fail_msg("node_put"); }
void node_stat(const struct node *node, struct stat *st) { fail_msg("node_stat"); }
struct node *memory_node(const struct file *file) { return NULL; }
long memory_seek(const struct node *node, uint64_t offset, bool hole) { return -PV_EINVAL; }
long memory_seals(struct file *file, bool add, unsigned long seals) { return -PV_EINVAL; }
long pipe_size(struct file *file, bool set, unsigned long size) { return -PV_EINVAL; }

/* ---- the program, and its address space ---- */

static struct fd_table *current_fds = &fake_fds;

struct fd_table *task_fds(void) { return current_fds; }

static unsigned int mappings;
static bool map_fails;

long space_map_anonymous(size_t size, unsigned int prot)
{
    void *p = map_fails ? NULL : aligned_alloc(PV_PAGE, size);

    assert_int_equal(prot, 3);
    if (!p)
        return -PV_ENOMEM;
    memset(p, 0, size);
    mappings++;
    return (long)p;
}

/* Freed at the test's end, because the kernel may still have pages of it. */
static void *unmapped[64];
static size_t unmapped_count;

long space_unmap(uintptr_t va, size_t size)
{
    assert_true(size > 0 && size % PV_PAGE == 0);
    assert_true(unmapped_count < ARRAY_LEN(unmapped));
    unmapped[unmapped_count++] = (void *)va;
    mappings--;
    return 0;
}

/* ---- around each test ---- */

static uint8_t *memory; /* PAGES, aligned */
static int disk_fd, event_fd;
static struct ring *ring;
static struct iocb iocbs[2000];

static int install(struct file *file) { return fd_install(file, 0, false); }

static void open_disk(int flags)
{
    struct file *file;

    assert_int_equal(fake_device_open("/dev/xvda", flags, &file), 0);
    disk_fd = install(file);
}

static int setup(void **state)
{
    fake_pv_reset();
    fake_micro_reset();
    blkback_reset();
    assert_int_equal(dev_disk_init(), 0);
    blkback_attach(XVDA);
    open_disk(O_RDWR | O_DIRECT);
    event_fd = (int)fake_call(sys_eventfd2, 0, O_NONBLOCK);
    assert_true(event_fd > disk_fd);
    memory = aligned_alloc(PV_PAGE, PAGES * PV_PAGE);
    memset(memory, 0xee, PAGES * PV_PAGE);
    memset(iocbs, 0, sizeof(iocbs));
    ring = NULL;
    map_fails = false;
    fake_on_sleep = NULL;
    return 0;
}

static int teardown(void **state)
{
    if (ring)
        assert_int_equal(fake_call(sys_io_destroy, ring), 0);
    assert_int_equal(mappings, 0);
    while (unmapped_count)
        free(unmapped[--unmapped_count]);
    fake_micro_reset();
    blkback_detach();
    free(memory);
    assert_int_equal(fake_grants_used(), 0);
    fake_store_drop();
    fake_pv_reset();
    return 0;
}

static void make_ring(unsigned int events)
{
    uint64_t id = 0;

    assert_int_equal(fake_call(sys_io_setup, events, &id), 0);
    ring = (struct ring *)id;
}

static struct iocb *prepare(size_t i, unsigned int op, void *buffer, size_t size, uint64_t pos)
{
    iocbs[i] = (struct iocb){
        .aio_data = 1000 + i, .aio_lio_opcode = (uint16_t)op, .aio_fildes = (uint32_t)disk_fd,
        .aio_buf = (uintptr_t)buffer, .aio_nbytes = size, .aio_offset = (int64_t)pos, .aio_key = 77,
        .aio_flags = IOCB_FLAG_RESFD, .aio_resfd = (uint32_t)event_fd,
    };
    return &iocbs[i];
}

static long submit_many(size_t first, size_t n)
{
    struct iocb *list[2000];

    for (size_t i = 0; i < n; i++)
        list[i] = &iocbs[first + i];
    return fake_call(sys_io_submit, ring, n, list);
}

static long submit(size_t i) { return submit_many(i, 1); }

/* Reads the ring itself, as QEMU does. */
static bool next_event(struct io_event *event)
{
    if (ring->head == ring->tail)
        return false;
    *event = ring->events[ring->head];
    ring->head = (ring->head + 1) % ring->nr;
    return true;
}

static void expect_event(size_t i, long result)
{
    struct io_event event;

    assert_true(next_event(&event));
    assert_int_equal(event.obj, (uintptr_t)&iocbs[i]);
    assert_int_equal(event.data, 1000 + i);
    assert_int_equal(event.res, result);
    assert_int_equal(event.res2, 0);
}

static void expect_none(void) { assert_int_equal(ring->head, ring->tail); }

static uint64_t eventfd_count(void)
{
    uint64_t count = 0;

    return fake_call(sys_read, event_fd, &count, 8) == 8 ? count : 0;
}

/* ---- contexts ---- */

static void test_setup(void **state)
{
    static const unsigned int sizes[] = { 1, 124, 125, 126, 1024, 4096 };

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        make_ring(sizes[i]);
        assert_int_equal(ring->magic, 0xa10a10a1);
        assert_int_equal(ring->compat, 1);
        assert_int_equal(ring->incompat, 0);
        assert_int_equal(ring->header_length, 32);
        assert_int_equal(ring->head, 0);
        assert_int_equal(ring->tail, 0);
        assert_in_range(ring->nr, sizes[i] + 2, sizes[i] + 2 + 128);
        assert_int_equal((ring->nr + 1) * 32 % PV_PAGE, 0);
        assert_int_equal(fake_call(sys_io_destroy, ring), 0);
        assert_int_equal(fake_call(sys_io_destroy, ring), -PV_EINVAL);
        assert_int_equal(fake_pages_used, 1);
    }
    ring = NULL;
}

static void test_setup_refused(void **state)
{
    uint64_t id = 5;

    assert_int_equal(fake_call(sys_io_setup, 10, &id), -PV_EINVAL);
    id = 0;
    assert_int_equal(fake_call(sys_io_setup, 0, &id), -PV_EINVAL);
    assert_int_equal(fake_call(sys_io_setup, 10, FAKE_USER_BAD), -PV_EFAULT);
    assert_int_equal(fake_call(sys_io_setup, 8193, &id), -PV_EAGAIN);
    assert_int_equal(fake_call(sys_io_setup, UINT32_MAX, &id), -PV_EAGAIN);
    make_ring(4096);
    assert_int_equal(fake_call(sys_io_setup, 4096, &id), -PV_EAGAIN);
    assert_int_equal(fake_call(sys_io_destroy, ring), 0);
    /* Contexts that were refused or failed do not count in the limit. */
    map_fails = true;
    assert_int_equal(fake_call(sys_io_setup, 4096, &id), -PV_ENOMEM);
    map_fails = false;
    fake_alloc_fails = 0;
    assert_int_equal(fake_call(sys_io_setup, 4096, &id), -PV_ENOMEM);
    for (long n = 1; n < 5; n++) {
        fake_user_fails = n; /* pinning the pages, and writing the id */
        assert_int_equal(fake_call(sys_io_setup, 300, &id), n < 4 ? -PV_ENOMEM : -PV_EFAULT);
    }
    assert_int_equal(mappings, 0);
    assert_int_equal(fake_pages_used, 1);
    make_ring(8000);
}

static void test_not_a_context(void **state)
{
    static struct fd_table others;
    uint64_t fake = 0;

    make_ring(10);
    assert_int_equal(fake_call(sys_io_submit, &fake, 0, &fake), -PV_EINVAL);
    assert_int_equal(fake_call(sys_io_submit, (uintptr_t)ring + 4096, 0, &fake), -PV_EINVAL);
    assert_int_equal(fake_call(sys_io_submit, ring, 0, &fake), 0);
    assert_int_equal(fake_call(sys_io_submit, ring, -1, &fake), -PV_EINVAL);
    assert_int_equal(fake_call(sys_io_getevents, 0, 0, 1, memory, 0), -PV_EINVAL);
    assert_int_equal(fake_call(sys_io_destroy, FAKE_USER_BAD), -PV_EINVAL);
    /* Another process's context. */
    current_fds = &others;
    assert_int_equal(fake_call(sys_io_submit, ring, 0, &fake), -PV_EINVAL);
    aio_process_end();
    current_fds = &fake_fds;
    assert_int_equal(fake_call(sys_io_submit, ring, 0, &fake), 0);
}

/* ---- requests ---- */

static void test_read_write(void **state)
{
    make_ring(10);
    prepare(0, IOCB_CMD_PREAD, memory, 8192, 4096);
    assert_int_equal(submit(0), 1);
    assert_int_equal(iocbs[0].aio_key, 0);
    expect_none();
    assert_int_equal(eventfd_count(), 0);
    assert_int_equal(blkback_take(), 1);
    /* The backend writes directly to the program's page. */
    assert_ptr_equal(fake_grant_page(blkback_requests[0].segments[0].gref), memory);
    blkback_serve();
    assert_int_equal(eventfd_count(), 1);
    expect_event(0, 8192);
    expect_none();
    assert_memory_equal(memory, blkback_image + 4096, 8192);

    memset(memory, 0x5a, 4096);
    prepare(1, IOCB_CMD_PWRITE, memory, 1024, 512);
    assert_int_equal(submit(1), 1);
    blkback_serve();
    expect_event(1, 1024);
    assert_memory_equal(blkback_image + 512, memory, 1024);
    assert_int_equal(fake_pages_used, 2); /* a page for each ring */
}

static void test_vectors(void **state)
{
    struct user_vec vecs[20];
    size_t total = 0;

    make_ring(10);
    for (size_t i = 0; i < 20; i++) {
        vecs[i] = (struct user_vec){ (uintptr_t)memory + i * 3 * PV_PAGE, 512 * (i % 16 + 1) };
        total += vecs[i].size;
    }
    prepare(0, IOCB_CMD_PREADV, vecs, 20, 1024);
    assert_int_equal(submit(0), 1);
    memset(vecs, 0, sizeof(vecs)); /* the program may reuse them at once */
    blkback_serve();
    expect_event(0, (long)total);
    assert_memory_equal(memory, blkback_image + 1024, 512);
    assert_memory_equal(memory + 3 * PV_PAGE, blkback_image + 1536, 1024);

    for (size_t i = 0; i < 20; i++)
        vecs[i] = (struct user_vec){ (uintptr_t)memory + (19 - i) * 3 * PV_PAGE, 512 };
    prepare(1, IOCB_CMD_PWRITEV, vecs, 20, 65536);
    assert_int_equal(submit(1), 1);
    blkback_serve();
    expect_event(1, 20 * 512);
    assert_memory_equal(blkback_image + 65536 + 19 * 512, memory, 512);
    prepare(2, IOCB_CMD_PREADV, vecs, 1025, 0);
    assert_int_equal(submit(2), -PV_EINVAL);
    prepare(2, IOCB_CMD_PREADV, (void *)FAKE_USER_BAD, 2, 0);
    assert_int_equal(submit(2), -PV_EFAULT);
    prepare(2, IOCB_CMD_PREADV, vecs, 0, 0);
    assert_int_equal(submit(2), 1);
    expect_event(2, 0);
}

static void test_any_order(void **state)
{
    static const size_t order[] = { 4, 1, 0, 3, 2 };

    make_ring(10);
    for (size_t i = 0; i < 5; i++)
        prepare(i, i & 1 ? IOCB_CMD_PREAD : IOCB_CMD_PWRITE, memory + i * PV_PAGE, 4096, i * 8192);
    assert_int_equal(submit_many(0, 5), 5);
    assert_int_equal(blkback_take(), 5);
    for (size_t i = 0; i < 5; i++) {
        blkback_answer(order[i], order[i] == 3 ? BLKIF_RSP_ERROR : 0);
        blkback_fire();
        expect_event(order[i], order[i] == 3 ? -PV_EIO : 4096);
    }
    assert_int_equal(eventfd_count(), 5);
}

static void test_ends(void **state)
{
    const uint64_t size = BLKBACK_SECTORS * 512;

    make_ring(10);
    prepare(0, IOCB_CMD_PREAD, memory, 4096, size);
    prepare(1, IOCB_CMD_PWRITE, memory, 4096, size);
    prepare(2, IOCB_CMD_PREAD, memory, 4096, size - 512);
    prepare(3, IOCB_CMD_PREAD, memory, 500, 0);
    prepare(4, IOCB_CMD_PREAD, memory + 8, 512, 0);
    prepare(5, IOCB_CMD_PREAD, memory, 0, 0);
    assert_int_equal(submit_many(0, 6), 6);
    expect_event(0, 0);
    expect_event(1, -PV_ENOSPC);
    expect_event(3, -PV_EINVAL);
    expect_event(4, -PV_EINVAL);
    expect_event(5, 0);
    blkback_serve();
    expect_event(2, 512);
    assert_int_equal(eventfd_count(), 6);
}

static void test_flush(void **state)
{
    make_ring(10);
    prepare(0, IOCB_CMD_FDSYNC, NULL, 0, 0);
    prepare(1, IOCB_CMD_FSYNC, NULL, 0, 0);
    assert_int_equal(submit_many(0, 2), 2);
    assert_int_equal(blkback_take(), 2);
    assert_int_equal(blkback_requests[0].op, BLKIF_OP_FLUSH_DISKCACHE);
    expect_none();
    blkback_answer(1, BLKIF_RSP_ERROR);
    blkback_answer(0, 0);
    blkback_fire();
    assert_int_equal(ring->tail, 2);
    assert_int_equal(ring->events[0].res + ring->events[1].res, -PV_EIO);
    for (size_t i = 0; i < 4; i++) {
        struct iocb *iocb = prepare(0, IOCB_CMD_FDSYNC, NULL, 0, 0);

        if (i == 0)
            iocb->aio_buf = 1;
        else if (i == 1)
            iocb->aio_nbytes = 1;
        else if (i == 2)
            iocb->aio_offset = 1;
        else
            iocb->aio_rw_flags = RWF_DSYNC;
        assert_int_equal(submit(0), -PV_EINVAL);
    }
}

/* O_DSYNC writes, which QEMU uses for a guest without a write cache. */
static void test_write_through(void **state)
{
    make_ring(10);
    prepare(0, IOCB_CMD_PWRITE, memory, 4096, 0)->aio_rw_flags = RWF_DSYNC;
    assert_int_equal(submit(0), 1);
    blkback_serve();
    expect_none();
    assert_int_equal(blkback_take(), 2);
    assert_int_equal(blkback_requests[1].op, BLKIF_OP_FLUSH_DISKCACHE);
    blkback_serve();
    expect_event(0, 4096);
    /* The write or the flush may fail. */
    for (size_t half = 0; half < 2; half++) {
        blkback_count = 0;
        assert_int_equal(submit(0), 1);
        if (half)
            blkback_serve();
        blkback_take();
        blkback_answer(half, BLKIF_RSP_ERROR);
        blkback_fire();
        expect_event(0, -PV_EIO);
        assert_int_equal(blkback_take(), half + 1);
    }
    /* A read has nothing to flush. */
    blkback_count = 0;
    prepare(0, IOCB_CMD_PREAD, memory, 4096, 0)->aio_rw_flags = RWF_DSYNC | RWF_HIPRI;
    assert_int_equal(submit(0), 1);
    blkback_serve();
    expect_event(0, 4096);
    prepare(0, IOCB_CMD_PWRITE, memory, 4096, 0)->aio_rw_flags = RWF_NOWAIT;
    assert_int_equal(submit(0), -PV_EOPNOTSUPP);
}

static void test_refused(void **state)
{
    static const struct { size_t at; uint64_t value; size_t size; long rc; } cases[] = {
        { offsetof(struct iocb, aio_reserved2), 1, 8, -PV_EINVAL },
        { offsetof(struct iocb, aio_nbytes), 1ULL << 63, 8, -PV_EINVAL },
        { offsetof(struct iocb, aio_offset), UINT64_MAX, 8, -PV_EINVAL },
        { offsetof(struct iocb, aio_fildes), 200, 4, -PV_EBADF },
        { offsetof(struct iocb, aio_fildes), UINT32_MAX, 4, -PV_EBADF },
        { offsetof(struct iocb, aio_resfd), 201, 4, -PV_EBADF },
        { offsetof(struct iocb, aio_resfd), 0, 4, -PV_EINVAL }, /* a disk is no eventfd */
        { offsetof(struct iocb, aio_lio_opcode), IOCB_CMD_POLL, 2, -PV_EINVAL },
        { offsetof(struct iocb, aio_lio_opcode), IOCB_CMD_NOOP, 2, -PV_EINVAL },
        { offsetof(struct iocb, aio_lio_opcode), 0xffff, 2, -PV_EINVAL },
        { offsetof(struct iocb, aio_fildes), 1, 4, -PV_EINVAL }, /* the eventfd: no position */
    };

    make_ring(10);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        prepare(0, IOCB_CMD_PREAD, memory, 512, 0);
        memcpy((char *)&iocbs[0] + cases[i].at, &cases[i].value, cases[i].size);
        assert_int_equal(submit(0), cases[i].rc);
        expect_none();
    }
    assert_int_equal(blkback_take(), 0);
    assert_int_equal(eventfd_count(), 0);
    /* None of these takes a place in the ring. */
    for (size_t i = 0; i < ring->nr - 1; i++)
        prepare(i, IOCB_CMD_PREAD, memory, 0, 0);
    assert_int_equal(submit_many(0, ring->nr - 1), ring->nr - 1);
}

static void test_access(void **state)
{
    make_ring(10);
    open_disk(O_RDONLY | O_DIRECT);
    prepare(0, IOCB_CMD_PWRITE, memory, 512, 0);
    assert_int_equal(submit(0), -PV_EBADF);
    open_disk(O_WRONLY | O_DIRECT);
    prepare(0, IOCB_CMD_PREAD, memory, 512, 0);
    assert_int_equal(submit(0), -PV_EBADF);
    prepare(0, IOCB_CMD_PWRITE, memory, 512, 0);
    assert_int_equal(submit(0), 1);
    blkback_serve();
    expect_event(0, 512);
}

static void test_bad_memory(void **state)
{
    struct iocb *list[3] = { &iocbs[0], (struct iocb *)FAKE_USER_BAD, &iocbs[1] };

    make_ring(10);
    prepare(0, IOCB_CMD_PREAD, memory, 512, 0);
    prepare(1, IOCB_CMD_PREAD, memory, 512, 0);
    assert_int_equal(fake_call(sys_io_submit, ring, 3, list), 1);
    assert_int_equal(fake_call(sys_io_submit, ring, 2, list + 1), -PV_EFAULT);
    assert_int_equal(fake_call(sys_io_submit, ring, 1, FAKE_USER_BAD), -PV_EFAULT);
    blkback_serve();
    expect_event(0, 512);
    prepare(0, IOCB_CMD_PREAD, (void *)FAKE_USER_BAD, 512, 0);
    assert_int_equal(submit(0), 1);
    expect_event(0, -PV_EFAULT);
    prepare(0, IOCB_CMD_PWRITE, memory, 8192, 0);
    for (long n = 0; n < 5; n++) {
        fake_user_fails = n; /* the list, the iocb, its key, each page */
        assert_int_equal(submit(0), n < 3 ? -PV_EFAULT : 1);
        if (n >= 3)
            expect_event(0, -PV_EFAULT);
    }
    expect_none();
    assert_int_equal(fake_pages_used, 2);
}

static void test_memory_fails(void **state)
{
    make_ring(10);
    prepare(0, IOCB_CMD_PREAD, memory, 4096, 0);
    fake_alloc_fails = 0;
    assert_int_equal(submit(0), -PV_EAGAIN);
    fake_alloc_fails = 1;
    assert_int_equal(submit(0), 1);
    expect_event(0, -PV_ENOMEM);
    prepare(0, IOCB_CMD_FDSYNC, NULL, 0, 0);
    fake_alloc_fails = 1;
    assert_int_equal(submit(0), 1);
    expect_event(0, -PV_ENOMEM);
    expect_none();
}

/* ---- the ring of events ---- */

static void test_wrap(void **state)
{
    make_ring(1);
    for (size_t i = 0; i < 1000; i++) {
        size_t n = i % 7 + 1;

        for (size_t j = 0; j < n; j++)
            prepare(j, IOCB_CMD_PREAD, memory + j * PV_PAGE, 512, (i + j) % 100 * 512);
        assert_int_equal(submit_many(0, n), n);
        blkback_count = 0;
        blkback_serve();
        for (size_t j = 0; j < n; j++) {
            size_t lowest = ring->events[ring->head].data - 1000;

            assert_memory_equal(memory + lowest * PV_PAGE, blkback_image + (i + lowest) % 100 * 512, 512);
            expect_event(lowest, 512);
        }
        expect_none();
    }
}

static void test_full(void **state)
{
    struct io_event events[200];
    size_t room;

    make_ring(1);
    room = ring->nr - 1;
    for (size_t i = 0; i < room + 10; i++)
        prepare(i, IOCB_CMD_PREAD, memory, 512, 0);
    for (size_t i = 0; i < 50; i++) {
        iocbs[i].aio_nbytes = 0; /* done at once; unread events take places, too */
        assert_int_equal(submit(i), 1);
    }
    assert_int_equal(submit_many(50, room - 40), room - 50);
    assert_int_equal(submit(0), -PV_EAGAIN);
    blkback_serve();
    blkback_serve();
    blkback_serve();
    assert_int_equal(submit(0), -PV_EAGAIN);
    assert_int_equal(ring->tail, room);
    /* Each event that is read makes room for a request. */
    assert_int_equal(fake_call(sys_io_getevents, ring, 0, 3, events, 0), 3);
    assert_int_equal(submit_many(0, 5), 3);
    assert_int_equal(submit(0), -PV_EAGAIN);
    assert_int_equal(fake_call(sys_io_getevents, ring, 1, 200, events, 0), room);
    assert_int_equal(fake_call(sys_io_getevents, ring, 0, 200, events, 0), 0);
    assert_int_equal(submit_many(0, room), room);
    while (blkback_serve())
        ;
}

/* The program overwrites its ring. That harms only its own events. */
static void test_scribbled_ring(void **state)
{
    struct io_event events[10];

    make_ring(1);
    for (unsigned int i = 0; i < 200; i++) {
        prepare(0, IOCB_CMD_PREAD, memory, 512, 0);
        memset(ring, (int)i, sizeof(*ring));
        if (submit(0) == 1)
            blkback_serve();
        blkback_count = 0;
        ring->nr = i;
        ring->tail = i * 77777;
        ring->head = i * 12345;
        assert_in_range(fake_call(sys_io_getevents, ring, 0, 10, events, 0), 0, 10);
    }
}

static bool sleep_and_serve(void)
{
    blkback_serve();
    return false;
}

static void test_getevents(void **state)
{
    struct io_event events[10];
    int64_t time[2] = { 0, 5000000 }, none[2] = { 0, 0 };

    make_ring(10);
    /* No event comes. */
    assert_int_equal(fake_call(sys_io_getevents, ring, 1, 10, events, time), 0);
    assert_int_equal(fake_now, 5 * PV_MS);
    assert_int_equal(fake_call(sys_io_getevents, ring, 0, 10, events, 0), 0);
    fake_signalled = true;
    assert_int_equal(fake_call(sys_io_getevents, ring, 1, 10, events, 0), -PV_EINTR);
    fake_signalled = false;
    assert_int_equal(fake_call(sys_io_getevents, ring, 2, 1, events, 0), -PV_EINVAL);
    assert_int_equal(fake_call(sys_io_getevents, ring, -1, 1, events, 0), -PV_EINVAL);
    assert_int_equal(fake_call(sys_io_getevents, ring, 0, 1, events, FAKE_USER_BAD), -PV_EFAULT);

    for (size_t i = 0; i < 4; i++)
        prepare(i, IOCB_CMD_PREAD, memory, 512, 0);
    assert_int_equal(submit_many(0, 4), 4);
    fake_on_sleep = sleep_and_serve;
    assert_int_equal(fake_call(sys_io_getevents, ring, 3, 3, events, 0), 3);
    assert_int_equal(events[2].res, 512);
    assert_int_equal(fake_call(sys_io_getevents, ring, 1, 10, FAKE_USER_BAD, 0), -PV_EFAULT);
    assert_int_equal(fake_call(sys_io_getevents, ring, 2, 10, events, time), 1);
    fake_signalled = true;
    assert_int_equal(submit(0), 1);
    blkback_serve();
    assert_int_equal(fake_call(sys_io_getevents, ring, 5, 10, events, 0), 1);
    fake_signalled = false;
    assert_int_equal(fake_call(sys_io_getevents, ring, 1, 10, events, none), 0);
}

/* ---- files that are not disks ---- */

static long plain_read(struct file *file, struct user_iter *to, uint64_t pos)
{
    return iter_put(to, "hello", to->left < 5 ? to->left : 5) ?: (long)pos + 5;
}

static unsigned int plain_syncs;

static long plain_write(struct file *file, struct user_iter *from, uint64_t pos)
{
    return (long)from->left;
}

static int plain_sync(struct file *file)
{
    plain_syncs++;
    return plain_syncs == 2 ? -PV_EIO : 0;
}

static const struct file_ops plain_ops = {
    .read = plain_read, .write = plain_write, .sync = plain_sync, .seekable = true,
};

static void test_plain_files(void **state)
{
    make_ring(10);
    disk_fd = install(file_new(&plain_ops, O_RDWR, NULL));
    prepare(0, IOCB_CMD_PREAD, memory, 512, 100);
    prepare(1, IOCB_CMD_PWRITE, memory, 333, 0);
    prepare(2, IOCB_CMD_FDSYNC, NULL, 0, 0);
    prepare(3, IOCB_CMD_PWRITE, memory, 333, 0)->aio_rw_flags = RWF_SYNC;
    prepare(4, IOCB_CMD_PREAD, (void *)FAKE_USER_BAD, 512, 0);
    assert_int_equal(submit_many(0, 5), 5);
    expect_event(0, 105);
    expect_event(1, 333);
    expect_event(2, 0);
    expect_event(3, -PV_EIO);
    expect_event(4, -PV_EFAULT);
    assert_memory_equal(memory, "hello", 5);
    assert_int_equal(eventfd_count(), 5);
    disk_fd = install(file_new(&plain_ops, O_RDWR | O_APPEND, NULL));
    prepare(1, IOCB_CMD_PWRITE, memory, 333, 0);
    assert_int_equal(submit(1), -PV_EOPNOTSUPP);
}

/* A disk without O_DIRECT: any alignment, and done before the call returns, as on Linux. */
static void test_buffered_disk(void **state)
{
    fake_on_sleep = blkback_on_sleep;
    make_ring(10);
    open_disk(O_RDWR);
    prepare(0, IOCB_CMD_PREAD, memory + 3, 1000, 77);
    assert_int_equal(submit(0), 1);
    expect_event(0, 1000);
    assert_memory_equal(memory + 3, blkback_image + 77, 1000);
}

/* ---- the end ---- */

static void test_destroy_waits(void **state)
{
    make_ring(10);
    prepare(0, IOCB_CMD_PREAD, memory, 4096, 0);
    assert_int_equal(submit(0), 1);
    fake_on_sleep = sleep_and_serve;
    assert_int_equal(fake_call(sys_io_destroy, ring), 0);
    ring = NULL;
    assert_memory_equal(memory, blkback_image, 4096);
    assert_int_equal(eventfd_count(), 1);
    assert_int_equal(fake_pages_used, 1);
}

/* The disk, the eventfd and the program go. Pages stay until the backend is done with them. */
static void test_process_ends(void **state)
{
    uint64_t id = 0;

    make_ring(10);
    assert_int_equal(fake_call(sys_io_setup, 5, &id), 0);
    prepare(0, IOCB_CMD_PREAD, memory, 8192, 0);
    prepare(1, IOCB_CMD_PWRITE, memory + 8192, 4096, 0)->aio_rw_flags = RWF_DSYNC;
    assert_int_equal(submit_many(0, 2), 2);
    assert_int_equal(blkback_take(), 2);
    aio_process_end();
    fd_table_close(&fake_fds, false);
    assert_int_equal(pv_pages_in_run(memory), 1);
    assert_int_equal(fake_call(sys_io_destroy, ring), -PV_EINVAL);
    assert_int_equal(fake_call(sys_io_destroy, id), -PV_EINVAL);
    blkback_serve();
    blkback_serve();
    expect_none();
    assert_int_equal(pv_pages_in_run(memory), 0);
    assert_int_equal(fake_pages_used, 1);
    space_unmap((uintptr_t)ring, PV_PAGE);
    space_unmap(id, PV_PAGE);
    ring = NULL;
}

static void test_disk_goes(void **state)
{
    make_ring(10);
    prepare(0, IOCB_CMD_PREAD, memory, 8192, 0);
    prepare(1, IOCB_CMD_FDSYNC, NULL, 0, 0);
    assert_int_equal(submit_many(0, 2), 2);
    blkback_remove();
    blkback_run_thread();
    assert_int_equal(ring->tail, 2);
    assert_int_equal(ring->events[0].res, -PV_EIO);
    assert_int_equal(ring->events[1].res, -PV_EIO);
    assert_int_equal(submit(0), 1);
    blkback_run_thread();
    assert_int_equal(ring->events[2].res, -PV_EIO);
    assert_int_equal(eventfd_count(), 3);
}

static void test_cancel(void **state)
{
    struct io_event event;

    make_ring(10);
    prepare(0, IOCB_CMD_PREAD, memory, 512, 0);
    assert_int_equal(submit(0), 1);
    assert_int_equal(fake_call(sys_io_cancel, ring, &iocbs[0], &event), -PV_EINVAL);
    assert_int_equal(fake_call(sys_io_cancel, ring, FAKE_USER_BAD, &event), -PV_EFAULT);
    blkback_serve();
    expect_event(0, 512);
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(setup), T(setup_refused), T(not_a_context), T(read_write), T(vectors), T(any_order), T(ends), T(flush),
        T(write_through), T(refused), T(access), T(bad_memory), T(memory_fails), T(wrap), T(full),
        T(scribbled_ring), T(getevents), T(plain_files), T(buffered_disk), T(destroy_waits), T(process_ends),
        T(disk_goes), T(cancel),
    };

    return cmocka_run_group_tests_name("micro-aio", tests, NULL, NULL);
}
