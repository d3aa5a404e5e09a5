/*
 * Reads and writes disks through the layer's frontend, from and to any memory (host.h). Only our own pages can be
 * granted to a backend, and QEMU's buffers are mostly its guest's pages. So all data is copied through pages that
 * belong to the disk, 64 KiB at a time.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "host.h"
#include "rumpuser.h"

#define CHUNK_PAGES 16U
#define SECTOR 512U

/* The open disks. Each is a connection to a backend: a disk that comes back gets another handle. */
#define HANDLES 64
static struct { struct pv_disk *disk; unsigned int users; } open_disks[HANDLES];

struct wait { struct pv_disk_request request; struct pv_thread *thread; bool done; int result; };

static int number_of(const char *name)
{
    if (pv_compare(name, "xvd", 3) || name[3] < 'a' || name[3] > 'z' || name[4])
        return -PV_ENOENT;
    return name[3] - 'a';
}

/* The handle of this connection if it is open, else a free one. HANDLES: none is free. */
static unsigned int find_handle(const struct pv_disk *disk)
{
    unsigned int unused = HANDLES;

    for (unsigned int i = 0; i < HANDLES; i++)
        if (open_disks[i].users && open_disks[i].disk == disk)
            return i;
        else if (!open_disks[i].users && unused == HANDLES)
            unused = i;
    return unused;
}

int bio_open(const char *name, int *handle)
{
    int n = number_of(name);
    struct pv_disk *disk = n < 0 ? NULL : pv_disk_get((unsigned int)n);
    unsigned int at = disk ? find_handle(disk) : HANDLES;

    if (!disk)
        return -PV_ENOENT;
    if (at == HANDLES || open_disks[at].users) /* the handle holds one user of the connection already */
        pv_disk_put(disk);
    if (at == HANDLES)
        return -PV_ENOSPC;
    open_disks[at].disk = disk;
    open_disks[at].users++;
    *handle = (int)at;
    return 0;
}

static bool is_open(int handle)
{
    return handle >= 0 && handle < HANDLES && open_disks[handle].users;
}

int bio_close(int handle)
{
    if (!is_open(handle))
        return -PV_EBADF;
    if (--open_disks[handle].users == 0)
        pv_disk_put(open_disks[handle].disk);
    return 0;
}

struct pv_disk *bio_disk(int handle)
{
    PV_ASSERT(is_open(handle));
    return open_disks[handle].disk;
}

int bio_size(const char *name, uint64_t *size)
{
    struct pv_disk_info info;
    struct pv_disk *disk;
    int n = number_of(name);

    disk = n < 0 ? NULL : pv_disk_get((unsigned int)n);
    if (!disk)
        return -PV_ENOENT;
    pv_disk_describe(disk, &info);
    pv_disk_put(disk);
    if (info.sectors > UINT64_MAX / SECTOR)
        return -PV_EINVAL;
    *size = info.sectors * SECTOR;
    return 0;
}

static void done(struct pv_disk_request *request, int result)
{
    struct wait *wait = request->data;

    wait->result = result;
    wait->done = true;
    pv_wake(wait->thread);
}

static int submit(struct pv_disk *disk, struct wait *wait)
{
    wait->thread = pv_thread_self();
    wait->request.done = done;
    wait->request.data = wait;
    pv_disk_submit(disk, &wait->request);
    while (!wait->done)
        pv_sleep(PV_FOREVER);
    return wait->result;
}

/* The disk, with one more user: it stays even if its handle is closed meanwhile. */
static struct pv_disk *hold(int handle)
{
    if (!is_open(handle))
        return NULL;
    open_disks[handle].users++;
    return open_disks[handle].disk;
}

struct bounce { struct pv_disk *disk; struct pv_disk_page *pages[CHUNK_PAGES]; size_t count; };

/* Takes as many pages as size needs, at least one. With fewer pages it is only slower. */
static int bounce_init(struct bounce *bounce, struct pv_disk *disk, size_t size)
{
    bounce->disk = disk;
    bounce->count = 0;
    while (bounce->count < CHUNK_PAGES && bounce->count * PV_PAGE < size) {
        struct pv_disk_page *page = pv_disk_page_get(disk, !bounce->count);

        if (!page)
            break;
        bounce->pages[bounce->count++] = page;
    }
    return bounce->count ? 0 : -PV_ENOMEM;
}

static void bounce_dispose(struct bounce *bounce)
{
    while (bounce->count)
        pv_disk_page_put(bounce->disk, bounce->pages[--bounce->count]);
}

/* How far a transfer has come in the caller's memory: `at` bytes of the piece *iov are done. */
struct cursor { const struct rumpuser_iovec *iov; size_t at; };

