// sources: launcher/dom0-daemon/root/store-filter.c launcher/dom0-daemon/both/store.c
// sources: tests/unit/fake-xenstored.c
// libs: xenstore
// wrap: xs_open
// cflags: -DSTORE_FILTER_FOLDER="\"/tmp/dm-store-filter-XXXXXX\"" -DSTUCK_MS=300
/*
 * The keeper's connection to xenstore: a keeper in a process of its own, with the real libxenstore, root's filter, and
 * a xenstored that records the requests it gets. All requests of the keeper's code reach it; none of a keeper that was
 * taken over does.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "clock.h"
#include "fake-xenstored.h"
#include "log.h"
#include "store-filter.h"
#include "util.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define STUB 7
#define GUEST 6
#define XENSTORED "/tmp/dm-store-filter-xenstored"

static struct shared {
    int requests, lines, count, foreign, hasty;
    int floods; /* events after each answer */
    bool ends, is_slow;
    struct store_rule rules[STORE_MAX_RULES];
    int rule_count, asked[STORE_MAX_RULES];
} *shared;

/* -------- xenstored -------- */

static void note(const char *path)
{
    for (int i = 0; i < shared->rule_count; i++)
        shared->asked[i] += !strcmp(path, shared->rules[i].path);
}

static void answer(int fd, const struct xsd_sockmsg *header, const char *payload)
{
    static int transactions;
    char text[16];
    int number;

    shared->requests++;
    /* Events before the answer. */
    if (shared->is_slow)
        shared->hasty += poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 100) == 1;
    switch (header->type) {
    case XS_READ:
        note(payload);
        xenstored_say(fd, header, XS_READ, "4", 1);
        break;
    case XS_TRANSACTION_START:
        number = snprintf(text, sizeof(text), "%d", ++transactions);
        xenstored_say(fd, header, header->type, text, number + 1);
        break;
    case XS_IS_DOMAIN_INTRODUCED:
        xenstored_say(fd, header, header->type, "T", 2);
        break;
    case XS_WATCH:
    case XS_WRITE:
        note(payload);
        /* fall through */
    default:
        xenstored_say(fd, header, header->type, "OK", 3);
    }
    if (header->type == XS_WATCH)
        xenstored_say(fd, &(struct xsd_sockmsg){ 0 }, XS_WATCH_EVENT, payload, header->len);
    for (int i = 0; i < shared->floods; i++)
        xenstored_say(fd, &(struct xsd_sockmsg){ 0 }, XS_WATCH_EVENT, "a\0b", 4);
    if (shared->ends)
        _exit(0);
}

/* -------- a run: PLAY is the keeper -------- */

static struct loop loop;
static struct store_filter filter;
static struct store store;
static int raw; /* the keeper's end */
static bool goes_elsewhere;
static const struct store_console consoles[] = {
    { .id = 0 }, { .id = 1 }, { .id = 3 }, { .id = MESSAGE_STUB_CONSOLES }, /* the guest's channel 1 */
};
static const struct store_served all = { true, true, true };

struct xs_handle *__real_xs_open(unsigned long flags);

struct xs_handle *__wrap_xs_open(unsigned long flags)
{
    raw = open("/dev/null", O_RDONLY);
    close(raw); /* so that the next descriptor has this number */
    if (goes_elsewhere)
        setenv("XENSTORED_PATH", XENSTORED, 1);
    return __real_xs_open(flags);
}

static void count_line(void *data, enum log_level level, const char *line) { shared->lines++; }

