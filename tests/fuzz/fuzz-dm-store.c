// sources: launcher/dom0-daemon/both/store.c
/*
 * The keeper reads the stub domain's folder in xenstore. Every node that it reads has any owner and a value from the
 * input, of up to 2 KiB and with NULs; so has every list of consoles. What the keeper passes on to the worker must be
 * in range. libxl's commands to QEMU count only while their node belongs to dom0.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "input.h"
#include "store.h"
#include "util.h"
#include "xs-read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xen/io/xenbus.h>

static const uint8_t *data;
static size_t left;
static uint8_t vm_owner, argv_owner;

static size_t take_some(void *to, size_t max)
{
    size_t len = left ? *data++ : 0;

    left -= left != 0;
    len = MIN(MIN(len * 8, max), left);
    memcpy(to, data, len);
    data += len;
    left -= len;
    return len;
}

/* -------- xenstore -------- */

struct xs_handle *xs_open(unsigned long flags) { return (void *)&left; }
void xs_close(struct xs_handle *h) { }
int xs_fileno(struct xs_handle *h) { return 0; }
bool xs_is_domain_introduced(struct xs_handle *h, unsigned int domid) { return left & 1; }
bool xs_watch(struct xs_handle *h, const char *path, const char *token) { return true; }
xs_transaction_t xs_transaction_start(struct xs_handle *h) { return 1; }
bool xs_transaction_end(struct xs_handle *h, xs_transaction_t t, bool abort) { return true; }

bool xs_write(struct xs_handle *h, xs_transaction_t t, const char *path, const void *value,
              unsigned int len)
{
    MUST(strlen(path) < 200 && memchr(path, 0, 200) && strlen(value) == len);
    return true;
}

bool xs_rm(struct xs_handle *h, xs_transaction_t t, const char *path)
{
    MUST(strlen(path) < 200);
    return true;
}

void *xs_read(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *len)
{
    char *value = malloc(2049);

    *len = take_some(value, 2048);
    value[*len] = '\0';
    if (*len)
        return value;
    free(value);
    errno = ENOENT;
    return NULL;
}

/* The names are in one allocation with the list, as in libxenstore. */
char **xs_directory(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *num)
{
    char text[2041], **list, *names;
    size_t len = take_some(text, sizeof(text) - 1);

    text[len] = '\0';
    list = malloc(sizeof(char *) * (sizeof(text) + 1) + sizeof(text));
    names = memcpy(list + sizeof(text) + 1, text, len + 1);
    *num = 0;
    for (char *name; (name = strsep(&names, "/"));)
        list[(*num)++] = name;
    return list;
}

struct xs_permissions *xs_get_permissions(struct xs_handle *h, xs_transaction_t t,
                                          const char *path, unsigned int *num)
{
    struct xs_permissions *perms = calloc(1, sizeof(*perms));
    uint8_t owner = 0;

    if (!strcmp(path, "/local/domain/9/vm"))
        owner = vm_owner;
    else if (strstr(path, "/image/dm-argv"))
        owner = argv_owner;
    else
        take_some(&owner, 1);
    perms->id = owner;
    *num = 1;
    return perms;
}

/* Called only for the seed of random numbers, which does not depend on the stub domain. */
bool xs_set_permissions(struct xs_handle *h, xs_transaction_t t, const char *path, struct xs_permissions *perms,
                        unsigned int count)
{
    return false;
}

char **xs_check_watch(struct xs_handle *h)
{
    char **event = malloc(2 * sizeof(char *) + 64), *token = (char *)(event + 2);
    size_t len = take_some(token, 63);

    token[len] = '\0';
    event[XS_WATCH_PATH] = event[XS_WATCH_TOKEN] = token;
    return event;
}

static void read_consoles(struct store *store)
{
    struct store_console consoles[MESSAGE_MAX_CONSOLES];
    int count = store_list_consoles(store, consoles);

    MUST(count <= MESSAGE_MAX_CONSOLES);
    for (int i = 0; i < count; i++)
        MUST(consoles[i].id < MESSAGE_MAX_CONSOLES &&
             memchr(consoles[i].output, 0, sizeof(consoles[i].output)));
}

static void read_dm_argv(struct store *store)
{
    struct str_list argv = { .items = NULL };
    size_t bytes = 0;

    vm_owner = argv_owner = 0;
    take_some(&vm_owner, 1);
    take_some(&argv_owner, 1);
    if (store_read_dm_argv(store, &argv) == 0)
        MUST(store->target != 9 || (argv.count > 0 && !vm_owner && !argv_owner));
    for (size_t i = 0; i < argv.count; i++)
        bytes += strlen(argv.items[i]) + 1;
    MUST(argv.count <= DM_ARGV_MAX_COUNT && bytes <= DM_ARGV_MAX_BYTES);
    str_list_dispose(&argv);
}

static void read_event(struct store *store)
{
    unsigned int index = UINT32_MAX;

    switch (store_next_event(store, &index)) {
    case STORE_EVENT_FRONTEND: MUST(index < MESSAGE_MAX_CONSOLES); break;
    case STORE_EVENT_SLOT: MUST(index < MESSAGE_MAX_SLOTS); break;
    case STORE_EVENT_FILE: MUST(index < MESSAGE_MAX_FILES); break;
    default: break;
    }
}

static void read_pci(struct store *store)
{
    char addresses[STORE_MAX_PCI][STORE_PCI_ADDRESS];
    int count = store_list_pci(store, addresses);

    MUST(count <= STORE_MAX_PCI);
    for (int i = 0; i < count; i++) {
        MUST(memchr(addresses[i], 0, STORE_PCI_ADDRESS));
        store_note_pci(store, addresses[i]);
    }
    store_forget_pci(store);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct message message;
    struct store store;
    unsigned int index;

    data = input;
    left = size;
    if (store_open(&store, 7))
        return 0;
    MUST(store.target >= -1 && store.target <= 0x7fef);
    while (left) {
        read_consoles(&store);
        if (store_read_frontend(&store, left % MESSAGE_MAX_CONSOLES, &message) == 0)
            MUST(message.type == MESSAGE_FRONTEND && message.index < MESSAGE_MAX_CONSOLES &&
                 message.state <= XenbusStateReconfigured);
        store_read_slot(&store, left % MESSAGE_MAX_SLOTS, &message);
        MUST(message.type == MESSAGE_SLOT && message.index < MESSAGE_MAX_SLOTS);
        store_read_file(&store, left % MESSAGE_MAX_FILES, &message);
        MUST(message.type == MESSAGE_FILE && message.index < MESSAGE_MAX_FILES);
        store_read_qmp(&store, 0, &message);
        MUST(message.type == MESSAGE_QMP);
        read_dm_argv(&store);
        read_pci(&store);
        read_event(&store);
        if (store_read_proxy_pid(&store, &index) == 0)
            MUST(index <= INT32_MAX);
        store_write_backend_state(&store, 3, left % 7);
    }
    store_close(&store);
    return 0;
}
