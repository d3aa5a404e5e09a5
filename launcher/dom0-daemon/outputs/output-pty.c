/*
 * A console that goes to a pty, for `xl console` (see output.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "output-ops.h"

#include "log.h"
#include "util.h"

#include <errno.h>
#include <stdlib.h>
#include <termios.h>

/*
 * How soon one who opens a pty is seen. An inotify would tell at once, but root has 128 of them on a
 * host, for all daemons together; and output goes to him before that.
 */
#define LOOK_MS 200

/*
 * On Linux a master whose other side nobody has open polls as hung up; what he who had it open has typed
 * can be read none the less.
 */
static bool pty_is_open(const struct output *output)
{
    struct pollfd p = { .fd = output->hidden_fd, .events = POLLIN | POLLOUT };

    return poll(&p, 1, 0) >= 0 &&
           ((p.revents & POLLIN) || !(p.revents & (POLLHUP | POLLERR | POLLNVAL)));
}

static void pty_flush_backlog(struct output *output)
{
    while (output->backlog_len && output->fd >= 0) {
        size_t at = output->backlog_at;
        size_t len = MIN(output->backlog_len, OUTPUT_BACKLOG - at);
        ssize_t n = output_write_some(output->fd, output->backlog + at, len);

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

static void pty_look_later(struct output *output)
{
    if (loop_start_timer(output->loop, &output->look, LOOK_MS))
        log_error("%s: too many timers: who opens %s is not seen", output->label, output->tty);
}

static void pty_detach(struct output *output)
{
    output_stop_io(output);
    output->fd = -1;
    pty_look_later(output);
}

/* Returns whether somebody has it open. */
static bool pty_attach(struct output *output)
{
    if (output->fd < 0 && pty_is_open(output)) {
        loop_stop_timer(output->loop, &output->look);
        output->fd = output->hidden_fd;
        output_start_io(output);
    }
    return output->fd >= 0;
}

static void pty_start(struct output *output)
{
    if (pty_attach(output))
        pty_flush_backlog(output);
    else
        pty_look_later(output);
}

static void pty_look(void *data)
{
    struct output *output = data;

    pty_start(output);
    if (output->fd >= 0)
        output->ready(output->data);
}

/* Opening and closing the other side once makes "nobody has it open" visible. */
static int pty_set_raw(const char *name)
{
    cleanup_close int fd = open(name, O_RDWR | OUTPUT_OPEN_FLAGS);
    struct termios attributes;

    if (fd < 0 || tcgetattr(fd, &attributes))
        return -errno;
    cfmakeraw(&attributes);
    return tcsetattr(fd, TCSANOW, &attributes) ? -errno : 0;
}

static int pty_open(struct output *output, const struct output_spec *spec)
{
    int fd = posix_openpt(O_RDWR | OUTPUT_OPEN_FLAGS), rc;

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
    output->look = (struct loop_timer){ .fired = pty_look, .data = output };
    return 0;
}

static ssize_t pty_write(struct output *output, const void *buf, size_t len)
{
    ssize_t n;

    if (pty_attach(output)) {
        pty_flush_backlog(output);
        n = output->backlog_len ? 0 : output_write_some(output->fd, buf, len);
        if (n >= 0)
            return n;
        pty_detach(output);
    }
    pty_keep(output, buf, len);
    return len;
}

static ssize_t pty_read(struct output *output, void *buf, size_t len)
{
    return output_read_or_drop(output, buf, len, pty_detach);
}

const struct output_ops output_pty_ops = { pty_open, pty_write, pty_read, pty_detach,
                                           pty_start };
