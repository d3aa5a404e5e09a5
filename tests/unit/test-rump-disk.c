// sources: launcher/stubdom-rump/errno.c
// cflags: -Itests/unit/netbsd -Ilauncher/stubdom-rump -Ilauncher/xen-layer
/*
 * The rump flavour's disks: device nodes that appear and go with the disks, and QEMU's calls that are answered without
 * the rump kernel. Linux's /dev/null and /dev/zero stand for the character devices.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>

/* The nodes are in the rump kernel's /dev, and not in this host's. */
static int node_stat(const char *path, struct stat *st);
static int node_open(const char *path, int flags);
#define stat(path, st) node_stat(path, st)
#define open(path, flags) node_open(path, flags)
#include "launcher/stubdom-rump/rump-disk.c"
#undef open
#undef stat

/* ---- the rump kernel ---- */

static char registered[256]; /* "+/dev/xvda " for each node that came, "-/dev/xvda " for each that went */
static int register_error, stat_error, opened;
static const char *device_of[PV_DISKS]; /* the device whose numbers the node has */

int rump_pub_etfs_register(const char *path, const char *hostpath, int type)
{
    assert_string_equal(hostpath, path + 5);
    assert_int_equal(type, RUMP_ETFS_CHR);
    if (!register_error)
        sprintf(registered + strlen(registered), "+%s ", path);
    return register_error;
}

int rump_pub_etfs_remove(const char *path)
{
    sprintf(registered + strlen(registered), "-%s ", path);
    return 0;
}

static int node_stat(const char *path, struct stat *st)
{
    if (!stat_error)
        return stat(device_of[path[8] - 'a'], st);
    errno = stat_error;
    return -1;
}

static int node_open(const char *path, int flags)
{
    opened++;
    return open(strcmp(path, "/dev/null") ? device_of[path[8] - 'a'] : path, flags);
}

/* The last call that the rump kernel got. */
static const char *real;

#define REAL(result, name, ...) \
    result __real_##name(__VA_ARGS__) \
    { \
        real = #name; \
        return 77; \
    }
REAL(int, fsync, int fd)
REAL(int, fdatasync, int fd)
REAL(int, ioctl, int fd, unsigned long request, ...)
REAL(ssize_t, pread, int fd, void *to, size_t size, off_t offset)
REAL(ssize_t, pwrite, int fd, const void *from, size_t size, off_t offset)
REAL(ssize_t, preadv, int fd, const struct iovec *iov, int count, off_t offset)
REAL(ssize_t, pwritev, int fd, const struct iovec *iov, int count, off_t offset)

/* ---- the host: connections, by handle ---- */

#define HANDLES 8
static struct { int disk, users; } open_disks[HANDLES];
static int connection[PV_DISKS]; /* the handle of the disk's connection; -1: there is no disk */
static uint64_t sectors;
static int bio_error, init_error, flushes, transfers;
static struct { int handle; bool write; size_t size; uint64_t offset; const void *iov, *base; } last;
static struct pump_job *posted;
static void (*disks_changed)(void *arg, unsigned int n);

int bio_open(const char *name, int *handle)
{
    int n = name[3] - 'a';

    assert_int_equal(strlen(name), 4);
    if (bio_error)
        return bio_error;
    if (connection[n] < 0)
        return -PV_ENOENT;
    *handle = connection[n];
    open_disks[*handle].users++;
    return 0;
}

int bio_close(int handle)
{
    assert_true(open_disks[handle].users > 0);
    open_disks[handle].users--;
    return 0;
}

struct pv_disk *bio_disk(int handle)
{
    assert_true(open_disks[handle].users > 0);
    return (struct pv_disk *)&open_disks[handle];
}

void pv_disk_describe(struct pv_disk *disk, struct pv_disk_info *info)
{
    *info = (struct pv_disk_info){ .sectors = sectors, .sector_size = 512 };
}

int bio_flush(int handle)
{
    last.handle = handle;
    flushes++;
    return bio_error;
}

int bio_transfer(int handle, bool write, const struct rumpuser_iovec *iov, size_t size, uint64_t offset)
{
    last.handle = handle;
    last.write = write;
    last.size = size;
    last.offset = offset;
    last.iov = iov;
    last.base = iov->iov_base;
    transfers++;
    return bio_error;
}

int pv_disks_init(void (*changed_fn)(void *arg, unsigned int n), void *arg, bool keep)
{
    disks_changed = changed_fn;
    assert_true(keep);
    return init_error;
}

void pump_post(struct pump_job *job) { posted = job; }

/* ---- QEMU's descriptors ---- */

static int reads, writes, other, file;

static int begin(void **state)
{
    memset(nodes, 0, sizeof(nodes));
    memset(open_disks, 0, sizeof(open_disks));
    memset(connection, 0xff, sizeof(connection));
    registered[0] = '\0';
    register_error = stat_error = bio_error = init_error = flushes = transfers = opened = 0;
    real = NULL;
    sectors = 100;
    for (int i = 0; i < PV_DISKS; i++)
        device_of[i] = "/dev/zero";
    device_of[0] = "/dev/null";
    reads = open("/dev/null", O_RDONLY);
    writes = open("/dev/null", O_RDWR);
    other = open("/dev/zero", O_RDWR);
    file = open("/proc/self/exe", O_RDONLY);
    assert_true(reads >= 0 && writes >= 0 && other >= 0 && file >= 0);
    return 0;
}

