// sources: launcher/dom0-daemon/root/grant-broker.c launcher/dom0-daemon/confined/grants.c
// wrap: ioctl mmap
// cflags: -DGNTDEV="\"/tmp/dm-grants-test\""
/*
 * Root's broker, and a worker in a process of its own, with a file of pages in gntdev's place. What an honest worker
 * gets; and that a worker that was taken over gets no other domain's grants, and not more than allowed.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "clock.h"
#include "grant-broker.h"
#include "grant-wire.h"
#include "grants.h"
#include "log.h"
#include "xen-control.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <xen/sys/gntdev.h>

#define STUB 7
enum { OWN_PORT = 33, OTHERS_PORT, VIRQ_PORT, UNKNOWN_PORT, NO_PORT }; /* of dom0's */
#define PAGE 4096

/* -------- Linux's gntdev: one page of the file for each grant, found by its number -------- */

static struct shared {
    pid_t root;
    int maps, unmaps, lines, foreign, by_worker, opened;
    uint32_t notify_port, notify_action, what, count;
    uint64_t notify_at;
    char *last; /* where the worker has mapped it */
    uint64_t last_index;
    int gntdev;
    bool mapped[64];
} *shared;

int __wrap_ioctl(int fd, unsigned long request, void *argument)
{
    struct ioctl_gntdev_map_grant_ref *map = argument;
    const struct ioctl_gntdev_grant_ref *refs = map->refs;
    struct ioctl_gntdev_get_offset_for_vaddr *find = argument;
    struct ioctl_gntdev_unmap_notify *notify = argument;

    switch (request) {
    case IOCTL_GNTDEV_MAP_GRANT_REF:
        shared->by_worker += getpid() != shared->root;
        for (uint32_t i = 0; i < map->count; i++)
            shared->foreign += refs[i].domid != STUB;
        if (refs[0].ref == 666) {
            errno = ENOMEM;
            return -1;
        }
        shared->maps++;
        shared->count = map->count;
        map->index = (uint64_t)refs[0].ref * PAGE;
        return 0;
    case IOCTL_GNTDEV_UNMAP_GRANT_REF:
        shared->by_worker += getpid() != shared->root;
        shared->unmaps++;
        shared->mapped[((struct ioctl_gntdev_unmap_grant_ref *)argument)->index / PAGE] = false;
        return 0;
    case IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR:
        find->offset = shared->last_index;
        return find->vaddr == (uintptr_t)shared->last ? 0 : -1;
    case IOCTL_GNTDEV_SET_UNMAP_NOTIFY:
        shared->by_worker += getpid() != shared->root;
        shared->notify_port = notify->event_channel_port;
        shared->notify_action = notify->action;
        shared->notify_at = notify->index;
        errno = EINVAL;
        return notify->event_channel_port == NO_PORT ? -1 : 0;
    }
    return -1;
}

void *__real_mmap(void *address, size_t len, int prot, int flags, int fd, off_t offset);

/* Each page that was asked for can be mapped once. */
void *__wrap_mmap(void *address, size_t len, int prot, int flags, int fd, off_t offset)
{
    if (shared && fd >= 0 && fd == shared->gntdev) {
        if (shared->mapped[offset / PAGE]) {
            errno = EINVAL;
            return MAP_FAILED;
        }
        shared->mapped[offset / PAGE] = true;
    }
    return __real_mmap(address, len, prot, flags, fd, offset);
}

xc_interface *xc_interface_open(xentoollog_logger *logger, xentoollog_logger *dom, unsigned int flags)
{
    shared->opened++;
    return (void *)shared;
}

int xc_interface_close(xc_interface *xc)
{
    shared->opened--;
    return 0;
}

int xc_evtchn_status(xc_interface *xc, xc_evtchn_status_t *status)
{
    /* Linux already holds the port, so it cannot become another one meanwhile. */
    if (status->dom != DOMID_SELF || shared->notify_port != status->port || !shared->notify_action ||
        status->port == UNKNOWN_PORT) {
        errno = EINVAL;
        return -1;
    }
    status->status = status->port == VIRQ_PORT ? EVTCHNSTAT_virq : EVTCHNSTAT_interdomain;
    status->u.interdomain.dom = status->port == OTHERS_PORT ? 5 : STUB;
    return 0;
}

