// sources: launcher/dom0-daemon/confined/keeper.c launcher/dom0-daemon/both/signals.c
// sources: launcher/dom0-daemon/both/log-rotation.c launcher/dom0-daemon/both/stderr-sink.c
// sources: launcher/dom0-daemon/both/message.c
// cflags: -DCHECK_MS=50
/*
 * The keeper, with variables in place of xenstore, and a child process as its worker: what it passes on, which messages
 * it obeys, and which it refuses.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "clock.h"
#include "confine.h"
#include "keeper.h"
#include "log.h"
#include "signals.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <xen/io/xenbus.h>

/* -------- xenstore, shared with the child -------- */

#define EVENTS 900

static struct shared {
    int running, written_id, written_state, writes, reads;
    int write_ms; /* how long xenstored takes */
    int exists, broken, checks;
    int events[EVENTS], event_count, next_event; /* console numbers, RELEASE or QMP */
} *shared;
static int store_pipe[2];
#define RELEASE 99
#define QMP 98

int store_domain_exists(struct store *store) { return shared->exists; }
int store_check(struct store *store) { shared->checks++; return shared->broken; }
int store_fd(struct store *store) { return store_pipe[0]; }

static bool no_files;
int confine_files(void) { no_files = true; return 0; }

/* The real one starts a thread, which would keep the process's privileges. */
int store_watch(struct store *store, const struct store_console *consoles, int count,
                const struct store_served *served)
{
    return no_files ? 0 : -EPERM;
}

int store_write_running(struct store *store)
{
    shared->running++;
    return 0;
}

int store_write_backend_state(struct store *store, unsigned int id, unsigned int state)
{
    poll(NULL, 0, shared->write_ms);
    shared->writes++;
    shared->written_id = id;
    shared->written_state = state;
    return 0;
}

int store_read_frontend(struct store *store, unsigned int id, struct message *message)
{
    shared->reads++;
    *message = (struct message){ .type = MESSAGE_FRONTEND, .index = id, .state = 3,
                                 .ring_ref = 8, .port = 5 };
    return 0;
}

int store_read_slot(struct store *store, unsigned int slot, struct message *message)
{
    *message = (struct message){ .type = MESSAGE_SLOT, .index = slot };
    return 0;
}

int store_read_file(struct store *store, unsigned int index, struct message *message)
{
    *message = (struct message){ .type = MESSAGE_FILE, .index = index };
    return 0;
}

int store_read_qmp(struct store *store, unsigned int index, struct message *message)
{
    *message = (struct message){ .type = MESSAGE_QMP, .ring_ref = 9, .port = 6 };
    return 0;
}

enum store_event store_next_event(struct store *store, unsigned int *index)
{
    char byte;

    if (read(store_pipe[0], &byte, 1) != 1)
        return STORE_EVENT_NONE;
    *index = shared->events[shared->next_event++];
    return *index == RELEASE ? STORE_EVENT_RELEASE : *index == QMP ? STORE_EVENT_QMP : STORE_EVENT_FRONTEND;
}

int confine(enum confine_role role) { return 0; }

static void happen(int event)
{
    shared->events[shared->event_count++] = event;
    assert_int_equal(write(store_pipe[1], "x", 1), 1);
}

/* -------- a run: PLAY is the worker, and also changes the world -------- */

static int played; /* the exit status of the last one */
static pid_t keeper;
static int asked[2]; /* the supervisor's end and the keeper's */

static struct log_rotation rotation = { -1, -1 };
static struct store store;
static const struct store_console consoles[] = { { .id = 0 }, { .id = 3 }, { .id = MESSAGE_STUB_CONSOLES } };
static int run(int (*play)(int fd))
{
    struct keeper_job job = { .store = &store, .rotation = rotation, .consoles = consoles,
                              .console_count = ARRAY_LEN(consoles), .ask_fd = asked[1] };
    struct signalfd_siginfo signal;
    int pair[2], status;
    sigset_t set;
    pid_t worker;

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    job.signal_fd = signalfd(-1, &set, SFD_NONBLOCK);
    keeper = getpid();
    worker = fork();
    if (worker == 0) {
        close(pair[0]);
        close(asked[1]);
        _exit(play(pair[1]));
    }
    close(pair[1]);
    job.worker_fd = pair[0];
    no_files = false;
    status = keeper_run(&job);
    shutdown(pair[0], SHUT_RDWR);
    assert_int_equal(waitpid(worker, &played, 0), worker);
    assert_true(WIFEXITED(played));
    played = WEXITSTATUS(played);
    /* The keeper has ended without reading its signal. The next run must not get it. */
    while (read(job.signal_fd, &signal, sizeof(signal)) > 0)
        ;
    close(pair[0]);
    close(job.signal_fd);
    return status;
}

