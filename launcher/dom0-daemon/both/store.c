/*
 * The stub domain's part of xenstore, and its guest's channels (see store.h).
 *
 * Paths, with S the stub domain, G its guest (libxl_console.c, libxl_device.c):
 *   /local/domain/0/backend/console/S/N/state    ours
 *   /local/domain/S/console/{output,tty,ring-ref,port}         console 0, dom0's
 *   /local/domain/S/device/console/N/{output,tty}              dom0's, in S's folder
 *   /local/domain/S/device/console/N/{state,ring-ref,port}     S's
 *   /local/domain/0/backend/console/G/N/state    ours; N from 1: a channel
 *   /local/domain/0/backend/console/G/N/{connection,path}      dom0's
 *   /local/domain/G/device/console/N/tty                       dom0's, in G's folder
 *   /local/domain/G/device/console/N/{state,ring-ref,port}     G's
 *   /local/domain/S/device-model/G/vnc-vchan/SLOT/{ring-ref,event-channel}     S's
 *   /local/domain/S/device-model/G/files/N/{ring-ref,event-channel}            S's
 *   /local/domain/S/device-model/G/qmp-vchan/{ring-ref,event-channel}          S's
 *   /local/domain/G/memory/videoram                                            dom0's
 *   /local/domain/G/vm, and below it image/dm-argv/NNN                         dom0's
 *   /local/domain/0/backend/pci/{S,G}/0/{num_devs,dev-N,…}     dom0's; for G ours
 *   /local/domain/0/device-model/S/state         "running" when all is served
 *   /local/domain/S/stubdom-seed                 written before S runs, then S's
 *   /local/domain/S/image/{qmp-proxy,device-model}-pid     libxl's; S only reads them
 *   /local/domain/G/serial/N/tty, /local/domain/G/console/vnc-{listen,port}   for xl
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "store.h"

#include "log.h"
#include "util.h"
#include "xs-read.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <xen/io/xenbus.h>

#define DOMAINS_END "@releaseDomain"
#define NUMBER_MAX 16 /* longest number that the stub domain may write */

/* Whose console it is, and its number there. */
static int whose(const struct store *store, unsigned int id, unsigned int *number)
{
    bool channel = message_is_channel(id);

    *number = channel ? message_channel_number(id) : id;
    return channel ? store->target : store->domid;
}

static int frontend_path(const struct store *store, unsigned int id, const char *leaf,
                         char path[STORE_PATH])
{
    unsigned int number;
    int domid = whose(store, id, &number);

    if (id == 0)
        return format_text(path, STORE_PATH, "/local/domain/%d/console/%s", domid, leaf);
    return format_text(path, STORE_PATH, "/local/domain/%d/device/console/%u/%s", domid, number, leaf);
}

static void backend_path(const struct store *store, unsigned int id, const char *leaf, char path[STORE_PATH])
{
    unsigned int number;
    int domid = whose(store, id, &number);

    snprintf(path, STORE_PATH, "/local/domain/0/backend/console/%d/%u/%s", domid, number, leaf);
}

/* FOLDER: vnc-vchan or files, with vchan servers by number; or qmp-vchan, which is one. */
static int offer_path(const struct store *store, const char *folder, unsigned int n,
                      const char *leaf, char path[STORE_PATH])
{
    char number[16] = "";

    if (strcmp(folder, WIRE_QMP) != 0)
        snprintf(number, sizeof(number), "/%u", n);
    return format_text(path, STORE_PATH, "/local/domain/%d/device-model/%d/%s%s/%s",
                       store->domid, store->target, folder, number, leaf);
}

/* A number that may be anything: what is no number of at most MAX reads as -EINVAL. */
static int read_number(struct store *store, const char *path, unsigned int max,
                       unsigned int *value)
{
    unsigned int len;
    cleanup_free char *text = xs_read(store->xs, XBT_NULL, path, &len);

    if (!text)
        return -errno;
    if (len > NUMBER_MAX || strlen(text) != len)
        return -EINVAL;
    return parse_uint(text, max, value) ? -EINVAL : 0;
}

