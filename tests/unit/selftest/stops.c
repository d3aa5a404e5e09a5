/*
 * The runner must notice this: a program that ends before all planned tests have run, with status 0.
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
    _exit(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes),
        cmocka_unit_test(fails),
    };

    return cmocka_run_group_tests_name("selftest", tests, NULL, NULL);
}
