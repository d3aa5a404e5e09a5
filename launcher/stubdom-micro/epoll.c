/*
 * epoll: a list of files that is kept in the kernel. Level-triggered only, as QEMU uses it
 * (util/fdmon-epoll.c); EPOLLET, EPOLLONESHOT and EPOLLEXCLUSIVE are refused, and so is an epoll in another.
 * Each wait asks all files of the list. The list is short, and so no state of the files has to be kept. An entry does
 * not keep its file open: it is removed when the file's last descriptor is closed.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "files.h"

#include <linux/eventpoll.h>

#define EPOLL_ITEMS MICRO_FDS /* in one list: else ENOSPC, as on Linux at its limit */
#define EPOLL_SERVED (EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLRDNORM | EPOLLRDBAND | \
    EPOLLWRNORM | EPOLLWRBAND | EPOLLMSG | EPOLLRDHUP | EPOLLWAKEUP)
_Static_assert(EPOLLIN == POLLIN && EPOLLOUT == POLLOUT && EPOLLERR == POLLERR && EPOLLHUP == POLLHUP &&
               EPOLLRDHUP == POLLRDHUP && EPOLLRDNORM == POLLRDNORM, "what files say are epoll's numbers");

struct epoll;
struct epoll_item {
    struct file *file;
    unsigned int fd;              /* the descriptor that was added; one file can be there with several */
    struct epoll_event event;
    struct epoll *epoll;
    struct epoll_item *next;      /* of the same list; an entry that was reported goes to its end */
    struct epoll_item *of_file;   /* of the same file */
};
struct epoll { struct file *file; struct epoll_item *items; unsigned int count; };

static unsigned int item_ready(const struct epoll_item *item)
{
    return file_ready(item->file) & (item->event.events | EPOLLERR | EPOLLHUP);
}

static struct epoll_item **item_find(struct epoll *epoll, const struct file *file, unsigned int fd)
{
    struct epoll_item **at = &epoll->items;

    while (*at && ((*at)->file != file || (*at)->fd != fd))
        at = &(*at)->next;
    return at;
}

static void item_append(struct epoll *epoll, struct epoll_item *item)
{
    struct epoll_item **at = &epoll->items;

    while (*at)
        at = &(*at)->next;
    item->next = NULL;
    *at = item;
}

/* at: the link in the list. */
static void item_remove(struct epoll_item **at)
{
    struct epoll_item *item = *at, **of_file = &item->file->epolls;

    *at = item->next;
    while (*of_file != item)
        of_file = &(*of_file)->of_file;
    *of_file = item->of_file;
    item->epoll->count--;
    pv_free(item);
}

void epoll_changed(struct file *file)
{
    for (struct epoll_item *item = file->epolls; item; item = item->of_file)
        file_changed(item->epoll->file);
}

void epoll_forget(struct file *file)
{
    while (file->epolls) {
        struct epoll_item *item = file->epolls;

        item_remove(item_find(item->epoll, file, item->fd));
    }
}

/* ---- the file ---- */

static unsigned int epoll_poll(struct file *file)
{
    struct epoll *epoll = file->data;

    for (const struct epoll_item *item = epoll->items; item; item = item->next)
        if (item_ready(item))
            return POLLIN;
    return 0;
}

static void epoll_stat(struct file *file, struct stat *st)
{
    st->st_mode = 0600;
    st->st_nlink = 1;
    st->st_blksize = PV_PAGE;
}

static void epoll_close(struct file *file)
{
    struct epoll *epoll = file->data;

    while (epoll->items)
        item_remove(&epoll->items);
    pv_free(epoll);
}

static const struct file_ops epoll_ops = { .poll = epoll_poll, .stat = epoll_stat, .close = epoll_close };

long sys_epoll_create1(const unsigned long a[6])
{
    int flags = (int)a[0];
    struct epoll *epoll;

    if (flags & ~EPOLL_CLOEXEC)
        return -EINVAL;
    epoll = pv_alloc(sizeof(*epoll));
    if (!epoll)
        return -ENOMEM;
    epoll->file = file_new(&epoll_ops, O_RDWR, epoll);
    if (!epoll->file) {
        pv_free(epoll);
        return -ENOMEM;
    }
    return fd_install(epoll->file, 0, flags & EPOLL_CLOEXEC);
}

long sys_epoll_create(const unsigned long a[6])
{
    const unsigned long flags[6] = { 0 };

    return (int)a[0] > 0 ? sys_epoll_create1(flags) : -EINVAL;
}

