// sources: launcher/stubdom-rump/archive.c launcher/stubdom-rump/bio.c launcher/stubdom-rump/errno.c
// sources: launcher/stubdom-rump/boot-file.c launcher/stubdom-rump/rumpuser-file.c launcher/xen-layer/disk.c
// sources: launcher/xen-layer/disk-ring.c launcher/xen-layer/text.c tests/unit/fake-pv.c tests/unit/fake-pv-store.c
// sources: tests/unit/fake-blkback.c
// cflags: -Ilauncher/stubdom-rump -Ilauncher/xen-layer
/*
 * Files of the host that the rump kernel opens: the image's files, the guest's boot files, disks, and names of QEMU's
 * descriptors.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "fake-blkback.h"
#include "launcher/stubdom-rump/host.h"
#include "launcher/stubdom-rump/rumpuser.h"

#define XVDA 51712U
#define SIZE (256U * 1024)
#define PIECES 6

/* ---- the rump kernel: its CPU is released while a request sleeps ---- */

static int away;

void host_unschedule(int *locks, void *interlock)
{
    *locks = 3;
    away++;
}

void host_schedule(int locks, void *interlock)
{
    assert_int_equal(locks, 3);
    away--;
}

/* ---- address space: plain memory; `there` counts the pages that were allocated ---- */

static struct { uint8_t *first; size_t pages, there; } spaces[4];
static bool no_space, no_pages;

static size_t pages_there(void)
{
    size_t n = 0;

    for (size_t i = 0; i < 4; i++)
        n += spaces[i].there;
    return n;
}

uintptr_t space_map(size_t pages, enum space_kind kind)
{
    assert_int_equal(kind, SPACE_LAZY);
    for (size_t i = 0; i < 4 && !no_space; i++)
        if (!spaces[i].first) {
            spaces[i].first = aligned_alloc(PV_PAGE, pages * PV_PAGE);
            spaces[i].pages = pages;
            return (uintptr_t)spaces[i].first;
        }
    return 0;
}

int space_back(uintptr_t va, size_t pages)
{
    for (size_t i = 0; i < 4; i++) {
        size_t at = (va - (uintptr_t)spaces[i].first) / PV_PAGE;

        if (!spaces[i].first || va < (uintptr_t)spaces[i].first || at >= spaces[i].pages)
            continue;
        assert_true(at <= spaces[i].there && at + pages <= spaces[i].pages);
        if (no_pages)
            return -PV_ENOMEM;
        if (at + pages > spaces[i].there)
            spaces[i].there = at + pages;
        return 0;
    }
    return -PV_EINVAL;
}

int space_unmap(uintptr_t va, size_t pages)
{
    for (size_t i = 0; i < 4; i++)
        if (spaces[i].first == (uint8_t *)va && spaces[i].pages == pages) {
            free(spaces[i].first);
            memset(&spaces[i], 0, sizeof(spaces[i]));
            return 0;
        }
    return -PV_EINVAL;
}

static bool on_sleep(void)
{
    assert_int_equal(away, 1);
    return blkback_on_sleep();
}

static void changed(void *arg, unsigned int n)
{
    assert_int_equal(n, 0);
}

static int begin(void **state)
{
    fake_pv_reset();
    blkback_reset();
    fake_on_sleep = on_sleep;
    away = 0;
    no_space = no_pages = false;
    assert_int_equal(pv_disks_init(changed, NULL, true), 0);
    return 0;
}

static int end(void **state)
{
    host_boot_drop();
    for (size_t i = 0; i < 4; i++)
        assert_null(spaces[i].first);
    blkback_detach();
    assert_int_equal(fake_grants_used(), 0);
    fake_store_drop();
    fake_pv_reset();
    return 0;
}

/* ---- disks ---- */

static struct { size_t done; int error, calls; } last;

static void bio_done(void *arg, size_t done, int error)
{
    assert_ptr_equal(arg, &last);
    assert_int_equal(away, 0);
    last.done = done;
    last.error = error;
    last.calls++;
}

/* Makes a transfer. 0, or NetBSD's error number. */
static int transfer(int fd, int op, void *data, size_t size, int64_t offset)
{
    last.calls = 0;
    rumpuser_bio(fd, op | RUMPUSER_BIO_SYNC, data, size, offset, bio_done, &last);
    assert_int_equal(last.calls, 1);
    assert_int_equal(last.done, last.error ? 0 : size);
    return last.error;
}