static int write_text(struct store *store, const char *path, const char *text)
{
    return xs_write(store->xs, XBT_NULL, path, text, strlen(text)) ? 0 : -errno;
}

/*
 * Writes PATH if NODE, it or its folder, exists already: libxl may be removing the device
 * just now, and a plain write would make its folder anew and leave it behind for ever.
 */
static int write_beside(struct store *store, const char *node, const char *path, const char *text)
{
    for (;;) {
        xs_transaction_t t = xs_transaction_start(store->xs);
        cleanup_free char *old = NULL;
        unsigned int len;
        bool ok;

        if (t == XBT_NULL)
            return -errno;
        old = xs_read(store->xs, t, node, &len);
        ok = old && xs_write(store->xs, t, path, text, strlen(text));
        if (xs_transaction_end(store->xs, t, !ok))
            return ok ? 0 : -ENOENT;
        if (errno != EAGAIN)
            return -errno;
    }
}

static int rewrite_text(struct store *store, const char *path, const char *text)
{
    return write_beside(store, path, path, text);
}

static int rewrite_number(struct store *store, const char *path, unsigned int number)
{
    char text[16];

    snprintf(text, sizeof(text), "%u", number);
    return rewrite_text(store, path, text);
}

static void target_path(const struct store *store, char path[STORE_PATH])
{
    snprintf(path, STORE_PATH, "/local/domain/%d/target", store->domid);
}

int store_open(struct store *store, int domid)
{
    char path[STORE_PATH];
    unsigned int target;
    int rc;

    *store = (struct store){ .domid = domid, .target = -1, .xs = xs_open(0) };
    if (!store->xs) {
        rc = -errno;
        log_error("cannot connect to xenstore: %s", strerror(-rc));
        return rc;
    }
    /* Written by libxl, which removes it at the end; the stub domain can only read it. */
    target_path(store, path);
    rc = read_number(store, path, 0x7fef, &target);
    if (rc == -ENOENT)
        return 0;
    if (rc) {
        log_error("%s: cannot read which guest it serves: %s", path, strerror(-rc));
        store_close(store);
        return rc;
    }
    store->target = target;
    return 0;
}

void store_close(struct store *store)
{
    if (store->xs)
        xs_close(store->xs);
    store->xs = NULL;
}

static bool owned_by_dom0(struct store *store, const char *path)
{
    unsigned int count = 0;
    cleanup_free struct xs_permissions *perms =
        xs_get_permissions(store->xs, XBT_NULL, path, &count);

    return perms && count > 0 && perms[0].id == 0;
}

static int read_output(struct store *store, struct store_console *console)
{
    char path[STORE_PATH];
    unsigned int len;
    cleanup_free char *text = NULL;

    frontend_path(store, console->id, "output", path);
    text = xs_read(store->xs, XBT_NULL, path, &len);
    console->output[0] = '\0';
    if (!text)
        return errno == ENOENT ? 0 : -errno;
    if (!owned_by_dom0(store, path)) {
        log_error("%s was not written by dom0: refused", path);
        return -EPERM;
    }
    if (len > STORE_MAX_OUTPUT || strlen(text) != len) {
        log_error("%s is too long or has a NUL in it", path);
        return -EINVAL;
    }
    memcpy(console->output, text, len + 1);
    return 0;
}

static int compare_ids(const void *a, const void *b)
{
    const struct store_console *x = a, *y = b;

    return (x->id > y->id) - (x->id < y->id);
}

/* As the stub domain's consoles say it. */
static int read_connection(struct store *store, struct store_console *console)
{
    char path[STORE_PATH];
    cleanup_free char *connection = NULL, *name = NULL;
    int rc;

    backend_path(store, console->id, "connection", path);
    rc = xenstore_read(store->xs, path, &connection);
    if (!rc && !strcmp(connection, "pty"))
        return format_text(console->output, sizeof(console->output), "pty");
    if (!rc && strcmp(connection, "socket"))
        rc = -EINVAL;
    backend_path(store, console->id, "path", path);
    rc = rc ?: xenstore_read(store->xs, path, &name);
    return rc ?: format_text(console->output, sizeof(console->output), "unix:%s,server,nowait", name);
}

