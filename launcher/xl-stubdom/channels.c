/*
 * channels: the channel list of a guest's config. See channels.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "channels.h"

#include <ctype.h>
#include <errno.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "cleanup.h"
#include "nics.h"

/* What counts of one entry; they point into it. */
struct channel {
    const char *backend, *name, *connection, *path;
};

static char *trim(char *text)
{
    size_t len;

    while (isspace((unsigned char)*text))
        text++;
    len = strlen(text);
    while (len && isspace((unsigned char)text[len - 1]))
        text[--len] = '\0';
    return text;
}

/* The last of a kind counts, as with xl. NULL, or what is wrong. */
static const char *take(char *field, struct channel *channel)
{
    const struct { const char *key, **value; } known[] = {
        { "backend", &channel->backend }, { "name", &channel->name },
        { "connection", &channel->connection }, { "path", &channel->path },
    };
    char *key, *value = strchr(field, '=');

    if (!value)
        return "it has settings of the form key=value";
    *value++ = '\0';
    key = trim(field);
    value = trim(value);
    if (!*value || strchr(value, '='))
        return "a value is not empty and has no \"=\" in it";
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (!strcmp(key, known[i].key)) {
            *known[i].value = value;
            return NULL;
        }
    return "its keys are name, connection, path and backend";
}

static const char *check_path(const char *path, bool here)
{
    cleanup_free char *copy = strdup(path);
    struct stat st;

    if (!copy)
        return "out of memory";
    if (path[0] != '/' || strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
        return "path= begins with \"/\" and has at most 107 characters";
    if (!here)
        return NULL;
    if (!lstat(path, &st) && !S_ISSOCK(st.st_mode))
        return "at path= there is something else than a socket";
    return stat(dirname(copy), &st) || !S_ISDIR(st.st_mode) ? "there is no folder for path=" : NULL;
}

static const char *check(const struct channel *channel, bool here)
{
    bool socket = channel->connection && !strcmp(channel->connection, "socket");

    if (channel->backend && nic_backend_is_elsewhere(channel->backend))
        return "only dom0 is a backend for it";
    if (!channel->name)
        return "name= is missing";
    if (!socket && (!channel->connection || strcmp(channel->connection, "pty")))
        return "connection= is pty or socket";
    if (!socket == !!channel->path)
        return socket ? "connection=socket needs path=" : "path= is for connection=socket";
    return socket ? check_path(channel->path, here) : NULL;
}

/* Cuts ENTRY up as xl does, which skips what is empty between two commas. NULL, or what is wrong. */
static const char *read_one(char *entry, struct channel *channel, bool here)
{
    const char *wrong = NULL;
    char *save = NULL;

    for (char *field = strtok_r(entry, ",", &save); field && !wrong; field = strtok_r(NULL, ",", &save))
        wrong = take(field, channel);
    return wrong ? wrong : check(channel, here);
}

static bool is_taken(const struct channel *channels, int n)
{
    for (int i = 0; i < n; i++)
        if (channels[i].path && channels[n].path && !strcmp(channels[i].path, channels[n].path))
            return true;
    return false;
}

static int refuse(const char *source, const char *entry, const char *reason, struct fault *fault)
{
    return fault_set(fault, -EINVAL, "%s: channel = \"%s\": %s", source, entry, reason);
}

static int check_list(XLU_ConfigList *list, int count, const char *source, bool here, struct fault *fault)
{
    struct channel channels[CHANNELS_MAX] = {0};
    char *copies[CHANNELS_MAX] = {0};
    int rc = 0;

    for (int i = 0; i < count && !rc; i++) {
        const char *entry = xlu_cfg_get_listitem(list, i), *wrong;

        copies[i] = strdup(entry ? entry : "(a list)");
        wrong = copies[i] ? read_one(copies[i], &channels[i], here) : "out of memory";
        if (!wrong && is_taken(channels, i))
            wrong = "another one has this path=";
        if (wrong)
            rc = refuse(source, entry ? entry : "(a list)", wrong, fault);
    }
    for (int i = 0; i < count; i++)
        free(copies[i]);
    return rc;
}

int channels_check(XLU_Config *xlu, const char *source, bool here, struct fault *fault)
{
    XLU_ConfigList *list;
    const char *text;
    int count;

    /* xl warns of a string, and goes on without it. */
    if (!xlu_cfg_get_string(xlu, "channel", &text, 1))
        return refuse(source, text, "it is a list of strings", fault);
    if (xlu_cfg_get_list(xlu, "channel", &list, &count, 1))
        return 0;
    if (count > CHANNELS_MAX)
        return fault_set(fault, -EINVAL, "%s: channel = [...]: %d of them; dom0's daemon serves %d", source, count,
                         CHANNELS_MAX);
    return check_list(list, count, source, here, fault);
}
