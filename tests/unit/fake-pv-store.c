/*
 * fake-pv-store.h
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "fake-pv-store.h"

#include "unit.h"

#define HOME "/local/domain/7/"
#define PATH_SIZE 512

struct node { struct node *next; char path[PATH_SIZE]; char *value; };
struct pv_watch {
    struct pv_watch *next;
    pv_watch_fn *fn;
    void *arg;
    char path[PATH_SIZE];
    bool relative;
};
struct event { struct event *next; struct pv_watch *watch; char path[PATH_SIZE]; };

void (*fake_store_on_change)(const char *path, const char *value);
long fake_store_fails = -1;
int fake_store_error = -PV_EIO;
size_t fake_store_requests;

static struct node *nodes;
static struct pv_watch *watches;
static struct event *events, **last_event = &events;
static bool in_callback;

static void absolute(char *to, const char *path)
{
    int n = snprintf(to, PATH_SIZE, "%s%s", path[0] == '/' ? "" : HOME, path);

    assert_in_range(n, 1, PATH_SIZE - 1);
}

static bool is_below(const char *path, const char *top)
{
    size_t n = strlen(top);

    return !strncmp(path, top, n) && (path[n] == '/' || !path[n]);
}

/* ---- watches ---- */

static void event_add(struct pv_watch *watch, const char *path)
{
    struct event *event = calloc(1, sizeof(*event));

    event->watch = watch;
    snprintf(event->path, sizeof(event->path), "%s", watch->relative ? path + strlen(HOME) : path);
    *last_event = event;
    last_event = &event->next;
}

static void changed(const char *path, bool removed)
{
    for (struct pv_watch *watch = watches; watch; watch = watch->next)
        if (is_below(path, watch->path))
            event_add(watch, path);
        else if (removed && is_below(watch->path, path))
            event_add(watch, watch->path);
}

static struct event *event_take(void)
{
    struct event *event = events;

    if (event && !(events = event->next))
        last_event = &events;
    return event;
}

size_t fake_store_fire(void)
{
    struct event *event;
    size_t n = 0;

    while ((event = event_take())) {
        in_callback = true;
        event->watch->fn(event->watch->arg, event->path);
        in_callback = false;
        free(event);
        n++;
    }
    return n;
}

size_t fake_store_watches(void)
{
    size_t n = 0;

    for (struct pv_watch *watch = watches; watch; watch = watch->next)
        n++;
    return n;
}

static void events_drop(struct pv_watch *of)
{
    struct event *event, *all = events;

    events = NULL;
    last_event = &events;
    while ((event = all)) {
        all = event->next;
        event->next = NULL;
        if (!of || event->watch == of) {
            free(event);
            continue;
        }
        *last_event = event;
        last_event = &event->next;
    }
}

/* ---- the tree ---- */

static struct node *find(const char *path)
{
    for (struct node *node = nodes; node; node = node->next)
        if (!strcmp(node->path, path))
            return node;
    return NULL;
}

static struct node *make(const char *path)
{
    struct node *node = find(path), **end = &nodes;
    char parent[PATH_SIZE];
    char *slash;

    if (node)
        return node;
    snprintf(parent, sizeof(parent), "%s", path);
    slash = strrchr(parent, '/');
    if (slash && slash != parent) {
        *slash = '\0';
        make(parent);
    }
    node = calloc(1, sizeof(*node));
    snprintf(node->path, sizeof(node->path), "%s", path);
    node->value = strdup("");
    while (*end)
        end = &(*end)->next;
    return *end = node;
}

static void set(const char *path, const char *value)
{
    char full[PATH_SIZE];
    struct node *node;

    absolute(full, path);
    node = make(full);
    free(node->value);
    node->value = strdup(value);
    changed(full, false);
}

static bool drop(const char *path)
{
    struct node **at = &nodes, *node;
    char full[PATH_SIZE];
    bool any = false;

    absolute(full, path);
    while ((node = *at)) {
        if (!is_below(node->path, full)) {
            at = &node->next;
            continue;
        }
        *at = node->next;
        free(node->value);
        free(node);
        any = true;
    }
    if (any)
        changed(full, true);
    return any;
}

