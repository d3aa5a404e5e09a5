/*
 * Where a console's bytes go in dom0 (see output.h): files, devices and nothing
 * here, the others in output-pty.c, output-peer.c and output-state.c.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "output-ops.h"

#include "log.h"
#include "log-rotation.h"
#include "util.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>

/* -------- common parts -------- */

void output_stop_io(struct output *output)
{
    loop_remove_fd(output->loop, &output->io);
}

static void output_io_ready(void *data, short revents);

void output_start_io(struct output *output)
{
    output->io = (struct loop_fd){ .fd = output->fd, .ready = output_io_ready, .data = output };
    output_want(output, output->want_in, output->want_out);
}

ssize_t output_write_some(int fd, const void *buf, size_t len)
{
    ssize_t n;

    do
        n = write(fd, buf, len);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN ? 0 : -errno;
    return n;
}

/* Bytes, 0 when there are none now, -EPIPE at the end, or -errno. */
ssize_t output_read_some(int fd, void *buf, size_t len)
{
    ssize_t n;

    do
        n = read(fd, buf, len);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN ? 0 : -errno;
    return n == 0 ? -EPIPE : n;
}

ssize_t output_read_or_drop(struct output *output, void *buf, size_t len,
                            void (*drop)(struct output *output))
{
    ssize_t n = output->fd >= 0 ? output_read_some(output->fd, buf, len) : 0;

    if (n >= 0)
        return n;
    drop(output);
    return 0;
}

static ssize_t discard_write(struct output *output, const void *buf, size_t len)
{
    return len;
}

static int null_open(struct output *output, const struct output_spec *spec)
{
    return 0;
}

/* -------- file: -------- */

static int file_open(struct output *output, const struct output_spec *spec)
{
    int flags = O_RDWR | O_CREAT | OUTPUT_OPEN_FLAGS | (spec->append ? 0 : O_TRUNC);
    struct stat st;

    output->fd = open(spec->path, flags, 0640);
    if (output->fd < 0 || fstat(output->fd, &st))
        return -errno;
    output->file.fd = -1;
    if (S_ISREG(st.st_mode))
        log_file_init(&output->file, steal_fd(&output->fd), st.st_size,
                      output->role == OUTPUT_ROLE_LOG ? OUTPUT_LOG_MAX : OUTPUT_SERIAL_MAX);
    else
        output_start_io(output); /* a FIFO, say, can be full */
    return 0;
}

int output_follow(struct output *output, const struct output_spec *spec)
{
    int fd, rc;

    if (spec->kind != OUTPUT_FILE || output->file.fd < 0 || !log_is_renamed(spec->path, output->file.fd))
        return 0;
    fd = open(spec->path, O_RDWR | O_CREAT | OUTPUT_OPEN_FLAGS, 0640);
    rc = fd < 0 ? -errno : 0;
    if (rc) {
        log_error("%s: cannot open %s anew: %s", output->label, output->name, strerror(-rc));
        return rc;
    }
    log_info("%s: %s was renamed or removed: it is another file from now on", output->label, output->name);
    output_take_file(output, fd);
    return output->file.fd;
}

void output_take_file(struct output *output, int fd)
{
    uint64_t max = output->file.max;
    struct stat st;

    if (output->file.fd < 0 || fstat(fd, &st)) {
        close(fd);
        return;
    }
    log_file_dispose(&output->file);
    log_file_init(&output->file, fd, st.st_size, max);
}

/* A log loses bytes when the disk is full. */
static ssize_t file_write(struct output *output, const void *buf, size_t len)
{
    int rc;

    if (output->file.fd < 0)
        return output_write_some(output->fd, buf, len);
    rc = log_file_write(&output->file, buf, len);
    if (rc)
        log_warning("%s: %s: %s; its output is dropped until that ends", output->label,
                    output->name, strerror(-rc));
    return len;
}

static void file_start(struct output *output)
{
    struct stat st;

    if (output->file.fd >= 0 && fstat(output->file.fd, &st) == 0)
        output->file.size = st.st_size;
}

/* -------- stdio and /dev/NAME -------- */

static int stdio_open(struct output *output, const struct output_spec *spec)
{
    /* Not a duplicate: that would have its flags and offset in common with root's. */
    output->fd = open("/proc/self/fd/1", O_WRONLY | O_APPEND | OUTPUT_OPEN_FLAGS);
    output->file.max = OUTPUT_LOG_MAX;
    return output->fd < 0 ? -errno : 0;
}

/* It is the daemon's own log, which must stay bounded and may be on a full disk. */
static ssize_t stdio_write(struct output *output, const void *buf, size_t len)
{
    if (output->file.size < output->file.max) {
        output->file.size += len;
        (void)!output_write_some(output->fd, buf, len);
        if (output->file.size >= output->file.max)
            log_warning("%s: stdio: too much output, the rest is dropped", output->label);
    }
    return len;
}

static int device_open(struct output *output, const struct output_spec *spec)
{
    struct termios attributes;

    output->fd = open(spec->path, O_RDWR | OUTPUT_OPEN_FLAGS);
    if (output->fd < 0 || tcgetattr(output->fd, &attributes))
        return -errno;
    cfmakeraw(&attributes);
    if (tcsetattr(output->fd, TCSANOW, &attributes))
        return -errno;
    output_start_io(output);
    return 0;
}

