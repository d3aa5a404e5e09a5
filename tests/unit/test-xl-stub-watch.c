// sources: launcher/xl-stubdom/stub-watch.c launcher/xl-stubdom/xs-get.c launcher/xl-stubdom/fault.c
// cflags: -DGRACE_MS=20
// wrap: xs_open xs_close xs_watch xs_fileno xs_read xs_directory xs_check_watch
// wrap: xc_interface_open xc_interface_close xc_domain_getinfo_single xc_domain_getinfolist xc_domain_destroy poll
// libs: xenstore xenctrl
/*
 * Which domain is the guest that is being made, and what has become of its stub domain; with tables in place of
 * xenstore and Xen.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include <poll.h>
#include <xenctrl.h>
#include <xenstore.h>

#include "stub-watch.h"

static char handle; /* stands for both connections */
static bool have_xen;
static const char *const *store; /* path, value, …, NULL */
static uint32_t stub_flags;      /* of domain 5, XEN_DOMINF_* */
static uint64_t stub_time;
static bool stub_exists;

struct xs_handle *__wrap_xs_open(unsigned long flags)
{
    (void)flags;
    return have_xen ? (struct xs_handle *)&handle : NULL;
}

void __wrap_xs_close(struct xs_handle *xs)
{
    assert_ptr_equal(xs, &handle);
}

bool __wrap_xs_watch(struct xs_handle *xs, const char *path, const char *token)
{
    (void)xs;
    (void)token;
    assert_string_equal(path, "@releaseDomain");
    return true;
}

int __wrap_xs_fileno(struct xs_handle *xs)
{
    (void)xs;
    return 42;
}

char **__wrap_xs_check_watch(struct xs_handle *xs)
{
    (void)xs;
    return NULL;
}

void *__wrap_xs_read(struct xs_handle *xs, xs_transaction_t t, const char *path, unsigned int *len)
{
    (void)xs;
    (void)t;
    for (size_t i = 0; store[i]; i += 2) {
        if (!strcmp(store[i], path)) {
            *len = strlen(store[i + 1]);
            return strdup(store[i + 1]);
        }
    }
    return NULL;
}

static bool is_in_store(const char *domid)
{
    for (size_t i = 0; store[i]; i += 2)
        if (!strncmp(store[i], "/local/domain/", 14) && !strncmp(store[i] + 14, domid, strlen(domid)))
            return true;
    return false;
}

char **__wrap_xs_directory(struct xs_handle *xs, xs_transaction_t t, const char *path,
                           unsigned int *count)
{
    static char *const domains[] = {"0", "3", "4", "5", "junk", "99999", ""};
    char **list = malloc(sizeof(domains));

    (void)xs;
    (void)t;
    assert_string_equal(path, "/local/domain");
    *count = 0;
    for (size_t i = 0; i < ARRAY_LEN(domains); i++)
        if (!strchr("345", domains[i][0]) || is_in_store(domains[i]))
            list[(*count)++] = domains[i];
    return list;
}

xc_interface *__wrap_xc_interface_open(xentoollog_logger *logger, xentoollog_logger *dom, unsigned f)
{
    (void)logger;
    (void)dom;
    (void)f;
    return (xc_interface *)&handle;
}

int __wrap_xc_interface_close(xc_interface *xc)
{
    assert_ptr_equal(xc, &handle);
    return 0;
}

/* Xen also has domain 3 and, when it is made, domain 6, which is not in xenstore at first. */
static xc_domaininfo_t made; /* .domain 0: not made */
static const char *const *named; /* the store after the grace period; NULL: it does not change */
static uint32_t destroyed;

int __wrap_xc_domain_getinfolist(xc_interface *xc, uint32_t first, unsigned int max, xc_domaininfo_t *infos)
{
    int n = 0;

    (void)xc;
    assert_in_range(max, 2, 1000);
    if (first <= 3)
        infos[n++] = (xc_domaininfo_t){.domain = 3, .flags = XEN_DOMINF_paused};
    if (made.domain && first <= made.domain)
        infos[n++] = made;
    return n;
}

int __wrap_xc_domain_destroy(xc_interface *xc, uint32_t domid)
{
    (void)xc;
    destroyed = domid;
    return 0;
}

int __wrap_poll(struct pollfd *fds, nfds_t count, int ms)
{
    assert_int_equal(ms, GRACE_MS);
    assert_null(fds);
    assert_int_equal(count, 0);
    store = named ? named : store;
    return 0;
}

