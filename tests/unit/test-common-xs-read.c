// sources: tests/unit/fake-xs.c
/*
 * Reading from xenstore: order, gaps, limits, and malformed values.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "fake-xs.h"
#include "xs-read.h"

#include <xenstore.h>

#define ARGV "/vm/uuid/image/dm-argv"

static struct xs_handle *xs;
static struct str_list argv;

static int setup(void **state)
{
    fake_xs_reset(3);
    xs = fake_xs_open();
    str_list_init(&argv);
    fake_xs_set("/local/domain/7/vm", "/vm/uuid");
    return 0;
}

static int teardown(void **state)
{
    str_list_dispose(&argv);
    xs_close(xs);
    fake_xs_reset(3);
    return 0;
}

static void in_order(void **state)
{
    char path[64], value[16];

    for (int i = 12; i >= 1; i--) {
        snprintf(path, sizeof(path), ARGV "/%03d", i);
        snprintf(value, sizeof(value), "arg%d", i);
        fake_xs_set(path, value);
    }
    assert_int_equal(xenstore_read_dm_argv(xs, 7, &argv), 0);
    assert_int_equal(argv.count, 12);
    for (int i = 0; i < 12; i++) {
        snprintf(value, sizeof(value), "arg%d", i + 1);
        assert_string_equal(argv.items[i], value);
    }
    assert_null(argv.items[12]);
}

static void bad_keys(void **state)
{
    static const char *const keys[] = { "003", "000", "x", "1x", "-1", "01" };

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        char path[64];

        fake_xs_set(ARGV, NULL);
        fake_xs_set(ARGV "/001", "a");
        snprintf(path, sizeof(path), ARGV "/%s", keys[i]);
        fake_xs_set(path, "b");
        assert_int_equal(xenstore_read_dm_argv(xs, 7, &argv), -EBADMSG);
    }
}

static void nothing_there(void **state)
{
    assert_int_equal(xenstore_read_dm_argv(xs, 7, &argv), -ENOENT);
    fake_xs_set(ARGV, "");
    assert_int_equal(xenstore_read_dm_argv(xs, 7, &argv), -ENOENT);
    assert_int_equal(xenstore_read_dm_argv(xs, 8, &argv), -ENOENT);
    fake_xs_fail(EIO);
    assert_int_equal(xenstore_read_dm_argv(xs, 7, &argv), -EIO);
}

static void too_many(void **state)
{
    char path[64];

    for (int i = 1; i <= DM_ARGV_MAX_COUNT + 1; i++) {
        snprintf(path, sizeof(path), ARGV "/%03d", i);
        fake_xs_set(path, "a");
    }
    assert_int_equal(xenstore_read_dm_argv(xs, 7, &argv), -E2BIG);
    fake_xs_set(path, NULL);
    assert_int_equal(xenstore_read_dm_argv(xs, 7, &argv), 0);
    assert_int_equal(argv.count, DM_ARGV_MAX_COUNT);
}

static void too_long(void **state)
{
    char path[64], value[XENSTORE_VALUE_MAX + 2];

    memset(value, 'a', sizeof(value));
    fake_xs_set_bytes(ARGV "/001", value, XENSTORE_VALUE_MAX);
    assert_int_equal(xenstore_read_dm_argv(xs, 7, &argv), 0);
    fake_xs_set_bytes(ARGV "/001", value, XENSTORE_VALUE_MAX + 1);
    str_list_dispose(&argv);
    assert_int_equal(xenstore_read_dm_argv(xs, 7, &argv), -E2BIG);
    for (int i = 1; i <= DM_ARGV_MAX_BYTES / XENSTORE_VALUE_MAX + 1; i++) {
        snprintf(path, sizeof(path), ARGV "/%03d", i);
        fake_xs_set_bytes(path, value, XENSTORE_VALUE_MAX);
    }
    str_list_dispose(&argv);
    assert_int_equal(xenstore_read_dm_argv(xs, 7, &argv), -E2BIG);
}

static void long_vm_path(void **state)
{
    char value[XENSTORE_PATH_MAX + 1];

    memset(value, 'a', sizeof(value));
    fake_xs_set_bytes("/local/domain/7/vm", value, sizeof(value));
    assert_int_equal(xenstore_read_dm_argv(xs, 7, &argv), -ENAMETOOLONG);
}

static void hidden_nul(void **state)
{
    char *value = NULL;

    fake_xs_set_bytes("x", "a\0b", 3);
    assert_int_equal(xenstore_read(xs, "x", &value), -EINVAL);
    assert_null(value);
}

static void numbers(void **state)
{
    static const struct {
        const char *text;
        int rc;
        unsigned int value;
    } cases[] = {
        { "0", 0, 0 }, { "65535", 0, 65535 }, { "65536", -ERANGE, 0 }, { "", -EINVAL, 0 },
        { "-1", -EINVAL, 0 }, { "+1", -EINVAL, 0 }, { " 1", -EINVAL, 0 }, { "1 ", -EINVAL, 0 },
        { "0x1", -EINVAL, 0 }, { "99999999999999999999999999", -ERANGE, 0 },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        unsigned int value = 0;

        fake_xs_set("n", cases[i].text);
        assert_int_equal(xenstore_read_uint(xs, "n", 65535, &value), cases[i].rc);
        assert_int_equal(value, cases[i].value);
    }
    assert_int_equal(xenstore_read_uint(xs, "missing", 1, &(unsigned int){ 0 }), -ENOENT);
}

static void writing(void **state)
{
    assert_int_equal(xenstore_write(xs, "note", "text"), 0);
    assert_string_equal(fake_xs_get("/local/domain/3/note"), "text");
    fake_xs_fail(EACCES);
    assert_int_equal(xenstore_write(xs, "note", "text"), -EACCES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_there, setup, teardown),
        cmocka_unit_test_setup_teardown(too_many, setup, teardown),
        cmocka_unit_test_setup_teardown(too_long, setup, teardown),
        cmocka_unit_test_setup_teardown(long_vm_path, setup, teardown),
        cmocka_unit_test_setup_teardown(hidden_nul, setup, teardown),
        cmocka_unit_test_setup_teardown(numbers, setup, teardown),
        cmocka_unit_test_setup_teardown(writing, setup, teardown),
    };

    return cmocka_run_group_tests_name("xs-read", tests, NULL, NULL);
}
