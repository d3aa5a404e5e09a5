/*
 * Open files and descriptors: their life, reading and writing with waiting, positions.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "files.h"

#include <linux/close_range.h>
#include <linux/fs.h>
#include <linux/signal.h>

#include <asm/ioctls.h>

/* ---- files ---- */

struct file *file_new(const struct file_ops *ops, int flags, void *data)
{
    struct file *file = pv_alloc(sizeof(*file));

    if (!file)
        return NULL;
    file->ops = ops;
    file->refs = 1;
    file->flags = flags & OPEN_KEPT;
    file->data = data;
    return file;
}

void file_get(struct file *file)
{
    file->refs++;
}

void file_put(struct file *file)
{
    PV_ASSERT(file->refs);
    if (--file->refs)
        return;
    epoll_forget(file);
    if (file->ops->close)
        file->ops->close(file);
    if (file->node)
        node_put(file->node);
    pv_free(file);
}

/* ---- descriptors ---- */

static struct fd_slot *slot_of(unsigned long fd)
{
    struct fd_slot *slot = fd < MICRO_FDS ? &task_fds()->slots[fd] : NULL;

    return slot && slot->file ? slot : NULL;
}

struct file *fd_file(unsigned long fd)
{
    struct fd_slot *slot = slot_of((unsigned int)fd);

    return slot ? slot->file : NULL;
}

int fd_install(struct file *file, unsigned int from, bool cloexec)
{
    struct fd_slot *slots = task_fds()->slots;

    for (unsigned int fd = from; fd < MICRO_FDS; fd++) {
        if (slots[fd].file)
            continue;
        slots[fd] = (struct fd_slot){ .file = file, .cloexec = cloexec };
        return (int)fd;
    }
    file_put(file);
    return -EMFILE;
}

/* Empties the slot first, because file_put() may look at the table. */
static void slot_close(struct fd_slot *slot)
{
    struct file *file = slot->file;

    slot->file = NULL;
    slot->cloexec = false;
    file_put(file);
}

long fd_install_pair(struct file *a, struct file *b, bool cloexec, uintptr_t to)
{
    int fds[2], rc;

    fds[0] = fd_install(a, 0, cloexec);
    if (fds[0] < 0) {
        file_put(b);
        return fds[0];
    }
    fds[1] = fd_install(b, 0, cloexec);
    rc = fds[1] < 0 ? fds[1] : user_write(to, fds, sizeof(fds));
    if (!rc)
        return 0;
    slot_close(slot_of((unsigned int)fds[0]));
    if (fds[1] >= 0)
        slot_close(slot_of((unsigned int)fds[1]));
    return rc;
}

void fd_table_copy(struct fd_table *to, const struct fd_table *from)
{
    *to = *from;
    for (unsigned int fd = 0; fd < MICRO_FDS; fd++)
        if (to->slots[fd].file)
            file_get(to->slots[fd].file);
}

void fd_table_close(struct fd_table *table, bool only_cloexec)
{
    for (unsigned int fd = 0; fd < MICRO_FDS; fd++)
        if (table->slots[fd].file && (!only_cloexec || table->slots[fd].cloexec))
            slot_close(&table->slots[fd]);
}

long sys_close(const unsigned long a[6])
{
    struct fd_slot *slot = slot_of((unsigned int)a[0]);

    if (!slot)
        return -EBADF;
    slot_close(slot);
    return 0;
}

long sys_close_range(const unsigned long a[6])
{
    unsigned int first = (unsigned int)a[0], last = (unsigned int)a[1], flags = (unsigned int)a[2];

    if (first > last || (flags & ~CLOSE_RANGE_CLOEXEC))
        return -EINVAL;
    for (unsigned int fd = first; fd <= last && fd < MICRO_FDS; fd++) {
        struct fd_slot *slot = slot_of(fd);

        if (slot && flags)
            slot->cloexec = true;
        else if (slot)
            slot_close(slot);
    }
    return 0;
}

long sys_dup(const unsigned long a[6])
{
    struct file *file = fd_file(a[0]);

    if (!file)
        return -EBADF;
    file_get(file);
    return fd_install(file, 0, false);
}

static long fd_replace(unsigned int from, unsigned int to, bool cloexec)
{
    struct file *file = fd_file(from);
    struct fd_slot *old = slot_of(to);

    if (!file || to >= MICRO_FDS)
        return -EBADF;
    file_get(file);
    if (old)
        slot_close(old);
    task_fds()->slots[to] = (struct fd_slot){ .file = file, .cloexec = cloexec };
    return (long)to;
}

long sys_dup2(const unsigned long a[6])
{
    unsigned int from = (unsigned int)a[0], to = (unsigned int)a[1];

    if (from == to)
        return fd_file(from) ? (long)to : -EBADF;
    return fd_replace(from, to, false);
}