static void a_disk_is_read_and_written(void **state)
{
    static uint8_t bytes[SIZE], model[SIZE];
    uint64_t size;
    int fd, type;

    blkback_attach(XVDA);
    assert_int_equal(rumpuser_getfileinfo("xvda", &size, &type), 0);
    assert_int_equal(size, BLKBACK_SECTORS * 512);
    assert_int_equal(type, RUMPUSER_FT_BLK);
    assert_int_equal(rumpuser_open("xvda", RUMPUSER_OPEN_RDWR, &fd), 0);
    assert_int_equal(transfer(fd, RUMPUSER_BIO_READ, bytes, SIZE, 512), 0);
    assert_memory_equal(bytes, blkback_image + 512, SIZE);
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = model[i] = (uint8_t)(i * 7 + i / 512);
    assert_int_equal(transfer(fd, RUMPUSER_BIO_WRITE, bytes, 3 * 512, 5 * 512), 0);
    assert_int_equal(transfer(fd, RUMPUSER_BIO_WRITE, bytes, SIZE, 64 * 512), 0);
    assert_memory_equal(bytes, model, SIZE);
    assert_memory_equal(blkback_image + 5 * 512, model, 3 * 512);
    assert_memory_equal(blkback_image + 64 * 512, model, SIZE);
    assert_int_equal(rumpuser_close(fd), 0);
    assert_int_equal(rumpuser_close(fd), BSD_EBADF);
    assert_int_equal(fake_pages_used, 1); /* the ring */
}

/* QEMU's buffers: pieces of any length and alignment, in requests of several chunks. */
static void pieces_of_memory_are_read_and_written(void **state)
{
    static uint8_t bytes[SIZE], model[SIZE];
    static const size_t lengths[PIECES] = { 1, 0, 4095, 100511, 4097, SIZE - 108704 };
    struct rumpuser_iovec iov[PIECES];
    size_t at = 0;
    int handle;

    for (size_t i = 0; i < PIECES; i++) {
        iov[i] = (struct rumpuser_iovec){ bytes + at, lengths[i] };
        at += lengths[i];
    }
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = model[i] = (uint8_t)(i * 11 + i / 512);
    blkback_features.persistent = true;
    blkback_attach(XVDA);
    assert_int_equal(bio_open("xvda", &handle), 0);
    away = 1; /* the caller does not have the CPU */
    assert_int_equal(bio_transfer(handle, true, iov, SIZE - 512, 3 * 512), 0);
    assert_memory_equal(blkback_image + 3 * 512, model, SIZE - 512);
    memset(bytes, 0, sizeof(bytes));
    assert_int_equal(bio_transfer(handle, false, iov, SIZE - 512, 3 * 512), 0);
    assert_memory_equal(bytes, model, SIZE - 512);
    for (size_t i = SIZE - 512; i < SIZE; i++)
        assert_int_equal(bytes[i], 0);
    assert_in_range(blkback_kept(), 16, 17); /* and one that lists them */
    assert_int_equal(bio_close(handle), 0);
}

/* Single sectors of a disk with larger blocks: the rest of a block stays as it is. */
static void parts_of_blocks_are_written(void **state)
{
    static const struct { size_t offset, size; } cases[] = {
        { 512, 512 }, { 3584, 1024 }, { 4096, 512 }, { 12800, 69632 }, { 0, 66048 }, { 7680, 131072 },
    };
    static uint8_t bytes[SIZE], model[BLKBACK_SECTORS * 512];
    int handle;

    blkback_features.sector_size = 4096;
    blkback_attach(XVDA);
    assert_int_equal(bio_open("xvda", &handle), 0);
    memcpy(model, blkback_image, sizeof(model));
    away = 1;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rumpuser_iovec iov = { bytes, cases[i].size };

        for (size_t at = 0; at < cases[i].size; at++)
            bytes[at] = model[cases[i].offset + at] = (uint8_t)(at * 5 + at / 512 + i);
        assert_int_equal(bio_transfer(handle, true, &iov, cases[i].size, cases[i].offset), 0);
        assert_memory_equal(blkback_image, model, sizeof(model));
        memset(bytes, 0, sizeof(bytes));
        assert_int_equal(bio_transfer(handle, false, &iov, cases[i].size, cases[i].offset), 0);
        assert_memory_equal(bytes, model + cases[i].offset, cases[i].size);
    }
    assert_int_equal(bio_close(handle), 0);
}

