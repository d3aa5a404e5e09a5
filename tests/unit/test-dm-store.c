// sources: launcher/dom0-daemon/both/store.c
/*
 * Xenstore with nodes that the stub domain can write. Its values are checked, and dom0's values are trusted only while
 * dom0 owns the node.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "log.h"
#include "store.h"

#include <xen/io/xenbus.h>

/* -------- a small xenstore -------- */

static struct node {
    char path[160], value[2100];
    unsigned int len, owner;
} nodes[64];
static int node_count, transactions, conflicts;
static char tokens[64][16];
static int watch_count, next_watch;
static bool introduced;
static int broken; /* every call fails with this errno; 0: none does */

static struct node *find(const char *path)
{
    for (int i = 0; i < node_count; i++)
        if (!strcmp(nodes[i].path, path))
            return &nodes[i];
    errno = ENOENT;
    return NULL;
}

static void set_bytes(const char *path, const void *value, unsigned int len, unsigned int owner)
{
    struct node *node = find(path);

    if (!node)
        node = &nodes[node_count++];
    strcpy(node->path, path);
    memcpy(node->value, value, len);
    node->value[len] = '\0';
    node->len = len;
    node->owner = owner;
}

static void set(const char *path, const char *value)
{
    set_bytes(path, value, strlen(value), 0);
}

struct xs_handle *xs_open(unsigned long flags) { return (void *)nodes; }
void xs_close(struct xs_handle *h) { }
int xs_fileno(struct xs_handle *h) { return 5; }

bool xs_is_domain_introduced(struct xs_handle *h, unsigned int domid)
{
    if (broken)
        errno = broken;
    return introduced && !broken;
}

void *xs_read(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *len)
{
    struct node *node = find(path);
    char *copy;

    if (broken) {
        errno = broken;
        return NULL;
    }
    if (!node)
        return NULL;
    copy = malloc(node->len + 1);
    memcpy(copy, node->value, node->len + 1);
    *len = node->len;
    return copy;
}

bool xs_write(struct xs_handle *h, xs_transaction_t t, const char *path, const void *data,
              unsigned int len)
{
    set_bytes(path, data, len, 0);
    return true;
}

/* Removes all nodes below, too. */
bool xs_rm(struct xs_handle *h, xs_transaction_t t, const char *path)
{
    size_t len = strlen(path);

    for (int i = 0; i < node_count; i++)
        if (!strncmp(nodes[i].path, path, len) && (!nodes[i].path[len] || nodes[i].path[len] == '/'))
            nodes[i--] = nodes[--node_count];
    return true;
}

char **xs_directory(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *num)
{
    char **list = calloc(64, sizeof(char *) + 32), *names = (char *)(list + 64);
    size_t len = strlen(path);

    *num = 0;
    for (int i = 0; i < node_count; i++) {
        const char *rest = nodes[i].path + len + 1;

        if (strncmp(nodes[i].path, path, len) || strchr(rest, '/'))
            continue;
        list[(*num)++] = strcpy(names, rest);
        names += strlen(rest) + 1;
    }
    if (*num)
        return list;
    free(list);
    errno = ENOENT;
    return NULL;
}

struct xs_permissions *xs_get_permissions(struct xs_handle *h, xs_transaction_t t,
                                          const char *path, unsigned int *num)
{
    struct node *node = find(path);
    struct xs_permissions *perms = node ? calloc(2, sizeof(*perms)) : NULL;

    if (!node)
        return NULL;
    *num = 2;
    perms[0].id = node->owner;
    return perms;
}

bool xs_set_permissions(struct xs_handle *h, xs_transaction_t t, const char *path,
                        struct xs_permissions *perms, unsigned int count)
{
    struct node *node = find(path);

    assert_non_null(node);
    assert_int_equal(count, 1);
    assert_int_equal(perms->perms, XS_PERM_NONE);
    node->owner = perms->id;
    return true;
}

xs_transaction_t xs_transaction_start(struct xs_handle *h)
{
    transactions++;
    return 1;
}

bool xs_transaction_end(struct xs_handle *h, xs_transaction_t t, bool abort)
{
    transactions--;
    if (abort || !conflicts)
        return true;
    conflicts--;
    errno = EAGAIN;
    return false;
}

