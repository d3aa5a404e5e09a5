// sources: launcher/stubdom-micro/dev-disk.c launcher/stubdom-micro/disk-io.c launcher/xen-layer/disk.c
// sources: launcher/xen-layer/disk-ring.c launcher/xen-layer/text.c tests/unit/fake-pv.c tests/unit/fake-pv-store.c
// sources: tests/unit/fake-blkback.c tests/unit/fake-micro.c
/*
 * /dev/xvdX: reads and writes, compared with a model, with and without O_DIRECT, at every alignment; ioctls; disks that
 * go; allocations that fail.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "fake-micro.h"

#include "dev-disk.h"
#include "fake-blkback.h"
#include "unit.h"

#include <asm/ioctl.h>
#include <linux/fs.h>
#include <linux/cdrom.h>
#include <linux/hdreg.h>

#define XVDA 51712U
#define SIZE (BLKBACK_SECTORS * 512)

static uint8_t *memory; /* the program's memory: SIZE bytes and a page, aligned */
static uint8_t model[SIZE];

static int setup(void **state)
{
    fake_pv_reset();
    fake_micro_reset();
    blkback_reset();
    assert_int_equal(dev_disk_init(), 0);
    fake_on_sleep = blkback_on_sleep;
    memory = aligned_alloc(PV_PAGE, SIZE + PV_PAGE);
    memset(memory, 0xee, SIZE + PV_PAGE);
    memcpy(model, blkback_image, SIZE);
    return 0;
}

static int teardown(void **state)
{
    blkback_detach();
    free(memory);
    assert_int_equal(fake_grants_used(), 0);
    fake_store_drop();
    fake_micro_reset();
    fake_pv_reset();
    return 0;
}

static struct file *open_disk(int flags)
{
    struct file *file;

    assert_int_equal(fake_device_open("/dev/xvda", flags, &file), 0);
    assert_non_null(disk_file_of(file));
    assert_true(file->ops->seekable);
    return file;
}

static struct file *attach(int flags)
{
    blkback_attach(XVDA);
    return open_disk(flags);
}

static long transfer(struct file *file, bool write, void *p, size_t n, uint64_t pos)
{
    struct user_iter iter;
    struct user_vec vec;

    fake_iter(&iter, &vec, p, n);
    blkback_count = 0;
    return write ? file->ops->write(file, &iter, pos) : file->ops->read(file, &iter, pos);
}

/* ---- nodes ---- */

static void test_nodes(void **state)
{
    struct file *file;
    uint8_t byte;

    assert_false(fake_device_exists("/dev/xvda"));
    file = attach(O_RDONLY);
    assert_true(fake_device_exists("/dev/xvda"));
    assert_string_equal(fake_uevents, "add@/block/xvda\n");
    blkback_detach();
    assert_false(fake_device_exists("/dev/xvda"));
    assert_string_equal(fake_uevents, "add@/block/xvda\nremove@/block/xvda\n");
    assert_int_equal(transfer(file, false, &byte, 1, 0), -PV_EIO);
    assert_int_equal(file->ops->sync(file), -PV_EIO);
    /* The disk comes back: an old file stays with the old one. */
    file_put(attach(O_RDONLY));
    assert_int_equal(transfer(file, false, &byte, 1, 0), -PV_EIO);
    file_put(file);
    blkback_detach();
    blkback_attach(1U << 28 | 25 << 8);
    assert_true(fake_device_exists("/dev/xvdz"));
}

static void test_open_fails(void **state)
{
    struct file *file;

    blkback_attach(XVDA);
    for (long n = 0; n < 2; n++) {
        fake_alloc_fails = n;
        assert_int_equal(fake_device_open("/dev/xvda", O_RDONLY, &file), -PV_ENOMEM);
    }
    file_put(open_disk(O_RDONLY));
    /* A disk that is closing cannot be opened. */
    blkback_set_state(XenbusStateClosing);
    blkback_run_thread();
    assert_int_equal(fake_device_open("/dev/xvda", O_RDONLY, &file), -PV_ENOENT);
}

static void test_stat(void **state)
{
    struct file *file = attach(O_RDONLY);
    struct stat st = { 0 };

    file->ops->stat(file, &st);
    assert_int_equal(st.st_mode, 0060600);
    assert_int_equal(st.st_rdev, 202 << 8);
    assert_int_equal(st.st_size, SIZE);
    file_put(file);
}

static uint64_t ask(struct file *file, unsigned int command, size_t size)
{
    uint64_t value[2] = { UINT64_MAX, UINT64_MAX };

    assert_int_equal(file->ops->ioctl(file, command, (uintptr_t)value), 0);
    assert_int_equal(value[1], UINT64_MAX);
    if (size == 8)
        return value[0];
    assert_int_equal(value[0] >> (size * 8), UINT64_MAX >> (size * 8));
    return value[0] & ((1ULL << (size * 8)) - 1);
}