static int run(int (*play)(void))
{
    pid_t xenstored = xenstored_start(XENSTORED, answer), keeper;
    int status;

    loop_init(&loop, clock_now_ms);
    store_filter_init(&filter, &loop);
    store = (struct store){ .domid = STUB, .target = GUEST };
    assert_int_equal(store_filter_open(&filter, &store, consoles, ARRAY_LEN(consoles), &all), 0);
    memcpy(shared->rules, filter.rules, sizeof(filter.rules));
    shared->rule_count = filter.rule_count;
    assert_string_equal(getenv("XENSTORED_PATH"), XENSTORED);
    keeper = fork();
    if (keeper == 0) {
        store_filter_close(&filter);
        status = play();
        store_close(&store);
        _exit(status);
    }
    store_close(&store);
    while (waitpid(keeper, &status, WNOHANG) == 0)
        assert_int_equal(loop_turn(&loop, 5), 0);
    store_filter_close(&filter);
    assert_int_equal(loop_turn(&loop, 0), 0);
    assert_int_equal(loop.fd_count + loop.timer_count, 0);
    kill(xenstored, SIGKILL);
    assert_int_equal(waitpid(xenstored, NULL, 0), xenstored);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* Each returns the keeper's exit status. */

static int play_keeper(void)
{
    struct message message;
    unsigned int index;

    EXPECT(store_watch(&store, consoles, ARRAY_LEN(consoles), &all) == 0);
    for (size_t i = 0; i < ARRAY_LEN(consoles); i++)
        EXPECT(store_read_frontend(&store, consoles[i].id, &message) == 0 && message.port == 4);
    for (unsigned int i = 0; i < MESSAGE_MAX_SLOTS; i++)
        EXPECT(store_read_slot(&store, i, &message) == 0 && message.ring_ref == 4 && message.port == 4);
    for (unsigned int i = 0; i < MESSAGE_MAX_FILES; i++)
        EXPECT(store_read_file(&store, i, &message) == 0 && message.port == 4);
    EXPECT(store_read_qmp(&store, 0, &message) == 0 && message.port == 4);
    for (unsigned int state = 2; state <= 6; state++)
        EXPECT(store_write_backend_state(&store, 1, state) == 0);
    EXPECT(store_write_backend_state(&store, 3, 4) == 0);
    EXPECT(store_write_backend_state(&store, MESSAGE_STUB_CONSOLES, 4) == 0);
    EXPECT(store_write_running(&store) == 0);
    EXPECT(store_domain_exists(&store) == 1);
    EXPECT(store_check(&store) == 0);
    /* Its events come, each with its token. */
    for (int i = 0; i < 16; i++) {
        struct pollfd p = { .fd = store_fd(&store), .events = POLLIN };

        EXPECT(poll(&p, 1, 3000) == 1 && store_next_event(&store, &index) != STORE_EVENT_NONE);
    }
    return 0;
}

/* The list has no more than what the keeper asks for, and nothing of another domain. */
static void test_the_keeper_has_what_it_needs(void **state)
{
    assert_int_equal(run(play_keeper), 0);
    assert_int_equal(shared->lines, 0);
    assert_true(shared->rule_count > 30);
    for (int i = 0; i < shared->rule_count; i++) {
        const char *path = shared->rules[i].path;

        if (shared->asked[i] == 0)
            fail_msg("%s is allowed, and nobody asks for it", path);
        if (strncmp(path, "/local/domain/7/", 16) && strncmp(path, "/local/domain/0/backend/console/7/", 34) &&
            strncmp(path, "/local/domain/6/device/console/1/", 33) &&
            strcmp(path, "/local/domain/0/backend/console/6/1/state") &&
            strcmp(path, "/local/domain/0/backend/pci/7") && strcmp(path, "/local/domain/0/device-model/7") &&
            strcmp(path, "/local/domain/0/device-model/7/state") && strcmp(path, "@releaseDomain"))
            fail_msg("%s is neither the stub domain's nor of a channel", path);
    }
}

/* -------- a keeper that was taken over -------- */

#define OTHER "/local/domain/0/backend/vbd/5/768/params"
static bool write_to(const char *path, const char *value)
{
    return xs_write(store.xs, XBT_NULL, path, value, strlen(value));
}

static struct xs_permissions everybody = { .id = 0, .perms = XS_PERM_READ | XS_PERM_WRITE };
static unsigned int number;

static bool writes_another(void) { return write_to(OTHER, "/dev/sda"); }
static bool reads_another(void) { return xs_read(store.xs, XBT_NULL, "/local/domain/5/vm", &number); }
static bool reads_below(void) { return xs_read(store.xs, XBT_NULL, "/local/domain/7/target/x", &number); }
static bool watches_all(void) { return xs_watch(store.xs, "/", "x"); }
static bool watches_what_it_reads(void) { return xs_watch(store.xs, "/local/domain/7/target", "x"); }
static bool lists(void) { return xs_directory(store.xs, XBT_NULL, "/local/domain", &number); }
static bool removes_its_own(void) { return xs_rm(store.xs, XBT_NULL, "/local/domain/0/backend/console/7/1/state"); }
static bool makes(void) { return xs_mkdir(store.xs, XBT_NULL, "/local/domain/0/backend/console/7/1/state"); }
static bool gives_away(void) { return xs_set_permissions(store.xs, XBT_NULL, "/local/domain/7/target", &everybody, 1); }
static bool asks_permissions(void) { return xs_get_permissions(store.xs, XBT_NULL, "/local/domain/7/target", &number); }
static bool sets_a_target(void) { return xs_set_target(store.xs, 7, 5); }
static bool introduces(void) { return xs_introduce_domain(store.xs, 7, 1, 1); }
static bool releases(void) { return xs_release_domain(store.xs, 5); }
static bool asks_of_another(void) { return xs_is_domain_introduced(store.xs, 5); }
static bool controls(void) { return xs_control_command(store.xs, "print", NULL, 0); }
static bool unwatches(void) { return xs_unwatch(store.xs, "@releaseDomain", "r0"); }
static bool finds(void) { return xs_get_domain_path(store.xs, 7); }
static bool sets_a_wrong_state(void) { return write_to("/local/domain/0/backend/console/7/1/state", "1"); }
static bool sets_a_long_state(void) { return write_to("/local/domain/0/backend/console/7/1/state", "44"); }
static bool sets_no_state(void) { return write_to("/local/domain/0/backend/console/7/1/state", ""); }
static bool sets_console_0(void) { return write_to("/local/domain/0/backend/console/7/0/state", "4"); }
static bool sets_another_console(void) { return write_to("/local/domain/0/backend/console/5/1/state", "4"); }
static bool sets_another_channel(void) { return write_to("/local/domain/0/backend/console/6/2/state", "4"); }
static bool writes_a_tty(void) { return write_to("/local/domain/6/device/console/1/tty", "/dev/pts/0"); }
static bool reads_the_guest(void) { return xs_read(store.xs, XBT_NULL, "/local/domain/6/vm", &number); }
static bool says_more(void) { return write_to("/local/domain/0/device-model/7/state", "running!"); }
static bool writes_what_it_reads(void) { return write_to("/local/domain/7/target", "4"); }
static bool ends_what_is_none(void) { return xs_transaction_end(store.xs, 1, false); }
static bool is_relative(void) { return xs_read(store.xs, XBT_NULL, "domid", &number); }

static bool has_many_transactions(void)
{
    shared->count = 0;
    while (xs_transaction_start(store.xs))
        if (++shared->count > STORE_FILTER_TRANSACTIONS)
            return true;
    return false;
}

/* It could have any number of transactions open. */
static bool ends_another(void) { return xs_transaction_start(store.xs) && xs_transaction_end(store.xs, 2, true); }

static bool ends_one_twice(void)
{
    xs_transaction_t t = xs_transaction_start(store.xs);

    return xs_transaction_end(store.xs, t, true) && xs_transaction_end(store.xs, t, true);
}

/* xenstored would keep each change in memory. */
static bool has_a_long_transaction(void)
{
    xs_transaction_t t = xs_transaction_start(store.xs);

    for (int i = 0; i <= STORE_FILTER_STEPS; i++) {
        cleanup_free char *text = xs_read(store.xs, t, "/local/domain/7/target", &number);

        if (!text)
            return false;
    }
    return true;
}

static bool asks_within_none(void) { return xs_read(store.xs, 5, "/local/domain/7/target", &number); }

static bool has_many_watches(void)
{
    char token[16];

    for (int i = 0; i <= STORE_MAX_RULES; i++) {
        snprintf(token, sizeof(token), "t%d", i);
        if (!xs_watch(store.xs, "@releaseDomain", token))
            return false;
    }
    return true;
}

/* Without libxenstore, which would wait for an answer. */
static bool sends(uint32_t type, uint32_t len, const char *payload, size_t size)
{
    struct xsd_sockmsg header = { .type = type, .len = len };
    struct pollfd p = { .fd = raw, .events = POLLIN };
    char byte;

    if (send(raw, &header, sizeof(header), MSG_NOSIGNAL) < 0 || send(raw, payload, size, MSG_NOSIGNAL) < 0)
        return false;
    return poll(&p, 1, 3000) != 1 || recv(raw, &byte, 1, 0) == 1;
}
#define SENDS(type, text) sends(type, sizeof(text) - 1, text, sizeof(text) - 1)
#define STATE "/local/domain/0/backend/console/7/1/state"

static bool has_no_end(void) { return SENDS(XS_READ, "/local/domain/7/target"); }
static bool says_two(void) { return SENDS(XS_READ, "/local/domain/7/target\0/local/domain/5/vm\0"); }
static bool says_nothing(void) { return sends(XS_READ, 0, "", 0); }
static bool says_too_much(void) { return sends(XS_READ, 4097, "", 0); }
static bool claims_4_gib(void) { return sends(XS_READ, UINT32_MAX, "", 0); }
static bool has_no_token(void) { return SENDS(XS_WATCH, "@releaseDomain\0"); }
static bool has_two_tokens(void) { return SENDS(XS_WATCH, "@releaseDomain\0a\0b\0"); }
static bool has_an_open_token(void) { return SENDS(XS_WATCH, "@releaseDomain\0a"); }
static bool has_a_depth(void) { return SENDS(XS_WATCH, "@releaseDomain\0a\0001\0"); }
static bool writes_no_value(void) { return SENDS(XS_WRITE, STATE); }
static bool writes_a_0(void) { return SENDS(XS_WRITE, STATE "\0004\0"); }
static bool is_no_type(void) { return SENDS(0xffff, "/local/domain/7/target\0"); }
static bool asks_of_two(void) { return SENDS(XS_IS_DOMAIN_INTRODUCED, "7\0005\0"); }
static bool starts_with_text(void) { return SENDS(XS_TRANSACTION_START, "x\0"); }

static bool (*attack)(void);
static int allowed; /* so many of its requests are allowed */

static int play_attack(void)
{
    EXPECT(store_check(&store) == 0);
    EXPECT(!attack());
    /* No request after that is served. */
    EXPECT(allowed || shared->requests == 1);
    EXPECT(sends(XS_READ, 23, "/local/domain/7/target", 23) == false);
    return 0;
}

static void test_another_one_has_nothing(void **state)
{
    static const struct { bool (*attack)(void); int allowed; } rows[] = {
        { writes_another, 0 }, { reads_another, 0 }, { reads_below, 0 }, { watches_all, 0 },
        { watches_what_it_reads, 0 }, { lists, 0 }, { removes_its_own, 0 }, { makes, 0 }, { gives_away, 0 },
        { asks_permissions, 0 }, { sets_a_target, 0 }, { introduces, 0 }, { releases, 0 }, { asks_of_another, 0 },
        { controls, 0 }, { unwatches, 0 }, { finds, 0 }, { sets_a_wrong_state, 0 }, { sets_a_long_state, 0 },
        { sets_no_state, 0 }, { sets_console_0, 0 }, { sets_another_console, 0 }, { says_more, 0 },
        { sets_another_channel, 0 }, { writes_a_tty, 0 }, { reads_the_guest, 0 },
        { writes_what_it_reads, 0 }, { ends_what_is_none, 0 }, { is_relative, 0 },
        { ends_another, 1 }, { ends_one_twice, 2 }, { has_a_long_transaction, 1 + STORE_FILTER_STEPS },
        { asks_within_none, 0 },
        { has_many_transactions, STORE_FILTER_TRANSACTIONS }, { has_many_watches, STORE_MAX_RULES },
        { has_no_end, 0 }, { says_two, 0 }, { says_nothing, 0 }, { says_too_much, 0 }, { claims_4_gib, 0 },
        { has_no_token, 0 }, { has_two_tokens, 0 }, { has_an_open_token, 0 }, { has_a_depth, 0 },
        { writes_no_value, 0 }, { writes_a_0, 0 }, { is_no_type, 0 }, { asks_of_two, 0 }, { starts_with_text, 0 },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int line;

        attack = rows[i].attack;
        allowed = rows[i].allowed;
        shared->requests = shared->lines = 0;
        line = run(play_attack);
        if (line || shared->requests != 1 + allowed || shared->lines != 1)
            fail_msg("row %zu: line %d, %d requests, %d lines", i, line, shared->requests, shared->lines);
    }
}

/* A request that comes octet by octet is the same request. */
static int play_pieces(void)
{
    static const char request[] = "/local/domain/7/target";
    struct xsd_sockmsg header = { .type = XS_READ, .len = sizeof(request) };
    char reply[sizeof(header) + 1];

    for (size_t i = 0; i < sizeof(header); i++)
        EXPECT(send(raw, (char *)&header + i, 1, MSG_NOSIGNAL) == 1);
    for (size_t i = 0; i < sizeof(request); i++)
        EXPECT(send(raw, request + i, 1, MSG_NOSIGNAL) == 1);
    EXPECT(recv(raw, reply, sizeof(reply), MSG_WAITALL) == sizeof(reply) && reply[sizeof(header)] == '4');
    return 0;
}

static void test_pieces_are_put_together(void **state)
{
    assert_int_equal(run(play_pieces), 0);
    assert_int_equal(shared->requests, 1);
}

/* Too many requests are slowed down: root does other things, too. */
static int play_haste(void)
{
    struct { struct xsd_sockmsg header; char path[23]; } request = {
        { .type = XS_READ, .len = sizeof(request.path) }, "/local/domain/7/target"
    };
    const size_t len = sizeof(request.header) + sizeof(request.path);
    char reply[sizeof(request.header) + 1];
    int64_t until = clock_now_ms() + 1500;

    while (clock_now_ms() < until) {
        EXPECT(send(raw, &request, len, MSG_NOSIGNAL) == (ssize_t)len);
        EXPECT(recv(raw, reply, sizeof(reply), MSG_WAITALL) == sizeof(reply));
    }
    return 0;
}

static void test_haste_is_slowed_down(void **state)
{
    assert_int_equal(run(play_haste), 0);
    assert_in_range(shared->requests, 500, 6000);
    assert_int_equal(shared->lines, 0);
}

/* A keeper that asks quickly and reads slowly would make xenstored keep all the answers. */
static int play_hasty(void)
{
    struct { struct xsd_sockmsg header; char path[23]; } request = {
        { .type = XS_READ, .len = sizeof(request.path) }, "/local/domain/7/target"
    };
    const size_t len = sizeof(request.header) + sizeof(request.path);
    char replies[8 * (sizeof(request.header) + 1)];

    shared->is_slow = true;
    for (int i = 0; i < 8; i++)
        EXPECT(send(raw, &request, len, MSG_NOSIGNAL) == (ssize_t)len);
    EXPECT(recv(raw, replies, sizeof(replies), MSG_WAITALL) == sizeof(replies));
    return 0;
}

static void test_one_request_at_a_time(void **state)
{
    assert_int_equal(run(play_hasty), 0);
    assert_int_equal(shared->requests, 8);
    assert_int_equal(shared->hasty, 0);
}

/* A keeper that does not read: its events must not pile up in xenstored. */
static int play_deaf(void)
{
    struct pollfd p = { .fd = raw };

    shared->floods = 20000;
    sends(XS_READ, 23, "/local/domain/7/target", 23);
    EXPECT(poll(&p, 1, 5000) == 1 && (p.revents & POLLHUP));
    return 0;
}

static void test_one_that_does_not_read_is_closed(void **state)
{
    assert_int_equal(run(play_deaf), 0);
    assert_int_equal(shared->lines, 1);
}

/* The same for a keeper that reads less than comes. */
static int play_slow(void)
{
    struct pollfd p = { .fd = raw };
    static char some[256 << 10];

    shared->floods = 1000000;
    sends(XS_READ, 23, "/local/domain/7/target", 23);
    for (int i = 0; i < 30; i++) {
        if (recv(raw, some, sizeof(some), 0) <= 0 || (poll(&p, 1, 150) == 1 && (p.revents & POLLHUP)))
            return 0;
    }
    return 1;
}

static void test_one_that_reads_slowly_is_closed(void **state)
{
    assert_int_equal(run(play_slow), 0);
    assert_int_equal(shared->lines, 1);
}

/* A keeper that reads is not ended, however much comes. */
static int play_flooded(void)
{
    unsigned int index;

    EXPECT(store_watch(&store, consoles, ARRAY_LEN(consoles), &all) == 0);
    shared->floods = 10000;
    for (int i = 0; i < 3; i++) {
        EXPECT(store_check(&store) == 0);
        for (int event = 0; event < 10000;)
            if (store_next_event(&store, &index) != STORE_EVENT_NONE)
                event++;
            else
                poll(NULL, 0, 1);
    }
    return 0;
}

static void test_one_that_is_flooded_goes_on(void **state)
{
    assert_int_equal(run(play_flooded), 0);
    assert_int_equal(shared->lines, 0);
}

/* A keeper that waits for an answer notices the end at once. */
static int play_alone(void)
{
    EXPECT(store_check(&store) == 0);
    shared->ends = true; /* xenstored ends, after one more answer or none */
    store_check(&store);
    EXPECT(store_check(&store) < 0);
    return 0;
}

static void test_the_end_of_xenstored_is_the_end(void **state)
{
    assert_int_equal(run(play_alone), 0);
    assert_int_equal(shared->lines, 0);
}

static int count_folders(void)
{
    DIR *tmp = opendir("/tmp");
    struct dirent *entry;
    int count = 0;

    while ((entry = readdir(tmp)))
        count += !strncmp(entry->d_name, "dm-store-filter-", 16) && strcmp(entry->d_name, "dm-store-filter-xenstored");
    closedir(tmp);
    return count;
}

static void open_fails(int rc)
{
    store = (struct store){ .domid = STUB, .target = GUEST };
    loop_init(&loop, clock_now_ms);
    store_filter_init(&filter, &loop);
    assert_int_equal(store_filter_open(&filter, &store, consoles, ARRAY_LEN(consoles), &all), rc);
    assert_null(store.xs);
    assert_int_equal(filter.keeper.fd, -1);
    assert_int_equal(filter.xenstored.fd, -1);
    assert_int_equal(shared->lines, 1);
    shared->lines = 0;
}

/* Without xenstored; and with a libxenstore that would bypass the filter: both fail. */
static void test_no_way(void **state)
{
    pid_t xenstored;

    unlink(XENSTORED);
    setenv("XENSTORED_PATH", XENSTORED, 1);
    open_fails(-ENOENT);
    xenstored = xenstored_start(XENSTORED, answer);
    goes_elsewhere = true;
    open_fails(-EAGAIN);
    goes_elsewhere = false;
    kill(xenstored, SIGKILL);
    assert_int_equal(waitpid(xenstored, NULL, 0), xenstored);
    assert_int_equal(count_folders(), 0);
}

static int start(void **state)
{
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    log_set_sink(count_line, NULL);
    return 0;
}

static int finish(void **state)
{
    unlink(XENSTORED);
    return munmap(shared, sizeof(*shared));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_keeper_has_what_it_needs),
        TEST(test_another_one_has_nothing),
        TEST(test_pieces_are_put_together),
        TEST(test_haste_is_slowed_down),
        TEST(test_one_request_at_a_time),
        TEST(test_one_that_does_not_read_is_closed),
        TEST(test_one_that_reads_slowly_is_closed),
        TEST(test_one_that_is_flooded_goes_on),
        TEST(test_the_end_of_xenstored_is_the_end),
        TEST(test_no_way),
    };

    return cmocka_run_group_tests_name("dm-store-filter", tests, NULL, NULL);
}
