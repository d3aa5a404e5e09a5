/*
 * Command-line parsing of stubdom-dm: one table of every option that libxl 4.20
 * gives, with what becomes of it (see options.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "options.h"

#include "util.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

const char options_help[] =
    "usage: stubdom-dm -xen-domid DOMID -xen-attach -machine xenpv [OPTION...]\n"
    "\n"
    "Serves one stub domain from dom0: its consoles, its VNC port and the QMP that\n"
    "libxl asks for. libxl starts it, when device_model_override= names it, with the\n"
    "options that it would give to QEMU. Not meant to be started by hand.\n"
    "\n"
    "  --help      this text\n"
    "  --version   the version\n"
    "\n"
    "See stubdom-dm(8).\n";

struct option_error {
    char *text;
    size_t size;
};

/* libxl gives each of these once. A second one is the user's, and may name another domain. */
#define GIVEN_TWICE "given twice; device_model_args= must not have it"

typedef int option_fn(struct options *options, const char *value, struct option_error *error);

static int option_fail(struct option_error *error, const char *what, const char *value)
{
    snprintf(error->text, error->size, "%s: '%.200s'", what, value);
    return -EINVAL;
}

/*
 * Copies the next comma-separated field, where ",," stands for one comma. Returns
 * what follows it, or NULL when it does not fit or nothing follows its comma.
 */
static const char *option_next_field(const char *text, char *field, size_t size)
{
    size_t n = 0;

    for (; *text; text++) {
        if (*text == ',' && *++text != ',') {
            if (!*text)
                return NULL; /* a comma with nothing after it */
            break;
        }
        if (n + 1 < size)
            field[n++] = *text;
        else
            return NULL;
    }
    field[n] = '\0';
    return text;
}

static bool option_key(const char *field, const char *key, const char **value)
{
    size_t len = strlen(key);

    if (strncmp(field, key, len) || field[len] != '=')
        return false;
    *value = field + len + 1;
    return true;
}

static int option_chardev_field(struct options_monitor *monitor, const char *field)
{
    const char *value;
    unsigned int fd;

    if (option_key(field, "id", &value))
        return *value ? format_text(monitor->id, sizeof(monitor->id), "%s", value) : -EINVAL;
    if (option_key(field, "path", &value))
        return *value ? format_text(monitor->path, sizeof(monitor->path), "%s", value) : -EINVAL;
    if (option_key(field, "fd", &value)) {
        if (parse_uint(value, INT_MAX, &fd))
            return -EINVAL;
        monitor->fd = fd;
        return 0;
    }
    /* We listen and never wait: the only mode that libxl asks for. */
    return strcmp(field, "server=on") && strcmp(field, "wait=off") ? -EINVAL : 0;
}

static int option_chardev(struct options *options, const char *value, struct option_error *error)
{
    struct options_monitor monitor = { .fd = -1 };
    char field[sizeof(monitor.path) + 16];
    const char *rest = option_next_field(value, field, sizeof(field));

    /* libxl's are sockets; another is the user's, for QEMU (see options_parse). */
    if (strncmp(value, "socket,", 7)) {
        options->ignored++;
        return 0;
    }
    if (!rest)
        return option_fail(error, "-chardev: wrong or unknown setting", value);
    while (*rest) {
        rest = option_next_field(rest, field, sizeof(field));
        if (!rest || option_chardev_field(&monitor, field))
            return option_fail(error, "-chardev: wrong or unknown setting", value);
    }
    if (!monitor.id[0] || (monitor.fd < 0) == !monitor.path[0])
        return option_fail(error, "-chardev: needs id= and one of path= and fd=", value);
    if (options->monitor_count == OPTIONS_MAX_MONITORS)
        return option_fail(error, "-chardev: too many", value);
    for (unsigned int i = 0; i < options->monitor_count; i++)
        if (!strcmp(options->monitors[i].id, monitor.id))
            return option_fail(error, "-chardev: given twice", value);
    options->monitors[options->monitor_count++] = monitor;
    return 0;
}

static int option_mon(struct options *options, const char *value, struct option_error *error)
{
    char field[64];
    const char *id = NULL, *rest = option_next_field(value, field, sizeof(field));

    if (rest && option_key(field, "chardev", &id) && !strcmp(rest, "mode=control"))
        for (unsigned int i = 0; i < options->monitor_count; i++)
            if (!strcmp(options->monitors[i].id, id)) {
                options->monitors[i].used = true;
                return 0;
            }
    options->ignored++;
    return 0;
}

static int option_domid(struct options *options, const char *value, struct option_error *error)
{
    unsigned int domid;

    if (options->domid >= 0)
        return option_fail(error, GIVEN_TWICE, "-xen-domid");
    if (parse_uint(value, OPTIONS_MAX_DOMID, &domid) || domid == 0)
        return option_fail(error, "-xen-domid: not the number of a domain other than 0", value);
    options->domid = domid;
    return 0;
}

static int option_machine(struct options *options, const char *value, struct option_error *error)
{
    bool probe = !strcmp(value, "none,accel=xen"), xenpv = !strcmp(value, "xenpv");

    if ((probe || xenpv) && (options->probe || options->xenpv))
        return option_fail(error, GIVEN_TWICE, "-machine");
    options->probe |= probe;
    options->xenpv |= xenpv;
    options->ignored += !probe && !xenpv;
    return 0;
}