bool xs_watch(struct xs_handle *h, const char *path, const char *token)
{
    strcpy(tokens[watch_count++], token);
    return true;
}

char **xs_check_watch(struct xs_handle *h)
{
    char **event;

    if (next_watch == watch_count)
        return NULL;
    event = calloc(2, sizeof(char *));
    event[XS_WATCH_TOKEN] = tokens[next_watch++];
    return event;
}

/* -------- tests -------- */

static struct store store;
static struct store_console consoles[MESSAGE_MAX_CONSOLES];

#define BACKEND "/local/domain/0/backend/console/7"
#define FRONTEND "/local/domain/7/device/console"

static int start(void **state)
{
    node_count = watch_count = next_watch = transactions = conflicts = 0;
    log_set_sink(NULL, NULL);
    set("/local/domain/7/target", "6");
    broken = 0;
    return store_open(&store, 7);
}

/* The three answers: there is such a domain, there is none, and it is not known. */
static void test_three_answers(void **state)
{
    introduced = true;
    assert_int_equal(store_domain_exists(&store), 1);
    introduced = false;
    errno = ENOMEM; /* an older error */
    assert_int_equal(store_domain_exists(&store), 0);
    assert_int_equal(store_is_wanted(&store), 0);
    assert_int_equal(store_check(&store), 0);
    set("/local/domain/0/device-model/7", "");
    assert_int_equal(store_is_wanted(&store), 1);
    broken = EPIPE;
    introduced = true;
    assert_int_equal(store_domain_exists(&store), -EPIPE);
    assert_int_equal(store_is_wanted(&store), -EPIPE);
    assert_int_equal(store_check(&store), -EPIPE);
}

/* Only that there is no such node means that it serves no guest: with any other error nobody knows. */
static void test_whose_it_is(void **state)
{
    static const int errors[] = { EIO, ENOMEM, EACCES, EAGAIN, EINVAL };

    assert_int_equal(store.target, 6);
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        broken = errors[i];
        assert_int_equal(store_open(&store, 7), -errors[i]);
        assert_null(store.xs);
    }
    broken = 0;
    set("/local/domain/7/target", "6x");
    assert_int_equal(store_open(&store, 7), -EINVAL);
    node_count = 0;
    assert_int_equal(store_open(&store, 7), 0);
    assert_int_equal(store.target, -1);
}

static void test_consoles_as_libxl_writes_them(void **state)
{
    set(BACKEND "/3", "");
    set(BACKEND "/0", "");
    set(BACKEND "/2", "");
    set("/local/domain/7/console/output", "file:/var/log/xen/qemu-dm-g.log");
    set(FRONTEND "/3/output", "pty");
    assert_int_equal(store.target, 6);
    assert_int_equal(store_list_consoles(&store, consoles), 3);
    assert_int_equal(consoles[0].id, 0);
    assert_string_equal(consoles[0].output, "file:/var/log/xen/qemu-dm-g.log");
    assert_int_equal(consoles[1].id, 2);
    assert_string_equal(consoles[1].output, "");
    assert_int_equal(consoles[2].id, 3);
    assert_string_equal(consoles[2].output, "pty");
}

/* The stub domain owns the folder, so it can replace dom0's node in it. But then dom0 does not own the node. */
static void test_output_of_the_stub_domain_is_refused(void **state)
{
    set(BACKEND "/3", "");
    set_bytes(FRONTEND "/3/output", "file:/etc/passwd", 16, 7);
    assert_int_equal(store_list_consoles(&store, consoles), -EPERM);
}

