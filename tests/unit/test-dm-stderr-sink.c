// sources: launcher/dom0-daemon/both/stderr-sink.c
// wrap: clock_gettime
/*
 * The daemon's own log: warnings and errors, which a peer can cause, are limited in rate and in all, so that there is
 * room for important lines.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "log.h"
#include "stderr-sink.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

static int64_t now_s = 1000;
static char text[600000];
static int memory, saved;

int __wrap_clock_gettime(clockid_t id, struct timespec *now)
{
    *now = (struct timespec){ .tv_sec = now_s };
    return 0;
}

static int start(void **state)
{
    memory = memfd_create("log", 0);
    saved = dup(STDERR_FILENO);
    dup2(memory, STDERR_FILENO);
    stderr_sink_init("worker", 7);
    return 0;
}

static int finish(void **state)
{
    close(memory);
    return 0;
}

/* Ends the log. Returns how often WORD is in it. */
static int count(const char *word)
{
    ssize_t len;
    int n = 0;

    if (saved >= 0) {
        dup2(saved, STDERR_FILENO);
        close(saved);
        saved = -1;
    }
    len = pread(memory, text, sizeof(text) - 1, 0);
    assert_true(len >= 0);
    text[len] = '\0';
    for (char *p = text; (p = strstr(p, word)); p++)
        n++;
    return n;
}

/* Root's log is renamed. A child gets its own descriptor of the new one. */
static void test_a_log_that_is_renamed(void **state)
{
    static const char path[] = "/tmp/dm-stderr-sink", old[] = "/tmp/dm-stderr-sink.1";
    int keep[2] = { dup(STDOUT_FILENO), dup(STDERR_FILENO) }, fd, child;
    char buf[100] = "";
    struct stat st;

    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
    assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
    close(fd);
    stderr_sink_init(NULL, 7);
    log_info("before");
    assert_false(stderr_sink_follow());
    assert_int_equal(rename(path, old), 0);
    assert_true(stderr_sink_follow());
    assert_false(stderr_sink_follow());
    log_info("after");
    child = stderr_sink_open_for_child();
    assert_true(child > 2);
    stderr_sink_init("worker", 7);
    stderr_sink_take(child);
    log_info("by a child");
    stderr_sink_take(STDERR_FILENO);
    assert_int_equal(dup2(keep[0], STDOUT_FILENO), STDOUT_FILENO);
    assert_int_equal(dup2(keep[1], STDERR_FILENO), STDERR_FILENO);
    close(keep[0]);
    close(keep[1]);
    fd = open(path, O_RDONLY);
    assert_true(read(fd, buf, sizeof(buf) - 1) > 0);
    close(fd);
    assert_string_equal(buf, "stubdom-dm d7: after\nstubdom-dm worker d7: by a child\n");
    assert_int_equal(stat(old, &st), 0);
    assert_int_equal(st.st_size, strlen("stubdom-dm d7: before\n"));
    unlink(path);
    unlink(old);
}

/*
 * The supervisor may not be able to look into the folder, or the folder may be gone. This is neither taken for a rename
 * nor logged.
 */
static void test_where_nobody_can_look_nothing_is_renamed(void **state)
{
    static const char folder[] = "/tmp/dm-stderr-sink-folder", path[] = "/tmp/dm-stderr-sink-folder/log";
    int keep = dup(STDERR_FILENO), fd;
    struct stat st;

    assert_int_equal(mkdir(folder, 0700), 0);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
    assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
    stderr_sink_init(NULL, 7);
    unlink(path);
    if (geteuid() == 0) {
        assert_int_equal(seteuid(65534), 0); /* EACCES */
        assert_false(stderr_sink_follow());
        assert_int_equal(seteuid(0), 0);
    }
    assert_int_equal(rmdir(folder), 0);
    close(open(folder, O_WRONLY | O_CREAT, 0600)); /* ENOTDIR */
    assert_false(stderr_sink_follow());
    assert_int_equal(dup2(keep, STDERR_FILENO), STDERR_FILENO);
    close(keep);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, 0);
    close(fd);
    unlink(folder);
}

/* A log that is no file cannot be renamed. */
static void test_no_file_is_not_followed(void **state)
{
    int ends[2], keep = dup(STDERR_FILENO);

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    stderr_sink_init(NULL, 7);
    assert_false(stderr_sink_follow());
    assert_int_equal(dup2(keep, STDERR_FILENO), STDERR_FILENO);
    close(keep);
    close(ends[0]);
    close(ends[1]);
}

static void test_little_at_once(void **state)
{
    for (int i = 0; i < 1000; i++)
        log_warning("grr\n");
    for (int i = 0; i < 1000; i++)
        log_error("argh");
    now_s += 2;
    log_info("some time later");
    assert_int_equal(count("grr"), STDERR_SINK_BURST);
    assert_int_equal(count("argh"), STDERR_SINK_ERROR_BURST);
    assert_int_equal(count("worker d7: grr\\x0a\n"), STDERR_SINK_BURST);
    assert_int_equal(count("1880 messages were left out\n"), 0);
    assert_int_equal(count("980 messages were left out\n"), 1);
    assert_int_equal(count("900 messages were left out\n"), 1);
}

static void test_little_in_all(void **state)
{
    for (int i = 0; i < 20000; i++, now_s++)
        log_warning("grr grr grr grr grr");
    log_error("what must be known");
    for (int i = 0; i < 20000; i++, now_s++)
        log_error("argh argh argh argh");
    assert_int_equal(count("what must be known\n"), 1);
    assert_in_range(strlen(text), STDERR_SINK_MAX, STDERR_SINK_MAX + STDERR_SINK_ERRORS + 1000);
    assert_int_equal(count("this is the last\n"), 2);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, start, finish)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_log_that_is_renamed), /* early, while there is room for a line */
        cmocka_unit_test(test_where_nobody_can_look_nothing_is_renamed),
        cmocka_unit_test(test_no_file_is_not_followed),
        TEST(test_little_at_once),
        TEST(test_little_in_all),
    };

    return cmocka_run_group_tests_name("dm-stderr-sink", tests, NULL, NULL);
}
