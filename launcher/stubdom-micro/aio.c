/*
 * Linux's asynchronous I/O: io_setup() and its kin. Requests to disks opened with O_DIRECT are asynchronous; all others
 * are done before io_submit() returns, as on Linux.
 *
 * The ring of events is in the program's memory: libaio and QEMU read it without a system call. The kernel keeps its
 * own tail, and holds the pages. All that it reads from them is the program's head, to know how much room there is.
 *
 * Source: linux/aio_abi.h; the ring's layout, which no header has, from Linux's fs/aio.c.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "aio.h"
#include "dev-disk.h"
#include "files.h"

#include <asm/mman.h>
#include <linux/aio_abi.h>

#define EVENTS_MAX 8192U /* of all contexts together */
#define EVENT_SIZE sizeof(struct io_event)

struct aio_ring {
    uint32_t id, nr;
    uint32_t head; /* moved by the program, and by io_getevents() */
    uint32_t tail;
    uint32_t magic, compat, incompat, header_length;
};
#define RING_MAGIC 0xa10a10a1U
_Static_assert(sizeof(struct aio_ring) == EVENT_SIZE && PV_PAGE % EVENT_SIZE == 0,
               "no event is in two pages");

struct aio_context {
    struct aio_context *next;
    const struct fd_table *owner; /* tells processes apart */
    uintptr_t id;                 /* where the program has the ring */
    unsigned int events;          /* the ring's size: one more than can be in it */
    unsigned int tail, under_way;
    unsigned int users;           /* the list is one, each request under way and each call that sleeps another */
    bool dead;                    /* not in the list any more */
    struct pv_queue queue;        /* events came, or the last request ended */
    size_t page_count;
    void *pages[];
};

struct aio_request {
    struct aio_context *context;
    struct file *file, *event_file; /* users of them; event_file may be NULL */
    struct io_event event;
};

static struct aio_context *contexts;
static unsigned int events_total;

/* ---- contexts ---- */

static struct aio_ring *ring_of(const struct aio_context *context)
{
    return context->pages[0];
}

/* The events begin behind the head of the ring, which is as large as one event. */
static struct io_event *event_at(const struct aio_context *context, unsigned int i)
{
    size_t at = (i + 1) * EVENT_SIZE;

    return (struct io_event *)((char *)context->pages[at / PV_PAGE] + at % PV_PAGE);
}

static struct aio_context *context_get(uintptr_t id)
{
    for (struct aio_context *context = contexts; context; context = context->next)
        if (context->id == id && context->owner == task_fds()) {
            context->users++;
            return context;
        }
    return NULL;
}

static void context_put(struct aio_context *context)
{
    if (--context->users)
        return;
    for (size_t i = 0; i < context->page_count; i++)
        pv_pages_put(context->pages[i]);
    events_total -= context->events;
    pv_free(context);
}

/* Takes the context out of the list. A call that sleeps on it sees `dead`. */
static void context_kill(struct aio_context *context)
{
    struct aio_context **at = &contexts;

    while (*at != context)
        at = &(*at)->next;
    *at = context->next;
    context->dead = true;
    pv_queue_wake(&context->queue);
    context_put(context);
}

void aio_process_end(void)
{
    struct aio_context *next;

    for (struct aio_context *context = contexts; context; context = next) {
        next = context->next;
        if (context->owner == task_fds())
            context_kill(context);
    }
}

static int ring_pin(struct aio_context *context, size_t pages)
{
    while (context->page_count < pages) {
        size_t i = context->page_count;

        if (user_pin(context->id + i * PV_PAGE, true, &context->pages[i]))
            return -ENOMEM; /* nothing else can fail: the memory was mapped just now */
        context->page_count++;
    }
    return 0;
}

static void ring_init(struct aio_context *context)
{
    *ring_of(context) = (struct aio_ring){
        .nr = context->events, .magic = RING_MAGIC, .compat = 1, .header_length = sizeof(struct aio_ring),
    };
}

/* The ring is a whole number of pages, and has at least one event more than asked for, as on Linux. */
static int context_create(unsigned int wanted, struct aio_context **created)
{
    size_t pages = ((wanted + 3) * EVENT_SIZE + PV_PAGE - 1) / PV_PAGE;
    struct aio_context *context = pv_alloc(sizeof(*context) + pages * sizeof(context->pages[0]));
    long address;
    int rc;

    if (!context)
        return -ENOMEM;
    context->users = 1;
    context->owner = task_fds();
    context->events = (unsigned int)(pages * PV_PAGE / EVENT_SIZE) - 1;
    events_total += context->events;
    address = space_map_anonymous(pages * PV_PAGE, PROT_READ | PROT_WRITE);
    if (address < 0) {
        context_put(context);
        return (int)address;
    }
    context->id = (uintptr_t)address;
    rc = ring_pin(context, pages);
    if (rc) {
        space_unmap(context->id, pages * PV_PAGE);
        context_put(context);
        return rc;
    }
    ring_init(context);
    context->next = contexts;
    contexts = context;
    *created = context;
    return 0;
}