static void test_odd_outputs_and_consoles(void **state)
{
    char text[STORE_MAX_OUTPUT + 2];

    assert_int_equal(store_list_consoles(&store, consoles), -EINVAL);
    set(BACKEND "/3", "");
    memset(text, 'x', sizeof(text));
    set_bytes(FRONTEND "/3/output", text, STORE_MAX_OUTPUT, 0);
    assert_int_equal(store_list_consoles(&store, consoles), 1);
    set_bytes(FRONTEND "/3/output", text, STORE_MAX_OUTPUT + 1, 0);
    assert_int_equal(store_list_consoles(&store, consoles), -EINVAL);
    set_bytes(FRONTEND "/3/output", "pty\0x", 5, 0);
    assert_int_equal(store_list_consoles(&store, consoles), -EINVAL);
    set(FRONTEND "/3/output", "pty");
    set(BACKEND "/12", "");
    assert_true(store_list_consoles(&store, consoles) < 0);
    set(BACKEND "/12", "");
    strcpy(nodes[node_count - 1].path, BACKEND "/3x");
    assert_true(store_list_consoles(&store, consoles) < 0);
    for (int i = 0; i < MESSAGE_MAX_CONSOLES; i++) {
        snprintf(text, sizeof(text), BACKEND "/%d", i + 20);
        set(text, "");
    }
    assert_int_equal(store_list_consoles(&store, consoles), -EINVAL);
}

static void test_frontend_numbers(void **state)
{
    static const struct {
        const char *state, *ref, *port;
        uint32_t expect_state, expect_ref, expect_port;
    } rows[] = {
        { "3", "8", "5", XenbusStateInitialised, 8, 5 },
        { "4", "4294967295", "4294967295", XenbusStateConnected, UINT32_MAX, UINT32_MAX },
        { "1", "8", "5", XenbusStateInitialising, 0, 0 },
        { "6", "8", "5", XenbusStateClosed, 0, 0 },
        { "9", "8", "5", XenbusStateUnknown, 0, 0 },
        { "-3", "8", "5", XenbusStateUnknown, 0, 0 },
        { "3 ", "8", "5", XenbusStateUnknown, 0, 0 },
        { "", "8", "5", XenbusStateUnknown, 0, 0 },
        { "00000000000000003", "8", "5", XenbusStateUnknown, 0, 0 },
        { "3", "4294967296", "5", XenbusStateInitialised, 0, 5 },
        { "3", "-1", "0x5", XenbusStateInitialised, 0, 0 },
        { "3", "8\n", "99999999999999999999", XenbusStateInitialised, 0, 0 },
    };
    struct message message;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        set_bytes(FRONTEND "/3/state", rows[i].state, strlen(rows[i].state), 7);
        set_bytes(FRONTEND "/3/ring-ref", rows[i].ref, strlen(rows[i].ref), 7);
        set_bytes(FRONTEND "/3/port", rows[i].port, strlen(rows[i].port), 7);
        assert_int_equal(store_read_frontend(&store, 3, &message), 0);
        assert_int_equal(message.state, rows[i].expect_state);
        if (message.state == XenbusStateInitialised || message.state == XenbusStateConnected) {
            assert_int_equal(message.ring_ref, rows[i].expect_ref);
            assert_int_equal(message.port, rows[i].expect_port);
        }
    }
    set_bytes(FRONTEND "/3/state", "3\0003", 3, 7);
    assert_int_equal(store_read_frontend(&store, 3, &message), 0);
    assert_int_equal(message.state, XenbusStateUnknown);
    assert_int_equal(store_read_frontend(&store, 5, &message), 0);
    assert_int_equal(message.state, XenbusStateUnknown);
    set("/local/domain/7/console/port", "2");
    assert_int_equal(store_read_frontend(&store, 0, &message), 0);
    assert_int_equal(message.state, XenbusStateConnected);
    assert_int_equal(message.port, 2);
}

#define CHANNEL_BACKEND "/local/domain/0/backend/console/6"
#define CHANNEL_FRONTEND "/local/domain/6/device/console"
#define CHANNEL(n) (MESSAGE_STUB_CONSOLES + (n) - 1)

/*
 * The guest's console 0 is xenconsoled's. An output in the guest's own folder is ignored, because the guest can replace
 * it.
 */
