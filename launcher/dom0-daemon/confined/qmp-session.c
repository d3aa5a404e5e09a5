/*
 * One QMP conversation (see qmp-session.h). The commands are the table at the end.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qmp-session.h"

#include "util.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#ifndef VERSION
#define VERSION "unknown"
#endif

#define PACKAGE "xen-stubdom stubdom-dm " VERSION " (not QEMU)"

static void put_json(void *p)
{
    json_object_put(*(struct json_object **)p);
}
#define cleanup_json __attribute__((cleanup(put_json)))

/* Adds KEY to OBJECT; takes over VALUE. A failed allocation leaves the key out. */
static void add(struct json_object *object, const char *key, struct json_object *value)
{
    if (object && json_object_object_add(object, key, value))
        json_object_put(value);
}

/* Queues MESSAGE as one line, ended as libxl expects it. */
static int send_message(struct qmp_session *session, struct json_object *message)
{
    size_t len;
    const char *text =
        message ? json_object_to_json_string_length(message, JSON_C_TO_STRING_PLAIN |
                                                    JSON_C_TO_STRING_NOSLASHESCAPE, &len)
                : NULL;

    if (!text)
        return -ENOMEM;
    if (len + 2 > sizeof(session->out) - session->out_len)
        return -ENOBUFS;
    memcpy(session->out + session->out_len, text, len);
    memcpy(session->out + session->out_len + len, "\r\n", 2);
    session->out_len += len + 2;
    return 0;
}

/* ID is echoed as it came, whatever it is; it may be NULL. Takes over RESULT. */
static int send_return(struct qmp_session *session, struct json_object *id,
                       struct json_object *result)
{
    cleanup_json struct json_object *message = json_object_new_object();

    add(message, "return", result ?: json_object_new_object());
    if (id)
        add(message, "id", json_object_get(id));
    return send_message(session, message);
}

static int send_error(struct qmp_session *session, struct json_object *id, const char *class,
                      const char *text)
{
    cleanup_json struct json_object *message = json_object_new_object();
    struct json_object *error = json_object_new_object();

    add(error, "class", json_object_new_string(class));
    add(error, "desc", json_object_new_string(text));
    add(message, "error", error);
    if (id)
        add(message, "id", json_object_get(id));
    return send_message(session, message);
}

/*
 * libxl compares the version with QEMU's own to know what QEMU can do: 10.0 is
 * the one whose commands these are.
 */
static struct json_object *version(void)
{
    struct json_object *object = json_object_new_object(), *qemu = json_object_new_object();

    add(qemu, "major", json_object_new_int(10));
    add(qemu, "minor", json_object_new_int(0));
    add(qemu, "micro", json_object_new_int(0));
    add(object, "qemu", qemu);
    add(object, "package", json_object_new_string(PACKAGE));
    return object;
}

/* -------- commands: each returns its result, NULL for an empty one -------- */

static struct json_object *do_capabilities(struct qmp_session *session)
{
    session->negotiated = true;
    return NULL;
}

static struct json_object *do_nothing(struct qmp_session *session)
{
    return NULL;
}

static struct json_object *do_cont(struct qmp_session *session)
{
    session->facts->paused = false;
    return NULL;
}

static struct json_object *do_quit(struct qmp_session *session)
{
    session->facts->quit = true;
    return NULL;
}

/* libxl looks for "run-with", to chroot QEMU; we do that unasked. */
static struct json_object *empty_list(struct qmp_session *session)
{
    return json_object_new_array();
}

static struct json_object *query_chardev(struct qmp_session *session)
{
    struct json_object *list = json_object_new_array();

    for (unsigned int i = 0; i < session->facts->chardev_count; i++) {
        struct json_object *entry = json_object_new_object();

        add(entry, "label", json_object_new_string(session->facts->chardevs[i].label));
        add(entry, "filename", json_object_new_string(session->facts->chardevs[i].filename));
        add(entry, "frontend-open", json_object_new_boolean(true));
        json_object_array_add(list, entry);
    }
    return list;
}

static struct json_object *query_status(struct qmp_session *session)
{
    struct json_object *object = json_object_new_object();
    bool paused = session->facts->paused;

    add(object, "status", json_object_new_string(paused ? "prelaunch" : "running"));
    add(object, "singlestep", json_object_new_boolean(false));
    add(object, "running", json_object_new_boolean(!paused));
    return object;
}

static struct json_object *query_vnc(struct qmp_session *session)
{
    const struct qmp_facts *facts = session->facts;
    struct json_object *object = json_object_new_object();

    add(object, "enabled", json_object_new_boolean(facts->vnc));
    if (facts->vnc) {
        bool ipv6 = strchr(facts->vnc_host, ':') != NULL;

        add(object, "host", json_object_new_string(facts->vnc_host));
        add(object, "service", json_object_new_string(facts->vnc_service));
        add(object, "family", json_object_new_string(ipv6 ? "ipv6" : "ipv4"));
        add(object, "auth", json_object_new_string(facts->vnc_password ? "vnc" : "none"));
        add(object, "clients", json_object_new_array());
    }
    return object;
}

