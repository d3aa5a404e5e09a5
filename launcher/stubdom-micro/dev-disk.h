/*
 * Disks as files (dev-disk.c), and how bytes get from and to them (disk-io.c). For aio.c, too.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DEV_DISK_H
#define DEV_DISK_H

#include "micro.h"

/* What an open /dev/xvdX has in file->data. */
struct disk_file {
    struct pv_disk *disk; /* a user of it */
    struct pv_disk_info info;
    unsigned int n;
};

/* The disk that a file is; NULL: it is none. */
struct disk_file *disk_file_of(const struct file *file);

/* ---- disk-io.c ---- */

/* result: bytes moved, or an error. Called from a callback (pv.h): must not sleep. */
typedef void disk_io_done_fn(void *data, long result);
/*
 * The result of disk_io_begin*() if done() will be called. Every other value is the request's result, and done() is not
 * called.
 */
#define DISK_IO_QUEUED (-529L)

/*
 * Moves bytes between the disk at pos and the program's memory, without a copy (O_DIRECT). It may move less than
 * wanted: at the disk's end, or if more than one request would be needed. Position, and each buffer's address and size,
 * are multiples of the sector size, else -PV_EINVAL. The memory stays pinned, and the file open, until the end. sync: a
 * write is done when it is on the medium.
 */
long disk_io_begin(struct file *file, bool write, bool sync, struct user_iter *iter, uint64_t pos,
                   disk_io_done_fn *done, void *data);
/* Flushes the disk: all that was written before is on the medium then. 0 or an error. */
long disk_io_begin_flush(struct file *file, disk_io_done_fn *done, void *data);

/* The same, but they sleep until it is done. A file without O_DIRECT needs no alignment. */
long disk_io_move(struct file *file, bool write, struct user_iter *iter, uint64_t pos);
int disk_io_flush(struct file *file);

#endif
