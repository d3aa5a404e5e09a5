/*
 * Disks as /dev/xvdX (platform.h): character devices of the rump kernel. Some calls that QEMU makes for them are
 * answered here and not by the rump kernel: reading and writing, which costs less here, and is not cut into parts of
 * 64 KiB; fsync(), which the rump kernel does not pass on; and the size, for which the rump kernel's answer has 32
 * bits.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "rump.h"
#include "rumpuser.h"

#include "log.h"

#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/disk.h>
#include <sys/dkio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <rump/rump.h>

/* The nodes. Each holds its connection to the backend; a disk that comes back is another connection. */
static struct node { bool known; int handle; dev_t rdev; } nodes[PV_DISKS];

static struct pump_job changed;
static int notify_fd;

static int path_of(unsigned int disk, char path[16])
{
    return disk < PV_DISKS ? format_text(path, 16, "/dev/xvd%c", 'a' + disk) : -ENOENT;
}

/* ---- nodes ---- */

static void forget(unsigned int n)
{
    char path[16];

    if (!nodes[n].known || path_of(n, path))
        return;
    rump_pub_etfs_remove(path);
    bio_close(nodes[n].handle);
    nodes[n].known = false;
}

static int make_node(unsigned int n, const char *path)
{
    struct stat st;
    int error;

    /* The host knows the disk by the node's name, without the folder. */
    error = rump_pub_etfs_register(path, path + sizeof("/dev/") - 1, RUMP_ETFS_CHR);
    if (error)
        return -error;
    if (stat(path, &st) < 0) {
        error = errno;
        rump_pub_etfs_remove(path);
        return -error;
    }
    nodes[n].rdev = st.st_rdev;
    nodes[n].known = true;
    return 0;
}

/* Makes the node agree with the disk: adds, removes or replaces it. */
static int update(unsigned int n)
{
    char path[16];
    int rc = path_of(n, path), handle;

    if (rc)
        return rc;
    rc = -host_errno(bio_open(path + sizeof("/dev/") - 1, &handle));
    if (rc == -ENOENT)
        forget(n);
    if (rc)
        return rc == -ENOENT ? -EAGAIN : rc;
    if (nodes[n].known && nodes[n].handle == handle) {
        bio_close(handle);
        return 0;
    }
    forget(n);
    nodes[n].handle = handle;
    rc = make_node(n, path);
    if (rc) {
        bio_close(handle);
        log_error("disk xvd%c: %s", 'a' + n, strerror(-rc));
    }
    return rc;
}

int rump_disk_check(struct platform *base, unsigned int disk)
{
    return update(disk);
}

int rump_disk_open(struct platform *base, int disk, int *fd)
{
    char path[16] = "/dev/null";
    int rc = disk == DISK_NONE ? 0 : update((unsigned int)disk);

    if (!rc && disk != DISK_NONE)
        rc = path_of((unsigned int)disk, path);
    if (rc)
        return rc;
    *fd = open(path, O_RDONLY);
    return *fd < 0 ? -errno : 0;
}

/* Called by the layer. */
static void disk_changed(void *arg, unsigned int n)
{
    pump_post(&changed);
}

/* On the pump's thread. A full pipe is no error: it says the same already. */
static void tell(struct pump_job *job)
{
    if (write(notify_fd, "", 1) < 0)
        return;
}

int rump_disks_init(int notify)
{
    notify_fd = notify;
    changed.run = tell;
    return -host_errno(pv_disks_init(disk_changed, NULL, true));
}

/* ---- calls about descriptors of disks (the linker's --wrap) ---- */

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
ssize_t __real_pread(int fd, void *to, size_t size, off_t offset);
ssize_t __wrap_pread(int fd, void *to, size_t size, off_t offset);
ssize_t __real_pwrite(int fd, const void *from, size_t size, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *from, size_t size, off_t offset);
ssize_t __real_preadv(int fd, const struct iovec *iov, int count, off_t offset);
ssize_t __wrap_preadv(int fd, const struct iovec *iov, int count, off_t offset);
ssize_t __real_pwritev(int fd, const struct iovec *iov, int count, off_t offset);
ssize_t __wrap_pwritev(int fd, const struct iovec *iov, int count, off_t offset);

