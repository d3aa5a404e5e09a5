/*
 * command-line: what an xl command line says about a guest's config. See command-line.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "command-line.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

/* What the walk over one subcommand's arguments found. */
struct scan {
    const char *config, *checkpoint, *attached, *monitored, *saved, *pci_attached;
    char *extra;
    const char **inline_args; /* the arguments that extra is made of; NULL: none */
    int inline_count;
    const char *positional[4];
    int count;
    bool dry_run;
    bool paused;
};

struct subcommand {
    const char *name;
    size_t shortest; /* xl accepts an abbreviation that fits no other subcommand */
    const char *options;
    const struct option *long_options;
    enum config_use use;
    bool starts_guest;
    bool has_checkpoint; /* a lone positional is the file to restore from */
    bool attaches_nic;   /* a domain, and fields of a NIC */
    bool saves_guest;    /* two positionals or more: a domain, and where to */
    bool attaches_pci;   /* two positionals or more: a domain, and a device */
    bool asks_qemu;      /* two positionals: a domain, and what its QEMU is asked */
    bool leading_domain; /* a domain comes first, before the options */
    bool leading_config; /* a config may come before the options */
    int config_option;   /* the option letter that names the config, or 0 */
    int config_count;    /* the config is positional `config_at` when there are this many */
    int config_at;
};

static const struct option no_options[] = {
    {"help", 0, 0, 'h'},
    {0, 0, 0, 0},
};

static const struct option create_options[] = {
    {"defconfig", 1, 0, 'f'},
    {"dryrun", 0, 0, 'n'},
    {"ignore-global-affinity-masks", 0, 0, 'i'},
    {"quiet", 0, 0, 'q'},
    {"vncviewer", 0, 0, 'V'},
    {"vncviewer-autopass", 0, 0, 'A'},
    {"help", 0, 0, 'h'},
    {0, 0, 0, 0},
};

static const struct option update_options[] = {
    {"defconfig", 1, 0, 'f'},
    {"help", 0, 0, 'h'},
    {0, 0, 0, 0},
};

static const struct option restore_options[] = {
    {"vncviewer", 0, 0, 'V'},
    {"vncviewer-autopass", 0, 0, 'A'},
    {"help", 0, 0, 'h'},
    {0, 0, 0, 0},
};

/* Options without a meaning here are accepted and skipped: xl reads them itself. */
static const struct option migrate_options[] = {
    {"debug", 0, 0, 0x100},
    {"live", 0, 0, 0x200},
    {"help", 0, 0, 'h'},
    {0, 0, 0, 0},
};

static const struct subcommand subcommands[] = {
    {
        .name = "create",
        .shortest = 2,
        .options = "hAFVcdef:inpq",
        .long_options = create_options,
        .use = CONFIG_INLINE,
        .starts_guest = true,
        .leading_config = true,
        .config_option = 'f',
    },
    {
        .name = "config-update",
        .shortest = 4,
        .options = "hdqf:",
        .long_options = update_options,
        .use = CONFIG_INLINE,
        .leading_domain = true,
        .leading_config = true,
        .config_option = 'f',
    },
    {
        .name = "restore",
        .shortest = 4,
        .options = "hFcpdeVA",
        .long_options = restore_options,
        .use = CONFIG_FILE,
        .starts_guest = true,
        .has_checkpoint = true,
        .config_count = 2,
        .config_at = 0,
    },
    {
        .name = "save",
        .shortest = 2,
        .options = "hcpD",
        .long_options = no_options,
        .use = CONFIG_FILE,
        .saves_guest = true,
        .config_count = 3,
        .config_at = 2,
    },
    {
        .name = "migrate",
        .shortest = 7,
        .options = "hFC:s:epD",
        .long_options = migrate_options,
        .use = CONFIG_FILE,
        .saves_guest = true,
        .config_option = 'C',
    },
    {
        .name = "network-attach",
        .shortest = 9,
        .options = "h",
        .long_options = no_options,
        .attaches_nic = true,
    },
    {
        .name = "pci-attach",
        .shortest = 6,
        .options = "h",
        .long_options = no_options,
        .attaches_pci = true,
    },
    {
        .name = "qemu-monitor-command",
        .shortest = 1,
        .options = "h",
        .long_options = no_options,
        .asks_qemu = true,
    },
};

static const struct subcommand *subcommand_find(const char *word)
{
    size_t len = strlen(word);

    for (size_t i = 0; i < sizeof(subcommands) / sizeof(subcommands[0]); i++) {
        const struct subcommand *sub = &subcommands[i];

        if (len >= sub->shortest && !strncmp(word, sub->name, len))
            return sub;
    }
    return NULL;
}

static int scan_add_extra(struct scan *scan, const char *text)
{
    const char **args = reallocarray(scan->inline_args, scan->inline_count + 1, sizeof(*args));
    char *joined;

    if (!args)
        return -ENOMEM;
    scan->inline_args = args;
    args[scan->inline_count++] = text;
    if (asprintf(&joined, "%s%s\n", scan->extra ? scan->extra : "", text) < 0)
        return -ENOMEM;
    free(scan->extra);
    scan->extra = joined;
    return 0;
}

