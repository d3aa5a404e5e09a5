/*
 * Where a console's bytes go in dom0: one row of operations for each kind of
 * output (see output.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "output.h"

#include "log.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>

#define CONNECT_TIMEOUT_MS 3000
#define SAVE_PAUSE_MS 500
#define OPEN_FLAGS (O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

struct output_ops {
    int (*open)(struct output *output, const struct output_spec *spec);
    ssize_t (*write)(struct output *output, const void *buf, size_t len);
    ssize_t (*read)(struct output *output, void *buf, size_t len);
};

/* -------- common parts -------- */

static void output_stop_io(struct output *output)
{
    loop_remove_fd(output->loop, &output->io);
}

static void output_io_ready(void *data, short revents);

static void output_start_io(struct output *output)
{
    output->io = (struct loop_fd){ .fd = output->fd, .ready = output_io_ready, .data = output };
    output_want(output, output->want_in, output->want_out);
}

static ssize_t write_some(int fd, const void *buf, size_t len)
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
static ssize_t read_some(int fd, void *buf, size_t len)
{
    ssize_t n;

    do
        n = read(fd, buf, len);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN ? 0 : -errno;
    return n == 0 ? -EPIPE : n;
}

static ssize_t discard_write(struct output *output, const void *buf, size_t len)
{
    return len;
}

static ssize_t no_read(struct output *output, void *buf, size_t len)
{
    return 0;
}

static int null_open(struct output *output, const struct output_spec *spec)
{
    return 0;
}

/* -------- file: -------- */

static int file_open(struct output *output, const struct output_spec *spec)
{
    bool save = output->role == OUTPUT_ROLE_SAVE;
    int flags = O_RDWR | O_CREAT | OPEN_FLAGS | (spec->append ? 0 : O_TRUNC);
    struct stat st;

    output->fd = open(spec->path, flags, save ? 0600 : 0640);
    if (output->fd < 0 || fstat(output->fd, &st))
        return -errno;
    output->file.fd = -1;
    if (S_ISREG(st.st_mode) && !save)
        log_file_init(&output->file, steal_fd(&output->fd), st.st_size,
                      output->role == OUTPUT_ROLE_LOG ? OUTPUT_LOG_MAX : OUTPUT_SERIAL_MAX);
    return 0;
}

/*
 * A guest can be saved and live on (`xl save -c`): the next save begins the file
 * anew. It is told by a pause and the first bytes of QEMU's format.
 */
static int save_begin_anew(struct output *output, const void *buf, size_t len)
{
    int64_t now = output->loop->now_ms(), last = output->saved_at;
    struct stat st;

    output->saved_at = now;
    if (!last || now - last < SAVE_PAUSE_MS || memcmp(buf, "QEVM", MIN(len, (size_t)4)))
        return 0;
    if (fstat(output->fd, &st))
        return -errno;
    /* libxl removes it when a save failed; it cannot be opened again from here. */
    if (S_ISREG(st.st_mode) && st.st_nlink == 0)
        return -ESTALE;
    return ftruncate(output->fd, 0) || lseek(output->fd, 0, SEEK_SET) < 0 ? -errno : 0;
}

/* A log loses bytes when the disk is full; a saved state must not, so it stops instead. */
static ssize_t file_write(struct output *output, const void *buf, size_t len)
{
    int rc;

    if (output->file.fd < 0) {
        rc = output->role == OUTPUT_ROLE_SAVE ? save_begin_anew(output, buf, len) : 0;
        return rc ?: write_some(output->fd, buf, len);
    }
    rc = log_file_write(&output->file, buf, len);
    if (rc)
        log_error("console %d: %s: %s; its output is dropped until that ends", output->console,
                  output->name, strerror(-rc));
    return len;
}

/* -------- pipe: (the file that a domain is restored from) -------- */

