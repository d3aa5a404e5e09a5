/*
 * /dev/xen/xenbus: xenstore's protocol, for libxenstore. A program writes requests, in pieces of any size, and reads
 * answers and watch events. A program with many requests or unread answers cannot write more for now. Events cannot be
 * held back, so a program with too many unread events loses the connection.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "dev-xen.h"

#include <linux/errno.h>

#define UNDER_WAY_MAX 8U           /* the layer takes 16 of a client */
#define UNREAD_PAUSE (16U << 10)   /* bytes: beyond, no more requests are taken */
#define UNREAD_MAX (128U << 10)    /* bytes: beyond, the connection is closed */

/* A message that waits to be read. */
struct unread {
    struct unread *next;
    size_t size, done;
    char bytes[];
};

struct xenbus {
    struct file *file;
    struct pv_store_client *client; /* NULL: the connection is lost */
    unsigned int under_way;
    struct unread *first, *last;
    size_t unread;                  /* bytes that they take */
    /* The request that is being written. */
    size_t got;
    struct xsd_sockmsg header;
    char *body;                     /* NULL: the header is not complete */
};

static void lose(struct xenbus *xenbus, const char *why)
{
    pv_log("xenbus: %s: closed", why);
    pv_store_client_close(xenbus->client);
    xenbus->client = NULL;
}

static void got_message(void *arg, const struct xsd_sockmsg *message, const void *body)
{
    struct xenbus *xenbus = arg;
    size_t size = sizeof(*message) + message->len;
    struct unread *new = NULL;

    if (message->type != XS_WATCH_EVENT)
        xenbus->under_way--;
    if (xenbus->unread + size <= UNREAD_MAX)
        new = pv_alloc(sizeof(*new) + size);
    if (!new) {
        lose(xenbus, "a program does not read what it gets, or memory is short");
        file_changed(xenbus->file);
        return;
    }
    new->size = size;
    pv_copy(new->bytes, message, sizeof(*message));
    pv_copy(new->bytes + sizeof(*message), body, message->len);
    *(xenbus->first ? &xenbus->last->next : &xenbus->first) = new;
    xenbus->last = new;
    xenbus->unread += size;
    file_changed(xenbus->file);
}

/* ---- reading ---- */

static void drop_first(struct xenbus *xenbus)
{
    struct unread *first = xenbus->first;

    xenbus->first = first->next;
    xenbus->unread -= first->size;
    pv_free(first);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static long xenbus_read(struct file *file, struct user_iter *to, uint64_t pos)
{
    struct xenbus *xenbus = file->data;
    struct unread *first;
    long done = 0;

    while ((first = xenbus->first) && to->left) {
        size_t n = least(first->size - first->done, to->left);

        if (iter_put(to, first->bytes + first->done, n))
            return done ? done : -EFAULT;
        first->done += n;
        done += (long)n;
        if (first->done == first->size)
            drop_first(xenbus);
    }
    if (done)
        file_changed(file); /* the program may be able to write again */
    else if (to->left)
        return xenbus->client ? -EAGAIN : -EIO;
    return done;
}

/* ---- writing ---- */

static bool is_paused(const struct xenbus *xenbus)
{
    return xenbus->under_way >= UNDER_WAY_MAX || xenbus->unread > UNREAD_PAUSE;
}

/* Forgets the part of a message that was written so far. */
static void forget_message(struct xenbus *xenbus)
{
    pv_free(xenbus->body);
    xenbus->body = NULL;
    xenbus->got = 0;
}

static int header_complete(struct xenbus *xenbus)
{
    if (xenbus->header.len > XENSTORE_PAYLOAD_MAX)
        return -EINVAL;
    xenbus->body = pv_alloc(xenbus->header.len + 1); /* never 0 bytes, for which NULL might be the answer */
    return xenbus->body ? 0 : -ENOMEM;
}

static int message_complete(struct xenbus *xenbus)
{
    int rc;

    xenbus->under_way++; /* before the call, which may answer at once */
    rc = pv_store_client_send(xenbus->client, &xenbus->header, xenbus->body);
    if (rc)
        xenbus->under_way--;
    return rc;
}

/* Takes what belongs to the header, or else to the body. How many bytes, or an error. */
static long write_part(struct xenbus *xenbus, struct user_iter *from)
{
    size_t header = sizeof(xenbus->header);
    bool in_header = xenbus->got < header;
    size_t size = in_header ? header - xenbus->got : header + xenbus->header.len - xenbus->got;
    char *to = in_header ? (char *)&xenbus->header + xenbus->got : xenbus->body + (xenbus->got - header);
    int rc;

    size = least(size, from->left);
    if (iter_get(from, to, size))
        return -EFAULT; /* what was written before stays */
    xenbus->got += size;
    rc = in_header && xenbus->got == header ? header_complete(xenbus) : 0;
    if (!rc && xenbus->got >= header && xenbus->got == header + xenbus->header.len) {
        rc = message_complete(xenbus);
        forget_message(xenbus);
    }
    if (rc)
        forget_message(xenbus);
    return rc ? rc : (long)size;
}

static long xenbus_write(struct file *file, struct user_iter *from, uint64_t pos)
{
    struct xenbus *xenbus = file->data;
    long done = 0, n = 0;

    while (from->left && xenbus->client && !is_paused(xenbus)) {
        n = write_part(xenbus, from);
        if (n < 0)
            break;
        done += n;
    }
    /*
     * Earlier parts were taken, so this call cannot return the error. The connection ends, rather than lose a request
     * silently.
     */
    if (done && n < 0 && n != -EFAULT && xenbus->client)
        lose(xenbus, "a request cannot be");
    if (done)
        return done;
    if (n < 0)
        return n;
    return xenbus->client ? -EAGAIN : -EIO;
}

static unsigned int xenbus_poll(struct file *file)
{
    struct xenbus *xenbus = file->data;
    unsigned int ready = xenbus->first ? POLLIN : 0;

    if (!xenbus->client)
        return ready | POLLIN | POLLOUT | POLLERR | POLLHUP;
    return ready | (is_paused(xenbus) ? 0 : POLLOUT);
}

/* ---- the device ---- */

static void xenbus_close(struct file *file)
{
    struct xenbus *xenbus = file->data;

    if (xenbus->client)
        pv_store_client_close(xenbus->client);
    while (xenbus->first)
        drop_first(xenbus);
    forget_message(xenbus);
    pv_free(xenbus);
}

static const struct file_ops xenbus_ops = {
    .read = xenbus_read,
    .write = xenbus_write,
    .poll = xenbus_poll,
    .close = xenbus_close,
};

static int xenbus_open(void *arg, int flags, struct file **file)
{
    struct xenbus *xenbus = pv_alloc(sizeof(*xenbus));

    if (xenbus)
        xenbus->client = pv_store_client_open(got_message, xenbus);
    *file = xenbus && xenbus->client ? file_new(&xenbus_ops, flags, xenbus) : NULL;
    if (!*file) {
        if (xenbus && xenbus->client)
            pv_store_client_close(xenbus->client);
        pv_free(xenbus);
        return -ENOMEM;
    }
    xenbus->file = *file;
    return 0;
}

int dev_xenbus_init(void)
{
    return device_add("/dev/xen/xenbus", S_IFCHR | 0600, XEN_DEVICE(5), xenbus_open, NULL);
}
