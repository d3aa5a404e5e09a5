/*
 * The runner must notice this: a program that leaks.
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
    void *volatile lost = malloc(16);

    lost = NULL;
    (void)lost;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes),
        cmocka_unit_test(fails),
    };

    return cmocka_run_group_tests_name("selftest", tests, NULL, NULL);
}
