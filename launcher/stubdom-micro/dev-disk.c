/*
 * /dev/xvdX: the Xen layer's disks (pv.h) as Linux's block devices. A disk that comes back after
 * it went is another one: who has the old one open gets EIO for ever, as on Linux.
 *
 * Source for the ioctls: linux/fs.h, and what Linux's block/ioctl.c answers for a disk of blkfront.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "dev-disk.h"

#include <asm/errno.h>
#include <linux/fs.h>
#include <linux/stat.h>

#define XVD_MAJOR 202UL
#define XVD_MINORS 16UL /* of each disk: one for itself, 15 for partitions, which do not exist here */
#ifndef S_IFBLK /* linux/stat.h does not define it where there is a libc, in the unit tests */
#define S_IFBLK 0060000
#endif
#define MODE (S_IFBLK | 0600)
#define MAX_SECTORS 896 /* of one direct request, if its memory is whole pages (disk-io.c) */

static uint64_t number_of(unsigned int n)
{
    uint64_t minor = n * XVD_MINORS;

    return (minor & 0xff) | XVD_MAJOR << 8 | (minor & ~0xffUL) << 12;
}

/* ---- files ---- */

static long disk_read(struct file *file, struct user_iter *to, uint64_t pos)
{
    return disk_io_move(file, false, to, pos);
}

static long disk_write(struct file *file, struct user_iter *from, uint64_t pos)
{
    return disk_io_move(file, true, from, pos);
}

/* The size is for lseek(). fstat() shows the node, which has no size, as on Linux. */
static void disk_stat(struct file *file, struct stat *st)
{
    const struct disk_file *disk = file->data;

    st->st_mode = MODE;
    st->st_rdev = number_of(disk->n);
    st->st_size = (long)(disk->info.sectors * 512);
    st->st_blksize = PV_PAGE;
}

static uint64_t get_bytes(const struct pv_disk_info *info) { return info->sectors * 512; }
static uint64_t get_sectors(const struct pv_disk_info *info) { return info->sectors; }
static uint64_t get_sector_size(const struct pv_disk_info *info) { return info->sector_size; }
static uint64_t get_readonly(const struct pv_disk_info *info) { return info->readonly; }
static uint64_t get_page(const struct pv_disk_info *info) { (void)info; return PV_PAGE; }
static uint64_t get_zero(const struct pv_disk_info *info) { (void)info; return 0; }
static uint64_t get_max_sectors(const struct pv_disk_info *info) { (void)info; return MAX_SECTORS; }

/* The ioctls that write a number to the program. */
static const struct {
    unsigned int command;
    uint8_t size;
    uint64_t (*get)(const struct pv_disk_info *info);
} answers[] = {
    { BLKGETSIZE64, 8, get_bytes },
    { BLKGETSIZE, 8, get_sectors },
    { BLKSSZGET, 4, get_sector_size },
    { BLKPBSZGET, 4, get_sector_size },
    { BLKIOMIN, 4, get_sector_size },
    { BLKIOOPT, 4, get_zero },
    { BLKALIGNOFF, 4, get_zero },
    { BLKBSZGET, 4, get_page },
    { BLKROGET, 4, get_readonly },
    { BLKSECTGET, 2, get_max_sectors },
    { BLKROTATIONAL, 2, get_zero },
    { BLKDISCARDZEROES, 4, get_zero },
};

static long disk_ioctl(struct file *file, unsigned int command, uintptr_t arg)
{
    const struct disk_file *disk = file->data;

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
        if (answers[i].command == command) {
            uint64_t value = answers[i].get(&disk->info);

            return user_write(arg, &value, answers[i].size);
        }
    switch (command) {
    case BLKFLSBUF: /* nothing is kept here */
        return 0;
    case BLKDISCARD:
    case BLKSECDISCARD:
    case BLKZEROOUT:
        return -EOPNOTSUPP;
    default: /* also those of CD drives and SCSI */
        return -ENOTTY;
    }
}

static void disk_close(struct file *file)
{
    struct disk_file *disk = file->data;

    pv_disk_put(disk->disk);
    pv_free(disk);
}

static const struct file_ops disk_ops = {
    .read = disk_read,
    .write = disk_write,
    .ioctl = disk_ioctl,
    .stat = disk_stat,
    .sync = disk_io_flush,
    .close = disk_close,
    .seekable = true,
};

struct disk_file *disk_file_of(const struct file *file)
{
    return file->ops == &disk_ops ? file->data : NULL;
}

/* ---- nodes ---- */

static int disk_open(void *arg, int flags, struct file **file)
{
    unsigned int n = (unsigned int)(uintptr_t)arg;
    struct pv_disk *found = pv_disk_get(n);
    struct disk_file *disk;

    if (!found)
        return -ENXIO;
    disk = pv_alloc(sizeof(*disk));
    *file = disk ? file_new(&disk_ops, flags, disk) : NULL;
    if (!*file) {
        pv_free(disk);
        pv_disk_put(found);
        return -ENOMEM;
    }
    disk->disk = found;
    disk->n = n;
    pv_disk_describe(found, &disk->info);
    return 0;
}

/* The uevent has the disk's name only. Programs look themselves whether the node is there. */
static void disk_changed(void *arg, unsigned int n)
{
    struct pv_disk *disk = pv_disk_get(n);
    char path[16], event[32];

    (void)arg;
    pv_format(path, sizeof(path), "/dev/xvd%c", 'a' + (int)n);
    pv_format(event, sizeof(event), "%s@/block/xvd%c", disk ? "add" : "remove", 'a' + (int)n);
    if (disk) {
        int rc = device_add(path, MODE, number_of(n), disk_open, (void *)(uintptr_t)n);

        pv_disk_put(disk);
        if (rc)
            pv_log("%s: no node: %d", path, rc);
    } else {
        device_remove(path);
    }
    uevent_send(event);
}

int dev_disk_init(void)
{
    return pv_disks_init(disk_changed, NULL, false);
}
