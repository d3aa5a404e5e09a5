/*
 * QEMU's state between a pipe and a console: complete, in order, and never reported as stored when it is not. Peers on
 * both sides are slow, absent or lie.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "log.h"
#include "state-relay.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>

#define STATE_SIZE 300000

static struct loop loop;
static struct state_save save;
static struct state_restore restore;
static int64_t clock_ms;
static int qemu, dom0, settled, stored, ended, end_rc;
static uint8_t state[STATE_SIZE], got[2 * STATE_SIZE];

static int64_t now_ms(void)
{
    return clock_ms;
}

static void no_log(void *data, enum log_level level, const char *line)
{
}

static void save_settled(void *data, bool is_stored)
{
    settled++;
    stored = is_stored;
}

static void restore_ended(void *data, int rc)
{
    ended++;
    end_rc = rc;
}

static void turn(int times)
{
    while (times--)
        assert_int_equal(loop_turn(&loop, 0), 0);
}

static int begin(void)
{
    int ends[2];

    signal(SIGPIPE, SIG_IGN);
    log_set_sink(no_log, NULL);
    loop_init(&loop, now_ms);
    clock_ms = 1000;
    settled = stored = ended = end_rc = 0;
    memcpy(state, "QEVM", 4);
    for (size_t i = 4; i < sizeof(state); i++)
        state[i] = i * 7 + i / 256;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    dom0 = ends[0];
    return ends[1];
}

static int begin_save(void **unused)
{
    int console = begin();

    save = (struct state_save){ .settled = save_settled };
    assert_int_equal(state_save_open(&save, &loop, console, &qemu), 0);
    assert_int_equal(fcntl(qemu, F_GETFL) & O_NONBLOCK, 0);
    assert_int_equal(fcntl(qemu, F_SETFL, O_NONBLOCK), 0);
    return 0;
}

static int end_save(void **unused)
{
    state_save_close(&save);
    state_save_close(&save);
    close(dom0);
    close(qemu);
    turn(1);
    assert_int_equal(loop.fd_count, 0);
    assert_int_equal(loop.timer_count, 0);
    return 0;
}

static int begin_restore(void **unused)
{
    int console = begin();

    restore = (struct state_restore){ .ended = restore_ended };
    assert_int_equal(state_restore_open(&restore, &loop, console, &qemu), 0);
    assert_int_equal(fcntl(qemu, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(read(dom0, got, sizeof(got)), 1);
    assert_int_equal(got[0], STATE_REQUEST);
    return 0;
}

static int end_restore(void **unused)
{
    state_restore_close(&restore);
    state_restore_close(&restore);
    close(dom0);
    close(qemu);
    turn(1);
    assert_int_equal(loop.fd_count, 0);
    return 0;
}

/* Reads frames, as dom0 does, until there are no more. Returns whether the last was an end. */
static bool take_frames(struct state_parser *parser, size_t *total)
{
    bool is_end = false;
    uint8_t octets[1000];
    ssize_t len;

    while ((len = read(dom0, octets, sizeof(octets))) > 0)
        for (size_t at = 0, used; at < (size_t)len; at += used) {
            int event = state_parser_take(parser, octets + at, len - at, &used);

            assert_true(event >= 0);
            is_end = event == STATE_END;
            if (event == STATE_DATA) {
                memcpy(got + *total, octets + at, used);
                *total += used;
            }
        }
    return is_end;
}

static void nothing_was_written(void **unused)
{
    assert_true(state_save_settle(&save));
    turn(3);
    assert_int_equal(settled, 0);
    assert_int_equal(read(dom0, got, 1), -1);
}