int __wrap_xc_domain_getinfo_single(xc_interface *xc, uint32_t domid, xc_domaininfo_t *info)
{
    (void)xc;
    if (domid == made.domain) {
        *info = made;
        return 0;
    }
    if (domid == 4)
        return -1;
    assert_int_equal(domid, 5);
    memset(info, 0, sizeof(*info));
    info->domain = domid;
    info->flags = stub_flags;
    info->cpu_time = stub_time;
    return stub_exists ? 0 : -1;
}

#define STATE "/local/domain/5/device-model/4/state"
#define GUEST "/local/domain/4/name", "g"
#define STUB "/local/domain/5/name", "g-dm"

static const char *const nothing[] = {"/local/domain/3/name", "other", NULL};
static const char *const taken[] = {"/local/domain/3/name", "g", NULL};
static const char *const no_stub[] = {GUEST, NULL};
static const char *const stub_alone[] = {STUB, NULL};
static const char *const starting[] = {GUEST, STUB, NULL};
static const char *const odd_state[] = {GUEST, STUB, STATE, "runningx", NULL};
static const char *const ready[] = {GUEST, STUB, STATE, "running", NULL};

static void test_states(void **state)
{
    static const struct {
        const char *const *store;
        bool exists;
        uint32_t flags;
        enum stub_state expected;
    } cases[] = {
        {nothing, true, 0, STUB_ABSENT},
        {no_stub, true, 0, STUB_ABSENT},
        {stub_alone, true, 0, STUB_ABSENT},
        {starting, true, XEN_DOMINF_running, STUB_STARTING},
        {odd_state, true, XEN_DOMINF_running, STUB_STARTING},
        {starting, true, XEN_DOMINF_shutdown, STUB_ENDED},
        {odd_state, true, XEN_DOMINF_shutdown, STUB_ENDED},
        {starting, true, XEN_DOMINF_shutdown | XEN_DOMINF_dying, STUB_ABSENT},
        {starting, false, 0, STUB_ABSENT},
        {ready, true, 0, STUB_READY},
        {ready, true, XEN_DOMINF_shutdown, STUB_READY},
    };

    (void)state;
    have_xen = true;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct stub_watch watch;
        struct stub_sight sight;

        store = nothing;
        assert_int_equal(stub_watch_init(&watch, "g", NULL), 0);
        assert_int_equal(stub_watch_fd(&watch), 42);
        store = cases[i].store;
        stub_exists = cases[i].exists;
        stub_flags = cases[i].flags;
        sight = stub_watch_look(&watch);
        assert_int_equal(sight.state, cases[i].expected);
        assert_int_equal(sight.guest,
                         cases[i].store == nothing || cases[i].store == stub_alone ? -1 : 4);
        assert_int_equal(sight.stub,
                         cases[i].store == nothing || cases[i].store == no_stub ? -1 : 5);
        stub_watch_dispose(&watch);
    }
}

/* A guest of that name that existed before is never touched. */
static void test_older_guest(void **state)
{
    struct stub_watch watch;

    (void)state;
    have_xen = true;
    store = taken;
    assert_int_equal(stub_watch_init(&watch, "g", NULL), 0);
    assert_int_equal(stub_watch_look(&watch).guest, -1);
    store = no_stub;
    assert_int_equal(stub_watch_look(&watch).guest, 4);
    stub_watch_dispose(&watch);

    store = ready;
    assert_int_equal(stub_watch_init(&watch, "g", NULL), 0);
    assert_int_equal(stub_watch_look(&watch).stub, -1);
    assert_int_equal(stub_watch_look(&watch).state, STUB_ABSENT);
    stub_watch_dispose(&watch);
}

#define UUID "11111111-2222-3333-4444-55555555abcd"
#define OURS GUEST, "/local/domain/4/vm", "/vm/" UUID
#define OTHERS GUEST, "/local/domain/4/vm", "/vm/00000000-0000-0000-0000-000000000000"
#define TARGET(n) STUB, "/local/domain/5/target", n

/* Somebody else makes a guest of that name at the same time: we must not destroy it. */
static void test_whose_guest(void **state)
{
    static const char *const ours[] = {OURS, TARGET("4"), NULL};
    static const char *const early[] = {OURS, STUB, NULL};
    static const char *const others[] = {OTHERS, TARGET("4"), NULL};
    static const char *const not_yet[] = {GUEST, STUB, NULL};
    static const char *const others_stub[] = {OURS, TARGET("7"), "/local/domain/7/name", "h", NULL};
    static const char *const orphan[] = {TARGET("9"), NULL};
    static const struct { const char *const *store; int guest, stub; } rows[] = {
        { ours, 4, 5 }, { early, 4, 5 }, { others, -1, -1 }, { not_yet, -1, -1 }, { others_stub, 4, -1 },
        { orphan, -1, 5 },
    };

    (void)state;
    have_xen = stub_exists = true;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct stub_watch watch;
        struct stub_sight sight;

        store = nothing;
        assert_int_equal(stub_watch_init(&watch, "g", "11111111-2222-3333-4444-55555555ABCD"), 0);
        store = rows[i].store;
        sight = stub_watch_look(&watch);
        if (sight.guest != rows[i].guest || sight.stub != rows[i].stub)
            fail_msg("row %zu: guest %d, stub domain %d", i, sight.guest, sight.stub);
        stub_watch_dispose(&watch);
    }
}