/* ---- the list ---- */

static long epoll_add(struct epoll *epoll, struct file *file, unsigned int fd, const struct epoll_event *event)
{
    struct epoll_item *item;

    if (epoll->count == EPOLL_ITEMS)
        return -ENOSPC;
    item = pv_alloc(sizeof(*item));
    if (!item)
        return -ENOMEM;
    *item = (struct epoll_item){
        .file = file, .fd = fd, .event = *event, .epoll = epoll, .of_file = file->epolls,
    };
    file->epolls = item;
    item_append(epoll, item);
    epoll->count++;
    file_changed(epoll->file); /* wakes those who wait for the list, so that they look at this file, too */
    return 0;
}

static long epoll_change(struct epoll *epoll, struct file *file, unsigned int fd, int what,
                         const struct epoll_event *event)
{
    struct epoll_item **at = item_find(epoll, file, fd);

    if (what == EPOLL_CTL_ADD)
        return *at ? -EEXIST : epoll_add(epoll, file, fd, event);
    if (what != EPOLL_CTL_MOD && what != EPOLL_CTL_DEL)
        return -EINVAL;
    if (!*at)
        return -ENOENT;
    if (what == EPOLL_CTL_DEL) {
        item_remove(at);
        return 0;
    }
    (*at)->event = *event;
    file_changed(epoll->file);
    return 0;
}

/* In Linux's order: which of two errors comes first. */
long sys_epoll_ctl(const unsigned long a[6])
{
    int what = (int)a[1];
    struct epoll_event event = { 0 };
    struct file *list, *file;

    if (what != EPOLL_CTL_DEL && user_read(&event, a[3], sizeof(event)))
        return -EFAULT;
    list = fd_file(a[0]);
    file = fd_file(a[2]);
    if (!list || !file)
        return -EBADF;
    if (!file->ops->poll)
        return -EPERM; /* it has no poll(): Linux refuses such files, too */
    if (list == file || list->ops != &epoll_ops)
        return -EINVAL;
    if (event.events & ~(unsigned int)EPOLL_SERVED)
        return -EINVAL;
    if (file->ops == &epoll_ops)
        return -ELOOP; /* Linux allows five levels */
    return epoll_change(list->data, file, (unsigned int)a[2], what, &event);
}

/* ---- waiting ---- */

/*
 * Writes the events of files that are ready, at most max. How many. An entry that is reported goes to the end of the
 * list, so that the others have their turn.
 */
static long epoll_collect(struct epoll *epoll, uintptr_t to, int max)
{
    struct epoll_item **at = &epoll->items;
    long found = 0;

    for (unsigned int left = epoll->count; left && found < max; left--) {
        struct epoll_item *item = *at;
        struct epoll_event event = { .events = item_ready(item), .data = item->event.data };

        if (!event.events) {
            at = &item->next;
            continue;
        }
        if (user_write(to + (size_t)found * sizeof(event), &event, sizeof(event)))
            return found ? found : -EFAULT;
        found++;
        *at = item->next;
        item_append(epoll, item);
    }
    return found;
}

static long epoll_sleep(struct file *file, uintptr_t to, int max, uint64_t until)
{
    for (;;) {
        long rc = epoll_collect(file->data, to, max);

        if (rc || !until)
            return rc;
        rc = file_wait(file, POLLIN, until);
        if (rc)
            return rc == -ETIMEDOUT ? 0 : rc;
    }
}

static long do_epoll(const unsigned long a[6])
{
    int max = (int)a[2], ms = (int)a[3];
    struct file *file;
    long rc;

    if (max <= 0 || (size_t)max > INT32_MAX / sizeof(struct epoll_event))
        return -EINVAL;
    file = fd_file(a[0]);
    if (!file)
        return -EBADF;
    if (file->ops != &epoll_ops)
        return -EINVAL;
    pv_events_dispatch();
    file_get(file);
    rc = epoll_sleep(file, a[1], max, ms < 0 ? PV_FOREVER : ms ? pv_clock() + (uint64_t)ms * PV_MS : 0);
    file_put(file);
    return rc;
}

long sys_epoll_wait(const unsigned long a[6])
{
    return do_epoll(a);
}

long sys_epoll_pwait(const unsigned long a[6])
{
    uint64_t old;
    int rc = 0;

    if (!a[4])
        return do_epoll(a);
    rc = poll_mask_set(a[4], a[5], &old);
    return rc ? rc : poll_mask_end(do_epoll(a), old);
}