static void test_ioctls(void **state)
{
    static const unsigned int refused[] = {
        CDROM_DRIVE_STATUS, CDROMEJECT, CDROM_LOCKDOOR, HDIO_GETGEO, 0x2285 /* SG_IO */, _IOR('X', 30, char[12]), 0,
    };
    struct file *file;

    blkback_features.sector_size = 2048;
    blkback_features.info = VDISK_READONLY;
    file = attach(O_RDONLY);
    assert_int_equal(ask(file, BLKGETSIZE64, 8), SIZE);
    assert_int_equal(ask(file, BLKGETSIZE, 8), BLKBACK_SECTORS);
    assert_int_equal(ask(file, BLKSSZGET, 4), 2048);
    assert_int_equal(ask(file, BLKPBSZGET, 4), 2048);
    assert_int_equal(ask(file, BLKROGET, 4), 1);
    assert_int_equal(ask(file, BLKBSZGET, 4), 4096);
    assert_int_equal(ask(file, BLKIOMIN, 4), 2048);
    assert_int_equal(ask(file, BLKIOOPT, 4), 0);
    assert_int_equal(ask(file, BLKSECTGET, 2), 896);
    assert_int_equal(file->ops->ioctl(file, BLKGETSIZE64, FAKE_USER_BAD), -PV_EFAULT);
    assert_int_equal(file->ops->ioctl(file, BLKFLSBUF, 0), 0);
    assert_int_equal(file->ops->ioctl(file, BLKDISCARD, (uintptr_t)memory), -PV_EOPNOTSUPP);
    assert_int_equal(file->ops->ioctl(file, BLKZEROOUT, (uintptr_t)memory), -PV_EOPNOTSUPP);
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        assert_int_equal(file->ops->ioctl(file, refused[i], (uintptr_t)memory), -25);
    file_put(file);
    blkback_detach();
    blkback_features.info = 0;
    file = attach(O_RDONLY);
    assert_int_equal(ask(file, BLKROGET, 4), 0);
    file_put(file);
}

/* ---- reading and writing ---- */

static void check_round(struct file *file, size_t at, size_t n, uint64_t pos)
{
    size_t there = pos >= SIZE ? 0 : n < SIZE - pos ? n : SIZE - pos;

    memset(memory, 0xee, SIZE + PV_PAGE);
    assert_int_equal(transfer(file, false, memory + at, n, pos), there);
    assert_memory_equal(memory + at, model + pos, there);
    for (size_t i = at + there; i < at + there + 600; i++)
        assert_int_equal(memory[i], 0xee);

    for (size_t i = 0; i < n; i++)
        memory[at + i] = (uint8_t)(i * 3 + pos + n);
    assert_int_equal(transfer(file, true, memory + at, n, pos), there ? (long)there : -PV_ENOSPC);
    memcpy(model + pos, memory + at, there);
    assert_memory_equal(blkback_image, model, SIZE);
    assert_int_equal(fake_pages_used, 1); /* the ring */
}

static void test_any_alignment(void **state)
{
    static const size_t sizes[] = { 1, 511, 512, 513, 4096, 4097, 65023, 65024, 65536, 70001, 200000 };
    static const uint64_t positions[] = { 0, 1, 511, 512, 4095, 4096, 30000, SIZE - 512, SIZE - 1, SIZE - 70000 };
    static const unsigned int sectors[] = { 512, 4096 };

    for (size_t s = 0; s < ARRAY_LEN(sectors); s++) {
        struct file *file;

        blkback_features.sector_size = sectors[s];
        file = attach(O_RDWR);
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
            for (size_t j = 0; j < ARRAY_LEN(positions); j++)
                check_round(file, (i * 7 + j * 1023) % 4096, sizes[i], positions[j]);
        check_round(file, 0, 512, SIZE);
        check_round(file, 0, 512, SIZE + 4096);
        assert_int_equal(transfer(file, false, memory, 512, INT64_MAX), 0);
        file_put(file);
        blkback_detach();
    }
}

static void test_direct(void **state)
{
    static const size_t ats[] = { 0, 512, 3584 };
    static const size_t sizes[] = { 512, 4096, 4608, 11 * 4096, 45056 + 512, 458752, 459264, 1000448 };
    static const uint64_t positions[] = { 0, 512, 7 * 512, 1 << 20, SIZE - 512, SIZE - 4096 };
    struct file *file = attach(O_RDWR | O_DIRECT);

    for (size_t a = 0; a < ARRAY_LEN(ats); a++)
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
            for (size_t j = 0; j < ARRAY_LEN(positions); j++)
                check_round(file, ats[a], sizes[i], positions[j]);
    check_round(file, 0, SIZE, 0);
    check_round(file, 0, 512, SIZE);
    /* Nothing was copied: the backend got the program's own pages. */
    transfer(file, false, memory + 8192, 4096, 0);
    assert_int_equal(blkback_count, 1);
    file_put(file);
}