static int receive(int fd, struct message *message)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };

    poll(&p, 1, 3000);
    return message_receive(fd, message);
}

static int start(void **state)
{
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    shared->exists = true;
    assert_int_equal(pipe2(store_pipe, O_NONBLOCK), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, asked), 0);
    log_set_sink(NULL, NULL);
    return 0;
}

static int finish(void **state)
{
    close(store_pipe[0]);
    close(store_pipe[1]);
    if (asked[0] >= 0)
        close(asked[0]);
    close(asked[1]);
    return munmap(shared, sizeof(*shared));
}

/* Each returns the worker's exit status. */

static int play_honest(int fd)
{
    struct message m = { .type = MESSAGE_READY };

    EXPECT(message_send(fd, &m) == 0);
    EXPECT(receive(fd, &m) == 1 && m.type == MESSAGE_FRONTEND && m.index == 0);
    happen(3);
    EXPECT(receive(fd, &m) == 1 && m.index == 3 && m.ring_ref == 8 && m.port == 5);
    m = (struct message){ .type = MESSAGE_BACKEND_STATE, .index = 3,
                          .state = XenbusStateConnected };
    EXPECT(message_send(fd, &m) == 0);
    while (!shared->writes)
        poll(NULL, 0, 1);
    signals_send_end(getppid());
    EXPECT(receive(fd, &m) == -EPIPE);
    return 0;
}

static void test_honest_run_ended_by_libxl(void **state)
{
    assert_int_equal(run(play_honest), CHILD_DONE);
    assert_int_equal(played, 0);
    assert_int_equal(shared->running, 1);
    assert_int_equal(shared->written_id, 3);
    assert_int_equal(shared->written_state, XenbusStateConnected);
}

/* Fast frontends whose rings are wrong, so that each message has two answers, and a slow xenstored. */
static int play_two_answers(int fd)
{
    struct message m;
    int least = 1;

    EXPECT(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least)) == 0);
    EXPECT(receive(fd, &m) == 1 && m.index == 0);
    for (int i = 0; i < 10; i++) {
        happen(3);
        happen(MESSAGE_STUB_CONSOLES);
        for (int n = 0; n < 4; n++) {
            if (n % 2 == 0)
                EXPECT(receive(fd, &m) == 1 && m.type == MESSAGE_FRONTEND);
            m.type = MESSAGE_BACKEND_STATE;
            m.state = n % 2 ? XenbusStateClosing : XenbusStateConnected;
            EXPECT(message_send(fd, &m) == 0);
        }
    }
    while (shared->writes < 40)
        poll(NULL, 0, 1);
    signals_send_end(keeper);
    EXPECT(receive(fd, &m) == -EPIPE);
    return 0;
}

static void test_answers_do_not_pile_up(void **state)
{
    shared->write_ms = 10;
    assert_int_equal(run(play_two_answers), CHILD_DONE);
    assert_int_equal(played, 0);
}

/* A worker that was taken over and sends answers without end. xenstore's events are still passed on. */
static int play_endless_answers(int fd)
{
    struct message m, answer = { .type = MESSAGE_BACKEND_STATE, .index = 3, .state = XenbusStateConnected };
    int64_t until = clock_now_ms() + 3000;

    EXPECT(receive(fd, &m) == 1 && m.index == 0);
    while (message_send(fd, &answer) == 0)
        ;
    happen(3);
    do {
        EXPECT(clock_now_ms() < until);
        message_send(fd, &answer);
    } while (message_receive(fd, &m) != 1);
    EXPECT(m.type == MESSAGE_FRONTEND && m.index == 3);
    signals_send_end(keeper);
    while (receive(fd, &m) >= 0)
        ;
    return 0;
}

static void test_endless_answers_do_not_stop_it(void **state)
{
    shared->write_ms = 1;
    assert_int_equal(run(play_endless_answers), CHILD_DONE);
    assert_int_equal(played, 0);
}

static int play_domain_gone(int fd)
{
    struct pollfd p = { .fd = asked[0], .events = POLLIN };
    struct message m;

    happen(RELEASE);
    EXPECT(poll(&p, 1, 10000) == 1);
    shared->exists = false;
    happen(RELEASE);
    while (receive(fd, &m) > 0)
        ;
    return 0;
}

static void test_ends_with_the_domain(void **state)
{
    char bytes[8];

    assert_int_equal(run(play_domain_gone), CHILD_DONE);
    assert_int_equal(played, 0);
    /* Once, for the first of the two releases. The supervisor finds out whether it was our stub domain. */
    assert_int_equal(read(asked[0], bytes, sizeof(bytes)), 1);
}

