/*
 * signalfd: signals that a process reads from a file.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "task.h"

struct signalfd { uint64_t mask; struct process *process; struct file *file; struct signalfd *next; };
static struct signalfd *all;

#define INFO_SIZE 128 /* struct signalfd_siginfo */

void signalfd_changed(struct process *process)
{
    for (struct signalfd *fd = all; fd; fd = fd->next)
        if (fd->process == process)
            file_changed(fd->file);
}

static uint64_t pending(const struct signalfd *fd)
{
    struct task *task = task_self();

    return task ? (task->pending | task->process->pending) & fd->mask : 0;
}

static long signalfd_read(struct file *file, struct user_iter *to, uint64_t pos)
{
    struct signalfd *fd = file->data;
    long done = 0;

    if (to->left < INFO_SIZE)
        return -PV_EINVAL;
    while (to->left >= INFO_SIZE) {
        uint32_t out[INFO_SIZE / 4] = { 0 };
        struct signal_info info;
        int number = signal_take(task_self(), fd->mask, &info);

        if (!number)
            break;
        out[0] = (uint32_t)number;
        out[2] = (uint32_t)info.code;
        out[3] = (uint32_t)info.sender;
        out[4] = info.uid;
        out[10] = (uint32_t)info.status;
        if (iter_put(to, out, sizeof(out)))
            return -PV_EFAULT;
        done += INFO_SIZE;
    }
    return done ? done : -PV_EAGAIN;
}

static unsigned int signalfd_poll(struct file *file)
{
    return pending(file->data) ? POLLIN : 0;
}

static void signalfd_close(struct file *file)
{
    struct signalfd *fd = file->data, **at = &all;

    while (*at != fd)
        at = &(*at)->next;
    *at = fd->next;
    pv_free(fd);
}

static const struct file_ops signalfd_ops = {
    .read = signalfd_read, .poll = signalfd_poll, .close = signalfd_close,
};

static long make(uint64_t mask, unsigned long flags)
{
    struct signalfd *fd = pv_alloc(sizeof(*fd));

    if (!fd)
        return -PV_ENOMEM;
    fd->file = file_new(&signalfd_ops, O_RDWR | (int)(flags & O_NONBLOCK), fd);
    if (!fd->file) {
        pv_free(fd);
        return -PV_ENOMEM;
    }
    fd->mask = mask;
    fd->process = task_self()->process;
    fd->next = all;
    all = fd;
    return fd_install(fd->file, 0, flags & O_CLOEXEC);
}

long sys_signalfd4(const unsigned long a[6])
{
    uint64_t mask;
    struct file *file;

    if (a[2] != sizeof(mask) || a[3] & ~(unsigned long)(O_NONBLOCK | O_CLOEXEC))
        return -PV_EINVAL;
    if (user_read(&mask, a[1], sizeof(mask)))
        return -PV_EFAULT;
    mask &= ~(SIGNAL_BIT(MICRO_SIGKILL) | SIGNAL_BIT(MICRO_SIGSTOP));
    if ((int)a[0] == -1)
        return make(mask, a[3]);
    file = fd_file(a[0]);
    if (!file)
        return -PV_EBADF;
    if (file->ops != &signalfd_ops)
        return -PV_EINVAL;
    ((struct signalfd *)file->data)->mask = mask;
    file_changed(file);
    return (long)a[0];
}
