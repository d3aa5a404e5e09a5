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

/* Bytes moved, or an error. From wherever a thread sleeps; must not sleep itself. */
typedef void disk_io_done_fn(void *data, long result);
/* What these say when done() is to come; everything else is the result, and done() is not called. */
#define DISK_IO_QUEUED (-529L)

/*
 * Moves bytes between the disk at pos and the program's memory, without a copy (O_DIRECT): less than
 * wanted at the disk's end, or when it is much. Position, and each buffer's address and size, are
 * multiples of the sector size, else -PV_EINVAL. The memory stays pinned, and the file open, until
 * the end. sync: a write is done when it is on the medium.
 */
long disk_io_begin(struct file *file, bool write, bool sync, struct user_iter *iter, uint64_t pos,
                   disk_io_done_fn *done, void *data);
/* What has been written is on the medium afterwards: 0 or an error. */
long disk_io_begin_flush(struct file *file, disk_io_done_fn *done, void *data);

/* The same for who waits for it; these sleep. For a file without O_DIRECT, anything is aligned. */
long disk_io_move(struct file *file, bool write, struct user_iter *iter, uint64_t pos);
int disk_io_flush(struct file *file);

#endif