static int pipe_open(struct output *output, const struct output_spec *spec)
{
    struct stat st;

    output->fd = open(spec->path, O_RDONLY | OPEN_FLAGS);
    if (output->fd < 0 || fstat(output->fd, &st))
        return -errno;
    if (!S_ISREG(st.st_mode)) {
        log_error("console %d: %s: only a file to restore from is served as a pipe",
                  output->console, output->name);
        return -ENOTSUP;
    }
    return 0;
}

static ssize_t pipe_read(struct output *output, void *buf, size_t len)
{
    return read_some(output->fd, buf, len);
}

/* -------- pty -------- */

/* On Linux a master whose other side nobody has open polls as hung up. */
static bool pty_is_open(const struct output *output)
{
    struct pollfd p = { .fd = output->hidden_fd, .events = POLLOUT };

    return poll(&p, 1, 0) >= 0 && !(p.revents & (POLLHUP | POLLERR | POLLNVAL));
}

static void pty_flush_backlog(struct output *output)
{
    while (output->backlog_len && output->fd >= 0) {
        size_t at = output->backlog_at;
        size_t len = MIN(output->backlog_len, OUTPUT_BACKLOG - at);
        ssize_t n = write_some(output->fd, output->backlog + at, len);

        if (n <= 0)
            return;
        output->backlog_at = (at + n) % OUTPUT_BACKLOG;
        output->backlog_len -= n;
    }
}

static void pty_keep(struct output *output, const uint8_t *buf, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        output->backlog[(output->backlog_at + output->backlog_len) % OUTPUT_BACKLOG] = buf[i];
        if (output->backlog_len < OUTPUT_BACKLOG)
            output->backlog_len++;
        else
            output->backlog_at = (output->backlog_at + 1) % OUTPUT_BACKLOG;
    }
}

static void pty_detach(struct output *output)
{
    output_stop_io(output);
    output->fd = -1;
}

static void pty_opened(void *data, short revents)
{
    struct output *output = data;
    char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));

    while (read(output->arrival.fd, events, sizeof(events)) > 0)
        ;
    if (output->fd >= 0 || !pty_is_open(output))
        return;
    output->fd = output->hidden_fd;
    output_start_io(output);
    pty_flush_backlog(output);
    output->ready(output->data);
}

/* Opening and closing the other side once makes "nobody has it open" visible. */
static int pty_set_raw(const char *name)
{
    cleanup_close int fd = open(name, O_RDWR | OPEN_FLAGS);
    struct termios attributes;

    if (fd < 0 || tcgetattr(fd, &attributes))
        return -errno;
    cfmakeraw(&attributes);
    return tcsetattr(fd, TCSANOW, &attributes) ? -errno : 0;
}

static int pty_open(struct output *output, const struct output_spec *spec)
{
    cleanup_close int watch = -1;
    int fd = posix_openpt(O_RDWR | OPEN_FLAGS), rc;

    output->hidden_fd = fd;
    if (fd < 0 || grantpt(fd) || unlockpt(fd))
        return -errno;
    rc = ptsname_r(fd, output->tty, sizeof(output->tty));
    if (rc)
        return -rc;
    rc = pty_set_raw(output->tty);
    if (rc)
        return rc;
    output->backlog = malloc(OUTPUT_BACKLOG);
    if (!output->backlog)
        return -ENOMEM;
    watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (watch < 0 || inotify_add_watch(watch, output->tty, IN_OPEN) < 0)
        return -errno;
    output->arrival = (struct loop_fd){ .fd = steal_fd(&watch), .events = POLLIN,
                                        .ready = pty_opened, .data = output };
    return loop_add_fd(output->loop, &output->arrival);
}

static ssize_t pty_write(struct output *output, const void *buf, size_t len)
{
    ssize_t n;

    pty_flush_backlog(output);
    if (output->fd >= 0) {
        n = output->backlog_len ? 0 : write_some(output->fd, buf, len);
        if (n >= 0)
            return n;
        pty_detach(output);
    }
    pty_keep(output, buf, len);
    return len;
}

