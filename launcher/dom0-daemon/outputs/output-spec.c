/*
 * Parses a console's `output` node (see output-spec.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "output-spec.h"

#include "util.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef int parse_fn(struct output_spec *spec, char *text);

static bool is_one_of(const char *word, const char *const words[])
{
    for (; *words; words++)
        if (!strcmp(word, *words))
            return true;
    return false;
}

/* The flags after the address: what cannot be honoured makes the whole text wrong. */
static int parse_socket_flags(struct output_spec *spec, char *flags)
{
    static const char *const server[] = { "server", "server=on", NULL };
    static const char *const no_wait[] = { "nowait", "wait=off", NULL };
    static const char *const client[] = { "server=off", NULL };
    static const char *const no_delay[] = { "nodelay", "nodelay=on", NULL };
    bool wait = true;
    char *flag;

    while (flags && (flag = strsep(&flags, ","))) {
        if (is_one_of(flag, server))
            spec->server = true;
        else if (is_one_of(flag, no_wait))
            wait = false;
        else if (is_one_of(flag, no_delay))
            spec->nodelay = true;
        else if (!is_one_of(flag, client))
            return -EINVAL;
    }
    /* Waiting for a viewer would make libxl give up on the domain. */
    return spec->server && wait ? -EDEADLK : 0;
}

static int parse_path(struct output_spec *spec, char *text)
{
    return *text ? format_text(spec->path, sizeof(spec->path), "%s", text) : -EINVAL;
}

static int parse_file(struct output_spec *spec, char *text)
{
    char *flags = strrchr(text, ',');

    if (flags && (!strcmp(flags, ",append") || !strcmp(flags, ",append=on"))) {
        spec->append = true;
        *flags = '\0';
    }
    return parse_path(spec, text);
}

static int parse_unix(struct output_spec *spec, char *text)
{
    char *path = strsep(&text, ",");

    return parse_path(spec, path) ?: parse_socket_flags(spec, text);
}

static int parse_tcp(struct output_spec *spec, char *text)
{
    char *address = strsep(&text, ","), *colon = strrchr(address, ':');
    size_t len = colon ? (size_t)(colon - address) : 0;
    unsigned int port;

    if (!colon || parse_uint(colon + 1, 65535, &port) || port == 0)
        return -EINVAL;
    if (len >= 2 && address[0] == '[' && address[len - 1] == ']') {
        address++;
        len -= 2;
    }
    if (format_text(spec->host, sizeof(spec->host), "%.*s", (int)len, address))
        return -EINVAL;
    return format_text(spec->port, sizeof(spec->port), "%u", port) ?:
           parse_socket_flags(spec, text);
}

static int parse_device(struct output_spec *spec, char *text)
{
    return format_text(spec->path, sizeof(spec->path), "/dev/%s", text);
}

static int parse_nothing(struct output_spec *spec, char *text)
{
    return *text ? -EINVAL : 0;
}

static const struct output_form {
    const char *prefix;
    enum output_kind kind;
    parse_fn *parse; /* gets what follows the prefix; NULL: known, but refused */
    const char *why;
} output_forms[] = {
    { "null", OUTPUT_NULL, parse_nothing, NULL },
    { "none", OUTPUT_NULL, parse_nothing, NULL },
    { "file:", OUTPUT_FILE, parse_file, NULL },
    { "pipe:", OUTPUT_PIPE, parse_path, NULL },
    { "pty", OUTPUT_PTY, parse_nothing, NULL },
    { "stdio", OUTPUT_STDIO, parse_nothing, NULL },
    { "tcp:", OUTPUT_TCP, parse_tcp, NULL },
    { "unix:", OUTPUT_UNIX, parse_unix, NULL },
    { "/dev/null", OUTPUT_NULL, parse_nothing, NULL },
    { "/dev/parport", OUTPUT_KINDS, NULL, "a parallel port is not served" },
    { "/dev/", OUTPUT_DEVICE, parse_device, NULL },
    { "telnet:", OUTPUT_KINDS, NULL, "telnet is not served; use tcp:" },
    { "udp:", OUTPUT_KINDS, NULL, "udp is not served; use tcp:" },
    { "websocket:", OUTPUT_KINDS, NULL, "websockets are not served; use tcp:" },
    { "vc", OUTPUT_KINDS, NULL, "there is no virtual console in dom0; use pty" },
    { "mon:", OUTPUT_KINDS, NULL, "there is no monitor in dom0" },
    { "chardev:", OUTPUT_KINDS, NULL, "a character device of QEMU's, which is not in dom0" },
};

static const struct output_form *find_form(const char *text)
{
    for (size_t i = 0; i < ARRAY_SIZE(output_forms); i++)
        if (!strncmp(text, output_forms[i].prefix, strlen(output_forms[i].prefix)))
            return &output_forms[i];
    return NULL;
}

const char *output_spec_read(struct output_spec *spec, const char *text)
{
    const struct output_form *form;
    char copy[OUTPUT_SPEC_MAX];
    int rc;

    *spec = (struct output_spec){ .kind = OUTPUT_NULL };
    if (!text || !*text)
        return NULL;
    form = find_form(text);
    if (format_text(copy, sizeof(copy), "%s", text))
        return "too long";
    if (!form)
        return "not a kind of output that is known";
    if (!form->parse)
        return form->why;
    spec->kind = form->kind;
    rc = form->parse(spec, copy + strlen(form->prefix));
    if (!rc)
        return NULL;
    return rc == -EDEADLK ? "a server must not wait for its client; add ,nowait" : "wrong or unknown settings";
}

int output_spec_parse(struct output_spec *spec, const char *text, char *error, size_t size)
{
    const char *why = output_spec_read(spec, text);

    if (!why)
        return 0;
    snprintf(error, size, "console output '%.200s': %s", text, why);
    return -EINVAL;
}
