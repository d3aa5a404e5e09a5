/*
 * The host's files for the rump kernel (rumpuser.h): "archive/NAME", files that came with the image; "boot/NUMBER", the
 * guest's boot files; "xvda" and so on, disks; "fdset/NUMBER", names that stand for descriptors, because QEMU looks
 * whether such a file exists before it uses the descriptor; "meminfo", which QEMU reads before it spends memory on a
 * viewer. The descriptors here are this file's own numbers.
 *
 * A request to a disk sleeps in the thread that makes it, one of QEMU's workers.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "rumpuser.h"

#include "host.h"

#define ARCHIVE "archive"
#define BOOT "boot"
#define FDSET "fdset"
#define MEMINFO "meminfo"
#define FIRST_FILE 1024 /* below: handles of bio.c */
#define FILES 64

static const struct archive_file *open_files[FILES], *read_last;

/* The name below the folder; "" for the folder itself; NULL: the file is not in it. */
static const char *name_in(const char *folder, const char *name)
{
    size_t n = pv_strlen(folder);

    if (pv_strlen(name) < n || pv_compare(name, folder, n))
        return NULL;
    if (name[n])
        return name[n] == '/' ? name + n + 1 : NULL;
    return "";
}

/* Today's figures in the form of Linux's /proc/meminfo. There is no cache, so free memory is all that is available. */
static const struct archive_file *meminfo(void)
{
    static char text[64];
    static struct archive_file file = { .name = MEMINFO, .data = (const uint8_t *)text };

    file.size = (size_t)pv_format(text, sizeof(text), "MemAvailable: %8lu kB\n", pv_pages_free() * (PV_PAGE / 1024));
    return &file;
}

/* NULL: no file, but it may be a disk. */
static const struct archive_file *find_file(const char *name)
{
    static const struct archive_file folder = { .name = "", .folder = true }, empty = { .name = "" };
    const char *archived = name_in(ARCHIVE, name), *boot = name_in(BOOT, name), *fdset = name_in(FDSET, name);
    uint64_t number;

    if ((archived && !*archived) || (boot && !*boot) || (fdset && !*fdset))
        return &folder;
    if (pv_streq(name, MEMINFO))
        return meminfo();
    if (fdset)
        return pv_parse_uint(fdset, UINT32_MAX, &number) ? NULL : &empty;
    if (boot)
        return host_boot_find(boot);
    return archived ? archive_find(archived) : NULL;
}

static int open_file(const struct archive_file *file, int mode, int *fd)
{
    if (file->folder || mode != RUMPUSER_OPEN_RDONLY)
        return BSD_EACCES;
    for (int i = 0; i < FILES; i++)
        if (!open_files[i]) {
            open_files[i] = file;
            *fd = FIRST_FILE + i;
            return 0;
        }
    return BSD_EMFILE;
}

/* Refuses to open a read-only disk for writing: the kernel then opens it for reading. */
static int open_disk(const char *name, int mode, int *fd)
{
    struct pv_disk_info info;
    struct pv_disk *disk;
    int rc = bio_open(name, fd);

    if (rc)
        return host_errno(rc);
    disk = bio_disk(*fd);
    pv_disk_describe(disk, &info);
    if (!info.readonly || mode == RUMPUSER_OPEN_RDONLY)
        return 0;
    bio_close(*fd);
    return BSD_EROFS;
}

int rumpuser_open(const char *name, int flags, int *fd)
{
    const struct archive_file *file = find_file(name);
    int mode = flags & RUMPUSER_OPEN_ACCMODE;

    return file ? open_file(file, mode, fd) : open_disk(name, mode, fd);
}

static const struct archive_file *file_of(int fd)
{
    return fd >= FIRST_FILE && fd < FIRST_FILE + FILES ? open_files[fd - FIRST_FILE] : NULL;
}

int rumpuser_close(int fd)
{
    if (!file_of(fd))
        return host_errno(bio_close(fd));
    open_files[fd - FIRST_FILE] = NULL;
    return 0;
}

int rumpuser_getfileinfo(const char *name, uint64_t *size, int *type)
{
    const struct archive_file *file = find_file(name);
    uint64_t bytes = file ? file->size : 0;
    int rc = file ? 0 : bio_size(name, &bytes);

    if (rc)
        return host_errno(rc);
    if (size)
        *size = bytes;
    if (type)
        *type = !file ? RUMPUSER_FT_BLK : file->folder ? RUMPUSER_FT_DIR : RUMPUSER_FT_REG;
    return 0;
}

/* Reads files only, never disks. */
int rumpuser_iovread(int fd, struct rumpuser_iovec *iov, size_t count, int64_t offset, size_t *done)
{
    const struct archive_file *file = file_of(fd);

    if (!file || offset < 0)
        return file ? BSD_EINVAL : BSD_EBADF;
    read_last = file;
    *done = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t at = (uint64_t)offset + *done;
        size_t left = at < file->size ? file->size - (size_t)at : 0;
        size_t n = left < iov[i].iov_len ? left : iov[i].iov_len;

        if (n)
            pv_copy(iov[i].iov_base, file->data + at, n);
        *done += n;
    }
    return 0;
}

const struct archive_file *host_file_read_last(void)
{
    const struct archive_file *file = read_last;

    read_last = NULL;
    return file;
}

int rumpuser_iovwrite(int fd, const struct rumpuser_iovec *iov, size_t count, int64_t offset, size_t *done)
{
    return file_of(fd) ? BSD_EROFS : BSD_EBADF;
}

/*
 * RUMPUSER_BIO_SYNC is ignored: the kernel sets it for every write to a character device. QEMU flushes by fsync()
 * instead (rump-disk.c, bio_flush()).
 */
void rumpuser_bio(int fd, int op, void *data, size_t size, int64_t offset, rump_biodone_fn done, void *arg)
{
    struct rumpuser_iovec iov = { data, size };
    int locks, rc;

    host_unschedule(&locks, NULL);
    rc = bio_transfer(fd, op & RUMPUSER_BIO_WRITE, &iov, size, (uint64_t)offset);
    host_schedule(locks, NULL);
    done(arg, rc ? 0 : size, host_errno(rc));
}

int rumpuser_syncfd(int fd, int flags, uint64_t start, uint64_t size)
{
    int locks, rc;

    if (file_of(fd))
        return 0;
    host_unschedule(&locks, NULL);
    rc = bio_flush(fd);
    host_schedule(locks, NULL);
    return host_errno(rc);
}
