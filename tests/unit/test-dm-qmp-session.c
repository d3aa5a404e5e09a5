// sources: launcher/dom0-daemon/confined/qmp-session.c
// libs: json-c
/*
 * QMP as libxl 4.20 uses it, byte for byte, and clients that misbehave.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "qmp-session.h"

#include <json-c/json.h>

static struct qmp_facts facts;
static struct qmp_session session;

static int start(void **state)
{
    memset(&facts, 0, sizeof(facts));
    return qmp_session_init(&session, &facts);
}

static int finish(void **state)
{
    qmp_session_dispose(&session);
    return 0;
}

static int feed(const char *text)
{
    return qmp_session_feed(&session, text, strlen(text));
}

/* Returns all replies. Each must be one line that ends with CR LF, because libxl splits there. */
static const char *replies(void)
{
    static char text[QMP_MAX_REPLIES + 1];

    memcpy(text, session.out, session.out_len);
    text[session.out_len] = '\0';
    if (session.out_len)
        assert_string_equal(text + session.out_len - 2, "\r\n");
    qmp_session_sent(&session, session.out_len);
    return text;
}

static void negotiate(void)
{
    replies();
    assert_int_equal(feed("{\"execute\":\"qmp_capabilities\",\"id\":2020372736}\r\n"), 0);
    assert_string_equal(replies(), "{\"return\":{},\"id\":2020372736}\r\n");
}

static void test_greeting(void **state)
{
    struct json_object *greeting = json_tokener_parse(replies()), *o;

    assert_true(json_object_object_get_ex(greeting, "QMP", &o));
    assert_true(json_object_object_get_ex(o, "version", &o));
    assert_true(json_object_object_get_ex(o, "qemu", &o));
    assert_true(json_object_object_get_ex(o, "major", &o));
    assert_int_equal(json_object_get_int(o), 10);
    json_object_put(greeting);
}

/* What libxl sends when it starts a device model, ids and all. */
static void test_libxl_start(void **state)
{
    negotiate();
    facts.chardev_count = 2;
    strcpy(facts.chardevs[0].label, "xencons0");
    strcpy(facts.chardevs[0].filename, "/var/log/xen/qemu-dm-g.log");
    strcpy(facts.chardevs[1].label, "serial0");
    strcpy(facts.chardevs[1].filename, "pty:/dev/pts/3");
    assert_int_equal(feed("{\"execute\":\"query-chardev\",\"id\":2020372737}\r\n"), 0);
    assert_string_equal(replies(),
                        "{\"return\":[{\"label\":\"xencons0\",\"filename\":\"/var/log/xen/qemu-dm-g.log\","
                        "\"frontend-open\":true},{\"label\":\"serial0\",\"filename\":\"pty:/dev/pts/3\","
                        "\"frontend-open\":true}],\"id\":2020372737}\r\n");
    assert_int_equal(feed("{\"execute\":\"query-vnc\",\"id\":2020372738}\r\n"), 0);
    assert_string_equal(replies(), "{\"return\":{\"enabled\":false},\"id\":2020372738}\r\n");
    facts.vnc = true;
    strcpy(facts.vnc_host, "127.0.0.1");
    strcpy(facts.vnc_service, "5901");
    assert_int_equal(feed("{\"execute\":\"query-vnc\",\"id\":1}\r\n"), 0);
    assert_string_equal(replies(), "{\"return\":{\"enabled\":true,\"host\":\"127.0.0.1\","
                                   "\"service\":\"5901\",\"family\":\"ipv4\",\"auth\":\"none\","
                                   "\"clients\":[]},\"id\":1}\r\n");
    assert_int_equal(feed("{\"execute\":\"change-vnc-password\",\"id\":2,"
                          "\"arguments\":{\"password\":\"geheim\"}}\r\n"), 0);
    assert_string_equal(replies(), "{\"return\":{},\"id\":2}\r\n");
}

static void test_probe(void **state)
{
    facts.paused = true;
    negotiate();
    assert_int_equal(feed("{\"execute\":\"query-command-line-options\",\"id\":5}\r\n"), 0);
    assert_string_equal(replies(), "{\"return\":[],\"id\":5}\r\n");
    assert_false(facts.quit);
    assert_int_equal(feed("{\"execute\":\"quit\",\"id\":6}\r\n"), 0);
    assert_string_equal(replies(), "{\"return\":{},\"id\":6}\r\n");
    assert_true(facts.quit);
}

static void test_status(void **state)
{
    facts.paused = true;
    negotiate();
    assert_int_equal(feed("{\"execute\":\"query-status\"}"), 0);
    assert_non_null(strstr(replies(), "\"status\":\"prelaunch\""));
    assert_int_equal(feed("{\"execute\":\"cont\"}{\"execute\":\"query-status\"}"), 0);
    assert_non_null(strstr(replies(), "{\"return\":{}}\r\n{\"return\":{\"status\":\"running\""));
}