static void test_direct_alignment(void **state)
{
    static const struct { unsigned int sector; size_t at, n; uint64_t pos; bool good; } cases[] = {
        { 512, 0, 512, 0, true }, { 512, 1, 512, 0, false }, { 512, 256, 512, 0, false }, { 512, 0, 511, 0, false },
        { 512, 0, 1, 0, false }, { 512, 0, 512, 1, false }, { 512, 512, 1024, 512, true },
        { 4096, 0, 4096, 4096, true }, { 4096, 512, 4096, 0, false }, { 4096, 0, 512, 0, false },
        { 4096, 0, 4096, 512, false }, { 2048, 2048, 2048, 2048, true },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        long n = (long)cases[i].n, want = cases[i].good ? n : -PV_EINVAL;
        struct file *file;

        blkback_features.sector_size = cases[i].sector;
        file = attach(O_RDWR | O_DIRECT);
        assert_int_equal(transfer(file, false, memory + cases[i].at, cases[i].n, cases[i].pos), want);
        assert_int_equal(transfer(file, true, memory + cases[i].at, cases[i].n, cases[i].pos), want);
        file_put(file);
        blkback_detach();
    }
}

static void test_vectors(void **state)
{
    for (int direct = 0; direct < 2; direct++) {
        struct file *file = attach(O_RDWR | (direct ? O_DIRECT : 0));
        struct user_vec vecs[] = {
            { (uintptr_t)memory + 512, 1024 }, { 0, 0 }, { (uintptr_t)memory + 8192, 9216 },
            { (uintptr_t)memory + 40960 + 3584, 512 },
        };
        struct user_iter iter = { .vecs = vecs, .count = 4, .left = 1024 + 9216 + 512 };

        assert_int_equal(file->ops->read(file, &iter, 5120), 10752);
        assert_memory_equal(memory + 512, model + 5120, 1024);
        assert_memory_equal(memory + 8192, model + 6144, 9216);
        assert_memory_equal(memory + 44544, model + 15360, 512);
        /* One unaligned buffer makes the whole call fail. */
        vecs[3].size = 500;
        iter = (struct user_iter){ .vecs = vecs, .count = 4, .left = 1024 + 9216 + 500 };
        assert_int_equal(file->ops->write(file, &iter, 5120), direct ? -PV_EINVAL : 10740);
        assert_memory_equal(blkback_image, model, SIZE);
        file_put(file);
        blkback_detach();
    }
}

/* Fewer bytes are wanted than the buffers can hold. */
static void test_cut_short(void **state)
{
    for (int direct = 0; direct < 2; direct++) {
        struct file *file = attach(O_RDWR | (direct ? O_DIRECT : 0));
        struct user_vec vec = { (uintptr_t)memory, 8192 };
        struct user_iter iter = { .vecs = &vec, .count = 1, .left = 4608 };

        memset(memory, 0xee, 8192);
        assert_int_equal(file->ops->read(file, &iter, 512), 4608);
        assert_int_equal(iter.left, 0);
        assert_memory_equal(memory, model + 512, 4608);
        assert_int_equal(memory[4608], 0xee);
        file_put(file);
        blkback_detach();
    }
}

static void test_readonly(void **state)
{
    for (int direct = 0; direct < 2; direct++) {
        struct file *file;

        blkback_features.info = VDISK_READONLY;
        file = attach(O_RDWR | (direct ? O_DIRECT : 0));
        assert_int_equal(transfer(file, true, memory, 512, 0), -PV_EPERM);
        assert_int_equal(transfer(file, false, memory, 512, 0), 512);
        file_put(file);
        blkback_detach();
    }
}

/* ---- flush ---- */

static void test_sync(void **state)
{
    struct file *file = attach(O_RDWR);

    blkback_count = 0;
    assert_int_equal(file->ops->sync(file), 0);
    assert_int_equal(blkback_count, 1);
    assert_int_equal(blkback_requests[0].op, BLKIF_OP_FLUSH_DISKCACHE);
    fake_alloc_fails = 0;
    assert_int_equal(file->ops->sync(file), -PV_ENOMEM);
    file_put(file);
    blkback_detach();
    blkback_features.flush = blkback_features.barrier = false;
    file = attach(O_RDWR);
    blkback_count = 0;
    assert_int_equal(file->ops->sync(file), 0);
    assert_int_equal(blkback_count, 0);
    file_put(file);
}