long sys_dup3(const unsigned long a[6])
{
    unsigned int from = (unsigned int)a[0], to = (unsigned int)a[1], flags = (unsigned int)a[2];

    if ((flags & ~(unsigned int)O_CLOEXEC) || from == to)
        return -EINVAL;
    return fd_replace(from, to, flags & O_CLOEXEC);
}

/* ---- the buffers of one call ---- */

void io_buffers_one(struct io_buffers *buffers, uintptr_t base, size_t size)
{
    if (size > IO_MAX)
        size = IO_MAX;
    buffers->vecs = buffers->few;
    buffers->few[0] = (struct user_vec){ .base = base, .size = size };
    buffers->iter = (struct user_iter){ .vecs = buffers->few, .count = 1, .left = size };
}

/* As on Linux the sum must fit into a signed long. At most IO_MAX bytes are moved. */
static int vecs_count(const struct user_vec *vecs, size_t count, size_t *sum)
{
    *sum = 0;
    for (size_t i = 0; i < count; i++) {
        if (vecs[i].size > (size_t)INT64_MAX - *sum)
            return -EINVAL;
        *sum += vecs[i].size;
    }
    if (*sum > IO_MAX)
        *sum = IO_MAX;
    return 0;
}

int io_buffers_get(struct io_buffers *buffers, uintptr_t vec, unsigned long count)
{
    size_t sum = 0;
    int rc;

    buffers->vecs = buffers->few;
    if (count > USER_VECS_MAX)
        return -EINVAL;
    if (count > sizeof(buffers->few) / sizeof(buffers->few[0])) {
        buffers->vecs = pv_alloc(count * sizeof(*buffers->vecs));
        if (!buffers->vecs) {
            buffers->vecs = buffers->few;
            return -ENOMEM;
        }
    }
    rc = user_read(buffers->vecs, vec, count * sizeof(*buffers->vecs));
    if (!rc)
        rc = vecs_count(buffers->vecs, count, &sum);
    if (rc)
        io_buffers_put(buffers);
    buffers->iter = (struct user_iter){ .vecs = buffers->vecs, .count = count, .left = sum };
    return rc;
}

void io_buffers_put(struct io_buffers *buffers)
{
    if (buffers->vecs != buffers->few)
        pv_free(buffers->vecs);
    buffers->vecs = buffers->few;
}

/* ---- reading and writing ---- */

static uint64_t file_size(struct file *file)
{
    struct stat st;

    pv_zero(&st, sizeof(st));
    if (file->ops->stat)
        file->ops->stat(file, &st);
    return (uint64_t)st.st_size;
}

static long file_read(struct file *file, struct user_iter *to, uint64_t pos)
{
    for (;;) {
        long done = file->ops->read(file, to, pos);
        int rc;

        if (done != -EAGAIN || (file->flags & O_NONBLOCK))
            return done;
        rc = file_wait(file, POLLIN, PV_FOREVER);
        if (rc)
            return rc;
    }
}

/*
 * A blocking write ends when all is written, or with an error if nothing was written. If a file with a position takes
 * only a part, it is full, and the write ends.
 */
static long file_write(struct file *file, struct user_iter *from, uint64_t pos)
{
    long all = 0;

    for (;;) {
        long done = file->ops->write(file, from, pos);

        if (done > 0)
            all += done;
        if (done >= 0 && (!from->left || file->ops->seekable))
            return all;
        if (done < 0 && done != -EAGAIN) {
            if (done == -EPIPE && !all)
                task_raise(SIGPIPE);
            return all ? all : done;
        }
        if (file->flags & O_NONBLOCK)
            return all ? all : -EAGAIN;
        if (done <= 0) {
            int rc = file_wait(file, POLLOUT, PV_FOREVER);

            if (rc)
                return all ? all : rc;
        }
    }
}

/* at NULL: uses the file's own position, and moves it. */
static long file_move(struct file *file, bool write, struct user_iter *iter, const uint64_t *at)
{
    uint64_t pos = at ? *at : file->pos;
    long done;

    if (write && file->ops->seekable && (file->flags & O_APPEND))
        pos = file_size(file);
    done = write ? file_write(file, iter, pos) : file_read(file, iter, pos);
    if (done > 0 && !at && file->ops->seekable)
        file->pos = pos + (uint64_t)done;
    if (done > 0 && write && (file->flags & O_DSYNC) && file->ops->sync) {
        int rc = file->ops->sync(file);

        if (rc)
            return rc;
    }
    return done;
}

