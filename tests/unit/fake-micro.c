/*
 * fake-micro.h
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "fake-micro.h"

#include "unit.h"

#include "launcher/stubdom-micro/files.h"

#define WEAK __attribute__((weak))

WEAK void epoll_changed(struct file *file) { }
WEAK void epoll_forget(struct file *file) { }

long fake_user_fails = -1;
unsigned int fake_uid;
struct fd_table fake_fds;
struct fs_state fake_fs = { .umask = 022 };
bool fake_signalled, fake_sigmask_later;
int fake_raised;
unsigned int fake_raises;
uint64_t fake_sigmask, fake_sigmask_saved;
char fake_uevents[1024];

/* ---- user memory ---- */

static int user_check(uintptr_t va, size_t n)
{
    if (fake_user_fails >= 0 && fake_user_fails-- == 0)
        return -PV_EFAULT;
    if (!n)
        return 0;
    if (va < PV_PAGE || va + n < va || (va < FAKE_USER_BAD + PV_PAGE && va + n > FAKE_USER_BAD))
        return -PV_EFAULT;
    return 0;
}

WEAK int user_read(void *to, uintptr_t from, size_t n)
{
    int rc = user_check(from, n);

    if (!rc && n)
        memcpy(to, (const void *)from, n);
    return rc;
}

WEAK int user_write(uintptr_t to, const void *from, size_t n)
{
    int rc = user_check(to, n);

    if (!rc && n)
        memcpy((void *)to, from, n);
    return rc;
}

WEAK long user_string(char *to, uintptr_t from, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        int rc = user_read(to + i, from + i, 1);

        if (rc)
            return rc;
        if (!to[i])
            return (long)i;
    }
    return -PV_ENAMETOOLONG;
}

WEAK int user_pin(uintptr_t va, bool write, void **page)
{
    int rc = user_check(va, 1);

    (void)write;
    if (rc)
        return rc;
    *page = (void *)(va & ~(PV_PAGE - 1));
    if (pv_pages_in_run(*page))
        pv_pages_get(*page);
    else
        pv_pages_adopt(*page, 1);
    return 0;
}

/* The piece that the iterator is at. */
static size_t iter_piece(struct user_iter *iter, uintptr_t *va)
{
    while (iter->count && iter->offset == iter->vecs->size) {
        iter->vecs++;
        iter->count--;
        iter->offset = 0;
    }
    assert_true(iter->count > 0);
    *va = iter->vecs->base + iter->offset;
    return iter->vecs->size - iter->offset;
}

static void iter_skip(struct user_iter *iter, size_t n)
{
    iter->offset += n;
    iter->left -= n;
}

static int iter_move(struct user_iter *iter, char *to, const char *from, size_t n)
{
    assert_true(n <= iter->left);
    while (n) {
        uintptr_t va;
        size_t piece = iter_piece(iter, &va);
        int rc;

        if (piece > n)
            piece = n;
        rc = to ? user_read(to, va, piece) : user_write(va, from, piece);
        if (rc)
            return rc;
        iter_skip(iter, piece);
        n -= piece;
        if (to)
            to += piece;
        else
            from += piece;
    }
    return 0;
}

WEAK int iter_get(struct user_iter *iter, void *p, size_t n) { return iter_move(iter, p, NULL, n); }
WEAK int iter_put(struct user_iter *iter, const void *p, size_t n) { return iter_move(iter, NULL, p, n); }

WEAK int iter_pin(struct user_iter *iter, bool write, void **page, size_t *offset, size_t *size)
{
    uintptr_t va;
    size_t piece = iter_piece(iter, &va);
    int rc = user_pin(va, write, page);

    if (rc)
        return rc;
    *offset = va % PV_PAGE;
    *size = piece < PV_PAGE - *offset ? piece : PV_PAGE - *offset;
    iter_skip(iter, *size);
    return 0;
}

struct user_iter *fake_iter(struct user_iter *iter, struct user_vec *vec, void *p, size_t n)
{
    *vec = (struct user_vec){ .base = (uintptr_t)p, .size = n };
    *iter = (struct user_iter){ .vecs = vec, .count = 1, .left = n };
    return iter;
}

long fake_read(struct file *file, void *to, size_t size)
{
    struct user_iter iter;
    struct user_vec vec;

    return file->ops->read(file, fake_iter(&iter, &vec, to, size), 0);
}

long fake_write(struct file *file, const void *from, size_t size)
{
    struct user_iter iter;
    struct user_vec vec;

    return file->ops->write(file, fake_iter(&iter, &vec, (void *)from, size), 0);
}

WEAK uint64_t time_from_user(uintptr_t timespec, int *rc)
{
    int64_t ts[2];

    *rc = 0;
    if (!timespec)
        return PV_FOREVER;
    *rc = user_read(ts, timespec, sizeof(ts));
    if (!*rc && (ts[0] < 0 || ts[1] < 0 || ts[1] >= (int64_t)PV_SECOND))
        *rc = -PV_EINVAL;
    return *rc ? 0 : pv_clock() + (uint64_t)ts[0] * PV_SECOND + (uint64_t)ts[1];
}

