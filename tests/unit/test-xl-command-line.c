// sources: launcher/xl-stubdom/command-line.c
/*
 * xl-stubdom finds the config's argument as xl does, and changes nothing else on the command line.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "command-line.h"

#define MAX_ARGS 12

struct example {
    const char *argv[MAX_ARGS];
    enum config_use use;
    const char *config;
    const char *extra;
    bool starts;
};

static const struct example examples[] = {
    /* create: the config before, between and after options, in all spellings */
    {{"xl", "create", "g.cfg"}, CONFIG_INLINE, "g.cfg", NULL, true},
    {{"xl", "cr", "g.cfg"}, CONFIG_INLINE, "g.cfg", NULL, true},
    {{"xl", "-vvv", "create", "-c", "g.cfg"}, CONFIG_INLINE, "g.cfg", NULL, true},
    {{"xl", "create", "g.cfg", "-p", "-e"}, CONFIG_INLINE, "g.cfg", NULL, true},
    {{"xl", "create", "-f", "g.cfg"}, CONFIG_INLINE, "g.cfg", NULL, true},
    {{"xl", "create", "-fg.cfg"}, CONFIG_INLINE, "g.cfg", NULL, true},
    {{"xl", "create", "-cfg.cfg"}, CONFIG_INLINE, "g.cfg", NULL, true},
    {{"xl", "create", "--defconfig=g.cfg"}, CONFIG_INLINE, "g.cfg", NULL, true},
    {{"xl", "create", "--defc", "g.cfg"}, CONFIG_INLINE, "g.cfg", NULL, true},
    {{"xl", "create", "a.cfg", "-f", "b.cfg"}, CONFIG_INLINE, "b.cfg", NULL, true},
    {{"xl", "create", "--", "g.cfg"}, CONFIG_INLINE, "g.cfg", NULL, true},
    {{"xl", "create", "--vncviewer", "-qAiF", "g.cfg"}, CONFIG_INLINE, "g.cfg", NULL, true},
    {{"xl", "create", "g.cfg", "memory=64", "name=\"x\""}, CONFIG_INLINE, "g.cfg",
     "memory=64\nname=\"x\"\n", true},
    {{"xl", "create", "memory=64", "g.cfg", "-d"}, CONFIG_INLINE, "g.cfg", "memory=64\n", true},
    {{"xl", "create", "/dev/null", "name=\"x\""}, CONFIG_INLINE, "/dev/null", "name=\"x\"\n", true},
    /* a dry run makes no domain */
    {{"xl", "create", "-n", "g.cfg"}, CONFIG_INLINE, "g.cfg", NULL, false},
    {{"xl", "create", "--dryrun", "g.cfg"}, CONFIG_INLINE, "g.cfg", NULL, false},
    {{"xl", "-N", "create", "g.cfg"}, CONFIG_INLINE, "g.cfg", NULL, false},
    /* what xl refuses or explains itself */
    {{"xl", "create"}, CONFIG_UNUSED, NULL, NULL, false},
    {{"xl", "create", "memory=64"}, CONFIG_UNUSED, NULL, NULL, false},
    {{"xl", "create", "a.cfg", "b.cfg"}, CONFIG_UNUSED, NULL, NULL, false},
    {{"xl", "create", "-h"}, CONFIG_UNUSED, NULL, NULL, false},
    {{"xl", "create", "g.cfg", "--help"}, CONFIG_UNUSED, NULL, NULL, false},
    {{"xl", "create", "-Z", "g.cfg"}, CONFIG_UNUSED, NULL, NULL, false},
    {{"xl", "create", "-f"}, CONFIG_UNUSED, NULL, NULL, false},
    {{"xl", "-Z", "create", "g.cfg"}, CONFIG_UNUSED, NULL, NULL, false},
    /* config-update */
    {{"xl", "config-update", "dom", "g.cfg", "a=1"}, CONFIG_INLINE, "g.cfg", "a=1\n", false},
    {{"xl", "config-update", "dom", "-f", "g.cfg"}, CONFIG_INLINE, "g.cfg", NULL, false},
    {{"xl", "conf", "dom", "-d", "g.cfg"}, CONFIG_INLINE, "g.cfg", NULL, false},
    {{"xl", "config-update"}, CONFIG_UNUSED, NULL, NULL, false},
    /* restore: the config is there only beside the checkpoint */
    {{"xl", "restore", "-p", "g.cfg", "check"}, CONFIG_FILE, "g.cfg", NULL, true},
    {{"xl", "restore", "check"}, CONFIG_UNUSED, NULL, NULL, false},
    {{"xl", "res", "check"}, CONFIG_UNUSED, NULL, NULL, false}, /* restore or resume: xl refuses it */
    {{"xl", "save", "dom", "check", "g.cfg"}, CONFIG_FILE, "g.cfg", NULL, false},
    {{"xl", "save", "-c", "dom", "check"}, CONFIG_UNUSED, NULL, NULL, false},
    {{"xl", "migrate", "-C", "g.cfg", "dom", "host"}, CONFIG_FILE, "g.cfg", NULL, false},
    {{"xl", "migrate", "--live", "-Cg.cfg", "dom", "host"}, CONFIG_FILE, "g.cfg", NULL, false},
    {{"xl", "migrate", "-s", "ssh", "dom", "host"}, CONFIG_UNUSED, NULL, NULL, false},
    {{"xl", "migrate-receive", "-e"}, CONFIG_UNUSED, NULL, NULL, false},
    /* everything else */
    {{"xl"}, CONFIG_UNUSED, NULL, NULL, false},
    {{"xl", "list", "-l", "create"}, CONFIG_UNUSED, NULL, NULL, false},
    {{"xl", "c", "g.cfg"}, CONFIG_UNUSED, NULL, NULL, false},
    {{"xl", "created", "g.cfg"}, CONFIG_UNUSED, NULL, NULL, false},
    {{"xl", "console", "-t", "serial", "g"}, CONFIG_UNUSED, NULL, NULL, false},
};