/* Begins a call that moves bytes: takes a user of the file, or returns an error if the file does not allow it. */
static int io_begin(unsigned long fd, bool write, bool at, struct file **file)
{
    *file = fd_file(fd);
    if (!*file || !(write ? file_writable(*file) : file_readable(*file)))
        return -EBADF;
    if (at && !(*file)->ops->seekable)
        return -ESPIPE;
    if (!(write ? (void *)(*file)->ops->write : (void *)(*file)->ops->read))
        return -EINVAL;
    file_get(*file);
    return 0;
}

static long io_one(const unsigned long a[6], bool write, const uint64_t *at)
{
    struct io_buffers buffers;
    struct file *file;
    long rc;

    if (at && (int64_t)*at < 0)
        return -EINVAL;
    rc = io_begin(a[0], write, at, &file);
    if (rc)
        return rc;
    io_buffers_one(&buffers, a[1], a[2]);
    rc = a[2] ? file_move(file, write, &buffers.iter, at) : 0;
    file_put(file);
    return rc;
}

static long io_many(const unsigned long a[6], bool write, const uint64_t *at)
{
    struct io_buffers buffers;
    struct file *file;
    long rc;

    if (at && (int64_t)*at < 0)
        return -EINVAL;
    rc = io_begin(a[0], write, at, &file);
    if (rc)
        return rc;
    rc = io_buffers_get(&buffers, a[1], a[2]);
    if (!rc && buffers.iter.left)
        rc = file_move(file, write, &buffers.iter, at);
    io_buffers_put(&buffers);
    file_put(file);
    return rc;
}

long sys_read(const unsigned long a[6]) { return io_one(a, false, NULL); }
long sys_write(const unsigned long a[6]) { return io_one(a, true, NULL); }
long sys_readv(const unsigned long a[6]) { return io_many(a, false, NULL); }
long sys_writev(const unsigned long a[6]) { return io_many(a, true, NULL); }

long sys_pread64(const unsigned long a[6])
{
    uint64_t at = a[3];

    return io_one(a, false, &at);
}

long sys_pwrite64(const unsigned long a[6])
{
    uint64_t at = a[3];

    return io_one(a, true, &at);
}

/* a[4], the upper half of the position, is for 32-bit programs only. */
long sys_preadv(const unsigned long a[6])
{
    uint64_t at = a[3];

    return io_many(a, false, &at);
}

long sys_pwritev(const unsigned long a[6])
{
    uint64_t at = a[3];

    return io_many(a, true, &at);
}

static long sync_file(struct file *file)
{
    int rc;

    if (!file->ops->sync)
        return -EINVAL;
    file_get(file);
    rc = file->ops->sync(file);
    file_put(file);
    return rc;
}

/* Position -1: the file's own. RWF_HIPRI is advice. */
static long io_many_flags(const unsigned long a[6], bool write)
{
    unsigned int flags = (unsigned int)a[5];
    uint64_t at = a[3];
    struct file *file;
    long done;

    if (flags & ~(unsigned int)(RWF_HIPRI | RWF_DSYNC | RWF_SYNC))
        return -EOPNOTSUPP;
    done = io_many(a, write, at == UINT64_MAX ? NULL : &at);
    if (done <= 0 || !write || !(flags & (RWF_DSYNC | RWF_SYNC)))
        return done;
    file = fd_file(a[0]);
    if (file && file->ops->sync) {
        long rc = sync_file(file);

        return rc ? rc : done;
    }
    return done;
}

long sys_preadv2(const unsigned long a[6]) { return io_many_flags(a, false); }
long sys_pwritev2(const unsigned long a[6]) { return io_many_flags(a, true); }

/* ---- positions and sizes ---- */

static long seek_from(struct file *file, int64_t offset, unsigned int whence)
{
    struct node *node = memory_node(file);
    int64_t base = whence == SEEK_CUR ? (int64_t)file->pos
                   : whence == SEEK_END ? (int64_t)file_size(file) : 0;

    if (whence <= SEEK_END) {
        int64_t to;

        return __builtin_add_overflow(base, offset, &to) || to < 0 ? -EINVAL : (long)to;
    }
    if (!node || whence > SEEK_HOLE)
        return -EINVAL;
    return offset < 0 ? -ENXIO : memory_seek(node, (uint64_t)offset, whence == SEEK_HOLE);
}

long sys_lseek(const unsigned long a[6])
{
    struct file *file = fd_file(a[0]);
    long to;

    if (!file)
        return -EBADF;
    if (!file->ops->seekable)
        return -ESPIPE;
    to = seek_from(file, (int64_t)a[1], (unsigned int)a[2]);
    if (to >= 0)
        file->pos = (uint64_t)to;
    return to;
}

long sys_ftruncate(const unsigned long a[6])
{
    struct file *file = fd_file(a[0]);

    if ((int64_t)a[1] < 0)
        return -EINVAL;
    if (!file)
        return -EBADF;
    if (!file_writable(file) || !file->ops->truncate)
        return -EINVAL;
    return file->ops->truncate(file, a[1]);
}