/* Console 0 is xenconsoled's. How many, or -errno. */
static int list_channels(struct store *store, struct store_console *consoles)
{
    char path[STORE_PATH];
    unsigned int count = 0, number;
    cleanup_free char **names = NULL;
    int found = 0;

    if (store->target < 0)
        return 0;
    snprintf(path, sizeof(path), "/local/domain/0/backend/console/%d", store->target);
    names = xs_directory(store->xs, XBT_NULL, path, &count);
    if (!names && errno != ENOENT)
        return -errno;
    for (unsigned int i = 0; i < count; i++) {
        int rc = parse_uint(names[i], MESSAGE_MAX_CHANNELS, &number);

        if (!rc && number == 0)
            continue;
        if (!rc && found == MESSAGE_MAX_CHANNELS)
            rc = -E2BIG;
        if (!rc) {
            consoles[found].id = MESSAGE_STUB_CONSOLES + number - 1;
            rc = read_connection(store, &consoles[found]);
        }
        if (rc) {
            log_error("%s/%s: not a channel that can be served: %s", path, names[i], strerror(-rc));
            return rc;
        }
        found++;
    }
    return found;
}

static int list_own(struct store *store, struct store_console *consoles)
{
    char path[STORE_PATH];
    unsigned int count = 0;
    cleanup_free char **names = NULL;

    snprintf(path, sizeof(path), "/local/domain/0/backend/console/%d", store->domid);
    names = xs_directory(store->xs, XBT_NULL, path, &count);
    if (!names || count == 0 || count > MESSAGE_STUB_CONSOLES) {
        log_error("%s: %u consoles; 1 to %d can be served", path, count, MESSAGE_STUB_CONSOLES);
        return -EINVAL;
    }
    for (unsigned int i = 0; i < count; i++) {
        int rc = parse_uint(names[i], MESSAGE_STUB_CONSOLES - 1, &consoles[i].id);

        if (rc)
            log_error("%s/%s: not a console number that can be served", path, names[i]);
        else
            rc = read_output(store, &consoles[i]);
        if (rc)
            return rc;
    }
    return count;
}

int store_list_consoles(struct store *store, struct store_console consoles[MESSAGE_MAX_CONSOLES])
{
    int own = list_own(store, consoles);
    int channels = own < 0 ? own : list_channels(store, consoles + own);

    if (channels < 0)
        return channels;
    qsort(consoles, own + channels, sizeof(consoles[0]), compare_ids);
    return own + channels;
}

int store_read_frontend(struct store *store, unsigned int id, struct message *message)
{
    char path[STORE_PATH];
    int rc;

    *message = (struct message){ .type = MESSAGE_FRONTEND, .index = id,
                                 .state = XenbusStateConnected };
    if (id != 0) {
        frontend_path(store, id, "state", path);
        rc = read_number(store, path, XenbusStateReconfigured, &message->state);
        if (rc) {
            /* Gone or nonsense: the frontend is not there. */
            message->state = XenbusStateUnknown;
            return rc == -EINVAL || rc == -ENOENT ? 0 : rc;
        }
        if (message->state != XenbusStateInitialised && message->state != XenbusStateConnected)
            return 0;
        frontend_path(store, id, "ring-ref", path);
        /* 0 is console 0's reserved grant; the worker refuses it for others. */
        if (read_number(store, path, UINT32_MAX, &message->ring_ref))
            message->ring_ref = 0;
    }
    frontend_path(store, id, "port", path);
    if (read_number(store, path, UINT32_MAX, &message->port))
        message->port = 0;
    return 0;
}

