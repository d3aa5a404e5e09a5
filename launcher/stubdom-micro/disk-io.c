/*
 * Moving bytes between disks and programs (dev-disk.h): for O_DIRECT directly from and to the program's pages, for all
 * others through a few pages of the kernel's. Nothing is cached.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "dev-disk.h"

/* Segments of one request. With so many it still fits into a small piece of the heap. */
#define DIRECT_SEGMENTS 112U
#define BOUNCE_PAGES 16U

/* Cuts the iterator at the disk's end. 0, or what the call returns. */
static long clip(const struct disk_file *disk, bool write, struct user_iter *iter, uint64_t pos)
{
    uint64_t size = disk->info.sectors * 512;

    if (write && disk->info.readonly)
        return -PV_EPERM;
    if (pos >= size) {
        iter->left = 0;
        return write ? -PV_ENOSPC : 0;
    }
    if (iter->left > size - pos)
        iter->left = size - pos;
    return 0;
}

/* ---- direct ---- */

struct disk_io {
    struct pv_disk_request request;
    struct file *file;            /* a user of it */
    disk_io_done_fn *done;
    void *data;
    long bytes;
    bool sync;                    /* a flush must follow */
    struct pv_disk_segment segments[];
};

/* The part of buffer i that has not been moved yet, at most `left` bytes. */
static struct user_vec vec_rest(const struct user_iter *iter, size_t i, size_t left)
{
    struct user_vec vec = iter->vecs[i];

    if (i == 0) {
        vec.base += iter->offset;
        vec.size -= iter->offset;
    }
    if (vec.size > left)
        vec.size = left;
    return vec;
}

/* How many pieces, each within one page, the buffers have; at most max. */
static size_t pieces_count(const struct user_iter *iter, size_t max)
{
    size_t count = 0, left = iter->left;

    for (size_t i = 0; i < iter->count && left && count < max; i++) {
        struct user_vec vec = vec_rest(iter, i, left);

        if (vec.size)
            count += ((vec.base & (PV_PAGE - 1)) + vec.size + PV_PAGE - 1) / PV_PAGE;
        left -= vec.size;
    }
    return count < max ? count : max;
}

/* As Linux does, looks at all buffers before the first one is moved. */
static bool is_aligned(const struct user_iter *iter, uint64_t pos, unsigned int sector_size)
{
    uint64_t bits = pos;
    size_t left = iter->left;

    for (size_t i = 0; i < iter->count && left; i++) {
        struct user_vec vec = vec_rest(iter, i, left);

        bits |= vec.base | vec.size;
        left -= vec.size;
    }
    return !(bits & (sector_size - 1));
}

static void io_unpin(struct disk_io *io)
{
    for (size_t i = 0; i < io->request.count; i++)
        pv_pages_put(pv_page_of(io->segments[i].frame));
    io->request.count = 0;
}

static void io_free(struct disk_io *io)
{
    file_put(io->file);
    pv_free(io);
}

static struct disk_io *io_new(struct file *file, size_t segments, disk_io_done_fn *done, void *data)
{
    struct disk_io *io = pv_alloc(sizeof(*io) + segments * sizeof(io->segments[0]));

    if (!io)
        return NULL;
    file_get(file);
    io->file = file;
    io->done = done;
    io->data = data;
    io->request.data = io;
    io->request.segments = io->segments;
    return io;
}

static void io_submit(struct disk_io *io)
{
    pv_disk_submit(disk_file_of(io->file)->disk, &io->request);
}

/* For a disk that cannot flush, Linux says that all is well. */
static long result_of_flush(int result)
{
    return result == -PV_EOPNOTSUPP ? 0 : result;
}

static void io_end(struct disk_io *io, long result)
{
    disk_io_done_fn *done = io->done;
    void *data = io->data;

    io_free(io);
    done(data, result);
}

static void io_flushed(struct pv_disk_request *request, int result)
{
    struct disk_io *io = request->data;
    long rc = result_of_flush(result);

    io_end(io, rc ? rc : io->bytes);
}

static void io_start_flush(struct disk_io *io)
{
    io->request.op = PV_DISK_FLUSH;
    io->request.done = io_flushed;
    io_submit(io);
}