long sys_fsync(const unsigned long a[6])
{
    struct file *file = fd_file(a[0]);

    return file ? sync_file(file) : -EBADF;
}

long sys_fdatasync(const unsigned long a[6])
{
    return sys_fsync(a);
}

/* If the file has a node, all comes from there. A device's node has no size, as on Linux. */
long sys_fstat(const unsigned long a[6])
{
    struct file *file = fd_file(a[0]);
    struct stat st;

    if (!file)
        return -EBADF;
    pv_zero(&st, sizeof(st));
    if (file->node)
        node_stat(file->node, &st);
    else if (file->ops->stat)
        file->ops->stat(file, &st);
    return user_write(a[1], &st, sizeof(st));
}

/* ---- fcntl and ioctl ---- */

static long fcntl_dup(struct file *file, unsigned long from, bool cloexec)
{
    if (from >= MICRO_FDS)
        return -EINVAL;
    file_get(file);
    return fd_install(file, (unsigned int)from, cloexec);
}

/*
 * Record locks. Only QEMU uses them, to keep other programs away. There are none here, so every lock is free, and none
 * has to be remembered.
 */
static long fcntl_lock(struct file *file, unsigned int command, uintptr_t at)
{
    bool get = command == F_GETLK || command == F_OFD_GETLK;
    struct flock lock;
    int rc = user_read(&lock, at, sizeof(lock));

    if (rc)
        return rc;
    if (lock.l_whence < SEEK_SET || lock.l_whence > SEEK_END)
        return -EINVAL;
    if (command >= F_OFD_GETLK && lock.l_pid)
        return -EINVAL;
    if (lock.l_type != F_RDLCK && lock.l_type != F_WRLCK && (get || lock.l_type != F_UNLCK))
        return -EINVAL;
    if (get) {
        lock.l_type = F_UNLCK;
        return user_write(at, &lock, sizeof(lock));
    }
    if ((lock.l_type == F_RDLCK && !file_readable(file)) ||
        (lock.l_type == F_WRLCK && !file_writable(file)))
        return -EBADF;
    return 0;
}

static void set_flags(struct file *file, unsigned long flags)
{
    const int may = O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME;

    file->flags = (file->flags & ~may) | ((int)flags & may);
}

/* Files that open() made have O_LARGEFILE, as on 64-bit Linux. */
static long get_flags(const struct file *file)
{
    return file->flags | (file->node ? O_LARGEFILE : 0);
}

long sys_fcntl(const unsigned long a[6])
{
    struct fd_slot *slot = slot_of((unsigned int)a[0]);
    unsigned int command = (unsigned int)a[1];

    if (!slot)
        return -EBADF;
    switch (command) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
        return fcntl_dup(slot->file, a[2], command == F_DUPFD_CLOEXEC);
    case F_GETFD:
        return slot->cloexec;
    case F_SETFD:
        slot->cloexec = a[2] & FD_CLOEXEC;
        return 0;
    case F_GETFL:
        return get_flags(slot->file);
    case F_SETFL:
        set_flags(slot->file, a[2]);
        return 0;
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
    case F_OFD_GETLK:
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
        return fcntl_lock(slot->file, command, a[2]);
    case F_SETPIPE_SZ:
    case F_GETPIPE_SZ:
        return pipe_size(slot->file, command == F_SETPIPE_SZ, a[2]);
    case F_ADD_SEALS:
    case F_GET_SEALS:
        return memory_seals(slot->file, command == F_ADD_SEALS, a[2]);
    default:
        return -EINVAL;
    }
}

static long set_nonblock(struct file *file, uintptr_t arg)
{
    int on, rc = user_read(&on, arg, sizeof(on));

    if (!rc)
        file->flags = on ? file->flags | O_NONBLOCK : file->flags & ~O_NONBLOCK;
    return rc;
}

long sys_ioctl(const unsigned long a[6])
{
    struct fd_slot *slot = slot_of((unsigned int)a[0]);
    unsigned int command = (unsigned int)a[1];
    struct file *file;
    long rc = -ENOTTY;

    if (!slot)
        return -EBADF;
    if (command == FIOCLEX || command == FIONCLEX) {
        slot->cloexec = command == FIOCLEX;
        return 0;
    }
    file = slot->file;
    if (command == FIONBIO)
        return set_nonblock(file, a[2]);
    file_get(file); /* because the ioctl may sleep */
    if (file->ops->ioctl)
        rc = file->ops->ioctl(file, command, a[2]);
    file_put(file);
    return rc;
}

/* There is no cache to advise. */
long sys_fadvise64(const unsigned long a[6])
{
    return fd_file(a[0]) ? 0 : -EBADF;
}