static int count_args(const char *const *argv)
{
    int n = 0;

    while (argv[n])
        n++;
    return n;
}

static void test_examples(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
        const struct example *e = &examples[i];
        struct command_line line;
        int argc = count_args(e->argv);
        char *argv[MAX_ARGS];

        memcpy(argv, e->argv, sizeof(argv));
        print_message("example %zu: %s %s\n", i, argc > 1 ? argv[1] : "", argc > 2 ? argv[2] : "");
        assert_int_equal(command_line_init(&line, argc, argv), 0);
        assert_memory_equal(argv, e->argv, sizeof(argv)); /* getopt() has not reordered the caller's argv */
        assert_int_equal(line.use, e->use);
        assert_int_equal(line.starts_guest, e->starts);
        if (e->config)
            assert_string_equal(line.config, e->config);
        else
            assert_null(line.config);
        if (e->extra)
            assert_string_equal(line.extra, e->extra);
        else
            assert_null(line.extra);
        command_line_dispose(&line);
    }
}

static void test_monitored(void **state)
{
    static const struct { const char *argv[MAX_ARGS], *guest; } rows[] = {
        { { "xl", "qemu-monitor-command", "g", "info version" }, "g" },
        { { "xl", "-v", "qemu", "7", "quit" }, "7" },
        { { "xl", "qemu-monitor-command", "g" }, NULL },
        { { "xl", "qemu-monitor-command", "-h", "g", "quit" }, NULL },
        { { "xl", "save", "g", "file" }, NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct command_line line;
        char *argv[MAX_ARGS];

        memcpy(argv, rows[i].argv, sizeof(argv));
        assert_int_equal(command_line_init(&line, count_args(rows[i].argv), argv), 0);
        assert_int_equal(line.use, CONFIG_UNUSED);
        if (rows[i].guest)
            assert_string_equal(line.monitored, rows[i].guest);
        else
            assert_null(line.monitored);
        command_line_dispose(&line);
    }
}

/* Inline settings are removed, because they are in the file now. */
static void test_inline_settings_go(void **state)
{
    char *argv[] = {"xl-stubdom", "-v", "create", "a=1", "-c", "g.cfg", "b=\"2\"", NULL};
    static const char *const expected[] = {"xl", "-v", "create", "-c", "/f"};
    struct command_line line;
    char **out;

    (void)state;
    assert_int_equal(command_line_init(&line, 7, argv), 0);
    assert_string_equal(line.extra, "a=1\nb=\"2\"\n");
    assert_int_equal(command_line_argv(&line, 7, argv, "/f", &out), 0);
    for (int i = 0; i < 5; i++)
        assert_string_equal(out[i], expected[i]);
    assert_null(out[5]);
    command_line_free_argv(out);
    command_line_dispose(&line);
}

static void test_file_is_replaced(void **state)
{
    static const struct {
        char *argv[7];
        const char *expected[7];
    } cases[] = {
        {{"x", "restore", "-p", "g.cfg", "check"}, {"xl", "restore", "-p", "/f", "check"}},
        {{"x", "migrate", "-C", "g", "g", "h"}, {"xl", "migrate", "-C", "/f", "g", "h"}},
        {{"x", "migrate", "-FCg", "g", "h"}, {"xl", "migrate", "-FC/f", "g", "h"}},
        {{"x", "save", "d", "c", "g"}, {"xl", "save", "d", "c", "/f"}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int argc = count_args((const char *const *)cases[i].argv);
        struct command_line line;
        char **argv = (char **)cases[i].argv, **out;

        assert_int_equal(command_line_init(&line, argc, argv), 0);
        assert_int_equal(line.use, CONFIG_FILE);
        assert_int_equal(command_line_argv(&line, argc, argv, "/f", &out), 0);
        for (int n = 0; n < argc; n++)
            assert_string_equal(out[n], cases[i].expected[n]);
        assert_null(out[argc]);
        command_line_free_argv(out);
        command_line_dispose(&line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_monitored),
        cmocka_unit_test(test_inline_settings_go),
        cmocka_unit_test(test_file_is_replaced),
    };

    return cmocka_run_group_tests_name("xl-command-line", tests, NULL, NULL);
}