/* Walks the arguments as xl does. Returns 1: found, 0: leave it to xl, or -ENOMEM. */
static int scan_arguments(struct scan *scan, const struct subcommand *sub, int argc, char **argv)
{
    int opt;

    if (sub->leading_domain) {
        if (argc < 2)
            return 0;
        argc--, argv++;
    }
    if (sub->leading_config && argc > 1 && argv[1][0] != '-' && !strchr(argv[1], '=')) {
        scan->config = argv[1];
        argc--, argv++;
    }

    optind = 0; /* glibc: start afresh */
    opterr = 0;
    while ((opt = getopt_long(argc, argv, sub->options, sub->long_options, NULL)) != -1) {
        if (opt == 'h' || opt == '?')
            return 0;
        if (opt == sub->config_option)
            scan->config = optarg;
        if (opt == 'n')
            scan->dry_run = true;
        if (opt == 'p')
            scan->paused = true;
    }

    if (sub->attaches_nic) {
        if (optind < argc)
            scan->attached = argv[optind];
        return 0;
    }
    for (; optind < argc; optind++) {
        if (sub->use == CONFIG_INLINE && strchr(argv[optind], '=')) {
            if (scan_add_extra(scan, argv[optind]))
                return -ENOMEM;
        } else if (sub->use == CONFIG_INLINE && !scan->config) {
            scan->config = argv[optind];
        } else if (sub->use == CONFIG_INLINE || scan->count == 4) {
            return 0; /* one too many: xl prints its usage */
        } else {
            scan->positional[scan->count++] = argv[optind];
        }
    }
    if (sub->config_count && scan->count == sub->config_count)
        scan->config = scan->positional[sub->config_at];
    if (sub->has_checkpoint && scan->count == 1)
        scan->checkpoint = scan->positional[0];
    if (sub->asks_qemu && scan->count >= 2)
        scan->monitored = scan->positional[0];
    if (sub->saves_guest && scan->count >= 2)
        scan->saved = scan->positional[0];
    if (sub->attaches_pci && scan->count >= 2)
        scan->pci_attached = scan->positional[0];
    return scan->config != NULL;
}

/* getopt moved pointers about; the strings themselves still are the caller's. */
static int argument_index(int argc, char **argv, const char *inside)
{
    for (int i = 1; i < argc; i++) {
        if (inside >= argv[i] && inside <= argv[i] + strlen(argv[i]))
            return i;
    }
    return -1;
}

static void scan_dispose(struct scan *scan)
{
    free(scan->extra);
    free(scan->inline_args);
}

static int note_inline_args(struct command_line *line, const struct scan *scan, int argc, char **argv)
{
    if (!scan->inline_count)
        return 0;
    line->inline_args = calloc(argc, sizeof(*line->inline_args));
    if (!line->inline_args)
        return -ENOMEM;
    for (int i = 0; i < scan->inline_count; i++) {
        int index = argument_index(argc, argv, scan->inline_args[i]);

        if (index >= 0)
            line->inline_args[index] = true;
    }
    return 0;
}

static int command_line_scan(struct command_line *line, int argc, char **argv, char **moved)
{
    const struct subcommand *sub;
    struct scan scan = {0};
    int opt, rc;

    optind = 0;
    opterr = 0;
    while ((opt = getopt(argc, moved, "+vftTN")) != -1) {
        if (opt == '?')
            return 0;
        if (opt == 'N')
            scan.dry_run = true;
    }
    if (optind >= argc)
        return 0;
    sub = subcommand_find(moved[optind]);
    if (!sub)
        return 0;

    rc = scan_arguments(&scan, sub, argc - optind, moved + optind);
    line->checkpoint = scan.dry_run ? NULL : scan.checkpoint;
    line->monitored = scan.monitored;
    line->attached = scan.attached;
    if (line->attached)
        line->nic_arg = argument_index(argc, argv, scan.attached) + 1;
    line->saved = scan.saved;
    line->pci_attached = scan.pci_attached;
    line->paused = scan.paused;
    if (rc > 0)
        rc = note_inline_args(line, &scan, argc, argv) ?: 1;
    if (rc <= 0) {
        scan_dispose(&scan);
        return rc;
    }
    free(scan.inline_args);
    line->use = sub->use;
    line->config = scan.config;
    line->config_arg = argument_index(argc, argv, scan.config);
    line->extra = scan.extra;
    line->makes_guest = sub->starts_guest;
    line->starts_guest = sub->starts_guest && !scan.dry_run;
    return 0;
}

int command_line_init(struct command_line *line, int argc, char **argv)
{
    cleanup_free char **moved = calloc(argc + 1, sizeof(*moved));

    memset(line, 0, sizeof(*line));
    line->config_arg = -1;
    if (!moved)
        return -ENOMEM;
    memcpy(moved, argv, argc * sizeof(*moved));
    return command_line_scan(line, argc, argv, moved);
}

void command_line_dispose(struct command_line *line)
{
    free(line->extra);
    free(line->inline_args);
    line->extra = NULL;
    line->inline_args = NULL;
}

int command_line_argv(const struct command_line *line, int argc, char **argv, const char *file,
                      char ***out)
{
    char **copy = calloc(argc + 1, sizeof(*copy));
    int count = 0;

    if (!copy)
        return -ENOMEM;
    for (int i = 0; i < argc; i++) {
        int ok;

        if (line->inline_args && line->inline_args[i])
            continue;
        if (i == line->config_arg)
            ok = asprintf(&copy[count], "%.*s%s", (int)(line->config - argv[i]), argv[i], file);
        else
            ok = asprintf(&copy[count], "%s", i ? argv[i] : "xl");
        if (ok < 0) {
            copy[count] = NULL;
            command_line_free_argv(copy);
            return -ENOMEM;
        }
        count++;
    }
    *out = copy;
    return 0;
}

void command_line_free_argv(char **argv)
{
    for (char **arg = argv; arg && *arg; arg++)
        free(*arg);
    free(argv);
}
