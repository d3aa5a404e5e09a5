/*
 * Waiting until files are ready. A task that sleeps is a poller, with its list of files. A file that changes wakes only
 * the pollers that have it in their list. No wake can be lost between looking and sleeping, because the kernel is
 * cooperative: nothing else runs between the two.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "files.h"

struct poller {
    struct file *const *files; /* NULL elements: none */
    size_t count;
    bool woken;
    struct pv_queue queue;
    struct poller *next, **link;
};

static struct poller *pollers;

static void poller_add(struct poller *poller)
{
    for (size_t i = 0; i < poller->count; i++)
        if (poller->files[i])
            poller->files[i]->watched++;
    poller->next = pollers;
    poller->link = &pollers;
    if (pollers)
        pollers->link = &poller->next;
    pollers = poller;
}

static void poller_remove(struct poller *poller)
{
    for (size_t i = 0; i < poller->count; i++)
        if (poller->files[i])
            poller->files[i]->watched--;
    *poller->link = poller->next;
    if (poller->next)
        poller->next->link = poller->link;
}

static bool poller_has(const struct poller *poller, const struct file *file)
{
    for (size_t i = 0; i < poller->count; i++)
        if (poller->files[i] == file)
            return true;
    return false;
}

void file_changed(struct file *file)
{
    epoll_changed(file);
    if (!file->watched)
        return;
    for (struct poller *poller = pollers; poller; poller = poller->next)
        if (!poller->woken && poller_has(poller, file)) {
            poller->woken = true;
            pv_queue_wake(&poller->queue);
        }
}

/* Sleeps until one of the files changes: 0, -EINTR or -ETIMEDOUT. The caller has users of them. */
static int poller_sleep(struct file *const *files, size_t count, uint64_t until)
{
    struct poller poller = { .files = files, .count = count };
    int rc;

    poller_add(&poller);
    rc = task_wait(&poller.queue, until);
    poller_remove(&poller);
    return rc;
}

/* In Linux's numbers, normal data are 6 bits above data. */
_Static_assert(POLLRDNORM == POLLIN << 6 && POLLWRNORM == POLLOUT << 6, "poll.h");
unsigned int file_ready(struct file *file)
{
    unsigned int ready = file->ops->poll ? file->ops->poll(file) : POLLIN | POLLOUT;

    return ready | (ready & (POLLIN | POLLOUT)) << 6;
}

int file_wait(struct file *file, unsigned int events, uint64_t until)
{
    events |= POLLHUP | POLLERR;
    while (!(file_ready(file) & events)) {
        int rc = poller_sleep(&file, 1, until);

        if (rc && !(file_ready(file) & events))
            return rc;
    }
    return 0;
}

/* ---- poll ---- */

/* Lists of up to so many files need no allocation. QEMU's are no longer. */
#define POLL_FEW 24U
_Static_assert(sizeof(struct pollfd) == 8, "struct pollfd is Linux's");

struct poll_list {
    struct pollfd *fds;
    struct file **files;
    size_t count;
    struct pollfd few_fds[POLL_FEW];
    struct file *few_files[POLL_FEW];
};

static void list_free(struct poll_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->files[i])
            file_put(list->files[i]);
    if (list->fds != list->few_fds)
        pv_free(list->fds);
}

static int list_get(struct poll_list *list, uintptr_t fds, size_t count)
{
    int rc;

    list->fds = list->few_fds;
    list->files = list->few_files;
    list->count = 0;
    if (count > MICRO_FDS)
        return -EINVAL;
    if (count > POLL_FEW) {
        list->fds = pv_alloc(count * (sizeof(*list->fds) + sizeof(*list->files)));
        if (!list->fds)
            return -ENOMEM;
        list->files = (struct file **)(list->fds + count);
    }
    rc = user_read(list->fds, fds, count * sizeof(*list->fds));
    if (rc) {
        list_free(list);
        return rc;
    }
    for (size_t i = 0; i < count; i++) {
        int fd = list->fds[i].fd;

        list->files[i] = fd < 0 ? NULL : fd_file((unsigned int)fd);
        if (list->files[i])
            file_get(list->files[i]); /* another task may close it while this one sleeps */
    }
    list->count = count;
    return 0;
}

static unsigned int entry_ready(const struct poll_list *list, size_t i)
{
    if (list->fds[i].fd < 0)
        return 0;
    if (!list->files[i])
        return POLLNVAL;
    return file_ready(list->files[i]) & ((unsigned short)list->fds[i].events | POLLERR | POLLHUP);
}

/*
 * How many are ready. Writes only revents to the program, and only those that differ: another thread may change the
 * rest of the list meanwhile.
 */
static long list_scan(struct poll_list *list, uintptr_t fds)
{
    long found = 0;

    for (size_t i = 0; i < list->count; i++) {
        uintptr_t at = fds + i * sizeof(struct pollfd) + offsetof(struct pollfd, revents);
        short ready = (short)entry_ready(list, i);
        int rc;

        found += ready != 0;
        if (ready == list->fds[i].revents)
            continue;
        list->fds[i].revents = ready;
        rc = user_write(at, &ready, sizeof(ready));
        if (rc)
            return rc;
    }
    return found;
}

static long list_poll(struct poll_list *list, uintptr_t fds, uint64_t until)
{
    for (;;) {
        long found = list_scan(list, fds);

        if (found)
            return found;
        if (task_signalled())
            return -EINTR;
        if (until != PV_FOREVER && until <= pv_clock())
            return 0;
        /* After a signal or a timeout the files are looked at once more. */
        if (poller_sleep(list->files, list->count, until) == -ETIMEDOUT)
            until = 0;
    }
}

static long do_poll(uintptr_t fds, unsigned int count, uint64_t until)
{
    struct poll_list list;
    long rc;

    pv_events_dispatch();
    rc = list_get(&list, fds, count);
    if (rc)
        return rc;
    rc = list_poll(&list, fds, until);
    list_free(&list);
    return rc;
}

long sys_poll(const unsigned long a[6])
{
    int ms = (int)a[2];
    uint64_t until = PV_FOREVER;

    if (ms >= 0)
        until = ms ? pv_clock() + (uint64_t)ms * PV_MS : 0;
    return do_poll(a[0], (unsigned int)a[1], until);
}

int poll_mask_set(uintptr_t mask, size_t size, uint64_t *old)
{
    uint64_t value;
    int rc;

    if (size != sizeof(value))
        return -EINVAL;
    rc = user_read(&value, mask, sizeof(value));
    return rc ? rc : task_swap_sigmask(&value, old);
}

long poll_mask_end(long done, uint64_t old)
{
    if (done == -EINTR)
        task_restore_sigmask_later(old);
    else
        task_swap_sigmask(&old, NULL);
    return done;
}

/* The time left is not written back as on Linux: no C library shows it to programs. */
long sys_ppoll(const unsigned long a[6])
{
    uint64_t old, until = PV_FOREVER;
    int rc = 0;

    if (a[2])
        until = time_from_user(a[2], &rc);
    if (rc)
        return rc;
    if (!a[3])
        return do_poll(a[0], (unsigned int)a[1], until);
    rc = poll_mask_set(a[3], a[4], &old);
    return rc ? rc : poll_mask_end(do_poll(a[0], (unsigned int)a[1], until), old);
}
