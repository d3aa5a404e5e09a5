// sources: launcher/dom0-daemon/outputs/output-state.c launcher/dom0-daemon/both/save-opener.c
// sources: launcher/dom0-daemon/both/message.c launcher/dom0-daemon/outputs/output.c
// sources: launcher/dom0-daemon/outputs/output-pty.c launcher/dom0-daemon/outputs/output-peer.c
// sources: launcher/dom0-daemon/outputs/log-file.c launcher/dom0-daemon/outputs/output-spec.c
/*
 * dom0's side of a saved state, with real files; the test plays the supervisor. A state that is not stored is reported
 * as not stored.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"
#include "answer-opener.h"

#include "clock.h"
#include "log.h"
#include "output.h"
#include "message.h"
#include "save-opener.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define END "XSst\0\0\0\0"

static struct loop loop;
static struct output output;
static int calls, opener[2], lines;
static bool last; /* whether the state is the last one (a soft reset) */
static char dir[64], path[128], last_line[LOG_LINE_MAX + 1];

static void keep_line(void *data, enum log_level level, const char *line)
{
    strcpy(last_line, line);
    lines++;
}

static void ready(void *data)
{
    calls++;
}

static void open_as(const char *format, enum output_role role)
{
    char text[256], error[400];
    struct output_spec spec;

    snprintf(text, sizeof(text), format, path);
    assert_int_equal(output_spec_parse(&spec, text, error, sizeof(error)), 0);
    assert_int_equal(output_open(&output, &loop, &spec, 1, role, ready, NULL), 0);
    output.opener_fd = opener[1];
    output_start(&output);
}

static int start(void **state)
{
    loop_init(&loop, clock_now_ms);
    log_set_sink(keep_line, NULL);
    strcpy(dir, "/tmp/dm-output-state-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/qemu-save.7", dir);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, opener), 0);
    memset(&output, 0, sizeof(output));
    calls = lines = 0;
    last = false;
    last_line[0] = '\0';
    return 0;
}

static int finish(void **state)
{
    output_dispose(&output);
    output_dispose(&output);
    close(opener[0]);
    close(opener[1]);
    unlink(path);
    return rmdir(dir);
}

/* The stub domain writes. Octets that are not taken at first are taken when the file is open. */
static void put(const char *octets, size_t len)
{
    size_t at = output_write(&output, octets, len);

    if (at < len) {
        answer_opener(opener[0], path, last);
        assert_int_equal(loop_turn(&loop, 0), 0);
        at += output_write(&output, octets + at, len - at);
    }
    assert_int_equal(at, len);
}

static void put_frame(const char *data)
{
    char frame[100];
    size_t len = strlen(data);

    state_header((uint8_t *)frame, len);
    memcpy(frame + STATE_HEADER, data, len);
    put(frame, STATE_HEADER + len);
}

/* Checks the answer to an end. There must be no other answer. */
static void assert_answer(char wanted)
{
    char answer[4];

    assert_int_equal(output_read(&output, answer, sizeof(answer)), 0);
    put(END, STATE_HEADER);
    assert_int_equal(output_read(&output, answer, sizeof(answer)), 1);
    assert_int_equal(answer[0], wanted);
    assert_int_equal(output_read(&output, answer, sizeof(answer)), 0);
}

static void assert_file(const char *text)
{
    char buf[100] = "";
    struct stat st;
    int fd = open(path, O_RDONLY);

    assert_true(fd >= 0);
    assert_int_equal(read(fd, buf, sizeof(buf) - 1), strlen(text));
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 077, 0);
    close(fd);
    assert_string_equal(buf, text);
}

static void test_saved_and_saved_again(void **state)
{
    open_as("file:%s", OUTPUT_ROLE_SAVE);
    assert_int_equal(access(path, F_OK), -1);
    put_frame("QEVM one");
    put_frame("QEVM, but inside");
    assert_answer(STATE_STORED);
    assert_file("QEVM oneQEVM, but inside");
    put_frame(" and on");
    assert_answer(STATE_STORED);
    assert_file("QEVM oneQEVM, but inside and on");
    put_frame("QEVM two");
    assert_answer(STATE_STORED);
    assert_file("QEVM two");
    /* libxl removes the file when something fails later. */
    unlink(path);
    put_frame("QEVM three");
    assert_answer(STATE_STORED);
    assert_file("QEVM three");
    assert_int_equal(lines, 0);
}