static void test_channels_as_libxl_writes_them(void **state)
{
    set(BACKEND "/0", "");
    set(CHANNEL_BACKEND "/0", "");
    set(CHANNEL_BACKEND "/2", "");
    set(CHANNEL_BACKEND "/2/connection", "socket");
    set(CHANNEL_BACKEND "/2/path", "/run/agent");
    set(CHANNEL_BACKEND "/1", "");
    set(CHANNEL_BACKEND "/1/connection", "pty");
    set_bytes(CHANNEL_FRONTEND "/1/output", "file:/etc/passwd", 16, 6);
    assert_int_equal(store_list_consoles(&store, consoles), 3);
    assert_int_equal(consoles[0].id, 0);
    assert_int_equal(consoles[1].id, CHANNEL(1));
    assert_string_equal(consoles[1].output, "pty");
    assert_int_equal(consoles[2].id, CHANNEL(2));
    assert_string_equal(consoles[2].output, "unix:/run/agent,server,nowait");
    store.target = -1;
    assert_int_equal(store_list_consoles(&store, consoles), 1);
}

static void test_odd_channels(void **state)
{
    static const char *const odd[] = { "9", "1x", "-1", "2" };
    char path[100], text[STORE_MAX_OUTPUT + 1];

    set(BACKEND "/0", "");
    set(CHANNEL_BACKEND "/1", "");
    assert_int_equal(store_list_consoles(&store, consoles), -ENOENT); /* none has a type */
    set(CHANNEL_BACKEND "/1/connection", "tcp");
    assert_int_equal(store_list_consoles(&store, consoles), -EINVAL);
    set(CHANNEL_BACKEND "/1/connection", "socket");
    assert_int_equal(store_list_consoles(&store, consoles), -ENOENT);
    memset(text, 'x', sizeof(text));
    set_bytes(CHANNEL_BACKEND "/1/path", text, STORE_MAX_OUTPUT, 0);
    assert_true(store_list_consoles(&store, consoles) < 0);
    set(CHANNEL_BACKEND "/1/path", "/run/a");
    assert_int_equal(store_list_consoles(&store, consoles), 2);
    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        snprintf(path, sizeof(path), CHANNEL_BACKEND "/%s", odd[i]);
        set(path, "");
        assert_true(store_list_consoles(&store, consoles) < 0);
        strcpy(nodes[node_count - 1].path, "/gone");
    }
    /* As many channels as there is room for, one of them with a second name. */
    for (int i = 1; i <= MESSAGE_MAX_CHANNELS; i++) {
        snprintf(path, sizeof(path), CHANNEL_BACKEND "/%d", i);
        set(path, "");
        strcat(path, "/connection");
        set(path, "pty");
    }
    assert_int_equal(store_list_consoles(&store, consoles), 1 + MESSAGE_MAX_CHANNELS);
    set(CHANNEL_BACKEND "/01", "");
    assert_true(store_list_consoles(&store, consoles) < 0);
}

/* All nodes are in the guest's own folder, and of this console only. */
static void test_a_channel(void **state)
{
    struct message message;

    set_bytes(FRONTEND "/1/state", "4", 1, 7);
    assert_int_equal(store_read_frontend(&store, CHANNEL(1), &message), 0);
    assert_int_equal(message.state, XenbusStateUnknown);
    set_bytes(CHANNEL_FRONTEND "/1/state", "3", 1, 6);
    set_bytes(CHANNEL_FRONTEND "/1/ring-ref", "8", 1, 6);
    set_bytes(CHANNEL_FRONTEND "/1/port", "5", 1, 6);
    assert_int_equal(store_read_frontend(&store, CHANNEL(1), &message), 0);
    assert_int_equal(message.index, CHANNEL(1));
    assert_int_equal(message.state, XenbusStateInitialised);
    assert_int_equal(message.ring_ref, 8);
    assert_int_equal(message.port, 5);
    set(BACKEND "/1/state", "1");
    assert_int_equal(store_write_backend_state(&store, CHANNEL(1), 4), -ENOENT);
    set(CHANNEL_BACKEND "/1/state", "1");
    assert_int_equal(store_write_backend_state(&store, CHANNEL(1), 4), 0);
    assert_string_equal(find(CHANNEL_BACKEND "/1/state")->value, "4");
    assert_string_equal(find(BACKEND "/1/state")->value, "1");
    assert_int_equal(store_write_tty(&store, CHANNEL(1), "/dev/pts/4"), 0);
    assert_string_equal(find(CHANNEL_FRONTEND "/1/tty")->value, "/dev/pts/4");
}