/* -------- a run: PLAY is the worker -------- */

static struct loop loop;
static struct grant_broker broker;

static void count_line(void *data, enum log_level level, const char *line) { shared->lines++; }

static int run(int (*play)(const struct grants *grants))
{
    pid_t worker;
    int status;

    loop_init(&loop, clock_now_ms);
    grant_broker_init(&broker, &loop, STUB);
    assert_int_equal(grant_broker_open(&broker), 0);
    shared->root = getpid();
    shared->gntdev = broker.gntdev;
    worker = fork();
    if (worker == 0) {
        struct grants grants = { broker.gntdev, broker.worker_fd };

        grant_broker_leave(&broker);
        _exit(play(&grants));
    }
    grant_broker_run(&broker);
    while (waitpid(worker, &status, WNOHANG) == 0)
        assert_int_equal(loop_turn(&loop, 5), 0);
    grant_broker_close(&broker);
    grant_broker_close(&broker);
    assert_int_equal(loop_turn(&loop, 0), 0);
    assert_int_equal(loop.fd_count + loop.timer_count, 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(shared->foreign, 0);
    assert_int_equal(shared->by_worker, 0);
    assert_int_equal(shared->opened, 0);
    return WEXITSTATUS(status);
}

/* Each returns the worker's exit status. */

static int map(const struct grants *grants, uint32_t ref, uint32_t count, void **pages)
{
    uint32_t refs[GRANT_MAX_PAGES];

    for (uint32_t i = 0; i < GRANT_MAX_PAGES; i++)
        refs[i] = ref + i;
    return grants_map(grants, refs, count, PROT_READ | PROT_WRITE, pages);
}

static int play_honest(const struct grants *grants)
{
    void *page, *ring;

    EXPECT(map(grants, 5, 1, &page) == 0 && *(char *)page == 5);
    shared->last = page;
    shared->last_index = 5 * PAGE;
    EXPECT(grants_notify(grants, page, 20, OWN_PORT) == 0);
    EXPECT(shared->notify_at == 5 * PAGE + 20 && shared->notify_port == OWN_PORT);
    EXPECT(shared->notify_action == (UNMAP_NOTIFY_CLEAR_BYTE | UNMAP_NOTIFY_SEND_EVENT));
    EXPECT(map(grants, 8, 16, &ring) == 0 && shared->count == 16);
    EXPECT(*(char *)ring == 8 && ((char *)ring)[15 * PAGE] == 23);
    EXPECT(map(grants, 666, 1, &page) == -ENOMEM);
    EXPECT(map(grants, 1, 17, &page) == -EINVAL && map(grants, 1, 0, &page) == -EINVAL);
    grants_unmap(grants, shared->last, 1);
    EXPECT(shared->unmaps == 1);
    /* Root ignores a grant that Linux does not know. */
    grants_unmap(grants, ring, 16);
    EXPECT(shared->unmaps == 1);
    /* More often than there may be mappings at a time, as viewers come and go. */
    for (int i = 0; i < 2 * GRANT_MAX_MAPS; i++) {
        EXPECT(map(grants, 40, 1, &page) == 0);
        shared->last = page;
        shared->last_index = 40 * PAGE;
        grants_unmap(grants, page, 1);
    }
    return 0;
}

static void test_an_honest_worker_has_its_pages(void **state)
{
    assert_int_equal(run(play_honest), 0);
    assert_int_equal(shared->maps, 2 + 2 * GRANT_MAX_MAPS);
    assert_int_equal(shared->unmaps, 1 + 2 * GRANT_MAX_MAPS);
    assert_int_equal(shared->lines, 0);
}

static int64_t ask(const struct grants *grants, const void *request, size_t len)
{
    struct grant_answer answer = { .rc = 1 };

    if (send(grants->broker_fd, request, len, MSG_NOSIGNAL) < 0)
        return -errno;
    return recv(grants->broker_fd, &answer, sizeof(answer), 0) == sizeof(answer) ? answer.rc : -EPIPE;
}

/*
 * The number of mappings is limited, because they take dom0's memory. Unmapping what is not mapped, or not mapped any
 * more, is refused.
 */
static int play_greedy(const struct grants *grants)
{
    struct grant_request request = { .what = GRANT_MAP, .count = 1 };

    for (uint32_t i = 0; i < GRANT_MAX_MAPS; i++) {
        request.refs[0] = i + 1;
        EXPECT(ask(grants, &request, sizeof(request)) == 0);
    }
    for (int i = 0; i < 10; i++)
        EXPECT(ask(grants, &request, sizeof(request)) == -ENOSPC);
    request.what = GRANT_FORGET;
    request.index = 77;
    EXPECT(ask(grants, &request, sizeof(request)) == -ENOENT);
    request.index = 3 * PAGE;
    EXPECT(ask(grants, &request, sizeof(request)) == 0);
    EXPECT(ask(grants, &request, sizeof(request)) == -ENOENT);
    return 0;
}

static void test_a_greedy_worker_has_so_many(void **state)
{
    assert_int_equal(run(play_greedy), 0);
    assert_int_equal(shared->maps, GRANT_MAX_MAPS);
    assert_int_equal(shared->unmaps, 1);
}

/* Another process's event channel, for example xenstored's with another domain, is neither notified nor held. */
static int play_rude(const struct grants *grants)
{
    struct grant_request request = { .what = GRANT_MAP, .count = 1, .refs = { 5 } };

    EXPECT(ask(grants, &request, sizeof(request)) == 0);
    request.what = GRANT_NOTIFY;
    request.index = 5 * PAGE;
    EXPECT(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, grants->gntdev, 5 * PAGE) != MAP_FAILED);
    for (request.port = OTHERS_PORT; request.port <= UNKNOWN_PORT; request.port++) {
        EXPECT(ask(grants, &request, sizeof(request)) < 0);
        EXPECT(shared->notify_port == request.port && shared->notify_action == 0);
    }
    EXPECT(ask(grants, &request, sizeof(request)) == -EINVAL);
    return 0;
}

