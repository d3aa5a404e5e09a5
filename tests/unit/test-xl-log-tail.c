// sources: launcher/xl-stubdom/log-tail.c launcher/xl-stubdom/fault.c
/*
 * The end of a log is shown only if this attempt has written it; it is short, and harmless to a terminal.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include <sys/stat.h>

#include "fault.h"
#include "log-tail.h"

static char dir[] = "/tmp/test-xl-log-XXXXXX";
static char path[64];

static void append(const char *text)
{
    FILE *f = fopen(path, "a");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* What log_tail_print() prints after the headline. The caller frees it. */
static char *tail(const struct log_tail *log)
{
    char *text = NULL, *body;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    bool printed = log_tail_print(log, "the end", out);

    fclose(out);
    if (!printed) {
        assert_int_equal(len, 0);
        return text;
    }
    assert_ptr_equal(strstr(text, "xl-stubdom: the end (/tmp/"), text);
    body = strdup(strchr(text, '\n') + 1);
    free(text);
    return body;
}

static void expect(const struct log_tail *log, const char *expected)
{
    char *text = tail(log);

    assert_string_equal(text, expected);
    free(text);
}

static void test_only_what_is_new(void **state)
{
    struct log_tail log;

    (void)state;
    unlink(path);
    assert_int_equal(log_tail_init(&log, path), 0);
    expect(&log, "");
    append("");
    expect(&log, "");
    append("one\ntwo");
    expect(&log, "  | one\n  | two\n");
    log_tail_dispose(&log);

    assert_int_equal(log_tail_init(&log, path), 0);
    expect(&log, "");
    append(" and a half\n\r\n\n");
    expect(&log, "  |  and a half\n");

    /* after a rotation the whole new file counts, even if it is not longer than the old one */
    char old[80];

    snprintf(old, sizeof(old), "%s.1", path);
    assert_int_equal(rename(path, old), 0);
    expect(&log, "");
    append("new\r\n");
    expect(&log, "  | new\n");
    unlink(old);
    log_tail_dispose(&log);
}

static void test_escaped(void **state)
{
    struct log_tail log;

    (void)state;
    unlink(path);
    assert_int_equal(log_tail_init(&log, path), 0);
    append("\033]0;owned\007\tx\r y \x80\xff\x7f\\\n");
    expect(&log, "  | \\x1b]0;owned\\x07\tx\\x0d y \\x80\\xff\\x7f\\\n");
    log_tail_dispose(&log);
}

static void test_bounded(void **state)
{
    struct log_tail log;
    char *text;
    int lines = 0;

    (void)state;
    unlink(path);
    assert_int_equal(log_tail_init(&log, path), 0);
    for (int i = 0; i < 1000; i++) {
        char line[32];

        snprintf(line, sizeof(line), "line %d\n", i);
        append(line);
    }
    text = tail(&log);
    for (char *p = text; *p; p++)
        lines += *p == '\n';
    assert_int_equal(lines, LOG_TAIL_LINES);
    assert_ptr_equal(strstr(text, "  | line 980\n"), text);
    free(text);

    for (int i = 0; i < 1000; i++)
        append("0123456789abcdefghij");
    text = tail(&log);
    assert_int_equal(strlen(text), 4 + LOG_TAIL_COLUMNS + 5);
    free(text);
    log_tail_dispose(&log);
}

/* A log that is no regular file (a link, or a pipe that would block) is left alone. */
static void test_odd_files(void **state)
{
    struct log_tail log;

    (void)state;
    unlink(path);
    assert_int_equal(log_tail_init(&log, path), 0);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    expect(&log, "");
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    expect(&log, "");
    log_tail_dispose(&log);
}

static void test_fault_is_one_harmless_line(void **state)
{
    struct fault fault;
    char *text = NULL, value[4096];
    size_t len;
    FILE *out = open_memstream(&text, &len);

    (void)state;
    memset(value, 'v', sizeof(value));
    value[sizeof(value) - 1] = '\0';
    assert_int_equal(fault_set(&fault, -EINVAL, "a\nb\033%d %s", 3, value), -EINVAL);
    fault_print(&fault, out);
    fclose(out);
    assert_ptr_equal(strstr(text, "xl-stubdom: a\\x0ab\\x1b3 vvv"), text);
    assert_ptr_equal(strchr(text, '\n'), text + len - 1);
    free(text);
}

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof(path), "%s/qemu-dm-g.log", dir);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_what_is_new),
        cmocka_unit_test(test_escaped),
        cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_odd_files),
        cmocka_unit_test(test_fault_is_one_harmless_line),
    };

    return cmocka_run_group_tests_name("xl-log-tail", tests, set_up, tear_down);
}
