/*
 * Eight threads copy disk 0 to disk 1, in pieces of all sizes from one sector to 40 pages, which begin anywhere in a
 * page. dom0 compares the disks. There are two flushes, when half is copied and at the end.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "layer-test.h"

#define COPIERS 8U
#define PAGES 40U
#define SECTOR 512U

struct wait { struct pv_queue queue; bool done; int result; };

static struct pv_disk *from, *to;
static uint64_t next_sector, sectors;
static unsigned int copiers;
static const char *trouble;
static struct pv_queue queue;

static void disk_changed(void *arg, unsigned int n) { pv_queue_wake(&queue); }

static void request_done(struct pv_disk_request *request, int result)
{
    struct wait *wait = request->data;

    wait->done = true;
    wait->result = result;
    pv_queue_wake(&wait->queue);
}

static int do_request(struct pv_disk *disk, enum pv_disk_op op, uint64_t sector, const struct pv_disk_segment *segments,
                      size_t count)
{
    struct wait wait = { .done = false };
    struct pv_disk_request request = {
        .op = op, .sector = sector, .segments = segments, .count = count, .done = request_done, .data = &wait,
    };

    pv_disk_submit(disk, &request);
    while (!wait.done)
        pv_queue_wait(&wait.queue, PV_FOREVER);
    return wait.result;
}

/* Makes the segments for SIZE octets that begin at OFFSET in the first page. Returns how many segments. */
static size_t lay_out(struct pv_disk_segment *segments, void *const *pages, size_t offset, size_t size)
{
    size_t n = 0;

    for (; size; n++, offset = 0) {
        size_t piece = PV_PAGE - offset < size ? PV_PAGE - offset : size;

        segments[n] = (struct pv_disk_segment){
            .frame = pv_frame_of(pages[n]), .offset = (uint16_t)offset, .size = (uint16_t)piece,
        };
        size -= piece;
    }
    return n;
}

/* Takes the next piece of the disk. Returns its size in octets, or 0 at the end. */
static size_t next_piece(uint64_t *sector, unsigned int *random)
{
    uint64_t count;

    *random = *random * 1103515245 + 12345;
    count = 1 + (*random >> 8) % ((PAGES - 1) * (PV_PAGE / SECTOR));
    if (count > sectors - next_sector)
        count = sectors - next_sector;
    *sector = next_sector;
    next_sector += count;
    return count * SECTOR;
}

static void copy_pieces(void *const *pages, unsigned int random)
{
    struct pv_disk_segment segments[PAGES];
    uint64_t sector;
    size_t size;

    while (!trouble && (size = next_piece(&sector, &random))) {
        size_t count = lay_out(segments, pages, (random >> 4) % 8 * SECTOR, size);

        if (do_request(from, PV_DISK_READ, sector, segments, count))
            trouble = "a read failed";
        else if (do_request(to, PV_DISK_WRITE, sector, segments, count))
            trouble = "a write failed";
    }
}

static void copier(void *arg)
{
    void *pages[PAGES];
    size_t n = 0;

    while (n < PAGES && (pages[n] = pv_pages_alloc(1, 1)))
        n++;
    if (n == PAGES)
        copy_pieces(pages, (unsigned int)(uintptr_t)arg);
    else
        trouble = "no memory";
    while (n)
        pv_pages_put(pages[--n]);
    copiers--;
    pv_queue_wake(&queue);
}

static void copy_up_to(uint64_t end)
{
    sectors = end;
    copiers = COPIERS;
    for (uintptr_t i = 0; i < COPIERS; i++)
        test_thread("copier", copier, (void *)(i + 1));
    while (copiers)
        pv_queue_wait(&queue, PV_FOREVER);
    if (!trouble && do_request(to, PV_DISK_FLUSH, 0, NULL, 0))
        trouble = "a flush failed";
}

/* The frontend or the backend must refuse a request beyond the disk's end, and the disk must work after that. */
static void beyond_the_end(void)
{
    void *page = pv_pages_alloc(1, 1);
    struct pv_disk_segment segment = { .frame = pv_frame_of(page), .size = SECTOR };

    if (!do_request(from, PV_DISK_READ, sectors, &segment, 1))
        trouble = "a sector behind the last was read";
    if (do_request(from, PV_DISK_READ, sectors - 1, &segment, 1))
        trouble = "the last sector cannot be read after that";
    pv_pages_put(page);
}

const char *test_disks(void)
{
    struct pv_disk_info source, target;
    uint64_t until = pv_clock() + 20 * PV_SECOND;

    if (pv_disks_init(disk_changed, NULL, false))
        return "no disks at all";
    while (!(from = pv_disk_get(0)) || !(to = pv_disk_get(1))) {
        if (from)
            pv_disk_put(from);
        if (pv_queue_wait(&queue, until))
            return "the disks do not come";
    }
    pv_disk_describe(from, &source);
    pv_disk_describe(to, &target);
    if (source.sectors != target.sectors || !source.readonly || target.readonly || !target.flush)
        return "they are not as described";
    copy_up_to(source.sectors / 2);
    if (!trouble)
        copy_up_to(source.sectors);
    if (!trouble)
        beyond_the_end();
    pv_disk_put(from);
    pv_disk_put(to);
    return trouble;
}