static int read_offer(struct store *store, const char *folder, struct message *message)
{
    char path[STORE_PATH];

    if (offer_path(store, folder, message->index, "ring-ref", path) ||
        read_number(store, path, UINT32_MAX, &message->ring_ref) ||
        offer_path(store, folder, message->index, "event-channel", path) ||
        read_number(store, path, UINT32_MAX, &message->port))
        message->ring_ref = message->port = 0;
    return 0;
}

int store_read_slot(struct store *store, unsigned int slot, struct message *message)
{
    *message = (struct message){ .type = MESSAGE_SLOT, .index = slot };
    return read_offer(store, WIRE_VNC, message);
}

int store_read_file(struct store *store, unsigned int index, struct message *message)
{
    *message = (struct message){ .type = MESSAGE_FILE, .index = index };
    return read_offer(store, WIRE_FILES, message);
}

int store_read_qmp(struct store *store, unsigned int index, struct message *message)
{
    *message = (struct message){ .type = MESSAGE_QMP };
    return read_offer(store, WIRE_QMP, message);
}

int store_read_dm_argv(struct store *store, struct str_list *argv)
{
    char path[STORE_PATH];
    cleanup_free char *vm = NULL;
    int rc;

    if (store->target < 0)
        return 0;
    snprintf(path, sizeof(path), "/local/domain/%d/vm", store->target);
    rc = owned_by_dom0(store, path) ? xenstore_read(store->xs, path, &vm) : -EPERM;
    if (!rc)
        rc = format_text(path, sizeof(path), "%s/image/dm-argv", vm);
    if (!rc && !owned_by_dom0(store, path))
        rc = -EPERM;
    rc = rc ?: xenstore_read_dm_argv(store->xs, store->target, argv);
    if (rc)
        log_error("%s: cannot read what libxl wants of QEMU: %s", path, strerror(-rc));
    return rc;
}

uint64_t store_read_video_memory(struct store *store)
{
    char path[STORE_PATH];
    unsigned int kib = 0;

    snprintf(path, sizeof(path), "/local/domain/%d/memory/videoram", store->target);
    if (store->target < 0 || !owned_by_dom0(store, path) || read_number(store, path, 4u << 20, &kib))
        return 0;
    return (uint64_t)kib << 10;
}

/* As libxl writes it: 0000:00:10.0. */
static bool is_pci_address(const char *text)
{
    static const char form[] = "hhhh:hh:hh.d";

    if (strlen(text) != strlen(form))
        return false;
    for (size_t i = 0; form[i]; i++)
        if (form[i] == 'h' || form[i] == 'd' ? !isxdigit((unsigned char)text[i]) : text[i] != form[i])
            return false;
    return true;
}

int store_list_pci(struct store *store, char addresses[STORE_MAX_PCI][STORE_PCI_ADDRESS])
{
    int count = 0, slots = pci_backend_count(store->xs, XBT_NULL, store->domid);

    if (slots < 0)
        log_error("cannot read the PCI devices of domain %d: %s", store->domid, strerror(-slots));
    for (int i = 0; i < slots; i++) {
        cleanup_free char *address = pci_backend_read(store->xs, XBT_NULL, store->domid, "dev", i);

        if (address && is_pci_address(address))
            strcpy(addresses[count++], address);
    }
    return slots < 0 ? slots : count;
}

/* The stub domain's entry FROM, as the guest's entry TO. libxl ends with a fault where one of them is missing. */
static bool copy_pci(struct store *store, xs_transaction_t t, int from, int to)
{
    static const char *const leaves[] = { "key", "dev", "opts", "state" };
    char path[STORE_PATH], count[16];

    for (size_t i = 0; i < ARRAY_SIZE(leaves); i++) {
        cleanup_free char *value = pci_backend_read(store->xs, t, store->domid, leaves[i], from);

        snprintf(path, sizeof(path), PCI_BACKEND "/%d/0/%s-%d", store->target, leaves[i], to);
        if (!value || !xs_write(store->xs, t, path, value, strlen(value)))
            return false;
    }
    snprintf(path, sizeof(path), PCI_BACKEND "/%d/0/num_devs", store->target);
    snprintf(count, sizeof(count), "%d", to + 1);
    return xs_write(store->xs, t, path, count, strlen(count));
}