static struct node *node_of(int fd)
{
    struct stat st;

    if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode))
        return NULL;
    for (size_t i = 0; i < ARRAY_SIZE(nodes); i++)
        if (nodes[i].known && nodes[i].rdev == st.st_rdev)
            return &nodes[i];
    return NULL;
}

static int flush(struct node *node)
{
    int rc = bio_flush(node->handle);

    if (!rc)
        return 0;
    errno = host_errno(rc);
    return -1;
}

int __wrap_fsync(int fd)
{
    struct node *node = node_of(fd);

    return node ? flush(node) : __real_fsync(fd);
}

int __wrap_fdatasync(int fd)
{
    struct node *node = node_of(fd);

    return node ? flush(node) : __real_fdatasync(fd);
}

static int describe(struct node *node, struct dkwedge_info *wedge)
{
    struct pv_disk_info info;

    pv_disk_describe(bio_disk(node->handle), &info);
    memset(wedge, 0, sizeof(*wedge));
    wedge->dkw_size = info.sectors;
    return 0;
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
    struct node *node = request == DIOCGWEDGEINFO ? node_of(fd) : NULL;
    va_list args;
    void *arg;

    va_start(args, request);
    arg = va_arg(args, void *);
    va_end(args);
    return node ? describe(node, arg) : __real_ioctl(fd, request, arg);
}

/*
 * Cuts a transfer at the disk's end. There a read returns 0, and a write that begins there is ENOSPC. 0, or an error of
 * NetBSD's.
 */
static int clip(struct node *node, bool write, off_t offset, size_t *size)
{
    struct pv_disk_info info;

    pv_disk_describe(bio_disk(node->handle), &info);
    if (offset < 0)
        return EINVAL;
    if ((uint64_t)offset / 512 >= info.sectors) {
        *size = 0;
        return write ? ENOSPC : 0;
    }
    if (*size > info.sectors * 512 - (uint64_t)offset)
        *size = info.sectors * 512 - (uint64_t)offset;
    return 0;
}

static ssize_t transfer(struct node *node, bool write, const struct iovec *iov, int count, off_t offset)
{
    size_t size = 0;
    int rc;

    for (int i = 0; i < count; i++)
        if (__builtin_add_overflow(size, iov[i].iov_len, &size) || size > SSIZE_MAX) {
            errno = EINVAL;
            return -1;
        }
    rc = clip(node, write, offset, &size);
    if (!rc && size) /* the two structures are the same: rumpuser-check.c */
        rc = host_errno(bio_transfer(node->handle, write, (const struct rumpuser_iovec *)iov, size, (uint64_t)offset));
    if (!rc)
        return (ssize_t)size;
    errno = rc;
    return -1;
}

/*
 * The node for a write, or NULL: the rump kernel does the write, or refuses it. node_of() is called last, because the
 * node may change whenever another thread can run.
 */
static struct node *node_to_write(int fd)
{
    return (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY ? node_of(fd) : NULL;
}

ssize_t __wrap_pread(int fd, void *to, size_t size, off_t offset)
{
    struct iovec iov = { to, size };
    struct node *node = node_of(fd);

    return node ? transfer(node, false, &iov, 1, offset) : __real_pread(fd, to, size, offset);
}

ssize_t __wrap_pwrite(int fd, const void *from, size_t size, off_t offset)
{
    struct iovec iov = { (void *)from, size };
    struct node *node = node_to_write(fd);

    return node ? transfer(node, true, &iov, 1, offset) : __real_pwrite(fd, from, size, offset);
}

ssize_t __wrap_preadv(int fd, const struct iovec *iov, int count, off_t offset)
{
    struct node *node = node_of(fd);

    return node ? transfer(node, false, iov, count, offset) : __real_preadv(fd, iov, count, offset);
}

ssize_t __wrap_pwritev(int fd, const struct iovec *iov, int count, off_t offset)
{
    struct node *node = node_to_write(fd);

    return node ? transfer(node, true, iov, count, offset) : __real_pwritev(fd, iov, count, offset);
}