static void test_errors(void **state)
{
    static const struct {
        const char *request, *reply;
    } rows[] = {
        { "{\"execute\":\"device_add\",\"id\":\"x\"}",
          "{\"error\":{\"class\":\"CommandNotFound\",\"desc\":\"The command device_add has not been "
          "found\"},\"id\":\"x\"}\r\n" },
        { "{\"id\":[1,{}]}", "{\"error\":{\"class\":\"GenericError\",\"desc\":\"QMP input lacks member "
                             "'execute'\"},\"id\":[1,{}]}\r\n" },
        { "{\"execute\":7}", "{\"error\":{\"class\":\"GenericError\",\"desc\":\"QMP input lacks member "
                             "'execute'\"}}\r\n" },
        { "[]", "{\"error\":{\"class\":\"GenericError\",\"desc\":\"QMP input must be a JSON object\"}}"
                "\r\n" },
        { "null ", "{\"error\":{\"class\":\"GenericError\",\"desc\":\"QMP input must be a JSON "
                   "object\"}}\r\n" },
    };

    negotiate();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(feed(rows[i].request), 0);
        assert_string_equal(replies(), rows[i].reply);
    }
}

static void test_nothing_before_capabilities(void **state)
{
    replies();
    assert_int_equal(feed("{\"execute\":\"quit\"}"), 0);
    assert_non_null(strstr(replies(), "CommandNotFound"));
    assert_false(facts.quit);
}

static void test_bytes_one_by_one(void **state)
{
    static const char text[] = "\r\n {\"execute\":\"query-block\",\"id\":-1}\r\n\r\n{\"execute\":"
                               "\"query-blockstats\",\"id\":null}\r\n";

    negotiate();
    for (size_t i = 0; i < sizeof(text) - 1; i++)
        assert_int_equal(qmp_session_feed(&session, text + i, 1), 0);
    assert_string_equal(replies(), "{\"return\":[],\"id\":-1}\r\n{\"return\":[]}\r\n");
}

static void test_no_json_ends_it(void **state)
{
    static const char *const bad[] = { "hello\r\n", "{\"a\":}", "{]", "\x01", "{\"a\":1,}" };

    finish(state);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        start(state);
        negotiate();
        if (feed(bad[i]) != -EPROTO)
            fail_msg("row %zu was accepted", i);
        assert_non_null(strstr(replies(), "Invalid JSON syntax"));
        finish(state);
    }
    start(state);
}

static void test_deep_and_long_end_it(void **state)
{
    char text[QMP_MAX_REQUEST + 100];

    negotiate();
    memset(text, '[', 100);
    assert_int_equal(qmp_session_feed(&session, text, 100), -EPROTO);
    finish(state);

    start(state);
    negotiate();
    memset(text, 'a', sizeof(text));
    memcpy(text, "{\"execute\":\"", 12);
    assert_int_equal(qmp_session_feed(&session, text, sizeof(text)), -EMSGSIZE);
    finish(state);

    /* The same in small pieces. */
    start(state);
    negotiate();
    for (size_t i = 0; i < QMP_MAX_REQUEST - 1; i += 1)
        assert_int_equal(qmp_session_feed(&session, text + i, 1), 0);
    assert_int_equal(qmp_session_feed(&session, text, 1), -EMSGSIZE);
}

static void test_longest_request_is_served(void **state)
{
    char text[QMP_MAX_REQUEST + 1];

    negotiate();
    memset(text, ' ', sizeof(text));
    memcpy(text, "{\"execute\":\"cont\"", 17);
    text[QMP_MAX_REQUEST - 1] = '}';
    assert_int_equal(qmp_session_feed(&session, text, QMP_MAX_REQUEST), 0);
    assert_string_equal(replies(), "{\"return\":{}}\r\n");
}

static void test_client_that_never_reads(void **state)
{
    int rc = 0;

    negotiate();
    for (int i = 0; i < 100000 && !rc; i++)
        rc = feed("{\"execute\":\"query-commands\"}");
    assert_int_equal(rc, -ENOBUFS);
    assert_true(session.out_len <= QMP_MAX_REPLIES);
}

static void test_names_cannot_break_a_line(void **state)
{
    negotiate();
    assert_int_equal(feed("{\"execute\":\"a\\r\\nb\\u0000c\",\"id\":\"\\r\\n\"}"), 0);
    assert_string_equal(replies(), "{\"error\":{\"class\":\"CommandNotFound\",\"desc\":\"The command "
                                   "a\\r\\nb has not been found\"},\"id\":\"\\r\\n\"}\r\n");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, start, finish)
    const struct CMUnitTest tests[] = {
        TEST(test_greeting),
        TEST(test_libxl_start),
        TEST(test_probe),
        TEST(test_status),
        TEST(test_errors),
        TEST(test_nothing_before_capabilities),
        TEST(test_bytes_one_by_one),
        TEST(test_no_json_ends_it),
        TEST(test_deep_and_long_end_it),
        TEST(test_longest_request_is_served),
        TEST(test_client_that_never_reads),
        TEST(test_names_cannot_break_a_line),
    };

    return cmocka_run_group_tests_name("dm-qmp-session", tests, NULL, NULL);
}