/* ---- errors ---- */

static int16_t bad_status;
static size_t good_before;

static bool serve_badly(void)
{
    if (!blkback_ring())
        return false;
    blkback_take();
    for (size_t i = 0; i < blkback_count; i++)
        if (!blkback_requests[i].answered)
            blkback_answer(i, i < good_before ? 0 : bad_status);
    blkback_fire();
    return true;
}

static void test_disk_errors(void **state)
{
    for (int direct = 0; direct < 2; direct++) {
        struct file *file = attach(O_RDWR | (direct ? O_DIRECT : 0));

        fake_on_sleep = serve_badly;
        bad_status = BLKIF_RSP_ERROR;
        good_before = 0;
        assert_int_equal(transfer(file, false, memory, 512, 0), -PV_EIO);
        assert_int_equal(transfer(file, true, memory, 512, 0), -PV_EIO);
        assert_int_equal(file->ops->sync(file), -PV_EIO);
        /* The first piece succeeds: so much was moved. */
        good_before = 1;
        assert_int_equal(transfer(file, false, memory, 1 << 20, 0), direct ? 458752 : 65536);
        assert_memory_equal(memory, model, 65536);
        bad_status = BLKIF_RSP_EOPNOTSUPP;
        good_before = 0;
        blkback_count = 0;
        assert_int_equal(file->ops->sync(file), 0);
        file_put(file);
        fake_on_sleep = blkback_on_sleep;
        blkback_detach();
    }
}

static void test_bad_memory(void **state)
{
    static const struct { bool direct, write; long want; } cases[] = {
        { false, false, -PV_EFAULT }, { false, true, -PV_EFAULT }, { true, false, -PV_EFAULT },
        { true, true, -PV_EFAULT },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct file *file = attach(O_RDWR | (cases[i].direct ? O_DIRECT : 0));

        assert_int_equal(transfer(file, cases[i].write, (void *)FAKE_USER_BAD, 4096, 0), cases[i].want);
        for (long n = 1; n < 5; n++) {
            fake_user_fails = n;
            assert_int_equal(transfer(file, cases[i].write, memory, 10 * 4096, 0), cases[i].want);
        }
        fake_user_fails = -1;
        assert_memory_equal(blkback_image, model, SIZE);
        assert_int_equal(fake_pages_used, 1);
        file_put(file);
        blkback_detach();
    }
}

static void test_memory_fails(void **state)
{
    for (int direct = 0; direct < 2; direct++) {
        struct file *file = attach(O_RDWR | (direct ? O_DIRECT : 0));

        fake_alloc_fails = 0;
        assert_int_equal(transfer(file, false, memory, 4096, 0), -PV_ENOMEM);
        assert_int_equal(fake_pages_used, 1);
        /* With fewer pages than wanted it goes on, in smaller steps. */
        for (long n = 1; n < 20; n++) {
            fake_alloc_fails = n;
            memset(memory, 0, 100000);
            assert_int_equal(transfer(file, false, memory, 102400, 512), 102400);
            assert_memory_equal(memory, model + 512, 102400);
            fake_alloc_fails = -1;
        }
        assert_int_equal(fake_pages_used, 1);
        file_put(file);
        blkback_detach();
    }
}

/* The disk goes while a program waits for it, and the backend keeps the pages mapped for a while. */
static unsigned int goes_at;

static bool goes_away(void)
{
    if (goes_at == 3)
        blkback_remove();
    if (goes_at) {
        goes_at--;
        return true;
    }
    fake_now += PV_SECOND;
    blkback_run_thread();
    return true;
}

static void test_goes_while_used(void **state)
{
    for (int direct = 0; direct < 2; direct++)
        for (int write = 0; write < 2; write++) {
            struct file *file = attach(O_RDWR | (direct ? O_DIRECT : 0));

            goes_at = 5;
            fake_on_sleep = goes_away;
            assert_int_equal(transfer(file, write, memory, 512, 512), -PV_EIO);
            fake_on_sleep = blkback_on_sleep;
            file_put(file);
            blkback_detach();
            assert_int_equal(fake_pages_used, 0);
            assert_int_equal(fake_heap_used, 0);
        }
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(nodes), T(open_fails), T(stat), T(ioctls), T(any_alignment), T(direct), T(direct_alignment), T(vectors),
        T(cut_short), T(readonly), T(sync), T(disk_errors), T(bad_memory), T(memory_fails), T(goes_while_used),
    };

    return cmocka_run_group_tests_name("micro-disk", tests, NULL, NULL);
}
