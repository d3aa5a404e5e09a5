// sources: launcher/xen-layer/text.c
/*
 * Xen's time: the counter in nanoseconds, a record that changes while it is read, a clock that never goes back.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "launcher/xen-layer/clock.c"

#include <pthread.h>

static shared_info_t shared;
shared_info_t *pv_shared_info = &shared;

static struct vcpu_time_info *info(void) { return &shared.vcpu_info[0].time; }

static uint64_t counter(void)
{
    uint32_t low, high;

    __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

/* Sets the time to ns, with a scale that makes the counter's part 0. */
static void stop_at(uint64_t ns)
{
    info()->system_time = ns;
    info()->tsc_timestamp = counter();
    info()->tsc_to_system_mul = 0;
    info()->tsc_shift = 0;
}

static int begin(void **state)
{
    memset(&shared, 0, sizeof(shared));
    stop_at(5 * PV_SECOND);
    pv_clock_init();
    return 0;
}

static void test_scale(void **state)
{
    static const struct { uint64_t ticks; uint32_t mul; int8_t shift; uint64_t ns; } rows[] = {
        { 1000, 0x80000000, 0, 500 },
        { 1000, 0x80000000, 1, 1000 },
        { 1000, 0x80000000, -1, 250 },
        { 3, 0xffffffff, 0, 2 },
        { 1, 0x80000000, 0, 0 },
        { 1UL << 40, 0x80000000, 3, 1UL << 42 },
        { 3000000000, 0xaaaaaaab, -1, 1000000000 },  /* a second at 3 GHz */
        { UINT64_MAX, 0xffffffff, -31, (1UL << 33) - 3 },
        { 1UL << 62, 0x40000000, 0, 1UL << 60 },  /* the product has more than 64 bits */
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (xen_time_scale(rows[i].ticks, rows[i].mul, rows[i].shift) != rows[i].ns)
            fail_msg("row %zu: %lu", i, xen_time_scale(rows[i].ticks, rows[i].mul, rows[i].shift));
}

static void test_from_the_start_on(void **state)
{
    uint64_t last = pv_clock();

    stop_at(5 * PV_SECOND + 700);
    assert_int_equal(pv_clock(), last + 700);
    assert_int_equal(pv_clock_to_xen(700), 5 * PV_SECOND + 700);
    /* The counter adds one nanosecond a tick. */
    info()->tsc_to_system_mul = 0x80000000;
    info()->tsc_shift = 1;
    info()->tsc_timestamp = counter() - 1000000;
    assert_true(pv_clock() >= last + 1000700);
    assert_true(pv_clock() < last + 1000700 + 60 * PV_SECOND);
}

/* After a move to another CPU, whose counter is behind. */
static void test_never_back(void **state)
{
    uint64_t then;

    stop_at(900 * PV_SECOND);
    then = pv_clock();
    stop_at(900 * PV_SECOND - 1000);
    assert_int_equal(pv_clock(), then);
    stop_at(900 * PV_SECOND + 3);
    assert_int_equal(pv_clock(), then + 3);
}

/* Plays Xen: the version is odd while the other fields are nonsense. */
static void *change(void *arg)
{
    usleep(20000);
    info()->system_time = 2000 * PV_SECOND;
    __atomic_store_n(&info()->version, 8, __ATOMIC_SEQ_CST);
    return NULL;
}

static void *change_wall_clock(void *arg)
{
    usleep(20000);
    shared.wc_sec = 7;
    __atomic_store_n(&shared.wc_version, 8, __ATOMIC_SEQ_CST);
    return NULL;
}

static void test_while_it_changes(void **state)
{
    pthread_t xen;

    info()->version = 7;
    info()->system_time = 77777 * PV_SECOND;
    assert_int_equal(pthread_create(&xen, NULL, change, NULL), 0);
    assert_int_equal(xen_time(&shared), 2000 * PV_SECOND);
    pthread_join(xen, NULL);

    shared.wc_version = 7;
    shared.wc_sec = 99999;
    assert_int_equal(pthread_create(&xen, NULL, change_wall_clock, NULL), 0);
    assert_int_equal(pv_clock_epoch(), 7 * PV_SECOND + began);
    pthread_join(xen, NULL);
}

/* Seconds with more than 32 bits: after 2106. */
static void test_epoch(void **state)
{
    shared.wc_sec = 1;
    shared.wc_sec_hi = 1;
    shared.wc_nsec = 42;
    assert_int_equal(pv_clock_epoch(), ((1UL << 32) + 1) * PV_SECOND + 42 + 5 * PV_SECOND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_scale, begin),
        cmocka_unit_test_setup(test_from_the_start_on, begin),
        cmocka_unit_test_setup(test_never_back, begin),
        cmocka_unit_test_setup(test_while_it_changes, begin),
        cmocka_unit_test_setup(test_epoch, begin),
    };

    return cmocka_run_group_tests_name("pv-clock", tests, NULL, NULL);
}