static void a_disk_refuses_what_it_cannot(void **state)
{
    uint8_t bytes[1024];
    int fd;

    assert_int_equal(rumpuser_open("xvda", RUMPUSER_OPEN_RDONLY, &fd), BSD_ENOENT);
    assert_int_equal(rumpuser_open("xvdab", RUMPUSER_OPEN_RDONLY, &fd), BSD_ENOENT);
    blkback_features.info = VDISK_READONLY;
    blkback_attach(XVDA);
    assert_int_equal(rumpuser_open("xvda", RUMPUSER_OPEN_RDWR, &fd), BSD_EROFS);
    assert_int_equal(rumpuser_open("xvda", RUMPUSER_OPEN_RDONLY, &fd), 0);
    assert_int_equal(transfer(fd, RUMPUSER_BIO_READ, bytes, 100, 0), BSD_EINVAL);
    assert_int_equal(transfer(fd, RUMPUSER_BIO_READ, bytes, 512, 100), BSD_EINVAL);
    assert_int_equal(transfer(fd + 1, RUMPUSER_BIO_READ, bytes, 512, 0), BSD_EINVAL);
    assert_int_not_equal(transfer(fd, RUMPUSER_BIO_READ, bytes, 1024, (BLKBACK_SECTORS - 1) * 512), 0);
    fake_alloc_fails = 0;
    assert_int_equal(transfer(fd, RUMPUSER_BIO_READ, bytes, 512, 0), BSD_ENOMEM);
    assert_int_equal(rumpuser_close(fd), 0);
}

static void a_flush_reaches_the_backend(void **state)
{
    int fd;

    blkback_attach(XVDA);
    assert_int_equal(rumpuser_open("xvda", RUMPUSER_OPEN_RDWR, &fd), 0);
    blkback_count = 0;
    assert_int_equal(rumpuser_syncfd(fd, 0, 0, 0), 0);
    assert_int_equal(blkback_count, 1);
    assert_int_equal(blkback_requests[0].op, BLKIF_OP_FLUSH_DISKCACHE);
    assert_int_equal(rumpuser_close(fd), 0);
}

/* An open handle stays with the old disk, whatever gets the same name. */
static void a_disk_that_comes_back_is_another(void **state)
{
    uint8_t bytes[512];
    int old, new;

    blkback_attach(XVDA);
    assert_int_equal(rumpuser_open("xvda", RUMPUSER_OPEN_RDONLY, &old), 0);
    blkback_detach();
    assert_int_equal(transfer(old, RUMPUSER_BIO_READ, bytes, 512, 0), BSD_EIO);
    blkback_attach(XVDA);
    assert_int_equal(rumpuser_open("xvda", RUMPUSER_OPEN_RDONLY, &new), 0);
    assert_int_not_equal(old, new);
    assert_int_equal(transfer(new, RUMPUSER_BIO_READ, bytes, 512, 0), 0);
    assert_int_equal(transfer(old, RUMPUSER_BIO_READ, bytes, 512, 0), BSD_EIO);
    assert_int_equal(rumpuser_close(old), 0);
    assert_int_equal(rumpuser_close(new), 0);
}

/* ---- the image's files ---- */

static char archive[1024];
static size_t archive_size;

static void add(const char *name, unsigned int mode, const char *content)
{
    archive_size += (size_t)sprintf(archive + archive_size, "070701%08X%08X%032X%08X%032X%08X%08X%s", 0, mode, 0,
                                    (unsigned int)strlen(content), 0, (unsigned int)strlen(name) + 1, 0, name) + 1;
    archive_size = (archive_size + 3) & ~3UL;
    archive_size += (size_t)sprintf(archive + archive_size, "%s", content);
    archive_size = (archive_size + 3) & ~3UL;
}

static void make_archive(void)
{
    memset(archive, 0, sizeof(archive));
    archive_size = 0;
    add("usr", 040755, "");
    add("usr/text", 0100644, "hello, world");
    add("TRAILER!!!", 0, "");
}

