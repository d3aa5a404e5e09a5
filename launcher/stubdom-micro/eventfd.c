/*
 * eventfd2(): a count that can be waited for.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "files.h"

#include <linux/eventfd.h>

#define EVENTFD_MAX (UINT64_MAX - 1)

struct eventfd { uint64_t count; bool semaphore; };

static long eventfd_read(struct file *file, struct user_iter *to, uint64_t pos)
{
    struct eventfd *event = file->data;
    uint64_t value = event->semaphore ? 1 : event->count;
    int rc;

    if (to->left < sizeof(value))
        return -EINVAL;
    if (!event->count)
        return -EAGAIN;
    rc = iter_put(to, &value, sizeof(value));
    if (rc)
        return rc;
    event->count -= value;
    file_changed(file); /* wakes those who wait to add */
    return sizeof(value);
}

static void eventfd_count(struct file *file, uint64_t n)
{
    struct eventfd *event = file->data;

    event->count += n;
    /* Even if the count was not 0: several readers may each take one of a semaphore. */
    file_changed(file);
}

static long eventfd_write(struct file *file, struct user_iter *from, uint64_t pos)
{
    struct eventfd *event = file->data;
    struct user_iter at = *from;
    uint64_t n;
    int rc;

    if (from->left < sizeof(n))
        return -EINVAL;
    rc = iter_get(&at, &n, sizeof(n));
    if (rc)
        return rc;
    if (n == UINT64_MAX)
        return -EINVAL;
    if (n > EVENTFD_MAX - event->count)
        return -EAGAIN; /* *from is unchanged: the caller waits and tries again */
    from->left = 0;
    if (n)
        eventfd_count(file, n);
    return sizeof(n);
}

static unsigned int eventfd_poll(struct file *file)
{
    struct eventfd *event = file->data;

    return (event->count ? POLLIN : 0) | (event->count < EVENTFD_MAX ? POLLOUT : 0);
}

static void eventfd_stat(struct file *file, struct stat *st)
{
    st->st_mode = 0600;
    st->st_nlink = 1;
    st->st_blksize = PV_PAGE;
}

static void eventfd_close(struct file *file)
{
    pv_free(file->data);
}

static const struct file_ops eventfd_ops = {
    .read = eventfd_read,
    .write = eventfd_write,
    .poll = eventfd_poll,
    .stat = eventfd_stat,
    .close = eventfd_close,
};

bool eventfd_is(const struct file *file)
{
    return file->ops == &eventfd_ops;
}

int eventfd_add(struct file *file, uint64_t n)
{
    struct eventfd *event = file->data;

    if (!eventfd_is(file))
        return -EINVAL;
    eventfd_count(file, n < EVENTFD_MAX - event->count ? n : EVENTFD_MAX - event->count);
    return 0;
}

long sys_eventfd2(const unsigned long a[6])
{
    int flags = (int)a[1];
    struct eventfd *event;
    struct file *file;

    if (flags & ~(EFD_SEMAPHORE | EFD_CLOEXEC | EFD_NONBLOCK))
        return -EINVAL;
    event = pv_alloc(sizeof(*event));
    if (!event)
        return -ENOMEM;
    event->count = (unsigned int)a[0];
    event->semaphore = flags & EFD_SEMAPHORE;
    file = file_new(&eventfd_ops, O_RDWR | (flags & O_NONBLOCK), event);
    if (!file) {
        pv_free(event);
        return -ENOMEM;
    }
    return fd_install(file, 0, flags & O_CLOEXEC);
}

long sys_eventfd(const unsigned long a[6])
{
    const unsigned long with_flags[6] = { a[0] };

    return sys_eventfd2(with_flags);
}