void fake_store_set(const char *path, const char *format, ...)
{
    char value[PATH_SIZE];
    va_list args;

    va_start(args, format);
    vsnprintf(value, sizeof(value), format, args);
    va_end(args);
    set(path, value);
}

const char *fake_store_get(const char *path)
{
    char full[PATH_SIZE];
    struct node *node;

    absolute(full, path);
    node = find(full);
    return node ? node->value : NULL;
}

void fake_store_remove(const char *path) { drop(path); }

void fake_store_drop(void)
{
    struct pv_watch *watch;

    events_drop(NULL);
    while ((watch = watches)) {
        watches = watch->next;
        free(watch);
    }
    fake_store_reset();
}

void fake_store_reset(void)
{
    struct node *node;

    assert_null(watches);
    events_drop(NULL);
    while ((node = nodes)) {
        nodes = node->next;
        free(node->value);
        free(node);
    }
    fake_store_on_change = NULL;
    fake_store_fails = -1;
    fake_store_error = -PV_EIO;
    fake_store_requests = 0;
}

/* ---- requests of the code under test ---- */

/* A request sleeps, so watch events are delivered. */
static int request(void)
{
    if (in_callback)
        fail_msg("a watch's function sleeps");
    fake_store_fire();
    fake_store_requests++;
    return fake_store_fails >= 0 && fake_store_fails-- == 0 ? fake_store_error : 0;
}

int pv_store_read(const char *path, char *value, size_t size)
{
    int rc = request();
    const char *found = rc ? NULL : fake_store_get(path);
    size_t length;

    if (rc)
        return rc;
    if (!found)
        return -PV_ENOENT;
    length = strlen(found);
    if (length >= size)
        return -PV_ERANGE;
    memcpy(value, found, length + 1);
    return (int)length;
}

int pv_store_read_uint(const char *path, uint64_t max, uint64_t *value)
{
    char text[32];
    int rc = pv_store_read(path, text, sizeof(text));

    return rc < 0 ? rc : pv_parse_uint(text, max, value);
}

int pv_store_write(const char *path, const char *format, ...)
{
    char value[PATH_SIZE];
    va_list args;
    int rc = request();

    if (rc)
        return rc;
    va_start(args, format);
    rc = pv_vformat(value, sizeof(value), format, args);
    va_end(args);
    assert_in_range(rc, 0, sizeof(value) - 1);
    set(path, value);
    if (fake_store_on_change)
        fake_store_on_change(path, value);
    return 0;
}

int pv_store_remove(const char *path)
{
    int rc = request();

    if (rc)
        return rc;
    if (!drop(path))
        return -PV_ENOENT;
    if (fake_store_on_change)
        fake_store_on_change(path, NULL);
    return 0;
}

int pv_store_list(const char *path, char *names, size_t size)
{
    char full[PATH_SIZE];
    size_t used = 0, n;
    int rc = request();

    if (rc)
        return rc;
    absolute(full, path);
    if (!find(full))
        return -PV_ENOENT;
    n = strlen(full);
    for (struct node *node = nodes; node; node = node->next) {
        const char *name = node->path + n + 1;

        if (!is_below(node->path, full) || !node->path[n] || strchr(name, '/'))
            continue;
        if (strlen(name) >= size - used)
            return -PV_ERANGE;
        strcpy(names + used, name);
        used += strlen(name) + 1;
    }
    return (int)used;
}

int pv_watch(const char *path, pv_watch_fn *fn, void *arg, struct pv_watch **watch)
{
    int rc = request();
    struct pv_watch *new;

    if (rc)
        return rc;
    new = calloc(1, sizeof(*new));
    absolute(new->path, path);
    new->relative = path[0] != '/';
    new->fn = fn;
    new->arg = arg;
    new->next = watches;
    *watch = watches = new;
    event_add(new, new->path);
    return 0;
}

void pv_unwatch(struct pv_watch *watch)
{
    struct pv_watch **at = &watches;

    assert_false(in_callback);
    while (*at != watch) {
        assert_non_null(*at);
        at = &(*at)->next;
    }
    *at = watch->next;
    events_drop(watch);
    free(watch);
}