/*
 * A notification for a page that is not mapped yet, or read-only, is refused, because Linux would fault. So is one for
 * a page that was never mapped, or was unmapped.
 */
static int play_early(const struct grants *grants)
{
    struct grant_request request = { .what = GRANT_MAP, .count = 2, .refs = { 5, 6 }, .port = OWN_PORT };
    static const uint64_t indices[] = { 5 * PAGE, 5 * PAGE + 1, 7 * PAGE - 1, 7 * PAGE, 5 * PAGE - 1, 0, UINT64_MAX };

    EXPECT(ask(grants, &request, sizeof(request)) == 0);
    request.what = GRANT_NOTIFY;
    for (size_t i = 0; i < ARRAY_LEN(indices); i++) {
        shared->mapped[5] = i == 3 || i == 4;
        request.index = indices[i];
        EXPECT(ask(grants, &request, sizeof(request)) == -EPERM);
    }
    EXPECT(shared->notify_port == 0);
    shared->mapped[5] = true;
    request.index = 7 * PAGE - 1;
    EXPECT(ask(grants, &request, sizeof(request)) == 0);
    return 0;
}

static void test_an_early_worker_waits(void **state)
{
    assert_int_equal(run(play_early), 0);
}

static void test_a_rude_worker_disturbs_nobody(void **state)
{
    assert_int_equal(run(play_rude), 0);
}

/* A malformed request ends the service: one page too many, no page, text, an empty packet, an unknown request. */
static int play_nonsense(const struct grants *grants)
{
    struct grant_request request = { .what = shared->what, .count = shared->count };
    size_t len = shared->last_index;

    EXPECT(ask(grants, &request, len) == -EPIPE);
    request.what = GRANT_MAP;
    request.count = 1;
    EXPECT(ask(grants, &request, sizeof(request)) == -EPIPE);
    return 0;
}

