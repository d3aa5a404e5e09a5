/*
 * The consoles that QEMU's state is saved to and restored from (see output.h): frames
 * as in common/state-stream.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "output-ops.h"

#include "log.h"
#include "save-opener.h"
#include "util.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* -------- saving: file: as console 1 -------- */

/* Nothing is opened: each save makes its file. */
static int save_open(struct output *output, const struct output_spec *spec)
{
    output->state = (struct output_state){ .ended = true };
    return 0;
}

/* What is still to come is thrown away, and the end is answered accordingly. */
static void save_failed(struct output *output, int rc)
{
    if (!output->state.failed)
        log_warning("%s: %s: %s: the save fails", output->label, output->name, strerror(-rc));
    output->state.failed = true;
}

static void save_begin(struct output *output)
{
    struct output_state *state = &output->state;
    int rc = save_opener_ask(output->opener_fd);

    fd_close(&output->fd);
    state->failed = state->ended = false;
    state->stored = 0;
    state->opening = rc == 0;
    if (rc)
        save_failed(output, rc);
}

static void save_opened(void *data, short revents)
{
    struct output *output = data;
    int fd = save_opener_answer(output->opener_fd, &output->state.last);

    if (fd == -EAGAIN)
        return;
    if (!output->state.opening) { /* asked for by a worker that has died */
        cleanup_closep(&fd);
        return;
    }
    output->state.opening = false;
    if (fd < 0)
        save_failed(output, fd);
    else
        output->fd = fd;
    output->ready(output->data);
}

static void save_start(struct output *output)
{
    output->io = (struct loop_fd){ .fd = output->opener_fd, .events = POLLIN,
                                   .ready = save_opened, .data = output };
    if (output->opener_fd >= 0 && loop_add_fd(output->loop, &output->io))
        log_error("%s: too many descriptors", output->label);
}

/* Data at the front of a frame: a new state, or more of the one that is known? */
static void save_data(struct output *output, const uint8_t *data, size_t len)
{
    ssize_t n = 0;

    if (output->state.ended && output->fd < 0)
        save_failed(output, -ESTALE); /* its beginning went to a worker that has died */
    output->state.ended = false;
    output->state.stored += len;
    if (output->state.stored > output->state_max)
        save_failed(output, -EFBIG);
    while (len && !output->state.failed) {
        n = output_write_some(output->fd, data, len);
        if (n <= 0)
            save_failed(output, n ?: -EIO);
        else
            data += n, len -= n;
    }
}

static void save_end(struct output *output)
{
    struct output_state *state = &output->state;

    state->ended = true;
    state->lost = false;
    state->answer = state->failed || output->fd < 0 ? STATE_FAILED :
                    state->last ? STATE_LAST : STATE_STORED;
    if (!state->failed)
        return;
    fd_close(&output->fd);
}

/* No frames: whatever it is, the next end is looked for, and answered with a failure. */
static size_t save_resync(struct output *output, const uint8_t *buf, size_t len)
{
    static const uint8_t end[STATE_HEADER] = STATE_MAGIC;
    uint8_t *window = output->state.window;

    for (size_t i = 0; i < len; i++) {
        memmove(window, window + 1, STATE_HEADER - 1);
        window[STATE_HEADER - 1] = buf[i];
        if (!memcmp(window, end, STATE_HEADER)) {
            save_end(output);
            return i + 1;
        }
    }
    return len;
}

/* The first octets after an end tell whether a new state begins; false: too few of them. */
static bool save_front(struct output *output, const uint8_t *buf, size_t len)
{
    const struct output_state *state = &output->state;

    if (state->lost || !state->ended || state->parser.left < 4)
        return true;
    if (len < 4)
        return false;
    if (!memcmp(buf, STATE_BEGINNING, 4))
        save_begin(output);
    return true;
}

static size_t save_step(struct output *output, const uint8_t *buf, size_t len)
{
    struct output_state *state = &output->state;
    size_t used;
    int event;

    if (state->lost)
        return save_resync(output, buf, len);
    event = state_parser_take(&state->parser, buf, len, &used);
    if (event < 0) {
        save_failed(output, event);
        state->lost = true;
        memset(state->window, 0, sizeof(state->window));
    } else if (event == STATE_DATA) {
        save_data(output, buf, used);
    } else if (event == STATE_END) {
        save_end(output);
    }
    return used;
}

static ssize_t save_write(struct output *output, const void *buf, size_t len)
{
    const uint8_t *octets = buf;
    size_t at = 0;

    /* An answer that is not taken yet, or a file that is not there yet, is waited for. */
    while (at < len && !output->state.answer && save_front(output, octets + at, len - at) &&
           !output->state.opening)
        at += save_step(output, octets + at, len - at);
    return at;
}

static ssize_t save_read(struct output *output, void *buf, size_t len)
{
    char answer = output->state.answer;

    if (!answer || !len)
        return 0;
    output->state.answer = 0;
    *(char *)buf = answer;
    return 1;
}

/* -------- restoring: pipe: as console 2 -------- */

static int restore_check(struct output *output)
{
    char beginning[4];
    struct stat st;

    if (fstat(output->fd, &st))
        return -errno;
    if (!S_ISREG(st.st_mode)) {
        log_error("%s: %s: only a file to restore from is served as a pipe",
                  output->label, output->name);
        return -ENOTSUP;
    }
    if (pread(output->fd, beginning, 4, 0) == 4 && !memcmp(beginning, STATE_BEGINNING, 4))
        return 0;
    log_error("%s: %s: not a saved state of QEMU's (%lld bytes)", output->label,
              output->name, (long long)st.st_size);
    return -EINVAL;
}

static int restore_open(struct output *output, const struct output_spec *spec)
{
    output->fd = open(spec->path, O_RDONLY | OUTPUT_OPEN_FLAGS);
    return output->fd < 0 ? -errno : restore_check(output);
}

/* The stub domain's terminal would change what came before it was set to raw. */
static ssize_t restore_write(struct output *output, const void *buf, size_t len)
{
    if (memchr(buf, STATE_REQUEST, len) && lseek(output->fd, 0, SEEK_SET) == 0)
        output->state.sending = true;
    return len;
}

static ssize_t restore_read(struct output *output, void *buf, size_t len)
{
    uint8_t *octets = buf;
    ssize_t n;

    if (!output->state.sending || len <= STATE_HEADER)
        return 0;
    n = output_read_some(output->fd, octets + STATE_HEADER,
                         MIN(len - STATE_HEADER, (size_t)STATE_FRAME_MAX));
    if (n < 0 && n != -EPIPE)
        return n;
    if (n <= 0) {
        output->state.sending = false;
        n = 0;
    }
    state_header(octets, n);
    return STATE_HEADER + n;
}

const struct output_ops output_save_ops = { save_open, save_write, save_read, NULL, save_start };
const struct output_ops output_restore_ops = { restore_open, restore_write, restore_read, NULL,
                                               NULL };