/* Both sides are slow. An end is sent when QEMU has stopped writing, and only if somebody asks. */
static void whole_and_in_order(void **unused)
{
    struct state_parser parser = { 0 };
    size_t sent = 0, total = 0;
    bool is_end = false;

    while (sent < STATE_SIZE) {
        ssize_t put = write(qemu, state + sent, STATE_SIZE - sent > 30000 ? 30000 : STATE_SIZE - sent);

        sent += put > 0 ? put : 0;
        turn(3);
        is_end |= take_frames(&parser, &total);
    }
    for (int i = 0; i < 50; i++) {
        turn(3);
        is_end |= take_frames(&parser, &total);
    }
    assert_false(is_end);
    assert_int_equal(total, STATE_SIZE);
    assert_memory_equal(got, state, STATE_SIZE);
    assert_false(state_save_settle(&save));
    assert_false(state_save_settle(&save));
    turn(3);
    assert_true(take_frames(&parser, &total));
    assert_int_equal(settled, 0);
    assert_int_equal(write(dom0, "K", 1), 1);
    turn(3);
    assert_int_equal(settled, 1);
    assert_true(stored);
    assert_true(state_save_settle(&save));
}

/* Data in the pipe counts, even if it was not read yet. */
static void asked_before_it_moved(void **unused)
{
    struct state_parser parser = { 0 };
    size_t total = 0;

    assert_int_equal(write(qemu, state, 100), 100);
    assert_false(state_save_settle(&save));
    turn(3);
    assert_true(take_frames(&parser, &total));
    assert_int_equal(total, 100);
    /* QEMU writes more while we wait for the answer: this is sent after the answer. */
    assert_int_equal(write(qemu, state + 100, 50), 50);
    turn(5);
    assert_false(take_frames(&parser, &total));
    assert_int_equal(total, 100);
    assert_int_equal(write(dom0, "K", 1), 1);
    turn(5);
    assert_int_equal(settled, 1);
    assert_false(state_save_settle(&save));
    turn(5);
    assert_true(take_frames(&parser, &total));
    assert_int_equal(total, 150);
}

static void answers_that_nobody_asked_for(void **unused)
{
    assert_int_equal(write(dom0, "KKKK", 4), 4);
    turn(3);
    assert_int_equal(write(qemu, state, 100), 100);
    assert_false(state_save_settle(&save));
    turn(3);
    assert_int_equal(settled, 0);
    assert_int_equal(write(dom0, "F", 1), 1);
    turn(3);
    assert_int_equal(settled, 1);
    assert_false(stored);
}

static void dom0_is_silent(void **unused)
{
    assert_int_equal(write(qemu, state, 100), 100);
    assert_false(state_save_settle(&save));
    clock_ms += STATE_ANSWER_MS - 1;
    turn(3);
    assert_int_equal(settled, 0);
    clock_ms++;
    turn(3);
    assert_int_equal(settled, 1);
    assert_false(stored);
}

static void dom0_hangs_up(void **unused)
{
    assert_int_equal(write(qemu, state, 100), 100);
    assert_false(state_save_settle(&save));
    close(dom0);
    turn(3);
    assert_int_equal(settled, 1);
    assert_false(stored);
    assert_int_equal(write(qemu, state, 100), -1);
    assert_int_equal(errno, EPIPE);
    assert_true(state_save_settle(&save));
    dom0 = -1;
}

/* settled() is not called from within state_save_settle(). */
static void dom0_was_gone(void **unused)
{
    assert_int_equal(write(qemu, state, 100), 100);
    close(dom0);
    assert_false(state_save_settle(&save));
    assert_false(state_save_settle(&save));
    assert_int_equal(settled, 0);
    turn(3);
    assert_int_equal(settled, 1);
    assert_false(stored);
    dom0 = -1;
}

static void qemu_is_gone(void **unused)
{
    assert_int_equal(write(qemu, state, 100), 100);
    close(qemu);
    turn(10);
    assert_false(state_save_settle(&save));
    turn(3);
    assert_int_equal(write(dom0, "K", 1), 1);
    turn(3);
    assert_int_equal(settled, 1);
    qemu = -1;
}