/*
 * xl was killed after it had made the domain, and before it wrote to xenstore: the domain is destroyed, but no domain
 * that may be somebody else's.
 */
static void test_nameless(void **state)
{
    static const char *const whole[] = {"/local/domain/6/vm", "/vm/x", NULL};
    static const struct {
        const char *text;
        uint32_t flags;
        uint8_t uuid; /* each octet of its uuid */
        uint64_t pages, time;
        const char *const *before, *const *after;
        bool ends;
    } rows[] = {
        {"our stub domain", XEN_DOMINF_paused, 0x77, 0, 0, nothing, NULL, true},
        {"our guest", XEN_DOMINF_paused | XEN_DOMINF_hvm_guest, 0x11, 9, 0, nothing, NULL, true},
        {"another guest", XEN_DOMINF_paused | XEN_DOMINF_hvm_guest, 0x77, 0, 0, nothing, NULL, false},
        {"a filled one", XEN_DOMINF_paused, 0x77, 1, 0, nothing, NULL, false},
        {"one that has run", XEN_DOMINF_paused, 0x77, 0, 1, nothing, NULL, false},
        {"one that runs", 0, 0x77, 0, 0, nothing, NULL, false},
        {"one that dies", XEN_DOMINF_paused | XEN_DOMINF_dying, 0x77, 0, 0, nothing, NULL, false},
        {"one with a name", XEN_DOMINF_paused, 0x77, 0, 0, whole, NULL, false},
        {"one that is named just then", XEN_DOMINF_paused, 0x77, 0, 0, nothing, whole, false},
    };

    (void)state;
    have_xen = true;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct stub_watch watch;
        struct fault fault = {0};

        store = nothing;
        made.domain = 0;
        assert_int_equal(stub_watch_init(&watch, "g", "11111111-1111-1111-1111-111111111111"), 0);
        made = (xc_domaininfo_t){
            .domain = 6, .flags = rows[i].flags, .tot_pages = rows[i].pages, .cpu_time = rows[i].time };
        memset(made.handle, rows[i].uuid, sizeof(made.handle));
        store = rows[i].before;
        named = rows[i].after;
        destroyed = 0;
        assert_int_equal(stub_watch_end_nameless(&watch, &fault), 0);
        if (destroyed != (rows[i].ends ? 6 : 0))
            fail_msg("%s: destroyed: domain %u", rows[i].text, destroyed);
        stub_watch_dispose(&watch);
        /* The domain existed before. */
        destroyed = 0;
        store = nothing;
        named = NULL;
        assert_int_equal(stub_watch_init(&watch, "g", "11111111-1111-1111-1111-111111111111"), 0);
        assert_int_equal(stub_watch_end_nameless(&watch, &fault), 0);
        assert_int_equal(destroyed, 0);
        stub_watch_dispose(&watch);
    }
    made.domain = 0;
}

