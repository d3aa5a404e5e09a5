// sources: launcher/stubdom-rump/rumpuser-sync.c
// cflags: -Ilauncher/stubdom-rump -Ilauncher/xen-layer
/*
 * The rump kernel's locks, with threads that take turns: each is a ucontext, and runs until it sleeps, like a thread of
 * the layer.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "launcher/stubdom-rump/host.h"
#include "launcher/stubdom-rump/rumpuser.h"

#include <ucontext.h>

#define THREADS 6
#define STACK (256 * 1024)

/* ---- the layer's functions that are needed ---- */

struct pv_thread {
    ucontext_t context;
    struct host_thread host;
    void (*fn)(int n);
    uint64_t until;
    bool ready, late, done;
    char *stack;
};
static struct pv_thread threads[THREADS];
static struct pv_thread *current;
static ucontext_t scheduler;
static int last; /* who ran */
static uint64_t now;
static char events[256];
static int unscheduled; /* how many threads have released the kernel's CPU */

static void note(const char *word, int n)
{
    size_t used = strlen(events);

    snprintf(events + used, sizeof(events) - used, "%s%d ", word, n);
}

uint64_t pv_clock(void) { return now; }
struct pv_thread *pv_thread_self(void) { return current; }
struct host_thread *host_thread_self(void) { return &current->host; }
struct lwp *rumpuser_curlwp(void) { return (struct lwp *)current; }
void *pv_alloc(size_t size) { return calloc(1, size); }
void pv_free(void *p) { free(p); }
void host_unschedule(int *locks, void *interlock) { *locks = 7; unscheduled++; }
void host_schedule(int locks, void *interlock) { assert_int_equal(locks, 7); unscheduled--; }

void pv_panic(const char *format, ...)
{
    fail_msg("pv_panic: %s", format);
    abort();
}

static void switch_out(void)
{
    struct pv_thread *self = current;

    swapcontext(&self->context, &scheduler);
}

bool pv_sleep(uint64_t until)
{
    current->ready = current->late = false;
    current->until = until;
    switch_out();
    return current->late;
}

void pv_wake(struct pv_thread *thread)
{
    thread->ready = true;
}

static void yield(void)
{
    current->ready = true;
    switch_out();
}

static void entry(int n)
{
    threads[n].fn(n);
    threads[n].done = true;
}

static void start(int n, void (*fn)(int n))
{
    struct pv_thread *thread = &threads[n];

    *thread = (struct pv_thread){ .fn = fn, .ready = true, .stack = malloc(STACK) };
    getcontext(&thread->context);
    thread->context.uc_stack = (stack_t){ .ss_sp = thread->stack, .ss_size = STACK };
    thread->context.uc_link = &scheduler;
    makecontext(&thread->context, (void (*)(void))entry, 1, n);
}

/* The next ready thread behind the last one. */
static struct pv_thread *next_thread(void)
{
    struct pv_thread *first = NULL;

    for (int i = 1; i <= THREADS; i++) {
        int n = (last + i) % THREADS;

        if (threads[n].fn && !threads[n].done && threads[n].ready) {
            last = n;
            return &threads[n];
        }
    }
    for (int i = 0; i < THREADS; i++)
        if (threads[i].fn && !threads[i].done && threads[i].until != PV_FOREVER &&
            (!first || threads[i].until < first->until))
            first = &threads[i];
    if (first) {
        now = first->until;
        first->late = true;
    }
    return first;
}

/* Runs threads until none is ready. All must have ended. */
static void run(void)
{
    while ((current = next_thread())) {
        current->ready = false;
        swapcontext(&scheduler, &current->context);
    }
    for (int i = 0; i < THREADS; i++)
        if (threads[i].fn && !threads[i].done)
            fail_msg("thread %d sleeps for ever", i);
    assert_int_equal(unscheduled, 0);
}

static int reset(void **state);

/* Resets the threads, and keeps *state. */
static int renew(void **state)
{
    return reset(NULL);
}

static int reset(void **state)
{
    for (int i = 0; i < THREADS; i++)
        free(threads[i].stack);
    memset(threads, 0, sizeof(threads));
    events[0] = '\0';
    now = 0;
    last = THREADS - 1;
    return 0;
}

/* ---- mutexes ---- */

static struct rumpuser_mtx *mutex;
static struct rumpuser_cv *cv;
static struct rumpuser_rw *rw;

static void use_mutex(int n)
{
    struct lwp *owner;

    rumpuser_mutex_enter(mutex);
    note("in", n);
    rumpuser_mutex_owner(mutex, &owner);
    assert_ptr_equal(owner, current);
    yield();
    note("out", n);
    rumpuser_mutex_exit(mutex);
}