static void files_of_the_image_are_read_only(void **state)
{
    char bytes[16] = "";
    struct rumpuser_iovec iov[] = { { bytes, 5 }, { bytes + 5, 9 } };
    uint64_t size;
    size_t done;
    int fd, type;

    make_archive();
    assert_int_equal(archive_init(archive, archive_size), 2);
    assert_int_equal(rumpuser_getfileinfo("archive/usr", &size, &type), 0);
    assert_int_equal(type, RUMPUSER_FT_DIR);
    assert_int_equal(rumpuser_getfileinfo("archive/usr/text", &size, &type), 0);
    assert_true(type == RUMPUSER_FT_REG && size == 12);
    assert_int_equal(rumpuser_getfileinfo("archive/usr/none", &size, &type), BSD_ENOENT);
    assert_int_equal(rumpuser_getfileinfo("archives", &size, &type), BSD_ENOENT);
    assert_int_equal(rumpuser_open("archive/usr/text", RUMPUSER_OPEN_RDWR, &fd), BSD_EACCES);
    assert_int_equal(rumpuser_open("archive/usr/text", RUMPUSER_OPEN_RDONLY, &fd), 0);
    assert_int_equal(rumpuser_iovread(fd, iov, 2, 2, &done), 0);
    assert_int_equal(done, 10);
    assert_string_equal(bytes, "llo, world");
    assert_int_equal(rumpuser_iovread(fd, iov, 2, 12, &done), 0);
    assert_int_equal(done, 0);
    assert_int_equal(rumpuser_iovread(fd, iov, 2, INT64_MAX, &done), 0);
    assert_int_equal(done, 0);
    assert_int_equal(rumpuser_iovread(fd, iov, 2, -1, &done), BSD_EINVAL);
    assert_int_equal(rumpuser_iovwrite(fd, iov, 2, 0, &done), BSD_EROFS);
    assert_int_equal(rumpuser_close(fd), 0);
    assert_int_equal(rumpuser_iovread(fd, iov, 2, 0, &done), BSD_EBADF);
    pv_free((void *)archive_find("usr")); /* the index begins with this entry */
}

static void a_cut_archive_is_none(void **state)
{
    make_archive();
    for (size_t size = 0; size < archive_size - 4; size++)
        assert_true(archive_init(archive, size) < 0);
    archive[6 + 48] = 'g';
    assert_int_equal(archive_init(archive, archive_size), -PV_EINVAL);
}

static void descriptors_have_names(void **state)
{
    uint64_t size;
    int type;

    assert_int_equal(rumpuser_getfileinfo("fdset/7", &size, &type), 0);
    assert_true(type == RUMPUSER_FT_REG && size == 0);
    assert_int_equal(rumpuser_getfileinfo("fdset/x", &size, &type), BSD_ENOENT);
}

/* The text has the values of the time when it was opened. */
static void free_memory_is_told(void **state)
{
    char bytes[64] = "", wanted[64];
    struct rumpuser_iovec iov = { bytes, sizeof(bytes) - 1 };
    uint64_t size;
    size_t done;
    int fd, type;

    for (int i = 0; i < 2; i++) {
        fake_pages_left = i ? 4711 : 2;
        assert_int_equal(rumpuser_getfileinfo("meminfo", &size, &type), 0);
        assert_int_equal(type, RUMPUSER_FT_REG);
        assert_int_equal(rumpuser_open("meminfo", RUMPUSER_OPEN_RDONLY, &fd), 0);
        assert_int_equal(rumpuser_iovread(fd, &iov, 1, 0, &done), 0);
        assert_int_equal(done, size);
        snprintf(wanted, sizeof(wanted), "MemAvailable: %8d kB\n", i ? 18844 : 8);
        assert_string_equal(bytes, wanted);
        assert_int_equal(rumpuser_close(fd), 0);
    }
    assert_int_equal(rumpuser_open("meminfo", RUMPUSER_OPEN_RDWR, &fd), BSD_EACCES);
}

/* ---- the guest's kernel and ramdisk ---- */

static size_t read_at(int fd, void *to, size_t size, int64_t offset)
{
    struct rumpuser_iovec iov = { to, size };
    size_t done;

    assert_int_equal(rumpuser_iovread(fd, &iov, 1, offset, &done), 0);
    return done;
}

/* Makes boot file n of so many bytes, in pieces that are not pages, and opens it. */
static int boot_file(unsigned int n, size_t size)
{
    char name[] = { 'b', 'o', 'o', 't', '/', (char)('0' + n), '\0' };
    uint8_t piece[1000];
    uint64_t bytes;
    int fd, type;

    assert_int_equal(host_boot_create(n, size), 0);
    for (size_t at = 0; at < size; at += sizeof(piece)) {
        for (size_t i = 0; i < sizeof(piece); i++)
            piece[i] = (uint8_t)((at + i) * 7 + (at + i) / 256 + n);
        assert_int_equal(host_boot_append(n, piece, size - at < sizeof(piece) ? size - at : sizeof(piece)), 0);
    }
    assert_int_equal(rumpuser_getfileinfo(name, &bytes, &type), 0);
    assert_true(bytes == size && type == RUMPUSER_FT_REG);
    assert_int_equal(rumpuser_open(name, RUMPUSER_OPEN_RDONLY, &fd), 0);
    return fd;
}