static size_t put_frames(uint8_t *out, size_t size, size_t chunk)
{
    size_t n = 0;

    for (size_t at = 0; at < size; at += chunk) {
        size_t len = size - at < chunk ? size - at : chunk;

        state_header(out + n, len);
        memcpy(out + n + STATE_HEADER, state + at, len);
        n += STATE_HEADER + len;
    }
    state_header(out + n, 0);
    return n + STATE_HEADER;
}

/* QEMU gets every octet, and then the end of the file, whatever the pieces are. */
static void restored_whole(void **unused)
{
    static uint8_t frames[2 * STATE_SIZE];
    size_t len = put_frames(frames, STATE_SIZE, 1016), sent = 0, total = 0;

    for (int i = 0; i < 2000 && qemu >= 0; i++) {
        ssize_t n = sent < len ? write(dom0, frames + sent, len - sent > 777 ? 777 : len - sent) : 0;

        sent += n > 0 ? n : 0;
        turn(2);
        if (i % 50 && i < 1000) /* it is slow at first */
            continue;
        while ((n = read(qemu, got + total, sizeof(got) - total)) > 0)
            total += n;
        if (n == 0)
            break;
    }
    assert_int_equal(total, STATE_SIZE);
    assert_memory_equal(got, state, STATE_SIZE);
    assert_int_equal(ended, 1);
    assert_int_equal(end_rc, 0);
    assert_int_equal(restore.carried, STATE_SIZE);
}

static void cut_short(void **unused)
{
    uint8_t frames[200];

    put_frames(frames, 100, 100);
    assert_int_equal(write(dom0, frames, 60), 60);
    close(dom0);
    dom0 = -1;
    turn(5);
    assert_int_equal(ended, 1);
    assert_int_equal(end_rc, -EPIPE);
    assert_int_equal(read(qemu, got, sizeof(got)), 52);
    assert_int_equal(read(qemu, got, sizeof(got)), 0);
}

/* QEMU closes its end when it has read its own end mark, maybe before dom0's end has come. */
static void qemu_has_enough(void **unused)
{
    uint8_t frames[200];
    size_t len = put_frames(frames, 100, 100);

    assert_int_equal(write(dom0, frames, len - STATE_HEADER), len - STATE_HEADER);
    turn(3);
    assert_int_equal(read(qemu, got, sizeof(got)), 100);
    close(qemu);
    qemu = -1;
    turn(3);
    assert_int_equal(ended, 1);
    assert_int_equal(end_rc, 0);
}

static void no_frames(void **unused)
{
    static const char *const texts[] = { "QEVM, as a file has it", "XSst\1\1\1\1", "XSsT\1\0\0\0x" };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        end_restore(NULL);
        begin_restore(NULL);
        assert_int_equal(write(dom0, texts[i], 9), 9);
        turn(3);
        assert_int_equal(ended, 1);
        assert_int_equal(end_rc, -EPROTO);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_was_written, begin_save, end_save),
        cmocka_unit_test_setup_teardown(whole_and_in_order, begin_save, end_save),
        cmocka_unit_test_setup_teardown(asked_before_it_moved, begin_save, end_save),
        cmocka_unit_test_setup_teardown(answers_that_nobody_asked_for, begin_save, end_save),
        cmocka_unit_test_setup_teardown(dom0_is_silent, begin_save, end_save),
        cmocka_unit_test_setup_teardown(dom0_hangs_up, begin_save, end_save),
        cmocka_unit_test_setup_teardown(dom0_was_gone, begin_save, end_save),
        cmocka_unit_test_setup_teardown(qemu_is_gone, begin_save, end_save),
        cmocka_unit_test_setup_teardown(restored_whole, begin_restore, end_restore),
        cmocka_unit_test_setup_teardown(cut_short, begin_restore, end_restore),
        cmocka_unit_test_setup_teardown(qemu_has_enough, begin_restore, end_restore),
        cmocka_unit_test_setup_teardown(no_frames, begin_restore, end_restore),
    };

    return cmocka_run_group_tests_name("state-relay", tests, NULL, NULL);
}