/* The supervisor's message is passed on to the worker. Without one, the worker gets nothing. */
static int play_ended(int fd)
{
    struct message m;

    EXPECT(receive(fd, &m) == 1 && m.type == MESSAGE_FRONTEND);
    happen(QMP);
    EXPECT(receive(fd, &m) == 1 && m.type == MESSAGE_QMP && m.ring_ref == 9 && m.port == 6);
    EXPECT(send(asked[0], "", 1, 0) == 1);
    EXPECT(receive(fd, &m) == 1 && m.type == MESSAGE_ENDED && !m.state);
    EXPECT(send(asked[0], "\1", 1, 0) == 1);
    EXPECT(receive(fd, &m) == 1 && m.type == MESSAGE_ENDED && m.state == 1);
    /*
     * The supervisor's second message says that the guest was shut down. It does not contradict the first, which may
     * not have been passed on yet.
     */
    EXPECT(send(asked[0], "", 1, 0) == 1);
    EXPECT(receive(fd, &m) == 1 && m.type == MESSAGE_ENDED && m.state == 1);
    close(asked[0]);
    poll(NULL, 0, 100);
    EXPECT(receive(fd, &m) == 0);
    signals_send_end(keeper);
    EXPECT(receive(fd, &m) == -EPIPE);
    return 0;
}

static void test_says_that_it_has_ended(void **state)
{
    int cpu = clock();

    close(asked[0]);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, asked), 0);
    assert_int_equal(run(play_ended), CHILD_DONE);
    assert_int_equal(played, 0);
    assert_true(clock() - cpu < CLOCKS_PER_SEC);
}

/* It is killed before it has read what it was told: the system calls that a reset, not an end. */
static int play_killed(int fd)
{
    struct message m = { .type = MESSAGE_READY };
    struct pollfd p = { .fd = fd, .events = POLLIN };

    EXPECT(message_send(fd, &m) == 0);
    EXPECT(poll(&p, 1, 5000) == 1);
    return 0;
}

static void test_a_worker_that_was_killed(void **state)
{
    assert_int_equal(run(play_killed), CHILD_ALONE);
}

/* An error of Xen's is no answer: the domain may still exist. */
static int play_silence(int fd)
{
    struct message m;
    int rc;

    happen(RELEASE);
    do
        rc = receive(fd, &m);
    while (rc > 0);
    /* The keeper has ended by itself, since our end of the socket is still open. */
    EXPECT(rc == -EPIPE);
    return 0;
}

static void test_no_answer_is_not_the_end(void **state)
{
    shared->exists = -EIO;
    assert_int_equal(run(play_silence), CHILD_LATER);
    assert_int_equal(played, 0);
}

/*
 * xenstored sends nothing any more, and the connection does not break. The keeper finds out by a question, and ends, to
 * be started again.
 */
static int play_deaf(int fd)
{
    struct message m;

    while (!shared->checks)
        poll(NULL, 0, 1);
    shared->broken = -EPIPE;
    while (receive(fd, &m) > 0)
        ;
    return 0;
}

static void test_a_broken_connection_is_noticed(void **state)
{
    assert_int_equal(run(play_deaf), CHILD_LATER);
    assert_int_equal(played, 0);
}

/* Not sent by the supervisor's function. */
static int play_stray_signal(int fd)
{
    struct message m;

    kill(keeper, SIGHUP);
    kill(keeper, SIGTERM);
    happen(3);
    EXPECT(receive(fd, &m) == 1 && receive(fd, &m) == 1 && m.index == 3);
    /* Another value is not the supervisor's either. */
    EXPECT(sigqueue(keeper, SIGTERM, (union sigval){ .sival_int = 1 }) == 0);
    poll(NULL, 0, 100);
    EXPECT(receive(fd, &m) == 0);
    signals_send_end(keeper);
    EXPECT(receive(fd, &m) == -EPIPE);
    return 0;
}

static void test_a_stray_signal_is_nothing(void **state)
{
    assert_int_equal(run(play_stray_signal), CHILD_DONE);
    assert_int_equal(played, 0);
}

/* The supervisor dies before the keeper could ask Linux to be killed with it. */
static void test_the_supervisor_is_gone(void **state)
{
    assert_int_equal(log_rotation_open(&rotation), 0);
    log_rotation_close_root(&rotation);
    assert_int_equal(run(play_silence), CHILD_ALONE);
    assert_int_equal(played, 0);
    log_rotation_close(&rotation);
}

static struct message bad;
static size_t bad_size;

static int play_bad(int fd)
{
    struct message m;

    if (send(fd, &bad, bad_size, 0) < 0)
        return 1;
    while (receive(fd, &m) > 0)
        ;
    return 0;
}

