/*
 * compare-options: the command line of `xl-stubdom compare`. See compare-options.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "compare-options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "flavour.h"
#include "util.h"

#define RUNS 3
#define RUNS_MAX 1000
#define IDLE_S 10
#define TIMEOUT_S 300
#define SECONDS_MAX 86400

enum { RUNS_OPTION = 1, OF, UNTIL, UNTIL_SCREEN, TIMEOUT, IDLE, EXEC, OUTPUT, DOM0_QEMU, FROM, YES };

static const struct option known[] = {
    {"runs", required_argument, NULL, RUNS_OPTION},
    {"of", required_argument, NULL, OF},
    {"until", required_argument, NULL, UNTIL},
    {"until-screen", no_argument, NULL, UNTIL_SCREEN},
    {"timeout", required_argument, NULL, TIMEOUT},
    {"idle", required_argument, NULL, IDLE},
    {"exec", required_argument, NULL, EXEC},
    {"output", required_argument, NULL, OUTPUT},
    {"dom0-qemu", required_argument, NULL, DOM0_QEMU},
    {"from", required_argument, NULL, FROM},
    {"yes", no_argument, NULL, YES},
    {0, 0, 0, 0},
};

static int number(const char *name, const char *text, unsigned int least, unsigned int most, unsigned int *value,
                  struct fault *fault)
{
    if (!parse_uint(text, most, value) && *value >= least)
        return 0;
    return fault_set(fault, -EINVAL, "--%s=%s: a number from %u to %u", name, text, least, most);
}

static int add_subject(struct compare_options *options, const char *name, struct fault *fault)
{
    if (strcmp(name, DOM0) && !flavour_find(name)) {
        char names[100];

        flavour_list(names, sizeof(names));
        return fault_set(fault, -EINVAL, "--of: %s: there are %s, and \"" DOM0 "\"", name, names);
    }
    for (size_t i = 0; i < options->subjects; i++)
        if (!strcmp(options->subject[i], name))
            return fault_set(fault, -EINVAL, "--of: %s is there twice", name);
    if (options->subjects == SUBJECTS_MAX)
        return fault_set(fault, -EINVAL, "--of: too many");
    options->subject[options->subjects++] = name;
    return 0;
}

static int read_subjects(struct compare_options *options, const char *list, struct fault *fault)
{
    char *name, *rest;
    int rc = 0;

    free(options->subject_list);
    options->subject_list = strdup(list);
    options->subjects = 0;
    if (!options->subject_list)
        return fault_set(fault, -ENOMEM, "out of memory");
    rest = options->subject_list;
    while (!rc && (name = strsep(&rest, ",")))
        rc = add_subject(options, name, fault);
    return rc;
}

static int take_option(struct compare_options *options, int option, char *value, struct fault *fault)
{
    switch (option) {
    case RUNS_OPTION:
        return number("runs", value, 1, RUNS_MAX, &options->runs, fault);
    case OF:
        return read_subjects(options, value, fault);
    case UNTIL:
        options->until = value;
        return 0;
    case UNTIL_SCREEN:
        options->until_screen = true;
        return 0;
    case TIMEOUT:
        return number("timeout", value, 1, SECONDS_MAX, &options->timeout_s, fault);
    case IDLE:
        return number("idle", value, 0, SECONDS_MAX, &options->idle_s, fault);
    case EXEC:
        options->script = value;
        return 0;
    case OUTPUT:
        options->output = value;
        return 0;
    case DOM0_QEMU:
        options->dom0_qemu = value;
        return 0;
    case FROM:
        options->from = value;
        return 0;
    case YES:
        options->yes = true;
        return 0;
    }
    return fault_set(fault, -EINVAL, "compare: see xl-stubdom --help, or xl-stubdom(8)");
}

/* The guest's config, and inline settings as `create` takes them. */
static int take_config(struct compare_options *options, int argc, char **argv, struct fault *fault)
{
    if (!argc == !options->from)
        return fault_set(fault, -EINVAL, "compare: either a guest's config or --from=FILE");
    options->config = argc ? argv[0] : NULL;
    options->settings = argv + 1;
    options->setting_count = argc ? argc - 1 : 0;
    for (int i = 0; i < options->setting_count; i++)
        if (!strchr(options->settings[i], '='))
            return fault_set(fault, -EINVAL, "compare: %s: not KEY=VALUE", options->settings[i]);
    return 0;
}

int compare_options_init(struct compare_options *options, int argc, char **argv, struct fault *fault)
{
    int option, rc = 0;

    memset(options, 0, sizeof(*options));
    options->runs = RUNS;
    options->idle_s = IDLE_S;
    options->timeout_s = TIMEOUT_S;
    options->output = "compare";
    for (size_t i = 0; i < flavour_count; i++)
        options->subject[options->subjects++] = flavours[i].name;
    options->subject[options->subjects++] = DOM0;
    optind = 0; /* glibc: start afresh; it leaves the first argument out, which is `compare` */
    while (!rc && (option = getopt_long(argc, argv, "", known, NULL)) != -1)
        rc = take_option(options, option, optarg, fault);
    return rc ? rc : take_config(options, argc - optind, argv + optind, fault);
}

void compare_options_dispose(struct compare_options *options)
{
    free(options->subject_list);
    options->subject_list = NULL;
}