static ssize_t pty_read(struct output *output, void *buf, size_t len)
{
    ssize_t n = output->fd >= 0 ? read_some(output->fd, buf, len) : 0;

    if (n >= 0)
        return n;
    pty_detach(output);
    return 0;
}

/* -------- stdio and /dev/NAME -------- */

static int stdio_open(struct output *output, const struct output_spec *spec)
{
    output->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    output->file.max = OUTPUT_LOG_MAX;
    return output->fd < 0 ? -errno : 0;
}

/* It is the daemon's own log, which must stay bounded and may be on a full disk. */
static ssize_t stdio_write(struct output *output, const void *buf, size_t len)
{
    if (output->file.size < output->file.max) {
        output->file.size += len;
        (void)!write_some(output->fd, buf, len);
        if (output->file.size >= output->file.max)
            log_warning("console %d: stdio: too much output, the rest is dropped",
                        output->console);
    }
    return len;
}

static int device_open(struct output *output, const struct output_spec *spec)
{
    struct termios attributes;

    output->fd = open(spec->path, O_RDWR | OPEN_FLAGS);
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
    return write_some(output->fd, buf, len);
}

static ssize_t device_read(struct output *output, void *buf, size_t len)
{
    return read_some(output->fd, buf, len);
}

/* -------- tcp: and unix: -------- */

static void peer_drop(struct output *output)
{
    output_stop_io(output);
    cleanup_closep(&output->fd);
    output->fd = -1;
}

static void peer_arrived(void *data, short revents)
{
    struct output *output = data;
    cleanup_close int fd = accept4(output->arrival.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    /* One at a time: a second one is closed at once. */
    if (fd < 0 || output->fd >= 0)
        return;
    output->fd = steal_fd(&fd);
    output_start_io(output);
    output->ready(output->data);
}

static int peer_listen(struct output *output, int *fd)
{
    if (listen(*fd, 1))
        return -errno;
    output->arrival = (struct loop_fd){ .fd = steal_fd(fd), .events = POLLIN,
                                        .ready = peer_arrived, .data = output };
    return loop_add_fd(output->loop, &output->arrival);
}

static int peer_connect(struct output *output, int *fd, const struct sockaddr *addr, socklen_t len)
{
    struct pollfd p = { .fd = *fd, .events = POLLOUT };
    int error = 0;
    socklen_t size = sizeof(error);

    if (connect(*fd, addr, len)) {
        if (errno != EINPROGRESS)
            return -errno;
        if (poll(&p, 1, CONNECT_TIMEOUT_MS) != 1)
            return -ETIMEDOUT;
        if (getsockopt(*fd, SOL_SOCKET, SO_ERROR, &error, &size) || error)
            return error ? -error : -errno;
    }
    output->fd = steal_fd(fd);
    output_start_io(output);
    return 0;
}

static int peer_start(struct output *output, const struct output_spec *spec, int *fd,
                      const struct sockaddr *addr, socklen_t len)
{
    if (!spec->server)
        return peer_connect(output, fd, addr, len);
    if (bind(*fd, addr, len))
        return -errno;
    return peer_listen(output, fd);
}

static int unix_open(struct output *output, const struct output_spec *spec)
{
    cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_un addr = { .sun_family = AF_UNIX };

    if (fd < 0)
        return -errno;
    if (format_text(addr.sun_path, sizeof(addr.sun_path), "%s", spec->path))
        return -ENAMETOOLONG;
    if (spec->server && unlink(spec->path) && errno != ENOENT)
        return -errno;
    return peer_start(output, spec, &fd, (struct sockaddr *)&addr, sizeof(addr));
}

static int tcp_open(struct output *output, const struct output_spec *spec)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
                              .ai_flags = AI_NUMERICSERV | (spec->server ? AI_PASSIVE : 0) };
    struct addrinfo *list = NULL;
    int rc = -EADDRNOTAVAIL, on = 1;

    if (getaddrinfo(spec->host[0] ? spec->host : NULL, spec->port, &hints, &list))
        return -EADDRNOTAVAIL;
    for (struct addrinfo *a = list; a && rc; a = a->ai_next) {
        cleanup_close int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

        if (fd < 0)
            continue;
        if (spec->nodelay)
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        if (spec->server)
            setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        rc = peer_start(output, spec, &fd, a->ai_addr, a->ai_addrlen);
    }
    freeaddrinfo(list);
    return rc;
}