long sys_io_setup(const unsigned long a[6])
{
    unsigned int wanted = (unsigned int)a[0];
    struct aio_context *context = NULL;
    uint64_t id;
    int rc;

    if (user_read(&id, a[1], sizeof(id)))
        return -EFAULT;
    if (id || !wanted)
        return -EINVAL;
    if (wanted > EVENTS_MAX || events_total > EVENTS_MAX - wanted)
        return -EAGAIN;
    rc = context_create(wanted, &context);
    if (rc)
        return rc;
    id = context->id;
    if (!user_write(a[1], &id, sizeof(id)))
        return 0;
    space_unmap(context->id, context->page_count * PV_PAGE);
    context_kill(context);
    return -EFAULT;
}

/* When it returns, the kernel does not touch the program's memory any more. */
long sys_io_destroy(const unsigned long a[6])
{
    struct aio_context *context = context_get(a[0]);

    if (!context)
        return -EINVAL;
    context_kill(context);
    while (context->under_way)
        pv_queue_wait(&context->queue, PV_FOREVER);
    space_unmap(context->id, context->page_count * PV_PAGE);
    context_put(context);
    return 0;
}

/* ---- events ---- */

/* Whether another request can be taken. Each one under way needs a place in the ring, as does each unread event. */
static bool has_room(const struct aio_context *context)
{
    unsigned int head = PV_READ_ONCE(ring_of(context)->head) % context->events;
    unsigned int unread = (context->tail + context->events - head) % context->events;

    return context->under_way + unread < context->events - 1;
}

static void event_add(struct aio_context *context, const struct io_event *event)
{
    *event_at(context, context->tail) = *event;
    context->tail = (context->tail + 1) % context->events;
    pv_barrier(); /* the program sees the event before the tail */
    PV_WRITE_ONCE(ring_of(context)->tail, context->tail);
}

static void request_free(struct aio_request *request)
{
    if (request->event_file)
        file_put(request->event_file);
    file_put(request->file);
    pv_free(request);
}

/* Called once for each request that was accepted, with its result; also as done() of disk_io_begin(). */
static void request_complete(void *data, long result)
{
    struct aio_request *request = data;
    struct aio_context *context = request->context;

    request->event.res = result;
    context->under_way--;
    if (!context->dead)
        event_add(context, &request->event);
    if (request->event_file)
        eventfd_add(request->event_file, 1);
    pv_queue_wake(&context->queue);
    request_free(request);
    context_put(context);
}

/* Moves events to the program: how many; -EFAULT, none. */
static long events_take(struct aio_context *context, uintptr_t to, long max)
{
    struct aio_ring *ring = ring_of(context);
    unsigned int head = PV_READ_ONCE(ring->head) % context->events;
    long n = 0;

    for (; n < max && head != context->tail; n++) {
        if (user_write(to + (size_t)n * EVENT_SIZE, event_at(context, head), EVENT_SIZE))
            return -EFAULT;
        head = (head + 1) % context->events;
    }
    PV_WRITE_ONCE(ring->head, head);
    return n;
}

static long events_wait(struct aio_context *context, long min, long max, uintptr_t to, uint64_t until)
{
    long all = 0;
    int waited = 0;

    for (;;) {
        long n = events_take(context, to + (size_t)all * EVENT_SIZE, max - all);

        if (n > 0)
            all += n;
        if (n >= 0 && context->dead)
            n = -EINVAL;
        if (n < 0)
            return all ? all : n;
        if (all >= min || waited)
            return all || waited != -EINTR ? all : -EINTR;
        waited = task_wait(&context->queue, until);
    }
}

long sys_io_getevents(const unsigned long a[6])
{
    long min = (long)a[1], max = (long)a[2], n = -EINVAL;
    struct aio_context *context;
    int rc;
    uint64_t until = time_from_user(a[4], &rc);

    if (rc)
        return rc;
    context = context_get(a[0]);
    if (!context)
        return -EINVAL;
    if (min >= 0 && min <= max)
        n = events_wait(context, min, max, a[3], until);
    context_put(context);
    return n;
}

/* ---- requests ---- */

/* Reads or writes now, or begins to. The result, or DISK_IO_QUEUED. */
static long move(struct aio_request *request, const struct iocb *iocb, bool write, struct user_iter *iter)
{
    uint64_t pos = (uint64_t)iocb->aio_offset;
    struct file *file = request->file;
    bool sync = write && ((iocb->aio_rw_flags & (RWF_DSYNC | RWF_SYNC)) || (file->flags & O_DSYNC));
    long n;

    if (!iter->left)
        return 0;
    if (disk_file_of(file) && (file->flags & O_DIRECT))
        return disk_io_begin(file, write, sync, iter, pos, request_complete, request);
    n = write ? file->ops->write(file, iter, pos) : file->ops->read(file, iter, pos);
    if (n > 0 && sync && file->ops->sync) {
        int rc = file->ops->sync(file);

        n = rc ? rc : n;
    }
    return n;
}