static void test_slots(void **state)
{
    struct message message;

    assert_int_equal(store_read_slot(&store, 2, &message), 0);
    assert_int_equal(message.ring_ref | message.port, 0);
    set_bytes("/local/domain/7/device-model/6/vnc-vchan/2/ring-ref", "44", 2, 7);
    assert_int_equal(store_read_slot(&store, 2, &message), 0);
    assert_int_equal(message.ring_ref | message.port, 0);
    set_bytes("/local/domain/7/device-model/6/vnc-vchan/2/event-channel", "9", 1, 7);
    assert_int_equal(store_read_slot(&store, 2, &message), 0);
    assert_int_equal(message.index, 2);
    assert_int_equal(message.ring_ref, 44);
    assert_int_equal(message.port, 9);
}

static void test_qmp(void **state)
{
    struct message message;

    set_bytes("/local/domain/7/device-model/6/qmp-vchan/ring-ref", "44", 2, 7);
    assert_int_equal(store_read_qmp(&store, 0, &message), 0);
    assert_int_equal(message.ring_ref | message.port, 0);
    set_bytes("/local/domain/7/device-model/6/qmp-vchan/event-channel", "9", 1, 7);
    assert_int_equal(store_read_qmp(&store, 0, &message), 0);
    assert_int_equal(message.type, MESSAGE_QMP);
    assert_int_equal(message.index, 0);
    assert_int_equal(message.ring_ref, 44);
    assert_int_equal(message.port, 9);
}

static void test_backend_state_is_only_changed_where_it_is(void **state)
{
    assert_int_equal(store_write_backend_state(&store, 3, XenbusStateClosed), -ENOENT);
    assert_null(find(BACKEND "/3/state"));
    set(BACKEND "/3/state", "1");
    conflicts = 3;
    assert_int_equal(store_write_backend_state(&store, 3, XenbusStateConnected), 0);
    assert_string_equal(find(BACKEND "/3/state")->value, "4");
    assert_int_equal(transactions, 0);
}

static void test_proxy_is_only_named_where_libxl_named_one(void **state)
{
    static const char path[] = "/local/domain/7/image/qmp-proxy-pid";
    unsigned int pid;

    assert_int_equal(store_read_proxy_pid(&store, &pid), -ENOENT);
    assert_int_equal(store_write_proxy_pid(&store, 77), -ENOENT);
    assert_null(find(path));
    set(path, "4711");
    assert_int_equal(store_read_proxy_pid(&store, &pid), 0);
    assert_int_equal(pid, 4711);
    assert_int_equal(store_write_proxy_pid(&store, 77), 0);
    assert_string_equal(find(path)->value, "77");
    set(path, "4294967295");
    assert_int_equal(store_read_proxy_pid(&store, &pid), -EINVAL);
}

static void test_own_number_is_only_written_where_libxl_wrote_one(void **state)
{
    static const char path[] = "/local/domain/7/image/device-model-pid";

    assert_int_equal(store_write_own_pid(&store, 77), -ENOENT);
    assert_null(find(path));
    set(path, "5");
    assert_int_equal(store_write_own_pid(&store, 77), 0);
    assert_string_equal(find(path)->value, "77");
}

static void test_what_xl_looks_for(void **state)
{
    assert_int_equal(store_write_tty(&store, 3, "/dev/pts/4"), 0);
    assert_string_equal(find(FRONTEND "/3/tty")->value, "/dev/pts/4");
    assert_int_equal(store_write_guest_tty(&store, 0, "/dev/pts/4"), 0);
    assert_string_equal(find("/local/domain/6/serial/0/tty")->value, "/dev/pts/4");
    assert_int_equal(store_write_guest_vnc(&store, "127.0.0.1", 5901), 0);
    assert_string_equal(find("/local/domain/6/console/vnc-port")->value, "5901");
    assert_int_equal(store_write_running(&store), -ENOENT); /* its folder is being removed */
    set("/local/domain/0/device-model/7", "");
    assert_int_equal(store_write_running(&store), 0);
    assert_string_equal(find("/local/domain/0/device-model/7/state")->value, "running");
}