/* A device that is going is not noted again: nobody would remove the note. */
static bool is_leaving(struct store *store, xs_transaction_t t, int n)
{
    cleanup_free char *state = pci_backend_read(store->xs, t, store->domid, "state", n);
    unsigned int value;

    return !state || parse_uint(state, XenbusStateReconfigured, &value) || value == XenbusStateClosing ||
           value == XenbusStateClosed;
}

int store_note_pci(struct store *store, const char *address)
{
    char path[STORE_PATH];

    snprintf(path, sizeof(path), "/local/domain/%d/domid", store->target);
    for (;;) {
        xs_transaction_t t = store->target < 0 ? XBT_NULL : xs_transaction_start(store->xs);
        cleanup_free char *guest = NULL;
        int from, to;
        unsigned int len;
        bool ok = true;

        if (t == XBT_NULL)
            return store->target < 0 ? 0 : -errno;
        guest = xs_read(store->xs, t, path, &len);
        from = pci_backend_find(store->xs, t, store->domid, address);
        to = pci_backend_count(store->xs, t, store->target);
        if (guest && from >= 0 && !is_leaving(store, t, from) &&
            pci_backend_find(store->xs, t, store->target, address) < 0)
            ok = to >= 0 && copy_pci(store, t, from, to);
        if (xs_transaction_end(store->xs, t, !ok))
            return ok ? 0 : -EIO;
        if (errno != EAGAIN)
            return -errno;
    }
}

static void pci_path(const struct store *store, char path[STORE_PATH])
{
    snprintf(path, STORE_PATH, PCI_BACKEND "/%d", store->domid);
}

void store_forget_pci(struct store *store)
{
    char path[STORE_PATH];

    pci_path(store, path);
    xs_rm(store->xs, XBT_NULL, path);
}

int store_write_backend_state(struct store *store, unsigned int id, unsigned int state)
{
    char path[STORE_PATH];

    backend_path(store, id, "state", path);
    return rewrite_number(store, path, state);
}

int store_write_tty(struct store *store, unsigned int id, const char *tty)
{
    char path[STORE_PATH];

    frontend_path(store, id, "tty", path);
    return write_text(store, path, tty);
}

/* LEAF is below the guest's folder. */
static int write_guest(struct store *store, const char *leaf, const char *text)
{
    char path[STORE_PATH];

    if (store->target < 0)
        return 0;
    return format_text(path, sizeof(path), "/local/domain/%d/%s", store->target, leaf) ?:
           write_text(store, path, text);
}

int store_write_guest_tty(struct store *store, unsigned int serial, const char *tty)
{
    char leaf[32];

    snprintf(leaf, sizeof(leaf), "serial/%u/tty", serial);
    return write_guest(store, leaf, tty);
}

int store_write_guest_vnc(struct store *store, const char *host, unsigned int port)
{
    char text[16];

    snprintf(text, sizeof(text), "%u", port);
    return write_guest(store, "console/vnc-listen", host) ?:
           write_guest(store, "console/vnc-port", text);
}

/* What libxl watches for our start, and removes first; LEAF: "" or "/state". */
static void model_path(const struct store *store, const char *leaf, char path[STORE_PATH])
{
    snprintf(path, STORE_PATH, "/local/domain/0/device-model/%d%s", store->domid, leaf);
}

int store_write_running(struct store *store)
{
    char folder[STORE_PATH], path[STORE_PATH];

    model_path(store, "", folder);
    model_path(store, "/state", path);
    return write_beside(store, folder, path, "running");
}

