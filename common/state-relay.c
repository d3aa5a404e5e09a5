/*
 * QEMU's saved state between pipe and console (state-relay.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "state-relay.h"

#include "log.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* A QEMU that never stops writing must not keep us from our other work. */
#define CHUNKS_A_TURN 16

static void close_fd(struct loop *loop, struct loop_fd *io)
{
    loop_remove_fd(loop, io);
    if (io->fd >= 0)
        close(io->fd);
    io->fd = -1;
}

/* Makes a pipe to or from QEMU. Our end does not block. */
static int open_pipe(bool we_read, int *ours, int *qemu)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    *ours = ends[!we_read];
    *qemu = ends[we_read];
    if (fcntl(*ours, F_SETFL, O_NONBLOCK) < 0) {
        close(ends[0]);
        close(ends[1]);
        return -errno;
    }
    return 0;
}

static bool is_passing(ssize_t got)
{
    return got < 0 && (errno == EAGAIN || errno == EINTR);
}

/* -------- saving -------- */

static void settle(struct state_save *save, bool stored)
{
    bool waited = save->settling;

    loop_stop_timer(save->loop, &save->patience);
    save->settling = false;
    save->phase = STATE_SAVE_IDLE;
    if (waited)
        save->settled(save->data, stored);
}

/*
 * The console has failed: QEMU's next write will fail. settled() is called later, from the loop, because this may run
 * within state_save_settle().
 */
static void console_failed(struct state_save *save, int error)
{
    log_error("saved state: console 1: %s", strerror(error));
    close_fd(save->loop, &save->console);
    close_fd(save->loop, &save->qemu);
    save->start = save->end = 0;
    save->phase = STATE_SAVE_IDLE;
    if (save->settling && loop_start_timer(save->loop, &save->patience, 0))
        log_error("saved state: no timer left");
}

static void put_frame(struct state_save *save, size_t len)
{
    state_header(save->buffer, len);
    save->start = 0;
    save->end = STATE_HEADER + len;
}

/* Writes the buffer to the console. True: it is empty now. */
static bool flush(struct state_save *save)
{
    while (save->start < save->end && save->console.fd >= 0) {
        ssize_t put = write(save->console.fd, save->buffer + save->start,
                            save->end - save->start);

        if (is_passing(put))
            return false;
        if (put < 0)
            console_failed(save, errno);
        else
            save->start += put;
    }
    return save->start == save->end;
}

static void end_it(struct state_save *save)
{
    put_frame(save, 0);
    save->phase = STATE_SAVE_ENDING;
    if (loop_start_timer(save->loop, &save->patience, STATE_ANSWER_MS))
        log_error("saved state: no timer left");
}

/* Puts a chunk of QEMU's, or an end, into the buffer. False: there is nothing to send. */
static bool next_frame(struct state_save *save)
{
    ssize_t got;

    if (save->phase == STATE_SAVE_ENDING || save->console.fd < 0)
        return false;
    got = save->qemu.fd < 0 ? 0 : read(save->qemu.fd, save->buffer + STATE_HEADER, STATE_CHUNK);
    if (got > 0) {
        put_frame(save, got);
        save->phase = STATE_SAVE_MOVING;
        return true;
    }
    if (!is_passing(got))
        close_fd(save->loop, &save->qemu);
    if (!save->settling)
        return false;
    end_it(save);
    return true;
}

static void move_save(struct state_save *save)
{
    int chunks = 0;

    while (flush(save) && chunks++ < CHUNKS_A_TURN && next_frame(save))
        ;
    save->console.events = POLLIN | (save->start < save->end ? POLLOUT : 0);
    /* While QEMU has to wait, its pipe is not polled: a hang-up would be reported over and over. */
    if (save->start < save->end || save->phase == STATE_SAVE_ENDING)
        loop_remove_fd(save->loop, &save->qemu);
    else if (save->qemu.fd >= 0 && loop_add_fd(save->loop, &save->qemu))
        log_error("saved state: no place for QEMU's pipe left");
}

static void save_qemu_ready(void *data, short revents)
{
    struct state_save *save = data;

    /* QEMU has gone. The core notices its end by other means. */
    if (!(revents & POLLIN) && revents)
        close_fd(save->loop, &save->qemu);
    else
        move_save(save);
}

static void take_answers(struct state_save *save)
{
    char answers[16];
    ssize_t got = read(save->console.fd, answers, sizeof(answers));

    if (got == 0 || (got < 0 && !is_passing(got))) {
        console_failed(save, got ? errno : EPIPE);
    } else if (got > 0 && save->phase == STATE_SAVE_ENDING && save->start == save->end) {
        save->last = answers[got - 1] == STATE_LAST;
        settle(save, save->last || answers[got - 1] == STATE_STORED);
    }
}

static void save_console_ready(void *data, short revents)
{
    struct state_save *save = data;

    if (revents & ~POLLOUT)
        take_answers(save);
    if (save->console.fd >= 0)
        move_save(save);
}

static void out_of_patience(void *data)
{
    struct state_save *save = data;

    if (save->console.fd >= 0)
        log_error("saved state: dom0 does not say that it has stored it");
    settle(save, false);
}