static void a_mutex_has_one_holder(void **state)
{
    struct lwp *owner;

    rumpuser_mutex_init(&mutex, RUMPUSER_MTX_KMUTEX);
    for (int i = 0; i < 4; i++)
        start(i, use_mutex);
    run();
    assert_string_equal(events, "in0 out0 in1 out1 in2 out2 in3 out3 ");
    rumpuser_mutex_owner(mutex, &owner);
    assert_null(owner);
    rumpuser_mutex_destroy(mutex);
}

static void try_mutex(int n)
{
    assert_int_equal(rumpuser_mutex_tryenter(mutex), n ? BSD_EBUSY : 0);
    yield();
    if (!n)
        rumpuser_mutex_exit(mutex);
}

static void a_taken_mutex_is_busy(void **state)
{
    rumpuser_mutex_init(&mutex, 0);
    start(0, try_mutex);
    start(1, try_mutex);
    run();
    rumpuser_mutex_destroy(mutex);
}

/* ---- reader/writer locks ---- */

static unsigned int inside_readers, inside_writers;

static void hold(int how, int n, const char *word)
{
    unsigned int *mine = how == RUMPUSER_RW_WRITER ? &inside_writers : &inside_readers;

    rumpuser_rw_enter(how, rw);
    note(word, n);
    ++*mine;
    assert_true(inside_writers == 0 || (inside_writers == 1 && inside_readers == 0));
    for (int i = 0; i < 3; i++)
        yield();
    --*mine;
    rumpuser_rw_exit(rw);
}

static void reader(int n) { hold(RUMPUSER_RW_READER, n, "r"); }
static void writer(int n) { hold(RUMPUSER_RW_WRITER, n, "w"); }

static void a_writer_is_alone_and_goes_first(void **state)
{
    rumpuser_rw_init(&rw);
    start(0, reader);
    start(1, reader);
    start(2, writer);
    start(3, reader); /* a reader that comes after the writer */
    start(4, writer);
    run();
    assert_string_equal(events, "r0 r1 w2 w4 r3 ");
    rumpuser_rw_destroy(rw);
}

static void upgrade(int n)
{
    int held;

    rumpuser_rw_enter(RUMPUSER_RW_READER, rw);
    if (n == 1) {
        assert_int_equal(rumpuser_rw_tryupgrade(rw), BSD_EBUSY);
        yield();
        assert_int_equal(rumpuser_rw_tryupgrade(rw), 0);
        rumpuser_rw_held(RUMPUSER_RW_WRITER, rw, &held);
        assert_true(held);
        rumpuser_rw_downgrade(rw);
        rumpuser_rw_held(RUMPUSER_RW_WRITER, rw, &held);
        assert_false(held);
        rumpuser_rw_held(RUMPUSER_RW_READER, rw, &held);
        assert_true(held);
    } else {
        yield();
    }
    rumpuser_rw_exit(rw);
}

static void one_reader_may_become_the_writer(void **state)
{
    rumpuser_rw_init(&rw);
    start(0, upgrade);
    start(1, upgrade);
    run();
    rumpuser_rw_destroy(rw);
}

static void downgrader(int n)
{
    rumpuser_rw_enter(RUMPUSER_RW_WRITER, rw);
    yield();
    note("down", n);
    rumpuser_rw_downgrade(rw);
    yield();
    yield();
    note("end", n);
    rumpuser_rw_exit(rw);
}

static void readers_enter_beside_one_that_was_the_writer(void **state)
{
    inside_readers = inside_writers = 0;
    rumpuser_rw_init(&rw);
    start(0, downgrader);
    start(1, reader);
    run();
    assert_string_equal(events, "down0 r1 end0 ");
    rumpuser_rw_destroy(rw);
}

/* ---- conditions ---- */

static bool condition;

static void waiter(int n)
{
    rumpuser_mutex_enter(mutex);
    while (!condition)
        rumpuser_cv_wait(cv, mutex);
    note("woken", n);
    rumpuser_mutex_exit(mutex);
}

static void setter(int n)
{
    int has;

    rumpuser_mutex_enter(mutex);
    rumpuser_cv_has_waiters(cv, &has);
    assert_true(has);
    condition = true;
    rumpuser_cv_broadcast(cv);
    rumpuser_cv_has_waiters(cv, &has);
    assert_false(has);
    rumpuser_mutex_exit(mutex);
}

