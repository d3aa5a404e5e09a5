// sources: launcher/dom0-daemon/outputs/log-file.c
/*
 * The bounded log: small logs are complete, large ones keep their beginning and end, and on a full disk only bytes are
 * lost.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "log-file.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define MAX 65536

static size_t read_all(const struct log_file *file, char *buf, size_t size)
{
    ssize_t n = pread(file->fd, buf, size - 1, 0);

    assert_true(n >= 0);
    buf[n] = '\0';
    return n;
}

static void start(struct log_file *file)
{
    log_file_init(file, memfd_create("log", 0), 0, MAX);
    assert_true(file->fd >= 0);
}

static void test_small_log_is_whole(void **state)
{
    struct log_file file;
    char buf[64];

    start(&file);
    assert_int_equal(log_file_write(&file, "hello ", 6), 0);
    assert_int_equal(log_file_write(&file, "world\n", 6), 0);
    assert_int_equal(read_all(&file, buf, sizeof(buf)), 12);
    assert_string_equal(buf, "hello world\n");
    log_file_dispose(&file);
    log_file_dispose(&file);
}

/* logrotate with copytruncate: the file has no hole, and has what is logged later. */
static void test_emptied_by_somebody(void **state)
{
    struct log_file file;
    char buf[64];

    start(&file);
    assert_int_equal(log_file_write(&file, "before", 6), 0);
    assert_int_equal(ftruncate(file.fd, 0), 0);
    assert_int_equal(log_file_write(&file, "after", 5), 0);
    assert_int_equal(log_file_write(&file, " that", 5), 0);
    assert_int_equal(read_all(&file, buf, sizeof(buf)), 10);
    assert_string_equal(buf, "after that");
    log_file_dispose(&file);
}

static void test_large_log_keeps_both_ends(void **state)
{
    static char buf[MAX + 100];
    struct log_file file;
    struct stat st;
    char line[32];
    size_t len;
    unsigned int lines = 20000;

    start(&file);
    for (unsigned int i = 0; i < lines; i++) {
        int n = snprintf(line, sizeof(line), "line %06u\n", i);

        assert_int_equal(log_file_write(&file, line, n), 0);
        assert_int_equal(fstat(file.fd, &st), 0);
        assert_true(st.st_size <= MAX);
        assert_int_equal(st.st_size, file.size);
    }
    len = read_all(&file, buf, sizeof(buf));
    assert_true(len >= MAX / 2);
    assert_memory_equal(buf, "line 000000\nline 000001\n", 24);
    assert_string_equal(buf + len - 12, "line 019999\n");
    assert_non_null(strstr(buf, "bytes left out here so far]\n"));
    log_file_dispose(&file);
}

static void test_largest_writes(void **state)
{
    static char chunk[2048];
    struct log_file file;

    start(&file);
    memset(chunk, 'x', sizeof(chunk));
    for (int i = 0; i < 200; i++) {
        assert_int_equal(log_file_write(&file, chunk, sizeof(chunk)), 0);
        assert_true(file.size <= MAX);
    }
    log_file_dispose(&file);
}

/* RLIMIT_FSIZE stands for a full disk. */
static void test_full_disk_is_said_once_and_survived(void **state)
{
    static char buf[MAX];
    struct rlimit limit, old;
    struct log_file file;

    start(&file);
    assert_int_equal(log_file_write(&file, "before\n", 7), 0);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    limit = old;
    limit.rlim_cur = 7;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(log_file_write(&file, "lost 1\n", 7), -EFBIG);
    for (int i = 0; i < 100; i++)
        assert_int_equal(log_file_write(&file, "lost 2\n", 7), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(log_file_write(&file, "after\n", 6), 0);
    read_all(&file, buf, sizeof(buf));
    assert_string_equal(buf, "before\n\n[stubdom-dm: 707 bytes left out here so far]\nafter\n");
    log_file_dispose(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_log_is_whole),
        cmocka_unit_test(test_emptied_by_somebody),
        cmocka_unit_test(test_large_log_keeps_both_ends),
        cmocka_unit_test(test_largest_writes),
        cmocka_unit_test(test_full_disk_is_said_once_and_survived),
    };

    return cmocka_run_group_tests_name("dm-log-file", tests, NULL, NULL);
}