int state_save_open(struct state_save *save, struct loop *loop, int console_fd, int *qemu_fd)
{
    int ours, rc;

    save->loop = loop;
    save->phase = STATE_SAVE_IDLE;
    save->start = save->end = 0;
    save->last = false;
    save->console = (struct loop_fd){ .fd = console_fd, .events = POLLIN,
                                      .ready = save_console_ready, .data = save };
    save->qemu = (struct loop_fd){ .fd = -1, .events = POLLIN, .ready = save_qemu_ready,
                                   .data = save };
    save->patience = (struct loop_timer){ .fired = out_of_patience, .data = save };
    rc = open_pipe(true, &ours, qemu_fd);
    if (!rc) {
        save->qemu.fd = ours;
        rc = loop_add_fd(loop, &save->qemu) ?: loop_add_fd(loop, &save->console);
        if (rc)
            close(*qemu_fd);
    }
    if (rc)
        state_save_close(save);
    return rc;
}

bool state_save_settle(struct state_save *save)
{
    struct pollfd p = { .fd = save->qemu.fd, .events = POLLIN };

    if (!save->loop)
        return true;
    if (save->settling)
        return false;
    if (save->phase == STATE_SAVE_IDLE && save->start == save->end && poll(&p, 1, 0) <= 0)
        return true;
    save->settling = true;
    move_save(save);
    return false;
}

void state_save_close(struct state_save *save)
{
    if (!save->loop)
        return;
    loop_stop_timer(save->loop, &save->patience);
    close_fd(save->loop, &save->qemu);
    close_fd(save->loop, &save->console);
    save->loop = NULL;
}

/* -------- restoring -------- */

static void end_restore(struct state_restore *restore, int rc)
{
    /* Closing the pipe is the end of the file for QEMU. */
    close_fd(restore->loop, &restore->qemu);
    close_fd(restore->loop, &restore->console);
    restore->ended(restore->data, rc);
}

/*
 * Writes data to QEMU. How many octets; 0: it takes none now. QEMU closes its end when it has all that it wants, maybe
 * before dom0's end has come, or when it rejects the state. QEMU's exit or its status tells which.
 */
static ssize_t pass_on(struct state_restore *restore)
{
    size_t len = MIN(restore->end - restore->start, (size_t)restore->parser.left);
    ssize_t put = write(restore->qemu.fd, restore->buffer + restore->start, len);

    if (put < 0)
        return is_passing(put) ? 0 : -EPIPE;
    restore->carried += put;
    return put;
}

/* 0: all octets in the buffer are used up; 1: QEMU takes no more now, or the restore is over. */
static int use_octets(struct state_restore *restore)
{
    while (restore->start < restore->end) {
        size_t len = restore->end - restore->start, used;
        int event;

        if (restore->parser.left) {
            ssize_t put = pass_on(restore);

            if (put < 0)
                end_restore(restore, 0);
            if (put <= 0)
                return 1;
            len = put;
        }
        event = state_parser_take(&restore->parser, restore->buffer + restore->start, len, &used);
        restore->start += used;
        if (event == STATE_END || event < 0) {
            end_restore(restore, event < 0 ? event : 0);
            return 1;
        }
    }
    return 0;
}

static void move_restore(struct state_restore *restore)
{
    if (use_octets(restore)) {
        if (restore->qemu.fd < 0)
            return;
        restore->qemu.events = POLLOUT;
        restore->console.events = 0;
        return;
    }
    restore->qemu.events = 0;
    restore->console.events = POLLIN;
}

static void restore_console_ready(void *data, short revents)
{
    struct state_restore *restore = data;
    ssize_t got;

    if (!restore->console.events)
        got = 0; /* the console has hung up */
    else
        got = read(restore->console.fd, restore->buffer, sizeof(restore->buffer));
    if (got > 0) {
        restore->start = 0;
        restore->end = got;
        move_restore(restore);
    } else if (!is_passing(got)) {
        end_restore(restore, -EPIPE);
    }
}

static void restore_qemu_ready(void *data, short revents)
{
    struct state_restore *restore = data;

    if (revents & POLLOUT)
        move_restore(restore);
    else
        end_restore(restore, 0);
}

int state_restore_open(struct state_restore *restore, struct loop *loop, int console_fd,
                       int *qemu_fd)
{
    static const char request = STATE_REQUEST;
    int ours, rc;

    restore->loop = loop;
    restore->parser = (struct state_parser){ .have = 0 };
    restore->start = restore->end = restore->carried = 0;
    restore->console = (struct loop_fd){ .fd = console_fd, .events = POLLIN,
                                         .ready = restore_console_ready, .data = restore };
    restore->qemu = (struct loop_fd){ .fd = -1, .ready = restore_qemu_ready, .data = restore };
    rc = open_pipe(false, &ours, qemu_fd);
    if (!rc) {
        restore->qemu.fd = ours;
        rc = loop_add_fd(loop, &restore->qemu) ?: loop_add_fd(loop, &restore->console);
        if (!rc && write(console_fd, &request, 1) != 1)
            rc = -EIO;
        if (rc)
            close(*qemu_fd);
    }
    if (rc)
        state_restore_close(restore);
    return rc;
}

void state_restore_close(struct state_restore *restore)
{
    if (!restore->loop)
        return;
    close_fd(restore->loop, &restore->qemu);
    close_fd(restore->loop, &restore->console);
    restore->loop = NULL;
}