static void test_disobeys_what_it_may_not_do(void **state)
{
    static const struct {
        struct message message;
        size_t size;
    } rows[] = {
        { { MESSAGE_BACKEND_STATE, 0, 4, 0, 0 }, sizeof(bad) },
        { { MESSAGE_BACKEND_STATE, 1, 4, 0, 0 }, sizeof(bad) },
        { { MESSAGE_BACKEND_STATE, MESSAGE_MAX_CONSOLES, 4, 0, 0 }, sizeof(bad) },
        { { MESSAGE_BACKEND_STATE, UINT32_MAX, 4, 0, 0 }, sizeof(bad) },
        { { MESSAGE_BACKEND_STATE, MESSAGE_STUB_CONSOLES + 1, 4, 0, 0 }, sizeof(bad) },
        { { MESSAGE_BACKEND_STATE, MESSAGE_STUB_CONSOLES, 1, 0, 0 }, sizeof(bad) },
        { { MESSAGE_BACKEND_STATE, 3, 0, 0, 0 }, sizeof(bad) },
        { { MESSAGE_BACKEND_STATE, 3, 1, 0, 0 }, sizeof(bad) },
        { { MESSAGE_BACKEND_STATE, 3, 7, 0, 0 }, sizeof(bad) },
        { { MESSAGE_FRONTEND, 3, 4, 0, 0 }, sizeof(bad) },
        { { MESSAGE_SLOT, 3, 4, 0, 0 }, sizeof(bad) },
        { { MESSAGE_TYPES, 0, 0, 0, 0 }, sizeof(bad) },
        { { MESSAGE_READY, 0, 0, 0, 0 }, 4 },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bad = rows[i].message;
        bad_size = rows[i].size;
        assert_int_equal(run(play_bad), CHILD_FAILED);
        assert_int_equal(shared->writes, 0);
        assert_int_equal(shared->running, 0);
    }
}

static int play_haste(int fd)
{
    struct message m;
    int64_t until = clock_now_ms() + 200;
    int told = 0;

    while (clock_now_ms() < until || !told) {
        if (shared->event_count < 60)
            happen(3);
        poll(NULL, 0, 2);
        while (message_receive(fd, &m) > 0)
            told += m.index == 3;
    }
    return told;
}

static void test_haste_is_coalesced(void **state)
{
    assert_int_equal(run(play_haste), CHILD_ALONE);
    assert_in_range(played, 1, 12);
}

/* There is also a limit for all kinds of messages together. */
static int play_haste_everywhere(int fd)
{
    struct message m;
    int64_t until = clock_now_ms() + 1000;

    while (clock_now_ms() < until) {
        for (int i = 0; i < MESSAGE_STUB_CONSOLES; i++)
            if (shared->event_count < EVENTS)
                happen(i);
        poll(NULL, 0, 15);
        while (message_receive(fd, &m) > 0)
            ;
    }
    return 0;
}

static void test_haste_everywhere(void **state)
{
    assert_int_equal(run(play_haste_everywhere), CHILD_ALONE);
    assert_in_range(shared->reads, 80, 200);
}

/* A guest that changes its nodes all the time is passed on slowly, and does not use up the stub domain's budget. */
static int play_haste_of_the_guest(int fd)
{
    struct message m;
    int64_t until = clock_now_ms() + 1000;
    int told = 0;

    while (clock_now_ms() < until) {
        for (int i = 0; i < MESSAGE_MAX_CHANNELS; i++)
            if (shared->event_count < EVENTS - 10)
                happen(MESSAGE_STUB_CONSOLES + i);
        poll(NULL, 0, 10);
        while (message_receive(fd, &m) > 0)
            told += message_is_channel(m.index);
    }
    for (int i = 0; i < 10; i++)
        happen(3);
    EXPECT(receive(fd, &m) == 1);
    while (m.index != 3)
        EXPECT(receive(fd, &m) == 1);
    return told;
}

static void test_haste_of_the_guest(void **state)
{
    assert_int_equal(run(play_haste_of_the_guest), CHILD_ALONE);
    assert_in_range(played, 20, 80);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, start, finish)
    const struct CMUnitTest tests[] = {
        TEST(test_honest_run_ended_by_libxl),
        TEST(test_answers_do_not_pile_up),
        TEST(test_endless_answers_do_not_stop_it),
        TEST(test_ends_with_the_domain),
        TEST(test_says_that_it_has_ended),
        TEST(test_no_answer_is_not_the_end),
        TEST(test_a_broken_connection_is_noticed),
        TEST(test_a_stray_signal_is_nothing),
        TEST(test_a_worker_that_was_killed),
        TEST(test_the_supervisor_is_gone),
        TEST(test_disobeys_what_it_may_not_do),
        TEST(test_haste_is_coalesced),
        TEST(test_haste_everywhere),
        TEST(test_haste_of_the_guest),
    };

    return cmocka_run_group_tests_name("dm-keeper", tests, NULL, NULL);
}