/* Its folder's permissions are its own at first: of all domains, only S may read it. */
int store_write_seed(struct store *store)
{
    struct xs_permissions owner = { .id = store->domid, .perms = XS_PERM_NONE };
    unsigned char seed[STORE_SEED_BYTES];
    char path[STORE_PATH], text[2 * STORE_SEED_BYTES + 1];
    int rc;

    if (getrandom(seed, sizeof(seed), 0) != sizeof(seed))
        return -EIO;
    for (size_t i = 0; i < sizeof(seed); i++)
        snprintf(text + 2 * i, 3, "%02x", seed[i]);
    snprintf(path, sizeof(path), "/local/domain/%d/" WIRE_SEED, store->domid);
    rc = write_text(store, path, text);
    explicit_bzero(seed, sizeof(seed));
    explicit_bzero(text, sizeof(text));
    if (!rc && !xs_set_permissions(store->xs, XBT_NULL, path, &owner, 1))
        rc = -errno;
    return rc;
}

static void proxy_pid_path(const struct store *store, char path[STORE_PATH])
{
    snprintf(path, STORE_PATH, "/local/domain/%d/image/qmp-proxy-pid", store->domid);
}

int store_read_proxy_pid(struct store *store, unsigned int *pid)
{
    char path[STORE_PATH];

    proxy_pid_path(store, path);
    return read_number(store, path, INT_MAX, pid);
}

int store_write_proxy_pid(struct store *store, unsigned int pid)
{
    char path[STORE_PATH];

    proxy_pid_path(store, path);
    return rewrite_number(store, path, pid);
}

int store_write_own_pid(struct store *store, unsigned int pid)
{
    char path[STORE_PATH];

    snprintf(path, sizeof(path), "/local/domain/%d/image/device-model-pid", store->domid);
    return rewrite_number(store, path, pid);
}

/* The token says what the event is about, so that no path from an event is parsed. */
static int watch(struct store *store, const char *path, char kind, unsigned int index)
{
    char token[16];

    snprintf(token, sizeof(token), "%c%u", kind, index);
    if (!xs_watch(store->xs, path, token)) {
        int rc = -errno;

        log_error("cannot watch %s: %s", path, strerror(-rc));
        return rc;
    }
    return 0;
}

static int watch_offers(struct store *store, const char *folder, char kind, unsigned int count)
{
    char path[STORE_PATH];
    int rc = 0;

    for (unsigned int n = 0; n < count && !rc; n++) {
        rc = offer_path(store, folder, n, "event-channel", path);
        rc = rc ?: watch(store, path, kind, n);
    }
    return rc;
}

int store_watch(struct store *store, const struct store_console *consoles, int count,
                const struct store_served *served)
{
    char path[STORE_PATH];
    int rc = watch(store, DOMAINS_END, 'r', 0);

    pci_path(store, path);
    rc = rc ?: watch(store, path, 'p', 0);
    for (int i = 0; i < count && !rc; i++) {
        if (consoles[i].id == 0)
            continue;
        frontend_path(store, consoles[i].id, "state", path);
        rc = watch(store, path, 'c', consoles[i].id);
    }
    if (!rc && served->vnc)
        rc = watch_offers(store, WIRE_VNC, 's', MESSAGE_MAX_SLOTS);
    if (!rc && served->files)
        rc = watch_offers(store, WIRE_FILES, 'f', MESSAGE_MAX_FILES);
    if (!rc && served->qmp)
        rc = watch_offers(store, WIRE_QMP, 'q', 1);
    return rc;
}

/* The next free rule; there are enough. */
static char *add_rule(struct store_rule *rules, int *count, unsigned int may)
{
    rules[*count].may = may;
    return rules[(*count)++].path;
}

static void add_console_rules(const struct store *store, unsigned int id, struct store_rule *rules, int *count)
{
    frontend_path(store, id, "port", add_rule(rules, count, STORE_MAY_READ));
    if (id == 0)
        return;
    frontend_path(store, id, "state", add_rule(rules, count, STORE_MAY_READ | STORE_MAY_WATCH));
    frontend_path(store, id, "ring-ref", add_rule(rules, count, STORE_MAY_READ));
    backend_path(store, id, "state", add_rule(rules, count, STORE_MAY_READ | STORE_MAY_SET_STATE));
}