static void test_watches(void **state)
{
    unsigned int index;

    consoles[0].id = 0;
    consoles[1].id = 3;
    consoles[2].id = 11;
    consoles[3].id = CHANNEL(8);
    assert_int_equal(store_watch(&store, consoles, 4, &(struct store_served){ true, true, true }), 0);
    assert_int_equal(watch_count, 2 + 3 + MESSAGE_MAX_SLOTS + MESSAGE_MAX_FILES + 1);
    assert_int_equal(store_next_event(&store, &index), STORE_EVENT_RELEASE);
    assert_int_equal(store_next_event(&store, &index), STORE_EVENT_PCI);
    assert_int_equal(store_next_event(&store, &index), STORE_EVENT_FRONTEND);
    assert_int_equal(index, 3);
    assert_int_equal(store_next_event(&store, &index), STORE_EVENT_FRONTEND);
    assert_int_equal(index, 11);
    assert_int_equal(store_next_event(&store, &index), STORE_EVENT_FRONTEND);
    assert_int_equal(index, CHANNEL(8));
    for (unsigned int i = 0; i < MESSAGE_MAX_SLOTS; i++) {
        assert_int_equal(store_next_event(&store, &index), STORE_EVENT_SLOT);
        assert_int_equal(index, i);
    }
    for (unsigned int i = 0; i < MESSAGE_MAX_FILES; i++) {
        assert_int_equal(store_next_event(&store, &index), STORE_EVENT_FILE);
        assert_int_equal(index, i);
    }
    assert_int_equal(store_next_event(&store, &index), STORE_EVENT_QMP);
    assert_int_equal(store_next_event(&store, &index), STORE_EVENT_NONE);
    strcpy(tokens[watch_count++], "q1");
    strcpy(tokens[watch_count++], "f2");
    strcpy(tokens[watch_count++], "s9");
    strcpy(tokens[watch_count++], "c20");
    strcpy(tokens[watch_count++], "");
    strcpy(tokens[watch_count++], "x1");
    for (int i = 0; i < 6; i++)
        assert_int_equal(store_next_event(&store, &index), STORE_EVENT_OTHER);
}

/*
 * The keeper's list: what it may do with the four nodes of a console, and of a channel, and that it may do nothing
 * else.
 */
static void test_rules(void **state)
{
    static const struct { const char *path; unsigned int may; } expected[] = {
        { FRONTEND "/3/port", STORE_MAY_READ }, { FRONTEND "/3/ring-ref", STORE_MAY_READ },
        { FRONTEND "/3/state", STORE_MAY_READ | STORE_MAY_WATCH },
        { BACKEND "/3/state", STORE_MAY_READ | STORE_MAY_SET_STATE },
        { CHANNEL_FRONTEND "/8/port", STORE_MAY_READ }, { CHANNEL_FRONTEND "/8/ring-ref", STORE_MAY_READ },
        { CHANNEL_FRONTEND "/8/state", STORE_MAY_READ | STORE_MAY_WATCH },
        { CHANNEL_BACKEND "/8/state", STORE_MAY_READ | STORE_MAY_SET_STATE },
    };
    struct store_rule rules[STORE_MAX_RULES];
    int count, found = 0, of_consoles = 0, writable = 0;

    consoles[0].id = 0;
    consoles[1].id = 3;
    consoles[2].id = CHANNEL(8);
    count = store_list_rules(&store, consoles, 3, &(struct store_served){ true, true, true }, rules);
    for (int i = 0; i < count; i++) {
        of_consoles += !!strstr(rules[i].path, "/device/console/") || !!strstr(rules[i].path, "/backend/console/");
        writable += !!(rules[i].may & (STORE_MAY_SET_STATE | STORE_MAY_SAY_RUNNING));
        for (size_t n = 0; n < ARRAY_LEN(expected); n++)
            found += !strcmp(rules[i].path, expected[n].path) && rules[i].may == expected[n].may;
    }
    assert_int_equal(found, ARRAY_LEN(expected));
    assert_int_equal(of_consoles, ARRAY_LEN(expected));
    assert_int_equal(writable, 3);
}