static int check_move(const struct file *file, const struct iocb *iocb, bool write)
{
    if (!(write ? file_writable(file) : file_readable(file)))
        return -EBADF;
    /* A file without a position, a pipe for example, could make io_submit() wait. */
    if (!file->ops->seekable || !(write ? (void *)file->ops->write : (void *)file->ops->read))
        return -EINVAL;
    if ((iocb->aio_rw_flags & ~(RWF_DSYNC | RWF_SYNC | RWF_HIPRI)) || (write && (file->flags & O_APPEND)))
        return -EOPNOTSUPP;
    return iocb->aio_offset < 0 ? -EINVAL : 0;
}

/* start_*(): 0: request_complete() was called or will be; or an error: nothing was begun. */
static int start_move(struct aio_request *request, const struct iocb *iocb, bool write, bool vector)
{
    struct io_buffers buffers;
    int rc = check_move(request->file, iocb, write);
    long n;

    if (rc)
        return rc;
    io_buffers_one(&buffers, iocb->aio_buf, iocb->aio_nbytes);
    if (vector)
        rc = io_buffers_get(&buffers, iocb->aio_buf, iocb->aio_nbytes);
    if (rc)
        return rc;
    n = move(request, iocb, write, &buffers.iter);
    io_buffers_put(&buffers);
    if (n != DISK_IO_QUEUED)
        request_complete(request, n);
    return 0;
}

static int start_sync(struct aio_request *request, const struct iocb *iocb)
{
    struct file *file = request->file;
    long rc;

    if (iocb->aio_buf || iocb->aio_offset || iocb->aio_nbytes || iocb->aio_rw_flags || !file->ops->sync)
        return -EINVAL;
    rc = disk_file_of(file) ? disk_io_begin_flush(file, request_complete, request) : file->ops->sync(file);
    if (rc != DISK_IO_QUEUED)
        request_complete(request, rc);
    return 0;
}

static int request_start(struct aio_request *request, const struct iocb *iocb)
{
    switch (iocb->aio_lio_opcode) {
    case IOCB_CMD_PREAD: return start_move(request, iocb, false, false);
    case IOCB_CMD_PWRITE: return start_move(request, iocb, true, false);
    case IOCB_CMD_PREADV: return start_move(request, iocb, false, true);
    case IOCB_CMD_PWRITEV: return start_move(request, iocb, true, true);
    case IOCB_CMD_FSYNC:
    case IOCB_CMD_FDSYNC: return start_sync(request, iocb);
    default: return -EINVAL;
    }
}

static int take_event_file(struct aio_request *request, const struct iocb *iocb)
{
    struct file *file;

    if (!(iocb->aio_flags & IOCB_FLAG_RESFD))
        return 0;
    file = fd_file(iocb->aio_resfd);
    if (!file)
        return -EBADF;
    if (!eventfd_is(file))
        return -EINVAL;
    file_get(file);
    request->event_file = file;
    return 0;
}

static int request_create(const struct iocb *iocb, uintptr_t at, struct aio_request **created)
{
    const uint32_t key = 0; /* io_cancel() checks it */
    struct file *file = fd_file(iocb->aio_fildes);
    struct aio_request *request;
    int rc;

    if (!file)
        return -EBADF;
    request = pv_alloc(sizeof(*request));
    if (!request)
        return -EAGAIN;
    file_get(file);
    request->file = file;
    request->event = (struct io_event){ .data = iocb->aio_data, .obj = at };
    rc = take_event_file(request, iocb);
    if (!rc)
        rc = user_write(at + offsetof(struct iocb, aio_key), &key, sizeof(key));
    if (rc) {
        request_free(request);
        return rc;
    }
    *created = request;
    return 0;
}

static int submit_one(struct aio_context *context, uintptr_t at)
{
    struct aio_request *request;
    struct iocb iocb;
    int rc;

    if (user_read(&iocb, at, sizeof(iocb)))
        return -EFAULT;
    if (iocb.aio_reserved2 || (int64_t)iocb.aio_nbytes < 0)
        return -EINVAL;
    if (!has_room(context))
        return -EAGAIN;
    rc = request_create(&iocb, at, &request);
    if (rc)
        return rc;
    request->context = context;
    context->users++;
    context->under_way++;
    rc = request_start(request, &iocb);
    if (rc) {
        context->under_way--;
        request_free(request);
        context_put(context);
    }
    return rc;
}

long sys_io_submit(const unsigned long a[6])
{
    struct aio_context *context;
    long n = (long)a[1], done = 0;
    int rc = 0;

    if (n < 0)
        return -EINVAL;
    context = context_get(a[0]);
    if (!context)
        return -EINVAL;
    for (; done < n; done++) {
        uint64_t at;

        rc = user_read(&at, a[2] + (size_t)done * sizeof(at), sizeof(at));
        if (!rc)
            rc = context->dead ? -EINVAL : submit_one(context, at);
        if (rc)
            break;
    }
    context_put(context);
    return done ? done : rc;
}

/* Nothing here can be cancelled, as on Linux, where requests to disks and files cannot be either. */
long sys_io_cancel(const unsigned long a[6])
{
    uint32_t key;

    if (user_read(&key, a[1] + offsetof(struct iocb, aio_key), sizeof(key)))
        return -EFAULT;
    return -EINVAL;
}
