// sources: launcher/dom0-daemon/root/supervisor.c launcher/dom0-daemon/both/signals.c
// sources: launcher/dom0-daemon/both/message.c
// wrap: fork waitid
// cflags: -DSUPERVISOR_WINDOW_MS=2500 -DMIN_LIFE_MS=200
/*
 * The supervisor, with keepers and workers that end in every way: which processes end together, which are started
 * again, and that none is left behind.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "clock.h"
#include "fork-alone.h"
#include "log.h"
#include "signals.h"
#include "supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

static struct {
    int starts, lines, inherited, ended, asked, answered, told, strays, untrue, no_services;
    pid_t old, confined;
} *shared;
static int given_up;
static char file[] = "/tmp/dm-supervisor-XXXXXX", another[] = "/tmp/dm-supervisor-another";

static void count_line(void *data, enum log_level level, const char *line)
{
    shared->lines++;
}

/* A child that ends with its peer, or by a signal, as ours do. */
static enum child_status wait_for_peer(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };

    poll(&p, 1, -1);
    return CHILD_ALONE;
}

static enum child_status patient(void *data, int peer, int boss)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    return wait_for_peer(peer);
}

static enum child_status deaf(void *data, int peer, int boss)
{
    for (;;)
        poll(NULL, 0, 1000);
    return CHILD_DONE;
}

/* Until that time there is no memory for a new process. */
static int64_t fork_fails_until;
pid_t __real_fork(void);

pid_t __wrap_fork(void)
{
    if (clock_now_ms() >= fork_fails_until)
        return __real_fork();
    errno = ENOMEM;
    return -1;
}

/* Here children can see their supervisor, and kill it. test-dm-whole.c has the real function. */
pid_t fork_alone(void)
{
    pid_t pid = fork();

    return pid < 0 ? -errno : pid;
}

int __real_waitid(idtype_t type, id_t id, siginfo_t *info, int options);

/* Reports the child as one that is not root any more. In this test none is root. */
int __wrap_waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
    int rc = __real_waitid(type, id, info, options);

    if (!rc && info->si_pid && info->si_pid == shared->confined)
        info->si_uid = getuid() + 1;
    return rc;
}

static void no_forks(void *data, enum log_level level, const char *line)
{
    if (strstr(line, "killed by signal"))
        fork_fails_until = clock_now_ms() + 1500;
}

static enum child_status done(void *data, int peer, int boss)
{
    return CHILD_DONE;
}

static enum child_status fails_at_once(void *data, int peer, int boss)
{
    shared->starts++;
    return CHILD_FAILED;
}

static enum child_status crashes_later(void *data, int peer, int boss)
{
    shared->starts++;
    poll(NULL, 0, 250);
    signal(SIGSEGV, SIG_DFL);
    kill(getpid(), SIGSEGV);
    return CHILD_DONE;
}

static enum child_status aborts_at_once(void *data, int peer, int boss)
{
    shared->starts++;
    signal(SIGABRT, SIG_DFL);
    abort();
}

/* Killed by somebody else in the daemon's first second. */
static enum child_status is_killed_at_once(void *data, int peer, int boss)
{
    if (++shared->starts == 2)
        return CHILD_DONE;
    kill(getpid(), SIGKILL);
    return CHILD_FAILED;
}

/* The first two children fail. */
static enum child_status better_every_time(void *data, int peer, int boss)
{
    if (++shared->starts == 3)
        return CHILD_DONE;
    poll(NULL, 0, 250);
    return CHILD_FAILED;
}

static enum child_status signals_parent(void *data, int peer, int boss)
{
    poll(NULL, 0, 50);
    kill(getppid(), SIGHUP);
    return patient(data, peer, boss);
}

/* Kills the supervisor, after it had time to make its heir. Then all is well. */
static enum child_status kills_supervisor(void *data, int peer, int boss)
{
    if (shared->starts++)
        return CHILD_DONE;
    poll(NULL, 0, 100);
    shared->old = getpid();
    kill(getppid(), SIGKILL);
    poll(NULL, 0, 10000);
    return CHILD_DONE;
}

static enum child_status kills_every_supervisor(void *data, int peer, int boss)
{
    shared->starts++;
    poll(NULL, 0, 100);
    kill(getppid(), SIGKILL);
    poll(NULL, 0, 10000);
    return CHILD_DONE;
}