static struct json_object *query_version(struct qmp_session *session)
{
    return version();
}

static struct json_object *query_commands(struct qmp_session *session);

static const struct command {
    const char *name;
    struct json_object *(*run)(struct qmp_session *session);
} commands[] = {
    { "qmp_capabilities", do_capabilities },
    /* The stub domain's own QEMU has and checks the password (docs/dom0-daemon.md). */
    { "change-vnc-password", do_nothing },
    { "set_password", do_nothing },
    { "cont", do_cont },
    { "stop", do_nothing },
    { "quit", do_quit },
    { "query-block", empty_list },
    { "query-blockstats", empty_list },
    { "query-chardev", query_chardev },
    { "query-command-line-options", empty_list },
    { "query-commands", query_commands },
    { "query-status", query_status },
    { "query-version", query_version },
    { "query-vnc", query_vnc },
};

static struct json_object *query_commands(struct qmp_session *session)
{
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        struct json_object *entry = json_object_new_object();

        add(entry, "name", json_object_new_string(commands[i].name));
        json_object_array_add(list, entry);
    }
    return list;
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        if (!strcmp(commands[i].name, name))
            return &commands[i];
    return NULL;
}

static int handle(struct qmp_session *session, struct json_object *request)
{
    const struct command *command;
    struct json_object *name = NULL, *id = NULL;
    char text[128];

    if (!json_object_is_type(request, json_type_object))
        return send_error(session, NULL, "GenericError", "QMP input must be a JSON object");
    json_object_object_get_ex(request, "id", &id);
    if (!json_object_object_get_ex(request, "execute", &name) ||
        !json_object_is_type(name, json_type_string))
        return send_error(session, id, "GenericError", "QMP input lacks member 'execute'");
    command = find_command(json_object_get_string(name));
    if (!session->negotiated && (!command || command->run != do_capabilities))
        return send_error(session, id, "CommandNotFound",
                          "Expecting capabilities negotiation with 'qmp_capabilities'");
    if (!command) {
        snprintf(text, sizeof(text), "The command %.64s has not been found",
                 json_object_get_string(name));
        return send_error(session, id, "CommandNotFound", text);
    }
    return send_return(session, id, command->run(session));
}

int qmp_session_init(struct qmp_session *session, struct qmp_facts *facts)
{
    cleanup_json struct json_object *greeting = json_object_new_object();
    struct json_object *body = json_object_new_object();

    session->facts = facts;
    session->request_len = session->out_len = 0;
    session->negotiated = false;
    session->parser = json_tokener_new_ex(QMP_MAX_DEPTH);
    if (!session->parser) {
        json_object_put(body);
        return -ENOMEM;
    }
    json_tokener_set_flags(session->parser,
                           JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS);
    add(body, "version", version());
    add(body, "capabilities", json_object_new_array());
    add(greeting, "QMP", body);
    return send_message(session, greeting);
}

void qmp_session_dispose(struct qmp_session *session)
{
    if (session->parser)
        json_tokener_free(session->parser);
    session->parser = NULL;
}

/* JSON lets blanks stand between messages; the parser would take them for a request. */
static size_t skip_blanks(const char *buf, size_t len)
{
    size_t n = 0;

    while (n < len && (buf[n] == ' ' || buf[n] == '\t' || buf[n] == '\r' || buf[n] == '\n'))
        n++;
    return n;
}

static int over(struct qmp_session *session, int rc, const char *why)
{
    send_error(session, NULL, "GenericError", why);
    return rc;
}

int qmp_session_feed(struct qmp_session *session, const char *buf, size_t len)
{
    int rc = 0;

    while (len && !rc) {
        cleanup_json struct json_object *request = NULL;
        enum json_tokener_error error;
        size_t room = QMP_MAX_REQUEST - session->request_len, used;

        if (session->request_len == 0) {
            used = skip_blanks(buf, len);
            buf += used;
            len -= used;
            if (!len)
                break;
        }
        request = json_tokener_parse_ex(session->parser, buf, MIN(len, room));
        error = json_tokener_get_error(session->parser);
        used = json_tokener_get_parse_end(session->parser);
        if (error == json_tokener_continue) {
            session->request_len += MIN(len, room);
            if (len >= room)
                return over(session, -EMSGSIZE, "QMP input is too long");
            break;
        }
        if (error != json_tokener_success)
            return over(session, -EPROTO, "Invalid JSON syntax");
        session->request_len = 0;
        json_tokener_reset(session->parser);
        buf += used;
        len -= used;
        rc = handle(session, request);
    }
    return rc;
}

void qmp_session_sent(struct qmp_session *session, size_t len)
{
    memmove(session->out, session->out + len, session->out_len - len);
    session->out_len -= len;
}