static ssize_t device_write(struct output *output, const void *buf, size_t len)
{
    return output_write_some(output->fd, buf, len);
}

static ssize_t device_read(struct output *output, void *buf, size_t len)
{
    return output_read_some(output->fd, buf, len);
}

static const struct output_ops null_ops = { null_open, discard_write, NULL, NULL, NULL };
static const struct output_ops file_ops = { file_open, file_write, NULL, NULL, file_start };
static const struct output_ops stdio_ops = { stdio_open, stdio_write, NULL, NULL, NULL };
static const struct output_ops device_ops = { device_open, device_write, device_read, NULL, NULL };

TABLE_BEGINS(output_table);
static const struct output_ops *const output_table[] = {
    TABLE_ROW(OUTPUT_NULL) = &null_ops,
    TABLE_ROW(OUTPUT_FILE) = &file_ops,
    TABLE_ROW(OUTPUT_PIPE) = &output_restore_ops,
    TABLE_ROW(OUTPUT_PTY) = &output_pty_ops,
    TABLE_ROW(OUTPUT_STDIO) = &stdio_ops,
    TABLE_ROW(OUTPUT_DEVICE) = &device_ops,
    TABLE_ROW(OUTPUT_TCP) = &output_tcp_ops,
    TABLE_ROW(OUTPUT_UNIX) = &output_unix_ops,
};
TABLE_ENDS(output_table, OUTPUT_KINDS);

/* -------- the public calls -------- */

static void output_io_ready(void *data, short revents)
{
    struct output *output = data;

    /* What can still be read comes first. */
    if ((revents & POLLHUP) && !(revents & POLLIN) && output->ops->hung_up)
        output->ops->hung_up(output);
    output->ready(output->data);
}

static void output_describe(struct output *output, const struct output_spec *spec)
{
    if (spec->kind == OUTPUT_TCP)
        snprintf(output->name, sizeof(output->name), "tcp:%s:%s", spec->host, spec->port);
    else
        snprintf(output->name, sizeof(output->name), "%s", spec->path[0] ? spec->path : "pty");
}

int output_open(struct output *output, struct loop *loop, const struct output_spec *spec,
                int console, enum output_role role, void (*ready)(void *data), void *data)
{
    int rc;

    *output = (struct output){ .ops = output_table[spec->kind], .loop = loop, .role = role,
                               .fd = -1, .hidden_fd = -1, .io.fd = -1, .arrival.fd = -1,
                               .file.fd = -1, .opener_fd = -1, .state_max = OUTPUT_STATE_MAX,
                               .ready = ready, .data = data };
    if (spec->kind == OUTPUT_FILE && role == OUTPUT_ROLE_SAVE)
        output->ops = &output_save_ops;
    message_console_name(console, output->label);
    output_describe(output, spec);
    rc = output->ops->open(output, spec);
    if (rc) {
        log_error("%s: cannot open %s: %s", output->label, output->name, strerror(-rc));
        output_dispose(output);
    }
    return rc;
}

void output_start(struct output *output)
{
    if (output->ops->start)
        output->ops->start(output);
}

void output_dispose(struct output *output)
{
    if (!output->ops)
        return;
    output_stop_io(output);
    loop_remove_fd(output->loop, &output->arrival);
    loop_stop_timer(output->loop, &output->look);
    cleanup_closep(&output->arrival.fd);
    if (output->fd != output->hidden_fd)
        cleanup_closep(&output->fd);
    cleanup_closep(&output->hidden_fd);
    log_file_dispose(&output->file);
    free(output->backlog);
    *output = (struct output){ .ops = NULL };
}

ssize_t output_write(struct output *output, const void *buf, size_t len)
{
    ssize_t n;

    if (output->broken)
        return -EIO;
    n = output->ops->write(output, buf, len);
    if (n < 0) {
        output->broken = true;
        log_error("%s: %s: %s", output->label, output->name, strerror(-n));
    }
    return n;
}

ssize_t output_read(struct output *output, void *buf, size_t len)
{
    ssize_t n;

    if (output->eof || output->broken || !output->ops->read)
        return 0;
    n = output->ops->read(output, buf, len);
    if (n >= 0)
        return n;
    output->eof = true;
    if (n != -EPIPE)
        log_error("%s: %s: %s", output->label, output->name, strerror(-n));
    return 0;
}

void output_want(struct output *output, bool in, bool out)
{
    /* What is never read must not be waited for: it would be ready for ever. */
    output->want_in = in && !output->eof && output->ops->read;
    output->want_out = out;
    /* A save console's io is its opener's, which is always waited for, and for nothing else. */
    if (output->fd < 0 || output->io.fd != output->fd)
        return;
    output->io.events = (output->want_in ? POLLIN : 0) | (output->want_out ? POLLOUT : 0);
    /* A hang-up cannot be masked: what waits for nothing must not be polled. */
    if (!output->io.events)
        output_stop_io(output);
    else if (loop_add_fd(output->loop, &output->io))
        log_error("%s: %s: too many descriptors", output->label, output->name);
}