static enum child_status tells_its_number(void *data, int peer, int boss)
{
    shared->old = getpid();
    return patient(data, peer, boss);
}

/* Finds the supervisor's third child: neither the keeper nor us. */
static pid_t find_heir(void)
{
    char path[64];
    pid_t pid, heir = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", getppid(), getppid());
    file = fopen(path, "r");
    while (file && fscanf(file, "%d", &pid) == 1)
        if (pid != getpid() && pid != shared->old)
            heir = pid;
    if (file)
        fclose(file);
    return heir;
}

/* Kills the heir; another one must be made, and nothing else is started again. */
static enum child_status kills_heir(void *data, int peer, int boss)
{
    pid_t first, second;

    shared->starts++;
    poll(NULL, 0, 100);
    first = find_heir();
    if (!first || kill(first, SIGKILL))
        return CHILD_FAILED;
    poll(NULL, 0, 200);
    second = find_heir();
    return second && second != first ? CHILD_DONE : CHILD_FAILED;
}

static bool must_end(void *data)
{
    shared->told++;
    return shared->told > shared->strays;
}

/* So often a child reports the stub domain's end falsely. */
static bool is_over(void *data)
{
    return shared->untrue-- <= 0;
}

static void note_inherited(void *data)
{
    shared->inherited++;
}

static void note_given_up(void *data)
{
    given_up++;
}

/* -------- children that were taken over -------- */

/* Changes all that it has open: blocking mode, shutdown, offset. */
static enum child_status spoils_all(void *data, int peer, int boss)
{
    for (int fd = 3; fd < 64; fd++) {
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
        shutdown(fd, SHUT_RDWR);
        lseek(fd, 1 << 20, SEEK_SET);
    }
    poll(NULL, 0, shared->starts ? 0 : 1500);
    shared->starts++;
    /* The supervisor must still notice that they die. */
    return shared->starts == 2 ? CHILD_DONE : CHILD_FAILED;
}

static enum child_status asks_without_end(void *data, int peer, int boss)
{
    int64_t until = clock_now_ms() + 500;

    while (clock_now_ms() < until)
        if (send(boss, "ask", 3, MSG_DONTWAIT) < 0)
            poll(NULL, 0, 1);
    return CHILD_DONE;
}

static enum child_status asks_once(void *data, int peer, int boss)
{
    struct pollfd p = { .fd = boss, .events = POLLIN };
    char answer = 0;

    if (send(boss, "", 1, 0) == 1 && poll(&p, 1, 3000) == 1 && read(boss, &answer, 1) == 1)
        shared->answered += answer == 'a';
    if (shared->starts++ == 0)
        kill(getpid(), SIGKILL);
    return CHILD_DONE;
}