static int option_vnc_address(struct options_vnc *vnc, const char *field)
{
    const char *colon = strrchr(field, ':');
    size_t len = colon ? (size_t)(colon - field) : 0;

    if (!colon || parse_uint(colon + 1, 65535 - 5900, &vnc->display))
        return -EINVAL;
    /* An IPv6 address comes in brackets, as QEMU wants it. */
    if (len >= 2 && field[0] == '[' && field[len - 1] == ']') {
        field++;
        len -= 2;
    }
    return format_text(vnc->host, sizeof(vnc->host), "%.*s", (int)len, field);
}

static int option_vnc(struct options *options, const char *value, struct option_error *error)
{
    struct options_vnc vnc = { .enabled = true };
    char field[128];
    const char *text, *rest = option_next_field(value, field, sizeof(field));

    if (options->vnc_given)
        return option_fail(error, GIVEN_TWICE, "-vnc");
    options->vnc_given = true;
    if (!strcmp(value, "none"))
        return 0;
    if (!rest || option_vnc_address(&vnc, field))
        return option_fail(error, "-vnc: not ADDRESS:DISPLAY", value);
    while (*rest) {
        rest = option_next_field(rest, field, sizeof(field));
        if (rest && !strcmp(field, "password=on"))
            vnc.password = true;
        else if (!rest || !option_key(field, "to", &text) || parse_uint(text, 65535, &vnc.to))
            return option_fail(error, "-vnc: wrong or unknown setting", value);
    }
    options->vnc = vnc;
    return 0;
}

static int option_display(struct options *options, const char *value, struct option_error *error)
{
    options->ignored += strcmp(value, "none") != 0;
    return 0;
}

static int option_attach(struct options *options, const char *value, struct option_error *error)
{
    options->attach = true;
    return 0;
}

static int option_paused(struct options *options, const char *value, struct option_error *error)
{
    options->paused = true;
    return 0;
}

static int option_show_help(struct options *options, const char *value, struct option_error *error)
{
    options->help = true;
    return 0;
}

static int option_show_version(struct options *options, const char *value,
                               struct option_error *error)
{
    options->version = true;
    return 0;
}

/* parse == NULL: accepted without effect, and why says why that is right. */
static const struct option {
    const char *name;
    bool has_value;
    option_fn *parse;
    const char *why;
} options_table[] = {
    { "--help", false, option_show_help, NULL },
    { "--version", false, option_show_version, NULL },
    { "-S", false, option_paused, NULL },
    { "-chardev", true, option_chardev, NULL },
    { "-display", true, option_display, NULL },
    { "-k", true, NULL, "the keymap is the stub domain's QEMU's: libxl gives it there too" },
    { "-m", true, NULL, "a program has no guest memory" },
    { "-machine", true, option_machine, NULL },
    { "-mon", true, option_mon, NULL },
    { "-name", true, NULL, "a title for QEMU's window; the log is named by libxl" },
    { "-no-shutdown", false, NULL, "this program never shuts a domain down" },
    { "-no-user-config", false, NULL, "there is no configuration file" },
    { "-nodefaults", false, NULL, "there are no default devices" },
    { "-nographic", false, NULL, "there is no window" },
    { "-vnc", true, option_vnc, NULL },
    { "-xen-attach", false, option_attach, NULL },
    { "-xen-domid", true, option_domid, NULL },
};

static const struct option *option_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(options_table); i++)
        if (!strcmp(options_table[i].name, name))
            return &options_table[i];
    return NULL;
}

static int option_check(const struct options *options, struct option_error *error)
{
    if (options->help || options->version)
        return 0;
    for (unsigned int i = 0; i < options->monitor_count; i++)
        if (!options->monitors[i].used)
            return option_fail(error, "-chardev: no -mon uses it", options->monitors[i].id);
    if (!options->probe && (options->domid < 0 || !options->attach || !options->xenpv))
        return option_fail(error, "needs -xen-domid, -xen-attach and -machine xenpv",
                           "see --help");
    if (options->probe && options->monitor_count == 0)
        return option_fail(error, "-machine none: needs a QMP socket", "see --help");
    return 0;
}

int options_parse(struct options *options, int argc, char *const argv[], char *text, size_t size)
{
    struct option_error error = { text, size };

    *options = (struct options){ .domid = -1 };
    for (int i = 1; i < argc; i++) {
        const struct option *option = option_find(argv[i]);
        const char *value = NULL;
        int rc;

        /*
         * libxl gives device_model_args= to us as well as to the QEMU in the stub domain: QEMU's
         * options, with values that we cannot tell from options.
         */
        if (!option) {
            options->ignored++;
            continue;
        }
        if (option->has_value && !(value = argv[++i]))
            return option_fail(&error, "option without its value", option->name);
        if (value && strlen(value) > OPTIONS_MAX_TEXT)
            return option_fail(&error, "value too long", option->name);
        rc = option->parse ? option->parse(options, value, &error) : 0;
        if (rc)
            return rc;
    }
    return option_check(options, &error);
}