static void boot_files_are_read(void **state)
{
    static uint8_t bytes[20000];
    uint64_t size;
    int fd = boot_file(0, 10000), other = boot_file(1, 5000), type;

    assert_int_equal(pages_there(), 3 + 2); /* no page is allocated twice */
    assert_int_equal(read_at(fd, bytes, sizeof(bytes), 0), 10000);
    for (size_t i = 0; i < 10000; i++)
        assert_int_equal(bytes[i], (uint8_t)(i * 7 + i / 256));
    assert_int_equal(read_at(other, bytes, 10, 4999), 1);
    assert_int_equal(bytes[0], (uint8_t)(4999 * 7 + 4999 / 256 + 1));
    assert_int_equal(rumpuser_getfileinfo("boot", &size, &type), 0);
    assert_int_equal(type, RUMPUSER_FT_DIR);
    assert_int_equal(rumpuser_open("boot/0", RUMPUSER_OPEN_RDWR, &type), BSD_EACCES);
    host_boot_drop();
    assert_int_equal(pages_there(), 0);
    assert_int_equal(read_at(fd, bytes, 10, 0), 0);
    assert_int_equal(rumpuser_open("boot/0", RUMPUSER_OPEN_RDONLY, &type), BSD_ENOENT);
    assert_int_equal(rumpuser_close(fd), 0);
    assert_int_equal(rumpuser_close(other), 0);
}

/*
 * The file's own pages become the mapping: the file is the one that was read last. They stay when the files are
 * dropped.
 */
static void a_boot_file_becomes_a_mapping(void **state)
{
    uint8_t byte;
    const struct archive_file *file;
    int fd = boot_file(1, 8192), other = boot_file(0, 100);
    uint8_t *mapped;

    host_file_read_last();
    assert_null(host_file_read_last());
    assert_null(host_boot_take(NULL, 8192));
    read_at(fd, &byte, 1, 0);
    file = host_file_read_last();
    assert_null(host_boot_take(file, 8191)); /* not the whole file */
    mapped = host_boot_take(file, 8192);
    assert_non_null(mapped);
    assert_null(host_boot_take(file, 8192));
    assert_int_equal(read_at(fd, &byte, 1, 0), 0);
    assert_int_equal(read_at(other, &byte, 1, 99), 1);
    host_boot_drop();
    assert_int_equal(pages_there(), 2);
    for (size_t i = 0; i < 8192; i++)
        assert_int_equal(mapped[i], (uint8_t)(i * 7 + i / 256 + 1));
    assert_int_equal(space_unmap((uintptr_t)mapped, 2), 0);
    assert_int_equal(rumpuser_close(fd), 0);
    assert_int_equal(rumpuser_close(other), 0);
}

static void a_boot_file_that_does_not_fit(void **state)
{
    assert_int_equal(host_boot_create(2, 1), -PV_EINVAL);
    assert_int_equal(host_boot_append(0, "x", 1), -PV_EINVAL);
    assert_int_equal(host_boot_create(0, 2 * PV_PAGE), 0);
    no_pages = true;
    assert_int_equal(host_boot_append(0, "x", 1), -PV_ENOMEM);
    no_pages = false;
    assert_int_equal(host_boot_append(0, "xyz", 3), 0);
    assert_int_equal(host_boot_append(0, blkback_image, 2 * PV_PAGE - 2), -PV_EINVAL);
    assert_int_equal(host_boot_create(0, 0), 0); /* made again: the old file's memory can be used */
    assert_int_equal(pages_there(), 0);
    no_space = true;
    assert_int_equal(host_boot_create(0, 1), -PV_ENOMEM);
    assert_null(host_boot_find("0"));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_disk_is_read_and_written), TEST(pieces_of_memory_are_read_and_written),
        TEST(parts_of_blocks_are_written),
        TEST(a_disk_refuses_what_it_cannot), TEST(a_flush_reaches_the_backend),
        TEST(a_disk_that_comes_back_is_another), TEST(files_of_the_image_are_read_only),
        TEST(a_cut_archive_is_none), TEST(boot_files_are_read), TEST(a_boot_file_becomes_a_mapping),
        TEST(a_boot_file_that_does_not_fit), TEST(descriptors_have_names), TEST(free_memory_is_told),
    };

    return cmocka_run_group_tests_name("rump files", tests, NULL, NULL);
}
