/*
 * The small parts: log lines, the poll loop, a program's output as lines.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "log.h"
#include "loop.h"
#include "output-lines.h"

static char last[LOG_LINE_MAX + 1];
static int lines_seen;
static int64_t clock_ms;

static void collect(void *data, enum log_level level, const char *line)
{
    strcpy(last, line);
    lines_seen++;
}

static int64_t now_ms(void)
{
    return clock_ms;
}

static int setup(void **state)
{
    log_set_sink(collect, NULL);
    last[0] = '\0';
    lines_seen = 0;
    clock_ms = 0;
    return 0;
}

static void log_escapes(void **state)
{
    log_info("a\tb\x1b[2J\x80%s", "\n");
    assert_string_equal(last, "a\\x09b\\x1b[2J\\x80\\x0a");
}

static void log_cuts(void **state)
{
    char text[2 * LOG_LINE_MAX];

    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    log_info("%s", text);
    assert_in_range(strlen(last), LOG_LINE_MAX - 5, LOG_LINE_MAX);
    memset(text, '\n', sizeof(text) - 1);
    log_info("%s", text);
    assert_in_range(strlen(last), LOG_LINE_MAX - 5, LOG_LINE_MAX);
}

static void log_without_sink(void **state)
{
    log_set_sink(NULL, NULL);
    log_info("nobody");
    assert_int_equal(lines_seen, 0);
}

static void output_in_pieces(void **state)
{
    struct output_lines lines;

    output_lines_init(&lines, "p", 0);
    output_lines_add(&lines, "ab", 2, 0);
    assert_int_equal(lines_seen, 0);
    output_lines_add(&lines, "c\r\n\n\nd", 6, 0);
    assert_int_equal(lines_seen, 1);
    assert_string_equal(last, "p: abc");
    assert_string_equal(lines.last, "abc");
    output_lines_flush(&lines, 0);
    assert_string_equal(last, "p: d");
    output_lines_flush(&lines, 0);
    assert_int_equal(lines_seen, 2);
}

static void output_long_line(void **state)
{
    struct output_lines lines;
    char text[3 * OUTPUT_LINE_MAX];

    memset(text, 'y', sizeof(text));
    output_lines_init(&lines, "p", 0);
    output_lines_add(&lines, text, sizeof(text), 0);
    output_lines_flush(&lines, 0);
    assert_int_equal(lines_seen, 3);
}

static void output_flood(void **state)
{
    struct output_lines lines;

    output_lines_init(&lines, "p", 0);
    for (int i = 0; i < 100000; i++)
        output_lines_add(&lines, "x\n", 2, i / 100); /* over 1 s */
    assert_in_range(lines_seen, OUTPUT_BURST, OUTPUT_BURST + 2 * OUTPUT_RATE);
    output_lines_flush(&lines, 1000);
    assert_non_null(strstr(last, "lines left out"));
    /* After a quiet while the whole budget is there again. */
    lines_seen = 0;
    for (int i = 0; i < OUTPUT_BURST; i++)
        output_lines_add(&lines, "y\n", 2, 100000);
    assert_int_equal(lines_seen, OUTPUT_BURST);
}

static int fired[3];

static void count(void *data)
{
    (*(int *)data)++;
}

static void timers(void **state)
{
    struct loop loop;
    struct loop_timer a = { .fired = count, .data = &fired[0] };
    struct loop_timer b = { .fired = count, .data = &fired[1] };

    memset(fired, 0, sizeof(fired));
    loop_init(&loop, now_ms);
    assert_int_equal(loop_start_timer(&loop, &a, 10), 0);
    assert_int_equal(loop_start_timer(&loop, &b, 20), 0);
    loop_turn(&loop, 0);
    assert_int_equal(fired[0], 0);
    clock_ms = 10;
    loop_turn(&loop, 0);
    assert_int_equal(fired[0], 1);
    assert_int_equal(loop_start_timer(&loop, &b, 20), 0); /* restarted */
    clock_ms = 29;
    loop_turn(&loop, 0);
    assert_int_equal(fired[1], 0);
    loop_stop_timer(&loop, &b);
    loop_stop_timer(&loop, &b);
    clock_ms = 100;
    loop_turn(&loop, 0);
    assert_int_equal(fired[0] + fired[1], 1);
}

static struct loop shared;
static struct loop_fd one, two;

static void removes_both(void *data, short revents)
{
    fired[2]++;
    loop_remove_fd(&shared, &one);
    loop_remove_fd(&shared, &two);
    loop_stop(&shared);
}

static void removed_while_ready(void **state)
{
    int ends[2];

    memset(fired, 0, sizeof(fired));
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    loop_init(&shared, now_ms);
    one = (struct loop_fd){ .fd = ends[0], .events = POLLIN, .ready = removes_both };
    two = one;
    assert_int_equal(loop_add_fd(&shared, &one), 0);
    assert_int_equal(loop_add_fd(&shared, &one), 0);
    assert_int_equal(loop_add_fd(&shared, &two), 0);
    assert_int_equal(loop_run(&shared), 0);
    assert_int_equal(fired[2], 1);
    assert_false(one.added);
    close(ends[0]);
    close(ends[1]);
}

static void full(void **state)
{
    static struct loop_fd fds[LOOP_MAX_FDS + 1];
    static struct loop_timer timers[LOOP_MAX_TIMERS + 1];

    loop_init(&shared, now_ms);
    for (int i = 0; i <= LOOP_MAX_FDS; i++)
        assert_int_equal(loop_add_fd(&shared, &fds[i]), i < LOOP_MAX_FDS ? 0 : -ENOSPC);
    for (int i = 0; i <= LOOP_MAX_TIMERS; i++)
        assert_int_equal(loop_start_timer(&shared, &timers[i], 1),
                         i < LOOP_MAX_TIMERS ? 0 : -ENOSPC);
    loop_remove_fd(&shared, &fds[LOOP_MAX_FDS]); /* never added */
    assert_int_equal(shared.fd_count, LOOP_MAX_FDS);
}

static void formatting(void **state)
{
    char text[4];

    assert_int_equal(format_text(text, sizeof(text), "%d", 123), 0);
    assert_int_equal(format_text(text, sizeof(text), "%d", 1234), -ENAMETOOLONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(log_escapes, setup),
        cmocka_unit_test_setup(log_cuts, setup),
        cmocka_unit_test_setup(log_without_sink, setup),
        cmocka_unit_test_setup(output_in_pieces, setup),
        cmocka_unit_test_setup(output_long_line, setup),
        cmocka_unit_test_setup(output_flood, setup),
        cmocka_unit_test_setup(timers, setup),
        cmocka_unit_test_setup(removed_while_ready, setup),
        cmocka_unit_test_setup(full, setup),
        cmocka_unit_test_setup(formatting, setup),
    };

    return cmocka_run_group_tests_name("basics", tests, NULL, NULL);
}