/* A soft reset: the guest will go on with another QEMU. */
static void test_last_state(void **state)
{
    open_as("file:%s", OUTPUT_ROLE_SAVE);
    last = true;
    put_frame("QEVM one");
    assert_answer(STATE_LAST);
    assert_file("QEVM one");
    last = false;
    put_frame("QEVM two");
    assert_answer(STATE_STORED);
}

/* Every way to cut the same octets. */
static void test_in_any_pieces(void **state)
{
    static const char octets[] = "XSst\6\0\0\0QEVM12XSst\1\0\0\0" "3" END;

    open_as("file:%s", OUTPUT_ROLE_SAVE);
    for (size_t piece = 1; piece < sizeof(octets); piece++) {
        char held[64], answer = 0;
        size_t len = 0, at = 0;

        while (at < sizeof(octets) - 1 || len) {
            size_t n = sizeof(octets) - 1 - at < piece ? sizeof(octets) - 1 - at : piece;
            ssize_t taken;

            memcpy(held + len, octets + at, n);
            at += n;
            len += n;
            taken = output_write(&output, held, len);
            memmove(held, held + taken, len - taken);
            len -= taken;
            answer_opener(opener[0], path, last);
            assert_int_equal(loop_turn(&loop, 0), 0);
        }
        assert_int_equal(output_read(&output, &answer, 1), 1);
        assert_int_equal(answer, STATE_STORED);
        assert_file("QEVM123");
    }
}

static void test_no_file(void **state)
{
    char good[sizeof(path)];

    strcpy(good, path);
    strcpy(path, "/nowhere/at/all");
    open_as("file:%s", OUTPUT_ROLE_SAVE);
    put_frame("QEVM one");
    put_frame("more");
    assert_answer(STATE_FAILED);
    assert_int_equal(lines, 1);
    assert_non_null(strstr(last_line, "/nowhere/at/all: No such file or directory"));
    strcpy(path, good);
    put_frame("QEVM two");
    assert_answer(STATE_STORED);
    assert_file("QEVM two");
}

static void test_full_disk(void **state)
{
    open_as("file:%s", OUTPUT_ROLE_SAVE);
    put_frame("QEVM one");
    /* Acts like a full disk. */
    dup2(open("/dev/full", O_WRONLY), output.fd);
    put_frame("more");
    put_frame("and more");
    assert_answer(STATE_FAILED);
    assert_int_equal(lines, 1);
    assert_non_null(strstr(last_line, "No space left on device: the save fails"));
    put_frame("QEVM two");
    assert_answer(STATE_STORED);
    assert_file("QEVM two");
}

/* A worker that was started in the middle of a state. It must not report this as a whole state. */
static void test_beginning_is_missing(void **state)
{
    open_as("file:%s", OUTPUT_ROLE_SAVE);
    assert_answer(STATE_FAILED);
    put_frame("the rest");
    assert_answer(STATE_FAILED);
    put("in the middle of a frame, XSst\4\0\0\0QEVM", 38);
    assert_answer(STATE_FAILED);
    put_frame("QEVM two");
    assert_answer(STATE_STORED);
    assert_file("QEVM two");
}

/* A state without end does not make its file grow without end. */
static void test_too_long(void **state)
{
    struct stat st;

    open_as("file:%s", OUTPUT_ROLE_SAVE);
    output.state_max = 100;
    put_frame("QEVM one");
    assert_answer(STATE_STORED);
    for (int i = 0; i < 20; i++)
        put("XSst\6\0\0\0more, ", 14);
    assert_answer(STATE_FAILED);
    assert_int_equal(lines, 1);
    assert_non_null(strstr(last_line, "File too large"));
    assert_int_equal(stat(path, &st), 0);
    assert_in_range(st.st_size, 0, 100);
    /* The size is counted again for the next state. */
    put_frame("QEVM two");
    assert_answer(STATE_STORED);
}