static void test_pci_devices(void **state)
{
    char addresses[STORE_MAX_PCI][STORE_PCI_ADDRESS];

    assert_int_equal(store_list_pci(&store, addresses), 0);
    set("/local/domain/0/backend/pci/7/0/num_devs", "4");
    set("/local/domain/0/backend/pci/7/0/dev-0", "0000:00:10.0");
    set("/local/domain/0/backend/pci/7/0/dev-2", "0000:af:1f.7"); /* dev-1 was detached */
    set("/local/domain/0/backend/pci/7/0/dev-3", "0000:00:10.0\n0000:00:11.0");
    assert_int_equal(store_list_pci(&store, addresses), 2);
    assert_string_equal(addresses[0], "0000:00:10.0");
    assert_string_equal(addresses[1], "0000:af:1f.7");
    set("/local/domain/0/backend/pci/7/0/num_devs", "33");
    assert_int_equal(store_list_pci(&store, addresses), -EINVAL);
}

#define PCI "/local/domain/0/backend/pci"

static void put_pci(int domid, int n, const char *address, const char *device_state)
{
    const struct { const char *leaf, *value; } leaves[] = {
        { "key", address }, { "dev", address }, { "opts", "permissive=0" }, { "state", device_state } };
    char path[100], count[16];

    for (size_t i = 0; i < ARRAY_SIZE(leaves); i++) {
        snprintf(path, sizeof(path), PCI "/%d/0/%s-%d", domid, leaves[i].leaf, n);
        set(path, leaves[i].value);
    }
    snprintf(path, sizeof(path), PCI "/%d/0/num_devs", domid);
    snprintf(count, sizeof(count), "%d", n + 1);
    set(path, count);
}

/* As libxl notes a device of a guest without a stub domain; but only if the device stays. */
static void test_note_pci(void **state)
{
    put_pci(7, 0, "0000:00:10.0", "3");
    put_pci(7, 1, "0000:00:11.0", "1");
    assert_int_equal(store_note_pci(&store, "0000:00:10.0"), 0); /* the guest has gone */
    assert_null(find(PCI "/6/0/num_devs"));
    set("/local/domain/6/domid", "6");
    put_pci(7, 0, "0000:00:10.0", "5"); /* the device is being detached */
    put_pci(7, 1, "0000:00:11.0", "1");
    assert_int_equal(store_note_pci(&store, "0000:00:10.0"), 0);
    assert_int_equal(store_note_pci(&store, "0000:00:1f.0"), 0);
    assert_null(find(PCI "/6/0/num_devs"));
    conflicts = 1;
    assert_int_equal(store_note_pci(&store, "0000:00:11.0"), 0);
    assert_string_equal(find(PCI "/6/0/num_devs")->value, "1");
    assert_string_equal(find(PCI "/6/0/dev-0")->value, "0000:00:11.0");
    assert_string_equal(find(PCI "/6/0/key-0")->value, "0000:00:11.0");
    assert_string_equal(find(PCI "/6/0/opts-0")->value, "permissive=0");
    assert_string_equal(find(PCI "/6/0/state-0")->value, "1");
    assert_null(find(PCI "/6/0/state")); /* otherwise the kernel would take it for a device of its own */
    assert_int_equal(store_note_pci(&store, "0000:00:11.0"), 0);
    assert_string_equal(find(PCI "/6/0/num_devs")->value, "1");
    put_pci(7, 0, "0000:00:10.0", "3");
    put_pci(7, 1, "0000:00:11.0", "3");
    assert_int_equal(store_note_pci(&store, "0000:00:10.0"), 0);
    assert_string_equal(find(PCI "/6/0/num_devs")->value, "2");
    assert_string_equal(find(PCI "/6/0/dev-1")->value, "0000:00:10.0");
    put_pci(71, 0, "0000:00:12.0", "3");
    store_forget_pci(&store);
    assert_null(find(PCI "/7/0/num_devs"));
    assert_null(find(PCI "/7/0/dev-1"));
    assert_non_null(find(PCI "/71/0/dev-0"));
    assert_non_null(find(PCI "/6/0/dev-0"));
    assert_int_equal(transactions, 0);
}

