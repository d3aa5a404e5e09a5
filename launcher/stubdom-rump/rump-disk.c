/*
 * Disks as /dev/xvdX (platform.h): character devices of the rump kernel, which reads and writes
 * by rumpuser_bio(). Two calls of QEMU's about them are answered here instead of there: fsync(),
 * which the rump kernel does not pass on, and the size, for which its own answer has 32 bits.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "rump.h"

#include "log.h"

#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/disk.h>
#include <sys/dkio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rump/rump.h>

/* What there is a node for: the connection (a disk that comes back is another one), held. */
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

    /* The host's name is the node's, without the folder. */
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

/* Makes the node what the disk is now. */
static int update(unsigned int n)
{
    char path[16];
    int rc = path_of(n, path), handle;

    if (!rc)
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

/* A callback of the layer's. */
static void disk_changed(void *arg, unsigned int n)
{
    pump_post(&changed);
}

/* On the pump's thread. A full pipe says it already. */
static void tell(struct pump_job *job)
{
    if (write(notify_fd, "", 1) < 0)
        return;
}

int rump_disks_init(int notify)
{
    notify_fd = notify;
    changed.run = tell;
    return -host_errno(pv_disks_init(disk_changed, NULL));
}

/* ---- calls about descriptors of disks (the linker's --wrap) ---- */

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);

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