/* When all disks have gone, every connection must have been released. */
static int end(void **state)
{
    memset(connection, 0xff, sizeof(connection));
    bio_error = 0;
    for (unsigned int i = 0; i < PV_DISKS; i++)
        rump_disk_check(NULL, i);
    for (int i = 0; i < HANDLES; i++)
        assert_int_equal(open_disks[i].users, 0);
    close(reads);
    close(writes);
    close(other);
    close(file);
    return 0;
}

static void attach_disk(int disk, int handle)
{
    connection[disk] = handle;
    assert_int_equal(rump_disk_check(NULL, disk), 0);
}

static void test_comes_and_goes(void **state)
{
    assert_int_equal(rump_disk_check(NULL, 0), -EAGAIN);
    attach_disk(0, 3);
    assert_int_equal(rump_disk_check(NULL, 0), 0);
    assert_string_equal(registered, "+/dev/xvda ");
    assert_int_equal(open_disks[3].users, 1);
    /* Another connection: the node is made again. */
    attach_disk(0, 4);
    assert_string_equal(registered, "+/dev/xvda -/dev/xvda +/dev/xvda ");
    assert_int_equal(open_disks[3].users, 0);
    attach_disk(25, 5);
    connection[0] = -1;
    assert_int_equal(rump_disk_check(NULL, 0), -EAGAIN);
    assert_int_equal(rump_disk_check(NULL, 0), -EAGAIN);
    assert_string_equal(registered, "+/dev/xvda -/dev/xvda +/dev/xvda +/dev/xvdz -/dev/xvda ");
    assert_int_equal(open_disks[4].users, 0);
    assert_int_equal(rump_disk_check(NULL, PV_DISKS), -ENOENT);
}

static void test_no_node(void **state)
{
    connection[0] = 2;
    register_error = ENOMEM;
    assert_int_equal(rump_disk_check(NULL, 0), -ENOMEM);
    assert_int_equal(open_disks[2].users, 0);
    register_error = 0;
    stat_error = EIO;
    assert_int_equal(rump_disk_check(NULL, 0), -EIO);
    assert_string_equal(registered, "+/dev/xvda -/dev/xvda ");
    assert_int_equal(open_disks[2].users, 0);
    stat_error = 0;
    bio_error = -PV_ENOSPC;
    assert_int_equal(rump_disk_check(NULL, 0), -BSD_ENOSPC);
}

static void test_open(void **state)
{
    int fd = -1;

    assert_int_equal(rump_disk_open(NULL, 0, &fd), -EAGAIN);
    assert_int_equal(opened, 0);
    connection[0] = 1;
    assert_int_equal(rump_disk_open(NULL, 0, &fd), 0);
    assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
    assert_ptr_equal(node_of(fd), &nodes[0]);
    close(fd);
    connection[0] = -1;
    assert_int_equal(rump_disk_open(NULL, 0, &fd), -EAGAIN);
    assert_int_equal(rump_disk_open(NULL, DISK_NONE, &fd), 0);
    close(fd);
    assert_int_equal(rump_disk_open(NULL, PV_DISKS, &fd), -ENOENT);
    device_of[1] = "/no/such";
    connection[1] = 0;
    assert_int_equal(rump_disk_open(NULL, 1, &fd), -ENOENT);
}

/* The layer's callback leaves the work to the pump, which writes to the launcher's pipe. A full pipe is no error. */
static void test_changes_are_told(void **state)
{
    int ends[2];
    char byte;

    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    assert_int_equal(rump_disks_init(ends[1]), 0);
    disks_changed(NULL, 3);
    assert_ptr_equal(posted, &changed);
    assert_int_equal(read(ends[0], &byte, 1), -1);
    posted->run(posted);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    while (write(ends[1], "", 1) == 1)
        ;
    posted->run(posted);
    close(ends[0]);
    close(ends[1]);
    init_error = -PV_ENOMEM;
    assert_int_equal(rump_disks_init(0), -BSD_ENOMEM);
}

static void test_reads_and_writes(void **state)
{
    char text[4096];
    struct iovec iov[2] = { { text, 512 }, { text + 1024, 1024 } };

    attach_disk(0, 3);
    assert_int_equal(__wrap_pread(reads, text, 1024, 512), 1024);
    assert_true(last.handle == 3 && !last.write && last.size == 1024 && last.offset == 512);
    assert_ptr_equal(last.base, text);
    assert_int_equal(__wrap_pwrite(writes, text, 512, 0), 512);
    assert_true(last.handle == 3 && last.write && last.size == 512 && last.offset == 0);
    assert_int_equal(__wrap_preadv(reads, iov, 2, 1024), 1536);
    assert_ptr_equal(last.iov, iov);
    assert_true(!last.write && last.size == 1536 && last.offset == 1024);
    assert_int_equal(__wrap_pwritev(writes, iov, 2, 0), 1536);
    assert_true(last.write && last.size == 1536);
    assert_int_equal(transfers, 4);
    bio_error = -PV_EIO;
    assert_int_equal(__wrap_pread(reads, text, 512, 0), -1);
    assert_int_equal(errno, EIO);
    assert_null(real);
}