static void io_moved(struct pv_disk_request *request, int result)
{
    struct disk_io *io = request->data;

    io_unpin(io);
    if (!result && io->sync)
        io_start_flush(io);
    else
        io_end(io, result ? result : io->bytes);
}

/* Pins the program's pages, and makes them segments. -PV_EFAULT: the whole request fails. */
static int io_pin(struct disk_io *io, struct user_iter *iter, size_t segments)
{
    bool from_disk = io->request.op == PV_DISK_READ;

    while (io->request.count < segments) {
        struct pv_disk_segment *segment = &io->segments[io->request.count];
        size_t offset, size, limit = iter->left;
        void *page;
        int rc = iter_pin(iter, from_disk, &page, &offset, &size);

        if (rc)
            return rc;
        /* The last piece: the bytes wanted may end within its buffer. */
        size = size < limit ? size : limit;
        iter->left = limit - size;
        *segment = (struct pv_disk_segment){ pv_frame_of(page), (uint16_t)offset, (uint16_t)size, 0 };
        io->request.count++;
        io->bytes += (long)size;
    }
    return 0;
}

long disk_io_begin(struct file *file, bool write, bool sync, struct user_iter *iter, uint64_t pos,
                   disk_io_done_fn *done, void *data)
{
    struct disk_file *disk = disk_file_of(file);
    long rc = clip(disk, write, iter, pos);
    struct disk_io *io;
    size_t segments;

    if (rc || !iter->left)
        return rc;
    if (!is_aligned(iter, pos, disk->info.sector_size))
        return -PV_EINVAL;
    segments = pieces_count(iter, DIRECT_SEGMENTS);
    io = io_new(file, segments, done, data);
    if (!io)
        return -PV_ENOMEM;
    io->sync = write && sync;
    io->request.op = write ? PV_DISK_WRITE : PV_DISK_READ;
    io->request.sector = pos / 512;
    io->request.done = io_moved;
    rc = io_pin(io, iter, segments);
    if (rc) {
        io_unpin(io);
        io_free(io);
        return rc;
    }
    io_submit(io);
    return DISK_IO_QUEUED;
}

long disk_io_begin_flush(struct file *file, disk_io_done_fn *done, void *data)
{
    struct disk_io *io = io_new(file, 0, done, data);

    if (!io)
        return -PV_ENOMEM;
    io_start_flush(io);
    return DISK_IO_QUEUED;
}

/* ---- waiting ---- */

/* As on Linux, signals do not end the wait: the disk may write to the program's memory until the request is done. */
struct waiter { struct pv_queue queue; bool done; long result; };

static void waiter_done(void *data, long result)
{
    struct waiter *waiter = data;

    waiter->result = result;
    waiter->done = true;
    pv_queue_wake(&waiter->queue);
}

static long waiter_wait(struct waiter *waiter)
{
    while (!waiter->done)
        pv_queue_wait(&waiter->queue, PV_FOREVER);
    return waiter->result;
}

static long direct_move(struct file *file, bool write, struct user_iter *iter, uint64_t pos)
{
    long all = 0;

    while (iter->left) {
        struct waiter waiter = { .done = false };
        long rc = disk_io_begin(file, write, false, iter, pos, waiter_done, &waiter);

        if (rc == DISK_IO_QUEUED)
            rc = waiter_wait(&waiter);
        if (rc <= 0)
            return all ? all : rc;
        all += rc;
        pos += (uint64_t)rc;
    }
    return all;
}

int disk_io_flush(struct file *file)
{
    struct waiter waiter = { .done = false };
    long rc = disk_io_begin_flush(file, waiter_done, &waiter);

    return (int)(rc == DISK_IO_QUEUED ? waiter_wait(&waiter) : rc);
}

/* ---- through pages of the kernel's ---- */

/* A part of the disk, in whole sectors, and the pages for it. */
struct bounce {
    struct pv_disk *disk;
    void *pages[BOUNCE_PAGES];
    size_t count;
    uint64_t start;
    size_t size;
};

static int bounce_init(struct bounce *bounce, struct pv_disk *disk, size_t wanted)
{
    *bounce = (struct bounce){ .disk = disk };
    while (bounce->count < BOUNCE_PAGES && bounce->count * PV_PAGE < wanted) {
        bounce->pages[bounce->count] = pv_pages_alloc(1, 1);
        if (!bounce->pages[bounce->count])
            break;
        bounce->count++;
    }
    return bounce->count ? 0 : -PV_ENOMEM;
}

