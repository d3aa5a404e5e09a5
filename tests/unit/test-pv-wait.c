// sources: launcher/xen-layer/wait.c
/*
 * Queues of sleepers: each is woken once, in order; one that leaves by itself is removed from the queue. Threads are
 * played by nested calls: a sleep runs the other threads' code.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "launcher/xen-layer/pv.h"

#define THREADS 4

struct pv_thread { unsigned int woken; };
static struct pv_thread threads[THREADS];
static unsigned int self;
static struct pv_thread *order[2 * THREADS];
static unsigned int wakes;

/* Called while the thread sleeps. Returns the result of pv_sleep(). */
static bool (*asleep)(void);

struct pv_thread *pv_thread_self(void) { return &threads[self]; }

void pv_wake(struct pv_thread *thread)
{
    thread->woken++;
    order[wakes++] = thread;
}

bool pv_sleep(uint64_t until)
{
    unsigned int me = self;
    bool late;

    assert_int_equal(until, 1000 + me);
    late = asleep();
    self = me;
    return late;
}

static struct pv_queue queue;
static bool results[THREADS];
static bool late_thread[THREADS];

static void wait_here(void)
{
    unsigned int me = self;

    results[me] = pv_queue_wait(&queue, 1000 + me);
}

/* The next thread waits as well; the last one wakes everybody. */
static bool next_waits(void)
{
    unsigned int me = self;

    if (me + 1 < THREADS) {
        self = me + 1;
        wait_here();
    } else {
        pv_queue_wake(&queue);
        assert_null(queue.first);
        pv_queue_wake(&queue); /* the queue is empty */
    }
    return late_thread[me];
}

static int setup(void **state)
{
    memset(threads, 0, sizeof(threads));
    memset(late_thread, 0, sizeof(late_thread));
    memset(&queue, 0, sizeof(queue));
    memset(results, 0xff, sizeof(results));
    self = wakes = 0;
    return 0;
}

static void test_all_are_woken_in_order(void **state)
{
    asleep = next_waits;
    wait_here();
    assert_int_equal(wakes, THREADS);
    for (unsigned int i = 0; i < THREADS; i++) {
        assert_ptr_equal(order[i], &threads[i]);
        assert_false(results[i]);
    }
}

/* Woken at the same time as its deadline came: it counts as woken. */
static void test_woken_and_late(void **state)
{
    asleep = next_waits;
    late_thread[2] = true;
    wait_here();
    assert_false(results[2]);
}

/* Thread 2 leaves before the queue is woken: by its deadline, or by a pv_wake() of its own. */
static bool two_leaves(void)
{
    unsigned int me = self;

    if (me == 3)
        return late_thread[3];
    self = me + 1;
    wait_here();
    self = me;
    if (me == 0)
        pv_queue_wake(&queue);
    return late_thread[me];
}

static void test_leavers(void **state)
{
    asleep = two_leaves;
    late_thread[3] = true; /* 2 and 1 have left before */
    wait_here();
    assert_true(results[3]);
    assert_false(results[2]);
    assert_false(results[1]);
    assert_false(results[0]);
    assert_int_equal(wakes, 1);
    assert_ptr_equal(order[0], &threads[0]);
    assert_null(queue.first);
}

/* The second of three leaves, and the others stay in the queue. */
static bool middle_leaves(void)
{
    unsigned int me = self;

    if (me == 0) {
        self = 1;
        wait_here();
        assert_true(results[1]);
        assert_int_equal(wakes, 0);
        pv_queue_wake(&queue);
        assert_int_equal(wakes, 1);
        return false;
    }
    return true;
}

static void test_first_stays_when_second_leaves(void **state)
{
    asleep = middle_leaves;
    wait_here();
    assert_false(results[0]);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_all_are_woken_in_order), TEST(test_woken_and_late), TEST(test_leavers),
        TEST(test_first_stays_when_second_leaves),
    };

    return cmocka_run_group_tests_name("pv-wait", tests, NULL, NULL);
}