static void everybody_hears_a_broadcast(void **state)
{
    condition = false;
    rumpuser_mutex_init(&mutex, *(int *)*state);
    rumpuser_cv_init(&cv);
    start(0, waiter);
    start(1, waiter);
    start(2, setter);
    run();
    assert_string_equal(events, "woken0 woken1 ");
    rumpuser_cv_destroy(cv);
    rumpuser_mutex_destroy(mutex);
}

static void signaller(int n)
{
    rumpuser_cv_signal(cv);
}

static void one_waiter(int n)
{
    rumpuser_mutex_enter(mutex);
    note(rumpuser_cv_timedwait(cv, mutex, 0, 1000) == 0 ? "woken" : "late", n);
    rumpuser_mutex_exit(mutex);
}

static void a_signal_wakes_the_first(void **state)
{
    rumpuser_mutex_init(&mutex, 0);
    rumpuser_cv_init(&cv);
    start(0, one_waiter);
    start(1, one_waiter);
    start(2, signaller);
    run();
    assert_string_equal(events, "woken0 late1 ");
    assert_int_equal(now, 1000);
    rumpuser_cv_destroy(cv);
    rumpuser_mutex_destroy(mutex);
}

static void impatient(int n)
{
    current->host.deadline = 1500; /* earlier than the kernel's timeout */
    rumpuser_mutex_enter(mutex);
    assert_int_equal(rumpuser_cv_timedwait(cv, mutex, 0, 10000000), BSD_ETIMEDOUT);
    rumpuser_mutex_exit(mutex);
    assert_int_equal(now, 1500);
    current->host.deadline = 0;
    rumpuser_mutex_enter(mutex);
    assert_int_equal(rumpuser_cv_timedwait(cv, mutex, 1, 5), BSD_ETIMEDOUT);
    rumpuser_mutex_exit(mutex);
    assert_int_equal(now, 1500 + PV_SECOND + 5);
}

static void a_wait_ends_at_the_threads_deadline(void **state)
{
    rumpuser_mutex_init(&mutex, 0);
    rumpuser_cv_init(&cv);
    start(0, impatient);
    run();
    rumpuser_cv_destroy(cv);
    rumpuser_mutex_destroy(mutex);
}

/* ---- a deadline that is set during the sleep ---- */

static void patient(int n)
{
    rumpuser_mutex_enter(mutex);
    note(rumpuser_cv_timedwait(cv, mutex, 3600, 0) == BSD_ETIMEDOUT ? "late" : "woken", n);
    rumpuser_mutex_exit(mutex);
    current->host.deadline = HOST_AT_ONCE;
    rumpuser_mutex_enter(mutex);
    note(rumpuser_cv_timedwait(cv, mutex, 3600, 0) == BSD_ETIMEDOUT ? "late" : "woken", n);
    rumpuser_mutex_exit(mutex);
    assert_int_equal(now, 0);
}

/* As a handle that becomes ready for a polling thread. */
static void hurry(int n)
{
    pv_wake(&threads[0]); /* a wake without a reason */
    yield();
    note("asleep", 0);
    threads[0].host.deadline = HOST_AT_ONCE;
    pv_wake(&threads[0]);
}

static void a_deadline_can_be_set_for_a_sleeper(void **state)
{
    rumpuser_mutex_init(&mutex, 0);
    rumpuser_cv_init(&cv);
    start(0, patient);
    start(1, hurry);
    run();
    assert_string_equal(events, "asleep0 late0 late0 ");
    rumpuser_cv_destroy(cv);
    rumpuser_mutex_destroy(mutex);
}

int main(void)
{
    static int plain = RUMPUSER_MTX_KMUTEX, spin = RUMPUSER_MTX_KMUTEX | RUMPUSER_MTX_SPIN;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_mutex_has_one_holder, reset),
        cmocka_unit_test_setup(a_taken_mutex_is_busy, reset),
        cmocka_unit_test_setup(a_writer_is_alone_and_goes_first, reset),
        cmocka_unit_test_setup(one_reader_may_become_the_writer, reset),
        cmocka_unit_test_setup(readers_enter_beside_one_that_was_the_writer, reset),
        { "everybody_hears_a_broadcast", everybody_hears_a_broadcast, renew, NULL, &plain },
        cmocka_unit_test_setup(a_signal_wakes_the_first, reset),
        cmocka_unit_test_setup(a_wait_ends_at_the_threads_deadline, reset),
        cmocka_unit_test_setup(a_deadline_can_be_set_for_a_sleeper, reset),
        { "everybody_hears_a_broadcast, spin", everybody_hears_a_broadcast, renew, NULL, &spin },
    };
    int failed = cmocka_run_group_tests_name("rumpuser-sync", tests, NULL, NULL);

    reset(NULL);
    return failed;
}