static void test_nonsense_ends_the_service(void **state)
{
    const size_t whole = sizeof(struct grant_request);
    const struct { uint32_t what, count; size_t len; int lines; } rows[] = {
        { GRANT_MAP, GRANT_MAX_PAGES + 1, whole, 1 }, { GRANT_MAP, UINT32_MAX, whole, 1 }, { GRANT_MAP, 0, whole, 1 },
        { GRANT_MAP, 1, 4, 1 }, { GRANT_MAP, 1, whole - 1, 1 }, { GRANT_MAP, 1, 0, 0 },
        { GRANT_NOTIFY + 1, 1, whole, 1 }, { UINT32_MAX, 1, whole, 1 },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        shared->what = rows[i].what;
        shared->count = rows[i].count;
        shared->last_index = rows[i].len;
        shared->lines = 0;
        assert_int_equal(run(play_nonsense), 0);
        assert_int_equal(shared->lines, rows[i].lines);
    }
    assert_int_equal(shared->maps, 0);
}

/* Too many requests at once are slowed down: root has other things to do. */
static int play_haste(const struct grants *grants)
{
    struct grant_request request = { .what = GRANT_FORGET, .index = 1 };
    int64_t until = clock_now_ms() + 1000;

    while (clock_now_ms() < until) {
        EXPECT(ask(grants, &request, sizeof(request)) == -ENOENT);
        shared->count++;
    }
    return 0;
}

static void test_haste_is_slowed_down(void **state)
{
    assert_int_equal(run(play_haste), 0);
    assert_in_range(shared->count, 300, 1000);
}

/* The worker does not wait for an answer after the socket was closed. */
static int play_left_alone(const struct grants *grants)
{
    struct grant_request request = { .what = GRANT_MAP, .count = 1 };

    EXPECT(ask(grants, &request, sizeof(request)) == -EPIPE || errno == ECONNRESET);
    return 0;
}

static void test_the_end_is_heard_at_once(void **state)
{
    pid_t worker;
    int status;

    loop_init(&loop, clock_now_ms);
    grant_broker_init(&broker, &loop, STUB);
    assert_int_equal(grant_broker_open(&broker), 0);
    worker = fork();
    if (worker == 0) {
        struct grants grants = { broker.gntdev, broker.worker_fd };

        grant_broker_leave(&broker);
        _exit(play_left_alone(&grants));
    }
    grant_broker_run(&broker);
    poll(NULL, 0, 50);
    grant_broker_close(&broker);
    assert_int_equal(waitpid(worker, &status, 0), worker);
    assert_int_equal(status, 0);
}

static void test_no_device(void **state)
{
    unlink(GNTDEV);
    grant_broker_init(&broker, &loop, STUB);
    assert_int_equal(grant_broker_open(&broker), -ENOENT);
    assert_int_equal(shared->lines, 1);
    grant_broker_close(&broker);
}

static int start(void **state)
{
    int fd = open(GNTDEV, O_RDWR | O_CREAT | O_TRUNC, 0600);

    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 64; i++)
        if (pwrite(fd, &(char){ i }, 1, i * PAGE) != 1)
            return -1;
    close(fd);
    log_set_sink(count_line, NULL);
    return truncate(GNTDEV, 64 * PAGE);
}

static int finish(void **state)
{
    unlink(GNTDEV);
    return munmap(shared, sizeof(*shared));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_honest_worker_has_its_pages),
        TEST(test_a_greedy_worker_has_so_many),
        TEST(test_an_early_worker_waits),
        TEST(test_a_rude_worker_disturbs_nobody),
        TEST(test_nonsense_ends_the_service),
        TEST(test_haste_is_slowed_down),
        TEST(test_the_end_is_heard_at_once),
        TEST(test_no_device),
    };

    return cmocka_run_group_tests_name("dm-grants", tests, NULL, NULL);
}