/* dm-argv has names of files that root opens. So it is read only if dom0 owns it. */
static void test_dm_argv(void **state)
{
    cleanup_str_list struct str_list argv;

    str_list_init(&argv);
    assert_int_equal(store_read_dm_argv(&store, &argv), -EPERM);
    set("/local/domain/6/vm", "/vm/u");
    assert_int_equal(store_read_dm_argv(&store, &argv), -EPERM);
    set_bytes("/vm/u/image/dm-argv", "", 0, 7);
    set("/vm/u/image/dm-argv/001", "-kernel");
    set("/vm/u/image/dm-argv/002", "/etc/shadow");
    assert_int_equal(store_read_dm_argv(&store, &argv), -EPERM);
    set("/vm/u/image/dm-argv", "");
    assert_int_equal(store_read_dm_argv(&store, &argv), 0);
    assert_int_equal(argv.count, 2);
    assert_string_equal(argv.items[1], "/etc/shadow");
    set_bytes("/local/domain/6/vm", "/vm/u", 5, 6);
    assert_int_equal(store_read_dm_argv(&store, &argv), -EPERM);
}

static void test_boot_files(void **state)
{
    struct message message;

    set_bytes("/local/domain/7/device-model/6/files/1/ring-ref", "12", 2, 7);
    set_bytes("/local/domain/7/device-model/6/files/1/event-channel", "34", 2, 7);
    assert_int_equal(store_read_file(&store, 1, &message), 0);
    assert_int_equal(message.type, MESSAGE_FILE);
    assert_int_equal(message.ring_ref, 12);
    assert_int_equal(message.port, 34);
    assert_int_equal(store_read_file(&store, 0, &message), 0);
    assert_int_equal(message.port, 0);
}

/* A saved state may be larger by the video memory. The guest cannot set that number. */
static void test_video_memory(void **state)
{
    static const struct { const char *kib; unsigned int owner; uint64_t bytes; } rows[] = {
        { "16384", 0, 16 << 20 }, { "4194304", 0, (uint64_t)4 << 30 }, { "4194305", 0, 0 }, { "16384", 6, 0 },
        { "", 0, 0 }, { "lots", 0, 0 }, { "-1", 0, 0 },
    };

    assert_int_equal(store_read_video_memory(&store), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        set_bytes("/local/domain/6/memory/videoram", rows[i].kib, strlen(rows[i].kib), rows[i].owner);
        if (store_read_video_memory(&store) != rows[i].bytes)
            fail_msg("row %zu: %llu", i, (unsigned long long)store_read_video_memory(&store));
    }
    store.target = -1;
    assert_int_equal(store_read_video_memory(&store), 0);
}

static void test_seed(void **state)
{
    char first[80];

    assert_int_equal(store_write_seed(&store), 0);
    assert_non_null(find("/local/domain/7/stubdom-seed"));
    strcpy(first, find("/local/domain/7/stubdom-seed")->value);
    assert_int_equal(strlen(first), 2 * STORE_SEED_BYTES);
    assert_int_equal(strspn(first, "0123456789abcdef"), 2 * STORE_SEED_BYTES);
    assert_int_equal(find("/local/domain/7/stubdom-seed")->owner, 7); /* nobody else can read or remove it */
    assert_int_equal(store_write_seed(&store), 0);
    assert_string_not_equal(find("/local/domain/7/stubdom-seed")->value, first);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, start)
    const struct CMUnitTest tests[] = {
        TEST(test_consoles_as_libxl_writes_them),
        TEST(test_output_of_the_stub_domain_is_refused),
        TEST(test_odd_outputs_and_consoles),
        TEST(test_frontend_numbers),
        TEST(test_video_memory),
        TEST(test_channels_as_libxl_writes_them),
        TEST(test_odd_channels),
        TEST(test_a_channel),
        TEST(test_slots),
        TEST(test_qmp),
        TEST(test_backend_state_is_only_changed_where_it_is),
        TEST(test_proxy_is_only_named_where_libxl_named_one),
        TEST(test_own_number_is_only_written_where_libxl_wrote_one),
        TEST(test_what_xl_looks_for),
        TEST(test_dm_argv),
        TEST(test_boot_files),
        TEST(test_three_answers),
        TEST(test_whose_it_is),
        TEST(test_watches),
        TEST(test_rules),
        TEST(test_pci_devices),
        TEST(test_note_pci),
        TEST(test_seed),
    };

    return cmocka_run_group_tests_name("dm-store", tests, NULL, NULL);
}