static void add_offer_rules(const struct store *store, const char *folder, unsigned int offers,
                            struct store_rule *rules, int *count)
{
    for (unsigned int n = 0; n < offers; n++) {
        offer_path(store, folder, n, "ring-ref", add_rule(rules, count, STORE_MAY_READ));
        offer_path(store, folder, n, "event-channel", add_rule(rules, count, STORE_MAY_READ | STORE_MAY_WATCH));
    }
}

_Static_assert(STORE_MAX_RULES >= 5 + 4 * MESSAGE_MAX_CONSOLES + 2 * (MESSAGE_MAX_SLOTS + MESSAGE_MAX_FILES + 1),
               "a rule for each path");

int store_list_rules(const struct store *store, const struct store_console *consoles, int count,
                     const struct store_served *served, struct store_rule rules[STORE_MAX_RULES])
{
    int n = 0;

    strcpy(add_rule(rules, &n, STORE_MAY_WATCH), DOMAINS_END);
    pci_path(store, add_rule(rules, &n, STORE_MAY_WATCH));
    target_path(store, add_rule(rules, &n, STORE_MAY_READ));
    model_path(store, "", add_rule(rules, &n, STORE_MAY_READ));
    model_path(store, "/state", add_rule(rules, &n, STORE_MAY_SAY_RUNNING));
    for (int i = 0; i < count; i++)
        add_console_rules(store, consoles[i].id, rules, &n);
    add_offer_rules(store, WIRE_VNC, served->vnc ? MESSAGE_MAX_SLOTS : 0, rules, &n);
    add_offer_rules(store, WIRE_FILES, served->files ? MESSAGE_MAX_FILES : 0, rules, &n);
    add_offer_rules(store, WIRE_QMP, served->qmp ? 1 : 0, rules, &n);
    return n;
}

int store_fd(struct store *store)
{
    return xs_fileno(store->xs);
}

enum store_event store_next_event(struct store *store, unsigned int *index)
{
    cleanup_free char **event = xs_check_watch(store->xs);
    const char *token;

    if (!event)
        return STORE_EVENT_NONE;
    token = event[XS_WATCH_TOKEN];
    if (parse_uint(token + (*token != '\0'), MESSAGE_MAX_CONSOLES - 1, index))
        return STORE_EVENT_OTHER;
    switch (*token) {
    case 'r':
        return STORE_EVENT_RELEASE;
    case 'p':
        return STORE_EVENT_PCI;
    case 'c':
        return STORE_EVENT_FRONTEND;
    case 's':
        return *index < MESSAGE_MAX_SLOTS ? STORE_EVENT_SLOT : STORE_EVENT_OTHER;
    case 'f':
        return *index < MESSAGE_MAX_FILES ? STORE_EVENT_FILE : STORE_EVENT_OTHER;
    case 'q':
        return *index == 0 ? STORE_EVENT_QMP : STORE_EVENT_OTHER;
    default:
        return STORE_EVENT_OTHER;
    }
}

int store_domain_exists(struct store *store)
{
    errno = 0;
    if (xs_is_domain_introduced(store->xs, store->domid))
        return 1;
    return -errno;
}

/* 1, 0 when there is no such node, or -errno. */
static int node_exists(struct store *store, const char *path)
{
    unsigned int len;
    cleanup_free char *text = xs_read(store->xs, XBT_NULL, path, &len);

    if (text)
        return 1;
    return errno == ENOENT ? 0 : -errno;
}

int store_is_wanted(struct store *store)
{
    char path[STORE_PATH];

    model_path(store, "", path);
    return node_exists(store, path);
}

int store_check(struct store *store)
{
    char path[STORE_PATH];

    target_path(store, path);
    return MIN(node_exists(store, path), 0);
}