static void bounce_dispose(struct bounce *bounce)
{
    while (bounce->count)
        pv_pages_put(bounce->pages[--bounce->count]);
}

static void bounce_moved(struct pv_disk_request *request, int result)
{
    waiter_done(request->data, result);
}

/* Sleeps. 0 or an error. After an error the backend may still have the pages (pv.h), so they must not be used again. */
static int bounce_transfer(const struct bounce *bounce, enum pv_disk_op op)
{
    struct pv_disk_segment segments[BOUNCE_PAGES];
    struct waiter waiter = { .done = false };
    struct pv_disk_request request = {
        .op = op, .sector = bounce->start / 512, .segments = segments, .done = bounce_moved,
        .data = &waiter,
    };

    for (size_t at = 0; at < bounce->size; at += PV_PAGE) {
        size_t left = bounce->size - at;

        segments[request.count] = (struct pv_disk_segment){
            .frame = pv_frame_of(bounce->pages[request.count]),
            .size = (uint16_t)(left < PV_PAGE ? left : PV_PAGE),
        };
        request.count++;
    }
    pv_disk_submit(bounce->disk, &request);
    return (int)waiter_wait(&waiter);
}

static int bounce_copy(const struct bounce *bounce, bool write, struct user_iter *iter, uint64_t pos,
                       size_t n)
{
    size_t at = pos - bounce->start;

    while (n) {
        char *p = (char *)bounce->pages[at / PV_PAGE] + at % PV_PAGE;
        size_t size = PV_PAGE - at % PV_PAGE;
        int rc;

        size = size < n ? size : n;
        rc = write ? iter_get(iter, p, size) : iter_put(iter, p, size);
        if (rc)
            return rc;
        at += size;
        n -= size;
    }
    return 0;
}

/* Moves as much as the pages can hold. How many bytes, or an error. */
static long bounce_step(struct bounce *bounce, const struct disk_file *disk, bool write,
                        struct user_iter *iter, uint64_t pos)
{
    uint64_t mask = disk->info.sector_size - 1;
    uint64_t start = pos & ~mask, end = (pos + iter->left + mask) & ~mask;
    size_t n = iter->left;
    int rc = 0;

    if (end - start > bounce->count * PV_PAGE) {
        end = start + bounce->count * PV_PAGE;
        n = end - pos;
    }
    bounce->start = start;
    bounce->size = end - start;
    if (!write || start != pos || end != pos + n) /* a write of parts of sectors: the other parts must stay */
        rc = bounce_transfer(bounce, PV_DISK_READ);
    if (!rc)
        rc = bounce_copy(bounce, write, iter, pos, n);
    if (!rc && write)
        rc = bounce_transfer(bounce, PV_DISK_WRITE);
    return rc ? rc : (long)n;
}

/* One writer at a time: two that change parts of the same sector would undo each other's. */
static struct turn { bool taken; struct pv_queue queue; } turns[PV_DISKS];

static void turn_take(struct turn *turn)
{
    while (turn->taken)
        pv_queue_wait(&turn->queue, PV_FOREVER);
    turn->taken = true;
}

static void turn_give(struct turn *turn)
{
    turn->taken = false;
    pv_queue_wake(&turn->queue);
}

static long bounced_move(struct file *file, bool write, struct user_iter *iter, uint64_t pos)
{
    struct disk_file *disk = disk_file_of(file);
    long all = clip(disk, write, iter, pos), rc = 0;
    struct bounce bounce;

    if (all || !iter->left)
        return all;
    if (bounce_init(&bounce, disk->disk, iter->left + disk->info.sector_size))
        return -PV_ENOMEM;
    if (write)
        turn_take(&turns[disk->n]);
    while (iter->left) {
        rc = bounce_step(&bounce, disk, write, iter, pos);
        if (rc < 0)
            break;
        all += rc;
        pos += (uint64_t)rc;
    }
    if (write)
        turn_give(&turns[disk->n]);
    bounce_dispose(&bounce);
    return all ? all : rc;
}

long disk_io_move(struct file *file, bool write, struct user_iter *iter, uint64_t pos)
{
    if (file->flags & O_DIRECT)
        return direct_move(file, write, iter, pos);
    return bounced_move(file, write, iter, pos);
}