static void keeper_asks(void *data, int fd)
{
    shared->asked++;
    send(fd, "a", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void worker_asks(void *data, int fd)
{
    shared->asked++;
    send(fd, "a", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* -------- root's services: a socket on which nothing comes -------- */

static int services[2] = { -1, -1 };

static int open_services(void *data)
{
    assert_int_equal(services[0], -1);
    return shared->no_services-- > 0 ? -EMFILE : socketpair(AF_UNIX, SOCK_STREAM, 0, services) ? -errno : 0;
}

static void run_services(void *data)
{
    close(services[1]);
    services[1] = -1;
}

static void close_services(void *data)
{
    for (int i = 0; i < 2; i++) {
        if (services[i] >= 0)
            close(services[i]);
        services[i] = -1;
    }
}

/* Waits for an answer of a service, which root cannot give while it waits for the other child's end. */
static enum child_status waits_for_root(void *data, int peer, int boss)
{
    char byte;

    close(services[0]);
    (void)!read(services[1], &byte, 1);
    return CHILD_ALONE;
}

/* An heir that was forked while the services were open must not have copies, or they would outlive the supervisor. */
static enum child_status outlives_its_services(void *data, int peer, int boss)
{
    struct pollfd p = { .fd = services[1], .events = POLLIN };

    close(services[0]);
    if (shared->starts++)
        return CHILD_DONE;
    poll(NULL, 0, 100);
    kill(find_heir(), SIGKILL);
    poll(NULL, 0, 300);
    prctl(PR_SET_PDEATHSIG, 0);
    kill(getppid(), SIGKILL);
    shared->answered = poll(&p, 1, 3000) == 1 && (p.revents & POLLHUP);
    return CHILD_DONE;
}

static int run(enum child_status (*keeper)(void *, int, int), enum child_status (*worker)(void *, int, int))
{
    struct loop loop;
    struct supervisor_job job = { .run_keeper = keeper, .run_worker = worker,
                                  .given_up = note_given_up, .inherit = note_inherited,
                                  .must_end = must_end, .is_over = is_over,
                                  .keeper_asks = keeper_asks, .worker_asks = worker_asks,
                                  .open_services = open_services, .run_services = run_services,
                                  .close_services = close_services,
                                  .loop = &loop };
    int in_child, status;

    close(open(file, O_CREAT, 0600));
    close(open(another, O_CREAT, 0600));
    supervisor_add_file(&job, file);
    supervisor_add_file(&job, another);
    /* A folder whose name ends like this one is another domain's. */
    unlink(another);
    assert_int_equal(symlink("/", another), 0);
    given_up = 0;
    loop_init(&loop, clock_now_ms);
    job.signal_fd = signals_open();
    status = supervise(&job, &in_child);
    if (in_child)
        _exit(status);
    assert_int_equal(access(file, F_OK), -1);
    assert_int_equal(unlink(another), 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_true(services[0] < 0 && services[1] < 0);
    signals_told(job.signal_fd);
    close(job.signal_fd);
    return status;
}

static void test_one_done_is_all_done(void **state)
{
    assert_int_equal(run(done, patient), 0);
    assert_int_equal(run(patient, done), 0);
    assert_int_equal(run(done, done), 0);
    assert_int_equal(shared->lines, 0);
}

static enum child_status done_later(void *data, int peer, int boss)
{
    shared->starts++;
    poll(NULL, 0, 250);
    return CHILD_DONE;
}

/* A child that was taken over ends with exit(0) while the stub domain still exists. */
static void test_done_is_not_believed(void **state)
{
    log_set_sink(NULL, NULL);
    shared->untrue = 2;
    assert_int_equal(run(patient, done_later), 0);
    assert_int_equal(shared->starts, 3);
    shared->untrue = 2;
    assert_int_equal(run(done_later, patient), 0);
    assert_int_equal(shared->starts, 6);
    assert_int_equal(given_up, 0);
    shared->starts = 0;
    shared->untrue = 100;
    assert_int_equal(run(patient, done_later), 1);
    assert_int_equal(shared->starts, SUPERVISOR_MAX_RESTARTS + 1);
    assert_int_equal(given_up, 1);
}

static void test_a_signal_ends_all(void **state)
{
    assert_int_equal(run(patient, signals_parent), 0);
    assert_int_equal(run(signals_parent, patient), 0);
    assert_int_equal(shared->lines, 0);
}

static void test_a_deaf_child_is_killed(void **state)
{
    assert_int_equal(run(deaf, signals_parent), 0);
}

static void test_failure_at_the_start_is_final(void **state)
{
    assert_int_equal(run(patient, fails_at_once), 1);
    assert_int_equal(shared->starts, 1);
    assert_int_equal(given_up, 1);
    assert_int_equal(run(fails_at_once, patient), 1);
    assert_int_equal(shared->starts, 2);
    assert_int_equal(run(patient, aborts_at_once), 1);
    assert_int_equal(shared->starts, 3);
    assert_int_equal(given_up, 1);
}

static void test_unless_it_was_killed(void **state)
{
    assert_int_equal(run(patient, is_killed_at_once), 0);
    assert_int_equal(shared->starts, 2);
    shared->starts = 0;
    assert_int_equal(run(is_killed_at_once, patient), 0);
    assert_int_equal(shared->starts, 2);
    assert_int_equal(given_up, 0);
}

/*
 * When a child was killed there may be no memory for a new one for a while: there are more attempts than restarts.
 */
static void test_a_shortage_passes(void **state)
{
    log_set_sink(no_forks, NULL);
    assert_int_equal(run(patient, is_killed_at_once), 0);
    assert_int_equal(shared->starts, 2);
    assert_int_equal(given_up, 0);
}

/* The child cannot start yet, because xenstore is not there, for example. It is tried again and again. */
static enum child_status later(void *data, int peer, int boss)
{
    return ++shared->starts == 3 ? CHILD_DONE : CHILD_LATER;
}

static void test_what_is_missing_is_waited_for(void **state)
{
    assert_int_equal(run(later, patient), 0);
    assert_int_equal(shared->starts, 3);
    shared->starts = 0;
    assert_int_equal(run(patient, later), 0);
    assert_int_equal(shared->starts, 3);
    assert_int_equal(given_up, 0);
}

/* But this is not accepted from a confined worker, which may have been taken over. */
static enum child_status later_when_confined(void *data, int peer, int boss)
{
    shared->starts++;
    shared->confined = getpid();
    poll(NULL, 0, 250);
    return CHILD_LATER;
}

static enum child_status later_at_first(void *data, int peer, int boss)
{
    if (++shared->starts == SUPERVISOR_MAX_RESTARTS + 2)
        return CHILD_DONE;
    shared->confined = getpid();
    return CHILD_LATER;
}

static void test_a_confined_worker_lacks_nothing(void **state)
{
    log_set_sink(NULL, NULL);
    assert_int_equal(run(patient, later_when_confined), 1);
    assert_int_equal(shared->starts, SUPERVISOR_MAX_RESTARTS + 1);
    assert_int_equal(given_up, 1);
    /* The keeper may lose xenstore at any time. */
    shared->starts = 0;
    assert_int_equal(run(later_at_first, patient), 0);
    assert_int_equal(shared->starts, SUPERVISOR_MAX_RESTARTS + 2);
    assert_int_equal(given_up, 0);
}

/* Many deaths over a long time do not count as too many. */
static enum child_status crashes_seldom(void *data, int peer, int boss)
{
    if (++shared->starts == SUPERVISOR_MAX_RESTARTS + 2)
        return CHILD_DONE;
    poll(NULL, 0, 600);
    return CHILD_FAILED;
}

static void test_old_deaths_do_not_count(void **state)
{
    assert_int_equal(run(crashes_seldom, patient), 0);
    assert_int_equal(given_up, 0);
}

/* The session in which the daemon was started ends: all processes get SIGHUP, and none obeys. */
static enum child_status tells_all(void *data, int peer, int boss)
{
    static const int signals[] = { SIGHUP, SIGTERM, SIGINT };
    pid_t heir;

    poll(NULL, 0, 100);
    heir = find_heir();
    for (int i = 0; i < 3; i++) {
        kill(getppid(), signals[i]);
        kill(heir, signals[i]);
        poll(NULL, 0, 50);
    }
    shared->starts++;
    poll(NULL, 0, 300);
    if (find_heir() != heir)
        shared->starts = 100;
    kill(getppid(), SIGHUP);
    return patient(data, peer, boss);
}

static void test_stray_signals_end_nothing(void **state)
{
    shared->strays = 3;
    assert_int_equal(run(tells_its_number, tells_all), 0);
    assert_int_equal(shared->told, 4);
    assert_int_equal(shared->starts, 1);
}

static void test_a_dead_child_is_replaced(void **state)
{
    assert_int_equal(run(patient, better_every_time), 0);
    assert_int_equal(shared->starts, 3);
    assert_int_equal(given_up, 0);
}

static void test_but_not_for_ever(void **state)
{
    assert_int_equal(run(crashes_later, patient), 1);
    assert_int_equal(shared->starts, SUPERVISOR_MAX_RESTARTS + 1);
    assert_int_equal(given_up, 1);
}

/* As run(), but the supervisor is killed. Returns the heir's status. */
static int run_killed(enum child_status (*worker)(void *, int, int))
{
    int status = -1;
    pid_t pid;

    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    pid = fork();
    if (pid == 0) {
        status = run(tells_its_number, worker);
        shared->ended++;
        _exit(status);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WTERMSIG(status), SIGKILL);
    while (waitpid(-1, &status, 0) > 0)
        if (WIFEXITED(status) && shared->ended)
            break;
    while (waitpid(-1, NULL, 0) > 0)
        ;
    assert_int_equal(shared->ended, 1);
    return WEXITSTATUS(status);
}

static void test_an_heir_takes_over(void **state)
{
    assert_int_equal(run_killed(kills_supervisor), 0);
    assert_int_equal(shared->inherited, 1);
    assert_int_equal(shared->starts, 2);
    assert_int_equal(kill(shared->old, 0), -1);
}

static void test_heirs_do_not_take_over_for_ever(void **state)
{
    assert_int_equal(run_killed(kills_every_supervisor), 1);
    assert_int_equal(shared->inherited, SUPERVISOR_MAX_RESTARTS);
    assert_int_equal(shared->starts, SUPERVISOR_MAX_RESTARTS + 1);
}

static void test_services_end_with_the_supervisor(void **state)
{
    assert_int_equal(run_killed(outlives_its_services), 0);
    assert_int_equal(shared->inherited, 1);
    assert_int_equal(shared->answered, 1);
}

static void test_a_dead_heir_is_replaced(void **state)
{
    assert_int_equal(run(tells_its_number, kills_heir), 0);
    assert_int_equal(shared->starts, 1);
    assert_int_equal(shared->inherited, 0);
}

static int64_t cpu_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A child changes what it has open, and ignores messages. The others are not affected. */
static void test_children_cannot_spoil_what_root_has(void **state)
{
    int64_t used = cpu_ms();

    log_set_sink(NULL, NULL);
    assert_int_equal(run(patient, spoils_all), 0);
    assert_int_equal(shared->starts, 2);
    assert_in_range(cpu_ms() - used, 0, 300);
    shared->starts = 0;
    assert_int_equal(run(spoils_all, patient), 0);
    assert_int_equal(shared->starts, 2);
    assert_in_range(cpu_ms() - used, 0, 300);
}

static void test_requests_have_a_rate(void **state)
{
    assert_int_equal(run(patient, asks_without_end), 0);
    assert_in_range(shared->asked, 2, 16);
    shared->asked = 0;
    assert_int_equal(run(asks_without_end, patient), 0);
    assert_in_range(shared->asked, 2, 16);
}

/* When the first worker ends, the next one's service does not. */
static void test_each_worker_is_answered(void **state)
{
    log_set_sink(NULL, NULL);
    assert_int_equal(run(patient, asks_once), 0);
    assert_int_equal(shared->answered, 2);
}

static int start(void **state)
{
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    log_set_sink(count_line, NULL);
    return 0;
}

static int finish(void **state)
{
    return munmap(shared, 4096);
}

/* A child that waits for root's service is not waited for: the services end before the children do. */
static void test_services_end_before_the_pair(void **state)
{
    int64_t begun = clock_now_ms();

    assert_int_equal(run(waits_for_root, done), 0);
    assert_int_equal(run(done, waits_for_root), 0);
    assert_true(clock_now_ms() - begun < 1500);
    assert_int_equal(shared->lines, 0);
}

static void test_services_that_cannot_be_had_are_waited_for(void **state)
{
    shared->no_services = 2;
    assert_int_equal(run(done, patient), 0);
    assert_int_equal(shared->no_services, -1);
    assert_int_equal(given_up, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, start, finish)
    const struct CMUnitTest tests[] = {
        TEST(test_one_done_is_all_done),
        TEST(test_done_is_not_believed),
        TEST(test_a_signal_ends_all),
        TEST(test_a_deaf_child_is_killed),
        TEST(test_failure_at_the_start_is_final),
        TEST(test_unless_it_was_killed),
        TEST(test_a_shortage_passes),
        TEST(test_what_is_missing_is_waited_for),
        TEST(test_a_confined_worker_lacks_nothing),
        TEST(test_old_deaths_do_not_count),
        TEST(test_stray_signals_end_nothing),
        TEST(test_a_dead_child_is_replaced),
        TEST(test_but_not_for_ever),
        TEST(test_an_heir_takes_over),
        TEST(test_heirs_do_not_take_over_for_ever),
        TEST(test_a_dead_heir_is_replaced),
        TEST(test_children_cannot_spoil_what_root_has),
        TEST(test_requests_have_a_rate),
        TEST(test_each_worker_is_answered),
        TEST(test_services_end_before_the_pair),
        TEST(test_services_that_cannot_be_had_are_waited_for),
        TEST(test_services_end_with_the_supervisor),
    };

    return cmocka_run_group_tests_name("dm-supervisor", tests, NULL, NULL);
}
