/*
 * Pipes: two files, one queue of bytes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "files.h"

#include <asm/ioctls.h>
#include <linux/limits.h>

struct pipe {
    struct fifo fifo;
    size_t limit;
    struct file *reader, *writer; /* NULL: closed */
};

static const struct file_ops reader_ops, writer_ops;

static size_t pipe_room(const struct pipe *pipe)
{
    size_t used = fifo_used(&pipe->fifo);

    return used < pipe->limit ? pipe->limit - used : 0;
}

static long pipe_read(struct file *file, struct user_iter *to, uint64_t pos)
{
    struct pipe *pipe = file->data;
    long done;

    if (!fifo_used(&pipe->fifo))
        return pipe->writer ? -EAGAIN : 0;
    done = fifo_read(&pipe->fifo, to, to->left, false);
    if (pipe->writer)
        file_changed(pipe->writer);
    return done;
}

/* Up to PIPE_BUF bytes stay together. */
static long pipe_write(struct file *file, struct user_iter *from, uint64_t pos)
{
    struct pipe *pipe = file->data;
    size_t room = pipe_room(pipe), want = from->left;
    long done;

    if (!pipe->reader)
        return -EPIPE;
    if (!room || (want <= PIPE_BUF && room < want))
        return -EAGAIN;
    done = fifo_write(&pipe->fifo, from, want < room ? want : room);
    file_changed(pipe->reader);
    return done;
}

static unsigned int reader_poll(struct file *file)
{
    struct pipe *pipe = file->data;

    return (fifo_used(&pipe->fifo) ? POLLIN : 0) | (pipe->writer ? 0 : POLLHUP);
}

static unsigned int writer_poll(struct file *file)
{
    struct pipe *pipe = file->data;

    return (pipe_room(pipe) >= PIPE_BUF ? POLLOUT : 0) | (pipe->reader ? 0 : POLLERR);
}

static long pipe_ioctl(struct file *file, unsigned int command, uintptr_t arg)
{
    struct pipe *pipe = file->data;
    int used = (int)fifo_used(&pipe->fifo);

    return command == FIONREAD ? user_write(arg, &used, sizeof(used)) : -ENOTTY;
}

static void pipe_stat(struct file *file, struct stat *st)
{
    st->st_mode = S_IFIFO | 0600;
    st->st_nlink = 1;
    st->st_blksize = PV_PAGE;
}

static void pipe_close(struct file *file)
{
    struct pipe *pipe = file->data;
    struct file **end = file == pipe->reader ? &pipe->reader : &pipe->writer;
    struct file *other = file == pipe->reader ? pipe->writer : pipe->reader;

    *end = NULL;
    if (other) {
        file_changed(other);
        return;
    }
    fifo_free(&pipe->fifo);
    pv_free(pipe);
}

static const struct file_ops reader_ops = {
    .read = pipe_read,
    .poll = reader_poll,
    .ioctl = pipe_ioctl,
    .stat = pipe_stat,
    .close = pipe_close,
};

static const struct file_ops writer_ops = {
    .write = pipe_write,
    .poll = writer_poll,
    .ioctl = pipe_ioctl,
    .stat = pipe_stat,
    .close = pipe_close,
};

long pipe_size(struct file *file, bool set, unsigned long size)
{
    struct pipe *pipe = file->data;
    size_t limit = PV_PAGE;

    if (file->ops != &reader_ops && file->ops != &writer_ops)
        return -EBADF;
    if (!set)
        return (long)pipe->limit;
    if (!size || size > INT32_MAX)
        return -EINVAL;
    if (size > FIFO_SIZE)
        return -EPERM;
    while (limit < size)
        limit *= 2;
    if (limit < fifo_used(&pipe->fifo))
        return -EBUSY;
    pipe->limit = limit;
    if (pipe->writer)
        file_changed(pipe->writer);
    return (long)limit;
}

static int pipe_new(int flags, struct file **reader, struct file **writer)
{
    struct pipe *pipe = pv_alloc(sizeof(*pipe));

    if (!pipe)
        return -ENOMEM;
    pipe->limit = FIFO_SIZE;
    pipe->reader = *reader = file_new(&reader_ops, O_RDONLY | (flags & O_NONBLOCK), pipe);
    if (!*reader) {
        pv_free(pipe);
        return -ENOMEM;
    }
    pipe->writer = *writer = file_new(&writer_ops, O_WRONLY | (flags & O_NONBLOCK), pipe);
    if (!*writer) {
        file_put(*reader);
        return -ENOMEM;
    }
    return 0;
}

/* O_DIRECT, a pipe of packets, is refused: no program here asks for it. */
long sys_pipe2(const unsigned long a[6])
{
    int flags = (int)a[1], rc;
    struct file *reader, *writer;

    if (flags & ~(O_NONBLOCK | O_CLOEXEC))
        return -EINVAL;
    rc = pipe_new(flags, &reader, &writer);
    return rc ? rc : fd_install_pair(reader, writer, flags & O_CLOEXEC, a[0]);
}

long sys_pipe(const unsigned long a[6])
{
    const unsigned long with_flags[6] = { a[0] };

    return sys_pipe2(with_flags);
}