/* Without a peer, output is lost, as with a serial cable that is not plugged in. */
static ssize_t peer_write(struct output *output, const void *buf, size_t len)
{
    ssize_t n = -EPIPE;

    if (output->fd >= 0) {
        do
            n = send(output->fd, buf, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        while (n < 0 && errno == EINTR);
        if (n < 0 && errno == EAGAIN)
            return 0;
        if (n < 0)
            peer_drop(output);
    }
    return n < 0 ? (ssize_t)len : n;
}

static ssize_t peer_read(struct output *output, void *buf, size_t len)
{
    ssize_t n = output->fd >= 0 ? read_some(output->fd, buf, len) : 0;

    if (n >= 0)
        return n;
    peer_drop(output);
    return 0;
}

static const struct output_ops output_table[] = {
    [OUTPUT_NULL] = { null_open, discard_write, no_read },
    [OUTPUT_FILE] = { file_open, file_write, no_read },
    [OUTPUT_PIPE] = { pipe_open, discard_write, pipe_read },
    [OUTPUT_PTY] = { pty_open, pty_write, pty_read },
    [OUTPUT_STDIO] = { stdio_open, stdio_write, no_read },
    [OUTPUT_DEVICE] = { device_open, device_write, device_read },
    [OUTPUT_TCP] = { tcp_open, peer_write, peer_read },
    [OUTPUT_UNIX] = { unix_open, peer_write, peer_read },
};
_Static_assert(ARRAY_SIZE(output_table) == OUTPUT_KINDS, "a row for every kind");

/* -------- the public calls -------- */

static void output_io_ready(void *data, short revents)
{
    struct output *output = data;

    if ((revents & POLLHUP) && output->ops == &output_table[OUTPUT_PTY])
        pty_detach(output);
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

    *output = (struct output){ .ops = &output_table[spec->kind], .loop = loop, .role = role,
                               .console = console, .fd = -1, .hidden_fd = -1, .io.fd = -1,
                               .arrival.fd = -1, .file.fd = -1, .ready = ready, .data = data };
    output_describe(output, spec);
    rc = output->ops->open(output, spec);
    if (rc) {
        log_error("console %d: cannot open %s: %s", console, output->name, strerror(-rc));
        output_dispose(output);
    }
    return rc;
}

void output_dispose(struct output *output)
{
    if (!output->ops)
        return;
    output_stop_io(output);
    loop_remove_fd(output->loop, &output->arrival);
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
        log_error("console %d: %s: %s", output->console, output->name, strerror(-n));
    }
    return n;
}

ssize_t output_read(struct output *output, void *buf, size_t len)
{
    ssize_t n;

    if (output->eof || output->broken)
        return 0;
    n = output->ops->read(output, buf, len);
    if (n >= 0)
        return n;
    output->eof = true;
    if (n != -EPIPE)
        log_error("console %d: %s: %s", output->console, output->name, strerror(-n));
    return 0;
}

void output_want(struct output *output, bool in, bool out)
{
    output->want_in = in && !output->eof;
    output->want_out = out;
    if (!output->io.ready || output->fd < 0)
        return;
    output->io.events = (output->want_in ? POLLIN : 0) | (output->want_out ? POLLOUT : 0);
    /* A hang-up cannot be masked: what waits for nothing must not be polled. */
    if (!output->io.events)
        output_stop_io(output);
    else if (loop_add_fd(output->loop, &output->io))
        log_error("console %d: %s: too many descriptors", output->console, output->name);
}