/* Copies between one page and the caller's memory, and advances there. */
static void page_copy(char *page, bool in, struct cursor *memory, size_t size)
{
    while (size) {
        size_t n = memory->iov->iov_len - memory->at;
        char *data = (char *)memory->iov->iov_base + memory->at;

        if (n > size)
            n = size;
        pv_copy(in ? page : data, in ? data : page, n);
        page += n;
        size -= n;
        memory->at += n;
        if (memory->at == memory->iov->iov_len) {
            memory->iov++;
            memory->at = 0;
        }
    }
}

/* Copies between the pages, from byte `at` on, and the caller's memory. */
static void bounce_copy(struct bounce *bounce, bool in, struct cursor *memory, size_t at, size_t size)
{
    while (size) {
        size_t n = PV_PAGE - at % PV_PAGE;

        if (n > size)
            n = size;
        page_copy((char *)bounce->pages[at / PV_PAGE]->page + at % PV_PAGE, in, memory, n);
        at += n;
        size -= n;
    }
}

/* Moves whole blocks between the pages and the disk, at most what the pages hold. */
static int bounce_move(struct bounce *bounce, bool write, size_t size, uint64_t offset)
{
    struct pv_disk_segment segments[CHUNK_PAGES];
    struct wait wait = { .request = { .op = write ? PV_DISK_WRITE : PV_DISK_READ, .sector = offset / SECTOR,
                                      .segments = segments } };

    for (size_t at = 0; at < size; at += PV_PAGE) {
        struct pv_disk_page *page = bounce->pages[at / PV_PAGE];

        segments[wait.request.count++] = (struct pv_disk_segment){
            .frame = pv_frame_of(page->page), .size = (uint16_t)(size - at < PV_PAGE ? size - at : PV_PAGE),
            .ref = page->ref,
        };
    }
    return submit(bounce->disk, &wait);
}

/* A part of the disk, in whole blocks: of its `size` bytes the `wanted` ones begin after `skip`. */
struct part { uint64_t start; size_t size, skip, wanted; };

static struct part part_of(const struct bounce *bounce, uint64_t offset, size_t size, uint64_t mask)
{
    struct part part = { .start = offset & ~mask, .skip = (size_t)(offset & mask), .wanted = size };

    part.size = (size_t)((part.skip + size + mask) & ~mask);
    if (part.size > bounce->count * PV_PAGE) {
        part.size = bounce->count * PV_PAGE;
        part.wanted = part.size - part.skip;
    }
    return part;
}

/* Before a part of a block is written, the block is read, so that the rest stays as it is. */
static int transfer_part(struct bounce *bounce, bool write, struct cursor *memory, const struct part *part)
{
    int rc = 0;

    if (!write || part->wanted != part->size)
        rc = bounce_move(bounce, false, part->size, part->start);
    if (!rc)
        bounce_copy(bounce, write, memory, part->skip, part->wanted);
    return !rc && write ? bounce_move(bounce, true, part->size, part->start) : rc;
}

/* One writer at a time: two that change parts of the same block would undo each other's. */
static struct { bool taken; struct pv_queue queue; } turn;

static void turn_take(void)
{
    while (turn.taken)
        pv_queue_wait(&turn.queue, PV_FOREVER);
    turn.taken = true;
}

static void turn_give(void)
{
    turn.taken = false;
    pv_queue_wake(&turn.queue);
}

static int transfer(struct bounce *bounce, bool write, const struct rumpuser_iovec *iov, size_t size, uint64_t offset,
                    uint64_t mask)
{
    bool in_turn = write && (size | offset) & mask;
    struct cursor memory = { .iov = iov };
    int rc = 0;

    if (in_turn)
        turn_take();
    while (!rc && size) {
        struct part part = part_of(bounce, offset, size, mask);

        rc = transfer_part(bounce, write, &memory, &part);
        offset += part.wanted;
        size -= part.wanted;
    }
    if (in_turn)
        turn_give();
    return rc;
}

int bio_transfer(int handle, bool write, const struct rumpuser_iovec *iov, size_t size, uint64_t offset)
{
    struct pv_disk *disk = size % SECTOR || offset % SECTOR ? NULL : hold(handle);
    struct pv_disk_info info;
    struct bounce bounce;
    int rc;

    if (!disk)
        return -PV_EINVAL;
    pv_disk_describe(disk, &info);
    rc = bounce_init(&bounce, disk, size + 2 * (info.sector_size - SECTOR));
    if (!rc)
        rc = transfer(&bounce, write, iov, size, offset, info.sector_size - 1);
    bounce_dispose(&bounce);
    bio_close(handle);
    return rc;
}

/* A backend without flushes has no cache to write back. */
int bio_flush(int handle)
{
    struct wait wait = { .request = { .op = PV_DISK_FLUSH } };
    struct pv_disk *disk = hold(handle);
    struct pv_disk_info info;
    int rc;

    if (!disk)
        return -PV_EINVAL;
    pv_disk_describe(disk, &info);
    rc = info.flush ? submit(disk, &wait) : 0;
    bio_close(handle);
    return rc;
}
