/*
 * A xenstore in memory (fake-xs.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "fake-xs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xenstore.h>

#define MAX_NODES 2048
#define MAX_WATCHES 16

static struct { char *path; char *bytes; size_t size; } nodes[MAX_NODES];
static int node_count, handles, fail_with;
static char home[64];

struct xs_handle {
    char *watches[MAX_WATCHES];
    int watch_count, ends[2];
};
static struct xs_handle *handle; /* events go to the handle that was opened last */

void fake_xs_reset(unsigned int domid)
{
    for (int i = 0; i < node_count; i++) {
        free(nodes[i].path);
        free(nodes[i].bytes);
    }
    node_count = 0;
    handles = 0;
    fail_with = 0;
    handle = NULL;
    snprintf(home, sizeof(home), "/local/domain/%u/", domid);
}

struct xs_handle *fake_xs_open(void)
{
    struct xs_handle *h = calloc(1, sizeof(*h));

    if (pipe2(h->ends, O_NONBLOCK | O_CLOEXEC))
        abort();
    handles++;
    return handle = h;
}

int fake_xs_open_handles(void)
{
    return handles;
}

void fake_xs_fail(int error)
{
    fail_with = error;
}

static bool failing(void)
{
    if (fail_with)
        errno = fail_with;
    return fail_with != 0;
}

static char *absolute(const char *path)
{
    char *result;

    if (asprintf(&result, "%s%s", path[0] == '/' ? "" : home, path) < 0)
        abort();
    return result;
}

static bool below(const char *path, const char *folder)
{
    size_t len = strlen(folder);

    return !strncmp(path, folder, len) && (!path[len] || path[len] == '/');
}

static int find(const char *full)
{
    for (int i = 0; i < node_count; i++)
        if (!strcmp(nodes[i].path, full))
            return i;
    return -1;
}

static void fire(const char *full)
{
    for (int i = 0; handle && i < handle->watch_count; i++)
        if (below(full, handle->watches[i]) && write(handle->ends[1], "w", 1) < 0)
            abort();
}

static void remove_below(const char *full)
{
    for (int i = 0; i < node_count; i++)
        if (below(nodes[i].path, full)) {
            free(nodes[i].path);
            free(nodes[i].bytes);
            nodes[i--] = nodes[--node_count];
        }
}

void fake_xs_set_bytes(const char *path, const void *bytes, size_t size)
{
    char *full = absolute(path);
    int i = find(full);

    if (i < 0) {
        if (node_count == MAX_NODES)
            abort();
        i = node_count++;
        nodes[i].path = strdup(full);
        nodes[i].bytes = NULL;
    }
    free(nodes[i].bytes);
    nodes[i].bytes = malloc(size + 1);
    memcpy(nodes[i].bytes, bytes, size);
    nodes[i].bytes[size] = '\0';
    nodes[i].size = size;
    fire(full);
    free(full);
}

void fake_xs_set(const char *path, const char *value)
{
    char *full;

    if (value) {
        fake_xs_set_bytes(path, value, strlen(value));
        return;
    }
    full = absolute(path);
    remove_below(full);
    fire(full);
    free(full);
}

const char *fake_xs_get(const char *path)
{
    char *full = absolute(path);
    int i = find(full);

    free(full);
    return i < 0 ? NULL : nodes[i].bytes;
}

/* The functions that the code under test calls. */

void xs_close(struct xs_handle *h)
{
    if (!h)
        return;
    for (int i = 0; i < h->watch_count; i++)
        free(h->watches[i]);
    close(h->ends[0]);
    close(h->ends[1]);
    if (handle == h)
        handle = NULL;
    handles--;
    free(h);
}

void *xs_read(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *len)
{
    char *full = absolute(path), *copy;
    int i = find(full);

    free(full);
    if (failing())
        return NULL;
    if (i < 0) {
        errno = ENOENT;
        return NULL;
    }
    copy = malloc(nodes[i].size + 1);
    memcpy(copy, nodes[i].bytes, nodes[i].size + 1);
    if (len)
        *len = nodes[i].size;
    return copy;
}

bool xs_write(struct xs_handle *h, xs_transaction_t t, const char *path, const void *data,
              unsigned int len)
{
    if (failing())
        return false;
    fake_xs_set_bytes(path, data, len);
    return true;
}

bool xs_rm(struct xs_handle *h, xs_transaction_t t, const char *path)
{
    if (failing())
        return false;
    fake_xs_set(path, NULL);
    return true;
}

/* One block, as libxenstore makes it: first the pointers, then the names. */
char **xs_directory(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *num)
{
    char *full = absolute(path), **list, *names;
    size_t len = strlen(full);

    *num = 0;
    list = malloc(MAX_NODES * (sizeof(char *) + 64));
    names = (char *)(list + MAX_NODES);
    for (int i = 0; i < node_count; i++) {
        const char *rest = nodes[i].path + len + 1;
        size_t size;
        bool known = false;

        if (!below(nodes[i].path, full) || !nodes[i].path[len])
            continue;
        size = strcspn(rest, "/");
        for (unsigned int j = 0; j < *num; j++)
            known |= strlen(list[j]) == size && !strncmp(list[j], rest, size);
        if (known || size > 60)
            continue;
        list[*num] = names;
        memcpy(names, rest, size);
        names[size] = '\0';
        names += size + 1;
        (*num)++;
    }
    if (failing() || (!*num && find(full) < 0)) {
        errno = fail_with ? fail_with : ENOENT;
        free(list);
        list = NULL;
    }
    free(full);
    return list;
}

bool xs_watch(struct xs_handle *h, const char *path, const char *token)
{
    if (failing())
        return false;
    if (h->watch_count == MAX_WATCHES)
        abort();
    h->watches[h->watch_count++] = absolute(path);
    return write(h->ends[1], "w", 1) == 1; /* every watch fires once when it is set */
}

bool xs_unwatch(struct xs_handle *h, const char *path, const char *token)
{
    char *full = absolute(path);
    bool found = false;

    for (int i = 0; i < h->watch_count && !found; i++)
        if (!strcmp(h->watches[i], full)) {
            free(h->watches[i]);
            h->watches[i] = h->watches[--h->watch_count];
            found = true;
        }
    free(full);
    return found;
}

int xs_fileno(struct xs_handle *h)
{
    return h->ends[0];
}

char **xs_check_watch(struct xs_handle *h)
{
    char byte;

    return read(h->ends[0], &byte, 1) == 1 ? calloc(2, sizeof(char *)) : NULL;
}
