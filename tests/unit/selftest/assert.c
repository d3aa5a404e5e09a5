/*
 * The runner must notice this: an assertion that does not hold.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

static void passes(void **state)
{
    assert_true(true);
}

static void fails(void **state)
{
    assert_int_equal(1, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes),
        cmocka_unit_test(fails),
    };

    return cmocka_run_group_tests_name("selftest", tests, NULL, NULL);
}