static void test_the_end_of_the_disk(void **state)
{
    static const struct { bool write; long offset; size_t size; long result; int error; } rows[] = {
        { false, 99 * 512, 512, 512, 0 },
        { false, 99 * 512, 1024, 512, 0 },
        { true, 99 * 512, 1024, 512, 0 },
        { false, 100 * 512, 512, 0, 0 },
        { true, 100 * 512, 512, -1, ENOSPC },
        { false, -512, 512, -1, EINVAL },
        { true, -1, 512, -1, EINVAL },
        { false, INT64_MAX, 512, 0, 0 },
        { false, 0, 0, 0, 0 },
        { true, 0, SIZE_MAX, -1, EINVAL },
        { false, 512, SSIZE_MAX, 99 * 512, 0 },
    };
    char text[1];
    struct iovec many[] = { { text, SSIZE_MAX }, { text, SSIZE_MAX }, { text, 3 } };

    attach_disk(0, 3);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        errno = 0;
        transfers = 0;
        if ((rows[i].write ? __wrap_pwrite(writes, text, rows[i].size, rows[i].offset)
                           : __wrap_pread(reads, text, rows[i].size, rows[i].offset)) != rows[i].result ||
            errno != rows[i].error || transfers != (rows[i].result > 0) ||
            (transfers && last.size != (size_t)rows[i].result))
            fail_msg("row %zu: errno %d, %d transfers of %zu", i, errno, transfers, last.size);
    }
    /* The sum of the lengths overflows. */
    assert_int_equal(__wrap_preadv(reads, many, 3, 0), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(__wrap_preadv(reads, many + 1, 2, 0), -1);
}

static void test_flush_and_size(void **state)
{
    struct dkwedge_info wedge = { .dkw_offset = 9 };

    attach_disk(0, 3);
    sectors = 1UL << 33; /* 4 TiB: more than 32 bits */
    assert_int_equal(__wrap_ioctl(reads, DIOCGWEDGEINFO, &wedge), 0);
    assert_true(wedge.dkw_size == 1UL << 33 && !wedge.dkw_offset);
    assert_int_equal(__wrap_fsync(reads), 0);
    assert_int_equal(__wrap_fdatasync(writes), 0);
    assert_int_equal(flushes, 2);
    bio_error = -PV_EIO;
    assert_int_equal(__wrap_fsync(writes), -1);
    assert_int_equal(errno, EIO);
    assert_null(real);
}

static void test_what_the_rump_kernel_does(void **state)
{
    struct iovec iov = { &iov, 1 };
    struct { const char *name; long result; } rows[] = {
        { "fsync", __wrap_fsync(file) }, { "fdatasync", __wrap_fdatasync(other) },
        { "pread", __wrap_pread(file, &iov, 1, 0) }, { "pwrite", __wrap_pwrite(other, &iov, 1, 0) },
        { "preadv", __wrap_preadv(other, &iov, 1, 0) }, { "pwritev", __wrap_pwritev(other, &iov, 1, 0) },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(rows[i].result, 77);
    attach_disk(0, 3);
    assert_int_equal(__wrap_pwrite(reads, &iov, 1, 0), 77); /* the rump kernel gets the call, and refuses it */
    assert_string_equal(real, "pwrite");
    assert_int_equal(__wrap_pwritev(reads, &iov, 1, 0), 77);
    assert_string_equal(real, "pwritev");
    assert_int_equal(__wrap_pread(other, &iov, 1, 0), 77);
    assert_string_equal(real, "pread");
    assert_int_equal(__wrap_ioctl(reads, 1234, &iov), 77);
    assert_string_equal(real, "ioctl");
    assert_int_equal(__wrap_ioctl(file, DIOCGWEDGEINFO, &iov), 77);
    assert_int_equal(__wrap_fsync(-1), 77);
    /* The disk has gone: its descriptor is left to the rump kernel. */
    connection[0] = -1;
    rump_disk_check(NULL, 0);
    assert_int_equal(__wrap_fsync(reads), 77);
    assert_int_equal(transfers + flushes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_comes_and_goes, begin, end),
        cmocka_unit_test_setup_teardown(test_no_node, begin, end),
        cmocka_unit_test_setup_teardown(test_open, begin, end),
        cmocka_unit_test_setup_teardown(test_changes_are_told, begin, end),
        cmocka_unit_test_setup_teardown(test_reads_and_writes, begin, end),
        cmocka_unit_test_setup_teardown(test_the_end_of_the_disk, begin, end),
        cmocka_unit_test_setup_teardown(test_flush_and_size, begin, end),
        cmocka_unit_test_setup_teardown(test_what_the_rump_kernel_does, begin, end),
    };

    return cmocka_run_group_tests_name("rump-disk", tests, NULL, NULL);
}