/* ---- the task ---- */

static char the_task;

WEAK struct task *task_self(void) { return (struct task *)&the_task; }
WEAK unsigned int task_uid(void) { return fake_uid; }
WEAK struct fd_table *task_fds(void) { return &fake_fds; }
WEAK struct fs_state *task_fs(void) { return &fake_fs; }
WEAK int task_pid(void) { return 42; }
WEAK bool task_signalled(void) { return fake_signalled; }

WEAK int task_wait(struct pv_queue *queue, uint64_t until)
{
    bool late;

    if (fake_signalled)
        return -PV_EINTR;
    late = pv_queue_wait(queue, until);
    if (fake_signalled)
        return -PV_EINTR;
    return late ? -PV_ETIMEDOUT : 0;
}

WEAK void task_raise(int signal)
{
    fake_raised = signal;
    fake_raises++;
}

WEAK int task_swap_sigmask(const uint64_t *mask, uint64_t *old)
{
    if (old)
        *old = fake_sigmask;
    if (mask)
        fake_sigmask = *mask;
    return 0;
}

WEAK void task_restore_sigmask_later(uint64_t old)
{
    fake_sigmask_saved = old;
    fake_sigmask_later = true;
}

/* ---- files ---- */

WEAK struct file *file_new(const struct file_ops *ops, int flags, void *data)
{
    struct file *file = pv_alloc(sizeof(*file));

    if (!file)
        return NULL;
    file->ops = ops;
    file->refs = 1;
    file->flags = flags;
    file->data = data;
    return file;
}

WEAK void file_get(struct file *file) { file->refs++; }

WEAK void file_put(struct file *file)
{
    if (--file->refs)
        return;
    if (file->ops->close)
        file->ops->close(file);
    pv_free(file);
}

WEAK void file_changed(struct file *file)
{
    (void)file;
    pv_wake(pv_thread_self());
}

WEAK int file_wait(struct file *file, unsigned int events, uint64_t until)
{
    for (;;) {
        unsigned int ready = file->ops->poll ? file->ops->poll(file) : POLLIN | POLLOUT;

        if (ready & (events | POLLHUP | POLLERR))
            return 0;
        if (fake_signalled)
            return -PV_EINTR;
        if (pv_sleep(until))
            return -PV_ETIMEDOUT;
    }
}

WEAK struct file *fd_file(unsigned long fd)
{
    return fd < MICRO_FDS ? fake_fds.slots[fd].file : NULL;
}

WEAK int fd_install(struct file *file, unsigned int from, bool cloexec)
{
    for (unsigned int fd = from; fd < MICRO_FDS; fd++)
        if (!fake_fds.slots[fd].file) {
            fake_fds.slots[fd] = (struct fd_slot){ .file = file, .cloexec = cloexec };
            return (int)fd;
        }
    file_put(file);
    return -24;
}

/* ---- devices ---- */

#define DEVICES 64
static struct { char path[64]; device_open_fn *open; void *arg; } devices[DEVICES];

static size_t device_find(const char *path)
{
    for (size_t i = 0; i < DEVICES; i++)
        if (!strcmp(devices[i].path, path))
            return i;
    return DEVICES;
}

WEAK int device_add(const char *path, unsigned int mode, uint64_t rdev, device_open_fn *open, void *arg)
{
    size_t i = device_find("");

    (void)mode, (void)rdev;
    assert_true(i < DEVICES && strlen(path) < sizeof(devices[i].path));
    if (device_find(path) < DEVICES)
        return -PV_EEXIST;
    strcpy(devices[i].path, path);
    devices[i].open = open;
    devices[i].arg = arg;
    return 0;
}

WEAK void device_remove(const char *path)
{
    size_t i = device_find(path);

    if (i < DEVICES)
        devices[i].path[0] = '\0';
}

int fake_device_open(const char *path, int flags, struct file **file)
{
    size_t i = device_find(path);

    return i < DEVICES ? devices[i].open(devices[i].arg, flags, file) : -PV_ENOENT;
}

bool fake_device_exists(const char *path) { return device_find(path) < DEVICES; }

WEAK void uevent_send(const char *text)
{
    assert_true(strlen(fake_uevents) + strlen(text) + 2 < sizeof(fake_uevents));
    strcat(fake_uevents, text);
    strcat(fake_uevents, "\n");
}

void fake_micro_reset(void)
{
    for (unsigned int fd = 0; fd < MICRO_FDS; fd++) {
        struct file *file = fake_fds.slots[fd].file;

        fake_fds.slots[fd].file = NULL;
        if (file)
            file_put(file);
    }
    memset(devices, 0, sizeof(devices));
    fake_user_fails = -1;
    fake_uid = 0;
    fake_signalled = fake_sigmask_later = false;
    fake_raised = 0;
    fake_raises = 0;
    fake_sigmask = 0;
    fake_uevents[0] = '\0';
}