static void test_refused(void **state)
{
    open_as("file:%s", OUTPUT_ROLE_SAVE);
    assert_int_equal(output_write(&output, "XSst\4\0\0\0QEVM", 12), 8);
    assert_int_equal(message_take_requests(opener[0]), 1);
    save_opener_serve(opener[0], path, -EPERM, false);
    assert_int_equal(loop_turn(&loop, 0), 0);
    put("QEVM", 4);
    assert_answer(STATE_FAILED);
    assert_int_equal(access(path, F_OK), -1);
}

static void test_silent_opener(void **state)
{
    open_as("file:%s", OUTPUT_ROLE_SAVE);
    assert_int_equal(output_write(&output, "XSst\4\0\0\0QEVM", 12), 8);
    assert_int_equal(output_write(&output, "QEVM", 4), 0);
    assert_int_equal(loop_turn(&loop, 0), 0);
    assert_int_equal(calls, 0);
    answer_opener(opener[0], path, last);
    assert_int_equal(loop_turn(&loop, 0), 0);
    assert_int_equal(calls, 1);
    put("QEVM", 4);
    assert_answer(STATE_STORED);
}

/* A stub domain that stops within a frame, or does not read its answer, keeps nothing busy. */
static void test_stops_on_the_way(void **state)
{
    int64_t begin;

    open_as("file:%s", OUTPUT_ROLE_SAVE);
    put_frame("QEVM one");
    assert_answer(STATE_STORED);
    assert_int_equal(output_write(&output, "XSst\4\0\0\0QE", 10), 8);
    output_want(&output, true, true);
    begin = clock_now_ms();
    assert_int_equal(loop_turn(&loop, 20), 0);
    assert_true(clock_now_ms() - begin >= 20);

    /* When the file is needed, it is opened, although nothing was wanted before. */
    output_want(&output, false, false);
    put("QEVM", 4);
    assert_answer(STATE_STORED);
    assert_file("QEVM");
}

static void write_file(const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void test_restore_waits_for_the_request(void **state)
{
    char buf[64];

    write_file("QEVM0123456789");
    open_as("pipe:%s", OUTPUT_ROLE_RESTORE);
    assert_int_equal(output_read(&output, buf, sizeof(buf)), 0);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(output_write(&output, "R", 1), 1);
        assert_int_equal(output_read(&output, buf, STATE_HEADER), 0);
        assert_int_equal(output_read(&output, buf, STATE_HEADER + 10), STATE_HEADER + 10);
        assert_memory_equal(buf, "XSst\12\0\0\0QEVM012345", 18);
        assert_int_equal(output_read(&output, buf, sizeof(buf)), STATE_HEADER + 4);
        assert_memory_equal(buf, "XSst\4\0\0\0" "6789", 12);
        assert_int_equal(output_read(&output, buf, sizeof(buf)), STATE_HEADER);
        assert_memory_equal(buf, END, STATE_HEADER);
        assert_int_equal(output_read(&output, buf, sizeof(buf)), 0);
    }
    assert_int_equal(lines, 0);
}

static void test_not_a_state(void **state)
{
    static const char *const texts[] = { "", "QEV", "something else" };
    struct output_spec spec = { .kind = OUTPUT_PIPE };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        write_file(texts[i]);
        strcpy(spec.path, path);
        assert_int_equal(output_open(&output, &loop, &spec, 2, OUTPUT_ROLE_RESTORE, ready, NULL),
                         -EINVAL);
        assert_non_null(strstr(last_line, path));
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_saved_and_saved_again),
        TEST(test_last_state),
        TEST(test_in_any_pieces),
        TEST(test_no_file),
        TEST(test_full_disk),
        TEST(test_beginning_is_missing),
        TEST(test_too_long),
        TEST(test_refused),
        TEST(test_silent_opener),
        TEST(test_stops_on_the_way),
        TEST(test_restore_waits_for_the_request),
        TEST(test_not_a_state),
    };

    return cmocka_run_group_tests_name("dm-output-state", tests, NULL, NULL);
}