/* libxl failed between the stub domain's name and its target, and its guest is gone. */
static void test_untied(void **state)
{
    static const char *const alone[] = {"/local/domain/5/name", "g-dm", "/local/domain/5/vm", "/vm/x", NULL};
    static const char *const another[] = {"/local/domain/5/name", "h-dm", "/local/domain/5/vm", "/vm/x", NULL};
    static const char *const tied[] = {"/local/domain/5/name", "g-dm", "/local/domain/5/target", "4", NULL};
    static const char *const others[] = {OTHERS, "/local/domain/5/name", "g-dm", NULL};
    static const struct {
        const char *const *before, *const *after;
        uint32_t flags;
        uint64_t time;
        int32_t found;
        uint32_t guest; /* flags of domain 4; 0: Xen has none */
    } rows[] = {
        {alone, NULL, XEN_DOMINF_paused, 0, 5, 0}, {alone, NULL, 0, 0, -1, 0},
        {alone, NULL, XEN_DOMINF_paused, 1, -1, 0}, {another, NULL, XEN_DOMINF_paused, 0, -1, 0},
        {tied, NULL, XEN_DOMINF_paused, 0, -1, 0}, {alone, tied, XEN_DOMINF_paused, 0, -1, 0},
        {alone, nothing, XEN_DOMINF_paused, 0, -1, 0}, {nothing, alone, XEN_DOMINF_paused, 0, -1, 0},
        /* Another xl makes a guest of that name, and takes its time with the stub domain; or its nodes are left. */
        {others, NULL, XEN_DOMINF_paused, 0, -1, XEN_DOMINF_paused},
        {alone, others, XEN_DOMINF_paused, 0, -1, XEN_DOMINF_paused},
        {others, NULL, XEN_DOMINF_paused, 0, 5, XEN_DOMINF_dying}, {others, NULL, XEN_DOMINF_paused, 0, 5, 0},
    };
    struct stub_watch watch;

    (void)state;
    have_xen = stub_exists = true;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        store = nothing;
        made.domain = 0;
        assert_int_equal(stub_watch_init(&watch, "g", "11111111-1111-1111-1111-111111111111"), 0);
        made = (xc_domaininfo_t){.domain = rows[i].guest ? 4 : 0, .flags = rows[i].guest};
        store = rows[i].before;
        named = rows[i].after;
        stub_flags = rows[i].flags;
        stub_time = rows[i].time;
        assert_int_equal(stub_watch_find_untied(&watch), rows[i].found);
        stub_watch_dispose(&watch);
    }
    /* It was there before: by its name, or nameless. */
    stub_flags = XEN_DOMINF_paused;
    stub_time = 0;
    named = NULL;
    for (size_t i = 0; i < 2; i++) {
        store = i ? alone : nothing;
        made.domain = i ? 0 : 5;
        assert_int_equal(stub_watch_init(&watch, "g", "11111111-1111-1111-1111-111111111111"), 0);
        store = alone;
        assert_int_equal(stub_watch_find_untied(&watch), -1);
        stub_watch_dispose(&watch);
    }
    made.domain = 0;
    stub_exists = false;
    stub_flags = 0;
}

static void test_reason(void **state)
{
    struct stub_watch watch;

    (void)state;
    have_xen = true;
    store = nothing;
    assert_int_equal(stub_watch_init(&watch, "g", NULL), 0);
    store = starting;
    stub_exists = true;
    stub_flags = XEN_DOMINF_shutdown | SHUTDOWN_crash << XEN_DOMINF_shutdownshift;
    assert_int_equal(stub_watch_look(&watch).reason, SHUTDOWN_crash);
    stub_watch_dispose(&watch);
    assert_string_equal(stub_reason_text(SHUTDOWN_crash), "crashed");
    assert_string_equal(stub_reason_text(SHUTDOWN_poweroff), "powered off");
    assert_string_equal(stub_reason_text(250), "ended");
}

static void test_never_ran(void **state)
{
    struct stub_watch watch;

    (void)state;
    have_xen = true;
    store = ready;
    stub_exists = true;
    stub_flags = 0;
    assert_int_equal(stub_watch_init(&watch, "g", NULL), 0);
    assert_false(stub_watch_never_ran(&watch, 5));
    stub_flags = XEN_DOMINF_paused;
    assert_true(stub_watch_never_ran(&watch, 5));
    assert_false(stub_watch_never_ran(&watch, -1));
    stub_time = 1; /* the guest has run, and somebody has paused it */
    assert_false(stub_watch_never_ran(&watch, 5));
    stub_time = 0;
    stub_exists = false;
    assert_false(stub_watch_never_ran(&watch, 5));
    stub_watch_dispose(&watch);
}

static void test_without_xen(void **state)
{
    struct stub_watch watch;

    (void)state;
    have_xen = false;
    assert_int_equal(stub_watch_init(&watch, "g", NULL), 0);
    assert_int_equal(stub_watch_fd(&watch), -1);
    assert_int_equal(stub_watch_look(&watch).state, STUB_ABSENT);
    assert_int_equal(stub_watch_end_nameless(&watch, NULL), 0);
    assert_int_equal(stub_watch_find_untied(&watch), -1);
    stub_watch_dispose(&watch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_older_guest),
        cmocka_unit_test(test_whose_guest),
        cmocka_unit_test(test_nameless),
        cmocka_unit_test(test_untied),
        cmocka_unit_test(test_reason),
        cmocka_unit_test(test_never_ran),
        cmocka_unit_test(test_without_xen),
    };

    return cmocka_run_group_tests_name("xl-stub-watch", tests, NULL, NULL);
}
